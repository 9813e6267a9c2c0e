"""What a network is made of, layer by layer: shapes, parameters, Jacobians and what they cost."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np

from .arrays import Array
from .layers import Chain, Layer, Product, Shared
from .layers.base import Shape
from .network import Network

__all__ = ["Summary", "summary"]

_STRUCTURES = {
    "Chain": "product",
    "Shared": "product",
    "Residual": "sum",
    "Sum": "sum",
    "Product": "sum",
    "Concatenate": "column",
}


@final
@dataclass(frozen=True)
class Row:
    r"""One layer, or one part of a combinator.

    A flop is a multiplication or an addition; a product of matrices has two for every multiplication. Forward is
    what one product with the layer's Jacobian A takes, which for an affine layer is the layer itself and for an
    elementwise one an evaluation an entry. Backward is delta A and delta B, without delta A where no parameter
    stands before the layer.

    Attributes:
        name: the layer's place in the network, as parameter names have it.
        layer: the layer as errors name it.
        depth: how many combinators it stands in.
        input_shape, output_shape: of one example.
        parameters: how many numbers.
        jacobian: shape of A, (output size, input size).
        structure: of A.
        forward, backward: flops for one example.
    """

    name: str
    layer: str
    depth: int
    input_shape: Shape
    output_shape: Shape
    parameters: int
    jacobian: tuple[int, int]
    structure: str
    forward: int
    backward: int


@final
@dataclass(frozen=True)
class Summary:
    """The rows of a network in order, and their totals; ``print`` shows a table.

    Attributes:
        rows: one a layer, the parts of a combinator after it, deeper.
        input_shape, output_shape: of one example of the network.
        parameters: P, the length of theta.
        forward, backward: flops of the network for one example.
    """

    rows: tuple[Row, ...]
    input_shape: Shape
    output_shape: Shape
    parameters: int
    forward: int
    backward: int

    def data(self) -> dict[str, Any]:
        """Return everything as plain data, for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        from .display import caption, card, folded, table

        rows = [(" " * 3 * row.depth + cells[0].lstrip(), *cells[1:]) for row in self.rows for cells in [_cells(row)]]
        right = [index for index, heading in enumerate(_HEADINGS) if heading in _RIGHT]
        return card(caption("Summary", *self._totals()), table(_HEADINGS, folded(rows), right=right))

    def __str__(self) -> str:
        table = [_HEADINGS, *(_cells(row) for row in self.rows)]
        widths = [max(len(cells[i]) for cells in table) for i in range(len(_HEADINGS))]
        lines = [_line(cells, widths) for cells in table]
        rule = "-" * len(lines[0])
        return "\n".join([lines[0], rule, *lines[1:], rule, *self._totals()])

    def _totals(self) -> list[str]:
        size = self.parameters * 4
        amount = f"{size / 1e6:.2f} MB" if size >= 1e5 else f"{size / 1e3:.2f} kB"
        return [
            f"{_shape(self.input_shape)} -> {_shape(self.output_shape)}",
            f"parameters: {self.parameters:,} ({amount} in float32)",
            f"flops per example: {self.forward:,} forward, {self.backward:,} backward",
        ]


def summary(net: Network, input_shape: Shape) -> Summary:
    """Return what ``net`` is made of, found by running its layers on one example of zeros.

    Args:
        net: the network.
        input_shape: the shape of one example, as in ``(64,)``.

    Raises:
        ShapeError: a layer does not fit; the message names it and its position.
    """
    shape = tuple(input_shape)
    output_shape = net.output_shape(shape)
    rows: list[Row] = []
    x = np.zeros((1, *shape), np.float32)
    with np.errstate(all="ignore"):
        last = _Walk(rows).visit(net.chain, x, "", -1, False)
    return Summary(tuple(rows), shape, output_shape, net.layout.size, 2 * last.forward, 2 * last.backward)


@dataclass(frozen=True)
class _Cost:
    """Multiplications of a layer: forward, delta A, delta B, the last two for both kinds of position."""

    forward: int
    backward: int
    inner: int
    """Backward, if delta A is wanted."""


@dataclass(frozen=True)
class _Walk:
    """Visits layers in order and writes their rows down."""

    rows: list[Row]

    def visit(self, layer: Layer, x: Array, name: str, depth: int, input_too: bool) -> _Cost:
        """Add the rows of ``layer`` and its parts, and return what it costs where it stands."""
        place = len(self.rows)
        visit = self._combinator if hasattr(layer, "parts") else self._leaf
        structure, cost = visit(layer, x, name, depth, input_too)
        if depth >= 0:
            self.rows.insert(place, _row(layer, x.shape[1:], name, depth, structure, cost))
        return cost

    def _leaf(self, layer: Layer, x: Array, name: str, depth: int, input_too: bool) -> tuple[str, _Cost]:
        theta = {key: np.zeros(size, np.float32) for key, size in layer.parameter_shapes.items()}
        step = layer.linearized(theta, x)
        forward, own = step.A.pull_cost, sum(B.pull_cost for B in step.B.values())
        return step.A.structure, _Cost(forward, own + input_too * forward, own + forward)

    def _combinator(self, layer: Any, x: Array, name: str, depth: int, input_too: bool) -> tuple[str, _Cost]:
        costs, joints = [], _joints(layer, x.shape[1:])
        for index, part in enumerate(layer.parts):
            wanted = input_too or (isinstance(layer, Chain) and index > 0)
            costs.append(self.visit(part, x, f"{name}{index}.", depth + 1, wanted))
            if isinstance(layer, Chain):
                # Structures and costs depend on shapes alone, so nothing is evaluated twice.
                x = np.zeros((1, *part.output_shape(x.shape[1:])), np.float32)
        times = layer.times - 1 if isinstance(layer, Shared) else 0
        forward, inner = sum(c.forward for c in costs), sum(c.inner for c in costs)
        backward = sum(c.backward for c in costs)
        cost = _Cost((times + 1) * forward + joints, backward + times * inner + joints, (times + 1) * inner + joints)
        return _STRUCTURES.get(type(layer).__name__, "varies"), cost


def _joints(layer: Layer, shape: Shape) -> int:
    """Return what leading delta to the branches costs: a product scales it once for every branch."""
    return len(layer.branches) * math.prod(layer.output_shape(shape)) if isinstance(layer, Product) else 0


def _row(layer: Layer, shape: Shape, name: str, depth: int, structure: str, cost: _Cost) -> Row:
    after = layer.output_shape(shape)
    count = sum(math.prod(size) for size in layer.parameter_shapes.values())
    label = layer.label if not hasattr(layer, "parts") else _combinator_label(layer)
    jacobian = (math.prod(after), math.prod(shape))
    return Row(
        name.rstrip("."), label, depth, shape, after, count, jacobian, structure, 2 * cost.forward, 2 * cost.backward
    )


def _combinator_label(layer: Any) -> str:
    name = type(layer).__name__
    return f"{name} x {layer.times}" if isinstance(layer, Shared) else name


_HEADINGS = ("layer", "input", "output", "parameters", "Jacobian", "structure", "forward", "backward")
_RIGHT = {"parameters", "forward", "backward"}


def _cells(row: Row) -> tuple[str, ...]:
    label = row.layer if len(row.layer) <= 48 else f"{row.layer[:45]}..."
    return (
        f"{'  ' * row.depth}{row.name}  {label}",
        _shape(row.input_shape),
        _shape(row.output_shape),
        f"{row.parameters:,}",
        "{:,} x {:,}".format(*row.jacobian),
        row.structure,
        f"{row.forward:,}",
        f"{row.backward:,}",
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    aligned: Iterator[str] = (
        f"{cell:>{width}}" if heading in _RIGHT else f"{cell:<{width}}"
        for heading, cell, width in zip(_HEADINGS, cells, widths, strict=True)
    )
    return "  ".join(aligned).rstrip()


def _shape(shape: Shape) -> str:
    return " x ".join(map(str, shape))
