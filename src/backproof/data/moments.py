"""Mean, deviation and range of data that are passed through once, a block at a time."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from backproof.data.arrays import check_finite
from backproof.data.dataset import Examples, blocks
from backproof.merging import merged


@final
@dataclass(frozen=True, eq=False)
class Moments:
    """Statistics of each column, or of all values together.

    Shapes:
        mean, deviation, low, high: (columns ...) or ()

    Dtype: float64.
    """

    count: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation of the population (division by the count)."""
        return np.sqrt(self.squares / self.count)

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Whether all values are the same, exactly."""
        return np.asarray(self.low == self.high)

    def __or__(self, other: "Moments") -> "Moments":
        """Return the statistics of both parts."""
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        both = merged(self.count, self.mean, self.squares, other.count, other.mean, other.squares)
        return Moments(*both, low, high)


def moments(x: Examples, label: str, *, together: bool) -> Moments:
    """Return the statistics of each column of ``x``, or of all its values ``together``.

    Values whose squares exceed float64 give an infinite deviation, not an error.

    Raises:
        NonFiniteError: NaN or infinity, with its index.
    """
    seen: Moments | None = None
    for _, block in blocks(x):
        part = _block_moments(block, None if together else 0)
        if not np.isfinite(part.low + part.high).all():
            check_finite(x, label)
        with np.errstate(over="ignore", invalid="ignore"):
            seen = part if seen is None else seen | part
    assert seen is not None, "a data set has at least one row"
    return seen


def _block_moments(block: NDArray[Any], axis: int | None) -> Moments:
    values = block.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.asarray(values.mean(axis=axis))
        low, high = np.asarray(values.min(axis=axis)), np.asarray(values.max(axis=axis))
        values -= mean
        squares = np.asarray(np.einsum("i...,i...->...", values, values) if axis == 0 else np.vdot(values, values))
    return Moments(block.size if axis is None else len(block), mean, squares, low, high)
