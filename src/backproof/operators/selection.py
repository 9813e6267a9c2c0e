"""Matrices that pick entries: slices, permutations, pooling, embeddings."""

import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..arrays import Array, in_library_of, is_numpy, namespace, scatter_add
from ..errors import ShapeError
from .base import Operator


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Selection(Operator):
    """``(S x)_i = x[index_i]``: one 1 in every row; ``scatter=True`` is the transpose of that matrix.

    Shapes:
        index: (m,) shared or (batch, m) per example, integers in [0, n)
        S: (m, n), or (n, m) with ``scatter``
    """

    index: Array
    n: int
    scatter: bool = False
    structure: ClassVar[str] = "selection"

    def __post_init__(self) -> None:
        index = self.index
        if index.ndim not in (1, 2):
            raise ShapeError(f"Selection: index has shape {tuple(index.shape)}, expected (m,) or (batch, m).")
        # Elsewhere than in NumPy, looking at the numbers would wait for the device.
        if is_numpy(index) and index.size and not (index.min() >= 0 and index.max() < self.n):
            raise ShapeError(f"Selection: index holds {index.min()} to {index.max()}, expected 0 to {self.n - 1}.")

    @property
    def shape(self) -> tuple[int, int]:
        m = self.index.shape[-1]
        return (self.n, m) if self.scatter else (m, self.n)

    @property
    def batch(self) -> int | None:
        return self.index.shape[0] if self.index.ndim == 2 else None

    @property
    def pull_cost(self) -> int:
        return 0

    def _pull(self, u: Array) -> Array:
        if u.ndim == 2:
            return self._pull(u[:, None, :])[:, 0, :]
        index = in_library_of(u, self.index)
        return _take(u, index) if self.scatter else scatter_add(u, index, self.n)

    def dense(self, like: Array | None = None) -> Array:
        like = np.empty(0) if like is None else like
        xp, index = namespace(like), in_library_of(like, self.index)
        chosen = xp.astype(
            index[..., :, None] == xp.arange(self.n, dtype=index.dtype, device=getattr(index, "device", None)),
            like.dtype,
        )
        return chosen.mT if self.scatter else chosen

    def transpose(self) -> "Selection":
        return Selection(self.index, self.n, not self.scatter)


def _take(x: Array, index: Array) -> Array:
    xp = namespace(x)
    if index.ndim == 1:
        return xp.take(x, index, axis=-1)
    batch = max(x.shape[0], index.shape[0])
    index = xp.broadcast_to(index[:, None, :], (batch, x.shape[1], index.shape[1]))
    return xp.take_along_axis(xp.broadcast_to(x, (batch, *x.shape[1:])), index, axis=-1)


@functools.lru_cache(maxsize=64)
def slice_of(start: int, end: int, n: int, scatter: bool = False) -> Selection:
    """Return the selection of the entries ``start`` to ``end`` (not included) out of n, or its transpose."""
    index = np.arange(start, end)
    index.flags.writeable = False
    return Selection(index, n, scatter)
