"""Rigorous error bounds of a gradient: the exact one, of real numbers, enclosed in balls."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import FLOATING, Array, dtype_name, namespace, to_numpy
from ..backpropagation import input_gradient, value_and_gradient
from ..balls import require_flint
from ..errors import DtypeError, OptionError, UndecidedError
from ..layers import Layer
from ..losses import Loss
from ..losses.base import require_loss
from ..network import Network
from ..options import check_whole
from ..parameters import Parameters
from ..quantities.points import require_data
from .certified import Enclosure, ErrorBounds

__all__ = ["certify"]

FIRST_BITS, LAST_BITS = 80, 1280
"""Precisions that are tried, each twice the one before, until all entries are decided."""


def certify(
    net: Network, theta: Parameters, x: Array, y: Array, *, loss: Loss, precision: int | None = None
) -> ErrorBounds:
    r"""Return proven intervals around the exact loss and gradient, and the proven errors of the computed ones.

    The library's own formulas run on balls, intervals of real numbers that are rounded outwards, so what comes out
    holds the exact result at the given floats: the real function's loss and gradient, without any rounding. Settings
    of layers and losses (slopes, eps) count as the float64 numbers they are. Beside it the same formulas run in
    floating point, in the library and dtype of theta.

    Where a ball holds a kink and points beside it, the derivative's interval holds both sides; the layer is named in
    ``undecided_kinks``. Where a number is exactly on a kink, PyTorch's choice is taken, as everywhere in the library;
    the layer is named in ``on_kinks``.

    Shapes:
        x: (batch, \*input_shape)
        y: what the loss takes; numbers are taken in the dtype of theta, as the loss does

    Args:
        net: the network, as it acts outside training.
        theta: its parameters, float32 or float64.
        x: inputs, in the library and dtype of theta.
        y: targets.
        loss: a loss, as in ``CrossEntropy()``.
        precision: bits of the balls' middles. Without it they are doubled from 80 until every entry is decided, at
            most 1280.

    Raises:
        MissingExtraError: python-flint is not installed; the message has the install line.
        OptionError: ``loss`` is no loss, ``precision`` is no whole number of at least 2, or a layer is in training.
        ShapeError, DtypeError, DataError: an argument does not fit; the message names the layer or the loss.
        DtypeError: a layer cannot be evaluated on numbers other than floats; the message names it.
        NonFiniteError: the computed loss is NaN or infinite; the message names the first layer where that arises.
        UndecidedError: a layer of your own asks whether balls are ordered that overlap at every precision.

    Source: docs/mathematics.md, "The theorem and its three orders"; python-flint's arb for the arithmetic.
    """
    require_flint("certify")
    require_loss("certify", loss)
    _require_floats(theta, x)
    require_data("certify", x, y)
    _require_evaluation(net)
    bits = FIRST_BITS if precision is None else check_whole("certify", "precision", precision, 2)
    y = _targets(theta, y)
    computed = _computed(net, theta, x, y, loss)
    while True:
        last = precision is not None or bits >= LAST_BITS
        bounds = _at(net, theta, x, y, loss, bits, computed, last)
        if bounds is not None and (last or bounds.decided):
            return bounds
        bits *= 2


def _at(
    net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, bits: int, computed: "_Computed", last: bool
) -> ErrorBounds | None:
    """Return the bounds at one precision; None if a comparison needs more."""
    from ..balls.evaluation import evaluate

    try:
        found = evaluate(net, theta, x, y, loss, bits)
    except UndecidedError:
        if last:
            raise
        return None
    return ErrorBounds(
        loss=Enclosure(found.loss, computed.loss),
        output=Enclosure(found.output, computed.output),
        input_gradient=Enclosure(found.input_gradient, computed.input_gradient),
        gradient={name: Enclosure(balls, computed.gradient[name]) for name, balls in found.gradient.items()},
        bits=bits,
        dtype=dtype_name(theta.vector),
        examined=found.kinks.examined,
        on_kinks=found.kinks.on,
        undecided_kinks=found.kinks.undecided,
    )


class _Computed:
    """What floating point says."""

    def __init__(self, loss: Any, output: Any, input_gradient: Any, gradient: Mapping[str, Any]) -> None:
        self.loss, self.output = np.asarray(to_numpy(loss)), to_numpy(output)
        self.input_gradient = to_numpy(input_gradient)
        self.gradient = {name: to_numpy(gradient[name]) for name in gradient}


def _computed(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss) -> _Computed:
    value, gradient = value_and_gradient(net, theta, x, y, loss)
    return _Computed(value, net.forward(theta, x), input_gradient(net, theta, x, y, loss), gradient)


def _targets(theta: Parameters, y: Array) -> Array:
    """Return numbers in the dtype of theta, in which the loss takes them, and anything else as it is."""
    kind = dtype_name(y) if hasattr(y, "dtype") else ""
    return namespace(y).astype(y, theta.vector.dtype) if "float" in kind and kind in FLOATING else y


def _require_floats(theta: Any, x: Any) -> None:
    """Raise DtypeError for numbers that have no last place, and for what holds no parameters."""
    if not isinstance(theta, Parameters):
        raise DtypeError(
            f"certify: theta is of type {type(theta).__name__}, expected Parameters, as of net.initialize(seed=0)."
        )
    for what, array in (("theta", getattr(theta, "vector", None)), ("x", x)):
        if hasattr(array, "dtype") and dtype_name(array) not in FLOATING:
            raise DtypeError(f"certify: {what} has dtype {dtype_name(array)}, expected float32 or float64.")


def _require_evaluation(net: Network) -> None:
    """Raise OptionError if a layer acts as in training, or lets examples depend on one another."""
    for index, layer in enumerate(net):
        if layer.coupled or _in_training(layer):
            raise OptionError(
                f"certify: layer {index}, {layer.label} acts as in training, expected the network as it predicts; "
                "give the network itself, not net.training(step)."
            )


def _in_training(layer: Layer) -> bool:
    parts: Any = getattr(layer, "parts", ())
    return getattr(layer, "step", None) is not None or any(_in_training(part) for part in parts)
