(* A certificate with a condition: 8 - 4 - 1 with ReLU and squared error, wherever  *)
(* no input of a ReLU is 0.                                                         *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import reals normedtype derive.
From backproof Require Import jacobian network theorem affine elementwise softmax losses
  combinators certificate.

Set Implicit Arguments.
Unset Strict Implicit.
Local Open Scope ring_scope.

Section Certificate.
Variable R : realType.

Definition sizes : seq nat := [:: affine_size 3 7; affine_size 0 3].

Definition network : net R 7 sizes 0 :=
  Parametric (affine R 7 3) (
  Apply (relu_function R 3) (
  Parametric (affine R 3 0) (
  Output R 0))).

Definition nonzero n (z : 'cV[R]_n.+1) : Prop := forall i, z i 0 != 0.

Definition no_kink : condition R 7 sizes :=
  layer_condition (affine R 7 3) (
  function_condition (relu_function R 3) (@nonzero 3) (
  layer_condition (affine R 3 0) (
  @no_condition R 0 [::]))).

Definition network_correct : correct_when network no_kink :=
  when_layer (@affine_correct R 7 3) (
  when_function (@relu_correct R 3) (
  when_layer (@affine_correct R 3 0) (
  @when_output R 0))).

Theorem certificate (y : 'cV[R]_1) x theta l : no_kink x theta -> (l < size sizes)%N ->
  has_gradient (fun t => (squared_error y) (forward network x (replace_param theta t)))
    (param_at theta l)
    (gradient_at (backpropagation network x theta (forward network x theta - y)^T).2 l).
Proof.
move=> Cx; exact: (certified_layer_gradient network_correct
  (fun z => squared_error_gradient y z) Cx).
Qed.

End Certificate.

Print Assumptions certificate.
