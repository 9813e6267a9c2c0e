"""Losses in NumPy, given with their gradients."""

from typing import Any

import numpy as np

from backproof.checking import Cause

from .case import Case, Fault, normal

DELTA = 0.7


def squared_error(x: Any, t: Any) -> Any:
    return np.mean((x - t) ** 2)


def squared_error_gradient(x: Any, t: Any) -> tuple[Any, Any]:
    d = 2 * (x - t) / x.size
    return d, -d


def scaled(factor: float) -> Any:
    return lambda x, t: tuple(factor * d for d in squared_error_gradient(x, t))


SQUARED_ERROR = Case(
    "squared error",
    "numpy",
    "gradient",
    squared_error,
    squared_error_gradient,
    normal((4, 3), (4, 3)),
    (
        Fault("factor 2 forgotten", scaled(0.5), (Cause.FACTOR,)),
        Fault("divided by the batch only", scaled(3.0), (Cause.FACTOR,)),
        Fault("sum instead of mean", scaled(12.0), (Cause.MISSING_MEAN, Cause.FACTOR)),
        Fault("target minus output", scaled(-1.0), (Cause.SIGN,)),
        Fault(
            "same sign for both inputs",
            lambda x, t: (squared_error_gradient(x, t)[0], squared_error_gradient(x, t)[0]),
            (Cause.SIGN,),
        ),
    ),
)


def huber(x: Any) -> Any:
    size = np.abs(x)
    return np.where(size <= DELTA, 0.5 * x * x, DELTA * (size - 0.5 * DELTA)).sum()


HUBER = Case(
    "Huber",
    "numpy",
    "gradient",
    huber,
    lambda x: np.clip(x, -DELTA, DELTA),
    normal((8,)),
    (
        Fault(
            "delta forgotten outside", lambda x: np.where(np.abs(x) <= DELTA, x, np.sign(x)), (Cause.MISSING_FACTOR,)
        ),
        Fault("sign", lambda x: -np.clip(x, -DELTA, DELTA), (Cause.SIGN,)),
        Fault("twice", lambda x: 2 * np.clip(x, -DELTA, DELTA), (Cause.FACTOR,)),
    ),
)

SHARDS = 2


def sharded(w: Any, x: Any) -> Any:
    """Return the loss that two devices add up, each with half of the batch and its copy of the parameters."""
    return sum(np.sum(np.tanh(part @ w)) for part in np.split(x, SHARDS))


def sharded_gradient(w: Any, x: Any) -> tuple[Any, Any]:
    inner = 1 - np.tanh(x @ w) ** 2
    return x.T @ inner, np.outer(inner, w)


SHARDED = Case(
    "loss summed over devices",
    "numpy",
    "gradient",
    sharded,
    sharded_gradient,
    normal((3,), (4, 3)),
    (
        Fault(
            "replicated parameter's gradient counted on each device",
            lambda w, x: (SHARDS * sharded_gradient(w, x)[0], sharded_gradient(w, x)[1]),
            (Cause.FACTOR,),
        ),
        Fault(
            "gradient of one device only",
            lambda w, x: (sharded_gradient(w, x[: len(x) // SHARDS])[0], sharded_gradient(w, x)[1]),
            (Cause.MISSING_SUM,),
        ),
    ),
)


def length(x: Any) -> Any:
    return np.sqrt((x * x).sum(axis=1))


NORM = Case(
    "norm of the rows",
    "numpy",
    "vjp",
    length,
    lambda x, u: x / length(x)[:, None] * u[:, None],
    normal((4, 4)),
    (
        Fault("square root not differentiated", lambda x, u: 2 * x * u[:, None], (Cause.MISSING_FACTOR,)),
        Fault("factor 2 kept", lambda x, u: 2 * x / length(x)[:, None] * u[:, None], (Cause.FACTOR,)),
        Fault(
            "cotangent along the rows", lambda x, u: x / length(x)[:, None] * u, (Cause.WRONG_AXIS, Cause.TRANSPOSED)
        ),
    ),
)

CASES = (SQUARED_ERROR, HUBER, SHARDED, NORM)
