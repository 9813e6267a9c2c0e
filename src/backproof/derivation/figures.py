"""Numbers to be looked at: a matrix in full where it is small, else its shape, structure, norm and heat map."""

import functools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..operators import Dense, Diagonal, Identity, Kronecker, Operator, Product, Selection

__all__ = ["Figure", "figure"]

SMALL = 8
"""Rows and columns up to which a matrix is written out."""
LONG = 12
"""Columns up to which a single row is written out."""
_ALL = 2**28
"""The most entries that a heat map looks at; of a larger matrix one row stands for its block of rows."""
_CHUNK = 2**22
"""Entries of a large matrix that are looked at together."""


@final
@dataclass(frozen=True, eq=False)
class Figure:
    """A matrix of one example, kept in its structure until its numbers are asked for.

    Attributes:
        operator: the matrix; its batch is None or 1.
    """

    operator: Operator

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.operator.shape

    @property
    def structure(self) -> str:
        """Its structure in a word, as in ``"diagonal"`` or ``"kronecker"``; another order of columns keeps it."""
        first = _reordered(self.operator)
        return self.operator.structure if first is None else first.structure

    @property
    def small(self) -> bool:
        """Whether its numbers are few enough to be written out on paper or in a terminal."""
        m, n = self.shape
        return m <= SMALL and n <= (LONG if m == 1 else SMALL)

    @property
    def size(self) -> int:
        """How many entries the dense matrix has."""
        return math.prod(self.shape)

    def array(self) -> Any:
        """Return all entries, (m, n); ask ``size`` first."""
        dense = np.asarray(self.operator.dense(np.empty(0)))
        return dense[0] if dense.ndim == 3 else dense

    def norm(self) -> float:
        """Return the Frobenius norm."""
        return self._measures[0]

    def nonzero(self) -> float:
        """Return the share of entries that are not zero."""
        return self._measures[1]

    @functools.cached_property
    def _measures(self) -> tuple[float, float]:
        """Norm and share, found in one pass through the entries, or from the parts of a structure."""
        return _measured(self.operator) or self._passed()

    def _passed(self) -> tuple[float, float]:
        squares, count = 0.0, 0
        for _, rows in self._rows():
            squares += float(np.vdot(rows, rows))
            count += int(np.count_nonzero(rows))
        return math.sqrt(squares), count / max(1, self.size)

    def heat(self, most: int = 64) -> Any:
        """Return the matrix shrunk to at most ``most`` x ``most``: of every block the entry largest in magnitude.

        Of a matrix too large for that, the first row of every block stands for its rows.
        """
        m, n = self.shape
        rows, columns = min(m, most), min(n, most)
        result = np.zeros((rows, columns))
        edges = np.linspace(0, n, columns + 1).astype(int)[:-1]
        for start, chunk in self._rows() if self.size <= _ALL else self._chosen(-(-r * m // rows) for r in range(rows)):
            high, low = np.maximum.reduceat(chunk, edges, axis=1), np.minimum.reduceat(chunk, edges, axis=1)
            largest = np.where(high >= -low, high, low)
            for offset, row in enumerate(largest):
                place = (start + offset) * rows // m
                result[place] = np.where(np.abs(row) > np.abs(result[place]), row, result[place])
        return result

    def _rows(self) -> Iterator[tuple[int, Any]]:
        """Yield (first row, rows) in chunks that fit into memory."""
        m, n = self.shape
        step = max(1, _CHUNK // max(n, m, 1))
        if step >= m:
            yield 0, self.array()
            return
        for start in range(0, m, step):
            count = min(step, m - start)
            yield start, self._pulled(start, count)

    def _chosen(self, starts: Iterable[int]) -> Iterator[tuple[int, Any]]:
        """Yield (row, that row) for some rows."""
        for start in starts:
            yield start, self._pulled(start, 1)

    def _pulled(self, start: int, count: int) -> Any:
        """Return some neighbouring rows, (count, n)."""
        unit = np.zeros((1, count, self.shape[0]))
        unit[0, np.arange(count), start + np.arange(count)] = 1
        return np.asarray(self.operator.pull(unit))[0]


def _measured(operator: Operator) -> tuple[float, float] | None:
    """Return norm and share of entries where the structure gives them without its entries, else None."""
    if isinstance(operator, Identity):
        return math.sqrt(operator.n), 1 / operator.n
    if isinstance(operator, Kronecker):
        left, right = Figure(operator.left), Figure(operator.right)
        return left.norm() * right.norm(), left.nonzero() * right.nonzero()
    if isinstance(operator, Diagonal):
        entries = np.asarray(operator.diagonal)
        return float(np.linalg.norm(entries)), np.count_nonzero(entries) / entries.size**2
    first = _reordered(operator)
    return None if first is None else Figure(first)._measures


def _reordered(operator: Operator) -> Operator | None:
    """Return what an operator is with its columns in another order, None if it is no such thing."""
    if not (isinstance(operator, Product) and len(operator.factors) == 2):
        return None
    right = operator.factors[1]
    return operator.factors[0] if isinstance(right, Selection) and right.shape[0] == right.shape[1] else None


def figure(matrix: Any) -> Figure:
    """Return the figure of an operator or of a NumPy matrix (m, n)."""
    return Figure(matrix if isinstance(matrix, Operator) else Dense(np.asarray(matrix, float)))
