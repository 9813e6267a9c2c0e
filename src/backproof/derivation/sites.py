"""A layer where it stands: its symbols, and what they stand for at the example.

A tree of sites is built once from the engine's linearization. Its values are the engine's: x_l, A_l, B_l, delta_l,
the gradient, and one differential dx_l = A_l dx_{l-1} + B_l dtheta_l along a random direction, which is what makes
every line that holds differentials a statement about numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import operators as ops
from ..layers import AugmentedLinear, Layer, Linear
from ..layers.base import Linearization
from ..operators import Operator
from .expressions import BlockColumn, Differential, Expression, Partial, Symbol, Vec
from .naming import LOSS, Names

__all__ = ["Block", "Scope", "Site"]

Shape = tuple[int, ...]


@dataclass
class Scope:
    """What all sites of one derivation share.

    Attributes:
        names: the notation.
        vec: ``"row"`` or ``"column"``.
        detail: ``"outline"``, ``"standard"`` or ``"full"``.
        values: what every symbol stands for.
        generator: of the random direction along which differentials are taken.
        directions: d of every parameter by full name, (p,) row-major.
        parameters: by full name.
    """

    names: Names
    vec: str
    detail: str
    values: dict[Expression, Any]
    generator: np.random.Generator
    directions: dict[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def direction(self, name: str) -> Any:
        """Return d of a parameter as a row (1, p)."""
        if name not in self.directions:
            self.directions[name] = self.generator.standard_normal(self.parameters[name].size)
        return self.directions[name][None, :]


@dataclass(frozen=True)
class Block:
    """A parameter as it is printed.

    Attributes:
        symbol: its name.
        shape: of the printed array; (n,) is a vector.
        jacobian: the name of its B.
        names: the engine's parameters that it holds.
        order: where the entries of its printed vec lie in those parameters, flattened row-major and joined.
        values: the printed array.
    """

    symbol: Symbol
    shape: Shape
    jacobian: Symbol
    names: tuple[str, ...]
    order: Any
    values: Any

    def stacked(self, vec: str) -> Expression:
        """Return the block as a column, as it stands in theta."""
        return Vec(self.symbol, vec) if len(self.shape) > 1 else self.symbol


@dataclass(frozen=True)
class Site:
    """A layer, its symbols and its children.

    Attributes:
        scope: what all sites share.
        layer: the layer.
        step: its linearization at the example.
        label: its place counted from 1, as in ``"3.1"``.
        place: prefix of its parameters' names.
        x, y: its input and output.
        input_shape: of one example.
        blocks: its parameters, for a layer that is no combinator.
        parts: the sites inside a combinator, in the order in which the example passes them.
        time: repetition inside a shared layer, as in ``"2"``, empty for none.
        delta: delta in y at the example, (1, m), or None.
    """

    scope: Scope
    layer: Layer
    step: Linearization
    label: str
    place: str
    x: Symbol
    y: Symbol
    input_shape: Shape
    blocks: tuple[Block, ...]
    parts: "tuple[Site, ...]"
    time: str
    delta: Any

    @property
    def names(self) -> Names:
        """The notation."""
        return self.scope.names

    @property
    def values(self) -> dict[Expression, Any]:
        """What every symbol stands for."""
        return self.scope.values

    @property
    def output_shape(self) -> Shape:
        """Of one example."""
        return tuple(self.step.output.shape[1:])

    @property
    def m(self) -> int:
        """The size of y."""
        return int(self.step.output[0].size)

    @property
    def n(self) -> int:
        """The size of x."""
        return int(np.prod(self.input_shape, dtype=int))

    @property
    def A(self) -> Symbol:
        """The Jacobian in x."""
        return self.names.A(self.label, self.time)

    @property
    def B(self) -> Symbol:
        """The Jacobian in theta."""
        return self.names.B(self.label, "", self.time)

    @property
    def theta(self) -> Symbol:
        """All parameters as a column, in the printed order."""
        return self.names.theta(self.label)

    @property
    def delta_symbol(self) -> Symbol:
        """The Jacobian of the loss in y."""
        return self.names.delta(self.label, self.time)

    @property
    def dx(self) -> Differential:
        """The differential of x."""
        return Differential(self.x)

    @property
    def dy(self) -> Differential:
        """The differential of y."""
        return Differential(self.y)

    def all_blocks(self) -> tuple[Block, ...]:
        """Return the blocks of this layer or of its parts, every shared one once."""
        seen: dict[Symbol, Block] = {}
        for block in self._each_block():
            seen.setdefault(block.symbol, block)
        return tuple(seen.values())

    def _each_block(self) -> Iterator[Block]:
        yield from self.blocks
        for part in self.parts:
            yield from part._each_block()

    def on_kink(self) -> Any:
        """Return which entries of x, counted from 0, lie exactly where the layer has no derivative."""
        found = self.layer.kinks(np.asarray(self.values[self.x]).reshape(1, *self.input_shape))
        return np.zeros(0, int) if found is None else np.flatnonzero(found)

    def stacked(self) -> Expression:
        """Return theta written out: its blocks on top of one another."""
        columns = tuple(block.stacked(self.scope.vec) for block in self.all_blocks())
        return columns[0] if len(columns) == 1 else BlockColumn(columns)

    def helper(self, letter: str, value: Any, kind: Any = "vector") -> Symbol:
        """Return a symbol of this layer alone, and note what it stands for."""
        symbol = self.names.helper(letter, self.label, kind, self.time)
        self.values[symbol] = value
        return symbol


# -- the parameters of a layer as they are printed ------------------------------------------------------------


def printed_blocks(scope: Scope, layer: Layer, label: str, place: str, time: str) -> tuple[Block, ...]:
    """Return the parameters of a layer that is no combinator, as the notation writes them."""
    if isinstance(layer, Linear | AugmentedLinear):
        return _affine_blocks(scope, layer, label, place, time)
    return tuple(
        _block(scope, letter, label, time, (f"{place}{name}",), np.arange(int(np.prod(shape))).reshape(shape))
        for name, shape in layer.parameter_shapes.items()
        for letter in [_letter(layer, name)]
    )


def _letter(layer: Layer, name: str) -> str:
    """Return what a parameter is called: its own name, primed where a layer's other quantities have it."""
    known = _LETTERS.get((type(layer).__name__, name))
    return known or (f"{name}'" if name in _TAKEN else name)


_TAKEN = frozenset({
    "x", "z", "a", "h", "f", "A", "B", "J", "X", "Z", "H", "F", "c", "e", "m", "mu", "p", "r", "rho", "s", "theta",
    "delta", "Delta",
})  # fmt: skip
"""Letters of states, functions, Jacobians and of the quantities that rules name."""
_LETTERS = {
    ("LayerNorm", "weight"): "g", ("LayerNorm", "bias"): "b", ("RMSNorm", "weight"): "g",
}  # fmt: skip


def _affine_blocks(
    scope: Scope, layer: Linear | AugmentedLinear, label: str, place: str, time: str
) -> tuple[Block, ...]:
    m, n = layer.out_features, layer.in_features
    names = tuple(f"{place}{name}" for name in layer.parameter_shapes)
    own = [names, names] if len(names) == 1 else [names[:1], names[1:]]
    if isinstance(layer, AugmentedLinear):
        whole = np.arange(m * (n + layer.bias)).reshape(m, n + layer.bias)
        weight, bias = whole[:, :n], whole[:, n] if layer.bias else None
    else:
        weight = np.arange(m * n).reshape(m, n)
        bias = m * n + np.arange(m) if layer.bias else None
        whole = weight if bias is None else np.concatenate([weight, bias[:, None]], axis=1)
    if bias is not None and augmented(scope, layer):
        return (_block(scope, "W", label, time, names, whole, "tilde"),)
    blocks = [_block(scope, "W", label, time, own[0], weight.T if scope.names.notation == "D" else weight)]
    if bias is not None:
        blocks.append(_block(scope, "b", label, time, own[1], bias - bias[0] * (len(names) > 1)))
    return tuple(blocks)


def augmented(scope: Scope, layer: Layer) -> bool:
    """Whether an affine layer is written with one matrix applied to (x; 1)."""
    by_notation = scope.names.notation == "O"
    own = isinstance(layer, AugmentedLinear) and scope.names.notation == "ours"
    return bool(getattr(layer, "bias", False)) and (by_notation or own)


def _block(
    scope: Scope, letter: str, label: str, time: str, names: tuple[str, ...], entries: Any, accent: str = ""
) -> Block:
    """Return the block whose printed array has these entries of the joined parameters."""
    kind: Any = "matrix" if entries.ndim > 1 else "vector"
    symbol = scope.names.parameter(letter, label, kind, accent)
    order = entries.reshape(-1, order="C" if scope.vec == "row" or entries.ndim == 1 else "F")
    jacobian = scope.names.B(label, "W" if accent else letter, time)
    joined = np.concatenate([np.asarray(scope.parameters[name]).reshape(-1) for name in names])
    values = joined[entries]
    moved = np.concatenate([scope.direction(name)[0] for name in names])[entries]
    column = entries.ndim == 1
    scope.values[symbol] = values[:, None] if column else values
    scope.values[Differential(symbol)] = moved[:, None] if column else moved
    return Block(symbol, entries.shape, jacobian, names, order, values)


# -- matrices in the printed order of the parameters ----------------------------------------------------------


def reordered(B: Mapping[str, Operator], names: tuple[str, ...], order: Any) -> Operator:
    """Return the columns of [B[name] ...] in the printed order."""
    parts = tuple(B[name] for name in names)
    row = parts[0] if len(parts) == 1 else ops.Row(parts)
    n = row.shape[1]
    if len(order) == n and (order == np.arange(n)).all():
        return row
    return ops.product_of([row, ops.Selection(np.asarray(order), n, scatter=True)])


def gradient_row(gradients: Mapping[str, Any], block: Block) -> Any:
    """Return the gradient in a block as a row in the printed order."""
    return np.concatenate([np.asarray(gradients[name]).reshape(-1) for name in block.names])[block.order][None, :]


def bind_gradient(site: Site, gradients: Mapping[str, Any]) -> None:
    """Note the engine's gradient in the parameters of a site, and of its parts."""
    rows = [gradient_row(gradients, block) for block in site.all_blocks()]
    for block, row in zip(site.all_blocks(), rows, strict=True):
        site.values[Partial(LOSS, block.symbol)] = row
    if rows:
        site.values[Partial(LOSS, site.theta)] = np.concatenate(rows, axis=1)
    for part in site.parts:
        bind_gradient(part, gradients)
