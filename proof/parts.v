(* -------------------------------------------------------------------------- *)
(* More layers, for certificates                                              *)
(*                                                                            *)
(* What a network file may hold beyond the layers of the files before:        *)
(*  - [clip_correct]: Hardtanh as a function, away from its two kinks;        *)
(*  - [scale_correct]: a gain without a shift, and with it RMSNorm and        *)
(*    LayerNorm of that form;                                                 *)
(*  - sums, products and concatenations of branches of which one has          *)
(*    parameters or both, e.g. [product_layers_correct]:                      *)
(*        A = diag(g) A_f + diag(f) A_g,   B = [ diag(g) B_f , diag(f) B_g ]; *)
(*  - [shared_correct]: one layer with one parameter vector L + 1 times:      *)
(*        A = A_T ... A_1,   B = sum over t of A_T ... A_(t+1) B_t.           *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.analysis Require Import reals signed topology prodnormedzmodule.
From mathcomp.analysis Require Import normedtype landau derive.
From backproof Require Import jacobian network theorem affine elementwise combinators
  normalization.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.

Local Open Scope ring_scope.

Section Parts.
Variable R : numFieldType.

(* ---- Gain without shift ---- *)

Section Scale.
Variable n : nat.

Fact diag_is_linear : linear (fun u : 'cV[R]_n.+1 => diag_mx u^T).
Proof. by move=> c t u; rewrite !linearP. Qed.

Fact zero_is_linear : linear (fun _ : 'cV[R]_n.+1 => 0 : 'cV[R]_n.+1).
Proof. by move=> c t u; rewrite scaler0 addr0. Qed.

Definition scale : layer R n n n :=
  linear_in_parameters (Linear diag_is_linear) (Linear zero_is_linear) (fun x => diag_mx x^T).

Lemma scaleE x t i : scale x t i 0 = t i 0 * x i 0.
Proof. by rewrite /= addr0 mul_diag_mx !mxE. Qed.

Theorem scale_correct x t : layer_correct scale x t.
Proof.
apply: linear_in_parameters_correct => u /=.
by rewrite addr0; apply/colP => i; rewrite !mul_diag_mx !mxE mulrC.
Qed.

End Scale.

(* ---- Sums of a layer and a function ---- *)

Definition sum_layer_function n p m (f : layer R n p m) (g : function R n m) : layer R n p m :=
  Layer (fun x t => f x t + g x) (fun x t => layer_A f x t + function_A g x) (layer_B f).

Theorem sum_layer_function_correct n p m (f : layer R n p m) (g : function R n m) x t :
  layer_correct f x t -> function_correct g x -> layer_correct (sum_layer_function f g) x t.
Proof.
move=> fP gP.
have gP' := function_along_variation (V := input_and_parameters R n p) (v := (x, t))
  gP (has_differential_fst x t).
apply: (is_diff_congr (is_diffD fP gP')) => // h.
by rewrite /= mulmxDl addrAC.
Qed.

(* ---- Products, entry by entry ---- *)

Definition times m (u v : 'cV[R]_m.+1) : 'cV[R]_m.+1 := \col_i (u i 0 * v i 0).

Lemma is_diff_times (V : normedModType R) m (F G dF dG : V -> 'cV[R]_m.+1) v :
  has_differential F v dF -> has_differential G v dG ->
  has_differential (fun w => times (F w) (G w)) v
    (fun h => diag_mx (G v)^T *m dF h + diag_mx (F v)^T *m dG h).
Proof.
move=> FP GP; apply: is_diff_coordinatewise => i.
have H := is_diff_product (is_diff_coordinates i FP) (is_diff_coordinates i GP).
apply: (is_diff_congr H) => [w|h]; first by rewrite mxE.
by rewrite !mul_diag_mx !mxE addrC [_ * G v i 0]mulrC.
Qed.

Definition product_layers n p q m (f : layer R n p m) (g : layer R n q m) :
  layer R n (both p q) m :=
  Layer (fun x u => times (f x (first_of u)) (g x (second_of u)))
    (fun x u => diag_mx (g x (second_of u))^T *m layer_A f x (first_of u) +
                diag_mx (f x (first_of u))^T *m layer_A g x (second_of u))
    (fun x u => block_row (diag_mx (g x (second_of u))^T *m layer_B f x (first_of u))
                          (diag_mx (f x (first_of u))^T *m layer_B g x (second_of u))).

Theorem product_layers_correct n p q m (f : layer R n p m) (g : layer R n q m) x u :
  layer_correct f x (first_of u) -> layer_correct g x (second_of u) ->
  layer_correct (product_layers f g) x u.
Proof.
move=> fP gP.
have fP' := layer_along_variation (V := input_and_parameters R n (both p q)) (v := (x, u))
  fP (has_differential_fst x u) (first_of_differential x u).
have gP' := layer_along_variation (V := input_and_parameters R n (both p q)) (v := (x, u))
  gP (has_differential_fst x u) (second_of_differential x u).
apply: (is_diff_congr (is_diff_times fP' gP')) => // h.
by rewrite /= block_row_mul mulmxDl !mulmxDr !mulmxA addrACA.
Qed.

Definition product_layer_function n p m (f : layer R n p m) (g : function R n m) :
  layer R n p m :=
  Layer (fun x t => times (f x t) (g x))
    (fun x t => diag_mx (g x)^T *m layer_A f x t + diag_mx (f x t)^T *m function_A g x)
    (fun x t => diag_mx (g x)^T *m layer_B f x t).

Theorem product_layer_function_correct n p m (f : layer R n p m) (g : function R n m) x t :
  layer_correct f x t -> function_correct g x ->
  layer_correct (product_layer_function f g) x t.
Proof.
move=> fP gP.
have gP' := function_along_variation (V := input_and_parameters R n p) (v := (x, t))
  gP (has_differential_fst x t).
apply: (is_diff_congr (is_diff_times fP gP')) => // h.
by rewrite /= mulmxDl mulmxDr !mulmxA addrAC.
Qed.

(* ---- Outputs under each other ---- *)

Definition under k m (u : 'cV[R]_k.+1) (v : 'cV[R]_m.+1) : 'cV[R]_(k + m.+1).+1 :=
  @col_mx R k.+1 m.+1 1 u v.
Definition rows_under k m n (A : 'M[R]_(k.+1, n)) (C : 'M[R]_(m.+1, n)) :
  'M[R]_((k + m.+1).+1, n) := @col_mx R k.+1 m.+1 n A C.

Lemma rows_under_mul k m n (A : 'M[R]_(k.+1, n)) (C : 'M[R]_(m.+1, n)) (h : 'cV[R]_n) :
  rows_under A C *m h = under (A *m h) (C *m h).
Proof. exact: (@mul_col_mx R k.+1 m.+1 n 1). Qed.

Lemma under_add k m (u u' : 'cV[R]_k.+1) (v v' : 'cV[R]_m.+1) :
  under u v + under u' v' = under (u + u') (v + v').
Proof. exact: (@add_col_mx R k.+1 m.+1 1). Qed.

Lemma is_diff_under (V : normedModType R) k m (F dF : V -> 'cV[R]_k.+1)
    (G dG : V -> 'cV[R]_m.+1) v :
  has_differential F v dF -> has_differential G v dG ->
  has_differential (fun w => under (F w) (G w)) v (fun h => under (dF h) (dG h)).
Proof.
move=> FP GP; apply: is_diff_coordinatewise => i.
have iE (w : 'cV[R]_(k + m.+1).+1) : w i 0 = match fintype.split (i : 'I_(k.+1 + m.+1)) with
    | inl j => @usubmx R k.+1 m.+1 1 w j 0 | inr j => @dsubmx R k.+1 m.+1 1 w j 0 end.
  by rewrite -[w in LHS](@vsubmxK R k.+1 m.+1 1) mxE.
case E : (fintype.split (i : 'I_(k.+1 + m.+1))) iE => [j|j] iE.
  by apply: (is_diff_congr (is_diff_coordinates j FP)) => h; rewrite iE col_mxKu.
by apply: (is_diff_congr (is_diff_coordinates j GP)) => h; rewrite iE col_mxKd.
Qed.

Definition concatenate_functions n k m (f : function R n k) (g : function R n m) :
  function R n (k + m.+1) :=
  Function (fun x => under (f x) (g x))
    (fun x => rows_under (function_A f x) (function_A g x)).

Theorem concatenate_functions_correct n k m (f : function R n k) (g : function R n m) x :
  function_correct f x -> function_correct g x ->
  function_correct (concatenate_functions f g) x.
Proof.
move=> fP gP; apply: (is_diff_congr (is_diff_under fP gP)) => // h.
by rewrite /= rows_under_mul.
Qed.

Definition concatenate_layer_function n p k m (f : layer R n p k) (g : function R n m) :
  layer R n p (k + m.+1) :=
  Layer (fun x t => under (f x t) (g x))
    (fun x t => rows_under (layer_A f x t) (function_A g x))
    (fun x t => rows_under (layer_B f x t) 0).

Theorem concatenate_layer_function_correct n p k m (f : layer R n p k) (g : function R n m) x t :
  layer_correct f x t -> function_correct g x ->
  layer_correct (concatenate_layer_function f g) x t.
Proof.
move=> fP gP.
have gP' := function_along_variation (V := input_and_parameters R n p) (v := (x, t))
  gP (has_differential_fst x t).
apply: (is_diff_congr (is_diff_under fP gP')) => // h.
by rewrite /= !rows_under_mul under_add mul0mx addr0.
Qed.

Definition concatenate_function_layer n p k m (f : function R n k) (g : layer R n p m) :
  layer R n p (k + m.+1) :=
  Layer (fun x t => under (f x) (g x t))
    (fun x t => rows_under (function_A f x) (layer_A g x t))
    (fun x t => rows_under 0 (layer_B g x t)).

Theorem concatenate_function_layer_correct n p k m (f : function R n k) (g : layer R n p m) x t :
  function_correct f x -> layer_correct g x t ->
  layer_correct (concatenate_function_layer f g) x t.
Proof.
move=> fP gP.
have fP' := function_along_variation (V := input_and_parameters R n p) (v := (x, t))
  fP (has_differential_fst x t).
apply: (is_diff_congr (is_diff_under fP' gP)) => // h.
by rewrite /= !rows_under_mul under_add mul0mx addr0.
Qed.

(* ---- One layer with one parameter vector, L + 1 times ---- *)

Section Shared.
Variables n p : nat.
Variable f : layer R n p n.

Fixpoint repeated L : net R n (nseq L p) n :=
  match L return net R n (nseq L p) n with
  | 0 => Output R n
  | L'.+1 => Parametric f (repeated L')
  end.

Fixpoint at_every_step (C : 'cV[R]_n.+1 -> 'cV[R]_p.+1 -> Prop) L x t : Prop :=
  if L is L'.+1 then C x t /\ at_every_step C L' (f x t) t else True.

Lemma repeated_correct (C : 'cV[R]_n.+1 -> 'cV[R]_p.+1 -> Prop) L x t :
  (forall y s, C y s -> layer_correct f y s) -> at_every_step C L x t ->
  net_correct (repeated L) x (share L t).
Proof.
by move=> fP; elim: L x => [|L IH] x //= [Cx later]; split; [exact: fP | exact: IH].
Qed.

Definition shared L : layer R n p n :=
  Layer (fun x t => forward (repeated L) x (share L t))
    (fun x t => product_of_A (linearize (repeated L) x (share L t)))
    (fun x t => sum_of_gradients (products_with_B (linearize (repeated L) x (share L t)))).

Lemma sum_of_gradients_mul r L (g : gradients R r (nseq L p)) (t : 'cV[R]_p.+1) :
  gradients_mul g (share L t) = sum_of_gradients g *m t.
Proof. by elim: L g => [|L IH] g /=; [rewrite mul0mx | rewrite IH mulmxDl]. Qed.

Lemma share_varies (V : normedModType R) L (T dT : V -> 'cV[R]_p.+1) v :
  has_differential T v dT ->
  parameters_vary v (fun w => share L (T w)) (fun h => share L (dT h)).
Proof. by move=> TP; elim: L => [|L IH] //=; split. Qed.

Theorem shared_correct (C : 'cV[R]_n.+1 -> 'cV[R]_p.+1 -> Prop) L x t :
  (forall y s, C y s -> layer_correct f y s) -> at_every_step C L x t ->
  layer_correct (shared L) x t.
Proof.
move=> fP Cx; have NP := repeated_correct fP Cx.
have vary := share_varies (V := input_and_parameters R n p) L (has_differential_snd x t).
have H := @backpropagation_along_any_variation R (input_and_parameters R n p) _ _ _
  (repeated L) _ id (x, t) _ _ _ _ 1%:M NP (has_differential_fst x t) vary (jacobian_id _).
apply: (is_diff_congr H) => // h.
rewrite /backpropagation backward_is_product mul1mx map_gradients_id; last first.
  by move=> r B; rewrite mul1mx.
by congr (_ + _); exact: sum_of_gradients_mul.
Qed.

Corollary shared_correct_everywhere L x t :
  (forall y s, layer_correct f y s) -> layer_correct (shared L) x t.
Proof.
move=> fP; apply: (@shared_correct (fun _ _ => True)) => [y s _|]; first exact: fP.
by elim: L x => [|L IH] x //=.
Qed.

End Shared.
End Parts.

Section RealParts.
Variable R : realType.

(* ---- Away from kinks ---- *)

Definition nowhere n (a : R) (z : 'cV[R]_n.+1) : Prop := forall i, z i 0 != a.
Definition nowhere_either n (a b : R) (z : 'cV[R]_n.+1) : Prop := nowhere a z /\ nowhere b z.

(* ---- Hardtanh ---- *)

Definition clip_function (low high : R) n : function R n n :=
  elementwise (clip low high) (clip' low high) n.

Theorem clip_correct (low high : R) n (x : 'cV[R]_n.+1) :
  low <= high -> nowhere_either low high x ->
  function_correct (clip_function low high n) x.
Proof. by move=> lh [xl xh]; apply: elementwise_correct => i; exact: is_derive_clip. Qed.

(* ---- Normalizations without gain and shift, and with a gain alone ---- *)

Theorem standardize_correct n (e : R) x : 0 < e -> function_correct (standardize n e) x.
Proof. by move=> e0; exact: (@normalize_correct R n (centering R n) e e0 x). Qed.

Definition scaled_layer_norm n (e : R) : layer R n n n :=
  function_then_layer (standardize n e) (scale R n).

Theorem scaled_layer_norm_correct n (e : R) x t :
  0 < e -> layer_correct (scaled_layer_norm n e) x t.
Proof.
by move=> e0; apply: function_then_layer_correct;
  [exact: standardize_correct | exact: scale_correct].
Qed.

Definition scaled_rms_norm n (e : R) : layer R n n n :=
  function_then_layer (rms_norm n e) (scale R n).

Theorem scaled_rms_norm_correct n (e : R) x t :
  0 < e -> layer_correct (scaled_rms_norm n e) x t.
Proof.
by move=> e0; apply: function_then_layer_correct;
  [exact: rms_norm_correct | exact: scale_correct].
Qed.

End RealParts.
