(* -------------------------------------------------------------------------- *)
(* Layers made of layers                                                      *)
(*                                                                            *)
(*   residual       x + g (x, t)            A = I + A_g    B = B_g            *)
(*   sum            f (x, s) + g (x, t)     A = A_f + A_g  B = [ B_f , B_g ]  *)
(*   composition    g (f (x, s), t)         A = A_g A_f    B = [ A_g B_f, B_g]*)
(*   concatenation  (f (x, s) ; g (x, t))   A = (A_f; A_g) B block diagonal   *)
(*   product        f * g, by coordinates   A = diag g A_f + diag f A_g       *)
(*   block          a whole network as one layer: A = A_L ... A_1, and B has  *)
(*                  the blocks A_L ... A_(l+1) B_l                            *)
(* Each is correct wherever its parts are. With blocks, whole networks can    *)
(* stand inside a residual connection, a sum, or another network.             *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.analysis Require Import reals signed topology prodnormedzmodule.
From mathcomp.analysis Require Import normedtype landau derive.
From backproof Require Import jacobian network theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.

Local Open Scope ring_scope.

Section Combinators.
Variable R : numFieldType.

(* ---- Functions without parameters ---- *)

Definition identity_function n : function R n n := Function id (fun=> 1%:M).

Lemma identity_correct n x : function_correct (identity_function n) x.
Proof. exact: jacobian_id. Qed.

Definition compose_functions n k m (f : function R n k) (g : function R k m) :
  function R n m :=
  Function (fun x => g (f x)) (fun x => function_A g (f x) *m function_A f x).

Theorem compose_functions_correct n k m (f : function R n k) (g : function R k m) x :
  function_correct f x -> function_correct g (f x) ->
  function_correct (compose_functions f g) x.
Proof. exact: jacobian_comp. Qed.

Definition sum_functions n m (f g : function R n m) : function R n m :=
  Function (fun x => f x + g x) (fun x => function_A f x + function_A g x).

Theorem sum_functions_correct n m (f g : function R n m) x :
  function_correct f x -> function_correct g x ->
  function_correct (sum_functions f g) x.
Proof. exact: jacobian_add. Qed.

Definition residual_function n (g : function R n n) : function R n n :=
  Function (fun x => x + g x) (fun x => 1%:M + function_A g x).

Theorem residual_function_correct n (g : function R n n) x :
  function_correct g x -> function_correct (residual_function g) x.
Proof. by move=> gP; exact: (jacobian_add (jacobian_id x) gP). Qed.

(* A fixed linear map: mean pooling, padding, slicing, permutations ... *)
Definition linear_function n m (M : 'M[R]_(m.+1, n.+1)) : function R n m :=
  Function (mulmx M) (fun=> M).

Theorem linear_function_correct n m (M : 'M[R]_(m.+1, n.+1)) x :
  function_correct (linear_function M) x.
Proof. exact: jacobian_linear. Qed.

Definition product_functions n m (f g : function R n m) : function R n m :=
  Function (fun x => \col_i (f x i 0 * g x i 0))
    (fun x => diag_mx (g x)^T *m function_A f x + diag_mx (f x)^T *m function_A g x).

Theorem product_functions_correct n m (f g : function R n m) x :
  function_correct f x -> function_correct g x ->
  function_correct (product_functions f g) x.
Proof.
move=> fP gP; apply: jacobian_coordinatewise => i.
have H := is_diff_product (is_diff_coordinates i fP) (is_diff_coordinates i gP).
apply: (is_diff_congr H) => [v|h]; first by rewrite mxE.
by rewrite mulmxDl -!mulmxA !mul_diag_mx !mxE addrC [_ * g x i 0]mulrC.
Qed.

(* ---- Layers: input and parameters together ---- *)

(* The two Jacobians of a correct layer are its partial ones. *)
Theorem layer_input_jacobian n p m (f : layer R n p m) x t :
  layer_correct f x t -> has_jacobian (fun y => f y t) x (layer_A f x t).
Proof.
move=> fP; have H := layer_along_variation fP (is_diff_id x) (is_diff_cst t x).
by apply: (is_diff_congr H) => // h; rewrite mulmx0 addr0.
Qed.

Theorem layer_parameter_jacobian n p m (f : layer R n p m) x t :
  layer_correct f x t -> has_jacobian (f x) t (layer_B f x t).
Proof.
move=> fP; have H := layer_along_variation fP (is_diff_cst x t) (is_diff_id t).
by apply: (is_diff_congr H) => // h; rewrite mulmx0 add0r.
Qed.

Definition residual n p (g : layer R n p n) : layer R n p n :=
  Layer (fun x t => x + g x t) (fun x t => 1%:M + layer_A g x t) (layer_B g).

Theorem residual_correct n p (g : layer R n p n) x t :
  layer_correct g x t -> layer_correct (residual g) x t.
Proof.
move=> gP; have H := is_diffD (has_differential_fst x t) gP.
apply: (is_diff_congr H) => // h.
by rewrite mulmxDl mul1mx -addrA.
Qed.

(* A function after a layer, and a layer after a function. *)
Definition layer_then_function n p k m (f : layer R n p k) (g : function R k m) :
  layer R n p m :=
  Layer (fun x t => g (f x t))
        (fun x t => function_A g (f x t) *m layer_A f x t)
        (fun x t => function_A g (f x t) *m layer_B f x t).

Theorem layer_then_function_correct n p k m (f : layer R n p k) (g : function R k m) x t :
  layer_correct f x t -> function_correct g (f x t) ->
  layer_correct (layer_then_function f g) x t.
Proof.
move=> fP gP; have H := function_along_variation
  (V := input_and_parameters R n p) (v := (x, t)) (X := fun q => f q.1 q.2) gP fP.
by apply: (is_diff_congr H) => // h; rewrite mulmxDr !mulmxA.
Qed.

Definition function_then_layer n p k m (f : function R n k) (g : layer R k p m) :
  layer R n p m :=
  Layer (fun x t => g (f x) t)
        (fun x t => layer_A g (f x) t *m function_A f x)
        (fun x t => layer_B g (f x) t).

Theorem function_then_layer_correct n p k m (f : function R n k) (g : layer R k p m) x t :
  function_correct f x -> layer_correct g (f x) t ->
  layer_correct (function_then_layer f g) x t.
Proof.
move=> fP gP.
have fP' := function_along_variation (V := input_and_parameters R n p)
  (v := (x, t)) fP (has_differential_fst x t).
have H := layer_along_variation (V := input_and_parameters R n p) (v := (x, t))
  gP fP' (has_differential_snd x t).
by apply: (is_diff_congr H) => // h; rewrite mulmxA.
Qed.

(* ---- Two layers with their parameters under each other ---- *)

Section TwoLayers.
Variables p q : nat.

(* The parameters s of the first, then t of the second: p.+1 + q.+1 of them. *)
Definition both : nat := (p + q.+1)%N.
Definition first_of (u : 'cV[R]_both.+1) : 'cV[R]_p.+1 := @usubmx R p.+1 q.+1 1 u.
Definition second_of (u : 'cV[R]_both.+1) : 'cV[R]_q.+1 := @dsubmx R p.+1 q.+1 1 u.

Fact first_of_is_linear : linear first_of.
Proof. by move=> c t u; rewrite /first_of linearP. Qed.
Fact second_of_is_linear : linear second_of.
Proof. by move=> c t u; rewrite /second_of linearP. Qed.

Definition block_row m (B : 'M[R]_(m, p.+1)) (C : 'M[R]_(m, q.+1)) :
  'M[R]_(m, both.+1) := row_mx B C.

Lemma block_row_mul m (B : 'M[R]_(m, p.+1)) (C : 'M[R]_(m, q.+1)) u :
  block_row B C *m u = B *m first_of u + C *m second_of u.
Proof.
rewrite -[u in LHS](@vsubmxK R p.+1 q.+1 1).
exact: (@mul_row_col R m p.+1 q.+1 1 B C).
Qed.

Lemma first_of_differential n (x : 'cV[R]_n.+1) u :
  @has_differential R (input_and_parameters R n both) _
    (fun h => first_of h.2) (x, u) (fun h => first_of h.2).
Proof.
exact: (@is_diff_comp R (input_and_parameters R n both) _ _ _ _ _ _ (x, u)
  (has_differential_snd x u) (is_diff_linear (Linear first_of_is_linear) u)).
Qed.

Lemma second_of_differential n (x : 'cV[R]_n.+1) u :
  @has_differential R (input_and_parameters R n both) _
    (fun h => second_of h.2) (x, u) (fun h => second_of h.2).
Proof.
exact: (@is_diff_comp R (input_and_parameters R n both) _ _ _ _ _ _ (x, u)
  (has_differential_snd x u) (is_diff_linear (Linear second_of_is_linear) u)).
Qed.

Definition compose n k m (f : layer R n p k) (g : layer R k q m) : layer R n both m :=
  Layer (fun x u => g (f x (first_of u)) (second_of u))
    (fun x u => layer_A g (f x (first_of u)) (second_of u) *m layer_A f x (first_of u))
    (fun x u => block_row
      (layer_A g (f x (first_of u)) (second_of u) *m layer_B f x (first_of u))
      (layer_B g (f x (first_of u)) (second_of u))).

Theorem compose_correct n k m (f : layer R n p k) (g : layer R k q m) x u :
  layer_correct f x (first_of u) ->
  layer_correct g (f x (first_of u)) (second_of u) ->
  layer_correct (compose f g) x u.
Proof.
move=> fP gP.
have fP' := layer_along_variation (V := input_and_parameters R n both) (v := (x, u))
  fP (has_differential_fst x u) (first_of_differential x u).
have H := layer_along_variation (V := input_and_parameters R n both) (v := (x, u))
  gP fP' (second_of_differential x u).
by apply: (is_diff_congr H) => // h; rewrite /= block_row_mul mulmxDr !mulmxA addrA.
Qed.

Definition sum_layers n m (f : layer R n p m) (g : layer R n q m) : layer R n both m :=
  Layer (fun x u => f x (first_of u) + g x (second_of u))
    (fun x u => layer_A f x (first_of u) + layer_A g x (second_of u))
    (fun x u => block_row (layer_B f x (first_of u)) (layer_B g x (second_of u))).

Theorem sum_layers_correct n m (f : layer R n p m) (g : layer R n q m) x u :
  layer_correct f x (first_of u) -> layer_correct g x (second_of u) ->
  layer_correct (sum_layers f g) x u.
Proof.
move=> fP gP.
have fP' := layer_along_variation (V := input_and_parameters R n both) (v := (x, u))
  fP (has_differential_fst x u) (first_of_differential x u).
have gP' := layer_along_variation (V := input_and_parameters R n both) (v := (x, u))
  gP (has_differential_fst x u) (second_of_differential x u).
apply: (is_diff_congr (is_diffD fP' gP')) => // h.
by rewrite /= block_row_mul mulmxDl addrACA.
Qed.

(* Two outputs under each other: k.+1 + m.+1 of them. *)
Definition concatenate n k m (f : layer R n p k) (g : layer R n q m) :
  layer R n both (k + m.+1) :=
  Layer (fun x u => col_mx (f x (first_of u)) (g x (second_of u)) : 'cV_(k.+1 + m.+1))
    (fun x u => col_mx (layer_A f x (first_of u)) (layer_A g x (second_of u))
       : 'M_(k.+1 + m.+1, _))
    (fun x u => block_mx (layer_B f x (first_of u)) 0 0 (layer_B g x (second_of u))
       : 'M_(k.+1 + m.+1, p.+1 + q.+1)).

Theorem concatenate_correct n k m (f : layer R n p k) (g : layer R n q m) x u :
  layer_correct f x (first_of u) -> layer_correct g x (second_of u) ->
  layer_correct (concatenate f g) x u.
Proof.
move=> fP gP.
have fP' := layer_along_variation (V := input_and_parameters R n both) (v := (x, u))
  fP (has_differential_fst x u) (first_of_differential x u).
have gP' := layer_along_variation (V := input_and_parameters R n both) (v := (x, u))
  gP (has_differential_fst x u) (second_of_differential x u).
have mulE (h : input_and_parameters R n both) :
    (layer_A (concatenate f g) x u *m h.1 + layer_B (concatenate f g) x u *m h.2
       : 'cV_(k.+1 + m.+1)) =
    col_mx (layer_A f x (first_of u) *m h.1 + layer_B f x (first_of u) *m first_of h.2)
           (layer_A g x (second_of u) *m h.1 + layer_B g x (second_of u) *m second_of h.2).
  rewrite /= -[h.2 in LHS](@vsubmxK R p.+1 q.+1 1) -add_col_mx -mul_col_mx.
  congr (_ + _); apply: (eq_trans (@mul_block_col R k.+1 m.+1 p.+1 q.+1 1 _ _ _ _ _ _)).
  by rewrite !mul0mx addr0 add0r.
apply: is_diff_coordinatewise => i.
have iE (v : 'cV[R]_(k + m.+1).+1) : v i 0 = match fintype.split (i : 'I_(k.+1 + m.+1)) with
    | inl j => @usubmx R k.+1 m.+1 1 v j 0 | inr j => @dsubmx R k.+1 m.+1 1 v j 0 end.
  by rewrite -[v in LHS](@vsubmxK R k.+1 m.+1 1) mxE.
case E : (fintype.split (i : 'I_(k.+1 + m.+1))) iE => [j|j] iE.
  by apply: (is_diff_congr (is_diff_coordinates j fP')) => h;
     rewrite iE ?mulE col_mxKu.
by apply: (is_diff_congr (is_diff_coordinates j gP')) => h;
   rewrite iE ?mulE col_mxKd.
Qed.

End TwoLayers.

(* ---- A whole network as one layer ---- *)

Definition block n p ps m (N : net R n (p :: ps) m) :
  layer R n (p + parameter_count ps) m :=
  Layer (fun x t => forward N x (@views R (p :: ps) t))
    (fun x t => product_of_A (linearize N x (@views R (p :: ps) t)))
    (fun x t => @flatten_gradients R m.+1 (p :: ps)
                  (products_with_B (linearize N x (@views R (p :: ps) t)))).

Definition function_block n m (N : net R n [::] m) : function R n m :=
  Function (fun x => forward N x tt) (fun x => product_of_A (linearize N x tt)).

Lemma map_gradients_id r ps (f : forall p, 'M[R]_(r, p.+1) -> 'M[R]_(r, p.+1))
    (g : gradients R r ps) : (forall p B, f p B = B) -> map_gradients f g = g.
Proof.
move=> f_id; elim: ps g => [|p ps IH] /=; first by case.
by case=> B g; rewrite /= f_id IH.
Qed.

Lemma parameters_vary_comp (U V : normedModType R) ps (T dT : V -> params R ps)
    (X dX : U -> V) u :
  has_differential X u dX -> parameters_vary (X u) T dT ->
  parameters_vary u (fun w => T (X w)) (fun h => dT (dX h)).
Proof.
move=> XP; elim: ps T dT => [|p ps IH] //= T dT [tP TP].
by split; [exact: (is_diff_comp XP tP) | exact: IH TP].
Qed.

Theorem block_correct n p ps m (N : net R n (p :: ps) m) x t :
  net_correct N x (@views R (p :: ps) t) -> layer_correct (block N) x t.
Proof.
move=> NP.
have vary := @views_vary R (p + parameter_count ps) (p :: ps) [linear of idfun] t.
have vary' := parameters_vary_comp (U := input_and_parameters R n (p + parameter_count ps))
  (u := (x, t)) (has_differential_snd x t) vary.
have H := @backpropagation_along_any_variation R
  (input_and_parameters R n (p + parameter_count ps)) _ _ _ N _ id (x, t) _ _ _ _ 1%:M
  NP (has_differential_fst x t) vary' (jacobian_id _).
apply: (is_diff_congr H) => // h.
rewrite /backpropagation backward_is_product mul1mx map_gradients_id; last first.
  by move=> r B; rewrite mul1mx.
by congr (_ + _); exact: gradients_mul_views.
Qed.

Theorem function_block_correct n m (N : net R n [::] m) x :
  net_correct N x tt -> function_correct (function_block N) x.
Proof. exact: network_jacobian_is_product. Qed.

End Combinators.
