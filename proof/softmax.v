(* -------------------------------------------------------------------------- *)
(* Softmax, log-softmax and cross-entropy                                     *)
(*                                                                            *)
(* With s = softmax x, s_i = e^(x_i) / sum_k e^(x_k):                         *)
(*   [softmax_correct]         softmax has A = diag s - s s^T                 *)
(*   [log_sum_exp_gradient]    log sum_k e^(x_k) has the gradient s^T         *)
(*   [log_softmax_correct]     x - logsumexp x has A = I - 1 s^T              *)
(*   [cross_entropy_gradient]  - sum_i y_i (log-softmax z)_i has the gradient *)
(*                             (s - y)^T when the y_i sum to 1                *)
(*   [cross_entropy_is_product] the same as the product (-y^T) (I - 1 s^T).   *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.analysis Require Import reals signed topology prodnormedzmodule.
From mathcomp.analysis Require Import normedtype landau derive sequences realfun exp.
From backproof Require Import jacobian network.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.

Local Open Scope ring_scope.

Section Softmax.
Variable R : realType.
Variable n : nat.
Implicit Types x y z : 'cV[R]_n.+1.

Definition sum_exp x : R := \sum_k expR (x k 0).

Lemma sum_exp_gt0 x : 0 < sum_exp x.
Proof.
rewrite /sum_exp big_ord_recl ltr_spaddl ?expR_gt0 //.
by apply: sumr_ge0 => i _; rewrite ltW // expR_gt0.
Qed.

Lemma sum_exp_neq0 x : sum_exp x != 0.
Proof. by rewrite lt0r_neq0 // sum_exp_gt0. Qed.

Definition softmax_fun x : 'cV[R]_n.+1 := \col_i (expR (x i 0) / sum_exp x).

Definition softmax : function R n n :=
  Function softmax_fun
    (fun x => let s := softmax_fun x in diag_mx s^T - s *m s^T).

(* Softmax is a probability distribution. *)
Lemma softmax_gt0 x i : 0 < softmax_fun x i 0.
Proof. by rewrite mxE divr_gt0 ?expR_gt0 ?sum_exp_gt0. Qed.

Lemma softmax_sum x : \sum_i softmax_fun x i 0 = 1.
Proof.
under eq_bigr do rewrite mxE.
by rewrite -mulr_suml divff // sum_exp_neq0.
Qed.

Lemma is_diff_exp_coordinate i x :
  has_differential (fun v : 'cV[R]_n.+1 => expR (v i 0)) x
                   (fun h : 'cV[R]_n.+1 => expR (x i 0) * h i 0).
Proof. exact: (is_diff_real_comp (is_derive_expR _) (is_diff_coordinate i 0 x)). Qed.

Lemma is_diff_sum_exp x :
  has_differential sum_exp x (fun h : 'cV[R]_n.+1 => \sum_k expR (x k 0) * h k 0).
Proof. by apply: is_diff_sum => k _; exact: is_diff_exp_coordinate. Qed.

Lemma softmax_mulE x (h : 'cV[R]_n.+1) :
  ((softmax_fun x)^T *m h) 0 0 = (\sum_k expR (x k 0) * h k 0) / sum_exp x.
Proof.
by rewrite mxE mulr_suml; apply: eq_bigr => k _; rewrite !mxE mulrAC.
Qed.

Theorem softmax_correct x : function_correct softmax x.
Proof.
apply: jacobian_coordinatewise => i.
have Z0 := sum_exp_neq0 x.
have invP : is_derive (sum_exp x) 1 (fun y : R => y^-1) (- (sum_exp x) ^- 2 *: 1).
  exact: (@is_deriveV R id _ _ _ Z0 (is_derive_id _ _)).
have H := is_diff_product (is_diff_exp_coordinate i x)
            (is_diff_real_comp invP (is_diff_sum_exp x)).
apply: (is_diff_congr H) => [v|h]; first by rewrite mxE.
rewrite mulmxBl -mulmxA mul_diag_mx !mxE big_ord1 softmax_mulE !mxE.
rewrite [_ *: 1]mulr1 mulNr mulrN addrC; congr (_ - _).
  by rewrite mulrAC.
by rewrite -exprVn expr2 -!mulrA; congr (_ * (_ * _)); rewrite mulrC.
Qed.

(* ---- Log-sum-exp and log-softmax ---- *)

Definition log_sum_exp x : R := ln (sum_exp x).

Theorem log_sum_exp_gradient x : has_gradient log_sum_exp x (softmax_fun x)^T.
Proof.
have H := is_diff_real_comp (is_derive1_ln (sum_exp_gt0 x)) (is_diff_sum_exp x).
by apply: (is_diff_congr H) => // h; rewrite softmax_mulE mulrC.
Qed.

Definition log_softmax_fun x : 'cV[R]_n.+1 := \col_i (x i 0 - log_sum_exp x).

Definition log_softmax : function R n n :=
  Function log_softmax_fun (fun x => 1%:M - const_mx 1 *m (softmax_fun x)^T).

Theorem log_softmax_correct x : function_correct log_softmax x.
Proof.
apply: jacobian_coordinatewise => i.
have H := is_diffB (is_diff_coordinate i 0 x) (log_sum_exp_gradient x).
apply: (is_diff_congr H) => [v|h]; first by rewrite mxE.
by rewrite mulmxBl mul1mx -mulmxA !mxE big_ord1 [X in _ = _ - X * _]mxE mul1r.
Qed.

Lemma log_softmaxE x i : log_softmax_fun x i 0 = ln (softmax_fun x i 0).
Proof.
by rewrite !mxE ln_div ?posrE ?expR_gt0 ?sum_exp_gt0 // expK.
Qed.

(* ---- Cross-entropy on logits ---- *)

Definition cross_entropy y z : R := - \sum_i y i 0 * log_softmax_fun z i 0.

(* Without log-softmax, the gradient is -y^T; the product with A is (s - y)^T. *)
Theorem cross_entropy_is_product y z : \sum_i y i 0 = 1 ->
  - y^T *m function_A log_softmax z = (softmax_fun z - y)^T.
Proof.
move=> y1; rewrite /= mulmxBr mulmx1 mulmxA mulNmx.
rewrite (_ : y^T *m const_mx 1 = 1%:M) ?mulNmx ?mul1mx ?opprK 1?addrC ?linearB //.
apply/matrixP => i j; rewrite (ord1 i) (ord1 j) !mxE eqxx -[RHS]y1.
by apply: eq_bigr => k _; rewrite !mxE mulr1.
Qed.

Lemma negative_log_likelihood_gradient y u :
  has_gradient (fun v : 'cV[R]_n.+1 => - \sum_i y i 0 * v i 0) u (- y^T).
Proof.
have H : has_differential (fun v : 'cV[R]_n.+1 => (- y^T *m v) 0 0) u
                          (fun v => (- y^T *m v) 0 0).
  exact: (is_diff_coordinates 0 (is_diff_mulmx_left (- y^T) u)).
apply: (is_diff_congr H) => // v; rewrite mulNmx !mxE; congr (- _).
by apply: eq_bigr => i _; rewrite mxE.
Qed.

Theorem cross_entropy_gradient y z : \sum_i y i 0 = 1 ->
  has_gradient (cross_entropy y) z (softmax_fun z - y)^T.
Proof.
move=> y1; rewrite -cross_entropy_is_product //.
exact: (gradient_comp (log_softmax_correct z) (negative_log_likelihood_gradient y _)).
Qed.

(* A class k as target: y is the k-th basis vector. *)
Corollary cross_entropy_class_gradient k z :
  has_gradient (fun v => - log_softmax_fun v k 0) z (softmax_fun z - delta_mx k 0)^T.
Proof.
have y1 : \sum_i (delta_mx k 0 : 'cV[R]_n.+1) i 0 = 1.
  rewrite (bigD1 k) //= mxE !eqxx big1 ?addr0 // => i ne.
  by rewrite mxE (negbTE ne).
apply: (is_diff_congr (cross_entropy_gradient z y1)) => // v.
rewrite /cross_entropy (bigD1 k) //= mxE !eqxx mul1r big1 ?addr0 // => i ne.
by rewrite mxE (negbTE ne) mul0r.
Qed.

End Softmax.
