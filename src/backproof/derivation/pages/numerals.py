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


def entries(matrix: Any) -> list[list[str]]:
    """Return the numbers of a matrix, all to as many decimals as give the largest three significant digits."""
    finite = np.abs(matrix[np.isfinite(matrix)])
    largest = float(finite.max(initial=0.0))
    power = 0 if largest == 0 else math.floor(math.log10(largest))
    places = max(0, 2 - power) if -3 <= power < 6 else -1

    def text(number: float) -> str:
        if number == 0 or (number == int(number) and largest < 1e5 and not (matrix % 1).any()):
            return _signed(str(int(number)))
        if places < 0:
            return entry(number)
        return _signed(f"{number:.{places}f}") if abs(number) >= 0.5 * 10.0**-places else _signed(f"{number:.0e}")

    return [[text(float(number)) if math.isfinite(number) else str(number) for number in line] for line in matrix]


def _signed(text: str) -> str:
    mantissa, _, power = text.partition("e")
    return (mantissa + (f"e{int(power)}" if power else "")).replace("-", "−")
