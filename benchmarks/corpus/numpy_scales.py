"""Functions in NumPy whose derivatives, or parts of them, are small: an absolute tolerance sees nothing of them."""

from typing import Any

import numpy as np

from backproof.checking import Cause

from .case import Case, Fault, normal
from .numpy_elementwise import sigmoid

DOUBLE = ("float64",)  # in float32 these are of the size of the rounding
DECAY = 1e-6

TINY = Case(
    "tiny sine",
    "numpy",
    "gradient",
    lambda x: x.dtype.type(1e-8) * np.sum(np.sin(x)),
    lambda x: x.dtype.type(1e-8) * np.cos(x),
    normal((5,)),
    (
        Fault("-50 times", lambda x: x.dtype.type(-50e-8) * np.cos(x), (Cause.FACTOR,)),
        Fault("zero", np.zeros_like, (Cause.MISSING,)),
    ),
)

PENALTY = Case(
    "weight decay",
    "numpy",
    "gradient",
    lambda w: DECAY * np.sum(w * w),
    lambda w: 2 * DECAY * w,
    normal((6,)),
    (
        Fault("factor 2 forgotten", lambda w: DECAY * w, (Cause.FACTOR,)),
        Fault("sign of the weight", lambda w: 2 * DECAY * np.sign(w), (Cause.MISSING_FACTOR,)),
    ),
)


def penalised(w: Any, x: Any) -> Any:
    return np.mean(np.tanh(x @ w)) + DECAY * np.sum(w * w)


def penalised_gradient(w: Any, x: Any, decay: float = DECAY) -> tuple[Any, Any]:
    inner = (1 - np.tanh(x @ w) ** 2) / len(x)
    return x.T @ inner + 2 * decay * w, np.outer(inner, w)


PENALISED = Case(
    "loss with weight decay",
    "numpy",
    "gradient",
    penalised,
    penalised_gradient,
    normal((3,), (4, 3)),
    (
        Fault("decay forgotten", lambda w, x: penalised_gradient(w, x, 0.0), (Cause.MISSING_TERM,), DOUBLE),
        Fault("decay halved", lambda w, x: penalised_gradient(w, x, DECAY / 2), (Cause.MISSING_TERM,), DOUBLE),
    ),
)


def rare(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return logits of improbable events."""
    return (rng.uniform(-20.0, -14.0, (3, 4)),)


RARE = Case(
    "sigmoid of improbable events",
    "numpy",
    "vjp",
    sigmoid,
    lambda x, u: u * sigmoid(x) * (1 - sigmoid(x)),
    rare,
    (
        Fault("sign", lambda x, u: u * sigmoid(x) * (sigmoid(x) - 1), (Cause.SIGN,)),
        Fault("half", lambda x, u: 0.5 * u * sigmoid(x) * (1 - sigmoid(x)), (Cause.FACTOR,)),
    ),
)

GAIN = 1e-6


def layer_scale(x: Any, w: Any) -> Any:
    return x + GAIN * np.tanh(x @ w)


def layer_scale_vjp(x: Any, w: Any, u: Any, gain: float = GAIN) -> tuple[Any, Any]:
    inner = u * (1 - np.tanh(x @ w) ** 2)
    return u + GAIN * inner @ w.T, gain * x.T @ inner


LAYER_SCALE = Case(
    "residual with layer scale",
    "numpy",
    "vjp",
    layer_scale,
    layer_scale_vjp,
    normal((4, 3), (3, 3)),
    (
        Fault("weight gradient half", lambda x, w, u: layer_scale_vjp(x, w, u, GAIN / 2), (Cause.FACTOR,), DOUBLE),
        Fault("weight gradient zero", lambda x, w, u: layer_scale_vjp(x, w, u, 0.0), (Cause.MISSING,), DOUBLE),
        Fault("sign of the weight gradient", lambda x, w, u: layer_scale_vjp(x, w, u, -GAIN), (Cause.SIGN,), DOUBLE),
    ),
)

CASES = (TINY, PENALTY, PENALISED, RARE, LAYER_SCALE)
