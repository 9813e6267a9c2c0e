"""Numbers to be looked at: a matrix in full where it is small, else its shape, structure, norm and heat map."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..operators import Dense, Operator, Product, Selection

__all__ = ["Figure", "figure"]

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
        operator = self.operator
        if isinstance(operator, Product) and len(operator.factors) == 2 and isinstance(operator.factors[1], Selection):
            operator = operator.factors[0]
        return operator.structure

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
        return math.sqrt(sum(float((rows * rows).sum()) for _, rows in self._rows()))

    def nonzero(self) -> float:
        """Return the share of entries that are not zero."""
        return sum(int(np.count_nonzero(rows)) for _, rows in self._rows()) / max(1, self.size)

    def heat(self, most: int = 64) -> Any:
        """Return the matrix shrunk to at most ``most`` x ``most``: of every block the entry largest in magnitude."""
        m, n = self.shape
        rows, columns = min(m, most), min(n, most)
        result = np.zeros((rows, columns))
        edges = np.linspace(0, n, columns + 1).astype(int)[:-1]
        for start, chunk in self._rows():
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
            unit = np.zeros((1, count, m))
            unit[0, np.arange(count), start + np.arange(count)] = 1
            yield start, np.asarray(self.operator.pull(unit))[0]


def figure(matrix: Any) -> Figure:
    """Return the figure of an operator or of a NumPy matrix (m, n)."""
    return Figure(matrix if isinstance(matrix, Operator) else Dense(np.asarray(matrix, float)))
