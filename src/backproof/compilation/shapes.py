"""What can be known of inputs and targets before any came."""

from typing import Any

import numpy as np

from ..errors import OptionError, ShapeError
from ..layers import Layer
from ..layers.elementwise import Elementwise
from ..losses import CrossEntropy, Loss
from ..network import Network

__all__ = ["first_targets", "input_shape_of", "is_length", "require_input_shape"]


def is_length(number: Any) -> bool:
    """Whether a number may be the length of an axis."""
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def require_input_shape(who: str, shape: Any) -> tuple[int, ...]:
    """Return the shape of one input as a tuple.

    Raises:
        OptionError: it is no tuple or list of lengths.
    """
    if not isinstance(shape, tuple | list) or not all(map(is_length, shape)):
        hint = f" or ({shape},)" if is_length(shape) else ""
        raise OptionError(f"{who}: input_shape={shape!r:.40}, expected whole numbers, as in (28, 28){hint}.")
    return tuple(shape)


def input_shape_of(net: Network) -> tuple[int, ...] | None:
    """Return the shape of one input where a layer tells its size, before which no layer changes shapes."""
    features = _features(net.chain)
    return None if features is None else (features,)


def _features(layer: Layer) -> int | None:
    for name in ("in_features", "features"):
        size = getattr(layer, name, None)
        if isinstance(size, int):
            return size
    for part in getattr(layer, "parts", ()):
        found = _features(part)
        if found is not None or not isinstance(part, Elementwise):
            return found
    return None


def first_targets(net: Network, loss: Loss, shape: tuple[int, ...], dtype: Any) -> tuple[str, tuple[int, ...]]:
    """Return dtype and shape of one target as they usually are: class indices for a cross-entropy, else numbers."""
    if isinstance(loss, CrossEntropy):
        return "int64", ()
    try:
        outputs = net.output_shape(shape)
    except ShapeError:
        outputs = shape
    return str(np.dtype(dtype)), outputs
