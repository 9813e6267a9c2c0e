"""What the planner knows of a matrix, of the product of every interval of a chain, and of a product's cost.

The costs are those of ``operators/products.py``, written for arrays of intervals; a test holds the two together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

IDENTITY, SCALED, DIAGONAL, LOW_RANK, DENSE, OTHER = range(6)
NAMES = ("identity", "scaled identity", "diagonal", "low-rank update", "dense", "other")


@dataclass(frozen=True)
class Matrix:
    """A factor as the planner sees it.

    Attributes:
        rows, columns: its size.
        kind: index into ``NAMES``; whatever multiplies to dense matrices only is "other".
        shared: one matrix for all examples.
        pull: multiplications of one row times the matrix.
        densify: multiplications of making it dense.
        rank: of a low-rank update, else 0.
        base: kind of a low-rank update's base, else its own kind.
    """

    rows: int
    columns: int
    kind: int = DENSE
    shared: bool = True
    pull: int = 0
    densify: int = 0
    rank: int = 0
    base: int = IDENTITY

    @staticmethod
    def of(operator: Any) -> "Matrix":
        """Describe an operator."""
        rows, columns = operator.shape
        kind = NAMES.index(operator.structure) if operator.structure in NAMES else OTHER
        low = kind == LOW_RANK
        return Matrix(
            rows=rows,
            columns=columns,
            kind=kind,
            shared=operator.batch is None,
            pull=operator.pull_cost,
            densify=operator.dense_cost,
            rank=operator.rank if low else 0,
            base=NAMES.index(operator.base.structure) if low else min(kind, DIAGONAL),
        )


class Part(NamedTuple):
    """One side of products as the costs see it: arrays of any one shape, one entry a matrix."""

    kind: Any
    base: Any
    rank: Any
    pull: Any
    densify: Any


@dataclass(frozen=True)
class Intervals:
    """For every interval (i, j) of the chain, what the product of its factors will be; arrays (K, K).

    Attributes:
        rows, columns: of the factors, (K,).
        shared: whether one matrix serves all examples.
        bytes: memory of the product; 0 for a factor that is there already, whatever its structure.
        part: structure and costs.
        batch: number of examples.
    """

    rows: Any
    columns: Any
    shared: Any
    bytes: Any
    part: Part
    batch: int

    @property
    def count(self) -> int:
        """The number K of factors."""
        return len(self.rows)

    @staticmethod
    def of(matrices: Sequence[Matrix], batch: int, itemsize: int) -> "Intervals":
        """Describe the products of all intervals, from maxima and sums over their factors."""
        rows, columns, kinds, bases, ranks, shared, pulls, densifies = (
            np.array([getattr(matrix, name) for matrix in matrices])
            for name in ("rows", "columns", "kind", "base", "rank", "shared", "pull", "densify")
        )
        kind = _kinds(kinds)
        everywhere = _sums(~shared) == 0
        rank = np.where(kind == LOW_RANK, _sums(ranks), 0)
        part = _part(kind, _maxima(bases), rank, _sums(pulls), _sums(densifies), rows[:, None], columns[None, :])
        size = _numbers(kind, rank, rows[:, None], columns[None, :]) * itemsize * np.where(everywhere, 1, batch)
        return Intervals(rows, columns, everywhere, size, part, batch)

    def structure(self, first: int, last: int) -> str:
        """Return the structure of the product of the factors first..last."""
        return NAMES[int(self.part.kind[first, last])]


def _maxima(values: Any) -> Any:
    """Return the largest of values[i..j] at (i, j)."""
    return np.maximum.accumulate(np.triu(np.broadcast_to(values, (len(values), len(values)))), axis=1)


def _sums(values: Any) -> Any:
    """Return the sum of values[i..j] at (i, j)."""
    total = np.concatenate([[0], np.cumsum(values)])
    return total[None, 1:] - total[:-1, None]


def _kinds(kinds: Any) -> Any:
    """Return the kinds of all products: identities vanish, diagonals and low ranks stay, the rest is dense."""
    largest = _maxima(kinds)
    return np.where((largest > LOW_RANK) & (_sums(kinds != IDENTITY) > 1), DENSE, largest)


def _part(kind: Any, base: Any, rank: Any, pull: Any, densify: Any, m: Any, n: Any) -> Part:
    """Replace the costs by what kind and size say; only "other" ones, which are single factors, keep their own."""
    low = kind == LOW_RANK
    base_pull = np.where(base == IDENTITY, 0, n)
    known = np.select([kind == IDENTITY, kind <= DIAGONAL, low], [0, n + 0 * m, base_pull + 2 * rank * m], m * n)
    other = kind == OTHER
    # Costs are compared as floating-point numbers, exact up to 2^53, so that no chain is too large.
    return Part(
        kind.astype(np.int8),
        base.astype(np.int8),
        rank.astype(np.float64),
        np.where(other, pull, known).astype(np.float64),
        np.where(other, densify, np.where(low, rank * m * n, 0)).astype(np.float64),
    )


def _numbers(kind: Any, rank: Any, m: Any, n: Any) -> Any:
    """Return how many numbers a product of each kind holds for one example."""
    kinds = [kind == k for k in (IDENTITY, SCALED, DIAGONAL, LOW_RANK, DENSE)]
    return np.select(kinds, [0, 1, n + 0 * m, n + 2 * rank * m, m * n], 0)


def pair_cost(left: Part, right: Part, m: Any, n: Any) -> Any:
    """Return the multiplications of left times right, m x n, for one example."""
    cost = np.where(right.kind == DENSE, right.densify + n * left.pull, left.densify + m * right.pull)
    kept = (left.kind <= LOW_RANK) & (right.kind <= LOW_RANK)
    if kept.any():
        cost = np.where(kept, _kept_cost(left, right, n), cost)
    return np.where((left.kind == IDENTITY) | (right.kind == IDENTITY), 0, cost)


def _kept_cost(left: Part, right: Part, n: Any) -> Any:
    """Return the cost of a product of identity, scaled identity, diagonal or low-rank updates of these."""
    both_scaled = (left.base == SCALED) & (right.base == SCALED)
    trivial = (left.base == IDENTITY) | (right.base == IDENTITY)
    bases = np.where(trivial, 0, np.where(both_scaled, 1, n))
    if not (left.rank.any() or right.rank.any()):
        return bases
    # [B W + U (V^T W), U] costs a push of W's columns, and C^T V a pull of V's columns through the other base.
    return bases + right.rank * left.pull + left.rank * np.where(right.base == IDENTITY, 0, n)
