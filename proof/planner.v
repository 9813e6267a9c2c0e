(* -------------------------------------------------------------------------- *)
(* The planner                                                                *)
(*                                                                            *)
(* In which order to multiply r matrices M_0 ... M_(r-1)? A plan is a binary  *)
(* tree. Joining the product of M_i ... M_(k-1) to that of M_k ... M_(j-1)    *)
(* costs w i k j, for any cost model w that knows the two ranges; for dense   *)
(* matrices of sizes a_i x a_(i+1) it is a_i a_k a_j ([dense]). Structured    *)
(* models (a diagonal factor, a factor shared by the batch) are other w.      *)
(*                                                                            *)
(* The dynamic programme fills a table by ranges of growing length: the best  *)
(* plan for a range is the best over its splits of the best plans of the two  *)
(* parts. [plan_is_plan] says that it returns a plan of the whole product,    *)
(* [plan_cost_is_its_cost] that the cost it reports is that plan's cost, and  *)
(* [plan_is_optimal] that no plan costs less. [plan_beats_bracketings]        *)
(* carries this over to products of matrices: no bracketing of them costs     *)
(* less than the plan. It tries at most r^3 splits ([splits_tried_bound]).      *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From backproof Require Import bracketing.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Section Planner.
Variable w : nat -> nat -> nat -> nat.

Inductive plan := One | Join (left right : plan).

(* How many matrices a plan multiplies. *)
Fixpoint plan_size (t : plan) : nat :=
  if t is Join t1 t2 then plan_size t1 + plan_size t2 else 1.

(* The cost of a plan for the matrices from number i on. *)
Fixpoint plan_cost (i : nat) (t : plan) : nat :=
  if t is Join t1 t2 then
    let k := i + plan_size t1 in
    plan_cost i t1 + plan_cost k t2 + w i k (k + plan_size t2)
  else 0.

(* ---- The dynamic programme ---- *)

(* An entry of the table: the cost of the best plan found, and the plan. *)
Definition entry : Type := (nat * plan)%type.

Definition cheaper (e f : entry) : entry := if e.1 <= f.1 then e else f.

(* Row l of the table holds the entries for l.+1 matrices from i = 0, 1, ... on. *)
Definition lookup (rows : seq (seq entry)) (l i : nat) : entry :=
  nth (0, One) (nth [::] rows l) i.

(* l.+2 matrices from i on, the first k.+1 of them in the left part. *)
Definition split_at (rows : seq (seq entry)) (l i k : nat) : entry :=
  let: (c1, t1) := lookup rows k i in
  let: (c2, t2) := lookup rows (l - k) (i + k.+1) in
  (c1 + c2 + w i (i + k.+1) (i + l.+2), Join t1 t2).

Definition best_split rows l i : entry :=
  foldl (fun e k => cheaper e (split_at rows l i k)) (split_at rows l i 0) (iota 1 l).

(* The table for r matrices, up to ranges of l.+1. *)
Fixpoint table (r l : nat) : seq (seq entry) :=
  if l is l'.+1 then
    let rows := table r l' in
    rcons rows [seq best_split rows l' i | i <- iota 0 (r - l'.+1)]
  else [:: nseq r (0, One)].

(* The plan for r.+1 matrices. *)
Definition best (r : nat) : entry := lookup (table r.+1 r) r 0.

(* ---- It is optimal ---- *)

Definition optimal (i l : nat) (e : entry) : Prop :=
  [/\ plan_size e.2 = l.+1, plan_cost i e.2 = e.1 &
      forall t, plan_size t = l.+1 -> e.1 <= plan_cost i t].

Lemma plan_size_gt0 t : 0 < plan_size t.
Proof. by elim: t => //= t1 H1 t2 _; rewrite addn_gt0 H1. Qed.

Lemma size_table r l : size (table r l) = l.+1.
Proof. by elim: l => //= l IH; rewrite size_rcons IH. Qed.

Lemma cheaperP e s (f : nat -> entry) :
  let m := foldl (fun e k => cheaper e (f k)) e s in
  [/\ m = e \/ exists2 k, k \in s & m = f k, m.1 <= e.1 & forall k, k \in s -> m.1 <= (f k).1].
Proof.
elim: s e => [|k s IH] e /=; first by split=> //; left.
have [from le_e le_s] := IH (cheaper e (f k)).
have [ce cf] : (cheaper e (f k)).1 <= e.1 /\ (cheaper e (f k)).1 <= (f k).1.
  rewrite /cheaper; case: ifP => [le|/negbT]; first by split.
  by rewrite -ltnNge => /ltnW le; split.
split; last 2 first.
- exact: leq_trans le_e ce.
- move=> k'; rewrite inE => /predU1P[->|]; [exact: leq_trans le_e cf | exact: le_s].
case: from => [->|[k' ks ->]].
  rewrite /cheaper; case: ifP => _; [by left | right; exists k => //].
  by rewrite inE eqxx.
by right; exists k' => //; rewrite inE ks orbT.
Qed.

Lemma split_sum k l : k <= l -> k.+1 + (l - k).+1 = l.+2.
Proof. by move=> kl; rewrite addSn addnS subnKC. Qed.

Lemma split_optimal rows l i :
  (forall l', l' <= l -> forall i', i' + l' <= i + l.+1 -> optimal i' l' (lookup rows l' i')) ->
  optimal i l.+1 (best_split rows l i).
Proof.
move=> rowsP.
have splitP k : k <= l -> plan_size (split_at rows l i k).2 = l.+2 /\
    plan_cost i (split_at rows l i k).2 = (split_at rows l i k).1.
  move=> kl.
  have H1 : optimal i k (lookup rows k i).
    by apply: rowsP => //; rewrite leq_add2l (leq_trans kl).
  have H2 : optimal (i + k.+1) (l - k) (lookup rows (l - k) (i + k.+1)).
    by apply: rowsP; rewrite ?leq_subr // -addnA leq_add2l addSn subnKC.
  rewrite /split_at; case: (lookup rows k i) H1 => c1 t1 [/= s1 e1 _].
  case: (lookup rows (l - k) _) H2 => c2 t2 [/= s2 e2 _].
  rewrite /= s1 s2 e1 e2 (_ : i + k.+1 + (l - k).+1 = i + l.+2); last first.
    by rewrite -addnA split_sum.
  by split=> //; exact: split_sum.
have leastP k t1 t2 : k <= l -> plan_size t1 = k.+1 -> plan_size t2 = (l - k).+1 ->
    (split_at rows l i k).1 <= plan_cost i (Join t1 t2).
  move=> kl s1 s2.
  have H1 : optimal i k (lookup rows k i).
    by apply: rowsP => //; rewrite leq_add2l (leq_trans kl).
  have H2 : optimal (i + k.+1) (l - k) (lookup rows (l - k) (i + k.+1)).
    by apply: rowsP; rewrite ?leq_subr // -addnA leq_add2l addSn subnKC.
  rewrite /split_at; case: (lookup rows k i) H1 => c1 u1 [/= _ _ b1].
  case: (lookup rows (l - k) _) H2 => c2 u2 [/= _ _ b2].
  rewrite s1 s2 (_ : i + k.+1 + (l - k).+1 = i + l.+2).
    by rewrite leq_add2r leq_add ?b1 ?b2.
  by rewrite -addnA split_sum.
rewrite /best_split.
have [from le0 le_s] := cheaperP (split_at rows l i 0) (iota 1 l) (split_at rows l i).
move: (foldl _ _ _) from le0 le_s => e from le0 le_s.
have [k kl eE] : exists2 k, k <= l & e = split_at rows l i k.
  case: from => [->|[k]]; first by exists 0.
  by rewrite mem_iota add1n ltnS => /andP[_ kl] ->; exists k.
have [s c] := splitP k kl; split; rewrite ?eE // => t.
case: t => [|t1 t2] //= /eqP st.
have /prednK s1 := plan_size_gt0 t1; have /prednK s2 := plan_size_gt0 t2.
have {}st : (plan_size t1).-1 + (plan_size t2).-1 = l.
  by move: st; rewrite -[in X in X -> _]s1 -[in X in X -> _]s2 addSn addnS !eqSS => /eqP.
have k1l : (plan_size t1).-1 <= l by rewrite -st leq_addr.
have s2' : plan_size t2 = (l - (plan_size t1).-1).+1 by rewrite -st addKn s2.
apply: leq_trans (leastP _ t1 t2 k1l (esym s1) s2'); rewrite -eE.
case: (posnP (plan_size t1).-1) => [->|k0]; first exact: le0.
by apply: le_s; rewrite mem_iota k0 add1n ltnS.
Qed.

Lemma table_optimal r l : l < r ->
  forall l', l' <= l -> forall i, i + l' < r -> optimal i l' (lookup (table r l) l' i).
Proof.
elim: l => [|l IH] lr l'.
  rewrite leqn0 => /eqP -> i; rewrite addn0 => ir.
  by rewrite /lookup /= nth_nseq ir.
have {}IH := IH (ltnW lr).
rewrite leq_eqVlt => /orP[/eqP ->|]; last first.
  move=> ll i il; rewrite /lookup /= nth_rcons size_table ltnS -ltnS ll.
  exact: IH.
move=> i il; rewrite /lookup /= nth_rcons size_table ltnn eqxx.
have ir : i < r - l.+1 by rewrite ltn_subRL addnC.
rewrite (nth_map 0) ?size_iota // nth_iota // add0n.
apply: split_optimal => k kl j jk; apply: IH => //.
exact: leq_ltn_trans jk il.
Qed.

Theorem plan_is_optimal r t : plan_size t = r.+1 -> (best r).1 <= plan_cost 0 t.
Proof. by have [_ _] := table_optimal (ltnSn r) (leqnn r) (ltnSn r : 0 + r < r.+1); apply. Qed.

Theorem plan_is_plan r : plan_size (best r).2 = r.+1.
Proof. by have [] := table_optimal (ltnSn r) (leqnn r) (ltnSn r : 0 + r < r.+1). Qed.

Theorem plan_cost_is_its_cost r : plan_cost 0 (best r).2 = (best r).1.
Proof. by have [] := table_optimal (ltnSn r) (leqnn r) (ltnSn r : 0 + r < r.+1). Qed.

(* Its work: row l.+1 of the table tries l.+1 splits for each of its entries. *)
Definition splits_tried (r : nat) : nat := \sum_(l < r) (r.+1 - l.+1) * l.+1.

Theorem splits_tried_bound r : splits_tried r <= r ^ 3.
Proof.
have -> : r ^ 3 = \sum_(l < r) r * r by rewrite sum_nat_const card_ord !expnS expn0 muln1.
by apply: leq_sum => l _; rewrite subSS leq_mul ?leq_subr.
Qed.

End Planner.

(* ---- Dense matrices ---- *)

Definition dense (a : seq nat) (i k j : nat) : nat := nth 0 a i * nth 0 a k * nth 0 a j.

Section Matrices.
Variable R : ringType.

(* The plan that a bracketing follows. *)
Fixpoint plan_of m n (t : bracketing R m n) : plan :=
  match t with
  | Leaf _ _ _ => One
  | Times _ _ _ t u => Join (plan_of t) (plan_of u)
  end.

Lemma plan_of_size m n (t : bracketing R m n) : plan_size (plan_of t) = size (sizes t).
Proof. by elim: t => //= m' k n' t -> u ->; rewrite size_cat. Qed.

(* Its cost is the plan's cost for the sizes a_0, a_1, ..., a_r. *)
Theorem plan_of_cost m n (t : bracketing R m n) :
  cost t = plan_cost (dense (m :: sizes t)) 0 (plan_of t).
Proof.
have gen (a : seq nat) i : nth 0 a i = m ->
    (forall j, j < size (sizes t) -> nth 0 a (i + j.+1) = nth 0 (sizes t) j) ->
    cost t = plan_cost (dense a) i (plan_of t).
  elim: t i => [m' n' A|m' k n' t IHt u IHu] i //= ai aj.
  have ajt j : j < size (sizes t) -> nth 0 a (i + j.+1) = nth 0 (sizes t) j.
    by move=> lt_j; rewrite aj ?nth_cat ?lt_j // size_cat ltn_addr.
  have aju j : j < size (sizes u) ->
      nth 0 a (i + size (sizes t) + j.+1) = nth 0 (sizes u) j.
    move=> lt_j; rewrite -addnA addnS aj; last by rewrite size_cat ltn_add2l.
    by rewrite nth_cat ltnNge leq_addr /= addKn.
  have lastE m1 n1 (v : bracketing R m1 n1) : nth 0 (sizes v) (size (sizes v)).-1 = n1.
    rewrite nth_last -[RHS](last_sizes v).
    by case: (sizes v) (sizes_nonempty v).
  have size_gt0 m1 n1 (v : bracketing R m1 n1) : 0 < size (sizes v).
    by rewrite -plan_of_size plan_size_gt0.
  have ak : nth 0 a (i + size (sizes t)) = k.
    by rewrite -[size (sizes t)]prednK // ajt ?prednK.
  have an : nth 0 a (i + size (sizes t) + size (sizes u)) = n'.
    by rewrite -[size (sizes u)]prednK // aju ?prednK.
  by rewrite !plan_of_size (IHt i) // (IHu (i + size (sizes t))) // /dense ai ak an.
by apply: gen.
Qed.

Theorem plan_beats_bracketings m n (t : bracketing R m n) :
  (best (dense (m :: sizes t)) (size (sizes t)).-1).1 <= cost t.
Proof.
rewrite plan_of_cost; apply: plan_is_optimal.
by rewrite plan_of_size prednK // -plan_of_size plan_size_gt0.
Qed.

End Matrices.

(* Examples, computed by Coq: sizes 1 x 2, 2 x 3, 3 x 1 (right first, 8), and a   *)
(* bottleneck 10 x 2, 2 x 10, 10 x 10.                                            *)
Example plan_width_1 : best (dense [:: 1; 2; 3; 1]) 2 = (8, Join One (Join One One)).
Proof. by []. Qed.

Example plan_bottleneck :
  best (dense [:: 10; 2; 10; 10]) 2 = (400, Join One (Join One One)).
Proof. by vm_compute. Qed.
