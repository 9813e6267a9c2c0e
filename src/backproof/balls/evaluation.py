"""A network on balls: output, loss, gradients, and where its layers have kinks, all at one precision."""

from dataclasses import dataclass
from typing import Any, final

import flint
import numpy as np

from ..arrays import Array, to_numpy
from ..errors import DtypeError
from ..layers import Layer, Steps, leaves
from ..losses import Loss
from ..network import Network
from ..operators import Operator
from ..parameters import Parameters
from .arithmetic import Balls, Condition, balls
from .ball import raw

__all__ = ["Evaluation", "Kinks", "evaluate", "kinks_of"]


@final
@dataclass(frozen=True)
class Kinks:
    """How often an input of a layer with kinks was on one, by layer.

    Attributes:
        examined: entries of inputs of layers that have kinks.
        on: entries that are certainly on a kink, by layer.
        undecided: entries whose ball holds a kink and other points too, by layer; and entries of a layer's output whose
            ball is unbounded, as where it may divide by 0.
        unknown: layers that do not say where their kinks are.
    """

    examined: int
    on: dict[str, int]
    undecided: dict[str, int]
    unknown: tuple[str, ...] = ()


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
        DtypeError: a layer cannot be evaluated on numbers other than floats; the message names it.
        UndecidedError: a layer of your own asks for a comparison that has no answer at so many bits.
    """
    with flint.ctx.workprec(bits):
        on_balls, x = theta.with_vector(balls(to_numpy(theta.vector))), balls(to_numpy(x))
        steps = _linearized(net, on_balls, x)
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
        return _kinks(net, _linearized(net, on_balls, x), x)


def _linearized(net: Network, theta: Parameters, x: Balls) -> Steps:
    """Return the linearizations; an error says which layer is not made for numbers other than floats."""
    try:
        return net.linearize(theta, x)
    except (TypeError, AttributeError) as error:
        raise DtypeError(
            f"{_culprit(net, theta, x)} cannot be evaluated on balls: {error}; expected formulas of array functions "
            "such as exp, sqrt, sum and where, on the array's own library."
        ) from error


def _culprit(net: Network, theta: Parameters, x: Balls) -> str:
    for index, layer in enumerate(net):
        own = {name.removeprefix(f"{index}."): theta[name] for name in theta if name.startswith(f"{index}.")}
        try:
            x = layer.linearized(own, x).output
        except (TypeError, AttributeError):
            return f"layer {index}, {layer.label}"
    return "the network"


def _targets(y: Array, batch: int) -> Any:
    """Return numbers as balls, and class indices, (batch,) integers, as they are."""
    y = to_numpy(y)
    return y if y.shape == (batch,) and y.dtype.kind in "iu" else balls(y)


def _as_balls(value: Any) -> Any:
    # Zeros and ones that came about without arithmetic (an identity's, a dead unit's) are plain integers.
    return balls(np.asarray(value, dtype=object))


def _kinks(net: Network, steps: Steps, x: Balls) -> Kinks:
    examined, unknown = 0, []
    on: dict[str, int] = {}
    undecided: dict[str, int] = {}
    for place, layer, entries, output in leaves(net.chain, steps, x):
        label, found = f"layer {place}, {layer.label}", layer.kinks(entries)
        unbounded = int(np.count_nonzero(~_bounded(np.asarray(output))))
        if found is None:
            if type(layer).kinks is Layer.kinks and not type(layer).__module__.startswith("backproof.layers."):
                unknown.append(label)
            _count(undecided, label, unbounded)
            continue
        examined += entries.size
        sure, unsure = (found.yes, found.unknown) if isinstance(found, Condition) else (found, np.False_)
        _count(on, label, int(np.count_nonzero(sure)))
        _count(undecided, label, int(np.count_nonzero(unsure)) or unbounded)
    return Kinks(examined, on, undecided, tuple(dict.fromkeys(unknown)))


_each_bounded = np.frompyfunc(lambda entry: bool(raw(entry).is_finite()), 1, 1)


def _bounded(array: Any) -> Any:
    return np.asarray(_each_bounded(array), dtype=bool)


def _count(counts: dict[str, int], label: str, count: int) -> None:
    if count:
        counts[label] = counts.get(label, 0) + count
