"""Numbers and sizes as people write them."""

from fractions import Fraction
from typing import Any

MINUS = "−"


def number(value: Any, digits: int = 4) -> str:
    """Return a number with ``digits`` significant digits: ``0.7864``, ``−3``, ``1.2e−05``, ``1/3``."""
    return _plain(value, digits).replace("-", MINUS)


def latex_number(value: Any, digits: int = 4) -> str:
    r"""Return a number for LaTeX's mathematics: ``-3``, ``1.2 \cdot 10^{-5}``, ``\frac{1}{3}``, ``\infty``."""
    if isinstance(value, Fraction) and value.denominator != 1:
        sign = "-" if value < 0 else ""
        return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    text = _plain(value, digits)
    for word in ("nan", "inf"):
        if word in text:
            return text.replace("nan", r"\mathrm{nan}").replace("inf", r"\infty")
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e and exponent.lstrip("+-").isdigit() else text


def _plain(value: Any, digits: int) -> str:
    if isinstance(value, Fraction):
        return str(value)
    try:
        plain = float(value)
    except (TypeError, ValueError):
        return str(value)  # complex steps, balls, symbols
    # Whole numbers are counts more often than measurements, and a count loses no digit.
    text = str(int(plain)) if abs(plain) < 1e12 and plain == int(plain) else f"{plain:.{digits}g}"
    return "0" if text == "-0" else text


def quantity(count: int) -> str:
    """Return a whole number with its thousands set apart."""
    return f"{count:,}"


def sizes(shape: Any) -> str:
    """Return a shape as ``3 × 4``, and ``scalar`` for that of a single number."""
    return " × ".join(f"{length:,}" for length in shape) or "scalar"
