(* -------------------------------------------------------------------------- *)
(* The recursion as a program on lists of numbers                             *)
(*                                                                            *)
(* Forward and backward for networks of affine layers and piecewise-linear    *)
(* activations, with the squared error, on plain lists. The numbers and their *)
(* operations are parameters of the program:                                  *)
(*  - with Coq's rationals it runs: [value_and_gradients_Q] can be evaluated  *)
(*    by vm_compute and compared with any other implementation, exactly;      *)
(*  - with the elements of a field it is proved, in program_correct.v, to be  *)
(*    the matrix recursion of network.v;                                      *)
(*  - and program_correct.v also shows that the two runs agree.               *)
(* A matrix is the list of its rows. Nothing here is checked for sizes: see   *)
(* [well_sized] in program_correct.v.                                         *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import ssreflect ssrfun seq.
From Coq Require Import QArith Qreduction.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

(* The numbers and their operations. *)
Record numbers := Numbers {
  number :> Type;
  zero : number;
  one : number;
  half : number;
  add : number -> number -> number;
  sub : number -> number -> number;
  mul : number -> number -> number;
  less : number -> number -> bool
}.

Section Program.
Variable T : numbers.

Fixpoint zip_with (f : T -> T -> T) (u v : seq T) : seq T :=
  match u, v with
  | a :: u', b :: v' => f a b :: zip_with f u' v'
  | _, _ => [::]
  end.

Definition dot (u v : seq T) : T := foldr (@add T) (zero T) (zip_with (@mul T) u v).

Definition matrix_vector (W : seq (seq T)) (x : seq T) : seq T :=
  map (fun row => dot row x) W.

(* delta W, for a row delta and a matrix W with n columns *)
Fixpoint row_matrix (n : nat) (delta : seq T) (W : seq (seq T)) : seq T :=
  match delta, W with
  | d :: delta', row :: W' =>
      zip_with (@add T) (map (mul d) row) (row_matrix n delta' W')
  | _, _ => nseq n (zero T)
  end.

Definition outer (delta x : seq T) : seq (seq T) := map (fun d => map (mul d) x) delta.

(* Leaky ReLU (ReLU has slope 0, the absolute value -1), and Hardtanh. At a kink *)
(* the slope is the one that PyTorch uses.                                       *)
Inductive activation := Leaky (slope : T) | Clip (low high : T).

Definition activate (s : activation) (z : T) : T :=
  match s with
  | Leaky c => if less (zero T) z then z else mul c z
  | Clip low high => if less z low then low else if less high z then high else z
  end.

Definition slope_at (s : activation) (z : T) : T :=
  match s with
  | Leaky c => if less (zero T) z then one T else c
  | Clip low high => if less low z then if less z high then one T else zero T else zero T
  end.

Inductive step := Affine (W : seq (seq T)) (b : seq T) | Activation (s : activation).

(* What the forward pass keeps of a step: its matrix A, and what B is made of. *)
Inductive kept := KeptAffine (W : seq (seq T)) (x : seq T) | KeptDiagonal (slopes : seq T).

Fixpoint run_forward (steps : seq step) (x : seq T) : seq T * seq kept :=
  match steps with
  | [::] => (x, [::])
  | Affine W b :: later =>
      let: (y, tape) := run_forward later (zip_with (@add T) (matrix_vector W x) b) in
      (y, KeptAffine W x :: tape)
  | Activation s :: later =>
      let: (y, tape) := run_forward later (map (activate s) x) in
      (y, KeptDiagonal (map (slope_at s) x) :: tape)
  end.

(* The gradient in a weight matrix and in a bias. *)
Definition block : Type := (seq (seq T) * seq T)%type.

Fixpoint run_backward (tape : seq kept) (delta : seq T) : seq T * seq block :=
  match tape with
  | [::] => (delta, [::])
  | KeptAffine W x :: later =>
      let: (d, blocks) := run_backward later delta in
      (row_matrix (size x) d W, (outer d x, d) :: blocks)
  | KeptDiagonal slopes :: later =>
      let: (d, blocks) := run_backward later delta in
      (zip_with (@mul T) d slopes, blocks)
  end.

(* The squared error 1/2 ||z - y||^2, its gradient in the input x of the network, *)
(* and its gradient in every weight matrix and bias, first layer first.           *)
Definition value_and_gradients (steps : seq step) (x y : seq T) :
    T * (seq T * seq block) :=
  let: (z, tape) := run_forward steps x in
  let error := zip_with (@sub T) z y in
  (mul (half T) (dot error error), run_backward tape error).

End Program.

(* ---- The rationals of Coq, always in lowest terms ---- *)

Definition Qless (a b : Q) : bool := negb (Qle_bool b a).

Definition rationals : numbers := {|
  number := Q; zero := 0%Q; one := 1%Q; half := (1 # 2)%Q;
  add := Qplus'; sub := Qminus'; mul := Qmult'; less := Qless
|}.

Definition value_and_gradients_Q : seq (step rationals) -> seq Q -> seq Q ->
    Q * (seq Q * seq (seq (seq Q) * seq Q)) := @value_and_gradients rationals.

(* All numbers of the result in one list, each as numerator and denominator, for  *)
(* other programs to read: the loss, the gradient in x, and for every affine step *)
(* the gradient in its weights, row by row, and in its bias. Before evaluating,   *)
(* say Set Printing Depth 1000000, or Coq abbreviates long lists.                 *)
Definition report (result : Q * (seq Q * seq (seq (seq Q) * seq Q))) : seq Z :=
  let: (loss, (delta, blocks)) := result in
  let all := loss :: delta ++ flatten (map (fun g => flatten g.1 ++ g.2) blocks) in
  flatten (map (fun q => [:: Qnum q; Zpos (Qden q)]) all).
