(* A sabotage: the Jacobian of W x + b in its parameters without the block of the  *)
(* bias, [ I (x) x^T , 0 ] in place of [ I (x) x^T , I ].                          *)
(* The proof is right for the honest line, and must fail for this one.             *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import normedtype derive.
From backproof Require Import jacobian network affine.
Import GRing.Theory.
Local Open Scope ring_scope.

Section Sabotage.
Variable R : numFieldType.

Definition parameter_jacobian m n (x : 'cV[R]_n.+1) : 'M[R]_(m.+1, (affine_size m n).+1) :=
  row_mx (identity_kronecker m x^T) (*:*) 0 (*honest: 1%:M :*).

Definition bad_affine n m : layer R n (affine_size m n) m :=
  linear_in_parameters [linear of @unvec R m n \o @weight_part R m n]
    [linear of @bias_part R m n] (@parameter_jacobian m n).

Theorem bad_affine_correct n m x t : layer_correct (bad_affine n m) x t.
Proof.
apply: linear_in_parameters_correct => u /=.
rewrite -[X in _ = X + _]identity_kronecker_mul -[X in _ = _ + X]mul1mx.
exact: (@mul_row_split R m.+1 (size_of m n).+1 m.+1 _ _ u).
Qed.

End Sabotage.
