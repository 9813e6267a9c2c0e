"""Kronecker products, the shape of every derivative with respect to a weight matrix."""

from dataclasses import dataclass
from typing import ClassVar

from ..arrays import Array, block_diagonal, eye, namespace, sum_of_outer_products
from .base import Operator, first_like
from .dense import Dense
from .diagonal import Identity
from .table import common_batch


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Kronecker(Operator):
    r"""``L (x) R``, never multiplied out.

    Math (row-major vec):
        (L (x) R) vec(X) = vec(L X R^T)
        u (L (x) R) = vec(L^T U R),   u = vec(U)

    One factor acts first, whichever order is cheaper.

    For an affine layer, d(W x)/d vec(W) = I_m (x) x^T: ``left`` is the identity, ``right`` the row x^T of
    each example, and ``pull_sum`` is the matrix product delta^T X.
    """

    left: Operator
    right: Operator
    structure: ClassVar[str] = "kronecker"

    @property
    def shape(self) -> tuple[int, int]:
        (m1, n1), (m2, n2) = self.left.shape, self.right.shape
        return (m1 * m2, n1 * n2)

    @property
    def batch(self) -> int | None:
        return common_batch((self.left, self.right), "Kronecker")

    @property
    def like(self) -> Array | None:
        return first_like((self.left, self.right))

    @property
    def pull_cost(self) -> int:
        return min(self._costs)

    @property
    def _costs(self) -> tuple[int, int]:
        """Multiplications of a pull with the right factor first, and with the left one first."""
        (m1, n1), (m2, n2) = self.left.shape, self.right.shape
        left, right = self.left.pull_cost, self.right.pull_cost
        return (m1 * right + n2 * left, m2 * left + n1 * right)

    @property
    def dense_cost(self) -> int:
        m, n = self.shape
        trivial = isinstance(self.left, Identity) or isinstance(self.right, Identity)
        return self.left.dense_cost + self.right.dense_cost + (0 if trivial else m * n)

    def _pull(self, u: Array) -> Array:
        if u.ndim == 2:
            return self._pull(u[:, None, :])[:, 0, :]
        xp = namespace(u)
        grid = xp.reshape(u, (*u.shape[:2], self.left.shape[0], self.right.shape[0]))
        right_first, left_first = self._costs
        if right_first <= left_first:
            grid = _pull_columns(self.left, _pull_rows(self.right, grid))
        else:
            grid = _pull_rows(self.right, _pull_columns(self.left, grid))
        return xp.reshape(grid, (*grid.shape[:2], self.shape[1]))

    def _pull_sum(self, u: Array, out: Array | None) -> Array:
        right = self.right
        if not (isinstance(self.left, Identity) and isinstance(right, Dense) and right.shape[0] == 1):
            return Operator._pull_sum(self, u, out)
        if right.batch != u.shape[0]:
            return Operator._pull_sum(self, u, out)
        matrix = None if out is None else out.reshape(self.left.n, right.shape[1])
        product = sum_of_outer_products(u, right.matrix[:, 0, :], matrix)
        return out if product is matrix else namespace(u).reshape(product, (-1,))

    def dense(self, like: Array | None = None) -> Array:
        like = like if self.like is None else self.like
        left, right = self.left.dense(like), self.right.dense(like)
        xp, m1, (m2, n2) = namespace(right), self.left.shape[0], self.right.shape
        if isinstance(self.left, Identity):
            return block_diagonal(xp.broadcast_to(right[..., None, :, :], (*right.shape[:-2], m1, m2, n2)))
        if isinstance(self.right, Identity):
            entries = left[..., :, None, :, None]
            placed = xp.where(eye(m2, left)[:, None, :] > 0, entries, xp.zeros_like(entries))
            return xp.reshape(placed, (*left.shape[:-2], *self.shape))
        product = left[..., :, None, :, None] * right[..., None, :, None, :]
        return xp.reshape(product, (*product.shape[:-4], *self.shape))

    def transpose(self) -> "Kronecker":
        return Kronecker(self.left.transpose(), self.right.transpose())


def _pull_rows(operator: Operator, grid: Array) -> Array:
    """Pull the last axis of (batch, k, a, m) through an operator: (batch, k, a, n)."""
    if isinstance(operator, Identity):
        return grid
    xp, (_, k, a, m) = namespace(grid), grid.shape
    rows = operator._pull(xp.reshape(grid, (grid.shape[0], k * a, m)))
    return xp.reshape(rows, (rows.shape[0], k, a, operator.shape[1]))


def _pull_columns(operator: Operator, grid: Array) -> Array:
    """Pull the last axis but one of (batch, k, m, a) through an operator: (batch, k, n, a)."""
    return grid if isinstance(operator, Identity) else _pull_rows(operator, grid.mT).mT
