(* A run of the program on rationals, 2 - 3 - 1 with ReLU and squared error. Coq    *)
(* evaluates it exactly; any implementation on fractions must give the same numbers.*)
From mathcomp Require Import ssreflect seq.
From Coq Require Import QArith.
From backproof Require Import program.

Definition steps : seq (step rationals) := [::
  @Affine rationals [:: [:: 1 # 2; -1 # 3]; [:: 2; 1]; [:: 0; 3 # 7]]%Q
                    [:: 1; -1 # 2; 0]%Q;
  @Activation rationals (@Leaky rationals 0%Q);
  @Affine rationals [:: [:: 1; 2; 3]]%Q [:: 1 # 5]%Q ].

Set Printing Depth 1000000.
Eval vm_compute in report (value_and_gradients_Q steps [:: 3 # 4; 1 # 9]%Q [:: 1]%Q).
