"""The digits of a matrix of numbers: as many decimals for all entries, and one power of ten for the whole."""

import math
from typing import Any

import numpy as np

__all__ = ["shared"]


def shared(matrix: Any) -> tuple[int, list[list[str]]]:
    """Return the numbers of a matrix as Python writes them, and the power of ten that they are to be multiplied by.

    All have as many decimals as give the largest three significant digits; whole numbers stay as they are. Only an
    entry that is exactly zero looks like it: one that would round to zero has one digit of its own, as ``0.0004`` or
    ``4e-09``.
    """
    finite = np.abs(matrix[np.isfinite(matrix)])
    largest = float(finite.max(initial=0.0))
    size = 0 if largest == 0 else math.floor(math.log10(largest))
    whole = size < 5 and bool((finite == np.floor(finite)).all())
    power = 0 if whole or -2 <= size < 5 else size
    places = 0 if whole else max(0, 2 - size + power)

    def text(number: float) -> str:
        if number == 0 or not math.isfinite(number):
            return "0" if number == 0 else f"{number}"
        # In two steps: the power itself may be too small or too large for a float.
        scaled = number / 10.0 ** (power // 2) / 10.0 ** (power - power // 2)
        shown = f"{scaled:.{places}f}"
        return shown if float(shown) != 0 else f"{scaled:.1g}"

    return power, [[text(float(number)) for number in line] for line in matrix]
