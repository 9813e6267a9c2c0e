"""What all candidates of the ``measure`` benchmark compute: quantities of a dense network at one batch."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .claims import Case
from .problem import Problem, build, dense


@dataclass(frozen=True)
class Point:
    """The problem, two halves of its examples for the kernel, and a direction (P,) for products."""

    problem: Problem
    first: Any
    second: Any
    direction: Any


def quantity(name: str, sizes: tuple[int, ...], batch: int, activation: str) -> Case:
    """Return the case of one quantity of one network.

    ``name`` is ``"jacobian"`` (d output / d input, dense), ``"factored"`` (the same as two factors), ``"norms"``
    (of the examples' gradients), ``"ntk"`` (between the halves of the batch, all outputs), ``"diagonal"`` (of the
    Gauss-Newton matrix) or ``"product"`` (of it with a vector).
    """
    return {**dense(sizes, batch, activation), "quantity": name}


def point(case: Case) -> Point:
    """Return the point of a case, the same in every process."""
    problem = build(case)
    half = len(problem.x) // 2
    direction = np.random.Generator(np.random.PCG64(1)).standard_normal(problem.vector.size).astype(np.float32)
    return Point(problem, problem.x[:half], problem.x[half:], direction)
