"""Which PyTorch module is which layer: one line for both directions.

What the two differ in: PyTorch's ``Softplus`` is x beyond its threshold (ours is exact, at most 2e-9 / beta away from
the default of 20 on; a lower threshold is refused), and in float64 its ``CELU`` and ``Hardsigmoid`` hold constants
rounded to float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .. import layers as ours
from ..errors import OptionError
from ..layers import Layer
from . import modules

__all__ = ["PAIRS", "Pair", "Reading", "children", "pair_of_layer", "pair_of_module"]


@dataclass(frozen=True)
class Reading:
    """How modules are read as layers.

    Attributes:
        dtype: of the numbers that the module computes with.
        modes: whether dropout in a module that is in evaluation mode is read as switched off.
    """

    dtype: Any
    modes: bool = False


@dataclass(frozen=True)
class Pair:
    """A layer and its module.

    Attributes:
        layer: our class.
        module: PyTorch's.
        read: module, what its children have become, and how to read, to the layer.
        write: layer, and what its parts have become, to the module, whose parameters hold no numbers yet.
    """

    layer: type[Layer]
    module: type
    read: Callable[[Any, list[Any], Reading], Layer]
    write: Callable[[Any, list[Any]], Any]


def _plain(layer: type[Layer], module: type, **names: str) -> Pair:
    """Return the pair of an elementwise function whose settings only have other names."""
    return Pair(
        layer, module,
        lambda m, *_: layer(**{ours: getattr(m, theirs) for ours, theirs in names.items()}),
        lambda f, _: module(**{theirs: getattr(f, ours) for ours, theirs in names.items()}),
    )  # fmt: skip


def _softmax(layer: type[Layer], module: Any) -> Pair:
    def read(m: Any, *_: Any) -> Layer:
        if m.dim not in (-1, 1):
            raise OptionError(f"from_torch: {m} acts on axis {m.dim}, expected dim=-1, the last axis, or dim=1.")
        return layer(vectors=m.dim == 1)  # type: ignore[call-arg]

    return Pair(layer, module, read, lambda f, _: module(dim=1 if f.vectors else -1))


def _features(m: Any) -> int:
    if len(m.normalized_shape) != 1:
        raise OptionError(f"from_torch: {m} normalises over {len(m.normalized_shape)} axes, expected the last alone.")
    return int(m.normalized_shape[0])


def _rms_norm(m: Any, _: Any, reading: Reading) -> Layer:
    eps = torch.finfo(reading.dtype).eps if m.eps is None else m.eps
    return ours.RMSNorm(_features(m), eps=eps, gain=m.weight is not None)


def _layer_norm(f: Any, _: Any) -> Any:
    if f.bias and not f.gain:
        # PyTorch has no shift without a gain; this one never learns.
        raise OptionError(f"to_torch: {f!r} has a shift and no gain, which PyTorch's LayerNorm cannot have.")
    return nn.LayerNorm(f.features, eps=f.eps, elementwise_affine=f.gain, bias=f.bias, device="meta")


def _flatten(m: Any, *_: Any) -> Layer:
    if (m.start_dim, m.end_dim) != (1, -1):
        raise OptionError(f"from_torch: {m} flattens other axes than those of an example, expected Flatten(1, -1).")
    return ours.Flatten()


def _unflatten(m: Any, *_: Any) -> Layer:
    if m.dim != 1 or not isinstance(m.unflattened_size, tuple | list | torch.Size):
        raise OptionError(f"from_torch: {m}, expected Unflatten(1, sizes) on examples that are vectors.")
    return ours.Reshape(tuple(m.unflattened_size))


def _softplus(m: Any, *_: Any) -> Layer:
    if m.threshold < 20:
        raise OptionError(
            f"from_torch: {m} is x itself where beta x is above {m.threshold:g}, expected a threshold of at least 20, "
            "from which on it is Softplus here to 1e-10 of x."
        )
    return ours.Softplus(m.beta)


def _read_dropout(m: Any, _: Any, reading: Reading) -> Layer:
    return ours.Dropout(0 if reading.modes and not m.training else m.p)


def _dropout(f: Any, _: Any) -> Any:
    if f.step is not None:
        raise OptionError(f"to_torch: {f!r} holds the mask of one training step; convert the network itself.")
    return nn.Dropout(f.p)


PAIRS: tuple[Pair, ...] = (
    Pair(
        ours.Linear, nn.Linear,
        lambda m, *_: ours.Linear(m.in_features, m.out_features, bias=m.bias is not None),
        lambda f, _: nn.Linear(f.in_features, f.out_features, bias=f.bias, device="meta"),
    ),
    Pair(
        ours.AugmentedLinear, modules.AugmentedLinear,
        lambda m, *_: ours.AugmentedLinear(m.in_features, m.out_features, bias=m.bias),
        lambda f, _: modules.AugmentedLinear(f.in_features, f.out_features, f.bias, device="meta"),
    ),
    _plain(ours.ReLU, nn.ReLU),
    _plain(ours.LeakyReLU, nn.LeakyReLU, slope="negative_slope"),
    _plain(ours.ELU, nn.ELU, alpha="alpha"),
    _plain(ours.SELU, nn.SELU),
    _plain(ours.CELU, nn.CELU, alpha="alpha"),
    Pair(
        ours.GELU, nn.GELU,
        lambda m, *_: ours.GELU(tanh=m.approximate == "tanh"),
        lambda f, _: nn.GELU(approximate="tanh" if f.tanh else "none"),
    ),
    _plain(ours.SiLU, nn.SiLU),
    _plain(ours.Mish, nn.Mish),
    # Beyond 40, softplus is x to the last bit of float64.
    Pair(ours.Softplus, nn.Softplus, _softplus, lambda f, _: nn.Softplus(f.beta, 40.0)),
    _plain(ours.Softsign, nn.Softsign),
    _plain(ours.Sigmoid, nn.Sigmoid),
    _plain(ours.LogSigmoid, nn.LogSigmoid),
    _plain(ours.Tanh, nn.Tanh),
    _plain(ours.Tanhshrink, nn.Tanhshrink),
    _plain(ours.Sine, modules.Sine, frequency="frequency"),
    _plain(ours.Hardtanh, nn.Hardtanh, low="min_val", high="max_val"),
    _plain(ours.ReLU6, nn.ReLU6),
    _plain(ours.Hardsigmoid, nn.Hardsigmoid),
    _plain(ours.Hardswish, nn.Hardswish),
    _plain(ours.Softshrink, nn.Softshrink, width="lambd"),
    _plain(ours.Hardshrink, nn.Hardshrink, width="lambd"),
    _plain(ours.Threshold, nn.Threshold, threshold="threshold", replacement="value"),
    _softmax(ours.Softmax, nn.Softmax),
    _softmax(ours.LogSoftmax, nn.LogSoftmax),
    Pair(
        ours.LayerNorm, nn.LayerNorm,
        lambda m, *_: ours.LayerNorm(_features(m), eps=m.eps, gain=m.weight is not None, bias=m.bias is not None),
        _layer_norm,
    ),
    Pair(
        ours.RMSNorm, nn.RMSNorm, _rms_norm,
        lambda f, _: nn.RMSNorm(f.features, eps=f.eps, elementwise_affine=f.gain, device="meta"),
    ),
    Pair(ours.Flatten, nn.Flatten, _flatten, lambda f, _: nn.Flatten()),
    Pair(ours.Reshape, modules.Reshape, lambda m, *_: ours.Reshape(m.target), lambda f, _: modules.Reshape(f.target)),
    Pair(ours.Reshape, nn.Unflatten, _unflatten, lambda f, _: modules.Reshape(f.target)),
    Pair(ours.Dropout, nn.Dropout, _read_dropout, _dropout),
    # The identity keeps its place, so that parameters keep their names.
    Pair(ours.Dropout, nn.Identity, lambda m, *_: ours.Dropout(0), _dropout),
    Pair(
        ours.Chain, nn.Sequential,
        lambda m, parts, _: ours.Chain(tuple(parts)), lambda f, parts: nn.Sequential(*parts),
    ),
    Pair(
        ours.Residual, modules.Residual,
        lambda m, parts, _: ours.Residual(parts[0]), lambda f, parts: modules.Residual(parts[0]),
    ),
    Pair(
        ours.Shared, modules.Shared,
        lambda m, parts, _: ours.Shared(parts[0], m.times), lambda f, parts: modules.Shared(parts[0], f.times),
    ),
    Pair(ours.Sum, modules.Sum, lambda m, parts, _: ours.Sum(tuple(parts)), lambda f, parts: modules.Sum(parts)),
    Pair(
        ours.Product, modules.Product,
        lambda m, parts, _: ours.Product(tuple(parts)), lambda f, parts: modules.Product(parts),
    ),
    Pair(
        ours.Concatenate, modules.Concatenate,
        lambda m, parts, _: ours.Concatenate(tuple(parts)), lambda f, parts: modules.Concatenate(parts),
    ),
)  # fmt: skip
"""Every layer with its module; where a layer stands twice, the first is what it is written as."""


def pair_of_layer(layer: Layer) -> Pair | None:
    """Return the pair of a layer, None if PyTorch has no such module."""
    return next((pair for pair in PAIRS if pair.layer is type(layer)), None)


def pair_of_module(module: Any) -> Pair | None:
    """Return the pair of a module; subclasses of PyTorch's modules may do anything, and have none."""
    return next((pair for pair in PAIRS if pair.module is type(module)), None)


def children(module: Any) -> list[tuple[str, Any]]:
    """Return the modules that a container holds, with their names.

    ``named_children`` would leave out a module that stands in a second place.
    """
    return [(name, part) for name, part in module._modules.items() if part is not None]
