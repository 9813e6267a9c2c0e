"""A network on balls: output, loss, gradients, and where its layers have kinks, all at one precision."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import flint
import numpy as np

from ..arrays import Array, to_numpy
from ..layers import Branches, Layer, Linearization, Repeated, Steps
from ..losses import Loss
from ..network import Network
from ..operators import Operator
from ..parameters import Parameters
from .arithmetic import Balls, Condition, balls

__all__ = ["Evaluation", "Kinks", "evaluate", "kinks_of"]


@final
@dataclass(frozen=True)
class Kinks:
    """How often an input of a layer with kinks was on one, by layer.

    Attributes:
        examined: entries of inputs of layers that have kinks.
        on: entries that are certainly on a kink, by layer.
        undecided: entries whose ball holds a kink and other points too, by layer.
    """

    examined: int
    on: dict[str, int]
    undecided: dict[str, int]


@final
@dataclass(frozen=True, eq=False)
class Evaluation:
    r"""What was computed on balls.

    Shapes:
        output: (batch, \*output_shape)
        loss: ()
        input_gradient: (batch, \*input_shape)
        gradient[name]: the parameter's shape
    """

    bits: int
    output: Balls
    loss: Balls
    input_gradient: Balls
    gradient: dict[str, Balls]
    kinks: Kinks


def evaluate(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, bits: int) -> Evaluation:
    """Run the recursion on balls around the given floats.

    Raises:
        UndecidedError: a layer of your own asks for a comparison that has no answer at so many bits.
    """
    with flint.ctx.workprec(bits):
        on_balls, x = theta.with_vector(balls(to_numpy(theta.vector))), balls(to_numpy(x))
        steps = net.linearize(on_balls, x)
        value, delta = loss.value_and_gradient(steps.output, _targets(y, x.shape[0]))
        sink: dict[str, Any] = {}

        def visit(name: str, B: Operator, delta: Array) -> None:
            block = B.pull_sum(delta)
            sink[name] = sink[name] + block if name in sink else block

        returned = steps.backward(delta, visit)
        return Evaluation(
            bits,
            _as_balls(steps.output),
            _as_balls(value),
            _as_balls(returned).reshape(x.shape),
            {name: _as_balls(sink[name]).reshape(shape) for name, shape in theta.layout.shapes.items()},
            _kinks(net, steps, x),
        )


def kinks_of(net: Network, theta: Parameters, x: Array, bits: int) -> Kinks:
    """Return how often an input of a layer is on a kink, found on balls around the given floats."""
    with flint.ctx.workprec(bits):
        on_balls, x = theta.with_vector(balls(to_numpy(theta.vector))), balls(to_numpy(x))
        return _kinks(net, net.linearize(on_balls, x), x)


def _targets(y: Array, batch: int) -> Any:
    """Return numbers as balls, and class indices, (batch,) integers, as they are."""
    y = to_numpy(y)
    return y if y.shape == (batch,) and y.dtype.kind in "iu" else balls(y)


def _as_balls(value: Any) -> Any:
    # Zeros and ones that came about without arithmetic (an identity's, a dead unit's) are plain integers.
    return balls(np.asarray(value, dtype=object))


def _kinks(net: Network, steps: Steps, x: Balls) -> Kinks:
    examined = 0
    on: dict[str, int] = {}
    undecided: dict[str, int] = {}
    for place, layer, entries in leaves(net.chain, steps, x):
        found = layer.kinks(entries)
        if found is None:
            continue
        sure, unknown = (found.yes, found.unknown) if isinstance(found, Condition) else (found, np.False_)
        examined += entries.size
        for counts, where in ((on, sure), (undecided, unknown)):
            if count := int(np.count_nonzero(where)):
                label = f"layer {place}, {layer.label}"
                counts[label] = counts.get(label, 0) + count
    return Kinks(examined, on, undecided)


def leaves(layer: Layer, step: Linearization, x: Array, place: str = "") -> Iterator[tuple[str, Layer, Array]]:
    """Yield (place, layer, its input) for every layer that is not made of layers."""
    parts: Any = getattr(layer, "parts", ())
    if isinstance(step, Steps | Repeated):
        for index, inner in enumerate(step.steps):
            own = 0 if isinstance(step, Repeated) else index
            yield from leaves(parts[own], inner, x, f"{place}{own}.")
            x = inner.output
    elif isinstance(step, Branches):
        for index, (part, inner) in enumerate(zip(parts, step.steps, strict=True)):
            yield from leaves(part, inner, x, f"{place}{index}.")
    else:
        yield place.rstrip("."), layer, x
