"""Every elementwise function as an expression, and its derivative as one."""

import math
from collections.abc import Callable
from fractions import Fraction as Ratio
from typing import Any

from ...layers import LAYERS
from ..differentials import minus
from ..expressions import Apply, Cases, Compare, Expression, Hadamard, Negative, Number, Plus, Power
from .writing import hadamard, over, plus

__all__ = ["ACTIVATIONS", "CANCELLING"]

Formula = Callable[[Any, Expression], Expression]
Slope = Callable[[Any, Expression, Expression], Expression]

_SCALE, _ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
_ROOT, _CUBIC = math.sqrt(2.0 / math.pi), 0.044715
ZERO, ONE = Number(0), Number(1)


def _above(x: Expression, limit: float, then: Expression, otherwise: Expression) -> Cases:
    return Cases(((Compare(x, ">", Number(limit)), then),), otherwise)


def _steps(x: Expression, low: float, high: float, parts: tuple[Expression, Expression, Expression]) -> Cases:
    """Return one expression below ``low``, one above ``high``, and one between."""
    return Cases(((Compare(x, "<=", Number(low)), parts[0]), (Compare(x, ">=", Number(high)), parts[2])), parts[1])


def _within(x: Expression, width: float, then: Expression, otherwise: Expression) -> Cases:
    return Cases(((Compare(Apply("abs", x), "<=", Number(width)), then),), otherwise)


def _scaled(factor: Any, x: Expression) -> Expression:
    return x if factor == 1 else hadamard(Number(factor), x)


def _divided(x: Expression, divisor: Any) -> Expression:
    return x if divisor == 1 else over(x, Number(divisor))


def _elu(alpha: float, x: Expression) -> Cases:
    return _above(x, 0, x, _scaled(alpha, Apply("expm1", x)))


def _gelu_inner(x: Expression) -> Expression:
    return Apply("tanh", Hadamard((Number(_ROOT), plus(x, Hadamard((Number(_CUBIC), Power(x, 3)))))))


def _gelu(layer: Any, x: Expression) -> Expression:
    if not layer.tanh:
        return Hadamard((x, Apply("Phi", x)))
    return Hadamard((Number(Ratio(1, 2)), x, plus(ONE, _gelu_inner(x))))


def _gelu_slope(layer: Any, x: Expression, y: Expression) -> Expression:
    if not layer.tanh:
        return plus(Apply("Phi", x), Hadamard((x, Apply("phi", x))))
    half, u = Number(Ratio(1, 2)), _gelu_inner(x)
    inside = Hadamard((Number(_ROOT), plus(ONE, Hadamard((Number(3 * _CUBIC), Power(x, 2))))))
    return plus(Hadamard((half, plus(ONE, u))), Hadamard((half, x, minus(ONE, Power(u, 2)), inside)))


def _silu_slope(layer: Any, x: Expression, y: Expression) -> Expression:
    s = Apply("sigmoid", x)
    return Hadamard((s, plus(ONE, Hadamard((x, minus(ONE, s))))))


def _mish_slope(layer: Any, x: Expression, y: Expression) -> Expression:
    u = Apply("tanh", Apply("softplus", x))
    return plus(u, Hadamard((x, minus(ONE, Power(u, 2)), Apply("sigmoid", x))))


def _bent(x: Expression) -> Expression:
    return plus(ONE, Apply("abs", x))


_SIXTH, _HALF = Number(Ratio(1, 6)), Number(Ratio(1, 2))

_TABLE: dict[str, tuple[Formula, Slope]] = {
    "ReLU": (lambda f, x: _above(x, 0, x, ZERO), lambda f, x, y: _above(x, 0, ONE, ZERO)),
    "LeakyReLU": (
        lambda f, x: _above(x, 0, x, _scaled(f.slope, x)),
        lambda f, x, y: _above(x, 0, ONE, Number(f.slope)),
    ),
    "ELU": (
        lambda f, x: _elu(f.alpha, x),
        lambda f, x, y: _above(x, 0, ONE, _scaled(f.alpha, Apply("exp", x))),
    ),
    "SELU": (
        lambda f, x: _scaled(_SCALE, _elu(_ALPHA, x)),
        lambda f, x, y: _scaled(_SCALE, _above(x, 0, ONE, _scaled(_ALPHA, Apply("exp", x)))),
    ),
    "CELU": (
        lambda f, x: _above(x, 0, x, _scaled(f.alpha, Apply("expm1", _divided(x, f.alpha)))),
        lambda f, x, y: _above(x, 0, ONE, Apply("exp", _divided(x, f.alpha))),
    ),
    "GELU": (_gelu, _gelu_slope),
    "SiLU": (lambda f, x: Hadamard((x, Apply("sigmoid", x))), _silu_slope),
    "Mish": (lambda f, x: Hadamard((x, Apply("tanh", Apply("softplus", x)))), _mish_slope),
    "Softplus": (
        lambda f, x: _divided(Apply("softplus", _scaled(f.beta, x)), f.beta),
        lambda f, x, y: Apply("sigmoid", _scaled(f.beta, x)),
    ),
    "Softsign": (lambda f, x: over(x, _bent(x)), lambda f, x, y: over(ONE, Power(_bent(x), 2))),
    "Sigmoid": (lambda f, x: Apply("sigmoid", x), lambda f, x, y: Hadamard((y, minus(ONE, y)))),
    "LogSigmoid": (
        lambda f, x: Negative(Apply("softplus", Negative(x))),
        lambda f, x, y: Apply("sigmoid", Negative(x)),
    ),
    "Tanh": (lambda f, x: Apply("tanh", x), lambda f, x, y: minus(ONE, Hadamard((y, y)))),
    "Tanhshrink": (lambda f, x: minus(x, Apply("tanh", x)), lambda f, x, y: Power(Apply("tanh", x), 2)),
    "Sine": (
        lambda f, x: Apply("sin", _scaled(f.frequency, x)),
        lambda f, x, y: _scaled(f.frequency, Apply("cos", _scaled(f.frequency, x))),
    ),
    "Hardtanh": (
        lambda f, x: _steps(x, f.low, f.high, (Number(f.low), x, Number(f.high))),
        lambda f, x, y: _steps(x, f.low, f.high, (ZERO, ONE, ZERO)),
    ),
    "ReLU6": (
        lambda f, x: _steps(x, 0, 6, (ZERO, x, Number(6))),
        lambda f, x, y: _steps(x, 0, 6, (ZERO, ONE, ZERO)),
    ),
    "Hardsigmoid": (
        lambda f, x: _steps(x, -3, 3, (ZERO, plus(Hadamard((_SIXTH, x)), _HALF), ONE)),
        lambda f, x, y: _steps(x, -3, 3, (ZERO, _SIXTH, ZERO)),
    ),
    "Hardswish": (
        lambda f, x: _steps(x, -3, 3, (ZERO, Hadamard((_SIXTH, x, plus(x, Number(3)))), x)),
        lambda f, x, y: _steps(x, -3, 3, (ZERO, plus(Hadamard((Number(Ratio(1, 3)), x)), _HALF), ONE)),
    ),
    "Softshrink": (
        lambda f, x: _within(x, f.width, ZERO, _above(x, 0, minus(x, Number(f.width)), Plus((x, Number(f.width))))),
        lambda f, x, y: _within(x, f.width, ZERO, ONE),
    ),
    "Hardshrink": (
        lambda f, x: _within(x, f.width, ZERO, x),
        lambda f, x, y: _within(x, f.width, ZERO, ONE),
    ),
    "Threshold": (
        lambda f, x: _above(x, f.threshold, x, Number(f.replacement)),
        lambda f, x, y: _above(x, f.threshold, ONE, ZERO),
    ),
}

ACTIVATIONS: dict[type, tuple[Formula, Slope]] = {LAYERS[name]: rule for name, rule in _TABLE.items()}
"""For every elementwise layer: sigma(x), and sigma'(x), which may use y = sigma(x)."""

CANCELLING = frozenset({LAYERS["Tanhshrink"]})
"""Layers whose formula, differentiated as it stands, loses digits that the derivative as written keeps."""
