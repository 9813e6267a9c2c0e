"""Softmax and its kin in NumPy: exponentials that share a sum."""

from typing import Any

import numpy as np

from backproof.checking import Cause

from .case import Case, Fault, normal

LABELS = np.array([2, 0, 1, 2])
HOT = np.eye(3)[LABELS]


def softmax(x: Any, axis: int = -1) -> Any:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def softmax_vjp(x: Any, u: Any, axis: int = 1) -> Any:
    s = softmax(x)
    return s * (u - (u * s).sum(axis=axis, keepdims=True))


SOFTMAX = Case(
    "softmax",
    "numpy",
    "vjp",
    softmax,
    softmax_vjp,
    normal((4, 4)),
    (
        Fault("diagonal only", lambda x, u: u * softmax(x) * (1 - softmax(x)), (Cause.DIAGONAL_ONLY,)),
        Fault("shared sum forgotten", lambda x, u: u * softmax(x), (Cause.MISSING_TERM,)),
        Fault("sum over the batch", lambda x, u: softmax_vjp(x, u, axis=0), (Cause.WRONG_AXIS,)),
        Fault("sign", lambda x, u: -softmax_vjp(x, u), (Cause.SIGN,)),
    ),
)


def softmax_jacobian(x: Any) -> Any:
    s = softmax(x)
    return np.diag(s) - np.outer(s, s)


SOFTMAX_MATRIX = Case(
    "softmax of a vector",
    "numpy",
    "jacobian",
    softmax,
    softmax_jacobian,
    normal((4,)),
    (
        Fault("diagonal only", lambda x: np.diag(softmax(x) * (1 - softmax(x))), (Cause.DIAGONAL_ONLY,)),
        Fault("sign", lambda x: -softmax_jacobian(x), (Cause.SIGN,)),
        Fault(
            "outer product added",
            lambda x: np.diag(softmax(x)) + np.outer(softmax(x), softmax(x)),
            (Cause.MISSING_TERM,),
        ),
    ),
)


def log_softmax(x: Any) -> Any:
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


LOG_SOFTMAX = Case(
    "log-softmax",
    "numpy",
    "vjp",
    log_softmax,
    lambda x, u: u - softmax(x) * u.sum(axis=1, keepdims=True),
    normal((4, 4)),
    (
        Fault("cotangent not summed", lambda x, u: u - softmax(x) * u, (Cause.DIAGONAL_ONLY,)),
        Fault("sum over the batch", lambda x, u: u - softmax(x) * u.sum(axis=0, keepdims=True), (Cause.WRONG_AXIS,)),
        Fault(
            "softmax along the batch",
            lambda x, u: u - softmax(x, 0) * u.sum(axis=1, keepdims=True),
            (Cause.WRONG_AXIS,),
        ),
    ),
)

LOGSUMEXP = Case(
    "logsumexp",
    "numpy",
    "vjp",
    lambda x: np.log(np.exp(x).sum(axis=1)),
    lambda x, u: softmax(x) * u[:, None],
    normal((4, 4)),
    (
        Fault("cotangent along the rows", lambda x, u: softmax(x) * u[None, :], (Cause.WRONG_AXIS, Cause.TRANSPOSED)),
        Fault("sum not divided out", lambda x, u: np.exp(x) * u[:, None], (Cause.MISSING_FACTOR,)),
    ),
)


def cross_entropy(x: Any) -> Any:
    return -(log_softmax(x) * HOT.astype(x.dtype)).sum() / 4


CROSS_ENTROPY = Case(
    "cross-entropy",
    "numpy",
    "gradient",
    cross_entropy,
    lambda x: (softmax(x) - HOT.astype(x.dtype)) / 4,
    normal((4, 3)),
    (
        Fault(
            "not divided by the batch", lambda x: softmax(x) - HOT.astype(x.dtype), (Cause.MISSING_MEAN, Cause.FACTOR)
        ),
        Fault("sign", lambda x: (HOT.astype(x.dtype) - softmax(x)) / 4, (Cause.SIGN,)),
        Fault("target forgotten", lambda x: softmax(x) / 4, (Cause.MISSING_TERM,)),
        Fault("divided by all entries", lambda x: (softmax(x) - HOT.astype(x.dtype)) / 12, (Cause.FACTOR,)),
    ),
)

CASES = (SOFTMAX, SOFTMAX_MATRIX, LOG_SOFTMAX, LOGSUMEXP, CROSS_ENTROPY)
