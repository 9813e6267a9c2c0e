"""A network as Coq text: definitions of its layers, of the network, and of the proof that all are correct."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import final

from ..layers import Chain, Layer
from ..layers.base import Shape
from .parts import Part, Setting, leaf_part
from .words import comment, dotted, listed


@final
@dataclass(frozen=True)
class Kink:
    """A layer that has no derivative somewhere.

    Attributes:
        place, label: the layer.
        where: the inputs at which it has none.
    """

    place: str
    label: str
    where: str


@final
@dataclass(frozen=True)
class Written:
    """Layers in sequence that have been written down as ``network<place>``.

    Attributes:
        sizes: their parameter sizes less one.
        conditional: whether ``conditions<place>`` is asked for.
        first, last: sizes of input and output, less one.
    """

    place: str
    sizes: tuple[str, ...]
    conditional: bool
    first: int
    last: int


@final
@dataclass
class Writer:
    """Writes the definitions of a network and remembers what they leave open.

    Attributes:
        combine: returns a layer made of layers as the proof has it, None if there is no lemma about it.
        lines: the definitions.
        settings: numbers left open.
        kinks: layers with a condition.
        unproved: in words, what is assumed of layers without a lemma.
    """

    combine: Callable[["Writer", Layer, Shape, str], Part | None]
    lines: list[str] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    kinks: list[Kink] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)

    def network(self, layers: Iterable[Layer], shape: Shape, place: str) -> Written:
        """Write layers in sequence; those of a chain among them take its place."""
        parts, sizes = [], [math.prod(shape) - 1]
        for name, layer in _spliced(layers, place):
            parts.append(self.part(layer, shape, name))
            shape = layer.output_shape(shape)
            sizes.append(math.prod(shape) - 1)
        parameters = tuple(part.parameters for part in parts if part.parameters is not None)
        written = Written(place, parameters, any(part.condition for part in parts), sizes[0], sizes[-1])
        self._define_network(written, parts)
        return written

    def _define_network(self, net: Written, parts: Sequence[Part]) -> None:
        place, sizes, last = net.place, listed(net.sizes), net.last
        self._nest(
            f"network{place} : net R {net.first} {sizes} {last}",
            [f"{'Apply' if part.parameters is None else 'Parametric'} ({part.term})" for part in parts],
            f"Output R {last}",
        )
        if not net.conditional:
            rules = [f"everywhere_{'function' if part.parameters is None else 'layer'}" for part in parts]
            head, end = f"everywhere_correct network{place}", f"@everywhere_output R {last}"
        else:
            rules = [_RULES[part.parameters is None, part.condition is not None][0] for part in parts]
            head, end = f"correct_when network{place} conditions{place}", f"@when_output R {last}"
            conditions = [_condition(part) for part in parts]
            self._nest(
                f"conditions{place} : condition R {net.first} {sizes}", conditions, f"@no_condition R {last} [::]"
            )
        proofs = [f"{rule} ({part.correct})" for rule, part in zip(rules, parts, strict=True)]
        self._nest(f"network{place}_correct : {head}", proofs, end)

    def _nest(self, head: str, items: Sequence[str], last: str) -> None:
        """Write ``head := item (item ( ... last))``, one item a line."""
        body = "".join(f"  {item} (\n" for item in items)
        self.lines.append(f"Definition {head} :=\n{body}  {last}{')' * len(items)}.\n")

    def part(self, layer: Layer, shape: Shape, place: str) -> Part:
        """Return a layer as the proof has it, after writing the definitions that this needs."""
        part = leaf_part(layer, shape, place) or self.combine(self, layer, shape, place)
        if part is None:
            return self._assume(layer, shape, place)
        self._declare(part.settings)
        if part.kink:
            self.kinks.append(Kink(dotted(place), layer.label, part.kink))
        return part

    def _declare(self, settings: Sequence[Setting]) -> None:
        for setting in settings:
            self.settings.append(setting)
            self.lines.append(f"Variable {setting.name} : R.\n")
            if setting.premise:
                self.lines.append(f"Hypothesis {setting.name}_allowed : {setting.premise}.\n")

    def _assume(self, layer: Layer, shape: Shape, place: str) -> Part:
        """Write a layer of which nothing is known but that its Jacobians are right."""
        n, m = math.prod(shape) - 1, math.prod(layer.output_shape(shape)) - 1
        count = sum(math.prod(size) for size in layer.parameter_shapes.values())
        name, size = f"layer{place}", str(count - 1) if count else None
        kind = f"layer R {n} {size} {m}" if size else f"function R {n} {m}"
        self.lines.append(f"(* No lemma yet: {comment(layer.label)} *)\nVariable {name} : {kind}.\n")
        # Only a layer of ours without kinks is assumed to be right everywhere; any other, where it has a derivative.
        ours = type(layer).__module__.startswith("backproof.layers.") and getattr(layer, "eps", 1) > 0
        kinked = not ours or type(layer).kinks is not Layer.kinks or hasattr(layer, "parts")
        arguments, predicate = ("x t" if size else "x"), f"domain{place}" if kinked else None
        premise = f"{predicate} {arguments} -> " if predicate else ""
        if predicate:
            self.lines.append(f"Variable {predicate} : {vectors(n, size)} -> Prop.\n")
            self.kinks.append(Kink(dotted(place), layer.label, "a point where it has no derivative"))
        correct = f"{'layer' if size else 'function'}_correct {name} {arguments}"
        self.lines.append(f"Hypothesis {name}_correct : forall {arguments}, {premise}{correct}.\n")
        self.unproved.append(f"layer {dotted(place)}, {layer.label}")
        return Part(name, f"{name}_correct", size, predicate)

    def define(self, term: str, proof: str, size: str | None, condition: str, n: int, place: str) -> Part:
        """Write a layer under a name of its own, with its condition in x (and t) and its proof from that, c."""
        name, points = f"part{place}", "x" if size is None else "x t"
        binders = f"(x : 'cV[R]_{n}.+1)" + ("" if size is None else f" (t : 'cV[R]_({size}).+1)")
        correct = f"{'function' if size is None else 'layer'}_correct {name} {points}"
        self.lines.append(f"Definition {name} := {term}.\n")
        premise = given = ""
        if condition:
            self.lines.append(f"Definition {name}_condition {binders} : Prop := {condition}.\n")
            premise, given = f"{name}_condition {points} -> ", "move=> c; "
        self.lines.append(
            f"Lemma {name}_correct {binders} : {premise}{correct}.\nProof. {given}exact: ({proof}). Qed.\n"
        )
        return Part(name, f"{name}_correct", size, f"{name}_condition" if condition else None)


def vectors(n: int, size: str | None) -> str:
    """Return the types of a layer's arguments."""
    return f"'cV[R]_{n}.+1" if size is None else f"'cV[R]_{n}.+1 -> 'cV[R]_({size}).+1"


_RULES = {
    (True, True): ("when_function", "function_condition"),
    (True, False): ("when_smooth_function", "smooth_function_condition"),
    (False, True): ("when_guarded_layer", "guarded_layer_condition"),
    (False, False): ("when_layer", "layer_condition"),
}
"""By whether a part is a function, and whether it has a condition: the lemma, and the condition it adds."""


def _condition(part: Part) -> str:
    name = _RULES[part.parameters is None, part.condition is not None][1]
    return f"{name} ({part.term})" + (f" ({part.condition})" if part.condition else "")


def _spliced(layers: Iterable[Layer], place: str) -> Iterator[tuple[str, Layer]]:
    """Yield every layer with its place, and for a chain its layers."""
    for index, layer in enumerate(layers):
        if type(layer) is Chain:
            yield from _spliced(layer.layers, f"{place}_{index}")
        else:
            yield f"{place}_{index}", layer
