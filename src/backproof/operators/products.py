"""The table of products: one line a pair of structures, with the structure and the cost that come out.

Costs count scalar multiplications for one example. ``m x k`` times ``k x n`` of two dense matrices costs mkn;
every line below that one is a reason to keep the structure.
"""

from typing import Any

from ..arrays import Array, namespace
from .base import Operator
from .blocks import BlockDiagonal, Column, Row
from .dense import Dense
from .diagonal import Diagonal, Identity, ScaledIdentity
from .kronecker import Kronecker
from .low_rank import LowRankUpdate
from .selection import Selection
from .sums import Product, Sum
from .table import ANY, ARRAYLESS, PRODUCTS, Rule, multiply, product_cost

# -- what a rule computes: (left, right) -> operator ---------------------------------------------------------


def _rows(left: Operator, right: Operator) -> Dense:
    """Pull the rows of the left matrix through the right operator."""
    matrix = left.dense(right.like)
    result = right._pull(matrix if matrix.ndim == 3 else matrix[None, ...])
    return Dense(result[0, ...] if left.batch is None and right.batch is None else result)


def _columns(left: Operator, right: Operator) -> Dense:
    """Push the columns of the right matrix through the left operator: the transposed ``_rows``."""
    return _rows(right.transpose(), left.transpose()).transpose()


def _scale_scales(left: ScaledIdentity, right: ScaledIdentity) -> ScaledIdentity:
    return ScaledIdentity(left.n, left.scale * right.scale)


def _scale_diagonals(left: Any, right: Any) -> Operator:
    d, e = (f.entries() if isinstance(f, ScaledIdentity) else f.diagonal for f in (left, right))
    return Diagonal(d * e)


def _diagonal_times_low_rank(left: Any, right: LowRankUpdate) -> LowRankUpdate:
    """D (B + U V^T) = D B + (D U) V^T."""
    moved = left.push(_as_rows(right.U)).mT
    return LowRankUpdate(multiply(left, right.base), _unbatch(moved, left, right), right.V)


def _low_rank_times_diagonal(left: LowRankUpdate, right: Any) -> LowRankUpdate:
    return _diagonal_times_low_rank(right, left.transpose()).transpose()


def _low_rank_times_low_rank(left: LowRankUpdate, right: LowRankUpdate) -> LowRankUpdate:
    """(B + U V^T)(C + W Z^T) = B C + [B W + U (V^T W), U] [Z, C^T V]^T."""
    moved = left.push(_as_rows(right.U)).mT
    pulled = right.base.pull(_as_rows(left.V)).mT
    U, V = _beside(moved, left.U), _beside(right.V, pulled)
    return LowRankUpdate(multiply(left.base, right.base), _unbatch(U, left, right), _unbatch(V, left, right))


def _as_rows(columns: Array) -> Array:
    return columns.mT if columns.ndim == 3 else columns.mT[None, ...]


def _unbatch(array: Array, left: Operator, right: Operator) -> Array:
    """Drop the batch axis of length one that shared factors were given on the way."""
    return array[0, ...] if left.batch is None and right.batch is None else array


def _beside(first: Array, second: Array) -> Array:
    xp = namespace(first)
    first, second = (a if a.ndim == 3 else a[None, ...] for a in (first, second))
    batch = max(first.shape[0], second.shape[0])
    return xp.concat([xp.broadcast_to(a, (batch, *a.shape[1:])) for a in (first, second)], axis=2)


def _kronecker_times_kronecker(left: Kronecker, right: Kronecker) -> Operator:
    """(A (x) B)(C (x) D) = A C (x) B D."""
    return Kronecker(multiply(left.left, right.left), multiply(left.right, right.right))


def _any_times_kronecker(left: Operator, right: Kronecker) -> Operator:
    """G (I (x) x^T) = G (x) x^T for a single row x^T: how a parameter Jacobian stays factored."""
    return Kronecker(left, right.right)


def _selection_times_selection(left: Selection, right: Selection) -> Operator:
    """Pick from what was picked; two scatterings are the transpose of that."""
    if left.scatter:
        return _selection_times_selection(right.transpose(), left.transpose()).transpose()
    xp, index, chosen = namespace(right.index), left.index, right.index
    if chosen.ndim == 1:
        return Selection(xp.reshape(xp.take(chosen, xp.reshape(index, (-1,))), index.shape), right.n)
    return Selection(xp.take_along_axis(chosen, xp.broadcast_to(index, (right.batch, left.shape[0])), axis=1), right.n)


def _unevaluated(left: Operator, right: Operator) -> Product:
    """Keep the factors: neither holds an array that could give a dense product its dtype."""
    return Product((left, right))


def _row_times_column(left: Row, right: Column) -> Operator:
    """[A B] [C; D] = A C + B D."""
    return Sum(tuple(multiply(a, b) for a, b in zip(left.parts, right.parts, strict=True)))


def _blockwise(result: type[Row] | type[Column] | type[BlockDiagonal]) -> Any:
    """Return the rule that multiplies block by block."""

    def apply(left: Any, right: Any) -> Operator:
        return result(tuple(multiply(a, b) for a, b in zip(left.parts, right.parts, strict=True)))

    return apply


# -- whether a rule fits: (left, right) -> bool --------------------------------------------------------------


def _factors_fit(left: Kronecker, right: Kronecker) -> bool:
    return left.left.shape[1] == right.left.shape[0]


def _single_row(left: Operator, right: Kronecker) -> bool:
    return isinstance(right.left, Identity) and right.right.shape[0] == 1


def _same_direction(left: Selection, right: Selection) -> bool:
    return left.scatter == right.scatter


def _blocks_fit(left: Any, right: Any) -> bool:
    return len(left.parts) == len(right.parts) and all(
        a.shape[1] == b.shape[0] for a, b in zip(left.parts, right.parts, strict=True)
    )


# -- what a rule costs: (left, right) -> multiplications -----------------------------------------------------


def _rows_cost(left: Operator, right: Operator) -> int:
    return left.dense_cost + left.shape[0] * right.pull_cost


def _columns_cost(left: Operator, right: Operator) -> int:
    return _rows_cost(right.transpose(), left.transpose())


def _diagonal_low_rank_cost(left: Operator, right: LowRankUpdate) -> int:
    return product_cost(left, right.base) + left.pull_cost * right.rank


def _low_rank_low_rank_cost(left: LowRankUpdate, right: LowRankUpdate) -> int:
    moved = right.rank * left.pull_cost + left.rank * right.base.pull_cost
    return product_cost(left.base, right.base) + moved


def _kronecker_kronecker_cost(left: Kronecker, right: Kronecker) -> int:
    return product_cost(left.left, right.left) + product_cost(left.right, right.right)


def _paired_cost(left: Any, right: Any) -> int:
    return sum(product_cost(a, b) for a, b in zip(left.parts, right.parts, strict=True))


def _column_cost(left: Column, right: Operator) -> int:
    return sum(product_cost(part, right) for part in left.parts)


def _row_cost(left: Operator, right: Row) -> int:
    return sum(product_cost(left, part) for part in right.parts)


def _free(left: Operator, right: Operator) -> int:
    return 0


# -- the table: (left, right) -> result, cost, rule ----------------------------------------------------------

_BY_ROWS = Rule("dense", _rows_cost, _rows)
_BY_COLUMNS = Rule("dense", _columns_cost, _columns)
_SCALE = Rule("diagonal", lambda left, right: left.shape[0], _scale_diagonals)
_SCALE_LOW_RANK = Rule("low-rank update", _diagonal_low_rank_cost, _diagonal_times_low_rank)
_LOW_RANK_SCALE = Rule(
    "low-rank update",
    lambda left, right: _diagonal_low_rank_cost(right, left.transpose()),
    _low_rank_times_diagonal,
)

PRODUCTS.update(
    {
        (ANY, ANY): _BY_ROWS,
        (ARRAYLESS, ARRAYLESS): Rule("product", _free, _unevaluated),
        (ANY, "dense"): _BY_COLUMNS,
        ("dense", "dense"): _BY_ROWS,
        ("identity", ANY): Rule("right", _free, lambda left, right: right),
        (ANY, "identity"): Rule("left", _free, lambda left, right: left),
        ("scaled identity", "scaled identity"): Rule("scaled identity", lambda left, right: 1, _scale_scales),
        ("scaled identity", "diagonal"): _SCALE,
        ("diagonal", "scaled identity"): _SCALE,
        ("diagonal", "diagonal"): _SCALE,
        ("diagonal", "low-rank update"): _SCALE_LOW_RANK,
        ("scaled identity", "low-rank update"): _SCALE_LOW_RANK,
        ("low-rank update", "diagonal"): _LOW_RANK_SCALE,
        ("low-rank update", "scaled identity"): _LOW_RANK_SCALE,
        ("low-rank update", "low-rank update"): Rule(
            "low-rank update", _low_rank_low_rank_cost, _low_rank_times_low_rank
        ),
        ("kronecker", "kronecker"): Rule(
            "kronecker", _kronecker_kronecker_cost, _kronecker_times_kronecker, _factors_fit
        ),
        (ANY, "kronecker"): Rule("kronecker", _free, _any_times_kronecker, _single_row),
        ("selection", "selection"): Rule("selection", _free, _selection_times_selection, _same_direction),
        ("row", "column"): Rule("sum", _paired_cost, _row_times_column, _blocks_fit),
        ("row", "block diagonal"): Rule("row", _paired_cost, _blockwise(Row), _blocks_fit),
        ("block diagonal", "column"): Rule("column", _paired_cost, _blockwise(Column), _blocks_fit),
        ("block diagonal", "block diagonal"): Rule(
            "block diagonal", _paired_cost, _blockwise(BlockDiagonal), _blocks_fit
        ),
        ("column", ANY): Rule(
            "column",
            _column_cost,
            lambda left, right: Column(tuple(multiply(part, right) for part in left.parts)),
        ),
        (ANY, "row"): Rule(
            "row", _row_cost, lambda left, right: Row(tuple(multiply(left, part) for part in right.parts))
        ),
    }
)
