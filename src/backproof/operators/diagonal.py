"""Identity, scaled identity and diagonal matrices."""

from dataclasses import dataclass
from typing import ClassVar

from ..arrays import Array, batch_sum, block_diagonal, namespace
from .base import Operator


def align(d: Array, u: Array) -> Array:
    """Return per-example numbers (batch, n) shaped to meet ``u`` of shape (batch, n) or (batch, k, n)."""
    return d[:, None, :] if d.ndim == 2 and u.ndim == 3 else d


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Identity(Operator):
    """The n x n identity matrix, shared by the batch."""

    n: int
    structure: ClassVar[str] = "identity"

    @property
    def shape(self) -> tuple[int, int]:
        return (self.n, self.n)

    @property
    def pull_cost(self) -> int:
        return 0

    def _pull(self, u: Array) -> Array:
        return u

    def _pull_sum(self, u: Array, out: Array | None) -> Array:
        return batch_sum(u, out)

    def transpose(self) -> "Identity":
        return self


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScaledIdentity(Operator):
    """``c I``: a scalar ``scale``, () shared or (batch,) per example, times the n x n identity."""

    n: int
    scale: Array
    structure: ClassVar[str] = "scaled identity"

    @property
    def shape(self) -> tuple[int, int]:
        return (self.n, self.n)

    @property
    def batch(self) -> int | None:
        return self.scale.shape[0] if self.scale.ndim else None

    @property
    def like(self) -> Array:
        return self.scale

    @property
    def pull_cost(self) -> int:
        return self.n

    @property
    def dense_cost(self) -> int:
        return 0

    def _pull(self, u: Array) -> Array:
        return u * (align(self.scale[:, None], u) if self.scale.ndim else self.scale)

    def dense(self, like: Array | None = None) -> Array:
        return block_diagonal(self.entries()[..., None, None])

    def entries(self) -> Array:
        """Return the diagonal: the scale n times, (n,) or (batch, n)."""
        return namespace(self.scale).broadcast_to(self.scale[..., None], (*self.scale.shape, self.n))

    def transpose(self) -> "ScaledIdentity":
        return self


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Diagonal(Operator):
    """``diag(d)``: ``diagonal`` (n,) shared or (batch, n) per example."""

    diagonal: Array
    structure: ClassVar[str] = "diagonal"

    @property
    def shape(self) -> tuple[int, int]:
        n = self.diagonal.shape[-1]
        return (n, n)

    @property
    def batch(self) -> int | None:
        return self.diagonal.shape[0] if self.diagonal.ndim == 2 else None

    @property
    def like(self) -> Array:
        return self.diagonal

    @property
    def pull_cost(self) -> int:
        return int(self.diagonal.shape[-1])

    @property
    def dense_cost(self) -> int:
        return 0

    def _pull(self, u: Array) -> Array:
        return u * align(self.diagonal, u)

    def dense(self, like: Array | None = None) -> Array:
        return block_diagonal(self.diagonal[..., None, None])

    def transpose(self) -> "Diagonal":
        return self
