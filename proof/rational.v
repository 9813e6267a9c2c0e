(* -------------------------------------------------------------------------- *)
(* Runs on rationals agree with the field                                     *)
(*                                                                            *)
(* Coq's rationals embed in every ordered field ([embed]); the embedding      *)
(* respects 0, 1, 1/2, sums, differences, products and the order. The program *)
(* of program.v uses nothing else, so its run on rationals, which vm_compute  *)
(* evaluates, is sent by the embedding to its run in the field                *)
(* ([rational_run_agrees]), which program_correct.v proves to be the matrix   *)
(* recursion, and the gradient away from kinks.                               *)
(* -------------------------------------------------------------------------- *)
From Coq Require Import ZArith QArith Qreduction Lia.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import normedtype.
From backproof Require Import program program_correct.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.

Local Open Scope ring_scope.

(* ---- A map that respects the operations respects the program ---- *)

Section Morphism.
Variables (S T : numbers) (f : S -> T).

Record respects : Prop := Respects {
  f_zero : f (zero S) = zero T;
  f_one : f (one S) = one T;
  f_half : f (half S) = half T;
  f_add : forall a b, f (add a b) = add (f a) (f b);
  f_sub : forall a b, f (sub a b) = sub (f a) (f b);
  f_mul : forall a b, f (mul a b) = mul (f a) (f b);
  f_less : forall a b, less (f a) (f b) = less a b
}.

Hypothesis fP : respects.

Definition map_activation (s : activation S) : activation T :=
  match s with
  | Leaky c => Leaky (f c)
  | Clip low high => Clip (f low) (f high)
  end.

Definition map_step (s : step S) : step T :=
  match s with
  | Affine W b => Affine (map (map f) W) (map f b)
  | Activation s => Activation (map_activation s)
  end.

Definition map_kept (k : kept S) : kept T :=
  match k with
  | KeptAffine W x => KeptAffine (map (map f) W) (map f x)
  | KeptDiagonal slopes => KeptDiagonal (map f slopes)
  end.

Definition map_block (g : block S) : block T := (map (map f) g.1, map f g.2).

Lemma map_zip_with (op : S -> S -> S) (op' : T -> T -> T) u v :
  (forall a b, f (op a b) = op' (f a) (f b)) ->
  map f (zip_with op u v) = zip_with op' (map f u) (map f v).
Proof. by move=> opP; elim: u v => [|a u IH] [|b v] //=; rewrite opP IH. Qed.

Lemma map_dot u v : f (dot u v) = dot (map f u) (map f v).
Proof.
rewrite /dot -(map_zip_with _ _ (f_mul fP)).
by elim: (zip_with _ _ _) => [|a w IH] /=; rewrite ?(f_zero fP) // (f_add fP) IH.
Qed.

Lemma map_matrix_vector W x :
  map f (matrix_vector W x) = matrix_vector (map (map f) W) (map f x).
Proof. by rewrite /matrix_vector -!map_comp; apply: eq_map => row /=; exact: map_dot. Qed.

Lemma map_scale (a : S) u : map f (map (mul a) u) = map (mul (f a)) (map f u).
Proof. by rewrite -!map_comp; apply: eq_map => b /=; exact: (f_mul fP). Qed.

Lemma map_row_matrix n d W :
  map f (row_matrix n d W) = row_matrix n (map f d) (map (map f) W).
Proof.
elim: d W => [|a d IH] [|row W] /=; rewrite ?map_nseq ?(f_zero fP) //.
by rewrite (map_zip_with _ _ (f_add fP)) map_scale IH.
Qed.

Lemma map_outer d x : map (map f) (outer d x) = outer (map f d) (map f x).
Proof. by rewrite /outer -!map_comp; apply: eq_map => a /=; exact: map_scale. Qed.

Lemma map_activate s z : f (activate s z) = activate (map_activation s) (f z).
Proof.
case: s => [c|low high] /=.
  by rewrite -(f_zero fP) (f_less fP); case: less => //; exact: (f_mul fP).
by rewrite !(f_less fP); case: less => //; case: less.
Qed.

Lemma map_slope s z : f (slope_at s z) = slope_at (map_activation s) (f z).
Proof.
case: s => [c|low high] /=.
  by rewrite -(f_zero fP) (f_less fP); case: less => //; exact: (f_one fP).
rewrite !(f_less fP); case: less; last exact: (f_zero fP).
by case: less; [exact: (f_one fP) | exact: (f_zero fP)].
Qed.

Lemma map_run_forward steps x :
  run_forward (map map_step steps) (map f x) =
  (map f (run_forward steps x).1, map map_kept (run_forward steps x).2).
Proof.
elim: steps x => [|[W b|s] later IH] x //=.
  rewrite -map_matrix_vector -(map_zip_with _ _ (f_add fP)) IH.
  by case: (run_forward later _).
have mapE (g : S -> S) (g' : T -> T) : (forall z, f (g z) = g' (f z)) ->
    map g' (map f x) = map f (map g x).
  by move=> gP; rewrite -!map_comp; apply: eq_map => z /=.
rewrite (mapE _ _ (map_activate s)) (mapE _ _ (map_slope s)) IH.
by case: (run_forward later _).
Qed.

Lemma map_run_backward tape d :
  run_backward (map map_kept tape) (map f d) =
  (map f (run_backward tape d).1, map map_block (run_backward tape d).2).
Proof.
elim: tape d => [|[W x|slopes] later IH] d //=; rewrite IH.
  case: (run_backward later d) => e blocks /=.
  by rewrite size_map -map_row_matrix -map_outer.
by case: (run_backward later d) => e blocks /=; rewrite -(map_zip_with _ _ (f_mul fP)).
Qed.

Theorem map_value_and_gradients steps x y :
  value_and_gradients (map map_step steps) (map f x) (map f y) =
  let: (loss, (d, blocks)) := value_and_gradients steps x y in
  (f loss, (map f d, map map_block blocks)).
Proof.
rewrite /value_and_gradients map_run_forward; case: (run_forward steps x) => z tape /=.
rewrite -(map_zip_with _ _ (f_sub fP)) map_run_backward -map_dot -(f_half fP) -(f_mul fP).
by case: run_backward.
Qed.

End Morphism.

(* ---- The embedding of Coq's rationals in an ordered field ---- *)

Section Embedding.
Variable R : numFieldType.

(* The integer z is Z.to_nat z minus Z.to_nat (- z); one of the two is 0. *)
Definition of_Z (z : Z) : R := (Z.to_nat z)%:R - (Z.to_nat (- z))%:R.

Lemma of_Z_diff (a b : nat) : of_Z (Z.of_nat a - Z.of_nat b) = a%:R - b%:R.
Proof.
rewrite /of_Z; case: (leqP b a) => ab.
  have -> : Z.to_nat (Z.of_nat a - Z.of_nat b) = (a - b)%N.
    by rewrite -minusE; move/ssrnat.leP: ab; lia.
  have -> : Z.to_nat (- (Z.of_nat a - Z.of_nat b)) = 0%N by move/ssrnat.leP: ab; lia.
  by rewrite subr0 natrB.
have -> : Z.to_nat (Z.of_nat a - Z.of_nat b) = 0%N by move/ssrnat.leP: ab; lia.
have -> : Z.to_nat (- (Z.of_nat a - Z.of_nat b)) = (b - a)%N.
  by rewrite -minusE; move/ssrnat.leP: ab; lia.
by rewrite natrB ?(ltnW ab) // sub0r opprB.
Qed.

Lemma Z_as_diff (z : Z) : exists a b, z = Z.sub (Z.of_nat a) (Z.of_nat b).
Proof. by exists (Z.to_nat z), (Z.to_nat (- z)); lia. Qed.

Lemma of_Z_add a b : of_Z (a + b) = of_Z a + of_Z b.
Proof.
have [a1 [a2 ->]] := Z_as_diff a; have [b1 [b2 ->]] := Z_as_diff b.
have -> : Z.add (Z.sub (Z.of_nat a1) (Z.of_nat a2)) (Z.sub (Z.of_nat b1) (Z.of_nat b2)) =
           Z.sub (Z.of_nat (a1 + b1)%N) (Z.of_nat (a2 + b2)%N).
  by rewrite -!plusE; lia.
by rewrite !of_Z_diff !natrD opprD addrACA.
Qed.

Lemma of_Z_opp a : of_Z (- a) = - of_Z a.
Proof. by rewrite /of_Z Z.opp_involutive opprB. Qed.

Lemma of_Z_mul a b : of_Z (a * b) = of_Z a * of_Z b.
Proof.
have [a1 [a2 ->]] := Z_as_diff a; have [b1 [b2 ->]] := Z_as_diff b.
have -> : Z.mul (Z.sub (Z.of_nat a1) (Z.of_nat a2)) (Z.sub (Z.of_nat b1) (Z.of_nat b2)) =
   Z.sub (Z.of_nat (a1 * b1 + a2 * b2)%N) (Z.of_nat (a1 * b2 + a2 * b1)%N).
  by rewrite -!plusE -!multE; lia.
rewrite !of_Z_diff !natrD !natrM mulrBr !mulrBl opprB opprD [RHS]addrACA.
by congr (_ + _); rewrite addrC.
Qed.

Lemma of_Z_gt0 z : (0 < of_Z z) = Z.ltb Z0 z.
Proof.
rewrite /of_Z subr_gt0 ltr_nat; apply/idP/idP => [/ssrnat.ltP|] H; first by apply/Z.ltb_lt; lia.
by apply/ssrnat.ltP; move/Z.ltb_lt: H; lia.
Qed.

Lemma of_Z_eq0 z : of_Z z = 0 -> z = Z0.
Proof.
move=> z0; have := of_Z_gt0 z; have := of_Z_gt0 (- z).
rewrite of_Z_opp z0 oppr0 ltxx => /esym/Z.ltb_ge H1 /esym/Z.ltb_ge H2; lia.
Qed.

Lemma of_pos_gt0 p : 0 < of_Z (Zpos p).
Proof. by rewrite of_Z_gt0. Qed.

Lemma of_pos_neq0 p : of_Z (Zpos p) != 0.
Proof. by rewrite gt_eqF // of_pos_gt0. Qed.

Definition embed (q : Q) : R := of_Z (Qnum q) / of_Z (Zpos (Qden q)).

Lemma embed_Qeq p q : Qeq p q -> embed p = embed q.
Proof.
rewrite /Qeq /embed => pq; apply/eqP.
by rewrite eqr_div ?of_pos_neq0 // -!of_Z_mul pq.
Qed.

Lemma embed_add p q : embed (Qplus p q) = embed p + embed q.
Proof.
rewrite /embed /= of_Z_add Pos2Z.inj_mul !of_Z_mul.
by rewrite addf_div ?of_pos_neq0.
Qed.

Lemma embed_opp q : embed (Qopp q) = - embed q.
Proof. by rewrite /embed /= of_Z_opp mulNr. Qed.

Lemma embed_mul p q : embed (Qmult p q) = embed p * embed q.
Proof. by rewrite /embed /= Pos2Z.inj_mul !of_Z_mul mulf_div. Qed.

Lemma embed_less p q : (embed p < embed q) = Qless p q.
Proof.
rewrite -subr_gt0 -embed_opp -embed_add /embed pmulr_lgt0 ?invr_gt0 ?of_pos_gt0 //.
rewrite of_Z_gt0 /Qless /Qle_bool Z.leb_antisym Bool.negb_involutive /=.
by apply/idP/idP => /Z.ltb_lt H; apply/Z.ltb_lt; lia.
Qed.

Lemma embed_respects : @respects rationals (field_numbers R) embed.
Proof.
split=> /=.
- by rewrite /embed /of_Z /= subrr mul0r.
- by rewrite /embed /of_Z /= Pos2Nat.inj_1 subr0 divff // oner_eq0.
- by rewrite /embed /of_Z /= !subr0 div1r.
- by move=> a b; rewrite -embed_add; apply: embed_Qeq; exact: Qplus'_correct.
- by move=> a b; rewrite -embed_opp -embed_add; apply: embed_Qeq; exact: Qminus'_correct.
- by move=> a b; rewrite -embed_mul; apply: embed_Qeq; exact: Qmult'_correct.
- exact: embed_less.
Qed.

(* A rational run, embedded, is the run of the embedded network. *)
Theorem rational_run_agrees (steps : seq (step rationals)) (x y : seq Q) :
  value_and_gradients (T := field_numbers R)
    (map (@map_step rationals (field_numbers R) embed) steps) (map embed x) (map embed y) =
  let: (loss, (d, blocks)) := value_and_gradients_Q steps x y in
  (embed loss, (map embed d, map (@map_block rationals (field_numbers R) embed) blocks)).
Proof. exact: (map_value_and_gradients embed_respects). Qed.

End Embedding.
