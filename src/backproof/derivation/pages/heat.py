"""Heat maps: a matrix of any size as a small grid of bytes that the page paints."""

import base64
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np

CELLS = 112
"""Rows and columns of a grid at most; a larger matrix is drawn coarser."""

ZERO, STEPS = 128, 127
"""The byte of the number 0, and how many lie on either side of it."""


@final
@dataclass(frozen=True)
class Heat:
    """A matrix as bytes: ``ZERO + STEPS * entry / scale``, rounded.

    Attributes:
        rows, columns: of the matrix.
        height, width: of the grid, at most ``CELLS`` each.
        scale: the largest magnitude of an entry.
        data: the grid's bytes by rows, in base64.
    """

    rows: int
    columns: int
    height: int
    width: int
    scale: float
    data: str

    @property
    def reduced(self) -> bool:
        """Whether a cell stands for more than one entry."""
        return (self.height, self.width) != (self.rows, self.columns)

    def plain(self) -> dict[str, Any]:
        """Return what the page's script needs, as plain data."""
        return asdict(self)


def coarse(matrix: Any, cells: int = CELLS) -> Any:
    """Return a matrix of at most ``cells`` rows and columns, each entry the largest in magnitude of a block.

    A mean would let thin structures, such as a diagonal, fade; the largest keeps them.
    """
    high = low = matrix
    for axis, length in enumerate(matrix.shape):
        if length > cells:
            starts = np.arange(cells) * length // cells
            high, low = np.maximum.reduceat(high, starts, axis=axis), np.minimum.reduceat(low, starts, axis=axis)
    return np.where(-low > high, low, high)


def heat(grid: Any, rows: int, columns: int) -> Heat:
    """Return the heat map of a grid (height, width) that stands for a matrix of ``rows`` and ``columns``."""
    finite = np.nan_to_num(np.asarray(grid, dtype=np.float64))
    scale = float(np.abs(finite).max(initial=0.0))
    steps = finite / scale if scale > 0 else np.zeros_like(finite)
    data = base64.b64encode((ZERO + np.rint(STEPS * steps)).astype(np.uint8).tobytes()).decode()
    height, width = finite.shape
    return Heat(rows, columns, height, width, float(f"{scale:.6g}"), data)
