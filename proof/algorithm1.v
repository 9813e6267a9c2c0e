(* -------------------------------------------------------------------------- *)
(* Algorithm 1: the Jacobian first, the loss last                             *)
(*                                                                            *)
(* Algorithm 1 of Damadi, Moharrer, Cham and Shen (arXiv:2301.09977) forms    *)
(* the Jacobian of the network's output in all parameters, one block          *)
(*      J_l = A_L ... A_(l+1) B_l                                             *)
(* per layer, and multiplies by the gradient of the loss last. This is our    *)
(* reconstruction of it, counting its multiplications. It computes            *)
(*  - [algorithm1_same_gradient]: the gradient that the recursion computes,   *)
(*    being the same product in another bracketing; hence                     *)
(*  - [algorithm1_gives_layer_gradient]: the gradient of the loss;            *)
(*  - [algorithm1_counted_cost], [algorithm1_cost_compared]: with n outputs   *)
(*    and P parameters, at n times the cost of the recursion, less what the   *)
(*    top layer costs there, plus n P for the last multiplication.            *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import normedtype derive.
From backproof Require Import jacobian network theorem bracketing cost.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import GRing.Theory Num.Theory.

Local Open Scope ring_scope.

Section Algorithm1.
Variable R : numFieldType.


(* The product A_L ... A_(l+1), as what it does to the next matrix. For the top  *)
(* layer it is the identity and costs nothing.                                   *)
Definition left_factor (m k : nat) : Type :=
  forall q, 'M[R]_(k.+1, q) -> counted 'M[R]_(m.+1, q).

(* The blocks J_l = A_L ... A_(l+1) B_l, with the factor for the layer below. *)
Fixpoint jacobian_blocks n ps m (T : tape R n ps m) :
    left_factor m n * counted (gradients R m.+1 ps) :=
  match T in tape _ n ps m return left_factor m n * counted (gradients R m.+1 ps) with
  | TapeEnd _ => (fun q A => (A, 0%N), (tt, 0%N))
  | TapeA _ _ _ _ A T' =>
      let: (factor, (later, c)) := jacobian_blocks T' in
      let: (G, cA) := factor _ A in
      (fun q => @counted_product R _ _ q G, (later, (c + cA)%N))
  | TapeAB _ _ _ _ _ A B T' =>
      let: (factor, (later, c)) := jacobian_blocks T' in
      let: (G, cA) := factor _ A in
      let: (J, cB) := factor _ B in
      (fun q => @counted_product R _ _ q G, ((J, later), (c + cA + cB)%N))
  end.

Fixpoint loss_last r m ps (delta : 'M[R]_(r, m)) : gradients R m ps -> counted (gradients R r ps) :=
  match ps return gradients R m ps -> counted (gradients R r ps) with
  | [::] => fun _ => (tt, 0%N)
  | p :: ps' => fun J =>
      let: (g, c) := counted_product delta J.1 in
      let: (later, c') := loss_last delta J.2 in ((g, later), (c + c')%N)
  end.

Definition algorithm1 r n ps m (T : tape R n ps m) (delta : 'M[R]_(r, m.+1)) :
    counted (gradients R r ps) :=
  let: (_, (J, c)) := jacobian_blocks T in
  let: (g, c') := loss_last delta J in (g, (c + c')%N).

Lemma jacobian_blocksE n ps m (T : tape R n ps m) :
  (forall q (A : 'M_(n.+1, q)), ((jacobian_blocks T).1 q A).1 = product_of_A T *m A) /\
  (jacobian_blocks T).2.1 = products_with_B T.
Proof.
elim: T => [k|n' k qs m' A T [IHA IHB]|n' p k qs m' A B T [IHA IHB]] /=.
- by split=> // q A; rewrite mul1mx.
- move: IHA IHB; case: jacobian_blocks => factor [later c] /= IHA IHB.
  by have := IHA _ A; case: (factor _ A) => G cA /= ->; rewrite IHB.
- move: IHA IHB; case: jacobian_blocks => factor [later c] /= IHA IHB.
  have := IHA _ A; have := IHA _ B.
  by case: (factor _ B) => J cB /= ->; case: (factor _ A) => G cA /= ->; rewrite IHB.
Qed.

Lemma loss_lastE r m ps (delta : 'M[R]_(r, m)) (J : gradients R m ps) :
  loss_last delta J = (map_gradients (fun p B => delta *m B) J,
                       r * m * sumn (map succn ps))%N.
Proof.
elim: ps J => [|p ps IH] J /=; first by rewrite muln0.
by rewrite IH mulnDr.
Qed.

Theorem algorithm1_same_gradient r n ps m (T : tape R n ps m) (delta : 'M[R]_(r, m.+1)) :
  (algorithm1 T delta).1 = (backward T delta).2.
Proof.
rewrite /algorithm1 backward_is_product /=; have [_] := jacobian_blocksE T.
by case: jacobian_blocks => factor [J c] /= ->; rewrite loss_lastE.
Qed.

Definition is_end n ps m (T : tape R n ps m) : bool :=
  if T is TapeEnd _ then true else false.

(* What the top layer would cost for m.+1 rows; Algorithm 1 has it for nothing. *)
Fixpoint top_cost n ps m (T : tape R n ps m) : nat :=
  match T with
  | TapeEnd _ => 0
  | TapeA n k _ m _ T' => if is_end T' then (m.+1 * k.+1 * n.+1)%N else top_cost T'
  | TapeAB n p k _ m _ _ T' =>
      if is_end T' then (m.+1 * k.+1 * n.+1 + m.+1 * k.+1 * p.+1)%N else top_cost T'
  end.

Lemma jacobian_blocks_cost n ps m (T : tape R n ps m) :
  (forall q (A : 'M_(n.+1, q)), ((jacobian_blocks T).1 q A).2 =
     if is_end T then 0%N else (m.+1 * n.+1 * q)%N) /\
  ((jacobian_blocks T).2.2 + top_cost T = delta_cost m.+1 T + block_cost m.+1 T)%N.
Proof.
have top_end n1 qs m1 (S : tape R n1 qs m1) : is_end S -> top_cost S = 0%N by case: S.
elim: T => [k|n' k qs m' A T [IHA IHc]|n' p k qs m' A B T [IHA IHc]] /=.
- by split.
- have te := top_end _ _ _ T; move: IHA IHc.
  case: jacobian_blocks => factor [later c] /= IHA IHc.
  have := IHA _ A; case: (factor _ A) => G cA /= ->; split=> //.
  case: (is_end T) te IHc => [/(_ isT) ->|_]; rewrite ?addn0.
    by move=> ->; rewrite addnAC.
  by move=> IHc; rewrite addnAC IHc addnAC.
- have te := top_end _ _ _ T; move: IHA IHc.
  case: jacobian_blocks => factor [later c] /= IHA IHc.
  have := IHA _ A; have := IHA _ B.
  case: (factor _ B) => J cB /= ->; case: (factor _ A) => G cA /= ->; split=> //.
  case: (is_end T) te IHc => [/(_ isT) ->|_]; rewrite ?addn0.
    by move=> ->; rewrite addnACA.
  by move=> IHc; rewrite addnAC [(c + _ + top_cost T)%N]addnAC IHc -addnA addnACA.
Qed.

(* Algorithm 1 does the recursion's work for m.+1 rows instead of one (but for   *)
(* the top layer), and then multiplies every block by the gradient of the loss.  *)
Theorem algorithm1_counted_cost r n ps m (T : tape R n ps m) (delta : 'M[R]_(r, m.+1)) :
  ((algorithm1 T delta).2 + top_cost T =
   delta_cost m.+1 T + block_cost m.+1 T + r * m.+1 * sumn (map succn ps))%N.
Proof.
rewrite /algorithm1; have [_] := jacobian_blocks_cost T.
case: jacobian_blocks => factor [J c] /= E.
by rewrite loss_lastE /= addnAC E.
Qed.

Lemma cost_of_rows r n ps m (T : tape R n ps m) :
  (delta_cost r T = r * delta_cost 1 T)%N /\ (block_cost r T = r * block_cost 1 T)%N.
Proof.
elim: T => [k|n' k qs m' A T [IHd IHb]|n' p k qs m' A B T [IHd IHb]] /=.
- by rewrite muln0.
- by rewrite IHd IHb mulnDr mul1n mulnA.
- by rewrite IHd IHb !mulnDr !mul1n !mulnA.
Qed.

(* Against the recursion's cost for one row: m.+1 times as much, but for the top *)
(* layer, and the last multiplication on top.                                    *)
Theorem algorithm1_cost_compared n ps m (T : tape R n ps m) (delta : 'rV[R]_m.+1) :
  ((algorithm1 T delta).2 + top_cost T =
   m.+1 * ((recursion_counted T delta).2 + sumn (map succn ps)))%N.
Proof.
rewrite algorithm1_counted_cost recursion_counted_cost.
by have [-> ->] := cost_of_rows m.+1 T; rewrite mul1n !mulnDr.
Qed.

(* Hence Algorithm 1 is correct. *)
Theorem algorithm1_gives_layer_gradient n ps m (N : net R n ps m) x theta
    (loss : 'cV[R]_m.+1 -> R) delta l :
  (l < size ps)%N ->
  net_correct N x theta -> has_gradient loss (forward N x theta) delta ->
  has_gradient (fun t => loss (forward N x (replace_param theta t))) (param_at theta l)
               (gradient_at (algorithm1 (linearize N x theta) delta).1 l).
Proof.
move=> lt_l NP lossP; rewrite algorithm1_same_gradient.
exact: backpropagation_gives_layer_gradient.
Qed.

End Algorithm1.
