"""Kronecker products, the shape of every derivative with respect to a weight matrix."""

from dataclasses import dataclass
from typing import ClassVar

from ..arrays import Array, namespace, sum_of_outer_products
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
        return self.left.shape[0] * self.right.pull_cost + self.right.shape[1] * self.left.pull_cost

    @property
    def dense_cost(self) -> int:
        m, n = self.shape
        trivial = isinstance(self.left, Identity) or isinstance(self.right, Identity)
        return self.left.dense_cost + self.right.dense_cost + (0 if trivial else m * n)

    def _pull(self, u: Array) -> Array:
        if u.ndim == 2:
            return self._pull(u[:, None, :])[:, 0, :]
        xp = namespace(u)
        (m1, n1), (m2, n2), k = self.left.shape, self.right.shape, u.shape[1]
        rows = self.right._pull(xp.reshape(u, (u.shape[0], k * m1, m2)))
        if not isinstance(self.left, Identity):
            columns = xp.reshape(rows, (rows.shape[0], k, m1, n2)).mT
            columns = self.left._pull(xp.reshape(columns, (rows.shape[0], k * n2, m1)))
            rows = xp.reshape(columns, (columns.shape[0], k, n2, n1)).mT
        return xp.reshape(rows, (rows.shape[0], k, n1 * n2))

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
        left = self.left.dense(self.like if self.like is not None else like)
        right = self.right.dense(self.like if self.like is not None else like)
        product = left[..., :, None, :, None] * right[..., None, :, None, :]
        return namespace(product).reshape(product, (*product.shape[:-4], *self.shape))

    def transpose(self) -> "Kronecker":
        return Kronecker(self.left.transpose(), self.right.transpose())
