"""Which layer is which function of the proof: one line of the table for every layer that has a lemma.

Everything that is printed here is a number, or a word of this file: no name that a user chose.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

from ..layers import (
    AugmentedLinear,
    Dropout,
    Flatten,
    Hardtanh,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    ReLU,
    ReLU6,
    Reshape,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from ..layers.base import Shape


@final
@dataclass(frozen=True)
class Setting:
    """A real number of a layer that the theorem leaves open, as it leaves the weights open.

    Attributes:
        name: its name in the certificate.
        value: what the network has.
        premise: what the theorem asks of it, as Coq text; empty for nothing.
        words: what the theorem asks of it.
    """

    name: str
    value: float
    premise: str = ""
    words: str = ""


@final
@dataclass(frozen=True)
class Part:
    """A layer as the proof has it.

    Attributes:
        term: the layer, or the function if it has no parameters.
        correct: the proof that it is correct: applied to x, to its parameters if it has any, and to the
            condition if there is one.
        parameters: how many parameters it has less one, as Coq text; None for a function.
        condition: when it is correct, a predicate of x and the parameters if it has any; None for always.
        kink: the condition in words.
        settings: the numbers left open.
    """

    term: str
    correct: str
    parameters: str | None = None
    condition: str | None = None
    kink: str = ""
    settings: tuple[Setting, ...] = field(default=())


Leaf = Callable[[Any, int, int, str], Part | None]
"""A layer, its input size less one, its output size less one, its place -> its part; None: no lemma fits."""


def leaf_part(layer: Layer, shape: Shape, place: str) -> Part | None:
    """Return a layer as the proof has it, None if there is no lemma about it.

    Args:
        layer: one that is not made of layers. Its class must be one of backproof's own, not derived from it.
        shape: of one example of its input.
        place: its place in the network, numbers joined by ``_``.
    """
    rule = LEAVES.get(type(layer))
    if rule is None:
        return None
    if type(layer) in LAST_AXIS and math.prod(shape[:-1]) != 1:
        return None
    return rule(layer, math.prod(shape) - 1, math.prod(layer.output_shape(shape)) - 1, place)


def _function(name: str, lemma: str) -> Leaf:
    """Return the rule of a function that is correct everywhere."""
    return lambda layer, n, m, place: Part(f"{name} R {n}", f"@{lemma} R {n}")


def _linear(layer: Linear | AugmentedLinear, n: int, m: int, place: str) -> Part:
    if not layer.bias:
        return Part(f"linear_layer R {n} {m}", f"@linear_layer_correct R {n} {m}", f"size_of {m} {n}")
    if isinstance(layer, AugmentedLinear):
        return Part(f"augmented_affine R {n} {m}", f"@augmented_affine_correct R {n} {m}", f"size_of {m} {n}.+1")
    return Part(f"affine R {n} {m}", f"@affine_correct R {n} {m}", f"affine_size {m} {n}")


def _relu(layer: ReLU, n: int, m: int, place: str) -> Part:
    return Part(f"relu_function R {n}", f"@relu_correct R {n}", condition=f"@nowhere R {n} 0", kink="0")


def _leaky_relu(layer: LeakyReLU, n: int, m: int, place: str) -> Part:
    slope = Setting(f"slope{place}", layer.slope)
    return Part(
        f"@leaky_relu_function R {slope.name} {n}",
        f"@leaky_relu_correct R {slope.name} {n}",
        condition=f"@nowhere R {n} 0",
        kink="0",
        settings=(slope,),
    )


def _clip(low: str, high: str, n: int, ordered: str, kink: str, settings: tuple[Setting, ...] = ()) -> Part:
    return Part(
        f"@clip_function R {low} {high} {n}",
        f"(fun x => @clip_correct R {low} {high} {n} x {ordered})",
        condition=f"@nowhere_either R {n} {low} {high}",
        kink=kink,
        settings=settings,
    )


def _hardtanh(layer: Hardtanh, n: int, m: int, place: str) -> Part:
    low, high = f"low{place}", f"high{place}"
    upper = Setting(high, layer.high, f"{low} <= {high}", f"{low} <= {high}")
    return _clip(low, high, n, f"{high}_allowed", f"{low} or {high}", (Setting(low, layer.low), upper))


def _relu6(layer: ReLU6, n: int, m: int, place: str) -> Part:
    return _clip("0", "6%:R", n, "(ler0n R 6)", "0 or 6")


def _softplus(layer: Softplus, n: int, m: int, place: str) -> Part | None:
    return Part(f"softplus_function R {n}", f"@softplus_correct R {n}") if layer.beta == 1 else None


def _normalization(layer: LayerNorm | RMSNorm, n: int, m: int, place: str) -> Part | None:
    """Return the part; there is no lemma for eps = 0, nor for a shift without a gain."""
    if not layer.eps > 0 or (not layer.gain and getattr(layer, "bias", False)):
        return None
    eps = Setting(f"eps{place}", layer.eps, f"0 < eps{place}", f"eps{place} > 0")
    names = ("standardize", "scaled_layer_norm", "layer_norm") if isinstance(layer, LayerNorm) else _RMS_NORMS
    name = names[layer.gain + (layer.gain and getattr(layer, "bias", False))]
    proof = f"@{name}_correct R {n} {eps.name}"
    if not layer.gain:
        return Part(f"@{name} R {n} {eps.name}", f"(fun x => {proof} x {eps.name}_allowed)", settings=(eps,))
    size = f"both {n} {n}" if name == "layer_norm" else str(n)
    return Part(f"@{name} R {n} {eps.name}", f"(fun x t => {proof} x t {eps.name}_allowed)", size, settings=(eps,))


_RMS_NORMS = ("rms_norm", "scaled_rms_norm")


def _dropout(layer: Dropout, n: int, m: int, place: str) -> Part | None:
    return _identity(layer, n, m, place) if layer.step is None else None


_identity = _function("identity_function", "identity_correct")

LEAVES: dict[type[Layer], Leaf] = {
    Linear: _linear,
    AugmentedLinear: _linear,
    ReLU: _relu,
    LeakyReLU: _leaky_relu,
    Hardtanh: _hardtanh,
    ReLU6: _relu6,
    Sigmoid: _function("sigmoid_function", "sigmoid_correct"),
    Tanh: _function("tanh_function", "tanh_correct"),
    SiLU: _function("silu_function", "silu_correct"),
    Softplus: _softplus,
    Softmax: _function("softmax", "softmax_correct"),
    LogSoftmax: _function("log_softmax", "log_softmax_correct"),
    LayerNorm: _normalization,
    RMSNorm: _normalization,
    Flatten: _identity,
    Reshape: _identity,
    Dropout: _dropout,
}
"""The layers with a lemma. Those made of layers are in ``combining.py``."""

LAST_AXIS = frozenset({Linear, AugmentedLinear, Softmax, LogSoftmax, LayerNorm, RMSNorm})
"""Layers whose lemma is about vectors: with several places in an example there is none."""
