"""Targets: classes with their names kept, or numbers."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from backproof.data.dataset import Task, blocks
from backproof.data.names import listed, nearest
from backproof.errors import DataError, NonFiniteError, OptionError

TaskChoice = Literal["auto", "classification", "regression"]

FEW = 20
"""Whole numbers with at most this many distinct values are taken for classes."""

Where = Callable[[int], str]


def choose_task(values: NDArray[Any], task: TaskChoice) -> Task:
    """Return the task for raw targets.

    ``auto``: text, booleans, and whole numbers with at most 20 distinct values, or which are exactly
    0 to K-1 with ten rows a value, are classes; everything else is regression.

    Raises:
        OptionError: ``task`` is none of auto, classification, regression.
    """
    if task not in ("auto", "classification", "regression"):
        raise OptionError(f"task {task!r}, expected 'auto', 'classification' or 'regression'")
    if task != "auto":
        return task
    if values.dtype.kind in "USb":
        return "classification"
    if values.dtype.kind not in "iu" or values.ndim > 1:
        return "regression"
    distinct = np.unique(values)
    ranks = np.array_equal(distinct, np.arange(len(distinct))) and 10 * len(distinct) <= len(values)
    return "classification" if len(distinct) <= FEW or ranks else "regression"


def encode_classes(values: NDArray[Any], where: Where) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return class indices and class names; numbers are ordered as numbers, text alphabetically.

    Raises:
        DataError: targets that are not one value a row, or all the same.
        NonFiniteError: a target that is NaN or infinite.
    """
    if values.ndim != 1:
        raise DataError(f"{where(0)}: {values.shape[1:]} values a row, expected one class a row (an index or a name)")
    _check_finite(values, where)
    distinct, indices = np.unique(values, return_inverse=True)
    names = class_texts(distinct)
    if len(names) < 2:
        raise DataError(f"{where(0)}: every row is of the class {names[0]!r}; two classes at least are needed")
    return indices.astype(np.int64), tuple(names)


def encode_known(values: NDArray[Any], names: tuple[str, ...], where: Where) -> NDArray[np.int64]:
    """Return the indices of targets whose class names are known from training.

    Raises:
        DataError: a class that the model does not know, with its row.
    """
    if values.ndim != 1:
        raise DataError(f"{where(0)}: {values.shape[1:]} values a row, expected one class a row")
    _check_finite(values, where)
    distinct, inverse = np.unique(values, return_inverse=True)
    places = {name: place for place, name in enumerate(names)}
    found = np.array([places.get(text, -1) for text in class_texts(distinct)])
    indices = found[inverse]
    if (found < 0).any():
        row = int(np.argmin(indices))
        text = class_texts(values[row : row + 1])[0]
        raise DataError(f"{where(row)}: unknown class {text!r}.{nearest(text, names)} Classes: {listed(names)}")
    return indices.astype(np.int64)


def encode_numbers(values: Any, where: Where) -> Any:
    """Return regression targets as floating numbers; floating arrays are kept as they are, mapped or not.

    Raises:
        DataError: targets that are not numbers.
        NonFiniteError: a target that is NaN or infinite.
    """
    if values.dtype.kind not in "buif":
        raise DataError(f"{where(0)}: targets are text such as {str(values[0])!r}, expected numbers for regression")
    numbers = values if values.dtype.kind == "f" else np.asarray(values, dtype=np.float64)
    _check_finite(numbers, where)
    return numbers


def class_texts(distinct: NDArray[Any]) -> list[str]:
    """Return the names of class values; a whole number has no decimal point, whatever its type."""
    if distinct.dtype.kind == "f":
        return [str(int(value)) if value.is_integer() else repr(value) for value in distinct.tolist()]
    if distinct.dtype.kind == "S":
        return [value.decode("utf-8", "replace") for value in distinct.tolist()]
    return [str(value) for value in distinct.tolist()]


def _check_finite(values: Any, where: Where) -> None:
    if values.dtype.kind != "f":
        return
    for start, block in blocks(values):
        finite = np.isfinite(block).reshape(len(block), -1).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            raise NonFiniteError(
                f"{where(start + row)}: the target is {block[row]}, expected a number; mend or drop the row"
            )
