"""Whether every line holds: both sides of every equation are evaluated and compared."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .expressions import Equation, Numbers, Times
from .lines import Derivation, Line
from .magnitudes import magnitude

__all__ = ["Discrepancy", "discrepancies"]


LARGEST = 2**22
"""The most entries of a matrix that is compared entry by entry; of a larger one a random row times it is."""


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
    if math.prod(line.shape or ()) > LARGEST:
        equation = _probed(equation, line.shape or ())
        line = replace(line, expression=equation)
    sides = [np.asarray(side, float) for side in line.evaluate()]
    pairs = [_difference(sides[0], side) for side in sides[1:]]
    worst = max((_relative(*pair) for pair in pairs), default=0.0)
    if worst <= tolerance:
        return worst
    with np.errstate(all="ignore"):
        terms = max(float(np.max(magnitude(side, line.values), initial=0)) for side in equation.sides)
    return max(_relative(error, max(scale, terms)) for error, scale in pairs)


def _probed(equation: Equation, shape: tuple[int, ...]) -> Equation:
    """Return a random row times every side, so that no large matrix is made dense."""
    row = Numbers(np.random.default_rng(0).standard_normal((1, shape[0])))
    return Equation(tuple(Times((row, side)) for side in equation.sides))


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
