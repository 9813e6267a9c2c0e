"""Numbers as a reader wants them: few digits, as many for all of a matrix, and a true minus sign."""

from typing import Any

from ..digits import shared


def entry(number: float) -> str:
    """Return a single number to three significant digits, with a true minus sign."""
    if number == 0:
        return "0"
    text = f"{number:.3g}" if 1e-3 <= abs(number) < 1e5 else f"{number:.2e}"
    return _signed(text)


def entries(matrix: Any) -> tuple[int, list[list[str]]]:
    """Return the numbers of a matrix as texts, and the power of ten that they are to be multiplied by."""
    power, texts = shared(matrix)
    return power, [[_signed(text) for text in line] for line in texts]


def _signed(text: str) -> str:
    mantissa, _, power = text.partition("e")
    return (mantissa + (f"e{int(power)}" if power else "")).replace("-", "−")
