"""A case of the corpus: one function, its correct derivative, and the same derivative with mistakes planted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.checking import Cause

GIVEN_APART = ("vjp", "jvp", "jacobian", "gradient")
"""Derivatives that are plain functions beside the forward one."""

GIVEN_WITHIN = ("Function", "custom_vjp", "custom_jvp")
"""Derivatives that are part of the function: of PyTorch, and of JAX."""


@dataclass(frozen=True)
class Fault:
    """A mistake in a derivative.

    Attributes:
        name: what was done wrong, in a few words.
        derivative: what takes the place of the correct derivative.
        causes: names of causes that are right, any one of them.
        dtypes: those in which the mistake is larger than the rounding.
    """

    name: str
    derivative: Callable[..., Any]
    causes: tuple[Cause, ...]
    dtypes: tuple[str, ...] = ("float64", "float32")


@dataclass(frozen=True)
class Case:
    """A function with its derivative, correct and with mistakes.

    Attributes:
        name: of the function.
        library: ``"numpy"``, ``"torch"`` or ``"jax"``.
        given: how the derivative is written, one of ``GIVEN_APART`` or ``GIVEN_WITHIN``. With NumPy:
            ``vjp(*inputs, u)``, ``jvp(*inputs, *tangents)``, ``jacobian(*inputs)``, ``gradient(*inputs)``; with the
            others the derivative is part of the function, and ``derivative`` is the whole.
        forward: the function itself.
        derivative: the correct one.
        inputs: draws the float64 NumPy inputs.
        faults: the mistakes.
        kinks: whether some of the inputs lie on a kink of the function, where any slope between the two is right.
    """

    name: str
    library: str
    given: str
    forward: Callable[..., Any]
    derivative: Callable[..., Any]
    inputs: Callable[[np.random.Generator], tuple[np.ndarray, ...]]
    faults: tuple[Fault, ...]
    kinks: bool = False

    @property
    def title(self) -> str:
        """Name, library and form, as tables and tests call the case."""
        return f"{self.name} ({self.library} {self.given})"

    def draw(self, seed: int, dtype: str = "float64") -> tuple[Any, ...]:
        """Return the inputs of a seed as arrays of the case's library."""
        arrays = self.inputs(np.random.default_rng(seed))
        return tuple(converted(array, self.library, dtype) for array in arrays)


def converted(array: np.ndarray, library: str, dtype: str) -> Any:
    """Return the array as one of another library and dtype."""
    if library == "torch":
        import torch

        return torch.from_numpy(array).to(getattr(torch, dtype))
    narrow = array.astype(dtype)
    if library == "jax":
        import jax.numpy as jnp

        return jnp.asarray(narrow)
    return narrow


def normal(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], tuple[np.ndarray, ...]]:
    """Return a function that draws standard normal arrays of these shapes."""
    return lambda rng: tuple(rng.standard_normal(shape) for shape in shapes)
