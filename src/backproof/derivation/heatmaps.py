r"""A matrix as a picture that needs nothing but rules and colours, so that any LaTeX draws it."""

import itertools
from typing import Any

import numpy as np

__all__ = ["LEVELS", "heat_map"]

LEVELS = 6
"""Shades of each colour; below half a shade a cell is left empty."""
_WIDTH, _HEIGHT = 60.0, 28.0
"""Millimetres at most."""


def heat_map(matrix: Any) -> str:
    r"""Return the picture: rows of ``\bpp`` (positive), ``\bpn`` (negative) and ``\bpz`` (zero) cells.

    Neighbours of one shade are one rule: ``\bpp{shade}{how many}``.

    Args:
        matrix: (m, n) numbers, not many more than 40 a side.
    """
    shown = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
    m, n = shown.shape
    side = min(4.0, _WIDTH / n, _HEIGHT / m)
    rows = "\\bpnl\n".join(_row(shades) for shades in _shades(shown).tolist())
    return f"\\bpheat{{{side:.3f}mm}}{{%\n{rows}\\bpnl\n}}"


def _shades(matrix: Any) -> Any:
    """Return -LEVELS .. LEVELS for every entry; the square root lets small entries be seen beside large ones."""
    finite = np.where(np.isfinite(matrix), matrix, 0.0)
    strength = np.sqrt(np.abs(finite) / (np.abs(finite).max(initial=0.0) or 1.0))
    return (np.sign(finite) * np.rint(LEVELS * strength)).astype(int)


def _row(shades: list[int]) -> str:
    runs = [(shade, len(list(same))) for shade, same in itertools.groupby(shades)]
    return "".join(rf"\bpz{{{k}}}" if not s else rf"\bp{'p' if s > 0 else 'n'}{{{abs(s)}}}{{{k}}}" for s, k in runs)
