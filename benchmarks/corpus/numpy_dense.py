"""Matrix products of NumPy: linear, product, quadratic form, attention, convolution, residual."""

from typing import Any

import numpy as np

from backproof.checking import Cause

from .case import Case, Fault, normal

Arrays = tuple[Any, ...]


def linear(x: Any, w: Any, b: Any) -> Any:
    return x @ w.T + b


def linear_vjp(x: Any, w: Any, b: Any, u: Any) -> Arrays:
    return u @ w, u.T @ x, u.sum(axis=0)


LINEAR = Case(
    "linear",
    "numpy",
    "vjp",
    linear,
    linear_vjp,
    normal((4, 3), (3, 3), (3,)),
    (
        Fault("weight transposed", lambda x, w, b, u: (u @ w.T, u.T @ x, u.sum(0)), (Cause.TRANSPOSED,)),
        Fault("weight gradient transposed", lambda x, w, b, u: (u @ w, x.T @ u, u.sum(0)), (Cause.TRANSPOSED,)),
        Fault("bias gradient not summed", lambda x, w, b, u: (u @ w, u.T @ x, u), (Cause.MISSING_SUM,)),
        Fault("bias gradient of the first example", lambda x, w, b, u: (u @ w, u.T @ x, u[0]), (Cause.MISSING_SUM,)),
        Fault("mean over the batch", lambda x, w, b, u: (u @ w, u.T @ x, u.mean(0)), (Cause.MISSING_SUM, Cause.FACTOR)),
        Fault(
            "weight gradient divided by the batch",
            lambda x, w, b, u: (u @ w, u.T @ x / 4, u.sum(0)),
            (Cause.MISSING_SUM, Cause.FACTOR),
        ),
        Fault("bias forgotten", lambda x, w, b, u: (u @ w, u.T @ x, np.zeros_like(b)), (Cause.MISSING,)),
    ),
)

MATMUL = Case(
    "matrix product",
    "numpy",
    "vjp",
    lambda a, b: a @ b,
    lambda a, b, u: (u @ b.T, a.T @ u),
    normal((3, 3), (3, 3)),
    (
        Fault("right factor not transposed", lambda a, b, u: (u @ b, a.T @ u), (Cause.TRANSPOSED,)),
        Fault("left factor not transposed", lambda a, b, u: (u @ b.T, a @ u), (Cause.TRANSPOSED,)),
        Fault("gradients in the wrong order", lambda a, b, u: (a.T @ u, u @ b.T), (Cause.PERMUTED,)),
    ),
)

QUADRATIC = Case(
    "quadratic form",
    "numpy",
    "gradient",
    lambda x, a: x @ a @ x,
    lambda x, a: (a @ x + x @ a, np.outer(x, x)),
    normal((4,), (4, 4)),
    (
        Fault(
            "matrix taken as symmetric",
            lambda x, a: (2 * (a @ x), np.outer(x, x)),
            (Cause.MISSING_TERM, Cause.TRANSPOSED),
        ),
        Fault("one of two terms", lambda x, a: (a @ x, np.outer(x, x)), (Cause.MISSING_TERM,)),
        Fault("half", lambda x, a: ((a @ x + x @ a) / 2, np.outer(x, x)), (Cause.FACTOR,)),
        Fault("matrix forgotten", lambda x, a: (a @ x + x @ a, np.zeros_like(a)), (Cause.MISSING,)),
    ),
)


def attention_weights(q: Any, k: Any) -> Any:
    scores = q @ k.T / np.sqrt(q.shape[1]).astype(q.dtype)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def attention(q: Any, k: Any, v: Any) -> Any:
    return attention_weights(q, k) @ v


def attention_vjp(q: Any, k: Any, v: Any, u: Any, scaled: bool = True, diagonal: bool = False) -> Arrays:
    p, dp = attention_weights(q, k), u @ v.T
    ds = p * (1 - p) * dp if diagonal else p * (dp - (p * dp).sum(axis=1, keepdims=True))
    ds = ds / np.sqrt(q.shape[1]).astype(q.dtype) if scaled else ds
    return ds @ k, ds.T @ q, p.T @ u


def attention_keys(q: Any, k: Any, v: Any, u: Any) -> Arrays:
    p, dp = attention_weights(q, k), u @ v.T
    ds = p * (dp - (p * dp).sum(axis=1, keepdims=True)) / np.sqrt(q.shape[1]).astype(q.dtype)
    return ds @ k, ds @ q, p.T @ u


ATTENTION = Case(
    "attention",
    "numpy",
    "vjp",
    attention,
    attention_vjp,
    normal((4, 3), (4, 3), (4, 3)),
    (
        Fault("scale forgotten", lambda q, k, v, u: attention_vjp(q, k, v, u, scaled=False), (Cause.FACTOR,)),
        Fault("softmax diagonal", lambda q, k, v, u: attention_vjp(q, k, v, u, diagonal=True), (Cause.MISSING_TERM,)),
        Fault("scores not transposed for the keys", attention_keys, (Cause.TRANSPOSED,)),
        Fault(
            "weights not transposed for the values",
            lambda q, k, v, u: (*attention_vjp(q, k, v, u)[:2], attention_weights(q, k) @ u),
            (Cause.TRANSPOSED,),
        ),
    ),
)


def convolution(x: Any, w: Any) -> Any:
    return np.correlate(x, w, "valid")


CONVOLUTION = Case(
    "convolution",
    "numpy",
    "vjp",
    convolution,
    lambda x, w, u: (np.convolve(u, w, "full"), np.correlate(x, u, "valid")),
    normal((8,), (3,)),
    (
        Fault(
            "kernel flipped",
            lambda x, w, u: (np.correlate(u, w, "full"), np.correlate(x, u, "valid")),
            (Cause.PERMUTED,),
        ),
        Fault(
            "kernel's gradient flipped",
            lambda x, w, u: (np.convolve(u, w, "full"), np.correlate(x, u, "valid")[::-1]),
            (Cause.PERMUTED,),
        ),
        Fault(
            "shifted by one",
            lambda x, w, u: (np.roll(np.convolve(u, w, "full"), 1), np.correlate(x, u, "valid")),
            (Cause.PERMUTED,),
        ),
    ),
)


def residual(x: Any, w: Any) -> Any:
    return x + np.tanh(x @ w)


def residual_vjp(x: Any, w: Any, u: Any) -> Arrays:
    inner = u * (1 - np.tanh(x @ w) ** 2)
    return u + inner @ w.T, x.T @ inner


RESIDUAL = Case(
    "residual",
    "numpy",
    "vjp",
    residual,
    residual_vjp,
    normal((4, 3), (3, 3)),
    (
        Fault(
            "skip connection forgotten",
            lambda x, w, u: (residual_vjp(x, w, u)[0] - u, residual_vjp(x, w, u)[1]),
            (Cause.MISSING_TERM,),
        ),
        Fault(
            "skip connection counted twice",
            lambda x, w, u: (residual_vjp(x, w, u)[0] + u, residual_vjp(x, w, u)[1]),
            (Cause.MISSING_TERM,),
        ),
    ),
)

CASES = (LINEAR, MATMUL, QUADRATIC, ATTENTION, CONVOLUTION, RESIDUAL)
