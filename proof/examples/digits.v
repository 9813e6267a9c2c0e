(* A certificate: 64 - 32 - 10 with tanh and cross-entropy, for all weights and inputs. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import reals normedtype derive.
From backproof Require Import jacobian network theorem affine elementwise softmax losses
  combinators certificate.

Set Implicit Arguments.
Unset Strict Implicit.
Local Open Scope ring_scope.

Section Certificate.
Variable R : realType.

Definition sizes : seq nat := [:: affine_size 31 63; affine_size 9 31].

Definition network : net R 63 sizes 9 :=
  Parametric (affine R 63 31) (
  Apply (tanh_function R 31) (
  Parametric (affine R 31 9) (
  Output R 9))).

Definition network_correct : everywhere_correct network :=
  everywhere_layer (@affine_correct R 63 31) (
  everywhere_function (@tanh_correct R 31) (
  everywhere_layer (@affine_correct R 31 9) (
  @everywhere_output R 9))).

Theorem certificate (k : 'I_10) x theta l : (l < size sizes)%N ->
  has_gradient (fun t => (fun z => - log_softmax_fun z k 0) (forward network x (replace_param theta t)))
    (param_at theta l)
    (gradient_at (backpropagation network x theta ((fun z => (softmax_fun z - delta_mx k 0)^T) (forward network x theta))).2 l).
Proof.
exact: (certified_layer_gradient (everywhere_when network_correct) (fun z => cross_entropy_class_gradient k z)).
Qed.

End Certificate.

Print Assumptions certificate.
