(* -------------------------------------------------------------------------- *)
(* Losses                                                                     *)
(*                                                                            *)
(* A loss maps the network's output z to a real number; its gradient is the   *)
(* row delta_L with which backpropagation starts.                             *)
(*   [separable_loss_gradient]      sum_i l_i (z_i)     ( l_i' (z_i) )_i      *)
(*   [squared_error_gradient]       1/2 ||z - y||^2     (z - y)^T             *)
(*   [binary_cross_entropy_gradient] sum softplus z - y z  (sigmoid z - y)^T  *)
(*   [poisson_loss_gradient]        sum e^z - y z       (e^z - y)^T           *)
(* (cross-entropy on logits is in softmax.v), and                             *)
(*   [mean_loss_gradient]  the gradient of a mean is the mean of the gradients*)
(* which is how a batch of examples is treated.                               *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.analysis Require Import reals signed topology prodnormedzmodule.
From mathcomp.analysis Require Import normedtype landau derive sequences realfun exp.
From backproof Require Import jacobian network elementwise.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.

Local Open Scope ring_scope.

Section Losses.
Variable R : numFieldType.
Variable n : nat.
Implicit Types y z : 'cV[R]_n.+1.

Definition separable_loss (l : 'I_n.+1 -> R -> R) z : R := \sum_i l i (z i 0).

Theorem separable_loss_gradient (l l' : 'I_n.+1 -> R -> R) z :
  (forall i, is_derive (z i 0) 1 (l i) (l' i (z i 0))) ->
  has_gradient (separable_loss l) z (\row_i l' i (z i 0)).
Proof.
move=> lP; have H := @is_diff_sum R _ _ _ (index_enum _) xpredT _ _ z
  (fun (i : 'I_n.+1) _ => is_diff_real_comp (lP i) (is_diff_coordinate i 0 z)).
apply: (is_diff_congr H) => // h; rewrite mxE.
by apply: eq_bigr => i _; rewrite mxE.
Qed.

Definition squared_error y z : R := 2^-1 * \sum_i (z i 0 - y i 0) ^+ 2.

Theorem squared_error_gradient y z : has_gradient (squared_error y) z (z - y)^T.
Proof.
have lP i : is_derive (z i 0) 1 (fun u : R => 2^-1 * (u - y i 0) ^+ 2) (z i 0 - y i 0).
  have dP : is_derive (z i 0) 1 (fun u : R => u - y i 0) (1 - 0) by exact: is_deriveB.
  have H := is_deriveZ 2^-1 (is_deriveX 1 dP).
  apply: (is_derive_eq H).
  by rewrite subr0 expr1 /GRing.scale /= mulr1 mulrA mulVf ?mul1r // pnatr_eq0.
have H := @separable_loss_gradient (fun i u => 2^-1 * (u - y i 0) ^+ 2)
  (fun i u => u - y i 0) z lP.
rewrite (_ : (z - y)^T = \row_i (z i 0 - y i 0)); last by apply/rowP => i; rewrite !mxE.
by apply: (is_diff_congr H) => // v; rewrite /squared_error mulr_sumr.
Qed.

Corollary mean_loss_gradient m N (f : 'I_N -> 'cV[R]_m.+1 -> R) x g :
  (forall i, has_gradient (f i) x (g i)) ->
  has_gradient (fun v => \sum_i N%:R^-1 * f i v) x (\sum_i N%:R^-1 *: g i).
Proof. exact: gradient_weighted_sum. Qed.

End Losses.

Section RealLosses.
Variable R : realType.
Variable n : nat.
Implicit Types y z : 'cV[R]_n.+1.

Lemma is_derive_linear_term (c u : R) : is_derive u 1 (fun v : R => c * v) c.
Proof.
by apply: (is_derive_eq (is_deriveZ c (is_derive_id u 1))); rewrite [LHS]mulr1.
Qed.

Definition binary_cross_entropy y : 'cV[R]_n.+1 -> R :=
  separable_loss (fun i u => softplus u - y i 0 * u).

Theorem binary_cross_entropy_gradient y z :
  has_gradient (binary_cross_entropy y) z (\row_i (sigmoid (z i 0) - y i 0)).
Proof.
apply: (separable_loss_gradient (l' := fun i u => sigmoid u - y i 0)) => i.
exact: (is_deriveB (is_derive_softplus _) (is_derive_linear_term _ _)).
Qed.

(* On a label in {0, 1} this is the usual - y ln s - (1 - y) ln (1 - s). *)
Lemma binary_cross_entropyE (y u : R) :
  softplus u - y * u = - (y * ln (sigmoid u) + (1 - y) * ln (1 - sigmoid u)).
Proof.
have e0 : 0 < 1 + expR u by rewrite addr_gt0 // expR_gt0.
have s0 : sigmoid u = expR u / (1 + expR u).
  rewrite /sigmoid expRN (_ : 1 + (expR u)^-1 = (1 + expR u) / expR u) ?invf_div //.
  by rewrite mulrDl mul1r divff ?lt0r_neq0 ?expR_gt0 // addrC.
have s1 : 1 - sigmoid u = (1 + expR u)^-1.
  apply: (mulIf (lt0r_neq0 e0)); rewrite mulVf ?lt0r_neq0 // mulrBl mul1r s0.
  by rewrite mulfVK ?lt0r_neq0 // addrK.
rewrite s1 s0 ln_div ?posrE ?expR_gt0 // lnV ?posrE // expK /softplus.
by rewrite mulrBr mulrN mulrBl mul1r !opprB addrA subrK.
Qed.

Definition poisson_loss y : 'cV[R]_n.+1 -> R :=
  separable_loss (fun i u => expR u - y i 0 * u).

Theorem poisson_loss_gradient y z :
  has_gradient (poisson_loss y) z (\row_i (expR (z i 0) - y i 0)).
Proof.
apply: (separable_loss_gradient (l' := fun i u => expR u - y i 0)) => i.
exact: (is_deriveB (is_derive_expR _) (is_derive_linear_term _ _)).
Qed.

End RealLosses.
