"""Functions applied to every entry: one formula for the value, one for the derivative.

    y_i = sigma(x_i),    A = diag(sigma'(x))

At a kink there is no derivative; like PyTorch, each function takes the value that its docstring names.
``derivative`` receives y as well, since many derivatives are cheapest in terms of it.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass, fields

from ..arrays import Array, flatten, namespace
from ..functions import (
    choose,
    indicator,
    magnitude,
    negative_part,
    normal_cdf,
    normal_density,
    positive_part,
    sigmoid,
    softplus,
)  # fmt: skip
from ..operators import Diagonal, Operator
from ..options import settle_number
from .base import Layer, Theta

__all__ = [
    "CELU", "ELU", "GELU", "SELU", "Elementwise", "LeakyReLU", "LogSigmoid", "Mish", "ReLU", "SiLU", "Sigmoid",
    "Sine", "Softplus", "Softsign", "Tanh", "Tanhshrink",
]  # fmt: skip

_GELU_SCALE, _GELU_CUBIC = math.sqrt(2.0 / math.pi), 0.044715
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


class Elementwise(Layer):
    r"""A function of one number, applied to every entry.

    A subclass gives ``function(x)`` and ``derivative(x, y)`` with y = function(x), both elementwise.

    Math:
        A = diag(derivative(x, y)),   no parameters

    Shapes:
        x: (batch, \*any)
        y: (batch, \*any)
        A: (n, n), one per example

    Source: docs/mathematics.md, "Layers", elementwise.
    """

    def __post_init__(self) -> None:
        settle_number(self, *(field.name for field in fields(self) if field.type is float))

    @abstractmethod
    def function(self, x: Array) -> Array:
        """Return sigma(x), entry by entry."""

    @abstractmethod
    def derivative(self, x: Array, y: Array) -> Array:
        """Return sigma'(x), entry by entry; ``y`` is sigma(x)."""

    def value(self, theta: Theta, x: Array) -> Array:
        """Return sigma(x)."""
        return self.function(x)

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return diag(sigma'(x)) and no parameter blocks."""
        return Diagonal(flatten(self.derivative(x, y))), {}


class ReLU(Elementwise):
    """``y = max(x, 0)``; the derivative at the kink 0 is taken as 0."""

    def function(self, x: Array) -> Array:
        """Return max(x, 0)."""
        return positive_part(x)

    def kinks(self, x: Array) -> Array:
        """Return where x is 0."""
        return x == 0

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 where x > 0, else 0."""
        return indicator(x > 0, x)


@dataclass(frozen=True, repr=False)
class LeakyReLU(Elementwise):
    """``y = x`` for x > 0, ``slope * x`` otherwise; the derivative at the kink 0 is the slope."""

    slope: float = 0.01

    def function(self, x: Array) -> Array:
        """Return x or slope * x."""
        return choose(x > 0, x, self.slope * x)

    def kinks(self, x: Array) -> Array | None:
        """Return where x is 0; with slope 1 there is a derivative there too."""
        return None if self.slope == 1 else x == 0

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 or the slope."""
        return choose(x > 0, 1.0, self.slope, x)


@dataclass(frozen=True, repr=False)
class ELU(Elementwise):
    """``y = x`` for x > 0, ``alpha (exp(x) - 1)`` otherwise; the derivative at 0 is alpha."""

    alpha: float = 1.0

    def function(self, x: Array) -> Array:
        """Return x or alpha (exp(x) - 1)."""
        return choose(x > 0, x, self.alpha * namespace(x).expm1(negative_part(x)))

    def kinks(self, x: Array) -> Array | None:
        """Return where x is 0; with alpha = 1 there is a derivative there too."""
        return None if self.alpha == 1 else x == 0

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 or alpha exp(x)."""
        return choose(x > 0, 1.0, self.alpha * namespace(x).exp(negative_part(x)), x)


class SELU(Elementwise):
    """ELU with alpha = 1.6733 scaled by 1.0507; the derivative at 0 is scale times alpha."""

    def function(self, x: Array) -> Array:
        """Return scale x or scale alpha (exp(x) - 1)."""
        return _SELU_SCALE * choose(x > 0, x, _SELU_ALPHA * namespace(x).expm1(negative_part(x)))

    def kinks(self, x: Array) -> Array:
        """Return where x is 0."""
        return x == 0

    def derivative(self, x: Array, y: Array) -> Array:
        """Return scale or scale alpha exp(x)."""
        return _SELU_SCALE * choose(x > 0, 1.0, _SELU_ALPHA * namespace(x).exp(negative_part(x)), x)


@dataclass(frozen=True, repr=False)
class CELU(Elementwise):
    """``y = x`` for x > 0, ``alpha (exp(x / alpha) - 1)`` otherwise: differentiable at 0, with derivative 1."""

    alpha: float = 1.0

    def __post_init__(self) -> None:
        settle_number(self, "alpha", above=0)

    def function(self, x: Array) -> Array:
        """Return x or alpha (exp(x / alpha) - 1)."""
        return choose(x > 0, x, self.alpha * namespace(x).expm1(negative_part(x) / self.alpha))

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 or exp(x / alpha)."""
        return namespace(x).exp(negative_part(x) / self.alpha)


@dataclass(frozen=True, repr=False)
class GELU(Elementwise):
    """``y = x Phi(x)`` with Phi the normal distribution function; ``tanh=True`` uses its tanh approximation."""

    tanh: bool = False

    def function(self, x: Array) -> Array:
        """Return x Phi(x), or x/2 (1 + tanh(c (x + k x^3)))."""
        return 0.5 * x * (1 + self._inner(x)) if self.tanh else x * normal_cdf(x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return Phi(x) + x Phi'(x), or the derivative of the approximation."""
        if not self.tanh:
            return normal_cdf(x) + x * normal_density(x)
        t = self._inner(x)
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (_GELU_SCALE * (1 + 3 * (_GELU_CUBIC * x * x)))

    @staticmethod
    def _inner(x: Array) -> Array:
        return namespace(x).tanh(_GELU_SCALE * (x + _GELU_CUBIC * x * x * x))


class SiLU(Elementwise):
    """``y = x s(x)`` with the sigmoid s, also called swish."""

    def function(self, x: Array) -> Array:
        """Return x s(x)."""
        return x * sigmoid(x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return s + x s (1 - s)."""
        s = sigmoid(x)
        return s * (1 + x * (1 - s))


class Mish(Elementwise):
    """``y = x tanh(softplus(x))``."""

    def function(self, x: Array) -> Array:
        """Return x tanh(softplus(x))."""
        return x * namespace(x).tanh(softplus(x))

    def derivative(self, x: Array, y: Array) -> Array:
        """Return t + x (1 - t^2) s with t = tanh(softplus(x)) and the sigmoid s."""
        t = namespace(x).tanh(softplus(x))
        return t + x * (1 - t * t) * sigmoid(x)


@dataclass(frozen=True, repr=False)
class Softplus(Elementwise):
    """``y = log(1 + exp(beta x)) / beta``, exactly; PyTorch replaces it by x where beta x > 20."""

    beta: float = 1.0

    def __post_init__(self) -> None:
        settle_number(self, "beta", above=0)

    def function(self, x: Array) -> Array:
        """Return softplus(beta x) / beta."""
        return softplus(self.beta * x) / self.beta

    def derivative(self, x: Array, y: Array) -> Array:
        """Return the sigmoid of beta x."""
        return sigmoid(self.beta * x)


class Softsign(Elementwise):
    """``y = x / (1 + |x|)``."""

    def function(self, x: Array) -> Array:
        """Return x / (1 + |x|)."""
        return x / (1 + magnitude(x))

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 / (1 + |x|)^2."""
        d = 1 + magnitude(x)
        return 1 / (d * d)


class Sigmoid(Elementwise):
    """``y = 1 / (1 + exp(-x))``."""

    def function(self, x: Array) -> Array:
        """Return the sigmoid of x."""
        return sigmoid(x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return y (1 - y)."""
        return y * (1 - y)


class LogSigmoid(Elementwise):
    """``y = log(1 / (1 + exp(-x)))``."""

    def function(self, x: Array) -> Array:
        """Return -softplus(-x)."""
        return -softplus(-x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return the sigmoid of -x."""
        return sigmoid(-x)


class Tanh(Elementwise):
    """``y = tanh(x)``."""

    def function(self, x: Array) -> Array:
        """Return tanh(x)."""
        return namespace(x).tanh(x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 - y^2."""
        return 1 - y * y


class Tanhshrink(Elementwise):
    """``y = x - tanh(x)``."""

    def function(self, x: Array) -> Array:
        """Return x - tanh(x)."""
        return x - namespace(x).tanh(x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return tanh(x)^2."""
        t = namespace(x).tanh(x)
        return t * t


@dataclass(frozen=True, repr=False)
class Sine(Elementwise):
    """``y = sin(frequency x)``."""

    frequency: float = 1.0

    def function(self, x: Array) -> Array:
        """Return sin(frequency x)."""
        return namespace(x).sin(self.frequency * x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return frequency cos(frequency x)."""
        return self.frequency * namespace(x).cos(self.frequency * x)
