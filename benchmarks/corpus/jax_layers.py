"""``custom_vjp`` functions of JAX: layers."""

from typing import Any

import jax
import jax.numpy as jnp

from backproof.checking import Cause

from .case import Case, Fault, normal
from .jax_writing import with_vjp


def linear(x: Any, w: Any, b: Any) -> Any:
    return x @ w + b


LINEAR = Case(
    "linear",
    "jax",
    "custom_vjp",
    linear,
    with_vjp(linear, lambda x, w, b, u: (u @ w.T, x.T @ u, u.sum(0))),
    normal((4, 3), (3, 3), (3,)),
    (
        Fault(
            "weight not transposed",
            with_vjp(linear, lambda x, w, b, u: (u @ w, x.T @ u, u.sum(0))),
            (Cause.TRANSPOSED,),
        ),
        Fault(
            "weight gradient transposed",
            with_vjp(linear, lambda x, w, b, u: (u @ w.T, u.T @ x, u.sum(0))),
            (Cause.TRANSPOSED,),
        ),
        Fault(
            "mean over the batch",
            with_vjp(linear, lambda x, w, b, u: (u @ w.T, x.T @ u, u.mean(0))),
            (Cause.MISSING_SUM, Cause.FACTOR),
        ),
    ),
)


def softmax(x: Any) -> Any:
    return jax.nn.softmax(x, axis=1)


SOFTMAX = Case(
    "softmax",
    "jax",
    "custom_vjp",
    softmax,
    with_vjp(softmax, lambda x, u: (softmax(x) * (u - (u * softmax(x)).sum(1, keepdims=True)),)),
    normal((4, 4)),
    (
        Fault(
            "diagonal only",
            with_vjp(softmax, lambda x, u: (u * softmax(x) * (1 - softmax(x)),)),
            (Cause.DIAGONAL_ONLY,),
        ),
        Fault(
            "sum over the batch",
            with_vjp(softmax, lambda x, u: (softmax(x) * (u - (u * softmax(x)).sum(0, keepdims=True)),)),
            (Cause.WRONG_AXIS,),
        ),
    ),
)


def unit(x: Any) -> Any:
    return x / jnp.linalg.norm(x, axis=1, keepdims=True)


def unit_backward(x: Any, u: Any, axis: int = 1, share: float = 1.0) -> tuple[Any]:
    y, size = unit(x), jnp.linalg.norm(x, axis=1, keepdims=True)
    return ((u - share * y * (y * u).sum(axis, keepdims=True)) / size,)


UNIT = Case(
    "rows of unit length",
    "jax",
    "custom_vjp",
    unit,
    with_vjp(unit, unit_backward),
    normal((4, 4)),
    (
        Fault(
            "projection forgotten", with_vjp(unit, lambda x, u: unit_backward(x, u, share=0.0)), (Cause.MISSING_TERM,)
        ),
        Fault("projection added", with_vjp(unit, lambda x, u: unit_backward(x, u, share=-1.0)), (Cause.MISSING_TERM,)),
        Fault("sum over the columns", with_vjp(unit, lambda x, u: unit_backward(x, u, axis=0)), (Cause.WRONG_AXIS,)),
    ),
)


def bilinear(x: Any, a: Any, y: Any) -> Any:
    return jnp.einsum("ni,ij,nj->n", x, a, y)


def bilinear_backward(x: Any, a: Any, y: Any, u: Any) -> tuple[Any, Any, Any]:
    return u[:, None] * (y @ a.T), jnp.einsum("n,ni,nj->ij", u, x, y), u[:, None] * (x @ a)


BILINEAR = Case(
    "bilinear form",
    "jax",
    "custom_vjp",
    bilinear,
    with_vjp(bilinear, bilinear_backward),
    normal((4, 3), (3, 3), (4, 3)),
    (
        Fault(
            "matrix gradient transposed",
            with_vjp(
                bilinear,
                lambda x, a, y, u: (
                    bilinear_backward(x, a, y, u)[0],
                    bilinear_backward(x, a, y, u)[1].T,
                    bilinear_backward(x, a, y, u)[2],
                ),
            ),
            (Cause.TRANSPOSED,),
        ),
        Fault(
            "gradients of the sides in the wrong order",
            with_vjp(bilinear, lambda x, a, y, u: bilinear_backward(x, a, y, u)[::-1]),
            (Cause.PERMUTED,),
        ),
        Fault(
            "matrix gradient of the first example",
            with_vjp(
                bilinear,
                lambda x, a, y, u: (
                    bilinear_backward(x, a, y, u)[0],
                    u[0] * jnp.outer(x[0], y[0]),
                    bilinear_backward(x, a, y, u)[2],
                ),
            ),
            (Cause.MISSING_SUM,),
        ),
    ),
)

CASES = (LINEAR, SOFTMAX, UNIT, BILINEAR)
