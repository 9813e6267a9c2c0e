"""JAX: ``jit`` of ``value_and_grad`` with the arrays on the device, and a jitted Adam with donated arguments."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..claims import Case, Prepared
from ..problem import LEARNING_RATE, STEPS, Problem, build


def _parameters(problem: Problem) -> list[Any]:
    return [jnp.asarray(part) for pair in zip(problem.weights, problem.biases, strict=True) for part in pair]


def _loss(activation: str) -> Any:
    function = {"relu": jax.nn.relu, "tanh": jnp.tanh}[activation]

    def loss(parameters: list[Any], x: Any, y: Any) -> Any:
        pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
        for weight, bias in pairs[:-1]:
            x = function(x @ weight.T + bias)
        log_s = jax.nn.log_softmax(x @ pairs[-1][0].T + pairs[-1][1])
        return -jnp.mean(jnp.take_along_axis(log_s, y[:, None], axis=1))

    return loss


def _flat(arrays: Any) -> Any:
    return np.concatenate([np.asarray(array).reshape(-1) for array in arrays])


def gradient(case: Case) -> Prepared:
    problem = build(case)
    parameters = jax.device_put(_parameters(problem))
    x, y = jax.device_put(problem.x), jax.device_put(problem.y.astype(np.int32))
    work = jax.jit(jax.value_and_grad(_loss(problem.activation)))

    def step() -> Any:
        return jax.block_until_ready(work(parameters, x, y))

    def numbers() -> dict[str, Any]:
        loss, gradient = step()
        return {"loss": float(loss), "gradient": _flat(gradient)}

    return Prepared(step, numbers)


def _adam_step(activation: str) -> Any:
    value_and_grad = jax.value_and_grad(_loss(activation))
    beta_1, beta_2, eps = 0.9, 0.999, 1e-8

    def work(state: Any, x: Any, y: Any) -> Any:
        theta, mean, square, t = state
        loss, gradient = value_and_grad(theta, x, y)
        t = t + 1
        mean = [beta_1 * m + (1 - beta_1) * g for m, g in zip(mean, gradient, strict=True)]
        square = [beta_2 * v + (1 - beta_2) * g * g for v, g in zip(square, gradient, strict=True)]
        rate, scale = LEARNING_RATE / (1 - beta_1**t), 1 / (1 - beta_2**t)
        theta = [p - rate * m / (jnp.sqrt(v * scale) + eps) for p, m, v in zip(theta, mean, square, strict=True)]
        return loss, (theta, mean, square, t)

    return jax.jit(work, donate_argnums=0)


def adam(case: Case) -> Prepared:
    problem = build(case)
    theta = _parameters(problem)
    x, y = jax.device_put(problem.x), jax.device_put(problem.y.astype(np.int32))
    work = _adam_step(problem.activation)
    zeros = [[jnp.zeros_like(part) for part in theta] for _ in range(2)]
    state = jax.device_put((theta, *zeros, jnp.float32(0)))

    def step() -> Any:
        nonlocal state
        loss, state = jax.block_until_ready(work(state, x, y))
        return loss

    def numbers() -> dict[str, Any]:
        for _ in range(STEPS):
            loss = step()
        parameters = _flat(state[0])
        return {"loss": float(loss), "parameters": parameters, "update": parameters - problem.vector}

    return Prepared(step, numbers)


def compiling(case: Case) -> Prepared:
    problem = build(case)
    parameters = _parameters(problem)
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.y.astype(np.int32))

    def step() -> Any:
        jax.clear_caches()
        return jax.jit(jax.value_and_grad(_loss(problem.activation))).lower(parameters, x, y).compile()

    return Prepared(step, dict)
