"""What can be known of inputs and targets before any came."""

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..layers import Layer
from ..layers.elementwise import Elementwise
from ..losses import CrossEntropy, Loss
from ..network import Network

__all__ = ["first_targets", "input_shape_of"]


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
