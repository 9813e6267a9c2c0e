"""JAX's function transforms under ``jit``: generic automatic differentiation, compiled."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..claims import Case, Prepared
from ..measuring import Point, point

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


class Network:
    """The network as a function of a list of parameters and one example, or a batch of them."""

    def __init__(self, at: Point) -> None:
        problem = at.problem
        pairs = zip(problem.weights, problem.biases, strict=True)
        self.theta = [jnp.asarray(part) for pair in pairs for part in pair]
        self.x, self.y = jnp.asarray(problem.x), jnp.asarray(problem.y.astype(np.int32))
        self.first, self.second = jnp.asarray(at.first), jnp.asarray(at.second)
        ends = np.cumsum([part.size for part in self.theta])[:-1]
        pieces = np.split(at.direction, ends)
        self.direction = [jnp.asarray(p.reshape(t.shape)) for p, t in zip(pieces, self.theta, strict=True)]
        self.activation = ACTIVATIONS[problem.activation]

    def __call__(self, theta: list[Any], x: Any) -> Any:
        *hidden, last = list(zip(theta[::2], theta[1::2], strict=True))
        for weight, bias in hidden:
            x = self.activation(x @ weight.T + bias)
        return x @ last[0].T + last[1]

    def loss(self, theta: list[Any], x: Any, y: Any) -> Any:
        return -jax.nn.log_softmax(self(theta, x))[y]


def _norms(f: Network) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def work(theta: Any, x: Any, y: Any) -> Any:
        gradients = jax.vmap(jax.grad(f.loss), (None, 0, 0))(theta, x, y)
        return jnp.sqrt(sum((g.reshape(len(x), -1) ** 2).sum(1) for g in gradients))

    return work, (f.theta, f.x, f.y)


def _ntk(f: Network) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def work(theta: Any, first: Any, second: Any) -> Any:
        one, two = (jax.vmap(jax.jacrev(f), (None, 0))(theta, x) for x in (first, second))
        return sum(
            jnp.einsum("aip,bjp->abij", a.reshape(*a.shape[:2], -1), b.reshape(*b.shape[:2], -1))
            for a, b in zip(one, two, strict=True)
        )

    return work, (f.theta, f.first, f.second)


def _diagonal(f: Network) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def work(theta: Any, x: Any) -> Any:
        s = jax.nn.softmax(f(theta, x))
        R = jnp.sqrt(s)[:, :, None] * (jnp.eye(s.shape[1]) - s[:, None, :])
        blocks = jax.vmap(jax.jacrev(f), (None, 0))(theta, x)
        return jnp.concatenate([((R @ J.reshape(*J.shape[:2], -1)) ** 2).sum((0, 1)) for J in blocks]) / len(x)

    return work, (f.theta, f.x)


def _product(f: Network) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def work(theta: Any, x: Any, direction: Any) -> Any:
        z, moved = jax.jvp(lambda t: f(t, x), (theta,), (direction,))
        s = jax.nn.softmax(z)
        cotangent = s * (moved - (s * moved).sum(-1, keepdims=True)) / len(x)
        _, pullback = jax.vjp(lambda t: f(t, x), theta)
        return jnp.concatenate([part.reshape(-1) for part in pullback(cotangent)[0]])

    return work, (f.theta, f.x, f.direction)


def _jacobian(transform: Any) -> Callable[[Network], tuple[Callable[..., Any], tuple[Any, ...]]]:
    return lambda f: (jax.vmap(transform(f, argnums=1), (None, 0)), (f.theta, f.x))


WORK: dict[str, Any] = {"norms": _norms, "ntk": _ntk, "diagonal": _diagonal, "product": _product}


def _prepare(case: Case, transform: Any) -> Prepared:
    f = Network(point(case))
    work, arguments = WORK.get(case["quantity"], _jacobian(transform))(f)
    jitted, arguments = jax.jit(work), jax.device_put(arguments)

    def step() -> Any:
        return jax.block_until_ready(jitted(*arguments))

    return Prepared(step, lambda: {"numbers": np.asarray(step())})


def reverse(case: Case) -> Prepared:
    return _prepare(case, jax.jacrev)


def forward(case: Case) -> Prepared:
    return _prepare(case, jax.jacfwd)
