"""Named arrays in a table: shape, size of the numbers, and the numbers or a picture."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from .matrices import matrix_html
from .numerals import number, quantity, sizes
from .picture import heat_map
from .tables import caption, card, table

SMALL = 6
"""Rows and columns up to which an array in a table is shown as numbers."""
ROWS = 40
"""Rows of the longest table; of a longer one the beginning and the end are shown."""
_HEADINGS = ("name", "shape", "numbers", "mean", "largest", "norm", "")


def folded(rows: Iterable[Sequence[object]], limit: int = ROWS) -> list[Sequence[object]]:
    """Return the rows of a table, those in the middle replaced by one that says how many they are."""
    kept = list(rows)
    if len(kept) <= limit:
        return kept
    half = (limit - 1) // 2
    gap = [f"… {len(kept) - 2 * half:,} more …", *[""] * (len(kept[0]) - 1)]
    return [*kept[:half], gap, *kept[-half:]]


def arrays_html(title: str, details: Sequence[object], arrays: Mapping[str, Array]) -> str:
    """Return a card with a row for every array, in order."""
    names = folded([(name,) for name in arrays])
    rows = [_row(str(name), arrays[str(name)]) if name in arrays else [name, *[""] * 6] for (name,) in names]
    return card(caption(title, *details), table(_HEADINGS, rows, right=(2, 3, 4, 5), raw=(6,)))


def _row(name: str, array: Array) -> list[str]:
    numbers = to_numpy(array)
    return [name, sizes(numbers.shape), quantity(numbers.size), *_measures(numbers), _look(name, numbers)]


def _measures(numbers: Any) -> list[str]:
    """Return the mean, the largest size and the norm, empty for what is no plain number."""
    if numbers.dtype.kind not in "fiub" or not numbers.size:
        return ["", "", ""]
    plain = numbers.astype(np.float64)
    with np.errstate(all="ignore"):
        measures = (plain.mean(), np.abs(plain).max(), np.sqrt((plain**2).sum()))
    return [number(value, 3) for value in measures]


def _look(name: str, numbers: Any) -> str:
    if not numbers.size:
        return ""
    matrix = numbers.reshape(numbers.shape[0], -1) if numbers.ndim > 1 else numbers.reshape(1, -1)
    if max(matrix.shape) <= SMALL:
        return matrix_html(matrix)
    if matrix.dtype.kind not in "fiub":
        return ""
    # A row of two thousand entries in a table is a strip; a tall column lies down.
    lying = matrix.T if matrix.shape[0] > 4 * matrix.shape[1] else matrix
    return heat_map(lying, f"{name}, {sizes(numbers.shape)}", cells=32, extent=96)
