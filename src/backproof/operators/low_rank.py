"""A structured matrix plus a product of two thin ones."""

from dataclasses import dataclass
from typing import ClassVar

from ..arrays import Array
from ..errors import ShapeError
from .base import Operator
from .table import common_batch


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LowRankUpdate(Operator):
    """``D + U V^T``: ``base`` diagonal, scaled identity or identity; U and V with r columns each.

    Shapes:
        U, V: (n, r) shared, or (batch, n, r) per example
    """

    base: Operator
    U: Array
    V: Array
    structure: ClassVar[str] = "low-rank update"

    def __post_init__(self) -> None:
        U, V = self.U.shape, self.V.shape
        if len(U) < 2 or U[-2:] != V[-2:] or (U[-2], U[-2]) != self.base.shape:
            raise ShapeError(
                f"LowRankUpdate: U has shape {tuple(U)}, V {tuple(V)}, expected (n, r) or (batch, n, r) for a base of "
                f"n x n, which is {self.base!r}."
            )

    @property
    def shape(self) -> tuple[int, int]:
        return self.base.shape

    @property
    def batch(self) -> int | None:
        arrays = [a.shape[0] for a in (self.U, self.V) if a.ndim == 3]
        return max(arrays) if arrays else common_batch((self.base,), "LowRankUpdate")

    @property
    def like(self) -> Array:
        return self.U

    @property
    def rank(self) -> int:
        """The number r of columns of U and V."""
        return int(self.U.shape[-1])

    @property
    def pull_cost(self) -> int:
        return self.base.pull_cost + 2 * self.rank * self.shape[0]

    @property
    def dense_cost(self) -> int:
        return self.base.dense_cost + self.rank * self.shape[0] * self.shape[1]

    def _pull(self, u: Array) -> Array:
        if u.ndim == 2:
            return self._pull(u[:, None, :])[:, 0, :]
        return self.base._pull(u) + (u @ self.U) @ self.V.mT

    def dense(self, like: Array | None = None) -> Array:
        return self.base.dense(self.U) + self.U @ self.V.mT

    def transpose(self) -> "LowRankUpdate":
        return LowRankUpdate(self.base.transpose(), self.V, self.U)
