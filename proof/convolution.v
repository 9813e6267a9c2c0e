(* -------------------------------------------------------------------------- *)
(* Tied weights and convolutions                                              *)
(*                                                                            *)
(* In a matrix with tied weights, the entry (i, j) is either one of the       *)
(* parameters, theta_k with k = place i j, or 0. Then A is that matrix, and   *)
(* column k of B sums the inputs that theta_k multiplies:                     *)
(*    A = W(theta),   B_ik = sum over the j with place i j = k of x_j.        *)
(* [tied_correct] says so. A convolution (correlation, as libraries have it)  *)
(* in one dimension, y_i = sum_k theta_k x_(i+k), is the case place i j =     *)
(* j - i ([convolutionE]): A is its Toeplitz matrix, and row i of B is the    *)
(* patch x_i, x_(i+1), ... ([convolution_B]).                                 *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import normedtype derive.
From backproof Require Import jacobian network affine.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import GRing.Theory.

Local Open Scope ring_scope.

Section Tied.
Variable R : numFieldType.
Variables n p m : nat.
Variable place : 'I_m.+1 -> 'I_n.+1 -> option 'I_p.+1.

Definition tied_matrix (t : 'cV[R]_p.+1) : 'M[R]_(m.+1, n.+1) :=
  \matrix_(i, j) (if place i j is Some k then t k 0 else 0).

Definition tied_inputs (x : 'cV[R]_n.+1) : 'M[R]_(m.+1, p.+1) :=
  \matrix_(i, k) \sum_(j | place i j == Some k) x j 0.

Fact tied_matrix_is_linear : linear tied_matrix.
Proof.
move=> c t u; apply/matrixP => i j; rewrite !mxE.
by case: place => [k|]; rewrite ?mxE // mulr0 addr0.
Qed.

Lemma tied_inputs_mul x t : tied_inputs x *m t = tied_matrix t *m x.
Proof.
apply/colP => i; rewrite !mxE.
under eq_bigr do rewrite mxE big_mkcond mulr_suml.
rewrite exchange_big /=; apply: eq_bigr => j _; rewrite mxE.
case: (place i j) => [k|]; last by rewrite mul0r big1 // => k _; rewrite mul0r.
rewrite (bigD1 k) //= eqxx mulrC big1 ?addr0 // => k' ne.
by rewrite eq_sym (inj_eq Some_inj) (negbTE ne) mul0r.
Qed.

Definition tied : layer R n p m :=
  linear_in_parameters (Linear tied_matrix_is_linear) (Linear (@no_bias_is_linear R p m))
    tied_inputs.

Theorem tied_correct x t : layer_correct tied x t.
Proof. by apply: linear_in_parameters_correct => u; rewrite addr0 tied_inputs_mul. Qed.

End Tied.

Section Convolution.
Variable R : numFieldType.
Variables m p : nat.

(* m.+1 outputs, a kernel of p.+1 weights, m.+1 + p inputs. *)
Definition kernel_place (i : 'I_m.+1) (j : 'I_(m + p).+1) : option 'I_p.+1 :=
  if (i <= j <= i + p)%N then Some (inord (j - i)) else None.

Definition convolution : layer R (m + p) p m := tied R kernel_place.

Theorem convolution_correct x t : layer_correct convolution x t.
Proof. exact: tied_correct. Qed.

Definition input_place (i : 'I_m.+1) (k : 'I_p.+1) : 'I_(m + p).+1 := inord (i + k).

Lemma input_place_val i k : input_place i k = (i + k)%N :> nat.
Proof. by rewrite inordK // ltnS leq_add // -ltnS ltn_ord. Qed.

Lemma kernel_placeE i j k : (kernel_place i j == Some k) = (j == input_place i k).
Proof.
rewrite /kernel_place; case: ifP => [/andP[ij jp]|out].
  rewrite (inj_eq Some_inj) -!val_eqE /= input_place_val inordK; last first.
    by rewrite ltnS leq_subLR.
  by rewrite -(eqn_add2l i) subnKC.
apply/esym/negbTE/eqP => jE; move: out; rewrite jE input_place_val leq_addr leq_add2l.
by rewrite -ltnS ltn_ord.
Qed.

(* Row i of B is the patch of the input that output i sees. *)
Theorem convolution_B x t i k : layer_B convolution x t i k = x (input_place i k) 0.
Proof.
rewrite /= mxE (eq_bigl (pred1 (input_place i k))) ?big_pred1_eq // => j.
by rewrite kernel_placeE.
Qed.

Theorem convolutionE x t i :
  convolution x t i 0 = \sum_k t k 0 * x (input_place i k) 0.
Proof.
rewrite /= addr0 -tied_inputs_mul mxE; apply: eq_bigr => k _.
by rewrite mulrC -(convolution_B x t i k).
Qed.

End Convolution.
