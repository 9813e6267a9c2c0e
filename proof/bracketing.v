(* -------------------------------------------------------------------------- *)
(* Bracketings of a product of matrices                                       *)
(*                                                                            *)
(* A bracketing is a binary tree with the matrices at its leaves. The product *)
(* of an m x k by a k x n matrix costs m k n multiplications. Here:           *)
(*  - [any_bracketing_gives_same_product];                                    *)
(*  - [bracketing_cost_bound]: for matrices a_0 x a_1, ..., a_(r-1) x a_r     *)
(*    with all sizes at least 2,                                              *)
(*        cost + a_0 a_r >= a_0 a_1 + a_1 a_2 + ... + a_(r-1) a_r,            *)
(*    by induction on the tree, since a_0 a_r >= a_0 + a_r;                   *)
(*  - [one_row_cost_bound]: if a_0 = 1 and the other sizes are at least 2,    *)
(*        cost >= a_1 a_2 + ... + a_(r-1) a_r,                                *)
(*    which is what multiplying from the left costs (cost.v).                 *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import GRing.Theory Num.Theory.

Local Open Scope ring_scope.

(* ---- Bracketings ---- *)

Section Bracketings.
Variable R : ringType.

(* A list of matrices whose sizes fit, and a bracketing of such a list. *)
Inductive chain : nat -> nat -> Type :=
| Last m n (A : 'M[R]_(m, n)) : chain m n
| Before m k n (A : 'M[R]_(m, k)) (C : chain k n) : chain m n.

Inductive bracketing : nat -> nat -> Type :=
| Leaf m n (A : 'M[R]_(m, n)) : bracketing m n
| Times m k n (t : bracketing m k) (u : bracketing k n) : bracketing m n.

Fixpoint value m n (t : bracketing m n) : 'M[R]_(m, n) :=
  match t in bracketing m n return 'M[R]_(m, n) with
  | Leaf _ _ A => A
  | Times _ _ _ t u => value t *m value u
  end.

Fixpoint cost m n (t : bracketing m n) : nat :=
  match t with
  | Leaf _ _ _ => 0
  | Times m k n t u => cost t + cost u + m * k * n
  end.

Fixpoint chain_product m n (C : chain m n) : 'M[R]_(m, n) :=
  match C in chain m n return 'M[R]_(m, n) with
  | Last _ _ A => A
  | Before _ _ _ A C' => A *m chain_product C'
  end.

Fixpoint chain_cat m k n (C : chain m k) : chain k n -> chain m n :=
  match C in chain m k return chain k n -> chain m n with
  | Last _ _ A => fun D => Before A D
  | Before _ _ _ A C' => fun D => Before A (chain_cat C' D)
  end.

(* The matrices of a bracketing, from left to right. *)
Fixpoint leaves m n (t : bracketing m n) : chain m n :=
  match t in bracketing m n return chain m n with
  | Leaf _ _ A => Last A
  | Times _ _ _ t u => chain_cat (leaves t) (leaves u)
  end.

Lemma chain_product_cat m k n (C : chain m k) (D : chain k n) :
  chain_product (chain_cat C D) = chain_product C *m chain_product D.
Proof. by elim: C D => //= m' k' n' A C IH D; rewrite IH mulmxA. Qed.

Theorem bracketing_value m n (t : bracketing m n) : value t = chain_product (leaves t).
Proof. by elim: t => //= m' k n' t -> u ->; rewrite chain_product_cat. Qed.

Theorem any_bracketing_gives_same_product m n (t u : bracketing m n) :
  leaves t = leaves u -> value t = value u.
Proof. by rewrite !bracketing_value => ->. Qed.

(* ---- Costs depend on the sizes only ---- *)

(* The sizes a_1, ..., a_r of a product of a_0 x a_1, ..., a_(r-1) x a_r. *)
Fixpoint sizes m n (t : bracketing m n) : seq nat :=
  match t with
  | Leaf _ n _ => [:: n]
  | Times _ _ _ t u => sizes t ++ sizes u
  end.

Fixpoint chain_sizes m n (C : chain m n) : seq nat :=
  match C with
  | Last _ n _ => [:: n]
  | Before _ k _ _ C' => k :: chain_sizes C'
  end.

Lemma chain_sizes_cat m k n (C : chain m k) (D : chain k n) :
  chain_sizes (chain_cat C D) = chain_sizes C ++ chain_sizes D.
Proof. by elim: C D => //= m' k' n' A C IH D; rewrite IH. Qed.

Lemma sizes_leaves m n (t : bracketing m n) : sizes t = chain_sizes (leaves t).
Proof. by elim: t => //= m' k n' t -> u ->; rewrite chain_sizes_cat. Qed.

Lemma last_sizes m n (t : bracketing m n) : last m (sizes t) = n.
Proof. by elim: t => //= m' k n' t IHt u IHu; rewrite last_cat IHt IHu. Qed.

Lemma sizes_nonempty m n (t : bracketing m n) : sizes t != [::].
Proof. by elim: t => //= m' k n' t; case: (sizes t). Qed.

(* a_0 a_1 + a_1 a_2 + ... + a_(r-1) a_r *)
Fixpoint neighbours (a : nat) (s : seq nat) : nat :=
  if s is b :: s' then (a * b + neighbours b s')%N else 0%N.

Lemma neighbours_cat a s1 s2 :
  neighbours a (s1 ++ s2) = (neighbours a s1 + neighbours (last a s1) s2)%N.
Proof. by elim: s1 a => //= b s1 IH a; rewrite IH addnA. Qed.

Lemma sum_le_product a b : (1 < a -> 1 < b -> a + b <= a * b)%N.
Proof.
move=> a2 b2; case/orP: (leq_total a b) => ab.
  by apply: leq_trans (leq_mul a2 (leqnn b)); rewrite mul2n -addnn leq_add2r.
by apply: leq_trans (leq_mul (leqnn a) b2); rewrite muln2 -addnn leq_add2l.
Qed.

Lemma last_size_wide m n (t : bracketing m n) : all (leq 2) (sizes t) -> (1 < n)%N.
Proof.
have := last_sizes t; case: (sizes t) (sizes_nonempty t) => // b s _ <- wide.
exact: (allP wide) (mem_last b s).
Qed.

(* cost + a_0 a_r >= a_0 a_1 + ... + a_(r-1) a_r if all sizes are at least 2 *)
Theorem bracketing_cost_bound m n (t : bracketing m n) :
  all (leq 2) (m :: sizes t) -> (neighbours m (sizes t) <= cost t + m * n)%N.
Proof.
elim: t => [m' n' A|m' k n' t IHt u IHu] /=; first by rewrite addn0.
rewrite all_cat => /and3P[m2 t2 u2].
have n2 := last_size_wide u2; have k2 := last_size_wide t2.
have Ht := IHt; rewrite /= m2 t2 in Ht; have {}Ht := Ht isT.
have Hu := IHu; rewrite /= k2 u2 in Hu; have {}Hu := Hu isT.
rewrite neighbours_cat last_sizes; apply: leq_trans (leq_add Ht Hu) _.
rewrite addnACA -!addnA leq_add2l leq_add2l.
apply: leq_trans (leq_addr _ _).
rewrite [(m' * k)%N]mulnC -mulnDr -mulnA leq_mul2l.
by rewrite sum_le_product // orbT.
Qed.

(* One row: no bracketing costs less than a_1 a_2 + ... + a_(r-1) a_r. *)
Theorem one_row_cost_bound m n (t : bracketing m n) :
  m = 1%N -> all (leq 2) (sizes t) ->
  (neighbours (head 0 (sizes t)) (behead (sizes t)) <= cost t)%N.
Proof.
elim: t => [m' n' A|m' k n' t IHt u _] //= m1.
rewrite all_cat => /andP[t2 u2]; have Ht := IHt m1 t2; have k2 := last_size_wide t2.
have Hu := @bracketing_cost_bound _ _ u; rewrite /= k2 u2 in Hu; have {}Hu := Hu isT.
have -> : neighbours (head 0%N (sizes t ++ sizes u)) (behead (sizes t ++ sizes u)) =
    (neighbours (head 0%N (sizes t)) (behead (sizes t)) + neighbours k (sizes u))%N.
  have := last_sizes t; case: (sizes t) (sizes_nonempty t) => //= b s _ L.
  by rewrite neighbours_cat L.
by rewrite [X in (_ + X * k * _)%N]m1 mul1n -addnA leq_add.
Qed.

End Bracketings.
