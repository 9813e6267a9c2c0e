"""Functions in NumPy that move, add and choose entries."""

from typing import Any

import numpy as np

from backproof.checking import Cause

from .case import Case, Fault, normal

ORDER = np.array([2, 0, 3, 1])
BACK = np.argsort(ORDER)


def reverse_sum(u: Any) -> Any:
    return np.cumsum(u[::-1])[::-1]


CUMSUM = Case(
    "cumulative sum",
    "numpy",
    "vjp",
    np.cumsum,
    lambda x, u: reverse_sum(u),
    normal((6,)),
    (
        Fault("not reversed", lambda x, u: np.cumsum(u), (Cause.TRANSPOSED,)),
        Fault("off by one", lambda x, u: reverse_sum(u) - u, (Cause.MISSING_TERM,)),
        Fault("result not reversed back", lambda x, u: np.cumsum(u[::-1]), (Cause.PERMUTED,)),
    ),
)

CUMSUM_FORWARD = Case(
    "cumulative sum",
    "numpy",
    "jvp",
    np.cumsum,
    lambda x, t: np.cumsum(t),
    normal((6,)),
    (
        Fault("reversed", lambda x, t: reverse_sum(t), (Cause.TRANSPOSED,)),
        Fault("off by one", lambda x, t: np.cumsum(t) - t, (Cause.MISSING_TERM,)),
    ),
)


def tied(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return windows of three; in the last two the largest entry comes twice."""
    x = rng.standard_normal((4, 3))
    x[2:, 1] = x[2:].max(axis=1)
    x[2:, 2] = x[2:, 1]
    return (x,)


def first(x: Any) -> Any:
    """Return the place of each row's first largest entry, as zeros and a one."""
    return np.eye(x.shape[1], dtype=x.dtype)[x.argmax(axis=1)]


MAX_POOL = Case(
    "max pooling",
    "numpy",
    "vjp",
    lambda x: x.max(axis=1),
    lambda x, u: first(x) * u[:, None],
    tied,
    (
        Fault(
            "ties counted more than once", lambda x, u: (x == x.max(axis=1)[:, None]) * u[:, None], (Cause.KINKS_ONLY,)
        ),
        Fault("place of the smallest", lambda x, u: first(-x) * u[:, None], (Cause.PERMUTED,)),
        Fault("passed to the whole window", lambda x, u: np.ones_like(x) * u[:, None], (Cause.MISSING_FACTOR,)),
    ),
    kinks=True,
)

TRANSPOSE = Case(
    "transposition",
    "numpy",
    "vjp",
    lambda x: (x * x).T,
    lambda x, u: 2 * x * u.T,
    normal((3, 4)),
    (
        Fault("reshaped, not transposed", lambda x, u: 2 * x * u.reshape(x.shape), (Cause.PERMUTED, Cause.TRANSPOSED)),
        Fault("factor 2 forgotten", lambda x, u: x * u.T, (Cause.FACTOR,)),
    ),
)

PERMUTATION = Case(
    "permuted columns",
    "numpy",
    "vjp",
    lambda x: np.sin(x)[:, ORDER],
    lambda x, u: np.cos(x) * u[:, BACK],
    normal((3, 4)),
    (
        Fault("permuted, not put back", lambda x, u: np.cos(x) * u[:, ORDER], (Cause.PERMUTED,)),
        Fault("left as it is", lambda x, u: np.cos(x) * u, (Cause.PERMUTED,)),
    ),
)

WEIGHT = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7], [-0.2, 0.8, 1.1]])


def sine_jacobian(x: Any) -> Any:
    w = WEIGHT.astype(x.dtype)
    return np.cos(w @ x)[:, None] * w


SINE_LAYER = Case(
    "sine of a linear map",
    "numpy",
    "jacobian",
    lambda x: np.sin(WEIGHT.astype(x.dtype) @ x),
    sine_jacobian,
    normal((3,)),
    (
        Fault("columns as outputs", lambda x: sine_jacobian(x).T, (Cause.TRANSPOSED,)),
        Fault(
            "slopes along the columns",
            lambda x: np.cos(WEIGHT.astype(x.dtype) @ x) * WEIGHT.astype(x.dtype),
            (Cause.WRONG_AXIS,),
        ),
        Fault("rows in reverse order", lambda x: sine_jacobian(x)[::-1].copy(), (Cause.PERMUTED,)),
    ),
)

CASES = (CUMSUM, CUMSUM_FORWARD, MAX_POOL, TRANSPOSE, PERMUTATION, SINE_LAYER)
