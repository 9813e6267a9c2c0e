"""Whether every line holds: both sides of every equation are evaluated and compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .expressions import Equation
from .lines import Derivation, Line
from .magnitudes import magnitude

__all__ = ["Discrepancy", "discrepancies"]


@dataclass(frozen=True)
class Discrepancy:
    """A line whose sides differ.

    Attributes:
        line: the line.
        error: the largest difference relative to the largest entry; infinite where shapes differ or NaN came.
    """

    line: Line
    error: float


def discrepancies(derivation: Derivation, tolerance: float = 1e-12) -> Iterator[Discrepancy]:
    """Yield the lines whose sides differ by more than ``tolerance``, relative to their largest entry.

    Where terms nearly cancel, the difference is relative to the largest of the terms.

    Args:
        derivation: whose lines are evaluated, at the numbers they were made for.
        tolerance: of the relative difference.
    """
    for line in derivation.lines():
        if isinstance(line.expression, Equation):
            error = _error(line.expression, line, tolerance)
            if not error <= tolerance:
                yield Discrepancy(line, error)


def _error(equation: Equation, line: Line, tolerance: float) -> float:
    sides = [np.asarray(side, float) for side in line.evaluate()]
    pairs = [_difference(sides[0], side) for side in sides[1:]]
    worst = max((_relative(*pair) for pair in pairs), default=0.0)
    if worst <= tolerance:
        return worst
    with np.errstate(all="ignore"):
        terms = max(float(np.max(magnitude(side, line.values), initial=0)) for side in equation.sides)
    return max(_relative(error, max(scale, terms)) for error, scale in pairs)


def _difference(left: Any, right: Any) -> tuple[float, float]:
    """Return the largest difference, and the largest entry."""
    if left.size == right.size == 1:
        left, right = left.reshape(()), right.reshape(())
    if left.shape != right.shape:
        return float("inf"), 1.0
    if not left.size:
        return 0.0, 0.0
    return float(np.abs(left - right).max()), max(float(np.abs(left).max()), float(np.abs(right).max()))


def _relative(error: float, scale: float) -> float:
    return error / scale if scale else error
