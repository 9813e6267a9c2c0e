(* A sabotage: the recursion leaves out one layer, the one next to the input. The  *)
(* sizes would not fit in general, so all layers here have one width.              *)
(* The proof is right for the honest line, and must fail for this one.             *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import normedtype derive.
From backproof Require Import jacobian network.
Import GRing.Theory.
Local Open Scope ring_scope.

Section Sabotage.
Variables (R : numFieldType) (n : nat).

Fixpoint run (layers : seq (function R n n)) (x : 'cV[R]_n.+1) : 'cV[R]_n.+1 :=
  if layers is f :: later then run later (f x) else x.

Fixpoint all_correct (layers : seq (function R n n)) (x : 'cV[R]_n.+1) : Prop :=
  if layers is f :: later then function_correct f x /\ all_correct later (f x) else True.

Fixpoint pulls (layers : seq (function R n n)) (x : 'cV[R]_n.+1) (delta : 'rV[R]_n.+1) :=
  if layers is f :: later then pulls later (f x) delta *m function_A f x else delta.

Definition recursion (layers : seq (function R n n)) (x : 'cV[R]_n.+1) (delta : 'rV[R]_n.+1) :=
  if layers is f :: later then (*:*) pulls later (f x) delta
    (*honest: pulls later (f x) delta *m function_A f x :*) else delta.

Theorem recursion_correct layers x (loss : 'cV[R]_n.+1 -> R) delta :
  all_correct layers x -> has_gradient loss (run layers x) delta ->
  has_gradient (fun y => loss (run layers y)) x (recursion layers x delta).
Proof.
have pulls_correct : forall layers x, all_correct layers x ->
    has_gradient loss (run layers x) delta ->
    has_gradient (fun y => loss (run layers y)) x (pulls layers x delta).
  elim=> [|f later IH] z //= [fP laterP] lossP.
  exact: (gradient_comp fP (IH _ laterP lossP)).
case: layers => [|f later] //= [fP laterP] lossP.
exact: (gradient_comp fP (pulls_correct _ _ laterP lossP)).
Qed.

End Sabotage.
