"""Layers: functions of (theta, x) with their total derivatives in closed form."""

from .base import Closed, LastAxis, Layer, Linearization
from .combinators import Chain, Concatenate, Product, Residual, Shared, Sum, as_layer
from .composed import Branches, Repeated, Steps
from .elementwise import (
    CELU,
    ELU,
    GELU,
    SELU,
    Elementwise,
    LeakyReLU,
    LogSigmoid,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Sine,
    Softplus,
    Softsign,
    Tanh,
    Tanhshrink,
)  # fmt: skip
from .linear import AugmentedLinear, Linear
from .normalization import LayerNorm, RMSNorm
from .piecewise import Hardshrink, Hardsigmoid, Hardswish, Hardtanh, ReLU6, Softshrink, Threshold
from .registry import LAYERS, describe, layer_from, register
from .shaping import Dropout, Flatten, Reshape
from .softmax import LogSoftmax, Softmax

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "LAYERS",
    "SELU",
    "AugmentedLinear",
    "Branches",
    "Chain",
    "Closed",
    "Concatenate",
    "Dropout",
    "Elementwise",
    "Flatten",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LastAxis",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Linearization",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "Product",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Repeated",
    "Reshape",
    "Residual",
    "Shared",
    "SiLU",
    "Sigmoid",
    "Sine",
    "Softmax",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Steps",
    "Sum",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "as_layer",
    "describe",
    "layer_from",
    "register",
]  # fmt: skip
