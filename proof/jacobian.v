(* -------------------------------------------------------------------------- *)
(* Jacobian matrices                                                          *)
(*                                                                            *)
(* A function f from the column vectors R^n to the column vectors R^m that is *)
(* differentiable at x has a differential there: the linear map 'd f x with   *)
(*           f (x + h) = f x + 'd f x h + o(h).                               *)
(* Its matrix is the Jacobian: m rows (outputs), n columns (inputs), which is *)
(* the numerator layout. This file shows                                      *)
(*  - [identification]: J is the Jacobian of f at x exactly when f is         *)
(*    differentiable at x and 'd f x h = J h for all h (so a Jacobian can be  *)
(*    read off from the differential, and there is only one);                 *)
(*  - [jacobian_first_order]: the same as a first-order expansion;            *)
(*  - [jacobian_comp]: the chain rule, J(g o f) = J(g) J(f), a product of     *)
(*    matrices;                                                               *)
(*  - [Jacobian_trmx]: our Jacobian is the transpose of the one of MathComp   *)
(*    Analysis, which lets row vectors act from the left;                     *)
(*  - rules for sums, scalings, coordinates, linear maps, pairs.              *)
(*                                                                            *)
(* Vectors are written 'cV[R]_n.+1, because a normed space needs at least one *)
(* coordinate: n.+1 is the dimension, n the dimension minus one.              *)
(* A real-valued function (a loss) has a gradient, which is a row vector: its *)
(* Jacobian with one row.                                                     *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.classical Require Import mathcomp_extra.
From mathcomp.analysis Require Import reals signed topology prodnormedzmodule.
From mathcomp.analysis Require Import normedtype landau derive.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.

Local Open Scope classical_set_scope.
Local Open Scope ring_scope.

(* ---- Differentials of the building blocks ---- *)

Section Differentials.
Variables (R : numFieldType) (V W : normedModType R).

Lemma is_diff_congr (f g df dg : V -> W) x :
  is_diff x f df -> f =1 g -> df =1 dg -> is_diff x g dg.
Proof. by move=> fP /funext <- /funext <-. Qed.

(* f is differentiable at x with differential df. *)
Definition has_differential (f : V -> W) (x : V) (df : V -> W) := is_diff x f df.

(* A finite sum of differentiable functions. *)
Lemma is_diff_sum (I : Type) (r : seq I) (P : pred I) (f df : I -> V -> W) x :
  (forall i, P i -> is_diff x (f i) (df i)) ->
  is_diff x (fun v => \sum_(i <- r | P i) f i v)
            (fun h => \sum_(i <- r | P i) df i h).
Proof.
move=> fP; elim: r => [|i r IH].
  rewrite (_ : (fun _ => _) = cst 0); last by apply/funext => v; rewrite big_nil.
  rewrite (_ : (fun _ => _) = 0 :> (V -> W)); first exact: is_diff_cst.
  by apply/funext => v; rewrite big_nil.
have [Pi|nPi] := boolP (P i); last first.
  apply: (is_diff_congr IH) => v; by rewrite big_cons (negbTE nPi).
by apply: (is_diff_congr (is_diffD (fP i Pi) IH)) => v; rewrite big_cons Pi.
Qed.

Lemma is_diff_scalar_vector (k dk : V -> R) (w : W) x :
  is_diff x k dk -> is_diff x (fun v => k v *: w) (fun h => dk h *: w).
Proof.
move=> kP; apply: DiffDef; first exact/differentiableZl.
by rewrite diffZl // diff_val.
Qed.

Lemma is_diff_unique (f df dg : V -> W) x :
  is_diff x f df -> is_diff x f dg -> df =1 dg.
Proof. by move=> [_ <-] [_ <-]. Qed.

End Differentials.

Section ColumnVectors.
Variable R : numFieldType.
Implicit Types (V W : normedModType R).

(* The coordinates of a vector are differentiable, hence ... *)
Lemma is_diff_coordinate m n (i : 'I_m.+1) (j : 'I_n.+1) (x : 'M[R]_(m.+1, n.+1)) :
  is_diff x (fun M : 'M[R]_(m.+1, n.+1) => M i j : R)
            (fun M : 'M[R]_(m.+1, n.+1) => M i j : R).
Proof.
have @f : {linear 'M[R]_(m.+1, n.+1) -> R}.
  by exists (fun N : 'M[R]_(_, _) => N i j); eexists; move=> ? ?; rewrite !mxE.
have fc : continuous f by exact: coord_continuous.
rewrite (_ : (fun _ => _) = f) //; apply: DiffDef.
  exact: linear_differentiable.
exact: diff_lin.
Qed.

(* Taking one entry of a matrix is a linear map. *)
Definition coordinate m n (i : 'I_m) (j : 'I_n) (M : 'M[R]_(m, n)) : R := M i j.

Fact coordinate_is_linear m n i j : linear (@coordinate m n i j).
Proof. by move=> c M N; rewrite /coordinate !mxE. Qed.
Canonical coordinate_linear m n i j := Linear (@coordinate_is_linear m n i j).

(* ... a function into R^m is differentiable if its coordinates are. *)
Lemma is_diff_coordinatewise V m (f df : V -> 'cV[R]_m.+1) x :
  (forall i, is_diff x (fun v => f v i 0) (fun h => df h i 0)) ->
  is_diff x f df.
Proof.
have expand (u : 'cV[R]_m.+1) : \sum_i u i 0 *: delta_mx i 0 = u.
  rewrite [in RHS](matrix_sum_delta u); apply: eq_bigr => i _.
  by rewrite big_ord_recl big_ord0 addr0.
move=> fP; pose F := @is_diff_sum R V _ 'I_m.+1 (index_enum _) xpredT
  (fun i v => f v i 0 *: (delta_mx i 0 : 'cV[R]_m.+1))
  (fun i h => df h i 0 *: (delta_mx i 0 : 'cV[R]_m.+1)) x.
have H := F (fun i _ => is_diff_scalar_vector (delta_mx i 0) (fP i)).
by apply: (is_diff_congr H) => v; apply: expand.
Qed.

Lemma is_diff_coordinates V m (f df : V -> 'cV[R]_m.+1) x i :
  is_diff x f df -> is_diff x (fun v => f v i 0) (fun h => df h i 0).
Proof.
move=> fP; have cP := is_diff_coordinate i 0 (f x).
exact: (is_diff_comp (f := f) (g := fun M : 'cV[R]_m.+1 => M i 0 : R)).
Qed.

(* A linear map out of R^n is its own differential at every point. *)
Lemma is_diff_linear n W (f : {linear 'cV[R]_n.+1 -> W}) x : is_diff x f f.
Proof.
have f_sum (h : 'cV[R]_n.+1) : \sum_i h i 0 *: f (delta_mx i 0) = f h.
  rewrite [in RHS](matrix_sum_delta h) linear_sum; apply: eq_bigr => i _.
  by rewrite big_ord_recl big_ord0 addr0 linearZ.
apply: (is_diff_congr _ f_sum f_sum); apply: is_diff_sum => i _.
exact/is_diff_scalar_vector/is_diff_coordinate.
Qed.

Lemma is_diff_mulmx_left n m (A : 'M[R]_(m.+1, n.+1)) (x : 'cV[R]_n.+1) :
  is_diff x (fun v : 'cV[R]_n.+1 => A *m v) (fun v : 'cV[R]_n.+1 => A *m v).
Proof. exact: (is_diff_linear [linear of mulmx A : 'cV[R]_n.+1 -> 'cV[R]_m.+1]). Qed.

(* Products of real-valued functions. *)
Lemma is_diff_product V (f g df dg : V -> R) x :
  is_diff x f df -> is_diff x g dg ->
  is_diff x (fun v => f v * g v) (fun h => f x * dg h + df h * g x).
Proof.
move=> fP gP; apply: (is_diff_congr (is_diffM fP gP)) => // h.
by rewrite [df h * _]mulrC.
Qed.

(* A real function of a real-valued function. *)
Lemma is_diff_real_comp V (f df : V -> R) (s : R -> R) (s' : R) x :
  is_derive (f x) 1 s s' -> is_diff x f df ->
  is_diff x (s \o f) (fun h => s' * df h).
Proof.
move=> [sd sE] fP.
have sP : is_diff (f x) s (fun h => h *: s').
  apply: DiffDef; first exact/derivable1_diffP.
  by rewrite diff1E ?derive1E ?sE //; exact/derivable1_diffP.
apply: (is_diff_congr (is_diff_comp fP sP)) => // h.
by rewrite /= mulrC.
Qed.

End ColumnVectors.

(* ---- Jacobians ---- *)

Section Jacobian.
Variable R : numFieldType.

(* The matrix of the differential: column j is the image of the j-th basis vector. *)
Definition Jacobian n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) (x : 'cV[R]_n.+1) :
  'M[R]_(m.+1, n.+1) := \matrix_(i, j) ('d f x (delta_mx j 0)) i 0.

(* J is the Jacobian of f at x, and f is differentiable there. *)
Definition has_jacobian n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) x (J : 'M[R]_(m.+1, n.+1)) :=
  is_diff x f (fun h => J *m h).

Lemma Jacobian_mul n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) x h :
  Jacobian f x *m h = 'd f x h.
Proof.
rewrite [in RHS](matrix_sum_delta h) linear_sum; apply/matrixP => i j.
rewrite (ord1 j) mxE summxE; apply: eq_bigr => k _.
by rewrite big_ord_recl big_ord0 addr0 linearZ !mxE mulrC.
Qed.

(* Identification: to know the differential is to know the Jacobian. *)
Theorem identification n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) x J :
  has_jacobian f x J <-> differentiable f x /\ Jacobian f x = J.
Proof.
split=> [fJ|[fx <-]]; last first.
  by apply: DiffDef => //; apply/funext => h; rewrite Jacobian_mul.
have fx : differentiable f x := @ex_diff _ _ _ _ _ _ _ fJ.
split=> //; apply/matrixP => i j; rewrite mxE (@diff_val _ _ _ _ _ _ _ fJ).
by rewrite -colE mxE.
Qed.

Lemma has_jacobianE n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) x J :
  has_jacobian f x J -> Jacobian f x = J.
Proof. by move=> /identification []. Qed.

Lemma has_jacobian_differentiable n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) x J :
  has_jacobian f x J -> differentiable f x.
Proof. by move=> /identification []. Qed.

Theorem jacobian_unique n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) x J K :
  has_jacobian f x J -> has_jacobian f x K -> J = K.
Proof. by move=> /has_jacobianE <- /has_jacobianE <-. Qed.

(* The first-order expansion f (x + h) = f x + J h + o(h) is what a Jacobian is. *)
Theorem jacobian_first_order n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) x J :
  has_jacobian f x J <->
  (forall h, f (h + x) = f x + J *m h +o_(h \near (0 : 'cV[R]_n.+1)) h).
Proof.
split=> [fJ h|fE].
  have fx : differentiable f x := has_jacobian_differentiable fJ.
  by have := diff_locallyx fx h; rewrite (@diff_val _ _ _ _ _ _ _ fJ).
pose L := [linear of mulmx J : 'cV[R]_n.+1 -> 'cV[R]_m.+1].
have Lc : continuous L.
  move=> y; apply: differentiable_continuous.
  exact: (@ex_diff _ _ _ _ _ _ _ (is_diff_linear L y)).
have dL : 'd f x = L :> (_ -> _).
  by apply: diff_unique => //; apply/funext => h; rewrite /= fE.
apply: DiffDef; last exact: dL.
by apply/diff_locallyxP; rewrite dL.
Qed.

(* MathComp Analysis lets the Jacobian act on row vectors, from the right. *)
Theorem Jacobian_trmx n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) (x : 'rV[R]_n.+1) :
  differentiable f x^T ->
  jacobian (fun u : 'rV[R]_n.+1 => (f u^T)^T) x = (Jacobian f x^T)^T.
Proof.
move=> fx.
have trP p q (y : 'M[R]_(p.+1, q.+1)) : is_diff y (@trmx R p.+1 q.+1) trmx.
  apply: DiffDef.
    apply: (@linear_differentiable _ _ _ [linear of @trmx R p.+1 q.+1]).
    move=> M S /= /nbhs_ballP[e e0 eS]; apply/nbhs_ballP; exists e => // N MN.
    by apply: eS => i j; rewrite !mxE; apply: MN.
  apply: (@diff_lin _ _ _ [linear of @trmx R p.+1 q.+1]).
  move=> M S /= /nbhs_ballP[e e0 eS]; apply/nbhs_ballP; exists e => // N MN.
  by apply: eS => i j; rewrite !mxE; apply: MN.
have fP := differentiableP fx.
have gP : is_diff x (fun u : 'rV[R]_n.+1 => (f u^T)^T) (fun h => ('d f (x^T) (h^T))^T).
  exact: (is_diff_comp (is_diff_comp (trP _ _ x) fP) (trP _ _ _)).
apply/matrixP => i j; rewrite /jacobian /lin1_mx !mxE.
by rewrite (@diff_val _ _ _ _ _ _ _ gP) mxE trmx_delta.
Qed.

(* ---- The chain rule ---- *)

Theorem jacobian_comp n m k (f : 'cV[R]_n.+1 -> 'cV[R]_k.+1)
    (g : 'cV[R]_k.+1 -> 'cV[R]_m.+1) x A B :
  has_jacobian f x A -> has_jacobian g (f x) B -> has_jacobian (g \o f) x (B *m A).
Proof.
move=> fA gB; apply: (is_diff_congr (is_diff_comp fA gB)) => // h.
by rewrite /= mulmxA.
Qed.

Corollary chain_rule n m k (f : 'cV[R]_n.+1 -> 'cV[R]_k.+1)
    (g : 'cV[R]_k.+1 -> 'cV[R]_m.+1) x :
  differentiable f x -> differentiable g (f x) ->
  Jacobian (g \o f) x = Jacobian g (f x) *m Jacobian f x.
Proof.
by move=> fx gx; apply: has_jacobianE; apply: jacobian_comp; apply/identification.
Qed.

(* ---- Rules ---- *)

Lemma jacobian_id n (x : 'cV[R]_n.+1) : has_jacobian id x 1%:M.
Proof. by apply: (is_diff_congr (is_diff_id x)) => // h; rewrite mul1mx. Qed.

Lemma jacobian_cst n m (c : 'cV[R]_m.+1) (x : 'cV[R]_n.+1) :
  has_jacobian (fun=> c) x 0.
Proof. by apply: (is_diff_congr (is_diff_cst c x)) => // h; rewrite mul0mx. Qed.

Lemma jacobian_add n m (f g : 'cV[R]_n.+1 -> 'cV[R]_m.+1) x A B :
  has_jacobian f x A -> has_jacobian g x B ->
  has_jacobian (fun v => f v + g v) x (A + B).
Proof.
by move=> fA gB; apply: (is_diff_congr (is_diffD fA gB)) => // h; rewrite mulmxDl.
Qed.

Lemma jacobian_scale n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) x A c :
  has_jacobian f x A -> has_jacobian (fun v => c *: f v) x (c *: A).
Proof.
by move=> fA; apply: (is_diff_congr (is_diffZ c fA)) => // h; rewrite -scalemxAl.
Qed.

Lemma jacobian_linear n m (A : 'M[R]_(m.+1, n.+1)) (x : 'cV[R]_n.+1) :
  has_jacobian (mulmx A) x A.
Proof. exact: is_diff_mulmx_left. Qed.

Lemma jacobian_coordinatewise n m (f : 'cV[R]_n.+1 -> 'cV[R]_m.+1) x J :
  (forall i, is_diff x (fun v => f v i 0) (fun h => (J *m h) i 0)) ->
  has_jacobian f x J.
Proof. exact: is_diff_coordinatewise. Qed.

(* ---- Gradients of real-valued functions: rows ---- *)

Definition gradient n (f : 'cV[R]_n.+1 -> R) (x : 'cV[R]_n.+1) : 'rV[R]_n.+1 :=
  \row_j 'd f x (delta_mx j 0).

Definition has_gradient n (f : 'cV[R]_n.+1 -> R) x (g : 'rV[R]_n.+1) :=
  is_diff x f (fun h : 'cV[R]_n.+1 => (g *m h) 0 0).

Theorem gradient_identification n (f : 'cV[R]_n.+1 -> R) x g :
  has_gradient f x g <-> differentiable f x /\ gradient f x = g.
Proof.
split=> [fg|[fx <-]].
  have fx : differentiable f x := @ex_diff _ _ _ _ _ _ _ fg.
  split=> //; apply/rowP => j; rewrite mxE (@diff_val _ _ _ _ _ _ _ fg).
  by rewrite -colE mxE.
apply: DiffDef => //; apply/funext => h.
rewrite [in LHS](matrix_sum_delta h) linear_sum mxE; apply: eq_bigr => k _.
by rewrite big_ord_recl big_ord0 addr0 linearZ !mxE mulrC.
Qed.

Lemma has_gradientE n (f : 'cV[R]_n.+1 -> R) x g :
  has_gradient f x g -> gradient f x = g.
Proof. by move=> /gradient_identification []. Qed.

(* A gradient is a Jacobian with one row. *)
Theorem gradient_is_jacobian n (f : 'cV[R]_n.+1 -> R) x g :
  has_gradient f x g <-> has_jacobian (fun v => (f v)%:M : 'cV[R]_1) x g.
Proof.
split=> [fg|fJ].
  apply: jacobian_coordinatewise => i; rewrite (ord1 i).
  by apply: (is_diff_congr fg) => // v; rewrite mxE eqxx mulr1n.
apply: (is_diff_congr (is_diff_coordinates 0 fJ)) => // v.
by rewrite mxE eqxx mulr1n.
Qed.

Theorem gradient_comp n k (f : 'cV[R]_n.+1 -> 'cV[R]_k.+1)
    (loss : 'cV[R]_k.+1 -> R) x A g :
  has_jacobian f x A -> has_gradient loss (f x) g ->
  has_gradient (loss \o f) x (g *m A).
Proof.
move=> fA gg; apply: (is_diff_congr (is_diff_comp fA gg)) => // h.
by rewrite /= mulmxA.
Qed.

(* The gradient of a weighted sum is the weighted sum of the gradients. *)
Theorem gradient_weighted_sum n (I : Type) (r : seq I) (c : I -> R)
    (f : I -> 'cV[R]_n.+1 -> R) x (g : I -> 'rV[R]_n.+1) :
  (forall i, has_gradient (f i) x (g i)) ->
  has_gradient (fun v => \sum_(i <- r) c i * f i v) x (\sum_(i <- r) c i *: g i).
Proof.
move=> fP; have H := @is_diff_sum R _ _ _ r xpredT _ _ x
  (fun i _ => is_diffZ (c i) (fP i)).
apply: (is_diff_congr H) => // h; rewrite mulmx_suml summxE.
by apply: eq_bigr => i _; rewrite -scalemxAl [in RHS]mxE.
Qed.

End Jacobian.
