"""JAX functions with a derivative of their own, from its parts."""

from collections.abc import Callable
from typing import Any

import jax


def with_vjp(forward: Callable[..., Any], backward: Callable[..., tuple[Any, ...]]) -> Any:
    """Return the ``custom_vjp`` function whose backward is ``backward(*inputs, u)``, a tuple of gradients."""
    written = jax.custom_vjp(forward)
    written.defvjp(lambda *inputs: (forward(*inputs), inputs), lambda inputs, u: backward(*inputs, u))
    return written


def with_jvp(forward: Callable[..., Any], push: Callable[..., Any]) -> Any:
    """Return the ``custom_jvp`` function whose tangent is ``push(*inputs, *tangents)``."""
    written = jax.custom_jvp(forward)
    written.defjvp(lambda inputs, tangents: (forward(*inputs), push(*inputs, *tangents)))
    return written
