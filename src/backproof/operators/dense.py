"""Dense matrices."""

from dataclasses import dataclass
from typing import ClassVar

from ..arrays import Array, namespace, times_transposed
from ..errors import ShapeError
from .base import Operator


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dense(Operator):
    """Every entry stored: ``matrix`` (m, n) shared or (batch, m, n) per example."""

    matrix: Array
    structure: ClassVar[str] = "dense"

    @property
    def shape(self) -> tuple[int, int]:
        try:
            return (self.matrix.shape[-2], self.matrix.shape[-1])
        except IndexError:
            came = tuple(self.matrix.shape)
            raise ShapeError(f"Dense: matrix has shape {came}, expected (m, n) or (batch, m, n).") from None

    @property
    def batch(self) -> int | None:
        return self.matrix.shape[0] if self.matrix.ndim == 3 else None

    @property
    def like(self) -> Array:
        return self.matrix

    @property
    def pull_cost(self) -> int:
        return int(self.matrix.shape[-2] * self.matrix.shape[-1])

    @property
    def dense_cost(self) -> int:
        return 0

    def _pull(self, u: Array) -> Array:
        if u.ndim == 2:
            return u @ self.matrix if self.matrix.ndim == 2 else (u[:, None, :] @ self.matrix)[:, 0, :]
        xp, (m, n) = namespace(u), self.shape
        if self.matrix.ndim == 2:
            # One large product instead of one small product for every example.
            return xp.reshape(xp.reshape(u, (-1, m)) @ self.matrix, (*u.shape[:2], n))
        if u.shape[0] == 1 and n == 1:
            # The same rows meet one column of every example: a product with the matrix of all columns.
            return times_transposed(self.matrix[:, :, 0], u[0, ...])[:, :, None]
        return u @ self.matrix

    def dense(self, like: Array | None = None) -> Array:
        return self.matrix

    def transpose(self) -> "Dense":
        return Dense(self.matrix.mT)
