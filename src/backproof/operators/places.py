"""One layer applied at several places of every example: tokens of a sequence, rows of an image.

The places are examples to the layer inside, so its operator has ``batch * places`` matrices (or one, shared).
"""

from dataclasses import dataclass
from typing import ClassVar

from ..arrays import Array, block_diagonal, namespace
from ..errors import ShapeError
from .base import Operator


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Places(Operator):
    """What the repeated structures share: the operator inside and the number of places."""

    inner: Operator
    places: int

    def __post_init__(self) -> None:
        batch = self.inner.batch
        if self.places < 1 or (batch is not None and batch % self.places):
            raise ShapeError(
                f"{type(self).__name__}: {self.inner!r} at {self.places} places, "
                "expected a batch of examples times places."
            )

    @property
    def batch(self) -> int | None:
        return None if self.inner.batch is None else self.inner.batch // self.places

    @property
    def like(self) -> Array | None:
        return self.inner.like

    @property
    def pull_cost(self) -> int:
        return self.places * self.inner.pull_cost

    @property
    def dense_cost(self) -> int:
        return self.places * self.inner.dense_cost

    def _at_places(self, u: Array) -> Array:
        """Pull (batch, k, places, m) through the inner operator, giving (batch, k, places, n)."""
        xp = namespace(u)
        if self.batch == 1 and u.shape[0] > 1:
            # One matrix serves every example: all rows are rows of one example.
            result = self._at_places(xp.reshape(u, (1, u.shape[0] * u.shape[1], *u.shape[2:])))
            return xp.reshape(result, (*u.shape[:2], *result.shape[2:]))
        batch, k = u.shape[0] if self.batch is None else self.batch, u.shape[1]
        u = xp.broadcast_to(u, (batch, *u.shape[1:]))
        rows = xp.reshape(xp.permute_dims(u, (0, 2, 1, 3)), (batch * self.places, k, u.shape[3]))
        result = self.inner._pull(rows)
        return xp.permute_dims(xp.reshape(result, (batch, self.places, k, result.shape[-1])), (0, 2, 1, 3))


def _blocks(operator: _Places, like: Array | None) -> Array:
    """Return the dense blocks, (places, m, n) if shared, else (batch, places, m, n)."""
    blocks = operator.inner.dense(like)
    xp, (m, n) = namespace(blocks), operator.inner.shape
    if operator.batch is None:
        return xp.broadcast_to(blocks[None, ...] if blocks.ndim == 2 else blocks, (operator.places, m, n))
    return xp.reshape(blocks, (operator.batch, operator.places, m, n))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DirectSum(_Places):
    """``diag(J_1, ..., J_places)``: what happens at one place stays at that place."""

    structure: ClassVar[str] = "direct sum"

    @property
    def shape(self) -> tuple[int, int]:
        m, n = self.inner.shape
        return (self.places * m, self.places * n)

    def _pull(self, u: Array) -> Array:
        xp = namespace(u)
        m, n = self.inner.shape
        if u.ndim == 2 and (self.inner.batch is None or self.inner.batch == u.shape[0] * self.places):
            rows = self.inner._pull(xp.reshape(u, (u.shape[0] * self.places, m)))
            return xp.reshape(rows, (u.shape[0], self.places * n))
        if u.ndim == 2:
            return self._pull(u[:, None, :])[:, 0, :]
        result = self._at_places(xp.reshape(u, (*u.shape[:2], self.places, m)))
        return xp.reshape(result, (*result.shape[:2], self.places * n))

    def dense(self, like: Array | None = None) -> Array:
        return block_diagonal(_blocks(self, like))

    def transpose(self) -> "DirectSum":
        return DirectSum(self.inner.transpose(), self.places)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stack(_Places):
    """``[J_1; ...; J_places]``: every place depends on the same variables, so their rows are stacked."""

    structure: ClassVar[str] = "stack"

    @property
    def shape(self) -> tuple[int, int]:
        m, n = self.inner.shape
        return (self.places * m, n)

    def _pull(self, u: Array) -> Array:
        if u.ndim == 2:
            return self._pull(u[:, None, :])[:, 0, :]
        xp = namespace(u)
        rows = self._at_places(xp.reshape(u, (*u.shape[:2], self.places, self.inner.shape[0])))
        return xp.sum(rows, axis=2)

    def _pull_sum(self, u: Array, out: Array | None) -> Array:
        if self.inner.batch not in (None, u.shape[0] * self.places):
            return _Places._pull_sum(self, u, out)
        rows = namespace(u).reshape(u, (u.shape[0] * self.places, self.inner.shape[0]))
        return self.inner._pull_sum(rows, out)

    def dense(self, like: Array | None = None) -> Array:
        blocks = _blocks(self, like)
        return namespace(blocks).reshape(blocks, (*blocks.shape[:-3], *self.shape))

    def transpose(self) -> "Spread":
        return Spread(self.inner.transpose(), self.places)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Spread(_Places):
    """``[J_1 ... J_places]``: the transpose of a stack."""

    structure: ClassVar[str] = "spread"

    @property
    def shape(self) -> tuple[int, int]:
        m, n = self.inner.shape
        return (m, self.places * n)

    def _pull(self, u: Array) -> Array:
        if u.ndim == 2:
            return self._pull(u[:, None, :])[:, 0, :]
        xp = namespace(u)
        everywhere = xp.broadcast_to(u[:, :, None, :], (*u.shape[:2], self.places, u.shape[2]))
        rows = self._at_places(everywhere)
        return xp.reshape(rows, (*rows.shape[:2], self.shape[1]))

    def dense(self, like: Array | None = None) -> Array:
        return self.transpose().dense(like).mT

    def transpose(self) -> Stack:
        return Stack(self.inner.transpose(), self.places)
