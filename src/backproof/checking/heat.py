"""Small pictures of where a block is wrong: rows are outputs, columns entries of the argument."""

from collections.abc import Sequence
from typing import Any

import numpy as np

ROWS, COLUMNS = 12, 48
RIGHT, SHADES = "·", "░▒▓█"
Heat = tuple[tuple[float | None, ...], ...]


def heat_of(ratio: Any) -> Heat:
    """Return the decimal logarithms of errors in tolerances, the worst of every cell of a small grid.

    Shapes:
        ratio: (m, n)
    """
    if not ratio.size:
        return ()
    rows = np.array_split(ratio, min(ROWS, ratio.shape[0]), axis=0)
    cells = [[float(c.max()) for c in np.array_split(r, min(COLUMNS, ratio.shape[1]), axis=1)] for r in rows]
    return tuple(tuple(_logarithm(cell) for cell in row) for row in cells)


def _logarithm(cell: float) -> float | None:
    if not np.isfinite(cell):
        return 99.0
    return round(float(np.log10(cell)), 2) if cell > 0 else None


def shade(cell: float | None, worst: float) -> int:
    """Return 0 for a right cell, else 1 to 4 by how close its error is to the worst."""
    if cell is None or cell <= 0:
        return 0
    return 4 - min(3, int(worst - cell))


def text_map(heat: Sequence[Sequence[float | None]]) -> list[str]:
    """Return the picture as lines of text: a dot is right, a fuller block more wrong, each shade a factor of ten."""
    worst = max((cell for row in heat for cell in row if cell is not None), default=0.0)
    if worst <= 0 or (len(heat) == 1 and len(heat[0]) == 1):
        return []
    return ["".join((RIGHT + SHADES)[shade(cell, worst)] for cell in row) for row in heat]
