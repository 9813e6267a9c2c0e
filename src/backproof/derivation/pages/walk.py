"""The walk through the network: forward layer by layer, the loss, then backward with the gradient falling out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from ..expressions import Composition, Equation, Expression, Map, Partial, Symbol, Times, Transpose
from ..lines import Derivation, LayerFacts
from ..naming import LOSS, Names
from .chain import runs
from .formulas import Formulas
from .held import Held, held
from .pictures import TYPESET, WHOLE, Gallery, Picture
from .structures import word


@final
@dataclass(frozen=True)
class Fallen:
    """The gradient of one parameter at a step backward.

    Attributes:
        formula: MathML.
        says: how it comes about, in words.
        parts: left factor, right factor and product; or the gradient alone.
    """

    formula: str
    says: str
    parts: tuple[Picture, ...]


@final
@dataclass(frozen=True)
class Step:
    """One step of the walk.

    Attributes:
        title: its heading.
        layer: number of the layer (from 1), one more for the loss.
        back: whether it goes backward.
        formula: MathML.
        says: what happens, in words.
        parts: two pictures (before, after) forward; three (left, right, product) backward.
        fallen: the gradients that fall out.
    """

    title: str
    layer: int
    back: bool
    formula: str
    says: str
    parts: tuple[Picture, ...] = ()
    fallen: tuple[Fallen, ...] = field(default=())


def walk(derivation: Derivation, formulas: Formulas, gallery: Gallery) -> list[Step]:
    """Return the steps in order; without a loss only those forward."""
    return list(_Walk(derivation, formulas, gallery).steps())


@final
class _Walk:
    def __init__(self, derivation: Derivation, formulas: Formulas, gallery: Gallery) -> None:
        self.network = derivation.network
        self.runs = runs(derivation)
        self.names = Names(derivation.choices.notation)
        self.formulas, self.gallery, self.say = formulas, gallery, formulas.say

    def steps(self) -> Iterator[Step]:
        for run in self.runs:
            yield self._forward(run)
        if self.network.loss_value is not None and self.network.layers[-1].delta is not None:
            yield self._loss()
            for run in reversed(self.runs):
                yield self._backward(run)

    # -- what stands before a layer -----------------------------------------------------------------------------

    def _before(self, facts: LayerFacts) -> tuple[Symbol, Any]:
        """Return x_{l-1}: symbol and numbers."""
        if facts.index == 1:
            return self.network.input_symbol, self.network.input
        earlier = self.network.layers[facts.index - 2]
        return earlier.state_symbol, earlier.state

    def _delta_before(self, facts: LayerFacts) -> tuple[Symbol, Any]:
        """Return delta_{l-1}: symbol and numbers."""
        if facts.index == 1:
            return self.network.input_delta_symbol, self.network.input_delta
        earlier = self.network.layers[facts.index - 2]
        return earlier.delta_symbol, earlier.delta

    def _named(self, run: Sequence[LayerFacts]) -> str:
        if len(run) > 1:
            return self.say("run", first=run[0].index, last=run[-1].index)
        return self.say("layer", layer=run[0].index, label=run[0].label)

    # -- steps --------------------------------------------------------------------------------------------------

    def _forward(self, run: Sequence[LayerFacts]) -> Step:
        first, last = run[0], run[-1]
        symbol, values = self._before(first)
        parts = (
            self._vector(symbol, values, self.say("before")),
            self._vector(last.state_symbol, last.state, self.say("after")),
        )
        n, m = np.size(values), np.size(last.state)
        does = self.say("forward_says", n=n, m=m)
        formula = self.formulas.print(Equation((last.state_symbol, self._value(first, last, symbol))))
        return Step(self.say("forward", layers=self._named(run)), last.index, False, formula, does, parts)

    def _value(self, first: LayerFacts, last: LayerFacts, symbol: Symbol) -> Expression:
        """Return f_l(x), or (f_l o ... o f_k)(x) of layers folded together."""
        functions = tuple(self.names.function(str(index)) for index in range(last.index, first.index - 1, -1))
        return Map(functions[0] if len(functions) == 1 else Composition(functions, (1, 1)), (symbol,))

    def _loss(self) -> Step:
        last = self.network.layers[-1]
        says = self.say("loss_says", value=f"{self.network.loss_value:.4g}")
        parts = (
            self._vector(last.state_symbol, last.state, self.say("output")),
            self._row(last.delta_symbol, last.delta, ""),
        )
        title = self.say("loss", loss=self.network.loss)
        by = Partial(LOSS, last.state_symbol)
        formula = self.formulas.print(Equation((last.delta_symbol, by)), block=True)
        return Step(title, len(self.network.layers) + 1, True, formula, says, parts)

    def _backward(self, run: Sequence[LayerFacts]) -> Step:
        first, last = run[0], run[-1]
        symbol, values = self._delta_before(first)
        factors = tuple(facts.jacobian_symbol for facts in reversed(run))
        formula = self.formulas.print(Equation((symbol, Times((last.delta_symbol, *factors), (2, 1)))))
        title = self.say("backward", layers=self._named(run))
        left = self._row(last.delta_symbol, last.delta, "")
        if len(run) > 1 or values is None:
            says = self.say("backward_several", count=len(run))
            after = () if values is None else (left, self._row(symbol, values, ""))
            return Step(title, last.index, True, formula, says, after)
        parts = (replace(left, part="left"), self._jacobian(last), self._row(symbol, values, "result"))
        m, n = last.jacobian.shape
        says = self.say("backward_says", m=m, n=n, structure=word(last.jacobian.structure, self.say))
        return Step(title, last.index, True, formula, says, parts, tuple(self._fallen(last)))

    # -- gradients ----------------------------------------------------------------------------------------------

    def _fallen(self, facts: LayerFacts) -> Iterator[Fallen]:
        for one in held(facts):
            if one.gradient is not None:
                yield self._gradient(facts, one, one.gradient)

    def _gradient(self, facts: LayerFacts, one: Held, gradient: Any) -> Fallen:
        formula = self.formulas.gradient(facts, one)
        symbol, state = self._before(facts)
        label = self.say("gradient_of", name=one.word)
        flat = gradient.reshape(gradient.shape[0] if gradient.ndim > 1 else 1, -1)
        result = self.gallery.matrix(flat, label, part="result", structure="", name=self.formulas.word(label))
        if _is_outer(facts, gradient, state):
            says = self.say("gradient_outer")
            return Fallen(formula, says, (*self._factors(facts, symbol, state), result))
        block = one.block
        if block is None or block.shape[1] != gradient.size or block.size > WHOLE:
            return Fallen(formula, self.say("gradient_shape"), (replace(result, part=""),))
        if block.structure == "identity":
            return Fallen(formula, self.say("gradient_identity"), (replace(result, part=""),))
        left = self._row(facts.delta_symbol, facts.delta, "left")
        named = self.formulas.print(one.jacobian)
        right = self.gallery.matrix(block, self.say("jacobian_in", name=one.word), named, "right")
        row = self.gallery.matrix(gradient.reshape(1, -1), label, self.formulas.word(label), "result", "")
        return Fallen(
            formula, self.say("gradient_block", structure=word(block.structure, self.say)), (left, right, row)
        )

    def _factors(self, facts: LayerFacts, symbol: Symbol, state: Any) -> tuple[Picture, Picture]:
        """Return delta as a column and the layer's input as a row."""
        delta, x = np.reshape(facts.delta, (-1, 1)), np.reshape(state, (1, -1))
        column, row = (self.formulas.print(Transpose(one)) for one in (facts.delta_symbol, symbol))
        left = self.gallery.matrix(delta, self.say("delta_column"), column, "left", "")
        return left, self.gallery.matrix(x, self.say("input_row"), row, "right", "")

    # -- pictures -----------------------------------------------------------------------------------------------

    def _vector(self, symbol: Symbol, values: Any, words: str) -> Picture:
        """Return a column: lying, with its transpose named, where it is long."""
        column = np.reshape(np.asarray(values, dtype=np.float64), (-1, 1))
        long = len(column) > TYPESET
        name: Expression = Transpose(symbol) if long else symbol
        return self.gallery.matrix(column.T if long else column, words, self.formulas.print(name), "", "")

    def _row(self, symbol: Symbol, values: Any, part: str) -> Picture:
        return self.gallery.matrix(
            np.reshape(values, (1, -1)), self.say("delta"), self.formulas.print(symbol), part, ""
        )

    def _jacobian(self, facts: LayerFacts) -> Picture:
        label = self.say("jacobian", layer=facts.index)
        return self.gallery.matrix(facts.jacobian, label, self.formulas.print(facts.jacobian_symbol), "right")


def _is_outer(facts: LayerFacts, gradient: Any, state: Any) -> bool:
    """Whether a gradient is delta transposed times the input transposed, by its numbers."""
    if gradient.ndim != 2 or gradient.shape != (np.size(facts.delta), np.size(state)):
        return False
    product = np.outer(facts.delta, state)
    return bool(np.allclose(product, gradient, rtol=1e-4, atol=1e-6 * max(1e-30, float(np.abs(product).max()))))
