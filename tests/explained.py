"""Derivations that several tests look at: a small network, one of images, a deep one that is folded."""

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

import backproof as bp
from backproof.derivation import explain


def affine(*sizes: int) -> bp.Network:
    """Return affine layers of these sizes with tanh between them."""
    layers: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        layers += [bp.Linear(inputs, outputs), bp.Tanh()]
    return bp.Network(layers[:-1])


NETWORKS = {
    "small": affine(4, 5, 3),
    "images": affine(64, 32, 10),
    "deep": affine(*[6] * 25, 3),
    "large": affine(784, 256, 128, 10),
}


@lru_cache(maxsize=8)
def derivation(name: str) -> Any:
    """Return the derivation of one of the networks at one random example, in float64."""
    net = NETWORKS[name]
    generator = np.random.default_rng(7)
    inputs = net[0].in_features  # type: ignore[attr-defined]
    x, y = generator.normal(size=(1, inputs)), np.array([1])
    return explain(net, net.initialize(0, "float64"), x, y, bp.CrossEntropy())
