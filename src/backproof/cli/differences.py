"""The gradient against an oracle that knows nothing of derivatives: differences of the loss itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..backpropagation import value_and_gradient
from ..losses import Loss
from ..network import Network
from ..parameters import Parameters

FIRST_STEP, HALVINGS = 2.0**-5, 5


@final
@dataclass(frozen=True)
class Comparison:
    """The derivative of the loss along one direction, by the gradient and by differences.

    Attributes:
        direction: in words.
        exact: gradient times direction.
        numeric: by differences.
        error: their distance, relative to the gradient's norm for a unit direction and to its largest entry
            for a single entry.
    """

    direction: str
    exact: float
    numeric: float
    error: float


def derivative(f: Callable[[float], float]) -> float:
    """Return f'(0) by central differences with Richardson's extrapolation.

    Math:
        D(h) = (f(h) - f(-h)) / 2h = f'(0) + c_1 h^2 + c_2 h^4 + ...
        combining D(h) and D(h/2) removes h^2, combining the results removes h^4, and so on
    """
    table = [[_central(f, FIRST_STEP * 0.5**i)] for i in range(HALVINGS)]
    best, closest = table[0][0], float("inf")
    for i in range(1, HALVINGS):
        for k in range(1, i + 1):
            finer, coarser = table[i][k - 1], table[i - 1][k - 1]
            table[i].append(finer + (finer - coarser) / (4.0**k - 1))
            # Two neighbours agree best where neither truncation nor rounding dominates.
            distance = max(abs(table[i][k] - finer), abs(table[i][k] - coarser))
            if distance < closest:
                best, closest = table[i][k], distance
    return best


def _central(f: Callable[[float], float], h: float) -> float:
    return (f(h) - f(-h)) / (2 * h)


def compare(
    net: Network,
    theta: Parameters,
    x: Any,
    y: Any,
    loss: Loss,
    *,
    directions: int = 8,
    entries: int = 24,
    seed: int = 0,
) -> list[Comparison]:
    """Return the gradient beside differences, along random unit directions and single entries, in float64.

    Shapes:
        x: (batch, ...)
        y: what the loss takes
    """
    theta, x = theta.astype(np.float64), np.asarray(x, np.float64)
    exact = value_and_gradient(net, theta, x, y, loss)[1].vector
    scales = {"random direction": float(np.linalg.norm(exact)), "entry": float(np.max(np.abs(exact)))}
    found = []
    for kind, words, v in _directions(theta, directions, entries, seed):

        def along(t: float, v: Any = v) -> float:
            return float(loss.value(net.forward(theta.with_vector(theta.vector + t * v), x), y))

        product, numeric = float(exact @ v), derivative(along)
        found.append(Comparison(words, product, numeric, abs(product - numeric) / scales[kind]))
    return found


def _directions(theta: Parameters, directions: int, entries: int, seed: int) -> Iterator[tuple[str, str, Any]]:
    generator = np.random.Generator(np.random.PCG64(seed))
    size = theta.layout.size
    for index in range(directions):
        v = generator.normal(size=size)
        yield "random direction", f"random direction {index}", v / np.linalg.norm(v)
    for place in generator.choice(size, min(entries, size), replace=False):
        name = next(name for name, part in theta.layout.slices.items() if part.start <= place < part.stop)
        shape, start = theta.layout.shapes[name], theta.layout.slices[name].start
        where = ", ".join(str(int(i)) for i in np.unravel_index(int(place) - start, shape))
        v = np.zeros(size)
        v[place] = 1
        yield "entry", f"{name}[{where}]", v
