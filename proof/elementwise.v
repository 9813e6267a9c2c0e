(* -------------------------------------------------------------------------- *)
(* Elementwise functions                                                      *)
(*                                                                            *)
(* If s : R -> R has the derivative s', then the function that applies s to   *)
(* every coordinate has the diagonal Jacobian  A = diag (s' (x_i)).           *)
(* [elementwise_correct] needs the derivative of s only at the coordinates    *)
(* x_i, so it covers ReLU wherever no coordinate is 0. Instances:             *)
(*    sigmoid    1 / (1 + e^-z)          s (1 - s)                            *)
(*    tanh       (e^z - e^-z)/(e^z+e^-z) 1 - tanh^2                           *)
(*    softplus   ln (1 + e^z)            sigmoid                              *)
(*    ReLU       max z 0                 1 if z > 0, else 0   (z <> 0)        *)
(*    leaky ReLU z if z > 0, else c z    1 if z > 0, else c   (z <> 0)        *)
(*    Hardtanh   z between low and high  1 between, else 0   (not at a kink)  *)
(*    SiLU       z sigmoid z             s + z s (1 - s)                      *)
(* At 0 ReLU has no derivative ([relu_not_derivable_at_0]); the program uses  *)
(* 0 there, as PyTorch does, and the theorem says nothing.                    *)
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

Local Open Scope classical_set_scope.
Local Open Scope ring_scope.

Section Elementwise.
Variable R : numFieldType.

Definition elementwise (s s' : R -> R) n : function R n n :=
  Function (fun x => \col_i s (x i 0)) (fun x => diag_mx (\row_i s' (x i 0))).

Theorem elementwise_correct (s s' : R -> R) n (x : 'cV[R]_n.+1) :
  (forall i, is_derive (x i 0) 1 s (s' (x i 0))) ->
  function_correct (elementwise s s' n) x.
Proof.
move=> sP; apply: jacobian_coordinatewise => i.
have H := is_diff_real_comp (sP i) (is_diff_coordinate i 0 x).
by apply: (is_diff_congr H) => v; rewrite ?mul_diag_mx !mxE.
Qed.

(* Equal near a point, equal derivatives there. *)
Lemma is_derive_near (f g : R -> R) (x a : R) :
  {near x, f =1 g} -> is_derive x 1 f a -> is_derive x 1 g a.
Proof.
move=> fg [fd fE]; have fgx : f x = g x := nbhs_singleton fg.
suff H : h^-1 *: ((g \o shift x) h%:A - g x) @[h --> 0^'] --> a.
  by apply: DeriveDef; [apply/cvg_ex; exists a | apply: cvg_lim].
have F : h^-1 *: ((f \o shift x) h%:A - f x) @[h --> 0^'] --> a by rewrite -fE.
apply: cvg_trans F; apply: near_eq_cvg.
have /nbhs_ballP [e /= e0 He] := fg; exists e => //= h h_ball _.
rewrite fgx He // -ball_normE /= opprD addrCA subrr addr0.
by move: h_ball; rewrite /= sub0r normrN [_%:A]mulr1 normrN.
Qed.

(* Piecewise-linear functions make sense over every field, the rationals included. *)
Definition leaky_relu (c z : R) : R := if 0 < z then z else c * z.
Definition leaky_relu' (c z : R) : R := if 0 < z then 1 else c.
Definition clip (low high z : R) : R :=
  if z < low then low else if high < z then high else z.
Definition clip' (low high z : R) : R := if (low < z) && (z < high) then 1 else 0.

End Elementwise.

Section Activations.
Variable R : realType.
Implicit Types z : R.

(* ---- Sigmoid, tanh, softplus, SiLU ---- *)

Definition sigmoid z : R := (1 + expR (- z))^-1.

Lemma is_derive_expRN z : is_derive z 1 (fun y : R => expR (- y)) (- expR (- z)).
Proof.
have H : is_derive z 1 ((@expR R) \o -%R) (expR (- z) * - 1) by exact: is_derive1_comp.
by apply: (is_derive_eq H); rewrite mulrN1.
Qed.

Lemma sigmoid_denominator_gt0 z : 0 < 1 + expR (- z).
Proof. by rewrite addr_gt0 // expR_gt0. Qed.

Theorem is_derive_sigmoid z : is_derive z 1 sigmoid (sigmoid z * (1 - sigmoid z)).
Proof.
have d0 := lt0r_neq0 (sigmoid_denominator_gt0 z).
have dP : is_derive z 1 (fun y : R => 1 + expR (- y)) (0 + - expR (- z)).
  by apply: is_deriveD; exact: is_derive_expRN.
apply: (is_derive_eq (@is_deriveV R (fun y => 1 + expR (- y)) z _ _ d0 dP)).
rewrite /sigmoid add0r scalerN scaleNr opprK.
rewrite (_ : 1 - _ = expR (- z) / (1 + expR (- z))); last first.
  by apply: (mulIf d0); rewrite mulfVK // mulrBl mulVf // mul1r addrAC subrr add0r.
by rewrite mulrCA -expr2 exprVn mulrC.
Qed.

Definition tanh z : R := (expR z - expR (- z)) / (expR z + expR (- z)).

Theorem is_derive_tanh z : is_derive z 1 tanh (1 - tanh z ^+ 2).
Proof.
pose p (y : R) := expR y - expR (- y); pose q (y : R) := expR y + expR (- y).
have q0 : q z != 0 by rewrite lt0r_neq0 // addr_gt0 // expR_gt0.
have pP : is_derive z 1 p (q z).
  apply: (is_derive_eq (is_deriveB (is_derive_expR z) (is_derive_expRN z))).
  by rewrite opprK.
have qP : is_derive z 1 q (p z).
  exact: (is_deriveD (is_derive_expR z) (is_derive_expRN z)).
apply: (is_derive_eq (is_deriveM pP (@is_deriveV R q z _ _ q0 qP))).
rewrite /tanh -/(p z) -/(q z) /GRing.scale /= mulVf // mulNr mulrN addrC.
by rewrite exprMn exprVn expr2 -!mulrA; congr (_ - _ * _); rewrite mulrC.
Qed.

Definition softplus z : R := ln (1 + expR z).

Theorem is_derive_softplus z : is_derive z 1 softplus (sigmoid z).
Proof.
have d0 : 0 < 1 + expR z by rewrite addr_gt0 // expR_gt0.
have dP : is_derive z 1 (fun y : R => 1 + expR y) (0 + expR z).
  exact: is_deriveD.
have H := @is_derive1_comp R (@ln R) _ z _ _ (is_derive1_ln d0) dP.
apply: (is_derive_eq H); rewrite add0r /sigmoid expRN.
have e0 : expR z != 0 by rewrite lt0r_neq0 // expR_gt0.
rewrite (_ : 1 + (expR z)^-1 = (1 + expR z) / expR z).
  by rewrite invf_div mulrC.
by rewrite mulrDl mul1r divff // addrC.
Qed.

Definition silu z : R := z * sigmoid z.

Theorem is_derive_silu z :
  is_derive z 1 silu (sigmoid z + z * (sigmoid z * (1 - sigmoid z))).
Proof.
apply: (is_derive_eq (is_deriveM (is_derive_id z 1) (is_derive_sigmoid z))).
by rewrite addrC /GRing.scale /= mulr1.
Qed.

(* ---- ReLU and leaky ReLU ---- *)

Definition relu z : R := Num.max z 0.
Definition relu' z : R := if 0 < z then 1 else 0.

Lemma near_positive z : 0 < z -> \forall y \near z, 0 < y.
Proof.
move=> z0; apply/nbhs_ballP; exists z => //= y; rewrite -ball_normE /=.
by move=> /ltr_normlP [_]; rewrite ltr_subl_addl ltr_addr.
Qed.

Lemma near_negative z : z < 0 -> \forall y \near z, y < 0.
Proof.
move=> z0; apply/nbhs_ballP; exists (- z) => /=; first by rewrite oppr_gt0.
move=> y; rewrite -ball_normE /= => /ltr_normlP [].
by rewrite opprB ltr_subl_addr addNr.
Qed.

Theorem is_derive_leaky_relu (c : R) z :
  z != 0 -> is_derive z 1 (leaky_relu c) (leaky_relu' c z).
Proof.
rewrite /leaky_relu' neq_lt => /orP[z0|z0].
  have idc : is_derive z 1 (fun y : R => c * y) c.
    apply: (is_derive_eq (is_deriveZ c (is_derive_id z 1))).
    by rewrite [LHS]mulr1.
  rewrite ltNge ltW //=; apply: is_derive_near idc.
  by apply: filterS (near_negative z0) => y y0; rewrite /leaky_relu ltNge ltW.
rewrite z0; apply: is_derive_near (is_derive_id z 1).
by apply: filterS (near_positive z0) => y y0; rewrite /leaky_relu y0.
Qed.

Lemma reluE : relu = leaky_relu 0.
Proof.
apply/funext => z; rewrite /relu /leaky_relu mul0r.
by case: ltP => [/ltW z0|z0]; rewrite ?(max_idPl _) ?(max_idPr _).
Qed.

Theorem is_derive_relu z : z != 0 -> is_derive z 1 relu (relu' z).
Proof. by rewrite reluE; exact: is_derive_leaky_relu. Qed.

(* Hardtanh, away from its two kinks. *)
Lemma near_above (a z : R) : a < z -> \forall y \near z, a < y.
Proof.
move=> az; apply/nbhs_ballP; exists (z - a) => /=; first by rewrite subr_gt0.
move=> y; rewrite -ball_normE /= => /ltr_normlP [_].
by rewrite ltr_add2l ltr_opp2.
Qed.

Lemma near_below (a z : R) : z < a -> \forall y \near z, y < a.
Proof.
move=> za; apply/nbhs_ballP; exists (a - z) => /=; first by rewrite subr_gt0.
move=> y; rewrite -ball_normE /= => /ltr_normlP [].
by rewrite opprB ltr_add2r.
Qed.

Theorem is_derive_clip (low high z : R) :
  low <= high -> z != low -> z != high ->
  is_derive z 1 (clip low high) (clip' low high z).
Proof.
move=> lh zl zh; rewrite /clip'.
case: (ltgtP low z) zl => //= [lz|zl] _; last first.
  apply: (is_derive_near _ (is_derive_cst low z 1)).
  by apply: filterS (near_below zl) => y yl; rewrite /clip yl.
case: (ltgtP z high) zh => //= [zh|hz] _.
  apply: (is_derive_near _ (is_derive_id z 1)).
  apply: filterS2 (near_above lz) (near_below zh) => y ly yh.
  by rewrite /clip ltNge (ltW ly) /= ltNge (ltW yh).
apply: (is_derive_near _ (is_derive_cst high z 1)).
apply: filterS (near_above hz) => y hy.
by rewrite /clip hy ltNge (ltW (le_lt_trans lh hy)).
Qed.

(* From the right the slope at 0 is 1, from the left 0. *)
Theorem relu_not_derivable_at_0 : ~ derivable relu 0 1.
Proof.
move=> /derivableP /is_derive1_caratheodory [g [gE gC _]].
have /cvgrPdist_lt /(_ (1 / 2)) := gC; rewrite divr_gt0 // => /(_ isT).
move=> /nbhs_ballP [e /= e0 He].
have e2 : 0 < e / 2 by rewrite divr_gt0.
have relu0 : relu 0 = 0 by rewrite /relu maxxx.
have right_slope : g (e / 2) = 1.
  have := gE (e / 2); rewrite relu0 !subr0 /relu (max_idPl _) ?ltW // => H.
  by apply: (mulIf (lt0r_neq0 e2)); rewrite mul1r.
have left_slope : g (- (e / 2)) = 0.
  have := gE (- (e / 2)); rewrite relu0 !subr0 /relu (max_idPr _) ?oppr_le0 ?ltW //.
  by move/esym/eqP; rewrite mulf_eq0 oppr_eq0 (negbTE (lt0r_neq0 e2)) orbF => /eqP.
have e2e : e / 2 < e by rewrite ltr_pdivr_mulr // ltr_pmulr // ltr1n.
have b1 : `|g 0 - 1| < 1 / 2.
  have := He (e / 2); rewrite /= right_slope; apply.
  by rewrite -ball_normE /= sub0r normrN gtr0_norm.
have b2 : `|g 0| < 1 / 2.
  have := He (- (e / 2)); rewrite /= left_slope subr0; apply.
  by rewrite -ball_normE /= opprK add0r gtr0_norm.
have := ltr_add b2 b1; rewrite -splitr ltNge => /negP; apply.
by apply: le_trans (ler_norm_sub _ _); rewrite opprB addrCA subrr addr0 normr1.
Qed.

(* ---- As functions of a network ---- *)

Definition sigmoid_function n : function R n n :=
  elementwise sigmoid (fun z => sigmoid z * (1 - sigmoid z)) n.
Definition tanh_function n : function R n n :=
  elementwise tanh (fun z => 1 - tanh z ^+ 2) n.
Definition softplus_function n : function R n n := elementwise softplus sigmoid n.
Definition silu_function n : function R n n :=
  elementwise silu (fun z => sigmoid z + z * (sigmoid z * (1 - sigmoid z))) n.
Definition relu_function n : function R n n := elementwise relu relu' n.
Definition leaky_relu_function c n : function R n n :=
  elementwise (leaky_relu c) (leaky_relu' c) n.

Theorem sigmoid_correct n x : function_correct (sigmoid_function n) x.
Proof. by apply: elementwise_correct => i; exact: is_derive_sigmoid. Qed.

Theorem tanh_correct n x : function_correct (tanh_function n) x.
Proof. by apply: elementwise_correct => i; exact: is_derive_tanh. Qed.

Theorem softplus_correct n x : function_correct (softplus_function n) x.
Proof. by apply: elementwise_correct => i; exact: is_derive_softplus. Qed.

Theorem silu_correct n x : function_correct (silu_function n) x.
Proof. by apply: elementwise_correct => i; exact: is_derive_silu. Qed.

Theorem relu_correct n (x : 'cV[R]_n.+1) :
  (forall i, x i 0 != 0) -> function_correct (relu_function n) x.
Proof. by move=> x0; apply: elementwise_correct => i; exact: is_derive_relu. Qed.

Theorem leaky_relu_correct c n (x : 'cV[R]_n.+1) :
  (forall i, x i 0 != 0) -> function_correct (leaky_relu_function c n) x.
Proof. by move=> x0; apply: elementwise_correct => i; exact: is_derive_leaky_relu. Qed.

End Activations.
