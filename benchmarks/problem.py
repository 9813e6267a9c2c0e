"""The problem that all candidates of the gradient benchmarks solve: a dense network and one batch, in NumPy."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .claims import Case

LEARNING_RATE = 1e-5
"""Of the Adam benchmarks: so small that thousands of steps on one batch leave the problem as it is."""
STEPS = 3
"""Adam steps after which the candidates' parameters are compared."""


@dataclass(frozen=True)
class Problem:
    """A network and a batch, float32.

    Shapes:
        weights[l]: (n_l, n_{l-1})
        biases[l]: (n_l,)
        x: (batch, n_0)
        y: (batch,) int64 class indices
    """

    activation: str
    weights: tuple[Any, ...]
    biases: tuple[Any, ...]
    x: Any
    y: Any

    @property
    def vector(self) -> Any:
        """All parameters, weight before bias, row-major."""
        return flat(self.weights, self.biases)


def flat(weights: Any, biases: Any) -> Any:
    """Return weights and biases, or their gradients, as one vector."""
    return np.concatenate([part.reshape(-1) for pair in zip(weights, biases, strict=True) for part in pair])


def dense(sizes: tuple[int, ...], batch: int, activation: str) -> Case:
    """Return the case of a dense network of these sizes, ``activation`` between its layers, on one batch."""
    return {"sizes": tuple(sizes), "batch": batch, "activation": activation}


def build(case: Case) -> Problem:
    """Return the problem of a case, the same in every process."""
    generator = np.random.Generator(np.random.PCG64(0))
    sizes = case["sizes"]
    weight = _orthogonal if case["activation"] == "tanh" else _gaussian
    weights = tuple(weight(generator, m, n) for n, m in pairwise(sizes))
    biases = tuple((0.01 * generator.standard_normal(m)).astype(np.float32) for m in sizes[1:])
    x = generator.standard_normal((case["batch"], sizes[0])).astype(np.float32)
    return Problem(case["activation"], weights, biases, x, generator.integers(0, sizes[-1], case["batch"]))


def _gaussian(generator: np.random.Generator, m: int, n: int) -> Any:
    return (generator.standard_normal((m, n)) * np.sqrt(2 / n)).astype(np.float32)


def _orthogonal(generator: np.random.Generator, m: int, n: int) -> Any:
    """Return a random (semi-)orthogonal matrix: gradients then neither vanish nor explode with depth."""
    q, _ = np.linalg.qr(generator.standard_normal((max(m, n), min(m, n))))
    return np.ascontiguousarray(q if m >= n else q.T, dtype=np.float32)
