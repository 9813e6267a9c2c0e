"""Block matrices: blocks side by side, on top of one another, along the diagonal, and one block repeated."""

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

from ..arrays import Array, namespace
from ..errors import ShapeError
from .base import Operator, first_like
from .table import common_batch


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Blocks(Operator):
    """What the block matrices share: their parts, batch, library and cost."""

    parts: tuple[Operator, ...]

    @property
    def batch(self) -> int | None:
        return common_batch(self.parts, type(self).__name__)

    @property
    def like(self) -> Array | None:
        return first_like(self.parts)

    @property
    def pull_cost(self) -> int:
        return sum(part.pull_cost for part in self.parts)

    @property
    def dense_cost(self) -> int:
        return sum(part.dense_cost for part in self.parts)

    def _dense_parts(self, like: Array | None) -> list[Array]:
        like = like if self.like is None else self.like
        return [part.dense(like) for part in self.parts]

    def _split(self, u: Array) -> list[Array]:
        """Cut the rows of ``u`` where the blocks' rows end."""
        ends = list(itertools.accumulate(part.shape[0] for part in self.parts))
        return [u[..., end - part.shape[0] : end] for part, end in zip(self.parts, ends, strict=True)]


def _join(arrays: list[Array], axis: int = -1) -> Array:
    """Concatenate on one of the last two axes; what serves all examples is repeated for each."""
    xp = namespace(arrays[0])
    return xp.concat(_level(arrays, xp, axis), axis=axis)


def _level(arrays: list[Array], xp: Any, axis: int) -> list[Array]:
    """Broadcast ``arrays`` to one batch, leaving the axis on which they will be joined."""
    depth = max(a.ndim for a in arrays)
    arrays = [a if a.ndim == depth else a[None, ...] for a in arrays]
    batch = max(a.shape[0] for a in arrays) if depth == 3 or axis == -1 else None
    return arrays if batch is None else [xp.broadcast_to(a, (batch, *a.shape[1:])) for a in arrays]


def _same(numbers: list[int], who: str, what: str) -> int:
    if len(set(numbers)) != 1:
        raise ShapeError(f"{who}: the parts have {numbers} {what}, expected the same number in every part.")
    return numbers[0]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Row(_Blocks):
    """``[A B C]``: blocks side by side, the same number of rows in each."""

    structure: ClassVar[str] = "row"

    @property
    def shape(self) -> tuple[int, int]:
        rows = _same([part.shape[0] for part in self.parts], "Row", "rows")
        return (rows, sum(part.shape[1] for part in self.parts))

    def _pull(self, u: Array) -> Array:
        return _join([part._pull(u) for part in self.parts])

    def dense(self, like: Array | None = None) -> Array:
        return _join(self._dense_parts(like), axis=-1)

    def transpose(self) -> "Column":
        return Column(tuple(part.transpose() for part in self.parts))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Column(_Blocks):
    """``[A; B; C]``: blocks on top of one another, the same number of columns in each."""

    structure: ClassVar[str] = "column"

    @property
    def shape(self) -> tuple[int, int]:
        columns = _same([part.shape[1] for part in self.parts], "Column", "columns")
        return (sum(part.shape[0] for part in self.parts), columns)

    def _pull(self, u: Array) -> Array:
        pieces = [part._pull(piece) for part, piece in zip(self.parts, self._split(u), strict=True)]
        return sum(pieces[1:], start=pieces[0])

    def _pull_sum(self, u: Array, out: Array | None) -> Array:
        pieces = [part._pull_sum(piece, None) for part, piece in zip(self.parts, self._split(u), strict=True)]
        return sum(pieces[1:], start=pieces[0])

    def dense(self, like: Array | None = None) -> Array:
        return _join(self._dense_parts(like), axis=-2)

    def transpose(self) -> Row:
        return Row(tuple(part.transpose() for part in self.parts))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BlockDiagonal(_Blocks):
    """``diag(A, B, C)``: blocks along the diagonal, zero elsewhere."""

    structure: ClassVar[str] = "block diagonal"

    @property
    def shape(self) -> tuple[int, int]:
        return (sum(part.shape[0] for part in self.parts), sum(part.shape[1] for part in self.parts))

    def _pull(self, u: Array) -> Array:
        return _join([part._pull(piece) for part, piece in zip(self.parts, self._split(u), strict=True)])

    def dense(self, like: Array | None = None) -> Array:
        blocks, rows = self._dense_parts(like), []
        for i, block in enumerate(blocks):
            xp, m = namespace(block), block.shape[-2]
            zeros = [
                xp.zeros((m, part.shape[1]), dtype=block.dtype, device=getattr(block, "device", None))
                for part in self.parts
            ]
            rows.append(_join([block if i == j else zero for j, zero in enumerate(zeros)], axis=-1))
        return _join(rows, axis=-2)

    def transpose(self) -> "BlockDiagonal":
        return BlockDiagonal(tuple(part.transpose() for part in self.parts))
