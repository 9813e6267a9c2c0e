"""Functions of single entries in NumPy, and products of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.checking import Cause

from .case import Case, Fault, normal

ROOT = 0.7978845608028654  # sqrt(2 / pi)


def with_zeros(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return normal numbers, every fifth of them 0: points on the kink."""
    x = rng.standard_normal((3, 5))
    x[:, 2] = 0.0
    return (x,)


def through(slope: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the vjp of an elementwise function from its slope."""
    return lambda x, u: u * slope(x)


def nan_at_zero(y: Any, x: Any) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        return y / x


RELU = Case(
    "ReLU",
    "numpy",
    "vjp",
    lambda x: np.maximum(x, 0),
    through(lambda x: (x > 0).astype(x.dtype)),
    with_zeros,
    (
        Fault("sign", through(lambda x: -(x > 0).astype(x.dtype)), (Cause.SIGN,)),
        Fault("slope 2 at the kink", through(lambda x: (x > 0).astype(x.dtype) + 2 * (x == 0)), (Cause.KINKS_ONLY,)),
        Fault(
            "quotient, NaN at the kink",
            through(lambda x: nan_at_zero(np.maximum(x, 0), x)),
            (Cause.KINKS_ONLY, Cause.NOT_FINITE),
        ),
    ),
    kinks=True,
)

ABSOLUTE = Case(
    "absolute value",
    "numpy",
    "vjp",
    np.abs,
    through(np.sign),
    with_zeros,
    (
        Fault("slope of the ReLU", through(lambda x: (x > 0).astype(x.dtype)), (Cause.MISSING_TERM,)),
        Fault(
            "slope 3 at the kink", through(lambda x: np.where(x == 0, x.dtype.type(3), np.sign(x))), (Cause.KINKS_ONLY,)
        ),
    ),
    kinks=True,
)


def elu(x: Any) -> Any:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def elu_slope(x: Any) -> Any:
    return np.where(x > 0, x.dtype.type(1), np.exp(np.minimum(x, 0)))


ELU = Case(
    "ELU",
    "numpy",
    "vjp",
    elu,
    through(elu_slope),
    normal((3, 4)),
    (
        Fault("slope at the output, written in place", through(lambda x: elu_slope(elu(x))), (Cause.STALE_INPUT,)),
        Fault("half", through(lambda x: elu_slope(x) / 2), (Cause.FACTOR,)),
    ),
)


def half(x: Any) -> Any:
    """Return the slope of tanh as float16 arithmetic gives it."""
    y = np.tanh(x.astype(np.float16))
    return (1 - y * y).astype(x.dtype)


TANH = Case(
    "tanh",
    "numpy",
    "vjp",
    np.tanh,
    through(lambda x: 1 - np.tanh(x) ** 2),
    normal((3, 4)),
    (
        Fault("slope at the output", through(lambda x: 1 - np.tanh(np.tanh(x)) ** 2), (Cause.STALE_INPUT,)),
        Fault("sign", through(lambda x: np.tanh(x) ** 2 - 1), (Cause.SIGN,)),
        Fault("float16 inside", through(half), (Cause.PRECISION,)),
        Fault("cotangent forgotten", lambda x, u: 1 - np.tanh(x) ** 2, (Cause.MISSING_FACTOR,)),
    ),
)


def gelu_tanh(x: Any) -> Any:
    return np.tanh(ROOT * (x + 0.044715 * x**3))


def gelu_slope(x: Any) -> Any:
    t = gelu_tanh(x)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * ROOT * (1 + 3 * 0.044715 * x**2)


GELU = Case(
    "GELU",
    "numpy",
    "vjp",
    lambda x: 0.5 * x * (1 + gelu_tanh(x)),
    through(gelu_slope),
    normal((3, 4)),
    (
        Fault("second term forgotten", through(lambda x: 0.5 * (1 + gelu_tanh(x))), (Cause.MISSING_TERM,)),
        Fault("half forgotten", through(lambda x: 2 * gelu_slope(x)), (Cause.FACTOR,)),
        Fault(
            "inner slope forgotten",
            through(lambda x: 0.5 * (1 + gelu_tanh(x)) + 0.5 * x * (1 - gelu_tanh(x) ** 2) * ROOT),
            (Cause.MISSING_TERM,),
        ),
    ),
)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def swiglu_vjp(a: Any, b: Any, u: Any, inner: bool = True) -> tuple[Any, Any]:
    s = sigmoid(a)
    slope = s * (1 + a * (1 - s)) if inner else s
    return u * b * slope, u * a * s


SWIGLU = Case(
    "SwiGLU",
    "numpy",
    "vjp",
    lambda a, b: a * sigmoid(a) * b,
    swiglu_vjp,
    normal((3, 4), (3, 4)),
    (
        Fault("sigmoid taken as constant", lambda a, b, u: swiglu_vjp(a, b, u, inner=False), (Cause.MISSING_TERM,)),
        Fault("gate not differentiated", lambda a, b, u: (swiglu_vjp(a, b, u)[0], np.zeros_like(b)), (Cause.MISSING,)),
        Fault("gradients in the wrong order", lambda a, b, u: swiglu_vjp(a, b, u)[::-1], (Cause.PERMUTED,)),
    ),
)

PRODUCT = Case(
    "sin x exp x",
    "numpy",
    "vjp",
    lambda x: np.sin(x) * np.exp(x),
    through(lambda x: (np.cos(x) + np.sin(x)) * np.exp(x)),
    normal((6,)),
    (
        Fault("first term only", through(lambda x: np.cos(x) * np.exp(x)), (Cause.MISSING_TERM,)),
        Fault(
            "difference of the terms",
            through(lambda x: (np.cos(x) - np.sin(x)) * np.exp(x)),
            (Cause.MISSING_TERM, Cause.SIGN),
        ),
    ),
)

MASK = np.array([[1.0, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]])

DROPOUT = Case(
    "dropout with a fixed mask",
    "numpy",
    "vjp",
    lambda x: x * MASK.astype(x.dtype) / 0.75,
    through(lambda x: MASK.astype(x.dtype) / 0.75),
    normal((3, 4)),
    (
        Fault("scale forgotten", through(lambda x: MASK.astype(x.dtype)), (Cause.FACTOR,)),
        Fault("mask forgotten", through(lambda x: np.ones_like(x) / 0.75), (Cause.MISSING_FACTOR,)),
    ),
)

CASES = (RELU, ABSOLUTE, ELU, TANH, GELU, SWIGLU, PRODUCT, DROPOUT)
