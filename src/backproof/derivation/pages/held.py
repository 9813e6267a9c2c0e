"""The parameters of a layer as the derivation prints them: a weight and its bias may stand in one matrix."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ...operators import Dense, Identity, Kronecker
from ..expressions import Expression, Partial, Symbol
from ..figures import Figure, figure
from ..lines import LayerFacts
from ..sites import reordered
from ..text import inline

__all__ = ["Held", "held"]


@final
@dataclass(frozen=True, eq=False)
class Held:
    """A printed parameter of a layer.

    Attributes:
        symbol: what the derivation calls it.
        jacobian: the name of the layer's Jacobian in it.
        block: that Jacobian.
        gradient: d loss / d parameter in the parameter's shape, float64; None without a loss.
    """

    symbol: Symbol
    jacobian: Expression
    block: Figure | None
    gradient: Any

    @property
    def word(self) -> str:
        """Its symbol as plain text."""
        return inline(self.symbol)


def held(facts: LayerFacts) -> Iterator[Held]:
    """Yield the printed parameters of a layer in order."""
    groups: dict[Symbol, list[str]] = {}
    for name in facts.parameters:
        groups.setdefault(facts.parameter_symbols[name][0], []).append(name)
    for symbol, names in groups.items():
        if len(names) == 2 and [len(facts.parameters[name]) for name in names] == [2, 1]:
            yield _beside(facts, symbol, *names)
        else:
            yield from (_alone(facts, symbol, name) for name in names)


def _alone(facts: LayerFacts, symbol: Symbol, name: str) -> Held:
    gradient = facts.gradients.get(name)
    return Held(
        symbol, _jacobian(facts, symbol, name), facts.blocks.get(name),
        None if gradient is None else np.asarray(gradient, np.float64),
    )  # fmt: skip


def _beside(facts: LayerFacts, symbol: Symbol, weight: str, bias: str) -> Held:
    """Return a weight with its bias as its last column."""
    first, second = _alone(facts, symbol, weight), _alone(facts, symbol, bias)
    m, n = facts.parameters[weight]
    block = None
    if first.block is not None and second.block is not None:
        block = _joined(first.block, second.block, m, n)
    gradient = None
    if first.gradient is not None and second.gradient is not None:
        gradient = np.column_stack([first.gradient, second.gradient])
    return Held(symbol, first.jacobian, block, gradient)


def _joined(weight: Figure, bias: Figure, m: int, n: int) -> Figure:
    """Return the Jacobian in [W b] from those in W and in b; of one input x it is I (x) (x; 1)^T."""
    left, right = weight.operator, bias.operator
    if isinstance(left, Kronecker) and isinstance(left.left, Identity) and isinstance(right, Identity):
        return figure(Kronecker(left.left, Dense(np.append(Figure(left.right).array(), [[1.0]], axis=1))))
    order = np.column_stack([np.arange(m * n).reshape(m, n), m * n + np.arange(m)]).reshape(-1)
    return figure(reordered({"weight": left, "bias": right}, ("weight", "bias"), order))


def _jacobian(facts: LayerFacts, symbol: Symbol, name: str) -> Expression:
    """Return B_l; of a combinator, whose parts have their own, the derivative of its output written out."""
    return Partial(facts.state_symbol, symbol) if facts.parts else facts.parameter_symbols[name][1]
