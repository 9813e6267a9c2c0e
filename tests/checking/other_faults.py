"""Faults beyond the corpus: the corrections that ``check`` tries were not made with these at hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.checking import Cause

DRAW = np.random.default_rng(5).standard_normal
SHARES = np.array([0.2, 0.5, 0.3] * 4).reshape(4, 3)
PLACES = np.array([0, 2, 2, 1, 2])
LEFT, RIGHT = DRAW((3, 3)), DRAW((3, 3))
LOWER = np.tril(np.ones((4, 4)))


@dataclass(frozen=True)
class Other:
    """A function, its inputs, a wrong derivative by the name of its form, and the causes that are right."""

    name: str
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    wrong: dict[str, Callable[..., Any]]
    causes: tuple[Cause, ...]


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x))


def mish(x: Any) -> Any:
    return x * np.tanh(softplus(x))


def mish_slope(x: Any) -> Any:
    t = np.tanh(softplus(x))
    return t + x * (1 - t * t) / (1 + np.exp(-x))


def cosine(a: Any, b: Any) -> Any:
    return (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))


def cosine_vjp(a: Any, b: Any, u: Any, share: float = 1.0) -> tuple[Any, Any]:
    na, nb = np.sqrt((a * a).sum(1, keepdims=True)), np.sqrt((b * b).sum(1, keepdims=True))
    c, u = cosine(a, b)[:, None], u[:, None]
    return u * (b / (na * nb) - share * c * a / na**2), u * (a / (na * nb) - share * c * b / nb**2)


def group_norm(x: Any) -> Any:
    z = x.reshape(3, 2, 3)
    z = z - z.mean(2, keepdims=True)
    return (z / np.sqrt((z * z).mean(2, keepdims=True) + 1e-5)).reshape(3, 6)


def group_norm_vjp(x: Any, u: Any, mean: float = 1.0) -> Any:
    z, w = x.reshape(3, 2, 3), u.reshape(3, 2, 3)
    z = z - z.mean(2, keepdims=True)
    r = 1 / np.sqrt((z * z).mean(2, keepdims=True) + 1e-5)
    return (r * (w - mean * w.mean(2, keepdims=True) - z * r * (w * z * r).mean(2, keepdims=True))).reshape(3, 6)


def softmax(x: Any, axis: int = 1) -> Any:
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


def divergence(x: Any) -> Any:
    return (SHARES * (np.log(SHARES) - x + np.log(np.exp(x).sum(1, keepdims=True)))).sum() / 4


def convolve(x: Any, w: Any) -> Any:
    return sum(w[i, j] * x[i : i + 3, j : j + 3] for i in range(2) for j in range(2))


def convolve_vjp(x: Any, w: Any, u: Any) -> tuple[Any, Any]:
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(2):
        for j in range(2):
            dx[i : i + 3, j : j + 3] += w[i, j] * u
            dw[i, j] = (u * x[i : i + 3, j : j + 3]).sum()
    return dx, dw


def last_wins(table: Any, u: Any) -> Any:
    gradient = np.zeros_like(table)
    gradient[PLACES] = np.cos(table[PLACES]) * u
    return gradient


def rotate(x: Any) -> Any:
    c, s = np.cos(0.5 * np.arange(4))[:, None], np.sin(0.5 * np.arange(4))[:, None]
    return np.concatenate([x[:, :2] * c - x[:, 2:] * s, x[:, :2] * s + x[:, 2:] * c], axis=1)


def weighted_mean(x: Any, w: Any) -> Any:
    return (w[:, None] * x).sum(0) / w.sum()


def dense_tanh(w: Any, x: Any) -> Any:
    return np.tanh(x @ w.T)


def half_batch(w: Any, x: Any, u: Any) -> tuple[Any, Any]:
    inner = u * (1 - dense_tanh(w, x) ** 2)
    return inner[:3].T @ x[:3], inner @ w


def centred(x: Any) -> Any:
    return (x - x.mean(0)) / x.std(0)


X34, SQUARE, POSITIVE = DRAW((3, 4)), DRAW((3, 3)), np.abs(DRAW((3, 4))) + 0.5
FOUR, FIVE, GROUPS = DRAW(4), DRAW(5), DRAW((3, 6))
PAIR, IMAGE = (DRAW((3, 4)), DRAW((3, 4))), (DRAW((4, 4)), DRAW((2, 2)))
ROWS, WEIGHTS = DRAW((4, 3)), np.abs(DRAW(4)) + 0.1
inverse = np.linalg.inv

OTHERS = (
    Other("mish, one term", mish, (X34,), {"vjp": lambda x, u: u * np.tanh(softplus(x))}, (Cause.MISSING_TERM,)),
    Other("mish at the output", mish, (X34,), {"vjp": lambda x, u: u * mish_slope(mish(x))}, (Cause.STALE_INPUT,)),
    Other(
        "cosine, no projection", cosine, PAIR, {"vjp": lambda a, b, u: cosine_vjp(a, b, u, 0)}, (Cause.MISSING_TERM,)
    ),
    Other("cosine, swapped", cosine, PAIR, {"vjp": lambda a, b, u: cosine_vjp(a, b, u)[::-1]}, (Cause.PERMUTED,)),
    Other(
        "mean pooling, not divided",
        lambda x: x.reshape(4, 3).mean(1),
        (DRAW(12),),
        {"vjp": lambda x, u: np.repeat(u, 3)},
        (Cause.FACTOR, Cause.MISSING_MEAN),
    ),
    Other(
        "group norm, no mean",
        group_norm,
        (GROUPS,),
        {"vjp": lambda x, u: group_norm_vjp(x, u, 0)},
        (Cause.MISSING_TERM,),
    ),
    Other("group norm, sign", group_norm, (GROUPS,), {"vjp": lambda x, u: -group_norm_vjp(x, u)}, (Cause.SIGN,)),
    Other("divergence, sign", divergence, (ROWS,), {"gradient": lambda x: (SHARES - softmax(x)) / 4}, (Cause.SIGN,)),
    Other(
        "divergence, not divided",
        divergence,
        (ROWS,),
        {"gradient": lambda x: softmax(x) - SHARES},
        (Cause.MISSING_MEAN, Cause.FACTOR),
    ),
    Other(
        "divergence, axis",
        divergence,
        (ROWS,),
        {"gradient": lambda x: (softmax(x, 0) - SHARES) / 4},
        (Cause.WRONG_AXIS,),
    ),
    Other(
        "image kernel flipped",
        convolve,
        IMAGE,
        {"vjp": lambda x, w, u: (convolve_vjp(x, w[::-1, ::-1], u)[0], convolve_vjp(x, w, u)[1])},
        (Cause.PERMUTED,),
    ),
    Other(
        "image kernel transposed",
        convolve,
        IMAGE,
        {"vjp": lambda x, w, u: (convolve_vjp(x, w, u)[0], convolve_vjp(x, w, u)[1].T)},
        (Cause.TRANSPOSED,),
    ),
    Other(
        "embedding, last one wins",
        lambda t: np.sin(t[PLACES]),
        (ROWS,),
        {"vjp": last_wins},
        (Cause.MISSING_SUM, Cause.MISSING_TERM),
    ),
    Other(
        "log(1 + x^2), inner slope",
        lambda x: np.log(1 + x * x),
        (X34,),
        {"vjp": lambda x, u: u / (1 + x * x)},
        (Cause.MISSING_FACTOR,),
    ),
    Other("root at the output", np.sqrt, (POSITIVE,), {"vjp": lambda x, u: u / (2 * x**0.25)}, (Cause.STALE_INPUT,)),
    Other("root, half", np.sqrt, (POSITIVE,), {"vjp": lambda x, u: u / np.sqrt(x)}, (Cause.FACTOR,)),
    Other(
        "cumulative product, not reversed",
        np.cumprod,
        (FIVE + 2,),
        {"vjp": lambda x, u: np.cumsum(u * np.cumprod(x)) / x},
        (Cause.TRANSPOSED, Cause.WRONG_AXIS, Cause.PERMUTED),
    ),
    Other(
        "trace",
        lambda x: np.trace(LEFT @ x @ RIGHT),
        (SQUARE,),
        {"gradient": lambda x: RIGHT @ LEFT},
        (Cause.TRANSPOSED,),
    ),
    Other("inverse, sign", inverse, (SQUARE,), {"vjp": lambda x, u: inverse(x).T @ u @ inverse(x).T}, (Cause.SIGN,)),
    Other(
        "inverse, transposed",
        inverse,
        (SQUARE,),
        {"vjp": lambda x, u: -inverse(x) @ u @ inverse(x)},
        (Cause.TRANSPOSED,),
    ),
    Other(
        "determinant, transposed",
        np.linalg.det,
        (SQUARE,),
        {"gradient": lambda x: np.linalg.det(x) * inverse(x)},
        (Cause.TRANSPOSED,),
    ),
    Other("determinant, factor", np.linalg.det, (SQUARE,), {"gradient": lambda x: inverse(x).T}, (Cause.FACTOR,)),
    Other(
        "deviation, twice",
        lambda x: x.std(0),
        (ROWS,),
        {"vjp": lambda x, u: 2 * u * centred(x) / len(x)},
        (Cause.FACTOR,),
    ),
    Other(
        "deviation, not divided",
        lambda x: x.std(0),
        (ROWS,),
        {"vjp": lambda x, u: u * centred(x)},
        (Cause.MISSING_MEAN, Cause.FACTOR),
    ),
    Other(
        "rolled on, not back",
        lambda x: np.roll(np.exp(x), 1),
        (FIVE,),
        {"vjp": lambda x, u: np.exp(x) * np.roll(u, 1)},
        (Cause.PERMUTED,),
    ),
    Other(
        "weighted mean, no weights",
        weighted_mean,
        (ROWS, WEIGHTS),
        {"vjp": lambda x, w, u: (np.outer(w, u) / w.sum(), np.zeros_like(w))},
        (Cause.MISSING,),
    ),
    Other(
        "weighted mean, sum of weights constant",
        weighted_mean,
        (ROWS, WEIGHTS),
        {"vjp": lambda x, w, u: (np.outer(w, u) / w.sum(), x @ u / w.sum())},
        (Cause.MISSING_TERM,),
    ),
    Other(
        "causal mask forgotten",
        lambda x: np.exp(x) * LOWER,
        (DRAW((4, 4)),),
        {"vjp": lambda x, u: u * np.exp(x)},
        (Cause.MISSING_FACTOR, Cause.MISSING_TERM),
    ),
    Other(
        "exp in float16",
        np.exp,
        (X34,),
        {"vjp": lambda x, u: u * np.exp(x.astype(np.float16)).astype(x.dtype)},
        (Cause.PRECISION,),
    ),
    Other(
        "concatenation, swapped",
        lambda a, b: np.concatenate([np.sin(a), np.cos(b)]),
        (DRAW(3), DRAW(3)),
        {"vjp": lambda a, b, u: (np.cos(a) * u[3:], -np.sin(b) * u[:3])},
        (Cause.PERMUTED,),
    ),
    Other(
        "squared sums, axis",
        lambda x: x.sum(1) ** 2,
        (DRAW((4, 4)),),
        {"vjp": lambda x, u: np.ones_like(x) * (2 * x.sum(1) * u)},
        (Cause.WRONG_AXIS, Cause.TRANSPOSED),
    ),
    Other(
        "absolute value, slope 5 at 0",
        np.abs,
        (np.array([1.0, 0.0, -2.0]),),
        {"vjp": lambda x, u: u * np.where(x == 0, 5.0, np.sign(x))},
        (Cause.KINKS_ONLY,),
    ),
    Other("half of the batch", dense_tanh, (DRAW((2, 3)), DRAW((6, 3))), {"vjp": half_batch}, (Cause.MISSING_SUM,)),
    Other(
        "rotated on, not back", rotate, (DRAW((4, 4)),), {"vjp": lambda x, u: rotate(u)}, (Cause.TRANSPOSED, Cause.SIGN)
    ),
    Other(
        "temperature forgotten",
        lambda x: np.log(np.exp(2 * x).sum(1)),
        (X34,),
        {"vjp": lambda x, u: u[:, None] * softmax(2 * x)},
        (Cause.FACTOR,),
    ),
    Other(
        "outer product, sides",
        np.outer,
        (DRAW(3), DRAW(3)),
        {"vjp": lambda a, b, u: (u.T @ b, u @ a)},
        (Cause.TRANSPOSED, Cause.WRONG_AXIS),
    ),
    Other(
        "polynomial, one term",
        lambda x: x**3 + 2 * x,
        (FIVE,),
        {"vjp": lambda x, u: 3 * u * x * x},
        (Cause.MISSING_TERM,),
    ),
    Other(
        "quotient, sign",
        lambda a, b: a / b,
        (FOUR, WEIGHTS),
        {"vjp": lambda a, b, u: (u / b, u * a / b**2)},
        (Cause.SIGN,),
    ),
    Other(
        "quotient, square forgotten",
        lambda a, b: a / b,
        (FOUR, WEIGHTS),
        {"vjp": lambda a, b, u: (u / b, -u * a / b)},
        (Cause.MISSING_FACTOR,),
    ),
)
