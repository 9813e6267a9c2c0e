(* -------------------------------------------------------------------------- *)
(* LayerNorm and RMSNorm                                                      *)
(*                                                                            *)
(* Let N be the number of coordinates and e > 0. For a fixed matrix C put     *)
(*    c = C x,   rho = sqrt (mean of c_i^2 + e),   h = c / rho.               *)
(* [normalize_correct]: x |-> h has  A = (1/rho) (I - h h^T / N) C.           *)
(*  - RMSNorm: C = I, so A = (1/rho) (I - h h^T / N)     [rms_norm_A]         *)
(*  - LayerNorm: C = I - 1 1^T / N takes the mean away, and since h^T 1 = 0,  *)
(*    A = (1/rho) (I - 1 1^T / N - h h^T / N)            [layer_norm_A]       *)
(* A gain g and a shift b follow as a layer of their own, g * h + b, with     *)
(* A = diag g and B = [ diag h , I ] ([scale_shift_correct]); the composition *)
(* is the LayerNorm of the library ([layer_norm_correct]).                    *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.analysis Require Import reals signed topology prodnormedzmodule.
From mathcomp.analysis Require Import normedtype landau derive sequences realfun exp.
From backproof Require Import jacobian network affine combinators elementwise.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.

Local Open Scope ring_scope.

Section Normalization.
Variable R : realType.

Lemma is_derive_sqrt (v : R) : 0 < v -> is_derive v 1 (@Num.sqrt R) (2 * Num.sqrt v)^-1.
Proof.
move=> v0; have s0 : 0 < Num.sqrt v by rewrite sqrtr_gt0.
have sqE : (Num.sqrt v) ^+ 2 = v by rewrite sqr_sqrtr // ltW.
rewrite -{1}sqE; pose sq (y : R) := y ^+ 2.
have sqP (y : R) : is_derive y 1 sq (2 * y).
  apply: (is_derive_eq (is_deriveX 1 (is_derive_id y 1))).
  by rewrite expr1 [LHS]mulr1.
apply: (@is_derive_inverse R sq (@Num.sqrt R)) => //; last first.
- by rewrite mulf_neq0 ?lt0r_neq0.
- near=> y; apply: differentiable_continuous; apply/derivable1_diffP.
  exact: (@ex_derive _ _ _ _ _ _ _ (sqP y)).
near=> y; rewrite /sq sqrtr_sqr ger0_norm // ltW //.
near: y; exact: near_positive.
Unshelve. all: by end_near. Qed.

Section Normalize.
Variable n : nat.
Variables (C : 'M[R]_n.+1) (e : R).
Hypothesis e_gt0 : 0 < e.
Implicit Types x : 'cV[R]_n.+1.

Local Notation N := (n.+1%:R : R).

Definition mean_square x : R := N^-1 * \sum_k (C *m x) k 0 ^+ 2.
Definition rho x : R := Num.sqrt (mean_square x + e).
Definition normalize_fun x : 'cV[R]_n.+1 := \col_i ((C *m x) i 0 * (rho x)^-1).

Definition normalize : function R n n :=
  Function normalize_fun (fun x =>
    let h := normalize_fun x in (rho x)^-1 *: ((1%:M - N^-1 *: (h *m h^T)) *m C)).

Lemma mean_square_ge0 x : 0 <= mean_square x.
Proof. by rewrite mulr_ge0 ?invr_ge0 // sumr_ge0 // => i _; rewrite sqr_ge0. Qed.

Lemma rho_gt0 x : 0 < rho x.
Proof. by rewrite sqrtr_gt0 ltr_paddl // mean_square_ge0. Qed.

Lemma is_diff_centered x i :
  has_differential (fun v : 'cV[R]_n.+1 => (C *m v) i 0) x (fun h => (C *m h) i 0).
Proof. exact: (is_diff_coordinates i (is_diff_mulmx_left C x)). Qed.

(* d (mean square) = 2/N c^T dc *)
Lemma is_diff_mean_square x :
  has_differential mean_square x
    (fun h => N^-1 *: \sum_k (2 * (C *m x) k 0) * (C *m h) k 0).
Proof.
have sqP (y : R) : is_derive y 1 (fun u : R => u ^+ 2) (2 * y).
  apply: (is_derive_eq (is_deriveX 1 (is_derive_id y 1))).
  by rewrite expr1 [LHS]mulr1.
have sumP := @is_diff_sum R _ _ _ (index_enum _) xpredT _ _ x
  (fun (k : 'I_n.+1) _ => is_diff_real_comp (sqP _) (is_diff_centered x k)).
exact: (is_diffZ N^-1 sumP).
Qed.

Lemma is_diff_rho x :
  has_differential rho x (fun h => N^-1 * ((normalize_fun x)^T *m (C *m h)) 0 0).
Proof.
have addP := is_diffD (is_diff_mean_square x) (is_diff_cst e x).
have v0 : 0 < mean_square x + e by rewrite ltr_paddl // mean_square_ge0.
have H := is_diff_real_comp (f := mean_square + cst e) (is_derive_sqrt v0) addP.
apply: (is_diff_congr H) => // h.
rewrite -[(_ + _) h]/(N^-1 * (\sum_k (2 * (C *m x) k 0) * (C *m h) k 0) + 0) addr0.
rewrite mulrCA; congr (_ * _); rewrite mxE mulr_sumr; apply: eq_bigr => k _.
rewrite !mxE -/(rho x) invfM -[X in _ * X]mulrA mulrACA mulVf ?pnatr_eq0 // mul1r.
by rewrite mulrA [_^-1 * _]mulrC.
Qed.

Theorem normalize_correct x : function_correct normalize x.
Proof.
apply: jacobian_coordinatewise => i.
have r0 := lt0r_neq0 (rho_gt0 x).
have invP : is_derive (rho x) 1 (fun y : R => y^-1) (- (rho x) ^- 2 *: 1).
  exact: (@is_deriveV R id _ _ _ r0 (is_derive_id _ _)).
have H := is_diff_product (is_diff_centered x i) (is_diff_real_comp invP (is_diff_rho x)).
apply: (is_diff_congr H) => [v|h]; first by rewrite [RHS]mxE.
have -> : (function_A normalize x *m h) i 0 = (rho x)^-1 * ((C *m h) i 0 -
    N^-1 * (normalize_fun x i 0 * ((normalize_fun x)^T *m (C *m h)) 0 0)).
  rewrite -scalemxAl -mulmxA mulmxBl mul1mx -scalemxAl -mulmxA.
  rewrite [LHS]mxE; congr (_ * _); rewrite [LHS]mxE; congr (_ + _).
  by rewrite [LHS]mxE; congr (- _); rewrite [LHS]mxE; congr (_ * _); rewrite [LHS]mxE big_ord1.
rewrite [normalize_fun x i 0]mxE; move: (((normalize_fun x)^T *m (C *m h)) 0 0) => q.
move: ((C *m x) i 0) ((C *m h) i 0) => c d; rewrite [_ *: 1]mulr1.
rewrite mulrBr addrC [d * _]mulrC; congr (_ + _).
rewrite mulNr mulrN -exprVn expr2; congr (- _); rewrite -!mulrA mulrCA; congr (_ * _).
by rewrite [RHS]mulrCA; congr (_ * _); rewrite mulrCA.
Qed.

End Normalize.

(* ---- RMSNorm and LayerNorm without gain and shift ---- *)

Definition rms_norm n e := normalize (1%:M : 'M[R]_n.+1) e.

Lemma rms_norm_A n e x : let h := rms_norm n e x in
  function_A (rms_norm n e) x =
    (rho 1%:M e x)^-1 *: (1%:M - n.+1%:R^-1 *: (h *m h^T)).
Proof. by rewrite /= mulmx1. Qed.

Definition centering n : 'M[R]_n.+1 := 1%:M - n.+1%:R^-1 *: const_mx 1.

Definition standardize n e := normalize (centering n) e.

Lemma centering_mul n (x : 'cV[R]_n.+1) i :
  (centering n *m x) i 0 = x i 0 - n.+1%:R^-1 * \sum_k x k 0.
Proof.
rewrite mulmxBl mul1mx -scalemxAl !mxE; congr (_ - _ * _).
by apply: eq_bigr => k _; rewrite mxE mul1r.
Qed.

Lemma centering_sum n (x : 'cV[R]_n.+1) : \sum_i (centering n *m x) i 0 = 0.
Proof.
under eq_bigr do rewrite centering_mul.
by rewrite sumrB sumr_const card_ord -mulr_natl mulrA divff ?mul1r ?subrr // pnatr_eq0.
Qed.

Lemma layer_norm_A n e x : let h := standardize n e x in
  function_A (standardize n e) x = (rho (centering n) e x)^-1 *:
    (1%:M - n.+1%:R^-1 *: const_mx 1 - n.+1%:R^-1 *: (h *m h^T)).
Proof.
move=> h; rewrite /= -/(h) mulmxBl mul1mx -scalemxAl -mulmxA.
suff -> : h^T *m centering n = h^T by [].
rewrite /centering mulmxBr mulmx1 -scalemxAr (_ : h^T *m const_mx 1 = 0) ?scaler0 ?subr0 //.
apply/matrixP => i j; rewrite [RHS]mxE.
transitivity ((\sum_k (centering n *m x) k 0) * (rho (centering n) e x)^-1).
  rewrite mxE mulr_suml; apply: eq_bigr => k _.
  by rewrite [const_mx _ _ _]mxE mulr1 mxE (ord1 i) mxE.
by rewrite centering_sum mul0r.
Qed.

(* ---- Gain and shift ---- *)

Section ScaleShift.
Variable n : nat.

Local Notation gain := (@first_of R n n).
Local Notation shift := (@second_of R n n).

Fact diag_gain_is_linear : linear (fun u => diag_mx (gain u)^T).
Proof. by move=> c t u; rewrite /first_of !linearP. Qed.

Definition scale_shift : layer R n (both n n) n :=
  linear_in_parameters (Linear diag_gain_is_linear) (Linear (@second_of_is_linear R n n))
    (fun x => block_row (diag_mx x^T) 1%:M).

Lemma scale_shiftE x t i : scale_shift x t i 0 = gain t i 0 * x i 0 + shift t i 0.
Proof. by rewrite /= mul_diag_mx !mxE. Qed.

Theorem scale_shift_correct x t : layer_correct scale_shift x t.
Proof.
apply: linear_in_parameters_correct => u; rewrite block_row_mul mul1mx; congr (_ + _).
by apply/colP => i; rewrite /= !mul_diag_mx !mxE mulrC.
Qed.

End ScaleShift.

Definition layer_norm n e : layer R n (both n n) n :=
  function_then_layer (standardize n e) (scale_shift n).

Theorem layer_norm_correct n e x t : 0 < e -> layer_correct (layer_norm n e) x t.
Proof.
move=> e0; apply: function_then_layer_correct; last exact: scale_shift_correct.
exact: (@normalize_correct n (centering n) e e0 x).
Qed.

Theorem rms_norm_correct n e x : 0 < e -> function_correct (rms_norm n e) x.
Proof. by move=> e0; exact: (@normalize_correct n 1%:M e e0 x). Qed.

End Normalization.
