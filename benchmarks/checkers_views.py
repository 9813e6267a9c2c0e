"""A case of the corpus as NumPy functions, so that a checker of any library can take it.

A view follows the dtype of the arrays that it is called with. What is given as a Jacobian, a gradient or a jvp is
contracted with the cotangent, so that every view has a vjp.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .corpus import Case, Fault
from .corpus.case import converted

Arrays = tuple[Any, ...]


@dataclass(frozen=True)
class View:
    """A function of NumPy arrays: ``forward(*inputs)`` and ``pull(*inputs, u)``, one gradient for each input."""

    forward: Callable[..., Any]
    pull: Callable[..., Arrays]


@contextlib.contextmanager
def doubles(wanted: bool = True) -> Iterator[None]:
    """Let JAX have float64, or not, which is its default."""
    import jax

    with jax.enable_x64(wanted):
        yield


def view(case: Case, fault: Fault | None = None) -> View:
    """Return the function with its correct derivative, or with a faulty one."""
    derivative = case.derivative if fault is None else fault.derivative
    return {"numpy": numpy_view, "torch": torch_view, "jax": jax_view}[case.library](case, derivative)


def as_tuple(value: Any) -> Arrays:
    """Return what a derivative gives as one gradient for each input."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def from_push(push: Callable[..., Any]) -> Callable[..., Arrays]:
    """Return the vjp of a function of one input from its jvp, a column of the Jacobian for every entry."""

    def pull(x: Any, u: Any) -> Arrays:
        basis = np.eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)
        return (np.array([np.vdot(u, push(x, tangent)) for tangent in basis], dtype=x.dtype).reshape(x.shape),)

    return pull


def numpy_view(case: Case, derivative: Callable[..., Any]) -> View:
    pulls: dict[str, Callable[..., Arrays]] = {
        "vjp": lambda *given: as_tuple(derivative(*given)),
        "gradient": lambda *given: tuple(given[-1] * g for g in as_tuple(derivative(*given[:-1]))),
        "jacobian": lambda *given: tuple(
            np.tensordot(given[-1], j, np.ndim(given[-1])) for j in as_tuple(derivative(*given[:-1]))
        ),
        "jvp": from_push(derivative),
    }
    return View(case.forward, pulls[case.given])


def torch_view(case: Case, derivative: Any) -> View:
    import torch

    def forward(*inputs: Any) -> Any:
        return derivative.apply(*(torch.tensor(np.asarray(a)) for a in inputs)).numpy()

    def pull(*given: Any) -> Arrays:
        inputs = [torch.tensor(np.asarray(a), requires_grad=True) for a in given[:-1]]
        out = derivative.apply(*inputs)
        gradients = torch.autograd.grad(
            out, inputs, torch.tensor(np.asarray(given[-1])).to(out), materialize_grads=True
        )
        return tuple(g.numpy() for g in gradients)

    return View(forward, pull)


def jax_view(case: Case, derivative: Any) -> View:
    import jax

    def arrays(given: Arrays) -> list[Any]:
        return [converted(np.asarray(a), "jax", str(np.asarray(a).dtype)) for a in given]

    def forward(*inputs: Any) -> Any:
        with doubles():
            return np.asarray(derivative(*arrays(inputs)))

    def pull(*given: Any) -> Arrays:
        with doubles():
            out, back = jax.vjp(derivative, *arrays(given[:-1]))
            return tuple(np.asarray(g) for g in back(arrays((np.asarray(given[-1], out.dtype),))[0]))

    return View(forward, pull)


def inputs_of(case: Case, seed: int, dtype: str = "float64") -> Arrays:
    """Return the inputs of a seed as NumPy arrays."""
    return tuple(a.astype(dtype) for a in case.inputs(np.random.default_rng(seed)))


def cotangent(subject: View, inputs: Arrays, seed: int) -> Any:
    """Return a random cotangent, drawn apart from the inputs."""
    out = np.asarray(subject.forward(*inputs))
    return np.random.default_rng([seed, 1]).standard_normal(out.shape).astype(out.dtype)


def visible(case: Case, fault: Fault, seed: int) -> bool:
    """Return whether the mistake shows at the inputs of a seed: in its gradients of a random cotangent, by 1e-7.

    A mistake on one branch, for example, does not show where no entry takes that branch.
    """
    inputs, right, wrong = inputs_of(case, seed), view(case), view(case, fault)
    u = cotangent(right, inputs, seed)
    try:
        given = wrong.pull(*inputs, u)
    except (TypeError, ValueError, RuntimeError):
        return True
    return any(apart(a, b) > 1e-7 for a, b in zip(right.pull(*inputs, u), given, strict=True))


def apart(a: Any, b: Any) -> float:
    """Return the largest difference relative to the size of the first, infinity for other shapes or for NaN."""
    if np.shape(a) != np.shape(b):
        return math.inf
    difference = float(np.max(np.abs(a - b)) / (np.max(np.abs(a)) or 1.0))
    return difference if math.isfinite(difference) else math.inf
