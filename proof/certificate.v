(* -------------------------------------------------------------------------- *)
(* Certificates: the theorem for one given network                            *)
(*                                                                            *)
(* A certificate writes down a network, layer by layer, and proves that every *)
(* layer is correct where the forward pass uses it. The two predicates below  *)
(* let that proof be written like the network itself, one step per layer:     *)
(*  - [everywhere_correct N]: at every input and for all parameters;          *)
(*  - [correct_when N C]: wherever the condition C (x, theta) holds, which is *)
(*    itself put together from a condition per layer (no ReLU input is 0).    *)
(* [certified_layer_gradient], [certified_input_gradient] and                 *)
(* [certified_batch_gradient] then say what the recursion computes for such a *)
(* network. examples/ has certificates of this form.                          *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import reals normedtype derive.
From backproof Require Import jacobian network theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Local Open Scope ring_scope.

Section Certificates.
Variable R : numFieldType.

(* ---- Correct everywhere ---- *)

Definition everywhere_correct n ps m (N : net R n ps m) : Prop :=
  forall x theta, net_correct N x theta.

Lemma everywhere_output n : everywhere_correct (Output R n).
Proof. by []. Qed.

Lemma everywhere_function n k ps m (f : function R n k) (N : net R k ps m) :
  (forall x, function_correct f x) -> everywhere_correct N ->
  everywhere_correct (Apply f N).
Proof. by move=> fP NP x theta; split; [exact: fP | exact: NP]. Qed.

Lemma everywhere_layer n p k ps m (f : layer R n p k) (N : net R k ps m) :
  (forall x t, layer_correct f x t) -> everywhere_correct N ->
  everywhere_correct (Parametric f N).
Proof. by move=> fP NP x theta; split; [exact: fP | exact: NP]. Qed.

(* ---- Correct under a condition ---- *)

Definition condition n ps : Type := 'cV[R]_n.+1 -> params R ps -> Prop.

Definition correct_when n ps m (N : net R n ps m) (C : condition n ps) : Prop :=
  forall x theta, C x theta -> net_correct N x theta.

Definition no_condition n ps : condition n ps := fun _ _ => True.

Definition function_condition n k ps (f : function R n k) (Cf : 'cV[R]_n.+1 -> Prop)
    (C : condition k ps) : condition n ps :=
  fun x theta => Cf x /\ C (f x) theta.

Definition smooth_function_condition n k ps (f : function R n k) (C : condition k ps) :
    condition n ps := fun x theta => C (f x) theta.

Definition guarded_layer_condition n p k ps (f : layer R n p k)
    (Cf : 'cV[R]_n.+1 -> 'cV[R]_p.+1 -> Prop) (C : condition k ps) : condition n (p :: ps) :=
  fun x theta => Cf x theta.1 /\ C (f x theta.1) theta.2.

Definition layer_condition n p k ps (f : layer R n p k) (C : condition k ps) :
    condition n (p :: ps) :=
  fun x theta => C (f x theta.1) theta.2.

Lemma when_output n : correct_when (Output R n) (@no_condition n [::]).
Proof. by []. Qed.

Lemma when_function n k ps m (f : function R n k)
    (Cf : 'cV[R]_n.+1 -> Prop) (N : net R k ps m) (C : condition k ps) :
  (forall x, Cf x -> function_correct f x) -> correct_when N C ->
  correct_when (Apply f N) (function_condition f Cf C).
Proof. by move=> fP NP x theta [/fP fx /NP Nx]. Qed.

Lemma when_smooth_function n k ps m (f : function R n k) (N : net R k ps m)
    (C : condition k ps) :
  (forall x, function_correct f x) -> correct_when N C ->
  correct_when (Apply f N) (smooth_function_condition f C).
Proof. by move=> fP NP x theta /NP Nx; split. Qed.

Lemma when_guarded_layer n p k ps m (f : layer R n p k)
    (Cf : 'cV[R]_n.+1 -> 'cV[R]_p.+1 -> Prop) (N : net R k ps m) (C : condition k ps) :
  (forall x t, Cf x t -> layer_correct f x t) -> correct_when N C ->
  correct_when (Parametric f N) (guarded_layer_condition f Cf C).
Proof. by move=> fP NP x theta [/fP fx /NP Nx]. Qed.

Lemma when_layer n p k ps m (f : layer R n p k) (N : net R k ps m)
    (C : condition k ps) :
  (forall x t, layer_correct f x t) -> correct_when N C ->
  correct_when (Parametric f N) (layer_condition f C).
Proof. by move=> fP NP x theta /NP Nx; split. Qed.

(* ---- What a certificate states ---- *)

Section Certified.
Variables (n : nat) (ps : seq nat) (m : nat) (N : net R n ps m) (C : condition n ps).
Variables (loss : 'cV[R]_m.+1 -> R) (delta : 'cV[R]_m.+1 -> 'rV[R]_m.+1).
Hypothesis correct : correct_when N C.
Hypothesis loss_gradient : forall z, has_gradient loss z (delta z).

Theorem certified_layer_gradient x theta l : C x theta -> (l < size ps)%N ->
  has_gradient (fun t => loss (forward N x (replace_param theta t))) (param_at theta l)
    (gradient_at (backpropagation N x theta (delta (forward N x theta))).2 l).
Proof.
move=> Cx lt_l; exact: backpropagation_gives_layer_gradient (correct Cx) (loss_gradient _).
Qed.

Theorem certified_input_gradient x theta : C x theta ->
  has_gradient (fun y => loss (forward N y theta)) x
    (backpropagation N x theta (delta (forward N x theta))).1.
Proof.
by move=> Cx; exact: backpropagation_gives_input_gradient (correct Cx) (loss_gradient _).
Qed.

End Certified.

(* A batch of examples, each with its input, its loss and its weight (1/N for the mean). *)
Theorem certified_batch_gradient n ps m (N : net R n ps m) (C : condition n ps)
    (I : Type) (batch : seq I) (weight : I -> R) (x : I -> 'cV[R]_n.+1)
    (loss : I -> 'cV[R]_m.+1 -> R) (delta : I -> 'cV[R]_m.+1 -> 'rV[R]_m.+1) theta l :
  correct_when N C -> (forall i z, has_gradient (loss i) z (delta i z)) ->
  (forall i, C (x i) theta) -> (l < size ps)%N ->
  has_gradient
    (fun t => \sum_(i <- batch)
       weight i * loss i (forward N (x i) (replace_param theta t))) (param_at theta l)
    (\sum_(i <- batch) weight i *:
       gradient_at (backpropagation N (x i) theta (delta i (forward N (x i) theta))).2 l).
Proof.
move=> NP lossP Cx lt_l.
exact: (@backpropagation_gives_batch_gradient _ _ _ _ N theta l I batch weight x loss
  (fun i => delta i (forward N (x i) theta)) lt_l (fun i => NP _ _ (Cx i)) (fun i => lossP i _)).
Qed.

Lemma everywhere_when n ps m (N : net R n ps m) :
  everywhere_correct N -> correct_when N (@no_condition n ps).
Proof. by move=> NP x theta _; exact: NP. Qed.

End Certificates.
