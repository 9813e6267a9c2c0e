(* -------------------------------------------------------------------------- *)
(* The backpropagation theorem                                                *)
(*                                                                            *)
(* Let N be a network, x an input, theta its parameters, and let every layer  *)
(* be differentiable at the point where the forward pass uses it. Let loss be *)
(* differentiable at the output, with gradient delta. Then the recursion      *)
(* delta_(l-1) = delta_l A_l, gradient_l = delta_l B_l computes               *)
(*  - [backpropagation_gives_input_jacobian]: the gradient of the loss of the *)
(*    whole network with respect to its input,                                *)
(*  - [backpropagation_gives_layer_gradient]: with respect to the parameters  *)
(*    of each layer,                                                          *)
(*  - [backpropagation_gives_joint_gradient]: with respect to the input and   *)
(*    all parameters, put under each other in one vector,                     *)
(*  - [backpropagation_gives_parameter_gradient]: with respect to all         *)
(*    parameters in one vector,                                               *)
(*  - [backpropagation_gives_batch_gradient]: of a weighted sum (a mean, say) *)
(*    of the losses of a batch of examples,                                   *)
(*  - [backpropagation_gives_shared_gradient]: with respect to one vector of  *)
(*    parameters that all layers share (the sum of the layers' gradients),    *)
(*  - [network_jacobian_is_product]: and the Jacobian of the network itself   *)
(*    is the product A_L ... A_1.                                             *)
(*                                                                            *)
(* All of them are cases of one statement,                                    *)
(* [backpropagation_along_any_variation]: let the input and all parameters    *)
(* vary at once, as differentiable functions of a point v of any normed       *)
(* space; then the differential of the loss is                                *)
(*    delta_0 dX + sum over l of gradient_l dtheta_l.                         *)
(* Its proof is the induction of the paper: the claim for the layers after    *)
(* the first, applied to the first layer's output as the new input, gives the *)
(* claim for the whole network by the chain rule.                             *)
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

Section Backpropagation.
Variable R : numFieldType.

(* ---- One layer along a variation of its input and its parameters ---- *)

Lemma layer_along_variation (V : normedModType R) n p m (f : layer R n p m) v
    (X dX : V -> 'cV[R]_n.+1) (T dT : V -> 'cV[R]_p.+1) :
  layer_correct f (X v) (T v) ->
  has_differential X v dX -> has_differential T v dT ->
  has_differential (fun w => f (X w) (T w)) v
    (fun h => layer_A f (X v) (T v) *m dX h + layer_B f (X v) (T v) *m dT h).
Proof.
move=> fP XP TP.
exact: (@is_diff_comp R V (input_and_parameters R n p) _ _ _ _ _ v
  (is_diff_pair XP TP) fP).
Qed.

Lemma function_along_variation (V : normedModType R) n m (f : function R n m) v
    (X dX : V -> 'cV[R]_n.+1) :
  function_correct f (X v) -> has_differential X v dX ->
  has_differential (fun w => f (X w)) v (fun h => function_A f (X v) *m dX h).
Proof. by move=> fP XP; exact: (is_diff_comp XP fP). Qed.

(* ---- Variations of all parameters ---- *)

Fixpoint parameters_vary (V : normedModType R) (v : V) ps :
    (V -> params R ps) -> (V -> params R ps) -> Prop :=
  match ps return (V -> params R ps) -> (V -> params R ps) -> Prop with
  | [::] => fun _ _ => True
  | p :: ps' => fun T dT =>
      has_differential (fun w => (T w).1 : 'cV[R]_p.+1) v (fun h => (dT h).1) /\
      parameters_vary v (fun w => (T w).2) (fun h => (dT h).2)
  end.

(* sum over the layers of gradient_l * t_l *)
Fixpoint gradients_mul r ps : gradients R r ps -> params R ps -> 'cV[R]_r :=
  match ps return gradients R r ps -> params R ps -> 'cV[R]_r with
  | [::] => fun _ _ => 0
  | p :: ps' => fun g t => g.1 *m t.1 + gradients_mul g.2 t.2
  end.

(* ---- The theorem ---- *)

Theorem backpropagation_along_any_variation (V : normedModType R) n ps m
    (N : net R n ps m) r (loss : 'cV[R]_m.+1 -> 'cV[R]_r.+1) v
    (X dX : V -> 'cV[R]_n.+1) (T dT : V -> params R ps) delta :
  net_correct N (X v) (T v) ->
  has_differential X v dX -> parameters_vary v T dT ->
  has_jacobian loss (forward N (X v) (T v)) delta ->
  let b := backpropagation N (X v) (T v) delta in
  has_differential (fun w => loss (forward N (X w) (T w))) v
    (fun h => b.1 *m dX h + gradients_mul b.2 (dT h)).
Proof.
elim: N loss X dX T dT delta => [k|n1 k qs m1 f N IH|n1 p k qs m1 f N IH] loss X dX T dT delta /=.
- move=> _ XP _ lossP; apply: (is_diff_congr (is_diff_comp XP lossP)) => // h.
  by rewrite addr0.
- move=> [fP NP] XP TP lossP.
  have := IH loss _ _ _ _ _ NP (function_along_variation fP XP) TP lossP.
  rewrite /backpropagation /=; case: backward => delta_l later /= H.
  by apply: (is_diff_congr H) => // h; rewrite /= mulmxA.
- move=> [fP NP] XP [tP TP] lossP.
  have := IH loss _ _ _ _ _ NP (layer_along_variation fP XP tP) TP lossP.
  rewrite /backpropagation /=; case: backward => delta_l later /= H.
  by apply: (is_diff_congr H) => // h; rewrite /= mulmxDr !mulmxA addrA.
Qed.

(* The same for a real-valued loss. *)
Theorem backpropagation_along_any_variation_scalar (V : normedModType R) n ps m
    (N : net R n ps m) (loss : 'cV[R]_m.+1 -> R) v
    (X dX : V -> 'cV[R]_n.+1) (T dT : V -> params R ps) delta :
  net_correct N (X v) (T v) ->
  has_differential X v dX -> parameters_vary v T dT ->
  has_gradient loss (forward N (X v) (T v)) delta ->
  let b := backpropagation N (X v) (T v) delta in
  has_differential (fun w => loss (forward N (X w) (T w))) v
    (fun h => (b.1 *m dX h + gradients_mul b.2 (dT h)) 0 0).
Proof.
move=> NP XP TP /gradient_is_jacobian lossP b.
have H := backpropagation_along_any_variation NP XP TP lossP.
apply: (is_diff_congr (is_diff_coordinates 0 H)) => // w.
by rewrite mxE eqxx mulr1n.
Qed.

(* ---- Special variations ---- *)

Lemma gradients_mul0 r ps (g : gradients R r ps) (z : params R ps) :
  (forall l, param_at z l = 0) -> gradients_mul g z = 0.
Proof.
elim: ps g z => [|p ps IH] //= g z z0.
by rewrite (z0 0%N) mulmx0 add0r IH // => l; exact: (z0 l.+1).
Qed.

Fixpoint zero_params ps : params R ps :=
  match ps return params R ps with
  | [::] => tt
  | p :: ps' => (0, zero_params ps')
  end.

Lemma gradients_mul_zero r ps (g : gradients R r ps) :
  gradients_mul g (zero_params ps) = 0.
Proof. by elim: ps g => [|p ps IH] //= g; rewrite mulmx0 add0r IH. Qed.

Lemma parameters_fixed (V : normedModType R) (v : V) ps (theta : params R ps) :
  parameters_vary v (fun=> theta) (fun=> zero_params ps).
Proof. by elim: ps theta => [|p ps IH] //= theta; split; first exact: is_diff_cst. Qed.

Lemma one_layer_varies ps (theta : params R ps) l :
  parameters_vary (param_at theta l) (fun t => replace_param theta t)
                  (fun t => replace_param (zero_params ps) t).
Proof.
elim: ps theta l => [|p ps IH] // theta [|l] /=; split.
- exact: is_diff_id.
- exact: parameters_fixed.
- exact: is_diff_cst.
- exact: IH.
Qed.

Lemma replace_param_at ps (theta : params R ps) l :
  replace_param theta (param_at theta l) = theta.
Proof.
elim: ps theta l => [|p ps IH] /=; first by case.
by case=> t theta [|l] //=; rewrite IH.
Qed.

Lemma gradients_mul_one r ps (g : gradients R r ps) l t :
  (l < size ps)%N ->
  gradients_mul g (replace_param (zero_params ps) (l := l) t) = gradient_at g l *m t.
Proof.
elim: ps g l t => [|p ps IH] // g [|l] t lt_l /=.
  by rewrite gradients_mul_zero addr0.
by rewrite mulmx0 add0r IH.
Qed.

(* ---- With respect to the input ---- *)

Theorem backpropagation_gives_input_jacobian n ps m (N : net R n ps m) x theta
    r (loss : 'cV[R]_m.+1 -> 'cV[R]_r.+1) delta :
  net_correct N x theta -> has_jacobian loss (forward N x theta) delta ->
  has_jacobian (fun y => loss (forward N y theta)) x
               (backpropagation N x theta delta).1.
Proof.
move=> NP lossP.
have := @backpropagation_along_any_variation _ n ps m N r loss x id id
  (fun=> theta) (fun=> zero_params ps) delta NP (is_diff_id x) (parameters_fixed x theta) lossP.
by move=> /= H; apply: (is_diff_congr H) => // h; rewrite gradients_mul_zero addr0.
Qed.

Theorem backpropagation_gives_input_gradient n ps m (N : net R n ps m) x theta
    (loss : 'cV[R]_m.+1 -> R) delta :
  net_correct N x theta -> has_gradient loss (forward N x theta) delta ->
  has_gradient (fun y => loss (forward N y theta)) x
               (backpropagation N x theta delta).1.
Proof.
by move=> NP /gradient_is_jacobian lossP; apply/gradient_is_jacobian;
   exact: (backpropagation_gives_input_jacobian (loss := fun y => (loss y)%:M) NP).
Qed.

(* The network's own Jacobian: start the recursion with the identity matrix. *)
Theorem network_jacobian_is_product n ps m (N : net R n ps m) x theta :
  net_correct N x theta ->
  has_jacobian (fun y => forward N y theta) x (product_of_A (linearize N x theta)).
Proof.
move=> NP; rewrite -[product_of_A _]mul1mx -backpropagation_input_is_product.
exact: (backpropagation_gives_input_jacobian (loss := id) NP (jacobian_id _)).
Qed.

(* ---- With respect to each layer's parameters ---- *)

Theorem backpropagation_gives_layer_jacobian n ps m (N : net R n ps m) x theta
    r (loss : 'cV[R]_m.+1 -> 'cV[R]_r.+1) delta l :
  (l < size ps)%N ->
  net_correct N x theta -> has_jacobian loss (forward N x theta) delta ->
  has_jacobian (fun t => loss (forward N x (replace_param theta t))) (param_at theta l)
               (gradient_at (backpropagation N x theta delta).2 l).
Proof.
move=> lt_l NP lossP.
have := @backpropagation_along_any_variation _ n ps m N r loss (param_at theta l)
  (fun=> x) (fun=> 0) (fun t => replace_param theta t)
  (fun t => replace_param (zero_params ps) t) delta.
rewrite replace_param_at => /(_ NP (is_diff_cst _ _) (one_layer_varies _ _) lossP).
move=> /= H; apply: (is_diff_congr H) => // h.
by rewrite mulmx0 add0r gradients_mul_one.
Qed.

Theorem backpropagation_gives_layer_gradient n ps m (N : net R n ps m) x theta
    (loss : 'cV[R]_m.+1 -> R) delta l :
  (l < size ps)%N ->
  net_correct N x theta -> has_gradient loss (forward N x theta) delta ->
  has_gradient (fun t => loss (forward N x (replace_param theta t))) (param_at theta l)
               (gradient_at (backpropagation N x theta delta).2 l).
Proof.
by move=> lt_l NP /gradient_is_jacobian lossP; apply/gradient_is_jacobian;
   exact: (backpropagation_gives_layer_jacobian (loss := fun y => (loss y)%:M) lt_l NP).
Qed.

(* ---- With respect to everything in one vector ---- *)

(* The number of parameters, and the vector's views, one per layer. *)
Definition parameter_count (ps : seq nat) : nat := foldr (fun p c => p.+1 + c)%N 0%N ps.

Fixpoint views ps : 'cV[R]_(parameter_count ps) -> params R ps :=
  match ps return 'cV[R]_(parameter_count ps) -> params R ps with
  | [::] => fun _ => tt
  | p :: ps' => fun t => (usubmx t, views (dsubmx t))
  end.

Fixpoint flatten_params ps : params R ps -> 'cV[R]_(parameter_count ps) :=
  match ps return params R ps -> 'cV[R]_(parameter_count ps) with
  | [::] => fun _ => 0
  | p :: ps' => fun theta => col_mx theta.1 (flatten_params theta.2)
  end.

Fixpoint flatten_gradients r ps : gradients R r ps -> 'M[R]_(r, parameter_count ps) :=
  match ps return gradients R r ps -> 'M[R]_(r, parameter_count ps) with
  | [::] => fun _ => 0
  | p :: ps' => fun g => row_mx g.1 (flatten_gradients g.2)
  end.

Lemma flatten_paramsK ps (theta : params R ps) : views (flatten_params theta) = theta.
Proof.
elim: ps theta => [|p ps IH] /=; first by case.
by case=> t theta /=; rewrite col_mxKu col_mxKd IH.
Qed.

Lemma gradients_mul_views r ps (g : gradients R r ps) t :
  gradients_mul g (views t) = flatten_gradients g *m t.
Proof.
elim: ps g t => [|p ps IH] /= g t; first by rewrite mul0mx.
by rewrite IH -[in RHS](vsubmxK t) mul_row_col.
Qed.

(* A linear view of one vector into all parameters varies as itself. *)
Lemma views_vary q ps (f : {linear 'cV[R]_q.+1 -> 'cV[R]_(parameter_count ps)})
    (v : 'cV[R]_q.+1) :
  parameters_vary v (fun t => views (f t)) (fun t => views (f t)).
Proof.
elim: ps f => [|p ps IH] //= f; split.
  exact: (is_diff_linear [linear of @usubmx R p.+1 _ 1 \o f] v).
exact: (IH [linear of @dsubmx R p.+1 _ 1 \o f]).
Qed.

Theorem backpropagation_gives_joint_gradient n ps m (N : net R n ps m) x theta
    (loss : 'cV[R]_m.+1 -> R) delta :
  net_correct N x theta -> has_gradient loss (forward N x theta) delta ->
  let b := backpropagation N x theta delta in
  @has_gradient R (n + parameter_count ps)
    (fun z => loss (forward N (@usubmx R n.+1 _ 1 z) (views (@dsubmx R n.+1 _ 1 z))))
    (col_mx x (flatten_params theta)) (row_mx b.1 (flatten_gradients b.2)).
Proof.
move=> NP lossP b.
pose z0 : 'cV[R]_(n + parameter_count ps).+1 := col_mx x (flatten_params theta).
pose U := [linear of @usubmx R n.+1 (parameter_count ps) 1].
pose D := [linear of @dsubmx R n.+1 (parameter_count ps) 1].
have := @backpropagation_along_any_variation_scalar _ n ps m N loss z0 U U
  (fun z => views (D z)) (fun z => views (D z)) delta.
rewrite /= col_mxKu col_mxKd flatten_paramsK.
move=> /(_ NP (@is_diff_linear R (n + parameter_count ps) _ U z0)
           (@views_vary (n + parameter_count ps) ps D z0) lossP) H.
apply: (is_diff_congr H) => // h; rewrite gradients_mul_views -mul_row_col.
by rewrite (vsubmxK (h : 'cV_(n.+1 + _))).
Qed.

Theorem backpropagation_gives_parameter_gradient n p ps m
    (N : net R n (p :: ps) m) x theta (loss : 'cV[R]_m.+1 -> R) delta :
  net_correct N x theta -> has_gradient loss (forward N x theta) delta ->
  @has_gradient R (p + parameter_count ps)
    (fun t => loss (forward N x (@views (p :: ps) t)))
    (@flatten_params (p :: ps) theta)
    (@flatten_gradients 1 (p :: ps) (backpropagation N x theta delta).2).
Proof.
move=> NP lossP.
have := @backpropagation_along_any_variation_scalar
  (matrix_normedModType R (p + parameter_count ps) 0) n (p :: ps) m N loss
  (@flatten_params (p :: ps) theta) (fun=> x) (fun=> 0)
  (@views (p :: ps)) (@views (p :: ps)) delta.
rewrite flatten_paramsK.
have vary := @views_vary (p + parameter_count ps) (p :: ps)
  [linear of idfun] (@flatten_params (p :: ps) theta).
move=> /(_ NP (is_diff_cst _ _) vary lossP) H.
apply: (is_diff_congr H) => // h.
by rewrite mulmx0 add0r gradients_mul_views.
Qed.

(* ---- Batches: a weighted sum of the losses of several examples ---- *)

Theorem backpropagation_gives_batch_gradient n ps m (N : net R n ps m) theta l
    (I : Type) (batch : seq I) (weight : I -> R) (x : I -> 'cV[R]_n.+1)
    (loss : I -> 'cV[R]_m.+1 -> R) delta :
  (l < size ps)%N -> (forall i, net_correct N (x i) theta) ->
  (forall i, has_gradient (loss i) (forward N (x i) theta) (delta i)) ->
  has_gradient
    (fun t => \sum_(i <- batch)
       weight i * loss i (forward N (x i) (replace_param theta t))) (param_at theta l)
    (\sum_(i <- batch)
       weight i *: gradient_at (backpropagation N (x i) theta (delta i)).2 l).
Proof.
move=> lt_l NP lossP; apply: gradient_weighted_sum => i.
exact: backpropagation_gives_layer_gradient.
Qed.

(* ---- Shared weights: every layer uses the same vector ---- *)

Fixpoint share p L (t : 'cV[R]_p.+1) : params R (nseq L p) :=
  match L return params R (nseq L p) with
  | 0 => tt
  | L'.+1 => (t, share L' t)
  end.

Fixpoint sum_of_gradients r p L : gradients R r (nseq L p) -> 'M[R]_(r, p.+1) :=
  match L return gradients R r (nseq L p) -> 'M[R]_(r, p.+1) with
  | 0 => fun _ => 0
  | L'.+1 => fun g => g.1 + sum_of_gradients g.2
  end.

Theorem backpropagation_gives_shared_gradient n p L m
    (N : net R n (nseq L p) m) x t (loss : 'cV[R]_m.+1 -> R) delta :
  net_correct N x (share L t) -> has_gradient loss (forward N x (share L t)) delta ->
  has_gradient (fun s => loss (forward N x (share L s))) t
               (sum_of_gradients (backpropagation N x (share L t) delta).2).
Proof.
move=> NP lossP.
have vary : parameters_vary t (@share p L) (@share p L).
  by elim: L {N NP lossP} => [|L IH] //=; split; first exact: is_diff_id.
have := backpropagation_along_any_variation_scalar NP (is_diff_cst x t) vary lossP.
move=> /= H; apply: (is_diff_congr H) => // h; rewrite mulmx0 add0r.
congr (fun_of_matrix _ 0 0); move: (_ .2) => g; elim: L g {N NP lossP vary H} => [|L IH] g /=.
  by rewrite mul0mx.
by rewrite IH mulmxDl.
Qed.

End Backpropagation.
