(* -------------------------------------------------------------------------- *)
(* Affine layers                                                              *)
(*                                                                            *)
(* The affine-linear potential W x + b, whose parameter vector is vec W       *)
(* followed by b, has the Jacobians                                           *)
(*      A = W,     B = [ I (x) x^T , I ]      (vec W row by row, as NumPy)    *)
(*      A = W,     B = [ x^T (x) I , I ]      (vec W column by column).       *)
(* In the augmented form W~ (x ; 1) with W~ = [ W b ],                        *)
(*      A = W~ without its last column,   B = I (x) (x ; 1)^T.                *)
(* Here (x) is the Kronecker product. All are cases of one lemma,             *)
(* [linear_in_parameters_correct]: if the weight matrix W(theta) and the bias *)
(* b(theta) depend linearly on theta, then A = W(theta), and B is the matrix  *)
(* with B t = W(t) x + b(t) for every t (convolutions and tied weights are of *)
(* this kind too).                                                            *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.analysis Require Import reals signed topology prodnormedzmodule.
From mathcomp.analysis Require Import normedtype landau derive.
From backproof Require Import jacobian network.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.

Local Open Scope ring_scope.

Section Affine.
Variable R : numFieldType.

(* ---- W(theta) x + b(theta), linear in theta ---- *)

Section LinearInParameters.
Variables n p m : nat.
Variable W : {linear 'cV[R]_p.+1 -> 'M[R]_(m.+1, n.+1)}.
Variable b : {linear 'cV[R]_p.+1 -> 'cV[R]_m.+1}.
Variable B : 'cV[R]_n.+1 -> 'M[R]_(m.+1, p.+1).

Definition linear_in_parameters : layer R n p m :=
  Layer (fun x t => W t *m x + b t) (fun _ t => W t) (fun x _ => B x).

Theorem linear_in_parameters_correct x t :
  (forall u, B x *m u = W u *m x + b u) ->
  layer_correct linear_in_parameters x t.
Proof.
move=> BE; apply: is_diff_coordinatewise => i.
have xP j := is_diff_coordinates j (has_differential_fst x t).
have linP (f : {linear 'cV[R]_p.+1 -> R}) :
    @has_differential R (input_and_parameters R n p) _ (fun q => f q.2) (x, t)
                      (fun h => f h.2).
  exact: (@is_diff_comp R (input_and_parameters R n p) _ _ _ _ _ _ (x, t)
    (has_differential_snd x t) (is_diff_linear f t)).
have WP j := linP [linear of coordinate i j \o W].
have bP := linP [linear of coordinate i 0 \o b].
have sumP := @is_diff_sum R (input_and_parameters R n p) _ _ (index_enum _) xpredT
  _ _ (x, t) (fun (j : 'I_n.+1) _ => is_diff_product (WP j) (xP j)).
apply: (is_diff_congr (is_diffD sumP bP)) => [q|h] /=; first by rewrite !mxE.
rewrite BE !mxE -[LHS]/(\sum_i _ + _) big_split /= -addrA.
by [].
Qed.

End LinearInParameters.

(* ---- Row-major vec, as NumPy and PyTorch flatten ---- *)

(* A product n.+1 * m.+1 of sizes is a successor only by computation, so the  *)
(* size minus one has a name.                                                 *)
Definition size_of m n : nat := (n + m * n.+1)%N.

Lemma size_ofE m n : (size_of m n).+1 = (m.+1 * n.+1)%N.
Proof. by []. Qed.

(* Entry (i, j) stands at place i * n + j (m x n matrix). *)
Definition row_major m n (i : 'I_m.+1) (j : 'I_n.+1) : 'I_(size_of m n).+1 :=
  inord (i * n.+1 + j).

Definition vec m n (W : 'M[R]_(m.+1, n.+1)) : 'cV[R]_(size_of m n).+1 :=
  \col_k W (inord (k %/ n.+1)) (inord (k %% n.+1)).

Definition unvec m n (t : 'cV[R]_(size_of m n).+1) : 'M[R]_(m.+1, n.+1) :=
  \matrix_(i, j) t (row_major i j) 0.

Lemma row_major_val m n (i : 'I_m.+1) (j : 'I_n.+1) :
  row_major i j = (i * n.+1 + j)%N :> nat.
Proof.
rewrite /row_major inordK // size_ofE mulSn addnC -addSn.
by rewrite leq_add // leq_mul2r -ltnS ltn_ord orbT.
Qed.

Lemma row_major_div m n (i : 'I_m.+1) (j : 'I_n.+1) :
  inord (row_major i j %/ n.+1) = i.
Proof.
by rewrite row_major_val divnMDl // divn_small // addn0; apply: inord_val.
Qed.

Lemma row_major_mod m n (i : 'I_m.+1) (j : 'I_n.+1) :
  inord (row_major i j %% n.+1) = j.
Proof. by rewrite row_major_val modnMDl modn_small //; apply: inord_val. Qed.

Lemma row_majorK m n (k : 'I_(size_of m n).+1) :
  row_major (inord (k %/ n.+1) : 'I_m.+1) (inord (k %% n.+1) : 'I_n.+1) = k.
Proof.
apply: ord_inj; rewrite [LHS]row_major_val !inordK ?ltn_pmod //; first by rewrite -divn_eq.
by rewrite ltn_divLR // -size_ofE.
Qed.

Lemma vecK m n (W : 'M[R]_(m.+1, n.+1)) : unvec (vec W) = W.
Proof. by apply/matrixP => i j; rewrite !mxE row_major_div row_major_mod. Qed.

Lemma unvecK m n (t : 'cV[R]_(size_of m n).+1) : vec (unvec t) = t.
Proof. by apply/colP => k; rewrite !mxE row_majorK. Qed.

Fact unvec_is_linear m n : linear (@unvec m n).
Proof. by move=> c t u; apply/matrixP => i j; rewrite !mxE. Qed.
Canonical unvec_linear m n := Linear (@unvec_is_linear m n).

(* A sum over the places of a vec is a double sum over rows and columns. *)
Lemma sum_row_major m n (F : 'I_(size_of m n).+1 -> R) :
  \sum_k F k = \sum_i \sum_j F (row_major i j).
Proof.
rewrite pair_bigA /=.
rewrite (reindex (fun ij : 'I_m.+1 * 'I_n.+1 => row_major ij.1 ij.2)) //=.
exists (fun k => (inord (k %/ n.+1), inord (k %% n.+1))) => [[i j]|k] _ /=.
  by rewrite row_major_div row_major_mod.
exact: row_majorK.
Qed.

(* ---- Kronecker products ---- *)

Definition kronecker m n p q (A : 'M[R]_(m.+1, n.+1)) (B : 'M[R]_(p.+1, q.+1)) :
    'M[R]_((size_of m p).+1, (size_of n q).+1) :=
  \matrix_(k, l) (A (inord (k %/ p.+1)) (inord (l %/ q.+1)) *
                  B (inord (k %% p.+1)) (inord (l %% q.+1))).

Lemma kronecker_entry m n p q (A : 'M[R]_(m.+1, n.+1)) (B : 'M[R]_(p.+1, q.+1)) i j k l :
  kronecker A B (row_major i k) (row_major j l) = A i j * B k l.
Proof. by rewrite mxE !row_major_div !row_major_mod. Qed.

(* I_m (x) r for a row r: a matrix with m rows (m * 1 = m). *)
Lemma size_of_0r m : (size_of m 0).+1 = m.+1.
Proof. by rewrite size_ofE muln1. Qed.

Lemma size_of_0l m : (size_of 0 m).+1 = m.+1.
Proof. by rewrite size_ofE mul1n. Qed.

Definition identity_kronecker m n (r : 'rV[R]_n.+1) : 'M[R]_(m.+1, (size_of m n).+1) :=
  castmx (size_of_0r m, erefl) (kronecker (1%:M : 'M_m.+1) r).

Definition kronecker_identity m n (r : 'rV[R]_n.+1) : 'M[R]_(m.+1, (size_of n m).+1) :=
  castmx (size_of_0l m, erefl) (kronecker r (1%:M : 'M_m.+1)).

Lemma identity_kroneckerE m n (r : 'rV[R]_n.+1) (i i' : 'I_m.+1) j :
  identity_kronecker m r i (row_major i' j) = (i == i')%:R * r 0 j.
Proof.
rewrite castmxE cast_ord_id (_ : cast_ord _ i = row_major i 0); last first.
  by apply: ord_inj; rewrite [RHS]row_major_val /= muln1 addn0.
by rewrite kronecker_entry mxE.
Qed.

Lemma kronecker_identityE m n (r : 'rV[R]_n.+1) (i i' : 'I_m.+1) j :
  kronecker_identity m r i (row_major j i') = r 0 j * (i == i')%:R.
Proof.
rewrite castmxE cast_ord_id (_ : cast_ord _ i = row_major 0 i); last first.
  by apply: ord_inj; rewrite row_major_val.
by rewrite kronecker_entry [X in _ * X]mxE.
Qed.

(* d (W x) / d (vec W) = I (x) x^T: applied to vec V it gives V x. *)
Theorem identity_kronecker_mul m n (x : 'cV[R]_n.+1) t :
  identity_kronecker m x^T *m t = unvec t *m x.
Proof.
apply/colP => i; rewrite !mxE sum_row_major (bigD1 i) //= [X in _ + X]big1 ?addr0.
  by apply: eq_bigr => j _; rewrite identity_kroneckerE eqxx mul1r !mxE mulrC.
move=> i' ne; apply: big1 => j _.
by rewrite identity_kroneckerE eq_sym (negbTE ne) !mul0r.
Qed.

(* Column-stacking vec: the row-major vec of the transpose. *)
Definition column_vec m n (W : 'M[R]_(m.+1, n.+1)) : 'cV[R]_(size_of n m).+1 :=
  vec W^T.

Definition column_unvec m n (t : 'cV[R]_(size_of n m).+1) : 'M[R]_(m.+1, n.+1) :=
  (unvec t)^T.

Lemma column_vecK m n (W : 'M[R]_(m.+1, n.+1)) : column_unvec (column_vec W) = W.
Proof. by rewrite /column_unvec vecK trmxK. Qed.

Fact column_unvec_is_linear m n : linear (@column_unvec m n).
Proof. by move=> c t u; rewrite /column_unvec linearP /= linearP. Qed.
Canonical column_unvec_linear m n := Linear (@column_unvec_is_linear m n).

(* d (W x) / d (column-stacked W) = x^T (x) I *)
Theorem kronecker_identity_mul m n (x : 'cV[R]_n.+1) t :
  kronecker_identity m x^T *m t = column_unvec t *m x.
Proof.
apply/colP => i; rewrite !mxE sum_row_major; apply: eq_bigr => j _.
rewrite (bigD1 i) //= [X in _ + X]big1 ?addr0; last first.
  by move=> i' ne; rewrite kronecker_identityE eq_sym (negbTE ne) mulr0 mul0r.
by rewrite kronecker_identityE eqxx mulr1 !mxE mulrC.
Qed.

(* A block row times a column, split where the blocks meet. *)
Lemma mul_row_split m p q (A : 'M[R]_(m, p)) (C : 'M[R]_(m, q)) (u : 'cV[R]_(p + q)) :
  row_mx A C *m u = A *m usubmx u + C *m dsubmx u.
Proof. by rewrite -[u in LHS]vsubmxK mul_row_col. Qed.

(* ---- The layers ---- *)

(* The parameters of W x + b: the weights, then the bias. *)
Definition affine_size m n : nat := (size_of m n + m.+1)%N.

Definition weight_part m n (t : 'cV[R]_(affine_size m n).+1) : 'cV[R]_(size_of m n).+1 :=
  @usubmx R (size_of m n).+1 m.+1 1 t.

Definition bias_part m n (t : 'cV[R]_(affine_size m n).+1) : 'cV[R]_m.+1 :=
  @dsubmx R (size_of m n).+1 m.+1 1 t.

Definition weight_and_bias m n (W : 'M[R]_(m.+1, n.+1)) (b : 'cV[R]_m.+1) :
  'cV[R]_(affine_size m n).+1 := col_mx (vec W) b.

Fact weight_part_is_linear m n : linear (@weight_part m n).
Proof. by move=> c t u; rewrite /weight_part linearP. Qed.
Canonical weight_part_linear m n := Linear (@weight_part_is_linear m n).

Fact bias_part_is_linear m n : linear (@bias_part m n).
Proof. by move=> c t u; rewrite /bias_part linearP. Qed.
Canonical bias_part_linear m n := Linear (@bias_part_is_linear m n).

Definition affine n m : layer R n (affine_size m n) m :=
  linear_in_parameters [linear of @unvec m n \o @weight_part m n]
    [linear of @bias_part m n]
    (fun x => row_mx (identity_kronecker m x^T) 1%:M).

Lemma affineE n m W b x : affine n m x (weight_and_bias W b) = W *m x + b.
Proof. by rewrite /= /weight_part /bias_part col_mxKu col_mxKd vecK. Qed.

Lemma affine_A n m W b x : layer_A (affine n m) x (weight_and_bias W b) = W.
Proof. by rewrite /= /weight_part col_mxKu vecK. Qed.

Lemma affine_B n m t x :
  layer_B (affine n m) x t = row_mx (identity_kronecker m x^T) 1%:M.
Proof. by []. Qed.

Theorem affine_correct n m x t : layer_correct (affine n m) x t.
Proof.
apply: linear_in_parameters_correct => u /=.
rewrite -[X in _ = X + _]identity_kronecker_mul -[X in _ = _ + X]mul1mx.
exact: (@mul_row_split m.+1 (size_of m n).+1 m.+1 _ _ u).
Qed.

(* The gradient of the loss in W is the outer product of delta and x; in b it is *)
(* delta. No Kronecker product need be formed.                                   *)
Theorem identity_kronecker_pull m n (delta : 'rV[R]_m.+1) (x : 'cV[R]_n.+1) :
  delta *m identity_kronecker m x^T = (vec (delta^T *m x^T))^T.
Proof.
apply/rowP => k; rewrite -(row_majorK k); set i := inord _; set j := inord _.
rewrite !mxE (bigD1 i) //= [X in _ + X]big1 ?addr0 => [|i' ne].
  by rewrite identity_kroneckerE eqxx mul1r big_ord1 row_major_div row_major_mod !mxE.
by rewrite identity_kroneckerE (negbTE ne) mul0r mulr0.
Qed.

Theorem affine_gradient n m x t (delta : 'rV[R]_m.+1) :
  delta *m layer_B (affine n m) x t = row_mx (vec (delta^T *m x^T))^T delta.
Proof.
by rewrite affine_B -identity_kronecker_pull (@mul_mx_row R 1 m.+1 (size_of m n).+1 m.+1) mulmx1.
Qed.

(* The same with the weights stacked column by column. *)
Definition column_affine_size m n : nat := (size_of n m + m.+1)%N.

Definition column_weight_part m n (t : 'cV[R]_(column_affine_size m n).+1) :
  'cV[R]_(size_of n m).+1 := @usubmx R (size_of n m).+1 m.+1 1 t.

Definition column_bias_part m n (t : 'cV[R]_(column_affine_size m n).+1) :
  'cV[R]_m.+1 := @dsubmx R (size_of n m).+1 m.+1 1 t.

Fact column_weight_part_is_linear m n : linear (@column_weight_part m n).
Proof. by move=> c t u; rewrite /column_weight_part linearP. Qed.
Canonical column_weight_part_linear m n := Linear (@column_weight_part_is_linear m n).

Fact column_bias_part_is_linear m n : linear (@column_bias_part m n).
Proof. by move=> c t u; rewrite /column_bias_part linearP. Qed.
Canonical column_bias_part_linear m n := Linear (@column_bias_part_is_linear m n).

Definition column_affine n m : layer R n (column_affine_size m n) m :=
  linear_in_parameters [linear of @column_unvec m n \o @column_weight_part m n]
    [linear of @column_bias_part m n]
    (fun x => row_mx (kronecker_identity m x^T) 1%:M).

Lemma column_affineE n m (W : 'M[R]_(m.+1, n.+1)) b x :
  column_affine n m x (col_mx (column_vec W) b) = W *m x + b.
Proof.
by rewrite /= /column_weight_part /column_bias_part col_mxKu col_mxKd column_vecK.
Qed.

Theorem column_affine_correct n m x t : layer_correct (column_affine n m) x t.
Proof.
apply: linear_in_parameters_correct => u /=.
rewrite -[X in _ = X + _]kronecker_identity_mul -[X in _ = _ + X]mul1mx.
exact: (@mul_row_split m.+1 (size_of n m).+1 m.+1 _ _ u).
Qed.

(* No bias. *)
Fact no_bias_is_linear p m : linear (fun _ : 'cV[R]_p.+1 => 0 : 'cV[R]_m.+1).
Proof. by move=> c t u; rewrite scaler0 addr0. Qed.

Definition linear_layer n m : layer R n (size_of m n) m :=
  linear_in_parameters [linear of @unvec m n] (Linear (@no_bias_is_linear _ m))
    (fun x => identity_kronecker m x^T).

Lemma linear_layerE n m W x : linear_layer n m x (vec W) = W *m x.
Proof. by rewrite /= vecK addr0. Qed.

Theorem linear_layer_correct n m x t : layer_correct (linear_layer n m) x t.
Proof.
by apply: linear_in_parameters_correct => u; rewrite addr0 identity_kronecker_mul.
Qed.

(* The augmented form: one matrix W~ = [ W b ] applied to (x ; 1). *)
Definition augment n (x : 'cV[R]_n.+1) : 'cV[R]_n.+2 :=
  \col_j (if unlift ord_max j is Some i then x i 0 else 1).

Definition drop_bias m n (Wb : 'M[R]_(m.+1, n.+2)) : 'M[R]_(m.+1, n.+1) :=
  \matrix_(i, j) Wb i (lift ord_max j).

Definition bias_column m n (Wb : 'M[R]_(m.+1, n.+2)) : 'cV[R]_m.+1 :=
  \col_i Wb i ord_max.

Lemma augmented_mul m n (Wb : 'M[R]_(m.+1, n.+2)) (x : 'cV[R]_n.+1) :
  Wb *m augment x = drop_bias Wb *m x + bias_column Wb.
Proof.
apply/colP => i; rewrite !mxE (bigD1 ord_max) //= mxE unlift_none mulr1 addrC.
congr (_ + _); rewrite (reindex_onto (lift ord_max) (fun j => odflt 0 (unlift ord_max j))).
  apply: eq_big => [j|j _]; last by rewrite !mxE liftK.
  by rewrite liftK eqxx andbT eq_sym neq_lift.
by move=> j; case: unliftP => //= ->; rewrite eqxx.
Qed.

Fact drop_bias_is_linear m n : linear (fun t => drop_bias (@unvec m n.+1 t)).
Proof. by move=> c t u; apply/matrixP => i j; rewrite !mxE. Qed.

Fact bias_column_is_linear m n : linear (fun t => bias_column (@unvec m n.+1 t)).
Proof. by move=> c t u; apply/colP => i; rewrite !mxE. Qed.

Definition augmented_affine n m : layer R n (size_of m n.+1) m :=
  linear_in_parameters (Linear (@drop_bias_is_linear m n))
    (Linear (@bias_column_is_linear m n))
    (fun x => identity_kronecker m (augment x)^T).

Lemma augmented_affineE n m (Wb : 'M[R]_(m.+1, n.+2)) x :
  augmented_affine n m x (vec Wb) = Wb *m augment x.
Proof. by rewrite augmented_mul /= !vecK. Qed.

Theorem augmented_affine_correct n m x t : layer_correct (augmented_affine n m) x t.
Proof.
apply: linear_in_parameters_correct => u.
by rewrite identity_kronecker_mul augmented_mul.
Qed.

End Affine.
