"""Examples in batches: fetched by index, prepared, never all at once."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array, plain
from ..errors import DataError, DtypeError, ShapeError

Prepare = Callable[[Array], Array]


class Batches:
    """Inputs and targets that are read a batch at a time.

    Args:
        x, y: array-likes of equal length that take an array of integers or a slice as index.
        weights: (n,) of the examples, or None.
        prepare, prepare_target: applied to every batch of x and of y.
        who: how errors name the examples.

    Raises:
        ShapeError: the lengths differ, or the weights do not fit.
        DataError: there are no examples, or weights are negative, not finite or all zero.
        DtypeError: a masked array, or weights that are complex.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        weights: Any = None,
        prepare: Prepare | None = None,
        prepare_target: Prepare | None = None,
        who: str = "training data",
    ) -> None:
        self.x, self.y = _indexable(x, f"{who}: x"), _indexable(y, f"{who}: y")
        self.prepare, self.prepare_target, self.who = prepare, prepare_target, who
        if len(self.x) != len(self.y):
            raise ShapeError(f"{who}: x has {len(self.x)} examples, y has {len(self.y)}, expected equally many.")
        if not len(self.x):
            raise DataError(f"{who}: there are no examples, expected at least one.")
        self.weights = None if weights is None else _checked_weights(weights, len(self.x), who)

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, index: Any) -> tuple[Array, Array]:
        """Return prepared inputs and targets at the places ``index``, an array of integers or a slice."""
        x, y = _take(self.x, index), _take(self.y, index)
        if self.prepare is not None:
            x = np.asarray(self.prepare(x))
        if self.prepare_target is not None:
            y = np.asarray(self.prepare_target(y))
        return x, y

    def first(self) -> tuple[Array, Array]:
        """Return the first example as a batch of one, checked: it must come as an array with a batch axis."""
        x, y = self.batch(np.zeros(1, dtype=np.intp))
        for name, array in (("x", x), ("y", y)):
            if array.ndim == 0 or len(array) != 1:
                raise DataError(f"{self.who}: {name}[[0]] has shape {array.shape}, expected one example.")
        if x.dtype.kind == "O":
            raise DtypeError(f"{self.who}: x has dtype object, expected numbers.")
        return x, y

    def batches(self, size: int) -> Iterator[tuple[Array, Array]]:
        """Yield all examples in order, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, min(start + size, len(self))))


def order(count: int, seed: int, epoch: int) -> Array:
    """Return the order of the examples in an epoch, a permutation decided by seed and epoch alone."""
    kind = np.int32 if count < 2**31 else np.int64
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    places = np.arange(count, dtype=kind)
    generator.shuffle(places)
    return places


def _indexable(array: Any, who: str) -> Any:
    return np.asarray(array) if isinstance(array, list | tuple) else plain(array, who)


def _take(array: Any, index: Any) -> Array:
    if type(array) is np.ndarray:
        return array[index] if isinstance(index, slice) else array.take(index, axis=0)
    return np.asarray(array[index])


def _checked_weights(weights: Any, count: int, who: str) -> Array:
    weights = plain(weights, f"{who}: weights")
    if getattr(getattr(weights, "dtype", None), "kind", "") == "c":
        raise DtypeError(f"{who}: weights have dtype {weights.dtype}, expected real numbers.")
    try:
        array = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{who}: the weights are not numbers.") from None
    if array.shape != (count,):
        raise ShapeError(f"{who}: weights have shape {array.shape}, expected ({count},), one for every example.")
    wrong = ~(np.isfinite(array) & (array >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{who}: weight {row} is {array[row]}, expected a finite number of at least 0.")
    if not array.any():
        raise DataError(f"{who}: all weights are 0, expected some positive.")
    return array
