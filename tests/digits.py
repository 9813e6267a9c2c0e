"""Numbers of many digits (mpmath) as entries of object arrays, and derivatives by differences of them.

The functions differentiated are the library's own forward formulas; the derivative is not: central differences with a
step of 1e-30 in 120 digits, so that truncation (1e-60 of the third derivative) and cancellation (1e-90) are far below
the fifty digits that are asked for.
"""

import operator
from collections.abc import Iterable
from typing import Any

import mpmath
import numpy as np

import backproof as bp

DIGITS, STEP = 120, mpmath.mpf(10) ** -30
CONTEXT = mpmath.mp.clone()
CONTEXT.dps = DIGITS


class Digits:
    """A number of 120 digits with the methods that NumPy asks of the entries of object arrays."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value.value if isinstance(value, Digits) else CONTEXT.mpf(value)

    @staticmethod
    def pi() -> "Digits":
        return Digits(+CONTEXT.pi)

    def __neg__(self) -> "Digits":
        return Digits(-self.value)

    def __abs__(self) -> "Digits":
        return Digits(abs(self.value))

    def __repr__(self) -> str:
        return CONTEXT.nstr(self.value, 20)


def _install() -> None:
    for name in ("add", "sub", "mul", "truediv"):
        compute = getattr(operator, name)

        def forward(self: Digits, other: Any, compute: Any = compute) -> Any:
            if isinstance(other, np.ndarray):
                return NotImplemented
            return Digits(compute(self.value, Digits(other).value))

        def backward(self: Digits, other: Any, compute: Any = compute) -> Any:
            return Digits(compute(Digits(other).value, self.value))

        setattr(Digits, f"__{name}__", forward)
        setattr(Digits, f"__r{name}__", backward)
    for name in ("gt", "ge", "lt", "le", "eq", "ne"):
        compute = getattr(operator, name)
        setattr(Digits, f"__{name}__", lambda self, other, compute=compute: compute(self.value, Digits(other).value))
    for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "erfc"):
        setattr(Digits, name, lambda self, name=name: Digits(getattr(CONTEXT, name)(self.value)))


_install()
digits = np.frompyfunc(lambda value: Digits(value.item() if hasattr(value, "item") else value), 1, 1)


def loss_at(net: bp.Network, theta: bp.Parameters, x: Any, y: Any, loss: Any) -> Any:
    """Return the loss at (theta, x) in 120 digits."""
    value = loss.value(net.forward(theta, x), y)
    return value.value


def differences(
    net: bp.Network, theta: bp.Parameters, x: Any, y: Any, loss: Any, entries: Iterable[int], inputs: Iterable[int]
) -> tuple[list[Any], list[Any]]:
    """Return the loss's derivatives in some entries of theta's vector and some of the flattened x, to fifty digits."""
    vector, x = digits(theta.vector), digits(x)
    y = y if y.dtype.kind in "iu" else digits(y)

    def moved(array: Any, j: int, side: int) -> Any:
        array = array.copy()
        array.flat[j] = Digits(array.flat[j].value + side * STEP)
        return array

    def in_theta(j: int) -> Any:
        ends = [loss_at(net, theta.with_vector(moved(vector, j, side)), x, y, loss) for side in (1, -1)]
        return (ends[0] - ends[1]) / (2 * STEP)

    def in_x(j: int) -> Any:
        ends = [loss_at(net, theta.with_vector(vector), moved(x, j, side), y, loss) for side in (1, -1)]
        return (ends[0] - ends[1]) / (2 * STEP)

    return [in_theta(j) for j in entries], [in_x(j) for j in inputs]
