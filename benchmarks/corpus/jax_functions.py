"""``custom_jvp`` and ``custom_vjp`` functions of JAX: single entries, sums and losses."""

from typing import Any

import jax
import jax.numpy as jnp

from backproof.checking import Cause

from .case import Case, Fault, normal
from .jax_writing import with_jvp, with_vjp


def softplus(x: Any) -> Any:
    return jnp.logaddexp(x, 0.0)


SOFTPLUS = Case(
    "softplus",
    "jax",
    "custom_jvp",
    softplus,
    with_jvp(softplus, lambda x, t: jax.nn.sigmoid(x) * t),
    normal((3, 4)),
    (
        Fault("half", with_jvp(softplus, lambda x, t: 0.5 * jax.nn.sigmoid(x) * t), (Cause.FACTOR,)),
        Fault("sign", with_jvp(softplus, lambda x, t: -jax.nn.sigmoid(x) * t), (Cause.SIGN,)),
        Fault(
            "slope at the output",
            with_jvp(softplus, lambda x, t: jax.nn.sigmoid(softplus(x)) * t),
            (Cause.STALE_INPUT,),
        ),
    ),
)


def silu(x: Any) -> Any:
    return x * jax.nn.sigmoid(x)


def silu_slope(x: Any) -> Any:
    s = jax.nn.sigmoid(x)
    return s + x * s * (1 - s)


SILU = Case(
    "SiLU",
    "jax",
    "custom_jvp",
    silu,
    with_jvp(silu, lambda x, t: silu_slope(x) * t),
    normal((3, 4)),
    (
        Fault("first term only", with_jvp(silu, lambda x, t: jax.nn.sigmoid(x) * t), (Cause.MISSING_TERM,)),
        Fault("twice", with_jvp(silu, lambda x, t: 2 * silu_slope(x) * t), (Cause.FACTOR,)),
        Fault(
            "float16 inside",
            with_jvp(silu, lambda x, t: silu_slope(x.astype(jnp.float16)).astype(x.dtype) * t),
            (Cause.PRECISION,),
        ),
    ),
)


def product(f: Any, g: Any) -> Any:
    return jnp.sin(f) * jnp.cos(g)


PRODUCT = Case(
    "sin f cos g",
    "jax",
    "custom_jvp",
    product,
    with_jvp(product, lambda f, g, df, dg: jnp.cos(f) * jnp.cos(g) * df - jnp.sin(f) * jnp.sin(g) * dg),
    normal((5,), (5,)),
    (
        Fault(
            "second term forgotten",
            with_jvp(product, lambda f, g, df, dg: jnp.cos(f) * jnp.cos(g) * df),
            (Cause.MISSING,),
        ),
        Fault(
            "sign of the second term",
            with_jvp(product, lambda f, g, df, dg: jnp.cos(f) * jnp.cos(g) * df + jnp.sin(f) * jnp.sin(g) * dg),
            (Cause.SIGN,),
        ),
    ),
)


def logsumexp(x: Any) -> Any:
    return jax.nn.logsumexp(x, axis=1)


LOGSUMEXP = Case(
    "logsumexp",
    "jax",
    "custom_vjp",
    logsumexp,
    with_vjp(logsumexp, lambda x, u: (jax.nn.softmax(x, axis=1) * u[:, None],)),
    normal((4, 4)),
    (
        Fault(
            "softmax along the batch",
            with_vjp(logsumexp, lambda x, u: (jax.nn.softmax(x, axis=0) * u[:, None],)),
            (Cause.WRONG_AXIS,),
        ),
        Fault(
            "cotangent along the rows",
            with_vjp(logsumexp, lambda x, u: (jax.nn.softmax(x, axis=1) * u,)),
            (Cause.WRONG_AXIS, Cause.TRANSPOSED),
        ),
    ),
)


def mean_square(x: Any, t: Any) -> Any:
    return jnp.mean((x - t) ** 2)


MEAN_SQUARE = Case(
    "squared error",
    "jax",
    "custom_vjp",
    mean_square,
    with_vjp(mean_square, lambda x, t, u: (2 * u * (x - t) / x.size, -2 * u * (x - t) / x.size)),
    normal((4, 3), (4, 3)),
    (
        Fault(
            "factor 2 forgotten",
            with_vjp(mean_square, lambda x, t, u: (u * (x - t) / x.size, -u * (x - t) / x.size)),
            (Cause.FACTOR,),
        ),
        Fault(
            "same sign for both inputs",
            with_vjp(mean_square, lambda x, t, u: (2 * u * (x - t) / x.size, 2 * u * (x - t) / x.size)),
            (Cause.SIGN,),
        ),
        Fault(
            "no gradient for the target",
            with_vjp(mean_square, lambda x, t, u: (2 * u * (x - t) / x.size, jnp.zeros_like(t))),
            (Cause.MISSING,),
        ),
    ),
)

CASES = (SOFTPLUS, SILU, PRODUCT, LOGSUMEXP, MEAN_SQUARE)
