(* -------------------------------------------------------------------------- *)
(* The theorem for multilayer perceptrons, with nothing left to assume        *)
(*                                                                            *)
(* [mlp act n ks m] is the network of affine layers from R^(n+1) through      *)
(* hidden layers of sizes k+1, for k in the list ks, each followed by the     *)
(* activation act, to an affine output in R^(m+1). For sigmoid, tanh, softplus*)
(* and SiLU every layer is differentiable everywhere, so for every depth, all *)
(* widths, all weights, inputs and targets the recursion gives the gradient:  *)
(*   [sigmoid_network_layer_gradient], [sigmoid_network_input_gradient],      *)
(*   [sigmoid_network_joint_gradient]      with the squared error,            *)
(*   [tanh_classifier_layer_gradient]      with cross-entropy on the logits.  *)
(* For ReLU, [relu_network_layer_gradient] asks that no input of a ReLU is 0. *)
(* These theorems have no hypotheses on layers: the theory is not vacuous.    *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.analysis Require Import reals signed topology prodnormedzmodule.
From mathcomp.analysis Require Import normedtype landau derive.
From backproof Require Import jacobian network theorem affine elementwise softmax losses.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.

Local Open Scope ring_scope.

Section Perceptron.
Variable R : realType.

Fixpoint mlp_sizes (n : nat) (ks : seq nat) (m : nat) : seq nat :=
  if ks is k :: ks' then affine_size k n :: mlp_sizes k ks' m else [:: affine_size m n].

Fixpoint mlp (act : forall n, function R n n) n ks m : net R n (mlp_sizes n ks m) m :=
  match ks return net R n (mlp_sizes n ks m) m with
  | [::] => Parametric (affine R n m) (Output R m)
  | k :: ks' => Parametric (affine R n k) (Apply (act k) (mlp act k ks' m))
  end.

Theorem mlp_correct act n ks m x theta :
  (forall k (z : 'cV[R]_k.+1), function_correct (act k) z) ->
  net_correct (mlp act n ks m) x theta.
Proof.
move=> actP; elim: ks n x theta => [|k ks IH] n x theta /=.
  by split=> //; exact: affine_correct.
by split; [exact: affine_correct | split].
Qed.

(* No input of an activation is 0. *)
Fixpoint inputs_nonzero (act : forall n, function R n n) n ks m :
    'cV[R]_n.+1 -> params R (mlp_sizes n ks m) -> Prop :=
  match ks return 'cV[R]_n.+1 -> params R (mlp_sizes n ks m) -> Prop with
  | [::] => fun _ _ => True
  | k :: ks' => fun x theta =>
      let z := affine R n k x theta.1 in
      (forall i, z i 0 != 0) /\ @inputs_nonzero act k ks' m (act k z) theta.2
  end.

Theorem mlp_correct_away_from_0 act n ks m x theta :
  (forall k (z : 'cV[R]_k.+1), (forall i, z i 0 != 0) -> function_correct (act k) z) ->
  inputs_nonzero act x theta -> net_correct (mlp act n ks m) x theta.
Proof.
move=> actP; elim: ks n x theta => [|k ks IH] n x theta /=.
  by move=> _; split=> //; exact: affine_correct.
by move=> [z0 rest]; split; [exact: affine_correct | split; [exact: actP | exact: IH]].
Qed.

(* ---- Sigmoid layers and squared error ---- *)

Definition sigmoid_network n ks m := mlp (@sigmoid_function R) n ks m.

Section SigmoidNetwork.
Variables (n : nat) (ks : seq nat) (m : nat).
Variables (x : 'cV[R]_n.+1) (y : 'cV[R]_m.+1) (theta : params R (mlp_sizes n ks m)).

Let N := sigmoid_network n ks m.
Let output := forward N x theta.
Let b := backpropagation N x theta (output - y)^T.

Let N_correct : net_correct N x theta.
Proof. by apply: mlp_correct => k z; exact: sigmoid_correct. Qed.

Theorem sigmoid_network_input_gradient :
  has_gradient (fun x' => squared_error y (forward N x' theta)) x b.1.
Proof. exact: backpropagation_gives_input_gradient (squared_error_gradient _ _). Qed.

Theorem sigmoid_network_layer_gradient l : (l < size (mlp_sizes n ks m))%N ->
  has_gradient (fun t => squared_error y (forward N x (replace_param theta t)))
               (param_at theta l) (gradient_at b.2 l).
Proof.
by move=> lt_l; exact: backpropagation_gives_layer_gradient (squared_error_gradient _ _).
Qed.

Theorem sigmoid_network_joint_gradient :
  @has_gradient R (n + parameter_count (mlp_sizes n ks m))
    (fun z => squared_error y (forward N (@usubmx R n.+1 _ 1 z) (views (@dsubmx R n.+1 _ 1 z))))
    (col_mx x (flatten_params theta)) (row_mx b.1 (flatten_gradients b.2)).
Proof. exact: backpropagation_gives_joint_gradient (squared_error_gradient _ _). Qed.

End SigmoidNetwork.

(* ---- A tanh classifier with cross-entropy ---- *)

Definition tanh_network n ks m := mlp (@tanh_function R) n ks m.

Theorem tanh_classifier_layer_gradient n ks m x theta k l :
  (l < size (mlp_sizes n ks m))%N ->
  let N := tanh_network n ks m in
  let s := softmax_fun (forward N x theta) in
  has_gradient
    (fun t => - log_softmax_fun (forward N x (replace_param theta t)) k 0)
    (param_at theta l)
    (gradient_at (backpropagation N x theta (s - delta_mx k 0)^T).2 l).
Proof.
move=> lt_l N s; apply: (backpropagation_gives_layer_gradient
  (loss := fun z => - log_softmax_fun z k 0) lt_l).
  by apply: mlp_correct => k' z; exact: tanh_correct.
exact: cross_entropy_class_gradient.
Qed.

(* ---- ReLU, wherever no ReLU has input 0 ---- *)

Definition relu_network n ks m := mlp (@relu_function R) n ks m.

Theorem relu_network_layer_gradient n ks m x y theta l :
  (l < size (mlp_sizes n ks m))%N ->
  let N := relu_network n ks m in
  inputs_nonzero (@relu_function R) x theta ->
  has_gradient (fun t => squared_error y (forward N x (replace_param theta t)))
    (param_at theta l)
    (gradient_at (backpropagation N x theta (forward N x theta - y)^T).2 l).
Proof.
move=> lt_l N x0; apply: backpropagation_gives_layer_gradient => //.
  by apply: mlp_correct_away_from_0 => // k z; exact: relu_correct.
exact: squared_error_gradient.
Qed.

End Perceptron.
