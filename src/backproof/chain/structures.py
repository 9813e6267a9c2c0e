"""What the planner knows of a matrix, of the product of every interval of a chain, and of a product's cost.

The costs are those of ``operators/products.py``, written for arrays of intervals; a test holds the two together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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


_SQUARE = ("kind", "base", "rank", "shared", "pull", "densify", "bytes")


@dataclass
class Intervals:
    """For every interval (i, j) of the chain, what the product of its factors will be; arrays (K, K)."""

    rows: Any
    columns: Any
    kind: Any
    base: Any
    rank: Any
    shared: Any
    pull: Any
    densify: Any
    bytes: Any
    batch: int

    @property
    def count(self) -> int:
        """The number K of factors."""
        return len(self.rows)

    @staticmethod
    def of(matrices: Sequence[Matrix], batch: int, itemsize: int) -> "Intervals":
        """Extend every interval by one factor at a time, from the left."""
        rows, columns, kinds, bases, ranks, shared, pull, densify = (
            np.array([getattr(matrix, name) for matrix in matrices])
            for name in ("rows", "columns", "kind", "base", "rank", "shared", "pull", "densify")
        )
        count = len(matrices)
        square = {name: np.zeros((count, count), dtype=np.int64) for name in _SQUARE}
        whole = Intervals(rows=rows, columns=columns, batch=batch, **square)
        for j in range(count):
            old, i = j - 1, np.arange(j)
            kind = np.append(_product_kind(whole.kind[i, old], kinds[j]), kinds[j])
            whole.kind[: j + 1, j] = kind
            whole.base[: j + 1, j] = np.append(np.maximum(whole.base[i, old], bases[j]), bases[j])
            whole.rank[: j + 1, j] = np.append(whole.rank[i, old] + ranks[j], ranks[j])
            whole.shared[: j + 1, j] = np.append(whole.shared[i, old] & shared[j], shared[j])
            single = (
                np.where(kinds[j] == IDENTITY, whole.pull[i, old], pull[j]),
                np.where(kinds[j] == IDENTITY, whole.densify[i, old], densify[j]),
            )
            whole.pull[: j + 1, j] = np.append(single[0], pull[j])
            whole.densify[: j + 1, j] = np.append(single[1], densify[j])
        whole._finish(itemsize)
        return whole

    def _finish(self, itemsize: int) -> None:
        """Fill in costs that follow from kind and size, and the bytes."""
        m, n = self.rows[:, None], self.columns[None, :]
        base_pull = np.where(self.base == IDENTITY, 0, n)
        low = self.kind == LOW_RANK
        self.rank = np.where(low, self.rank, 0)
        known = self.kind != OTHER
        pull = np.select(
            [self.kind == IDENTITY, self.kind <= DIAGONAL, low], [0, n, base_pull + 2 * self.rank * m], m * n
        )
        self.pull = np.where(known, pull, self.pull)
        self.densify = np.where(known, np.where(low, self.rank * m * n, 0), self.densify)
        numbers = np.select(
            [self.kind == IDENTITY, self.kind == SCALED, self.kind == DIAGONAL, low, self.kind == DENSE],
            [0, 1, n, n + 2 * self.rank * m, m * n],
            0,
        )
        self.bytes = numbers * itemsize * np.where(self.shared, 1, self.batch)

    def structure(self, first: int, last: int) -> str:
        """Return the structure of the product of the factors first..last."""
        return NAMES[int(self.kind[first, last])]

    def smallest_largest(self) -> int:
        """Return the least bytes that the largest result on the way must take, whatever the order."""
        count = self.count
        least = np.zeros((count, count))
        for length in range(3, count + 1):
            for first in range(count - length + 1):
                last = first + length - 1
                options = [max(self._held(first, k, least), self._held(k + 1, last, least)) for k in range(first, last)]
                least[first, last] = min(options)
        return int(least[0, -1])

    def _held(self, first: int, last: int, least: Any) -> int:
        return 0 if first == last else max(int(self.bytes[first, last]), int(least[first, last]))


def _product_kind(left: Any, right: Any) -> Any:
    """Return the kind of a product: identities vanish, diagonals and low ranks stay, the rest is dense."""
    both = np.maximum(left, right)
    kept = np.where(both <= LOW_RANK, both, DENSE)
    return np.where(left == IDENTITY, right, np.where(right == IDENTITY, left, kept))


def pair_cost(of: Intervals, first: Any, middle: Any, last: Any) -> Any:
    """Return the multiplications of (first..middle) times (middle+1..last), for the whole batch."""
    left, right = (first, middle), (middle + 1, last)
    a, b = of.kind[left], of.kind[right]
    m, n = of.rows[first], of.columns[last]
    by_rows = of.densify[left] + m * of.pull[right]
    by_columns = of.densify[right] + n * of.pull[left]
    cost = np.where(b == DENSE, by_columns, by_rows)
    for condition, value in _kept_structure(of, left, right, a, b, n):
        cost = np.where(condition, value, cost)
    return cost * np.where(of.shared[left] & of.shared[right], 1, of.batch)


def _kept_structure(of: Intervals, left: Any, right: Any, a: Any, b: Any, n: Any) -> list[tuple[Any, Any]]:
    """Return (condition, cost) for the products that keep a structure, the last that holds wins."""
    bases = _scale_cost(of.base[left], of.base[right], n)
    # [B W + U (V^T W), U] costs a push of W's columns, and C^T V a pull of V's columns through the other base.
    moved = of.rank[right] * of.pull[left] + of.rank[left] * np.where(of.base[right] == IDENTITY, 0, n)
    low = (np.maximum(a, b) == LOW_RANK) & (np.minimum(a, b) >= SCALED)
    return [
        (np.maximum(a, b) <= DIAGONAL, _scale_cost(a, b, n)),
        (low, bases + moved),
        ((a == IDENTITY) | (b == IDENTITY), 0),
    ]


def _scale_cost(a: Any, b: Any, n: Any) -> Any:
    """Return the cost of a product of identity, scaled identity and diagonal."""
    trivial = (a == IDENTITY) | (b == IDENTITY)
    return np.where(trivial, 0, np.where((a == SCALED) & (b == SCALED), 1, n))
