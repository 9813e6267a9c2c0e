"""The induction theorem for one given network: a Coq file, and what it says in words."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..errors import OptionError
from ..files import atomic_write
from ..layers.base import Shape
from ..losses import Loss
from ..network import Network
from ..quantities.points import require_uncoupled
from .checking import Checked, check_text
from .combining import combined_part
from .losses import LossPart, loss_part
from .parts import Setting
from .words import comment, listed
from .writing import Writer, Written


@final
@dataclass(frozen=True)
class Certificate:
    """A Coq file that proves backpropagation right for one network and loss, whatever the weights.

    Attributes:
        text: the file.
        statement_in_words: what it proves.
        conditions: open hypotheses on the point (weights and input): where the network has a derivative.
        unproved: layers, and the loss, without a lemma; the proof is relative to their Jacobians being right.
        settings: numbers that the theorem leaves open, and what the network has for them.
    """

    text: str
    statement_in_words: str
    conditions: tuple[str, ...]
    unproved: tuple[str, ...]
    settings: tuple[str, ...]

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file; an old one stands until the new one is complete.

        Raises:
            DataError: it cannot be written.
        """
        with atomic_write(path) as file:
            file.write(self.text.encode())

    def check(self, timeout: float = 120.0) -> Checked:
        """Let Coq check the proof, and read what it rests on.

        Args:
            timeout: seconds for the certificate; the development it rests on is compiled once, before.

        Raises:
            MissingExtraError: Coq or MathComp Analysis is not installed; the message has the install line.
            ProofError: the development is missing, or does not compile.
        """
        return check_text(self.text, timeout)


def certify_network(net: Network, input_shape: Sequence[int], loss: Loss) -> Certificate:
    r"""Write down the induction theorem for a network's layers, sizes and loss.

    Weights, inputs and targets are variables of the theorem, and so are the layers' real settings (slopes, eps):
    it holds for all of them. A layer without a lemma becomes a variable too, with the one hypothesis that the
    Jacobians its formulas give are right.

    Shapes:
        input of the network: (batch, \*input_shape)

    Args:
        net: the network, as it acts outside training.
        input_shape: of one example.
        loss: what is differentiated.

    Raises:
        ShapeError: a layer does not fit; the message names it.
        CoupledBatchError: a layer lets the examples of a batch depend on one another.
        OptionError: an example without entries.
    """
    shape = tuple(int(size) for size in input_shape)
    outputs = math.prod(net.output_shape(shape))
    if math.prod(shape) < 1 or outputs < 1:
        raise OptionError(
            f"certify_network: examples of shape {shape} and {outputs} outputs, expected at least 1 entry."
        )
    require_uncoupled(net, "certify_network")
    writer = Writer(combined_part)
    written = writer.network(net.layers, shape, "")
    part = loss_part(loss)
    unproved = (*writer.unproved, *([] if part else [f"the loss, {type(loss).__name__}"]))
    conditions = tuple(f"no input of layer {k.place}, {k.label}, is {k.where}" for k in writer.kinks)
    text = "\n".join([_header(net, shape, loss), *writer.lines, *_loss(part, loss, written.last), _theorems(written)])
    return Certificate(
        text,
        _words(net, shape, loss, part, writer, unproved, conditions),
        conditions,
        unproved,
        tuple(_setting(setting) for setting in writer.settings),
    )


def _setting(setting: Setting) -> str:
    return f"{setting.name} = {setting.value!r}" + (f" (any {setting.words})" if setting.words else "")


def _header(net: Network, shape: Shape, loss: Loss) -> str:
    """Return the opening comment, the imports and the field."""
    layers = "\n".join(f"   {index}  {comment(layer.label)}" for index, layer in enumerate(net))
    size = " x ".join(map(str, shape))
    return f"""(* Backpropagation computes the gradient of this network, for all weights:
   examples of shape {size}
{layers}
   loss {comment(repr(loss))}
   A size in this file is the number of entries less one: 'cV[R]_n.+1 has n + 1.
   Written by backproof; the lemmas are in its folder proof. To check it there:
   coqc -Q . backproof this_file.v *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import reals normedtype derive sequences exp.
From backproof Require Import jacobian network theorem affine elementwise softmax losses.
From backproof Require Import combinators normalization parts certificate.
Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Certificate.
Variable R : realType.
"""


def _loss(part: LossPart | None, loss: Loss, last: int) -> list[str]:
    """Return the loss, its gradient in the output, and that it is its gradient."""
    z = f"'cV[R]_{last}.+1"
    if part is None:
        return [
            f"(* No lemma yet: {comment(repr(loss))} *)\n"
            "Variable target_type : Type.\n"
            f"Variable loss : target_type -> {z} -> R.\n"
            f"Variable delta : target_type -> {z} -> 'rV[R]_{last}.+1.\n"
            "Hypothesis loss_gradient : forall y z, has_gradient (loss y) z (delta y z).\n"
            "Definition target (y : target_type) : Prop := True.\n"
            "Definition target_gradient y z (_ : target y) := loss_gradient y z.\n"
        ]
    proof = f"move=> yP; exact: {part.lemma}" if part.target else f"move=> _; exact: {part.lemma}"
    return [
        f"Definition target_type : Type := {z}.\n"
        f"Definition target (y : {z}) : Prop := {part.target or 'True'}.\n"
        f"Definition loss (y z : {z}) : R := {part.value}.\n"
        f"Definition delta (y z : {z}) : 'rV[R]_{last}.+1 := {part.delta}.\n"
        f"Lemma target_gradient (y z : {z}) : target y -> has_gradient (loss y) z (delta y z).\n"
        f"Proof. {proof}. Qed.\n"
    ]


def _theorems(net: Written) -> str:
    """Return the three theorems and the command that prints what they rest on."""
    sizes, x = listed(net.sizes), f"'cV[R]_{net.first}.+1"
    asked = "conditions x theta -> " if net.conditional else ""
    asked_of_all = "(forall i, conditions (x i) theta) -> " if net.conditional else ""
    correct = "network_correct" if net.conditional else "(everywhere_when network_correct)"
    given, given_of_all = ("Cx", "Cx") if net.conditional else ("I", "(fun _ => I)")
    intro = "Cx " if net.conditional else ""
    return f"""(* The gradient in the parameters of every layer l. *)
Theorem layer_gradients (y : target_type) (x : {x}) (theta : params R {sizes}) l :
  target y -> {asked}(l < size {sizes})%N ->
  has_gradient (fun t => loss y (forward network x (replace_param theta t))) (param_at theta l)
    (gradient_at (backpropagation network x theta (delta y (forward network x theta))).2 l).
Proof.
move=> yP {intro}lt_l.
exact: (certified_layer_gradient {correct} (fun z => target_gradient y z yP) {given} lt_l).
Qed.

(* The gradient in the input. *)
Theorem input_gradient (y : target_type) (x : {x}) (theta : params R {sizes}) :
  target y -> {asked}
  has_gradient (fun x' => loss y (forward network x' theta)) x
    (backpropagation network x theta (delta y (forward network x theta))).1.
Proof.
move=> yP {intro}; exact: (certified_input_gradient {correct} (fun z => target_gradient y z yP) {given}).
Qed.

(* A batch: the weighted sum of the examples' losses; the mean has the weights 1/N. *)
Theorem batch_gradients (N : nat) (weight : 'I_N -> R) (y : 'I_N -> target_type)
    (x : 'I_N -> {x}) (theta : params R {sizes}) l :
  (forall i, target (y i)) -> {asked_of_all}(l < size {sizes})%N ->
  has_gradient
    (fun t => \\sum_i weight i * loss (y i) (forward network (x i) (replace_param theta t)))
    (param_at theta l)
    (\\sum_i weight i *: gradient_at
       (backpropagation network (x i) theta (delta (y i) (forward network (x i) theta))).2 l).
Proof.
move=> yP {intro}lt_l; exact: (certified_batch_gradient _ weight {correct}
  (fun i z => target_gradient (y i) z (yP i)) {given_of_all} lt_l).
Qed.

End Certificate.

Definition certificate := (@layer_gradients, @input_gradient, @batch_gradients).
Print Assumptions certificate.
"""


def _words(
    net: Network,
    shape: Shape,
    loss: Loss,
    part: LossPart | None,
    writer: Writer,
    unproved: Sequence[str],
    conditions: Sequence[str],
) -> str:
    """Return the statement for people."""
    free = ["all weights", *(f"all {s.words}" if s.words else f"every {s.name}" for s in writer.settings)]
    inputs = f"all inputs of shape {' x '.join(map(str, shape))}"
    targets = part.words if part else "all targets y"
    lines = [
        f"For the network {' -> '.join(layer.label for layer in net)} with the loss {loss!r}:",
        f"for {', '.join(free)}, {inputs} and {targets}, the recursion delta_(l-1) = delta_l A_l, "
        "gradient_l = delta_l B_l gives the gradient of the loss in the parameters of every layer and in the input; "
        "for a batch, the mean (or any weighted sum) of the examples' gradients is that of their losses.",
    ]
    if conditions:
        lines.append(f"It holds wherever {'; '.join(conditions)}.")
    if unproved:
        lines.append(
            f"There is no lemma yet for {'; '.join(unproved)}: "
            "the proof assumes that the derivatives given by the formulas there are right."
        )
    return "\n".join(lines)
