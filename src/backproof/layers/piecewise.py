"""Elementwise functions made of straight pieces (and one parabola): clipping and shrinking.

Every value formula asks for the constant pieces first, so that NaN, for which no comparison holds, passes through.
"""

from dataclasses import dataclass

from ..arrays import Array
from ..errors import OptionError
from ..functions import choose, indicator, magnitude
from ..options import settle_number
from .elementwise import Elementwise

__all__ = ["Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "ReLU6", "Softshrink", "Threshold"]


@dataclass(frozen=True, repr=False)
class Hardtanh(Elementwise):
    """``y`` is x clipped to [low, high]; the derivative at the kinks is taken as 0."""

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise OptionError(f"Hardtanh: low={self.low} and high={self.high}, expected low < high.")

    def function(self, x: Array) -> Array:
        """Return x clipped to [low, high]."""
        return choose(x < self.low, self.low, choose(x > self.high, self.high, x, x), x)

    def kinks(self, x: Array) -> Array:
        """Return where x is low or high."""
        return (x == self.low) | (x == self.high)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 strictly between low and high, else 0."""
        return indicator((x > self.low) & (x < self.high), x)


class ReLU6(Elementwise):
    """``y = min(max(x, 0), 6)``; the derivative at the kinks is taken as 0."""

    def function(self, x: Array) -> Array:
        """Return x clipped to [0, 6]."""
        return choose(x < 0, 0.0, choose(x > 6, 6.0, x, x), x)

    def kinks(self, x: Array) -> Array:
        """Return where x is 0 or 6."""
        return (x == 0) | (x == 6)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 strictly between 0 and 6, else 0."""
        return indicator((x > 0) & (x < 6), x)


class Hardsigmoid(Elementwise):
    """``y`` is x/6 + 1/2 clipped to [0, 1]; the derivative at the kinks is taken as 0."""

    def function(self, x: Array) -> Array:
        """Return x/6 + 1/2 clipped to [0, 1]."""
        return choose(x <= -3, 0.0, choose(x >= 3, 1.0, (x + 3) / 6, x), x)

    def kinks(self, x: Array) -> Array:
        """Return where x is -3 or 3."""
        return (x == -3) | (x == 3)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1/6 strictly between -3 and 3, else 0."""
        return indicator((x > -3) & (x < 3), x) / 6


class Hardswish(Elementwise):
    """``y = x min(max(x + 3, 0), 6) / 6``; the derivative is 0 at the kink -3 and 1 at the kink 3."""

    def function(self, x: Array) -> Array:
        """Return 0 below -3, x above 3, and x (x + 3) / 6 between."""
        return choose(x <= -3, 0.0, choose(x >= 3, x, x * ((x + 3) / 6), x), x)

    def kinks(self, x: Array) -> Array:
        """Return where x is -3 or 3."""
        return (x == -3) | (x == 3)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 0 up to -3, 1 from 3 on, and x/3 + 1/2 between."""
        return choose(x <= -3, 0.0, choose(x >= 3, 1.0, x / 3 + 0.5, x), x)


@dataclass(frozen=True, repr=False)
class Softshrink(Elementwise):
    """``y`` is x moved towards 0 by ``width``, and 0 within [-width, width]; the derivative at the kinks is 0."""

    width: float = 0.5

    def __post_init__(self) -> None:
        settle_number(self, "width", low=0)

    def function(self, x: Array) -> Array:
        """Return x - width, x + width, or 0 between."""
        return choose(magnitude(x) <= self.width, 0.0, choose(x > 0, x - self.width, x + self.width), x)

    def kinks(self, x: Array) -> Array:
        """Return where |x| is the width."""
        return magnitude(x) == self.width

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 outside [-width, width], else 0."""
        return indicator(magnitude(x) > self.width, x)


@dataclass(frozen=True, repr=False)
class Hardshrink(Elementwise):
    """``y = x`` outside [-width, width] and 0 within; the derivative at the jumps is taken as 0."""

    width: float = 0.5

    def __post_init__(self) -> None:
        settle_number(self, "width", low=0)

    def function(self, x: Array) -> Array:
        """Return x outside [-width, width], else 0."""
        return choose(magnitude(x) <= self.width, 0.0, x, x)

    def kinks(self, x: Array) -> Array:
        """Return where |x| is the width."""
        return magnitude(x) == self.width

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 outside [-width, width], else 0."""
        return indicator(magnitude(x) > self.width, x)


@dataclass(frozen=True, repr=False)
class Threshold(Elementwise):
    """``y = x`` above ``threshold``, ``replacement`` otherwise; the derivative at the jump is taken as 0."""

    threshold: float = 0.0
    replacement: float = 0.0

    def function(self, x: Array) -> Array:
        """Return x above the threshold, else the replacement."""
        return choose(x <= self.threshold, self.replacement, x, x)

    def kinks(self, x: Array) -> Array:
        """Return where x is the threshold."""
        return x == self.threshold

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 above the threshold, else 0."""
        return indicator(x > self.threshold, x)
