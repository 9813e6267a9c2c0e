"""The same networks and losses in PyTorch, by a small interpreter that knows no Jacobian."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

import backproof as bp
from backproof.layers import Chain, Layer

F = torch.nn.functional


def _normalized(layer: Any, p: Any, x: Any) -> Any:
    # Made of elementary operations: PyTorch's second derivatives through F.layer_norm are not symmetric.
    centred = x - x.mean(-1, keepdim=True)
    h = centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + layer.eps)
    return h * p.get("weight", 1.0) + p.get("bias", 0.0)


ELEMENTARY: dict[str, Callable[..., Any]] = {
    "Linear": lambda layer, p, x: F.linear(x, p["weight"], p.get("bias")),
    "AugmentedLinear": lambda layer, p, x: F.linear(x, p["weight"][:, :-1], p["weight"][:, -1]),
    "Tanh": lambda layer, p, x: torch.tanh(x),
    "Sigmoid": lambda layer, p, x: torch.sigmoid(x),
    "ReLU": lambda layer, p, x: torch.relu(x),
    "LeakyReLU": lambda layer, p, x: F.leaky_relu(x, layer.slope),
    "Softplus": lambda layer, p, x: torch.logaddexp(x, torch.zeros_like(x)),
    "GELU": lambda layer, p, x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))),
    "Sine": lambda layer, p, x: torch.sin(layer.frequency * x),
    "Softmax": lambda layer, p, x: torch.softmax(x, -1),
    "LogSoftmax": lambda layer, p, x: torch.log_softmax(x, -1),
    "LayerNorm": _normalized,
    "RMSNorm": lambda layer, p, x: x / torch.sqrt((x**2).mean(-1, keepdim=True) + layer.eps) * p["weight"],
    "Flatten": lambda layer, p, x: x.flatten(1),
}


def forward(layer: Layer, p: dict[str, Any], x: Any) -> Any:
    """Return the layer's output for a batch; parameters by their names in the layer."""
    name = type(layer).__name__
    if name in ELEMENTARY:
        return ELEMENTARY[name](layer, p, x)
    parts: Any = layer.parts  # type: ignore[attr-defined]
    own = [{k.split(".", 1)[1]: v for k, v in p.items() if k.startswith(f"{i}.")} for i in range(len(parts))]
    if name in ("Chain", "Shared"):
        for _ in range(getattr(layer, "times", 1)):
            for part, q in zip(parts, own, strict=True):
                x = forward(part, q, x)
        return x
    ys = [forward(part, q, x) for part, q in zip(parts, own, strict=True)]
    if name == "Residual":
        return x + ys[0]
    if name == "Concatenate":
        return torch.cat([y.flatten(1) for y in ys], 1)
    return sum(ys[1:], start=ys[0]) if name == "Sum" else math.prod(ys[1:], start=ys[0])


LOSSES: dict[str, Callable[..., Any]] = {
    "CrossEntropy": lambda loss, z, y: F.cross_entropy(z, y, reduction="none", label_smoothing=loss.smoothing),
    "BinaryCrossEntropy": lambda loss, z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none").sum(1),
    "SquaredError": lambda loss, z, y: ((z - y) ** 2).sum(1) / 2,
    "Huber": lambda loss, z, y: F.huber_loss(z, y, reduction="none", delta=loss.width).sum(1),
    "Poisson": lambda loss, z, y: (torch.exp(z) - y * z).sum(1),
}


@dataclass(frozen=True)
class Point:
    """A network at a point, and what PyTorch says of it, in float64.

    Shapes:
        outputs: (batch, m)
        losses: (batch,)
    """

    net: bp.Network
    theta: bp.Parameters
    x: Any
    y: Any
    loss: Any

    def outputs(self, vector: Any, x: Any) -> Any:
        """Return the flattened outputs for a vector of parameters and a batch."""
        layout = self.theta.layout
        p = {name: vector[where].reshape(layout.shapes[name]) for name, where in layout.slices.items()}
        return forward(Chain(self.net.layers), p, x).flatten(1)

    def losses(self, vector: Any, x: Any, y: Any) -> Any:
        """Return the losses of the examples."""
        return LOSSES[type(self.loss).__name__](self.loss, self.outputs(vector, x), y)

    @property
    def tensors(self) -> tuple[Any, Any, Any]:
        """theta, x and y as tensors."""
        return tuple(torch.tensor(np.asarray(a)) for a in (self.theta.vector, self.x, self.y))  # type: ignore[return-value]

    def each(self, function: Callable[..., Any]) -> Any:
        """Return ``function(vector, x[None], y[None])`` of every example, stacked, as NumPy's."""
        v, x, y = self.tensors
        return torch.stack([function(v, x[i : i + 1], y[i : i + 1]) for i in range(len(x))]).numpy()

    def input_jacobian(self) -> Any:
        """Return (batch, m, n)."""
        jacrev = torch.func.jacrev(self.outputs, argnums=1)
        return self.each(lambda v, x, y: jacrev(v, x)[0, :, 0].flatten(1))

    def parameter_jacobian(self) -> Any:
        """Return (batch, m, P)."""
        jacrev = torch.func.jacrev(self.outputs)
        return self.each(lambda v, x, y: jacrev(v, x)[0])

    def gradients(self) -> Any:
        """Return the gradients of the examples' own losses, (batch, P)."""
        grad = torch.func.grad(lambda v, x, y: self.losses(v, x, y)[0])
        return self.each(grad)

    def output_hessians(self) -> Any:
        """Return the Hessians of the losses in the outputs, (batch, m, m)."""
        v, x, y = self.tensors
        twin = LOSSES[type(self.loss).__name__]
        z = self.outputs(v, x)
        hessian = torch.func.jacrev(torch.func.jacrev(lambda z, y: twin(self.loss, z, y)[0]))
        return torch.stack([hessian(z[i : i + 1], y[i : i + 1])[0, :, 0] for i in range(len(x))]).numpy()

    def hessian(self) -> Any:
        """Return the Hessian of the mean loss in the parameters, (P, P), by reverse over reverse."""
        v, x, y = self.tensors
        return torch.func.jacrev(torch.func.jacrev(lambda v: self.losses(v, x, y).mean()))(v).numpy()

    def with_loss(self, loss: Any, seed: int = 3) -> "Point":
        """Return the same network and examples with another loss and targets that fit it."""
        m = int(np.prod(self.net.output_shape(self.x.shape[1:])))
        return replace(self, loss=loss, y=_targets(loss, np.random.default_rng(seed), len(self.x), m))


def _targets(loss: Any, g: np.random.Generator, batch: int, m: int) -> Any:
    name = type(loss).__name__
    if name == "CrossEntropy":
        return g.integers(0, m, batch)
    if name == "BinaryCrossEntropy":
        return g.integers(0, 2, (batch, m)).astype(float)
    return g.integers(0, 4, (batch, m)).astype(float) if name == "Poisson" else g.normal(size=(batch, m))


def point(layers: list[Any], shape: tuple[int, ...], loss: Any, batch: int = 5, seed: int = 0) -> Point:
    """Return a network with random parameters at random examples."""
    g = np.random.default_rng(seed)
    net = bp.Network(layers)
    theta = net.initialize(seed, "float64")
    theta = theta.with_vector(theta.vector + 0.4 * g.normal(size=theta.vector.shape))
    m = int(np.prod(net.output_shape(shape)))
    return Point(net, theta, g.normal(size=(batch, *shape)), _targets(loss, g, batch, m), loss)


def _dense(n: int, m: int, activation: Layer) -> list[Layer]:
    return [bp.Linear(n, m), activation]


POINTS: dict[str, Callable[[], Point]] = {
    "tanh": lambda: point([*_dense(4, 5, bp.Tanh()), bp.Linear(5, 3)], (4,), bp.CrossEntropy()),
    "one example": lambda: point([*_dense(3, 4, bp.Tanh()), bp.Linear(4, 3)], (3,), bp.CrossEntropy(), batch=1),
    "one output": lambda: point([*_dense(3, 4, bp.Sigmoid()), bp.Linear(4, 1)], (3,), bp.SquaredError()),
    "relu": lambda: point(
        [*_dense(4, 6, bp.ReLU()), *_dense(6, 5, bp.LeakyReLU(0.2)), bp.Linear(5, 3)], (4,), bp.CrossEntropy()
    ),
    "no bias": lambda: point(
        [bp.Linear(4, 3, bias=False), bp.GELU(), bp.AugmentedLinear(3, 2)], (4,), bp.SquaredError()
    ),
    "norms": lambda: point(
        [bp.Linear(4, 5), bp.LayerNorm(5), bp.Softplus(), bp.RMSNorm(5), bp.Linear(5, 3), bp.LogSoftmax()],
        (4,), bp.SquaredError(),
    ),
    "residual": lambda: point(
        [bp.Linear(4, 3), bp.Residual([bp.Linear(3, 4), bp.Tanh(), bp.Linear(4, 3)]), bp.Softmax(), bp.Linear(3, 2)],
        (4,), bp.BinaryCrossEntropy(),
    ),
    "branches": lambda: point(
        [
            bp.Sum((bp.Linear(3, 4), [bp.Linear(3, 4), bp.Tanh()])),
            bp.Product((bp.Linear(4, 3), [bp.Linear(4, 3), bp.Sigmoid()])),
            bp.Concatenate((bp.Sine(), [bp.Linear(3, 2), bp.Tanh()])),
            bp.Linear(5, 2),
        ],
        (3,), bp.SquaredError(),
    ),
    "shared": lambda: point(
        [bp.Linear(3, 4), bp.Shared([bp.Linear(4, 4), bp.Tanh()], 3), bp.Linear(4, 2)], (3,), bp.Poisson()
    ),
    "places": lambda: point(
        [bp.Linear(3, 4), bp.LayerNorm(4), bp.Tanh(), bp.Residual(bp.Linear(4, 4)), bp.Flatten(), bp.Linear(8, 3)],
        (2, 3), bp.CrossEntropy(smoothing=0.1),
    ),
    "places to the end": lambda: point([*_dense(3, 2, bp.Tanh()), bp.Linear(2, 2)], (2, 3), bp.SquaredError()),
    "huber": lambda: point([*_dense(3, 4, bp.Tanh()), bp.Linear(4, 2)], (3,), bp.Huber(width=0.7)),
}  # fmt: skip
"""Networks of every kind of composition, each at a point away from kinks."""
