"""Loss and metric of examples under fixed parameters, batch by batch."""

from collections.abc import Callable

import numpy as np

from ..arrays import Array, dtype_name
from ..errors import DataError, NonFiniteError
from ..losses import Loss
from ..network import Network
from ..parameters import Parameters
from .examples import Batches
from .metrics import metric_class
from .naming import renamed

BATCH = 1024
"""Examples evaluated at a time."""


def evaluate(
    net: Network,
    theta: Parameters,
    examples: Batches,
    loss: Loss,
    metric: str | None = None,
    *,
    batch_size: int = BATCH,
    between: Callable[[], bool] | None = None,
) -> tuple[float, float | None] | None:
    """Return the mean loss of the examples, and their metric if one is named.

    Args:
        net: the network; dropout is off.
        theta: its parameters.
        examples: inputs and targets; their weights are not used.
        loss: summed over the examples and divided by their number, whatever its reduction.
        metric: a name in ``METRICS``.
        batch_size: examples at a time.
        between: called before every batch; if it returns True the evaluation is given up and None returned.

    Raises:
        NonFiniteError: an output or the loss is NaN or infinite; the message names the layer and the example.
        DataError: a target does not fit the loss; the message names the example.
    """
    measure = metric_class(metric)(loss) if metric is not None else None
    total = 0.0
    for number, (x, y) in enumerate(examples.batches(batch_size)):
        if between is not None and between():
            return None
        start = number * batch_size
        try:
            z, part = _summed(net, theta, x, y, loss)
        except (NonFiniteError, DataError) as error:
            raise renamed(error, examples.who, lambda row, start=start: start + row) from None  # type: ignore[misc]
        total += part
        if measure is not None:
            measure.add(z, y)
    return total / len(examples), None if measure is None else measure.value()


def _summed(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss) -> tuple[Array, float]:
    """Return the outputs for a batch and the sum of their losses."""
    with np.errstate(all="ignore"):
        z = net.forward(theta, x)
        part = float(np.sum(loss.examples(z, y), dtype=np.float64))
    if not np.isfinite(part):
        raise net.first_nonfinite(theta, x) or NonFiniteError(
            f"the loss is {part} in {dtype_name(z)} although all outputs are finite."
        )
    return z, part
