"""What every data source becomes: examples with their targets and names, in memory or left on the disk."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, final

import numpy as np
from numpy.typing import NDArray

from backproof.errors import DataError, ShapeError

Task = Literal["classification", "regression"]

BLOCK_ELEMENTS = 2**18
"""Numbers read at a time when a whole data set is passed through once (2 MiB in float64)."""


class Examples(Protocol):
    """An array, or anything that hands out rows of one on request (a memory map, ``Rows``)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows first, then the shape of one example."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the rows as they are stored."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


@final
@dataclass(frozen=True, eq=False)
class Rows:
    """Chosen rows of an array that stays where it is; they are read when they are asked for.

    Shapes:
        source: (N, ...)
        indices: (n,), row numbers of ``source``
    """

    source: Examples
    indices: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the chosen rows, (n, ...)."""
        return (len(self.indices), *self.source.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the source."""
        return self.source.dtype

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        return np.asarray(self.source[self.indices[index]])


@final
@dataclass(frozen=True)
class Schema:
    """Names and shapes that a model expects of its data.

    ``feature_names`` is empty for data without column names (images, arrays). ``target_shape`` is the shape
    of one target: ``()`` for a class or one number, ``(m,)`` for m numbers. ``class_names`` is None for
    regression.
    """

    feature_names: tuple[str, ...] = ()
    example_shape: tuple[int, ...] = ()
    target_names: tuple[str, ...] = ()
    target_shape: tuple[int, ...] = ()
    class_names: tuple[str, ...] | None = None

    @property
    def task(self) -> Task | None:
        """``"classification"``, ``"regression"``, or None if there is no target."""
        if self.class_names is not None:
            return "classification"
        return "regression" if self.target_names else None


@final
@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples ``x`` and, if known, their targets ``y``; both may be memory-mapped.

    Shapes:
        x: (N, ...), one row an example
        y: (N,) class indices, (N,) or (N, m) numbers, or None

    Dtype: ``x`` any real type as stored; ``y`` int64 for classes, floating otherwise.

    Attributes:
        feature_names: one name a column, or empty.
        target_names: one name a target.
        class_names: names in the order of the class indices; None if the targets are numbers.
        name: where the data come from, for messages.
        test: a test part that came with the data, or None.

    Raises:
        ShapeError: lengths or names that do not fit together.
        DataError: class indices that are not int64 or out of range.
    """

    x: Examples
    y: Any = None
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    name: str = "data"
    test: "Dataset | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_examples(self)
        if self.y is not None:
            _check_targets(self)
        if self.class_names is not None:
            _check_classes(self)

    def __len__(self) -> int:
        return self.x.shape[0]

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x.shape[1:])

    @property
    def schema(self) -> Schema:
        """The names and shapes that a model trained on these data expects."""
        names = self.target_names or (("y",) if self.y is not None else ())
        shape = () if self.y is None else tuple(self.y.shape[1:])
        return Schema(self.feature_names, self.example_shape, names, shape, self.class_names)

    @property
    def task(self) -> Task | None:
        """``"classification"``, ``"regression"``, or None if there is no target."""
        return self.schema.task

    def rows(self, index: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return the examples and targets that a slice or an array of row numbers picks, as arrays."""
        return np.asarray(self.x[index]), None if self.y is None else np.asarray(self.y[index])

    def take(self, indices: Any) -> "Dataset":
        """Return the data set of the given rows; rows of a memory map stay on the disk.

        Raises:
            ShapeError: row numbers that are not a vector of integers within range.
        """
        chosen = _checked_indices(indices, len(self))
        return Dataset(
            _pick(self.x, chosen),
            None if self.y is None else _pick(self.y, chosen),
            self.feature_names,
            self.target_names,
            self.class_names,
            self.name,
        )

    def batches(
        self, size: int, *, order: NDArray[np.int64] | None = None
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any] | None]]:
        """Yield ``(x, y)`` arrays of at most ``size`` rows, in the stored order or the given one.

        Raises:
            ShapeError: ``size`` below 1, or ``order`` with row numbers out of range.
        """
        if size < 1:
            raise ShapeError(f"{self.name}: batch size {size}, expected at least 1")
        chosen = None if order is None else _checked_indices(order, len(self))
        total = len(self) if chosen is None else len(chosen)
        for start in range(0, total, size):
            part = slice(start, min(start + size, total))
            yield self.rows(part if chosen is None else chosen[part])


def blocks(x: Examples) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield ``(first row, rows)`` through ``x`` once, a few MiB at a time."""
    per_row = max(1, int(np.prod(x.shape[1:], dtype=np.int64)))
    step = max(1, BLOCK_ELEMENTS // per_row)
    for start in range(0, x.shape[0], step):
        yield start, np.asarray(x[start : start + step])


def _check_examples(data: Dataset) -> None:
    if len(data.x.shape) < 2:
        raise ShapeError(f"{data.name}: x has shape {tuple(data.x.shape)}, expected (rows, features ...)")
    if 0 in data.x.shape:
        raise DataError(f"{data.name}: x has shape {tuple(data.x.shape)}, expected at least one row and one feature")
    if data.feature_names and data.example_shape != (len(data.feature_names),):
        raise ShapeError(
            f"{data.name}: {len(data.feature_names)} feature names for examples of shape {data.example_shape}"
        )


def _check_targets(data: Dataset) -> None:
    if data.y.shape[:1] != data.x.shape[:1]:
        raise ShapeError(f"{data.name}: {data.x.shape[0]} examples but {len(data.y)} targets")
    if data.class_names is None and data.y.dtype.kind != "f":
        raise DataError(f"{data.name}: targets have dtype {data.y.dtype}, expected floating, or class_names with int64")


def _check_classes(data: Dataset) -> None:
    names = data.class_names or ()
    if len(set(names)) != len(names) or not names:
        raise DataError(f"{data.name}: class names {names!r}, expected at least one, each once")
    if data.y is None:
        return
    if data.y.ndim != 1 or data.y.dtype != np.int64:
        raise DataError(
            f"{data.name}: class indices of dtype {data.y.dtype}, shape {data.y.shape}, expected int64 (N,)"
        )
    low, high = int(np.min(data.y)), int(np.max(data.y))
    if low < 0 or high >= len(names):
        raise DataError(f"{data.name}: class index {low if low < 0 else high}, expected 0 to {len(names) - 1}")


def _checked_indices(indices: Any, rows: int) -> NDArray[np.int64]:
    chosen = np.asarray(indices)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
        raise ShapeError(f"row numbers have dtype {chosen.dtype} and shape {chosen.shape}, expected integers (n,)")
    if len(chosen) and not (int(chosen.min()) >= 0 and int(chosen.max()) < rows):
        raise ShapeError(f"row numbers from {chosen.min()} to {chosen.max()}, expected 0 to {rows - 1}")
    return chosen.astype(np.int64)


def _pick(source: Any, indices: NDArray[np.int64]) -> Any:
    """Copy rows of an array in memory; refer to rows of anything else."""
    if isinstance(source, Rows):
        return Rows(source.source, source.indices[indices])
    return source[indices] if _in_memory(source) else Rows(source, indices)


def _in_memory(source: Any) -> bool:
    """Tell whether ``source`` is an ndarray that does not look into a mapped file, however it was sliced."""
    if not isinstance(source, np.ndarray):
        return False
    owner: Any = source
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return not isinstance(owner, mmap.mmap)
