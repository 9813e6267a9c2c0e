(* -------------------------------------------------------------------------- *)
(* Networks and the backpropagation recursion                                 *)
(*                                                                            *)
(* A layer f(x, theta) has an input x, a parameter vector theta and an        *)
(* output. It comes with two matrices, given by formulas:                     *)
(*    A (x, theta) = df/dx         (outputs x inputs)                         *)
(*    B (x, theta) = df/dtheta     (outputs x parameters).                    *)
(* A function (an activation, say) has no parameters, hence only A.           *)
(* A layer is [layer_correct] at (x, theta) if f is differentiable there      *)
(* jointly in x and theta, and A and B are indeed its Jacobians:              *)
(*    f (x+h, theta+k) = f (x, theta) + A h + B k + o (h, k).                 *)
(*                                                                            *)
(* A network is a chain of layers and functions whose sizes fit: [net n ps m] *)
(* takes R^(n+1) to R^(m+1) and has one parameter vector of size p+1 for each *)
(* p in the list ps. Depth, widths and parameter sizes are arbitrary.         *)
(*                                                                            *)
(* [forward] computes the output. [linearize] runs forward and keeps every A  *)
(* and B on a tape. [backward] is the recursion that the library runs on the  *)
(* tape, from the last layer to the first, with rows delta:                   *)
(*    delta_(l-1) = delta_l A_l          gradient_l = delta_l B_l.            *)
(* The rows may be one (the gradient of a loss) or several (a full Jacobian). *)
(* Nothing in this file is about derivatives except the two definitions of    *)
(* correctness; the program can run over any field.                           *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.analysis Require Import reals signed topology prodnormedzmodule.
From mathcomp.analysis Require Import normedtype landau derive.
From backproof Require Import jacobian.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.

Local Open Scope ring_scope.

Section Network.
Variable R : numFieldType.

(* ---- Layers ---- *)

Record layer (n p m : nat) := Layer {
  layer_fun :> 'cV[R]_n.+1 -> 'cV[R]_p.+1 -> 'cV[R]_m.+1;
  layer_A : 'cV[R]_n.+1 -> 'cV[R]_p.+1 -> 'M[R]_(m.+1, n.+1);
  layer_B : 'cV[R]_n.+1 -> 'cV[R]_p.+1 -> 'M[R]_(m.+1, p.+1)
}.

Record function (n m : nat) := Function {
  function_fun :> 'cV[R]_n.+1 -> 'cV[R]_m.+1;
  function_A : 'cV[R]_n.+1 -> 'M[R]_(m.+1, n.+1)
}.

Definition input_and_parameters n p : normedModType R :=
  @prod_normedModType R (matrix_normedModType R n 0) (matrix_normedModType R p 0).

Definition layer_correct n p m (f : layer n p m) x t :=
  @has_differential R (input_and_parameters n p) _ (fun q => f q.1 q.2) (x, t)
    (fun h => layer_A f x t *m h.1 + layer_B f x t *m h.2).

(* The two projections of a pair (x, theta), and a coordinate of a matrix. *)
Lemma has_differential_fst n p (x : 'cV[R]_n.+1) (t : 'cV[R]_p.+1) :
  @has_differential R (input_and_parameters n p) _
    (fun q => q.1 : 'cV[R]_n.+1) (x, t) (fun h => h.1).
Proof.
pose f : {linear input_and_parameters n p -> 'cV[R]_n.+1} := [linear of fst].
have fc : continuous f by move=> q; exact: cvg_fst.
by apply: DiffDef; [exact: linear_differentiable fc | exact: (diff_lin _ fc)].
Qed.

Lemma has_differential_snd n p (x : 'cV[R]_n.+1) (t : 'cV[R]_p.+1) :
  @has_differential R (input_and_parameters n p) _
    (fun q => q.2 : 'cV[R]_p.+1) (x, t) (fun h => h.2).
Proof.
pose f : {linear input_and_parameters n p -> 'cV[R]_p.+1} := [linear of snd].
have fc : continuous f by move=> q; exact: cvg_snd.
by apply: DiffDef; [exact: linear_differentiable fc | exact: (diff_lin _ fc)].
Qed.

Definition function_correct n m (f : function n m) x :=
  has_jacobian f x (function_A f x).

(* ---- Networks ---- *)

Inductive net : nat -> seq nat -> nat -> Type :=
| Output n : net n [::] n
| Apply n k ps m (f : function n k) (N : net k ps m) : net n ps m
| Parametric n p k ps m (f : layer n p k) (N : net k ps m) : net n (p :: ps) m.

(* One parameter vector, and one block of a gradient with r rows, per layer. *)
Fixpoint params (ps : seq nat) : Type :=
  if ps is p :: ps' then ('cV[R]_p.+1 * params ps')%type else unit.

Fixpoint gradients (r : nat) (ps : seq nat) : Type :=
  if ps is p :: ps' then ('M[R]_(r, p.+1) * gradients r ps')%type else unit.

Fixpoint forward n ps m (N : net n ps m) : 'cV[R]_n.+1 -> params ps -> 'cV[R]_m.+1 :=
  match N in net n ps m return 'cV[R]_n.+1 -> params ps -> 'cV[R]_m.+1 with
  | Output _ => fun x _ => x
  | Apply _ _ _ _ f N' => fun x theta => forward N' (f x) theta
  | Parametric _ _ _ _ _ f N' => fun x theta => forward N' (f x theta.1) theta.2
  end.

(* Every layer is correct at the point where the forward pass uses it. *)
Fixpoint net_correct n ps m (N : net n ps m) : 'cV[R]_n.+1 -> params ps -> Prop :=
  match N in net n ps m return 'cV[R]_n.+1 -> params ps -> Prop with
  | Output _ => fun _ _ => True
  | Apply _ _ _ _ f N' => fun x theta =>
      function_correct f x /\ net_correct N' (f x) theta
  | Parametric _ _ _ _ _ f N' => fun x theta =>
      layer_correct f x theta.1 /\ net_correct N' (f x theta.1) theta.2
  end.

(* ---- The tape of matrices ---- *)

Inductive tape : nat -> seq nat -> nat -> Type :=
| TapeEnd n : tape n [::] n
| TapeA n k ps m (A : 'M[R]_(k.+1, n.+1)) (T : tape k ps m) : tape n ps m
| TapeAB n p k ps m (A : 'M[R]_(k.+1, n.+1)) (B : 'M[R]_(k.+1, p.+1))
    (T : tape k ps m) : tape n (p :: ps) m.

Fixpoint linearize n ps m (N : net n ps m) : 'cV[R]_n.+1 -> params ps -> tape n ps m :=
  match N in net n ps m return 'cV[R]_n.+1 -> params ps -> tape n ps m with
  | Output n => fun _ _ => TapeEnd n
  | Apply _ _ _ _ f N' => fun x theta =>
      TapeA (function_A f x) (linearize N' (f x) theta)
  | Parametric _ _ _ _ _ f N' => fun x theta =>
      TapeAB (layer_A f x theta.1) (layer_B f x theta.1)
             (linearize N' (f x theta.1) theta.2)
  end.

(* ---- The recursion ---- *)

Fixpoint backward r n ps m (T : tape n ps m) :
    'M[R]_(r, m.+1) -> 'M[R]_(r, n.+1) * gradients r ps :=
  match T in tape n ps m
    return 'M[R]_(r, m.+1) -> 'M[R]_(r, n.+1) * gradients r ps with
  | TapeEnd _ => fun delta => (delta, tt)
  | TapeA _ _ _ _ A T' => fun delta =>
      let: (delta_l, later) := backward T' delta in (delta_l *m A, later)
  | TapeAB _ _ _ _ _ A B T' => fun delta =>
      let: (delta_l, later) := backward T' delta in
      (delta_l *m A, (delta_l *m B, later))
  end.

Definition backpropagation r n ps m (N : net n ps m) x theta (delta : 'M[R]_(r, m.+1)) :=
  backward (linearize N x theta) delta.

(* The recursion as it is written on paper: from the delta above a layer, the     *)
(* delta below it and its gradient.                                               *)
Lemma backpropagation_function r n k ps m (f : function n k) (N : net k ps m) x theta
    (delta : 'M[R]_(r, m.+1)) delta_l later :
  backpropagation N (f x) theta delta = (delta_l, later) ->
  backpropagation (Apply f N) x theta delta = (delta_l *m function_A f x, later).
Proof. by rewrite /backpropagation /= => ->. Qed.

Lemma backpropagation_layer r n p k ps m (f : layer n p k) (N : net k ps m) x t theta
    (delta : 'M[R]_(r, m.+1)) delta_l later :
  backpropagation N (f x t) theta delta = (delta_l, later) ->
  backpropagation (Parametric f N) x ((t, theta) : params (p :: ps)) delta =
  (delta_l *m layer_A f x t, (delta_l *m layer_B f x t, later)).
Proof. by rewrite /backpropagation /= => ->. Qed.

(* ---- Layers by their number, counted from 0 ---- *)

Fixpoint param_at ps : params ps -> forall l, 'cV[R]_(nth 0%N ps l).+1 :=
  match ps return params ps -> forall l, 'cV[R]_(nth 0%N ps l).+1 with
  | [::] => fun _ _ => 0
  | p :: ps' => fun theta l =>
      match l return 'cV[R]_(nth 0%N (p :: ps') l).+1 with
      | 0 => theta.1
      | l'.+1 => param_at theta.2 l'
      end
  end.

(* theta with the parameters of layer l replaced by t *)
Fixpoint replace_param ps :
    params ps -> forall l, 'cV[R]_(nth 0%N ps l).+1 -> params ps :=
  match ps return params ps -> forall l, 'cV[R]_(nth 0%N ps l).+1 -> params ps with
  | [::] => fun _ _ _ => tt
  | p :: ps' => fun theta l =>
      match l return 'cV[R]_(nth 0%N (p :: ps') l).+1 -> params (p :: ps') with
      | 0 => fun t => (t, theta.2)
      | l'.+1 => fun t => (theta.1, replace_param theta.2 t)
      end
  end.

Fixpoint gradient_at r ps :
    gradients r ps -> forall l, 'M[R]_(r, (nth 0%N ps l).+1) :=
  match ps return gradients r ps -> forall l, 'M[R]_(r, (nth 0%N ps l).+1) with
  | [::] => fun _ _ => 0
  | p :: ps' => fun g l =>
      match l return 'M[R]_(r, (nth 0%N (p :: ps') l).+1) with
      | 0 => g.1
      | l'.+1 => gradient_at g.2 l'
      end
  end.

(* ---- The explicit products ---- *)

(* A_L A_(L-1) ... A_1 *)
Fixpoint product_of_A n ps m (T : tape n ps m) : 'M[R]_(m.+1, n.+1) :=
  match T in tape n ps m return 'M[R]_(m.+1, n.+1) with
  | TapeEnd _ => 1%:M
  | TapeA _ _ _ _ A T' => product_of_A T' *m A
  | TapeAB _ _ _ _ _ A _ T' => product_of_A T' *m A
  end.

(* A_L A_(L-1) ... A_(l+1) B_l, for every l *)
Fixpoint products_with_B n ps m (T : tape n ps m) : gradients m.+1 ps :=
  match T in tape n ps m return gradients m.+1 ps with
  | TapeEnd _ => tt
  | TapeA _ _ _ _ _ T' => products_with_B T'
  | TapeAB _ _ _ _ _ _ B T' => (product_of_A T' *m B, products_with_B T')
  end.

Fixpoint map_gradients r s ps (f : forall p, 'M[R]_(r, p.+1) -> 'M[R]_(s, p.+1)) :
    gradients r ps -> gradients s ps :=
  match ps return gradients r ps -> gradients s ps with
  | [::] => fun _ => tt
  | p :: ps' => fun g => (f p g.1, map_gradients f g.2)
  end.

Lemma map_gradients_at r s ps (f : forall p, 'M[R]_(r, p.+1) -> 'M[R]_(s, p.+1))
    (g : gradients r ps) l : (l < size ps)%N ->
  gradient_at (map_gradients f g) l = f _ (gradient_at g l).
Proof. by elim: ps g l => [|p ps IH] //= g [|l] //= lt_l; apply: IH. Qed.

(* The recursion computes the products, sharing their common left factor. *)
Theorem backward_is_product r n ps m (T : tape n ps m) (delta : 'M[R]_(r, m.+1)) :
  backward T delta = (delta *m product_of_A T,
                      map_gradients (fun p B => delta *m B) (products_with_B T)).
Proof.
elim: T delta => [k|n' k ps' m' A T IH|n' p k ps' m' A B T IH] delta /=.
- by rewrite mulmx1.
- by rewrite IH mulmxA.
- by rewrite IH !mulmxA.
Qed.

Corollary backpropagation_input_is_product r n ps m (N : net n ps m) x theta
    (delta : 'M[R]_(r, m.+1)) :
  (backpropagation N x theta delta).1 = delta *m product_of_A (linearize N x theta).
Proof. by rewrite /backpropagation backward_is_product. Qed.

Corollary backpropagation_layer_is_product r n ps m (N : net n ps m) x theta
    (delta : 'M[R]_(r, m.+1)) l : (l < size ps)%N ->
  gradient_at (backpropagation N x theta delta).2 l =
  delta *m gradient_at (products_with_B (linearize N x theta)) l.
Proof. by move=> lt_l; rewrite /backpropagation backward_is_product map_gradients_at. Qed.

(* One network after another. *)
Fixpoint net_cat n ps k qs m (N : net n ps k) : net k qs m -> net n (ps ++ qs) m :=
  match N in net n ps k return net k qs m -> net n (ps ++ qs) m with
  | Output _ => fun M => M
  | Apply _ _ _ _ f N' => fun M => Apply f (net_cat N' M)
  | Parametric _ _ _ _ _ f N' => fun M => Parametric f (net_cat N' M)
  end.

End Network.
