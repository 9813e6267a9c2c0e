(* -------------------------------------------------------------------------- *)
(* The list program is the matrix recursion                                   *)
(*                                                                            *)
(* [program_is_backpropagation]: over any field, the program of program.v     *)
(* computes the forward pass and the backpropagation recursion of network.v   *)
(* on the network that its steps describe ([net_of]); a block of its result   *)
(* is the gradient in the parameter vector (vec W, b) of an affine layer.     *)
(* [program_gives_gradient]: over the reals, with no input of an activation   *)
(* at a kink, its result is therefore the gradient of the squared error.      *)
(* (rational.v shows that a run on Coq's rationals gives the same numbers.)   *)
(* -------------------------------------------------------------------------- *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.classical Require Import boolp classical_sets functions.
From mathcomp.analysis Require Import reals signed topology prodnormedzmodule.
From mathcomp.analysis Require Import normedtype landau derive.
From backproof Require Import jacobian network theorem affine elementwise losses program.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.

Local Open Scope ring_scope.

Section OverAField.
Variable R : numFieldType.

Definition field_numbers : numbers := {|
  number := R; zero := 0; one := 1; half := 2^-1;
  add := fun a b => a + b; sub := fun a b => a - b; mul := fun a b => a * b;
  less := fun a b => a < b
|}.

Local Notation T := field_numbers.

(* ---- Lists as vectors and matrices ---- *)

Definition column n (x : seq T) : 'cV[R]_n.+1 := \col_i (nth 0 x i : R).
Definition row_of n (x : seq T) : 'rV[R]_n.+1 := \row_i (nth 0 x i : R).
Definition matrix_of m n (W : seq (seq T)) : 'M[R]_(m.+1, n.+1) :=
  \matrix_(i, j) (nth 0 (nth [::] W i) j : R).

Lemma row_of_column n x : row_of n x = (column n x)^T.
Proof. by apply/rowP => j; rewrite !mxE. Qed.

Lemma size_zip_with f (u v : seq T) : size u = size v -> size (zip_with f u v) = size u.
Proof. by elim: u v => [|a u IH] [|b v] //= [/IH ->]. Qed.

Lemma nth_zip_with f (u v : seq T) i : size u = size v -> (i < size u)%N ->
  nth 0 (zip_with f u v) i = f (nth 0 u i) (nth 0 v i).
Proof. by elim: u v i => [|a u IH] [|b v] // [|i] //= [suv] lt_i; exact: IH. Qed.

Lemma dotE (u v : seq T) : size u = size v ->
  dot u v = \sum_(i < size u) (nth 0 u i : R) * nth 0 v i.
Proof.
elim: u v => [|a u IH] [|b v] //= suv; first by rewrite big_ord0.
by rewrite big_ord_recl /dot /= -/(dot u v) IH //; case: suv.
Qed.

Lemma column_zip_with f n (u v : seq T) : size u = n.+1 -> size v = n.+1 ->
  column n (zip_with f u v) = \col_i f (column n u i 0) (column n v i 0).
Proof.
by move=> su sv; apply/colP => i; rewrite !mxE nth_zip_with ?su ?sv // ltn_ord.
Qed.

(* A matrix of k.+1 rows with n.+1 entries each. *)
Definition shaped k n (W : seq (seq T)) : bool :=
  (size W == k.+1) && all (fun row => size row == n.+1) W.

Lemma shaped_row k n W i : shaped k n W -> (i < k.+1)%N -> size (nth [::] W i) = n.+1.
Proof.
move=> /andP[/eqP sW /allP rows] lt_i; apply/eqP/rows/mem_nth.
by rewrite sW.
Qed.

Lemma column_matrix_vector k n W x : shaped k n W -> size x = n.+1 ->
  column k (matrix_vector W x) = matrix_of k n W *m column n x.
Proof.
move=> sW sx; apply/colP => i; rewrite !mxE.
have /andP[/eqP szW _] := sW.
rewrite (nth_map [::]) ?szW ?ltn_ord // dotE (shaped_row sW (ltn_ord i)) //.
by apply: eq_bigr => j _; rewrite !mxE.
Qed.

Lemma size_row_matrix n (d : seq T) W : all (fun row => size row == n) W ->
  size (row_matrix n d W) = n.
Proof.
elim: d W => [|a d IH] [|r W] /=; rewrite ?size_nseq // => /andP[/eqP sr sW].
by rewrite size_zip_with size_map ?IH.
Qed.

Lemma row_matrixE n (d : seq T) W j : all (fun row => size row == n) W ->
  size d = size W -> (j < n)%N ->
  nth 0 (row_matrix n d W) j = \sum_(i < size d) (nth 0 d i : R) * nth 0 (nth [::] W i) j.
Proof.
elim: d W => [|a d IH] [|r W] //=.
  by move=> _ _ lt_j; rewrite big_ord0 nth_nseq lt_j.
move=> /andP[/eqP sr sW] [sd] lt_j.
rewrite nth_zip_with ?size_map ?size_row_matrix ?sr //.
by rewrite (nth_map 0) ?sr // IH // big_ord_recl.
Qed.

Lemma row_row_matrix k n d W : shaped k n W -> size d = k.+1 ->
  row_of n (row_matrix n.+1 d W) = row_of k d *m matrix_of k n W.
Proof.
move=> /andP[/eqP szW rows] sd; apply/rowP => j; rewrite !mxE.
rewrite row_matrixE ?sd ?szW ?ltn_ord //.
by apply: eq_bigr => i _; rewrite !mxE.
Qed.

Lemma matrix_outer k n d x : size d = k.+1 -> size x = n.+1 ->
  matrix_of k n (outer d x) = (row_of k d)^T *m (column n x)^T.
Proof.
move=> sd sx; apply/matrixP => i j; rewrite !mxE big_ord1 !mxE.
by rewrite (nth_map 0) ?sd ?ltn_ord // (nth_map 0) ?sx ?ltn_ord.
Qed.

(* ---- The network that the steps describe ---- *)

Fixpoint well_sized (n : nat) (steps : seq (step T)) : bool :=
  match steps with
  | [::] => true
  | Affine W b :: later =>
      let k := (size W).-1 in [&& shaped k n W, size b == k.+1 & well_sized k later]
  | Activation _ :: later => well_sized n later
  end.

Fixpoint output_size (n : nat) (steps : seq (step T)) : nat :=
  match steps with
  | [::] => n
  | Affine W _ :: later => output_size (size W).-1 later
  | Activation _ :: later => output_size n later
  end.

Fixpoint sizes_of (n : nat) (steps : seq (step T)) : seq nat :=
  match steps with
  | [::] => [::]
  | Affine W _ :: later => affine_size (size W).-1 n :: sizes_of (size W).-1 later
  | Activation _ :: later => sizes_of n later
  end.

Definition activation_function (s : activation T) n : function R n n :=
  match s with
  | Leaky c => elementwise (leaky_relu (c : R)) (leaky_relu' (c : R)) n
  | Clip low high => elementwise (clip (low : R) high) (clip' (low : R) high) n
  end.

Fixpoint net_of (n : nat) (steps : seq (step T)) :
    net R n (sizes_of n steps) (output_size n steps) :=
  match steps return net R n (sizes_of n steps) (output_size n steps) with
  | [::] => Output R n
  | Affine W _ :: later => Parametric (affine R n (size W).-1) (net_of (size W).-1 later)
  | Activation s :: later => Apply (activation_function s n) (net_of n later)
  end.

Fixpoint params_of (n : nat) (steps : seq (step T)) : params R (sizes_of n steps) :=
  match steps return params R (sizes_of n steps) with
  | [::] => tt
  | Affine W b :: later =>
      let k := (size W).-1 in
      (weight_and_bias (matrix_of k n W) (column k b), params_of k later)
  | Activation _ :: later => params_of n later
  end.

(* The blocks of the result as gradients in the parameter vectors (vec W, b). *)
Fixpoint gradients_of (n : nat) (steps : seq (step T)) (blocks : seq (block T)) :
    gradients R 1 (sizes_of n steps) :=
  match steps return gradients R 1 (sizes_of n steps) with
  | [::] => tt
  | Affine W _ :: later =>
      let k := (size W).-1 in
      let g := head ([::], [::]) blocks in
      (row_mx (vec (matrix_of k n g.1))^T (row_of k g.2), gradients_of k later (behead blocks))
  | Activation _ :: later => gradients_of n later blocks
  end.

(* ---- Forward and backward ---- *)

Lemma activate_function (s : activation T) n x i : size x = n.+1 ->
  activation_function s n (column n x) i 0 = (column n (map (activate s) x) i 0).
Proof.
move=> sx; rewrite !mxE (nth_map 0) ?sx ?ltn_ord //.
by case: s => [c|low high]; rewrite !mxE.
Qed.

Lemma slopes_function (s : activation T) n x : size x = n.+1 ->
  function_A (activation_function s n) (column n x) =
  diag_mx (row_of n (map (slope_at s) x)).
Proof.
move=> sx; case: s => [c|low high] /=; congr diag_mx; apply/rowP => i;
  rewrite !mxE (nth_map 0) ?sx ?ltn_ord //=.
by rewrite /clip'; case: (low < _).
Qed.

Definition affine_values W b x : seq T := zip_with (@add T) (matrix_vector W x) b.

Lemma column_affine_values k n W b x : shaped k n W -> size b = k.+1 -> size x = n.+1 ->
  column k (affine_values W b x) =
  affine R n k (column n x) (weight_and_bias (matrix_of k n W) (column k b)).
Proof.
move=> sW sb sx; rewrite affineE -column_matrix_vector //.
have /andP[/eqP szW _] := sW.
rewrite column_zip_with ?size_map //.
by apply/colP => i; rewrite !mxE.
Qed.

Theorem program_is_backpropagation n steps (x : seq T) :
  well_sized n steps -> size x = n.+1 ->
  let: (z, tape) := run_forward steps x in
  [/\ size z = (output_size n steps).+1,
      column _ z = forward (net_of n steps) (column n x) (params_of n steps) &
      forall delta, size delta = (output_size n steps).+1 ->
        let: (d, blocks) := run_backward tape delta in
        size d = n.+1 /\
        (row_of n d, gradients_of n steps blocks) =
          backpropagation (net_of n steps) (column n x) (params_of n steps) (row_of _ delta)].
Proof.
elim: steps n x => [|[W b|s] later IH] n x /=.
- by move=> _ sx; split=> // delta sd; split.
- set k := (size W).-1 => /and3P[sW /eqP sb later_sized] sx.
  have /andP[/eqP szW _] := sW.
  have sy : size (affine_values W b x) = k.+1 by rewrite size_zip_with size_map ?szW.
  have := IH k (affine_values W b x) later_sized sy.
  rewrite -/(affine_values W b x).
  case: (run_forward later _) => z tape [sz zE backE]; split=> //.
    by rewrite zE (column_affine_values sW sb sx).
  move=> delta sd; have := backE delta sd; rewrite [run_backward (_ :: _) _]/=.
  case: (run_backward tape delta) => d blocks [szd].
  rewrite (column_affine_values sW sb sx) => /esym bE.
  split; first by rewrite size_row_matrix //; have /andP[_] := sW; rewrite sx.
  rewrite (backpropagation_layer bE) affine_A affine_gradient.
  by rewrite sx (row_row_matrix sW szd) /= (matrix_outer szd sx) -row_of_column.
- move=> later_sized sx.
  have sy : size (map (activate s) x) = n.+1 by rewrite size_map.
  have := IH n (map (activate s) x) later_sized sy.
  case: (run_forward later _) => z tape [sz zE backE].
  have yE : column n (map (activate s) x) = activation_function s n (column n x).
    by apply/colP => i; rewrite activate_function.
  split=> //; first by rewrite zE yE.
  move=> delta sd; have := backE delta sd; rewrite [run_backward (_ :: _) _]/=.
  case: (run_backward tape delta) => d blocks [szd]; rewrite yE => /esym bE.
  split; first by rewrite size_zip_with // size_map szd sx.
  rewrite (backpropagation_function bE); congr (_, _).
  rewrite slopes_function // mul_mx_diag; apply/rowP => i.
  by rewrite !mxE nth_zip_with ?size_map ?szd ?sx ?ltn_ord.
Qed.

(* The program's three results: the loss, the gradient in x, the blocks. *)
Theorem program_value_and_gradients n steps x y :
  well_sized n steps -> size x = n.+1 -> size y = (output_size n steps).+1 ->
  let: (loss, (d, blocks)) := value_and_gradients steps x y in
  let z := forward (net_of n steps) (column n x) (params_of n steps) in
  loss = squared_error (column _ y) z /\
  (row_of n d, gradients_of n steps blocks) =
    backpropagation (net_of n steps) (column n x) (params_of n steps) (z - column _ y)^T.
Proof.
move=> sized sx sy; have := program_is_backpropagation sized sx.
rewrite /value_and_gradients; case: (run_forward steps x) => z tape [sz zE backE].
set e := zip_with _ z y.
have se : size e = (output_size n steps).+1 by rewrite size_zip_with ?sz.
have eE : row_of (output_size n steps) e = (column _ z - column _ y)^T.
  rewrite row_of_column column_zip_with //; congr (_^T).
  by apply/colP => i; rewrite !mxE.
have := backE e se; case: (run_backward tape e) => d blocks [_ ->].
rewrite -zE eE; split=> //.
rewrite /squared_error /=; congr (_ * _); rewrite dotE // se.
apply: eq_bigr => i _; rewrite !mxE nth_zip_with ?sz ?sy ?ltn_ord //=.
Qed.

End OverAField.

(* ---- Over the reals, away from kinks: the gradient ---- *)

Section OverTheReals.
Variable R : realType.

Local Notation T := (field_numbers R).

Definition away_from_kinks (s : activation T) (z : R) : Prop :=
  match s with
  | Leaky _ => z != 0
  | Clip low high => [/\ (low : R) <= high, z != low & z != high]
  end.

(* No input of an activation is at a kink. *)
Fixpoint no_kinks (steps : seq (step T)) (x : seq T) : Prop :=
  match steps with
  | [::] => True
  | Affine W b :: later => no_kinks later (affine_values W b x)
  | Activation s :: later =>
      (forall i, (i < size x)%N -> away_from_kinks s (nth 0 x i)) /\
      no_kinks later (map (activate s) x)
  end.

Lemma activation_correct (s : activation T) n (z : 'cV[R]_n.+1) :
  (forall i, away_from_kinks s (z i 0)) -> function_correct (activation_function s n) z.
Proof.
case: s => [c|low high] z0; apply: elementwise_correct => i; have := z0 i => /=.
  exact: is_derive_leaky_relu.
by move=> [lh zl zh]; exact: is_derive_clip.
Qed.

Theorem program_net_correct n steps (x : seq T) :
  well_sized n steps -> size x = n.+1 -> no_kinks steps x ->
  net_correct (net_of n steps) (column n x) (params_of n steps).
Proof.
elim: steps n x => [|[W b|s] later IH] n x //=.
- set k := (size W).-1 => /and3P[sW /eqP sb later_sized] sx kinks.
  split; first exact: affine_correct.
  have H : size (affine_values W b x) = k.+1.
    by have /andP[/eqP szW _] := sW; rewrite size_zip_with size_map ?szW.
  have := IH k _ later_sized H kinks.
  by rewrite (column_affine_values sW sb sx).
- move=> later_sized sx [s0 kinks]; split.
    by apply: activation_correct => i; rewrite mxE; apply: s0; rewrite sx.
  have H : size (map (activate s) x) = n.+1 by rewrite size_map.
  have := IH n _ later_sized H kinks.
  rewrite (_ : column n (map _ x) = activation_function s n (column n x)) //.
  by apply/colP => i; rewrite activate_function.
Qed.

Theorem program_gives_gradient n steps (x y : seq T) :
  well_sized n steps -> size x = n.+1 -> size y = (output_size n steps).+1 ->
  no_kinks steps x ->
  let N := net_of n steps in
  let theta := params_of n steps in
  let error z := squared_error (column (output_size n steps) y) z in
  let: (loss, (d, blocks)) := value_and_gradients steps x y in
  [/\ loss = error (forward N (column n x) theta),
      has_gradient (fun v => error (forward N v theta)) (column n x) (row_of n d) &
      forall l, (l < size (sizes_of n steps))%N ->
        has_gradient (fun t => error (forward N (column n x) (replace_param theta t)))
          (param_at theta l) (gradient_at (gradients_of n steps blocks) l)].
Proof.
move=> sized sx sy kinks N theta error.
have correct := program_net_correct sized sx kinks.
have := program_value_and_gradients sized sx sy.
case: value_and_gradients => loss [d blocks] /= [lossE bE].
have lossP := squared_error_gradient (column _ y) (forward N (column n x) theta).
have inputP := backpropagation_gives_input_gradient correct lossP.
rewrite -bE in inputP; split=> // l lt_l.
by have := backpropagation_gives_layer_gradient lt_l correct lossP; rewrite -bE.
Qed.

End OverTheReals.
