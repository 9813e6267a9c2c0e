(* -------------------------------------------------------------------------- *)
(* What the recursion costs                                                   *)
(*                                                                            *)
(*  - [recursion_is_left_first]: the deltas of backpropagation are the        *)
(*    left-first bracketing of delta_L A_L ... A_1, at its cost;              *)
(*  - [recursion_counted_value], [recursion_counted_cost]: the recursion that *)
(*    counts its multiplications computes the same, and this is the count;    *)
(*  - [recursion_cost_linear_in_depth], [delta_cost_linear_in_depth];         *)
(*  - [left_first_is_optimal_for_one_row]: for a row vector and widths of at  *)
(*    least 2 no bracketing is cheaper;                                       *)
(*  - [left_first_not_optimal_at_width_1]: with a width of 1 it can be beaten;*)
(*  - [left_first_not_optimal_for_jacobians]: and so it can for several rows. *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From backproof Require Import network bracketing.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import GRing.Theory Num.Theory.

Local Open Scope ring_scope.

(* ---- The recursion as a bracketing, and its count ---- *)

Section Recursion.
Variable R : numFieldType.

(* ((delta_L A_L) A_(L-1)) ... A_1 *)
Fixpoint left_first r n ps m (T : tape R n ps m) :
    'M[R]_(r, m.+1) -> bracketing R r n.+1 :=
  match T in tape _ n ps m return 'M[R]_(r, m.+1) -> bracketing R r n.+1 with
  | TapeEnd _ => fun delta => Leaf delta
  | TapeA _ _ _ _ A T' => fun delta => Times (left_first T' delta) (Leaf A)
  | TapeAB _ _ _ _ _ A _ T' => fun delta => Times (left_first T' delta) (Leaf A)
  end.

(* The recursion, counting: every product adds its cost. *)
Definition counted (T : Type) : Type := (T * nat)%type.
Definition counted_product m k n (A : 'M[R]_(m, k)) (B : 'M[R]_(k, n)) :
  counted 'M[R]_(m, n) := (A *m B, (m * k * n)%N).

Fixpoint recursion_counted r n ps m (T : tape R n ps m) :
    'M[R]_(r, m.+1) -> counted ('M[R]_(r, n.+1) * gradients R r ps) :=
  match T in tape _ n ps m
    return 'M[R]_(r, m.+1) -> counted ('M[R]_(r, n.+1) * gradients R r ps) with
  | TapeEnd _ => fun delta => ((delta, tt), 0%N)
  | TapeA _ _ _ _ A T' => fun delta =>
      let: ((delta_l, later), c) := recursion_counted T' delta in
      let: (delta_A, cA) := counted_product delta_l A in
      ((delta_A, later), (c + cA)%N)
  | TapeAB _ _ _ _ _ A B T' => fun delta =>
      let: ((delta_l, later), c) := recursion_counted T' delta in
      let: (delta_A, cA) := counted_product delta_l A in
      let: (delta_B, cB) := counted_product delta_l B in
      ((delta_A, (delta_B, later)), (c + cA + cB)%N)
  end.

(* What the deltas cost, and what the parameter blocks cost, for r rows. *)
Fixpoint delta_cost (r : nat) n ps m (T : tape R n ps m) : nat :=
  match T with
  | TapeEnd _ => 0
  | TapeA n k _ _ _ T' => delta_cost r T' + r * k.+1 * n.+1
  | TapeAB n _ k _ _ _ _ T' => delta_cost r T' + r * k.+1 * n.+1
  end.

Fixpoint block_cost (r : nat) n ps m (T : tape R n ps m) : nat :=
  match T with
  | TapeEnd _ => 0
  | TapeA _ _ _ _ _ T' => block_cost r T'
  | TapeAB _ p k _ _ _ _ T' => block_cost r T' + r * k.+1 * p.+1
  end.

Theorem recursion_counted_value r n ps m (T : tape R n ps m) (delta : 'M[R]_(r, m.+1)) :
  (recursion_counted T delta).1 = backward T delta.
Proof.
elim: T delta => [k|n' k qs m' A T IH|n' p k qs m' A B T IH] delta //=;
by rewrite -IH; case: recursion_counted => [[d g] c].
Qed.

Theorem recursion_counted_cost r n ps m (T : tape R n ps m) (delta : 'M[R]_(r, m.+1)) :
  (recursion_counted T delta).2 = (delta_cost r T + block_cost r T)%N.
Proof.
elim: T delta => [k|n' k qs m' A T IH|n' p k qs m' A B T IH] delta //=;
have := IH delta; case: recursion_counted => [[d g] c] /= ->; first by rewrite addnAC.
by rewrite addnACA !addnA.
Qed.

Theorem recursion_is_left_first r n ps m (T : tape R n ps m) (delta : 'M[R]_(r, m.+1)) :
  value (left_first T delta) = (backward T delta).1 /\
  cost (left_first T delta) = delta_cost r T.
Proof.
elim: T delta => [k|n' k qs m' A T IH|n' p k qs m' A B T IH] delta //=;
have [-> ->] := IH delta; rewrite addn0; by case: backward.
Qed.

(* ---- Linear in depth ---- *)

Fixpoint depth n ps m (T : tape R n ps m) : nat :=
  match T with
  | TapeEnd _ => 0
  | TapeA _ _ _ _ _ T' => (depth T').+1
  | TapeAB _ _ _ _ _ _ _ T' => (depth T').+1
  end.

(* All widths are at most w, all parameter sizes at most p. *)
Fixpoint sizes_at_most (w p : nat) n ps m (T : tape R n ps m) : bool :=
  match T with
  | TapeEnd _ => true
  | TapeA n k _ _ _ T' => [&& n < w, k < w & sizes_at_most w p T']
  | TapeAB n q k _ _ _ _ T' => [&& n < w, k < w, q < p & sizes_at_most w p T']
  end%N.

Theorem recursion_cost_linear_in_depth r w p n ps m (T : tape R n ps m)
    (delta : 'M[R]_(r, m.+1)) :
  sizes_at_most w p T ->
  ((recursion_counted T delta).2 <= depth T * (r * w * w + r * w * p))%N.
Proof.
rewrite recursion_counted_cost.
elim: T {delta} => [k|n' k qs m' A T IH|n' q k qs m' A B T IH] //=.
  move=> /and3P[nw kw Tw]; rewrite mulSn addnAC addnC leq_add ?IH //.
  by apply: leq_trans (leq_addr _ _); rewrite !leq_mul.
move=> /and4P[nw kw qp Tw]; rewrite mulSn addnACA addnC leq_add ?IH //.
by rewrite leq_add // !leq_mul.
Qed.

(* The deltas alone: at most depth * r * w^2. *)
Theorem delta_cost_linear_in_depth r w p n ps m (T : tape R n ps m) :
  sizes_at_most w p T -> (delta_cost r T <= depth T * (r * w * w))%N.
Proof.
elim: T => [k|n' k qs m' A T IH|n' q k qs m' A B T IH] //=.
  by move=> /and3P[nw kw Tw]; rewrite mulSn addnC leq_add ?IH // !leq_mul.
by move=> /and4P[nw kw qp Tw]; rewrite mulSn addnC leq_add ?IH // !leq_mul.
Qed.

(* ---- Optimal for one row ---- *)

Lemma left_first_sizes r n ps m (T : tape R n ps m) (delta : 'M[R]_(r, m.+1)) :
  exists s, sizes (left_first T delta) = m.+1 :: s.
Proof.
elim: T delta => [k|n' k qs m' A T IH|n' p k qs m' A B T IH] delta /=.
- by exists [::].
- by have [s ->] := IH delta; exists (s ++ [:: n'.+1]).
- by have [s ->] := IH delta; exists (s ++ [:: n'.+1]).
Qed.

Lemma left_first_cost r n ps m (T : tape R n ps m) (delta : 'M[R]_(r, m.+1)) :
  let s := sizes (left_first T delta) in
  cost (left_first T delta) = (r * neighbours (head 0 s) (behead s))%N.
Proof.
have step n' k qs m' (A : 'M[R]_(k.+1, n'.+1)) (T' : tape R k qs m') d :
    (cost (left_first T' d) = r * neighbours (head 0 (sizes (left_first T' d)))
                                             (behead (sizes (left_first T' d))) ->
    let s := sizes (left_first T' d) ++ [:: n'.+1] in
    cost (left_first T' d) + 0 + r * k.+1 * n'.+1 = r * neighbours (head 0 s) (behead s))%N.
  have L := last_sizes (left_first T' d).
  have [s E] := left_first_sizes T' d; rewrite E /= in L * => ->.
  by rewrite neighbours_cat L /= !addn0 mulnDr mulnA.
elim: T delta => [k|n' k qs m' A T IH|n' p k qs m' A B T IH] delta.
- by rewrite /= muln0.
- exact: step (IH delta).
- exact: step (IH delta).
Qed.

Theorem left_first_is_optimal_for_one_row n ps m (T : tape R n ps m)
    (delta : 'M[R]_(1, m.+1)) (t : bracketing R 1 n.+1) :
  leaves t = leaves (left_first T delta) ->
  all (leq 2) (sizes t) ->
  (cost (left_first T delta) <= cost t)%N.
Proof.
move=> same t2; rewrite left_first_cost mul1n.
by rewrite sizes_leaves -same -sizes_leaves; exact: one_row_cost_bound.
Qed.

(* A row and matrices 2 x 3 and 3 x 1: from the left 9 multiplications, from the *)
(* right 8. The width 1 is at the end.                                           *)
Theorem left_first_not_optimal_at_width_1 (u : 'M[R]_(1, 2)) (A : 'M[R]_(2, 3))
    (B : 'M[R]_(3, 1)) :
  leaves (Times (Times (Leaf u) (Leaf A)) (Leaf B)) =
    leaves (Times (Leaf u) (Times (Leaf A) (Leaf B))) /\
  (cost (Times (Leaf u) (Times (Leaf A) (Leaf B))) <
   cost (Times (Times (Leaf u) (Leaf A)) (Leaf B)))%N.
Proof. by []. Qed.

(* Ten outputs, ten inputs, a bottleneck of two: 10 x 10, 10 x 2, 2 x 10. *)
Theorem left_first_not_optimal_for_jacobians (A : 'M[R]_(10, 2)) (B : 'M[R]_(2, 10))
    (C : 'M[R]_(10, 10)) :
  (cost (Times (Leaf A) (Times (Leaf B) (Leaf C))) <
   cost (Times (Times (Leaf A) (Leaf B)) (Leaf C)))%N.
Proof. by []. Qed.

End Recursion.
