"""From balls to floats, rounded outwards: what is printed, compared and counted is still a bound."""

import math
from typing import Any

import flint
import numpy as np

from .ball import raw

__all__ = ["distance", "lower", "middle_and_radius", "upper"]


def _to_float(value: Any, towards: float) -> float:
    """Return an exact ball as the float on the side of ``towards``, minus or plus infinity."""
    nearest = float(value)
    if nearest == 0.0 and value.is_zero():
        return 0.0
    exact = math.isfinite(nearest) and value == flint.arb(nearest)
    return nearest if exact else math.nextafter(nearest, towards)


def _down(value: Any) -> float:
    return _to_float(value, -math.inf)


def _up(value: Any) -> float:
    return _to_float(value, math.inf)


def _ends(entry: Any) -> tuple[float, float]:
    ball = raw(entry)
    return (_down(ball.lower()), _up(ball.upper())) if ball.is_finite() else (-math.inf, math.inf)


def _distance(entry: Any, computed: Any) -> tuple[float, float]:
    """Return bounds of |entry - computed|."""
    ball, number = raw(entry), float(computed)
    if not (ball.is_finite() and math.isfinite(number)):
        return 0.0, math.inf
    error = flint.arb(number) - ball
    if error.is_zero():
        return 0.0, 0.0
    return max(0.0, _down(error.abs_lower())), _up(error.abs_upper())


def _middle_and_radius(entry: Any) -> tuple[float, float]:
    ball = raw(entry)
    return (float(ball), _up(ball.rad())) if ball.is_finite() else (math.nan, math.inf)


_each_ends, _each_distance = np.frompyfunc(_ends, 1, 2), np.frompyfunc(_distance, 2, 2)
_each_middle_and_radius = np.frompyfunc(_middle_and_radius, 1, 2)


def _floats(array: Any) -> Any:
    return np.asarray(array, dtype=np.float64)


def _plain(balls: Any) -> Any:
    return np.asarray(balls, dtype=object)


def lower(balls: Any) -> Any:
    """Return float64 numbers that no ball goes below."""
    return _floats(_each_ends(_plain(balls))[0])


def upper(balls: Any) -> Any:
    """Return float64 numbers that no ball goes above."""
    return _floats(_each_ends(_plain(balls))[1])


def middle_and_radius(balls: Any) -> tuple[Any, Any]:
    """Return the middles, rounded to the nearest float64, and float64 numbers that no radius exceeds.

    NaN and infinity stand for an unbounded ball.
    """
    middle, radius = _each_middle_and_radius(_plain(balls))
    return _floats(middle), _floats(radius)


def distance(balls: Any, computed: Any) -> tuple[Any, Any]:
    """Return float64 bounds, from below and above, of how far numbers are from every point of the balls.

    Shapes:
        balls: any
        computed: the same
    """
    with flint.ctx.workprec(64):
        least, most = _each_distance(_plain(balls), np.asarray(computed))
    return _floats(least), _floats(most)
