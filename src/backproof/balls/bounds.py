"""From balls to floats, rounded outwards: what is printed, compared and counted is still a bound."""

import math
from typing import Any

import flint
import numpy as np

from .ball import raw

__all__ = ["distance", "lower", "middle", "radius", "upper"]


def _to_float(value: Any, towards: float) -> float:
    """Return an exact ball as the float on the side of ``towards``, minus or plus infinity."""
    if not value.is_finite():
        return towards
    nearest = float(value)
    return nearest if math.isfinite(nearest) and flint.arb(nearest) == value else float(np.nextafter(nearest, towards))


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
    return max(0.0, _down(error.abs_lower())), _up(error.abs_upper())


def _radius(entry: Any) -> float:
    ball = raw(entry)
    return _up(ball.rad()) if ball.is_finite() else math.inf


def _middle(entry: Any) -> float:
    ball = raw(entry)
    return float(ball.mid()) if ball.is_finite() else math.nan


_each_ends, _each_distance = np.frompyfunc(_ends, 1, 2), np.frompyfunc(_distance, 2, 2)
_each_radius, _each_middle = np.frompyfunc(_radius, 1, 1), np.frompyfunc(_middle, 1, 1)


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


def middle(balls: Any) -> Any:
    """Return the middles, rounded to the nearest float64; NaN for an unbounded ball."""
    return _floats(_each_middle(_plain(balls)))


def radius(balls: Any) -> Any:
    """Return float64 numbers that no radius exceeds; infinity for an unbounded ball."""
    return _floats(_each_radius(_plain(balls)))


def distance(balls: Any, computed: Any) -> tuple[Any, Any]:
    """Return float64 bounds, from below and above, of how far numbers are from every point of the balls.

    Shapes:
        balls: any
        computed: the same
    """
    with flint.ctx.workprec(64):
        least, most = _each_distance(_plain(balls), np.asarray(computed))
    return _floats(least), _floats(most)
