"""Numbers as a reader wants them: few digits, as many for all of a matrix, and a true minus sign."""

import math
from typing import Any

import numpy as np


def entry(number: float) -> str:
    """Return a single number to three significant digits, with a true minus sign."""
    if number == 0:
        return "0"
    text = f"{number:.3g}" if 1e-3 <= abs(number) < 1e5 else f"{number:.2e}"
    return _signed(text)


def entries(matrix: Any) -> tuple[int, list[list[str]]]:
    """Return the numbers of a matrix as texts, and the power of ten that they are to be multiplied by.

    All have as many decimals as give the largest three significant digits; whole numbers stay as they are. An entry
    that is exactly zero is ``0``, one that only rounds to it ``0.000``.
    """
    finite = np.abs(matrix[np.isfinite(matrix)])
    largest = float(finite.max(initial=0.0))
    size = 0 if largest == 0 else math.floor(math.log10(largest))
    whole = size < 5 and bool((finite == np.floor(finite)).all())
    power = 0 if whole or -2 <= size < 5 else size
    places = 0 if whole else max(0, 2 - size + power)

    def text(number: float) -> str:
        if number == 0 or not math.isfinite(number):
            return "0" if number == 0 else _signed(f"{number}")
        shown = f"{number / 10.0**power:.{places}f}"
        return _signed(shown if float(shown) != 0 else shown.removeprefix("-"))

    return power, [[text(float(number)) for number in line] for line in matrix]


def _signed(text: str) -> str:
    mantissa, _, power = text.partition("e")
    return (mantissa + (f"e{int(power)}" if power else "")).replace("-", "−")
