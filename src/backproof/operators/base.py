"""The one abstract operator: a matrix per example, or one matrix shared by the whole batch."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array, batch_sum, eye, is_numpy, namespace, plain
from ..errors import ShapeError
from .table import multiply


class Operator(ABC):
    r"""A linear map R^n -> R^m for every example of a batch, kept in its structure.

    Vectors are rows on the last axis: an array (batch, n), or (batch, k, n) for k vectors per example.
    A leading axis of length one serves every example.

    Math:
        push(v) = J v        (Jacobian-vector product, jvp)
        pull(u) = u J        (vector-Jacobian product, vjp)
        pull_sum(u) = sum over examples of u_i J_i

    A structure gives its ``shape``, ``_pull``, ``transpose`` and ``pull_cost``; the rest is built from these.
    """

    __slots__ = ()
    structure: ClassVar[str]
    # NumPy then leaves ``array @ operator`` to ``__rmatmul__``.
    __array_ufunc__ = None

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Rows and columns, (m, n): output size by input size."""

    @property
    def batch(self) -> int | None:
        """Number of examples, or None for one matrix shared by all."""
        return None

    @property
    def like(self) -> Array | None:
        """An array whose library, dtype and device this operator has; None if it holds no array."""
        return None

    @property
    @abstractmethod
    def pull_cost(self) -> int:
        """Scalar multiplications of ``u J`` for one row of one example."""

    @property
    def dense_cost(self) -> int:
        """Scalar multiplications of making the matrix dense, for one example."""
        return self.shape[0] * self.pull_cost

    @abstractmethod
    def _pull(self, u: Array) -> Array:
        """Return ``u J`` for rows of the right length."""

    @abstractmethod
    def transpose(self) -> "Operator":
        """Return the transposed operator, made of the same arrays."""

    def pull(self, u: Array) -> Array:
        """Return ``u J``: (batch, m) to (batch, n), or (batch, k, m) to (batch, k, n).

        Raises:
            ShapeError: the last axis of ``u`` is not m, or its batch is not this operator's.
        """
        return self._pull(self._check(u, self.shape[0], "pull", "rows"))

    def push(self, v: Array) -> Array:
        """Return ``J v``: (batch, n) to (batch, m), or (batch, k, n) to (batch, k, m).

        Raises:
            ShapeError: the last axis of ``v`` is not n, or its batch is not this operator's.
        """
        return self.transpose()._pull(self._check(v, self.shape[1], "push", "columns"))

    def pull_sum(self, u: Array, out: Array | None = None) -> Array:
        """Return the sum over the batch of ``u_i J_i``: (batch, m) to (n,).

        With ``out`` (NumPy), a contiguous (n,) array, the sum is written there and ``out`` is returned.

        Raises:
            ShapeError: ``u`` is not (batch, m).
        """
        u = self._check(u, self.shape[0], "pull_sum", "rows")
        if u.ndim != 2:
            raise ShapeError(f"{self!r}.pull_sum: got shape {tuple(u.shape)}, expected (batch, {self.shape[0]}).")
        batch = self.batch
        if batch is not None and batch > u.shape[0]:
            u = namespace(u).broadcast_to(u, (batch, u.shape[1]))
        result = self._pull_sum_into(u, out)
        # The sum over one row is that row, which stays the caller's.
        return result.copy() if out is None and is_numpy(u) and np.may_share_memory(result, u) else result

    def _pull_sum_into(self, u: Array, out: Array | None) -> Array:
        """Return the summed rows, always in ``out`` if it is given."""
        result = self._pull_sum(u, out)
        if out is None or result is out:
            return result
        out[...] = result
        return out

    def _pull_sum(self, u: Array, out: Array | None) -> Array:
        """Return the summed rows, in ``out`` where that saves a copy."""
        return batch_sum(self._pull(u), out)

    def dense(self, like: Array | None = None) -> Array:
        """Return the full matrix: (m, n) if shared, else (batch, m, n).

        ``like`` gives library and dtype to operators that hold no array themselves.
        """
        rows = eye(self.shape[0], like if self.like is None else self.like)
        matrix = self._pull(rows[None, :, :])
        return matrix[0, ...] if self.batch is None else matrix

    def __matmul__(self, other: Any) -> Any:
        """``J @ K`` for operators, by the table of products; ``J @ v`` for arrays is ``push``."""
        return multiply(self, other) if isinstance(other, Operator) else self.push(other)

    def __rmatmul__(self, u: Array) -> Array:
        """``u @ J`` for arrays is ``pull``."""
        return self.pull(u)

    def scipy(self, example: int = 0) -> Any:
        """Return the matrix of one example as a ``scipy.sparse.linalg.LinearOperator``."""
        from .scipy import linear_operator

        return linear_operator(self, example)

    def _check(self, u: Array, length: int, verb: str, what: str) -> Array:
        """Return the rows as the formulas take them."""
        shape = u.shape
        if len(shape) not in (2, 3) or shape[-1] != length:
            raise ShapeError(
                f"{self!r}.{verb}: got shape {tuple(shape)}, expected (batch, {length}) or (batch, k, {length}): "
                f"the matrix has {length} {what}."
            )
        batch = self.batch
        if batch is not None and shape[0] != batch and shape[0] != 1 and batch != 1:
            raise ShapeError(f"{self!r}.{verb}: got a batch of {shape[0]}, expected {batch} (or 1, for all examples).")
        if u.__class__ is np.ndarray or not is_numpy(u):
            return u
        return plain(u, f"{self!r}.{verb}: what came")

    def _shown(self) -> "Operator":
        """Return the operator whose structure a display looks at."""
        return self

    def _repr_html_(self) -> str:
        from .showing import glance

        return glance(self).html()

    def _repr_latex_(self) -> str | None:
        from .showing import glance

        return glance(self).latex() if max(self.shape) <= 8 else None

    def __repr__(self) -> str:
        m, n = self.shape
        return f"{type(self).__name__}({m} x {n}, {'shared' if self.batch is None else f'batch {self.batch}'})"


def first_like(parts: Any) -> Array | None:
    """Return the first array that any of ``parts`` has, to give library and dtype to the whole."""
    for part in parts:
        if part.like is not None:
            return part.like
    return None
