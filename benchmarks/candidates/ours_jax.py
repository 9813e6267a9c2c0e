"""backproof on JAX arrays: the program compiled for them, and the ordinary formulas under ``jax.jit``."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import backproof as bp

from ..claims import Case, Prepared
from ..problem import build
from .ours import _network


def _point(case: Case) -> tuple[Any, ...]:
    problem = build(case)
    net, theta = _network(problem)
    parts = [jnp.asarray(theta[name]) for name in theta]
    arrays = jax.device_put((parts, jnp.asarray(problem.x), jnp.asarray(problem.y.astype(np.int32))))
    return net, bp.Parameters.of_arrays(net.layout, dict(zip(theta, arrays[0], strict=True))), *arrays[1:]


def _prepared(step: Any) -> Prepared:
    def numbers() -> dict[str, Any]:
        value, gradient = step()
        return {"loss": float(value), "gradient": np.asarray(gradient.vector)}

    return Prepared(step, numbers)


def compiled(case: Case) -> Prepared:
    net, theta, x, y = _point(case)
    program = bp.compile(net, loss=bp.CrossEntropy(), library="jax")

    def step() -> Any:
        value, gradient = program(theta, x, y)
        # The program has looked at the loss when it returns, but the peer waits for every array, so ours does too.
        jax.block_until_ready((value, list(gradient.values())))
        return value, gradient

    return _prepared(step)


def jitted(case: Case) -> Prepared:
    net, theta, x, y = _point(case)
    work = jax.jit(bp.value_and_gradient)
    return _prepared(lambda: jax.block_until_ready(work(net, theta, x, y, bp.CrossEntropy())))
