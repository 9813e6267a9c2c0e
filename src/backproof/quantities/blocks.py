r"""Rows that met a parameter's Jacobian, kept as the two factors: the material of every per-example quantity.

When k rows R (k x n_L) of an example travel back through the network, they meet every parameter as rows r of the
layer's output; the parameter's block of R J is then ``r B``. For an affine layer B = I (x) x^T, and nearly everything
one wants of ``r B`` follows from r and x without forming it:

    norms        |r_i B|^2 = |r_i|^2 |x|^2
    gram         (r B)(r' B')^T = (x . x') r r'^T
    squares      sum over examples of (r B)^2, entry by entry = (r^2)^T (x^2)

``functools.singledispatch`` on the structure of B picks the rule; a structure without a rule is made dense.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from ..arrays import Array, flatten, namespace
from ..errors import OptionError
from ..layers import Linearization
from ..operators import Dense, Diagonal, Identity, Kronecker, Operator
from ..parameters import Parameters

__all__ = ["Block", "gram", "parameter_blocks", "pull_sums"]


@dataclass(frozen=True)
class Block:
    """The rows that met one parameter.

    Attributes:
        uses: (B, rows) for every use of the parameter in the network; more than one only if it is shared. Rows are
            (batch, k, m).
    """

    uses: tuple[tuple[Operator, Array], ...]

    def dense(self) -> Array:
        """Return the rows of the parameter's block, (batch, k, p)."""
        pieces = [B.pull(rows) for B, rows in self.uses]
        return sum(pieces[1:], start=pieces[0])

    def squared_norms(self) -> Array:
        """Return the squared length of every row, (batch, k)."""
        return self._by_rule(squared_norms, squared_lengths)

    def squares(self) -> Array:
        """Return the sum over examples and rows of the squared entries, (p,)."""
        return self._by_rule(squares, _sum_of_squares)

    def sums(self, weights: Array) -> Array:
        """Return the sum over examples and rows of the rows times ``weights`` (batch, k): (p,)."""
        pieces = []
        for B, rows in self.uses:
            weighted = rows * weights[:, :, None]
            pieces.append(B.pull_sum(namespace(weighted).sum(weighted, axis=1)))
        return sum(pieces[1:], start=pieces[0])

    def _by_rule(self, rule: Callable[..., Any], densely: Callable[[Array], Array]) -> Array:
        # Squares of a sum are not sums of squares, so a shared parameter goes the dense way.
        return rule(*self.uses[0]) if len(self.uses) == 1 else densely(self.dense())


def parameter_blocks(steps: Linearization, rows: Array) -> dict[str, Block]:
    """Send ``rows`` (batch, k, n_L) back through the network and return what meets every parameter, by name."""
    uses: dict[str, list[tuple[Operator, Array]]] = {}
    two_axes = rows.shape[1] == 1
    # Weight and bias of a layer are shown the same delta; they keep the same array, by which ``gram`` knows them.
    seen: dict[int, tuple[Array, Array]] = {}

    def visit(name: str, B: Operator, delta: Array) -> None:
        _, kept = seen.setdefault(id(delta), (delta, delta[:, None, :] if two_axes else delta))
        uses.setdefault(name, []).append((B, kept))

    # A single row travels as (batch, n): one product with a shared matrix serves the whole batch.
    steps.backward(rows[:, 0, :] if two_axes else rows, visit, input_too=False)
    return {name: Block(tuple(of)) for name, of in uses.items()}


def pull_sums(theta: Parameters, steps: Linearization, delta: Array, input_too: bool = False) -> tuple[Array, Array]:
    """Return the sum over examples of delta J_theta as a vector (P,), and delta J_x if ``input_too``."""
    sums: dict[str, Array] = {}

    def visit(name: str, B: Operator, row: Array) -> None:
        piece = B.pull_sum(row)
        sums[name] = sums[name] + piece if name in sums else piece

    back = steps.backward(delta, visit, input_too)
    pieces = [sums[name] for name in theta.layout.shapes]
    return (namespace(theta.vector).concat(pieces) if pieces else theta.vector), back


# -- squared norms of r B ------------------------------------------------------------------------------------


@singledispatch
def squared_norms(B: Operator, rows: Array) -> Array:
    """Return |r B|^2 for every row, (batch, k)."""
    return squared_lengths(B.pull(rows))


def squared_lengths(rows: Array) -> Array:
    """Return the sum of squares along the last axis, without an array of squares."""
    return namespace(rows).vecdot(rows, rows, axis=-1)


@squared_norms.register
def _(B: Identity, rows: Array) -> Array:
    return squared_lengths(rows)


@squared_norms.register
def _(B: Kronecker, rows: Array) -> Array:
    x = _single_rows(B)
    if x is None:
        return squared_norms.dispatch(Operator)(B, rows)
    return squared_lengths(rows) * squared_lengths(x)[:, None]


# -- sums of squared entries ---------------------------------------------------------------------------------


@singledispatch
def squares(B: Operator, rows: Array) -> Array:
    """Return the sum over examples and rows of (r B)^2, entry by entry, (p,)."""
    pulled = B.pull(rows)
    return _sum_of_squares(pulled)


@squares.register
def _(B: Identity, rows: Array) -> Array:
    return _sum_of_squares(rows)


@squares.register
def _(B: Diagonal, rows: Array) -> Array:
    d, xp = B.diagonal, namespace(rows)
    return xp.sum(xp.sum(rows * rows, axis=1) * (d * d), axis=0)


@squares.register
def _(B: Kronecker, rows: Array) -> Array:
    x = _single_rows(B)
    if x is None:
        return squares.dispatch(Operator)(B, rows)
    xp = namespace(x)
    return xp.reshape(xp.sum(rows * rows, axis=1).mT @ (x * x), (-1,))


def _sum_of_squares(rows: Array) -> Array:
    """Return the sum over the first two axes of the squares."""
    return namespace(rows).sum(rows * rows, axis=(0, 1))


# -- inner products ------------------------------------------------------------------------------------------


def gram(first: Mapping[str, Block], second: Mapping[str, Block], kind: str = "full") -> Array:
    """Return inner products of rows of R J with rows of R' J', over all parameters.

    Weight and bias of a layer meet the same rows r, so theirs are (x . x' + 1) r r'^T: one product for both.

    Shapes:
        full: (batch, batch', k, k'), every row with every row
        outputs: (batch, batch', k), every row with its own
        trace: (batch, batch'), the sum of these

    Raises:
        OptionError: there are no parameters.
    """
    if not first:
        raise OptionError("ntk: the network has no parameters, expected a layer with some, such as Linear.")
    multiply, spread, finish = _PAIRINGS[kind]
    scales: dict[tuple[int, int], tuple[Array, Array, Any]] = {}
    pieces = []
    for name, block in first.items():
        scale = _common_scale(block, second[name])
        if scale is None:
            pieces.append(multiply(block.dense(), second[name].dense()))
            continue
        rows, others = block.uses[0][1], second[name].uses[0][1]
        key = (id(rows), id(others))
        scales[key] = (rows, others, scales[key][2] + scale if key in scales else scale)
    for rows, others, scale in scales.values():
        piece = multiply(rows, others)
        piece *= scale if isinstance(scale, int) else spread(scale)
        pieces.append(piece)
    total = pieces[0]
    for piece in pieces[1:]:
        total += piece
    return finish(total)


def _every_row(first: Array, second: Array) -> Array:
    """Return (batch, k, batch', k') from rows (batch, k, p) and (batch', k', p), by one matrix product."""
    xp, p = namespace(first), first.shape[2]
    flat = xp.reshape(first, (-1, p)) @ xp.reshape(second, (-1, p)).mT
    return xp.reshape(flat, (*first.shape[:2], *second.shape[:2]))


def _own_row(first: Array, second: Array) -> Array:
    """Return (k, batch, batch')."""
    xp = namespace(first)
    return xp.permute_dims(first, (1, 0, 2)) @ xp.permute_dims(second, (1, 2, 0))


def _summed(first: Array, second: Array) -> Array:
    """Return (batch, batch')."""
    return flatten(first) @ flatten(second).mT


_PAIRINGS: dict[str, tuple[Callable[..., Array], Callable[..., Array], Callable[..., Array]]] = {
    "full": (
        _every_row,
        lambda scale: scale[:, None, :, None],
        lambda found: namespace(found).permute_dims(found, (0, 2, 1, 3)),
    ),
    "outputs": (_own_row, lambda scale: scale, lambda found: namespace(found).permute_dims(found, (1, 2, 0))),
    "trace": (_summed, lambda scale: scale, lambda found: found),
}
"""By kind: the product of rows, how a scale (batch, batch') meets it, and the last turn of the axes."""
KINDS = tuple(_PAIRINGS)


def _common_scale(block: Block, other: Block) -> Any:
    """Return c(a, b) with (r B)(r' C)^T = c(a, b) r r'^T: x . x' for a weight, 1 for a bias; None if there is none."""
    if len(block.uses) > 1:
        return None
    B, C = block.uses[0][0], other.uses[0][0]
    if isinstance(B, Identity) and isinstance(C, Identity):
        return 1
    x, z = _single_rows(B), _single_rows(C)
    return None if x is None or z is None else x @ z.mT


def _single_rows(B: Operator) -> Array | None:
    """Return the x of B = I (x) x^T, (batch, n); None if B is not of that form."""
    if not (isinstance(B, Kronecker) and isinstance(B.left, Identity) and isinstance(B.right, Dense)):
        return None
    return B.right.matrix[:, 0, :] if B.right.matrix.ndim == 3 and B.right.shape[0] == 1 else None
