"""Test cases as data: every layer, loss and operator structure with settings, sizes and a PyTorch twin.

A twin is the same function written with PyTorch's own operations, ``twin(torch, theta, x)``; PyTorch is handed
in, so that this module can be read without it. A new layer, loss or structure needs one entry here, no more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import backproof as bp
from backproof import operators as ops
from backproof.layers import Layer
from backproof.losses import Loss
from backproof.operators import Operator

Shape = tuple[int, ...]
Twin = Callable[[Any, Mapping[str, Any], Any], Any]


def _row(n: int, m: int) -> Shape:
    return (n,)


@dataclass(frozen=True)
class LayerCase:
    """A layer of given sizes and what it is compared with.

    Attributes:
        make: (n, m) to the layer; most ignore the sizes.
        twin: the same function in PyTorch.
        example: (n, m) to the shape of one example.
        axes: whether further axes may stand before the example's.
        kinks: inputs at which there is no derivative, where PyTorch's choice is asked for.
        tails: whether +-1e4 is a sensible input.
        smallest: the smallest n with a Jacobian that is not itself the result of cancellation.
        longdouble: whether every function in it is known to NumPy in extended precision.
    """

    make: Callable[[int, int], Layer]
    twin: Twin
    example: Callable[[int, int], Shape] = _row
    axes: bool = True
    kinks: tuple[float, ...] = ()
    tails: bool = True
    smallest: int = 1
    longdouble: bool = True

    @property
    def layer(self) -> Layer:
        return self.make(4, 3)

    @property
    def shape(self) -> Shape:
        return self.example(4, 3)

    @property
    def name(self) -> str:
        return type(self.layer).__name__


def elementwise(
    make: Callable[[], Layer], function: Callable[[Any, Any], Any], *kinks: float, **more: Any
) -> LayerCase:
    return LayerCase(lambda n, m: make(), lambda torch, p, x: function(torch, x), kinks=kinks, **more)


def _affine(torch: Any, p: Mapping[str, Any], x: Any, name: str = "") -> Any:
    return torch.nn.functional.linear(x, p[f"{name}weight"], p.get(f"{name}bias"))


def _augmented(torch: Any, p: Mapping[str, Any], x: Any) -> Any:
    return torch.nn.functional.linear(x, p["weight"][:, :-1], p["weight"][:, -1])


def _layer_norm(eps: float) -> Twin:
    return lambda torch, p, x: torch.nn.functional.layer_norm(x, x.shape[-1:], p.get("weight"), p.get("bias"), eps)


def _rms_norm(eps: float) -> Twin:
    return lambda torch, p, x: torch.nn.functional.rms_norm(x, x.shape[-1:], p.get("weight"), eps)


def _dropped(torch: Any, p: Mapping[str, Any], x: Any) -> Any:
    entropy = np.random.SeedSequence([7, 3, 1, 2])
    drawn = np.random.Generator(np.random.Philox(entropy)).random(tuple(x.shape))
    return x * torch.tensor(np.where(drawn >= 0.25, 1 / 0.75, 0.0), dtype=x.dtype)


def _mlp(torch: Any, p: Mapping[str, Any], x: Any, prefix: str = "") -> Any:
    return _affine(torch, p, torch.tanh(_affine(torch, p, x, f"{prefix}0.")), f"{prefix}2.")


def _repeat(torch: Any, p: Mapping[str, Any], x: Any) -> Any:
    for _ in range(3):
        x = torch.tanh(_affine(torch, p, x, "0.0."))
    return x


def _nested(torch: Any, p: Mapping[str, Any], x: Any) -> Any:
    inner = x + torch.sigmoid(_affine(torch, p, x, "0.0.0."))
    return inner * torch.tanh(_affine(torch, p, x, "1.0."))


def _side_by_side(torch: Any, p: Mapping[str, Any], x: Any) -> Any:
    return torch.cat([torch.tanh(_affine(torch, p, x, "0.0.")).flatten(1), torch.sin(x).flatten(1)], 1)


LAYER_CASES: tuple[LayerCase, ...] = (
    LayerCase(lambda n, m: bp.Linear(n, m), _affine),
    LayerCase(lambda n, m: bp.Linear(n, m, bias=False), _affine),
    LayerCase(lambda n, m: bp.Linear(n, m, initialization="he"), _affine),
    LayerCase(lambda n, m: bp.AugmentedLinear(n, m), _augmented),
    LayerCase(lambda n, m: bp.AugmentedLinear(n, m, bias=False), _affine),
    elementwise(bp.ReLU, lambda t, x: t.relu(x), 0),
    elementwise(lambda: bp.LeakyReLU(0.2), lambda t, x: t.nn.functional.leaky_relu(x, 0.2), 0),
    elementwise(bp.ELU, lambda t, x: t.nn.functional.elu(x)),
    elementwise(lambda: bp.ELU(0.7), lambda t, x: t.nn.functional.elu(x, 0.7), 0),
    elementwise(bp.SELU, lambda t, x: t.selu(x), 0),
    elementwise(bp.CELU, lambda t, x: t.celu(x)),
    # PyTorch's own celu, hardsigmoid and softplus hold float32 constants or overflow: the same made of others.
    elementwise(lambda: bp.CELU(0.7), lambda t, x: t.where(x > 0, x, 0.7 * t.expm1(x.clamp(max=0) / 0.7))),
    elementwise(bp.GELU, lambda t, x: t.nn.functional.gelu(x), longdouble=False),
    elementwise(lambda: bp.GELU(tanh=True), lambda t, x: t.nn.functional.gelu(x, approximate="tanh")),
    elementwise(bp.SiLU, lambda t, x: t.nn.functional.silu(x)),
    elementwise(bp.Mish, lambda t, x: t.nn.functional.mish(x)),
    elementwise(bp.Softplus, lambda t, x: t.logaddexp(x, t.zeros_like(x))),
    elementwise(lambda: bp.Softplus(2.5), lambda t, x: t.logaddexp(2.5 * x, t.zeros_like(x)) / 2.5),
    elementwise(bp.Softsign, lambda t, x: t.nn.functional.softsign(x)),
    elementwise(bp.Sigmoid, lambda t, x: t.sigmoid(x)),
    elementwise(bp.LogSigmoid, lambda t, x: t.nn.functional.logsigmoid(x)),
    elementwise(bp.Tanh, lambda t, x: t.tanh(x)),
    elementwise(bp.Tanhshrink, lambda t, x: t.nn.functional.tanhshrink(x)),
    elementwise(bp.Sine, lambda t, x: t.sin(x)),
    elementwise(lambda: bp.Sine(0.5), lambda t, x: t.sin(0.5 * x)),
    elementwise(bp.Hardtanh, lambda t, x: t.nn.functional.hardtanh(x), -1, 1),
    elementwise(lambda: bp.Hardtanh(-0.5, 2.0), lambda t, x: t.nn.functional.hardtanh(x, -0.5, 2.0), -0.5, 2.0),
    elementwise(bp.ReLU6, lambda t, x: t.nn.functional.relu6(x), 0, 6),
    elementwise(bp.Hardsigmoid, lambda t, x: t.nn.functional.relu6(x + 3) / 6, -3, 3),
    elementwise(bp.Hardswish, lambda t, x: t.nn.functional.hardswish(x), -3, 3),
    elementwise(bp.Softshrink, lambda t, x: t.nn.functional.softshrink(x), -0.5, 0.5),
    elementwise(lambda: bp.Softshrink(0.25), lambda t, x: t.nn.functional.softshrink(x, 0.25), -0.25, 0.25),
    elementwise(bp.Hardshrink, lambda t, x: t.nn.functional.hardshrink(x), -0.5, 0.5),
    elementwise(lambda: bp.Hardshrink(0.25), lambda t, x: t.nn.functional.hardshrink(x, 0.25), -0.25, 0.25),
    elementwise(bp.Threshold, lambda t, x: t.nn.functional.threshold(x, 0.0, 0.0), 0),
    elementwise(lambda: bp.Threshold(0.5, -2.0), lambda t, x: t.nn.functional.threshold(x, 0.5, -2.0), 0.5),
    LayerCase(lambda n, m: bp.Softmax(), lambda t, p, x: t.softmax(x, -1)),
    LayerCase(lambda n, m: bp.LogSoftmax(), lambda t, p, x: t.log_softmax(x, -1), smallest=2),
    LayerCase(lambda n, m: bp.LayerNorm(n), _layer_norm(1e-5), smallest=3),
    LayerCase(lambda n, m: bp.LayerNorm(n, eps=0.1, bias=False), _layer_norm(0.1), smallest=3),
    LayerCase(lambda n, m: bp.LayerNorm(n, gain=False, bias=False), _layer_norm(1e-5), smallest=3),
    LayerCase(lambda n, m: bp.LayerNorm(n, gain=False), _layer_norm(1e-5), smallest=3),
    LayerCase(lambda n, m: bp.RMSNorm(n), _rms_norm(1e-5), smallest=2),
    LayerCase(lambda n, m: bp.RMSNorm(n, eps=0.1, gain=False), _rms_norm(0.1), smallest=2),
    LayerCase(lambda n, m: bp.Flatten(), lambda t, p, x: x.flatten(1)),
    LayerCase(lambda n, m: bp.Reshape((-1,)), lambda t, p, x: x.flatten(1)),
    LayerCase(
        lambda n, m: bp.Reshape((m, -1)), lambda t, p, x: x.reshape(x.shape[0], x.shape[2], -1), lambda n, m: (n, m),
        axes=False,
    ),
    LayerCase(lambda n, m: bp.Dropout(), lambda t, p, x: x),
    LayerCase(lambda n, m: bp.Dropout(0.25, seed=7).training(3, (1, 2)), _dropped),
    LayerCase(lambda n, m: bp.layers.Chain((bp.Linear(n, m), bp.Tanh(), bp.Linear(m, 2))), _mlp),
    LayerCase(
        lambda n, m: bp.Residual([bp.Linear(n, m), bp.Tanh(), bp.Linear(m, n)]),
        lambda t, p, x: x + _mlp(t, p, x, "0."),
    ),
    LayerCase(lambda n, m: bp.Residual(bp.Sigmoid()), lambda t, p, x: x + t.sigmoid(x)),
    LayerCase(
        lambda n, m: bp.Sum((bp.Linear(n, m), [bp.Linear(n, m), bp.Sigmoid()], bp.Linear(n, m, bias=False))),
        lambda t, p, x: _affine(t, p, x, "0.") + t.sigmoid(_affine(t, p, x, "1.0.")) + _affine(t, p, x, "2."),
    ),
    LayerCase(
        lambda n, m: bp.Product((bp.Linear(n, m), [bp.Linear(n, m), bp.Sigmoid()])),
        lambda t, p, x: _affine(t, p, x, "0.") * t.sigmoid(_affine(t, p, x, "1.0.")),
    ),
    LayerCase(
        lambda n, m: bp.Product((bp.Linear(n, m), bp.Linear(n, m), [bp.Linear(n, m), bp.Tanh()])),
        lambda t, p, x: _affine(t, p, x, "0.") * _affine(t, p, x, "1.") * t.tanh(_affine(t, p, x, "2.0.")),
        tails=False,
    ),
    LayerCase(lambda n, m: bp.Concatenate(([bp.Linear(n, m), bp.Tanh()], bp.Sine())), _side_by_side),
    LayerCase(lambda n, m: bp.Shared([bp.Linear(n, n), bp.Tanh()], 3), _repeat),
    LayerCase(lambda n, m: bp.Shared(bp.Linear(n, n), 1), lambda t, p, x: _affine(t, p, x, "0.")),
    LayerCase(
        lambda n, m: bp.Product((bp.Residual([bp.Linear(n, n), bp.Sigmoid()]), [bp.Linear(n, n), bp.Tanh()])), _nested
    ),
)  # fmt: skip


@dataclass(frozen=True)
class LossCase:
    """A loss, how its targets are drawn, and the losses of single examples in PyTorch.

    Attributes:
        loss: with the mean reduction.
        targets: (generator, batch, n) to targets.
        twin: (torch, z, y) to (batch,) losses.
        kinks: differences z - y at which there is no second derivative.
        tails: whether +-1e4 is a sensible output.
        reference: (torch.nn, n) to PyTorch's module and the factor by which our mean differs from it.
    """

    loss: Loss
    targets: Callable[[np.random.Generator, int, int], Any]
    twin: Callable[[Any, Any, Any], Any]
    reference: Callable[[Any, int], tuple[Any, float]]
    kinks: tuple[float, ...] = ()
    tails: bool = True

    @property
    def name(self) -> str:
        return type(self.loss).__name__


def _indices(g: np.random.Generator, batch: int, n: int) -> Any:
    return g.integers(0, n, batch)


def _distributions(g: np.random.Generator, batch: int, n: int) -> Any:
    return g.dirichlet(np.ones(n), batch)


def _binary_twin(t: Any, z: Any, y: Any) -> Any:
    return t.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none").sum(1)


LOSS_CASES: tuple[LossCase, ...] = (
    LossCase(
        bp.CrossEntropy(), _indices, lambda t, z, y: t.nn.functional.cross_entropy(z, y, reduction="none"),
        lambda nn, n: (nn.CrossEntropyLoss(), 1),
    ),
    LossCase(
        bp.CrossEntropy(smoothing=0.1), _indices,
        lambda t, z, y: t.nn.functional.cross_entropy(z, y, reduction="none", label_smoothing=0.1),
        lambda nn, n: (nn.CrossEntropyLoss(label_smoothing=0.1), 1),
    ),
    LossCase(
        bp.CrossEntropy(), _distributions, lambda t, z, y: t.nn.functional.cross_entropy(z, y, reduction="none"),
        lambda nn, n: (nn.CrossEntropyLoss(), 1),
    ),
    LossCase(
        bp.CrossEntropy(smoothing=0.3), _distributions,
        lambda t, z, y: t.nn.functional.cross_entropy(z, y, reduction="none", label_smoothing=0.3),
        lambda nn, n: (nn.CrossEntropyLoss(label_smoothing=0.3), 1),
    ),
    LossCase(
        bp.BinaryCrossEntropy(), lambda g, batch, n: g.random((batch, n)), _binary_twin,
        lambda nn, n: (nn.BCEWithLogitsLoss(), n),
    ),
    LossCase(
        bp.BinaryCrossEntropy(), lambda g, batch, n: g.integers(0, 2, (batch, n)).astype(float), _binary_twin,
        lambda nn, n: (nn.BCEWithLogitsLoss(), n),
    ),
    LossCase(
        bp.SquaredError(), lambda g, batch, n: g.normal(size=(batch, n)),
        lambda t, z, y: ((z - y) ** 2).sum(1) / 2, lambda nn, n: (nn.MSELoss(), n / 2),
    ),
    LossCase(
        bp.Huber(), lambda g, batch, n: g.normal(size=(batch, n)),
        lambda t, z, y: t.nn.functional.huber_loss(z, y, reduction="none").sum(1),
        lambda nn, n: (nn.HuberLoss(), n), kinks=(-1.0, 1.0),
    ),
    LossCase(
        bp.Huber(width=0.5), lambda g, batch, n: g.normal(size=(batch, n)),
        lambda t, z, y: t.nn.functional.huber_loss(z, y, reduction="none", delta=0.5).sum(1),
        lambda nn, n: (nn.HuberLoss(delta=0.5), n), kinks=(-0.5, 0.5),
    ),
    LossCase(
        bp.Poisson(), lambda g, batch, n: g.integers(0, 4, (batch, n)).astype(float),
        lambda t, z, y: t.nn.functional.poisson_nll_loss(z, y, reduction="none").sum(1),
        lambda nn, n: (nn.PoissonNLLLoss(), n), tails=False,
    ),
)  # fmt: skip


class Maker:
    """Draws the arrays of an operator: shared by the batch, one per example, or by turns.

    Attributes:
        batch: the batch size of arrays that are per example.
        mode: ``"shared"``, ``"each"`` or ``"mixed"``.
        convert: what becomes of a float64 array.
    """

    def __init__(self, mode: str, batch: int = 3, seed: int = 0, convert: Callable[[Any], Any] = lambda a: a) -> None:
        self.mode, self.batch, self.convert = mode, batch, convert
        self.generator, self._turn = np.random.default_rng(seed), 0

    def _lead(self) -> Shape:
        self._turn += 1
        each = self.mode == "each" or (self.mode == "mixed" and self._turn % 2 == 0)
        return (self.batch,) if each else ()

    def array(self, *shape: int, places: int = 1) -> Any:
        """Return numbers (\\*shape), or with a batch axis (of batch times places examples) first."""
        lead = self._lead()
        return self.convert(self.generator.normal(size=(*(size * places for size in lead), *shape)))

    def index(self, m: int, n: int) -> Any:
        """Return m indices below n, by turns with a batch axis first."""
        return self.generator.integers(0, n, (*self._lead(), m))


Build = Callable[[Maker, int, int], Operator | None]


def _square(build: Callable[[Maker, int], Operator]) -> Build:
    return lambda maker, m, n: build(maker, n) if m == n else None


def _low_rank(base: Callable[[Maker, int], Operator], rank: int) -> Build:
    return _square(lambda maker, n: ops.LowRankUpdate(base(maker, n), maker.array(n, rank), maker.array(n, rank)))


def _scaled(maker: Maker, n: int) -> Operator:
    return ops.ScaledIdentity(n, maker.array(1)[..., 0])


def _dense(maker: Maker, m: int, n: int) -> Operator:
    return ops.Dense(maker.array(m, n))


def _weight_kronecker(maker: Maker, m: int, n: int) -> Operator | None:
    return None if n % m else ops.Kronecker(ops.Identity(m), _dense(maker, 1, n // m))


def _pair(maker: Maker, m: int, n: int) -> tuple[Operator, Operator]:
    return (_dense(maker, m, n), ops.Diagonal(maker.array(n)) if m == n else _dense(maker, m, n))


def _product(maker: Maker, m: int, n: int) -> Operator:
    return ops.Product((_dense(maker, m, 3), ops.Diagonal(maker.array(3)), _dense(maker, 3, n)))


OPERATOR_CASES: tuple[tuple[str, Build], ...] = (
    ("dense", _dense),
    ("identity", _square(lambda maker, n: ops.Identity(n))),
    ("scaled identity", _square(_scaled)),
    ("diagonal", _square(lambda maker, n: ops.Diagonal(maker.array(n)))),
    ("low-rank update", _low_rank(lambda maker, n: ops.Diagonal(maker.array(n)), 2)),
    ("low-rank update", _low_rank(lambda maker, n: ops.Identity(n), 1)),
    ("low-rank update", _low_rank(_scaled, 1)),
    ("kronecker", _weight_kronecker),
    ("kronecker", lambda maker, m, n: ops.Kronecker(_dense(maker, 2, 2), _dense(maker, m // 2, n // 2))),
    ("kronecker", lambda maker, m, n: ops.Kronecker(_dense(maker, m // 2, n // 2), ops.Identity(2))),
    ("kronecker", lambda maker, m, n: ops.Kronecker(ops.Identity(2), _dense(maker, m // 2, n // 2))),
    ("selection", lambda maker, m, n: ops.Selection(maker.index(m, n), n)),
    ("selection", lambda maker, m, n: ops.Selection(maker.index(n, m), m, scatter=True)),
    ("row", lambda maker, m, n: ops.Row(_pair(maker, m, n // 2))),
    ("column", lambda maker, m, n: ops.Column(_pair(maker, m // 2, n))),
    ("block diagonal", lambda maker, m, n: ops.BlockDiagonal(_pair(maker, m // 2, n // 2))),
    ("direct sum", lambda maker, m, n: ops.DirectSum(ops.Dense(maker.array(m // 2, n // 2, places=2)), 2)),
    ("stack", lambda maker, m, n: ops.Stack(ops.Dense(maker.array(m // 2, n, places=2)), 2)),
    ("spread", lambda maker, m, n: ops.Spread(ops.Dense(maker.array(m, n // 2, places=2)), 2)),
    ("sum", lambda maker, m, n: ops.Sum(_pair(maker, m, n))),
    ("product", _product),
)  # fmt: skip
"""Structure and builder: (maker, m, n) to an operator of that shape with even m and n, None if there is none."""
