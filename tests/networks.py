"""Random networks of all layers and combinators, with the same function in PyTorch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import backproof as bp
from cases import LAYER_CASES, LayerCase

FLAT_CASES = tuple(case for case in LAYER_CASES if case.axes)


@dataclass(frozen=True)
class Drawn:
    """A network, a point, a target, a loss, and the layers' cases."""

    net: bp.Network
    cases: tuple[LayerCase, ...]
    theta: bp.Parameters
    x: Any
    y: Any
    loss: Any

    def torch_gradient(self) -> tuple[Any, Any, Any]:
        """Return loss and gradients in theta and x by PyTorch's autodiff, through the cases' twins."""
        vector = torch.tensor(np.asarray(self.theta.vector, float), requires_grad=True)
        x = torch.tensor(np.asarray(self.x, float), requires_grad=True)
        p = {
            name: vector[where].reshape(self.theta.layout.shapes[name])
            for name, where in self.theta.layout.slices.items()
        }
        z = x
        for index, case in enumerate(self.cases):
            own = {name.split(".", 1)[1]: array for name, array in p.items() if name.startswith(f"{index}.")}
            z = case.twin(torch, own, z)
        twin = {"SquaredError": _squared, "CrossEntropy": _entropy, "Huber": _huber}[type(self.loss).__name__]
        value = twin(z.flatten(1), torch.tensor(self.y))
        gradients = torch.autograd.grad(value, (vector, x), allow_unused=True, materialize_grads=True)
        return value.item(), gradients[0].numpy(), gradients[1].numpy()


def _squared(z: Any, y: Any) -> Any:
    return ((z - y) ** 2).sum(1).mean() / 2


def _entropy(z: Any, y: Any) -> Any:
    return torch.nn.functional.cross_entropy(z, y)


def _huber(z: Any, y: Any) -> Any:
    return torch.nn.functional.huber_loss(z, y, reduction="none").sum(1).mean()


def draw_network(seed: int, depth: int, batch: int = 2, places: tuple[int, ...] = ()) -> Drawn:
    """Return a random network of ``depth`` layers with parameters of moderate size."""
    g = np.random.default_rng(seed)
    n = int(g.integers(3, 6))
    shape: tuple[int, ...] = (*places, n)
    start, cases, layers = shape, [], []
    for _ in range(depth):
        case = FLAT_CASES[g.integers(len(FLAT_CASES))]
        layers.append(case.make(shape[-1], int(g.integers(3, 5))))
        cases.append(case)
        shape = layers[-1].output_shape(shape)
    net = bp.Network(layers)
    theta = net.initialize(seed, dtype="float64")
    theta = theta.with_vector(theta.vector + 0.3 * g.normal(size=theta.vector.shape))
    out = int(np.prod(shape))
    loss = (bp.SquaredError(), bp.CrossEntropy(), bp.Huber())[g.integers(3)]
    if isinstance(loss, bp.CrossEntropy) and len(shape) > 1:
        loss = bp.Huber()  # one distribution for every example is what CrossEntropy takes
    y = g.integers(0, out, batch) if isinstance(loss, bp.CrossEntropy) else g.normal(size=(batch, out))
    return Drawn(net, tuple(cases), theta, g.normal(size=(batch, *start)), y, loss)
