"""backproof: backpropagation as a product of Jacobian matrices. Run it, read it, check it, prove it.

Names are loaded when they are first used, so that importing backproof costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import errors as errors
    from . import layers as layers
    from . import operators as operators
    from .backpropagation import algorithm_1, gradient, input_gradient, naive_product, value_and_gradient
    from .chain import Tally
    from .layers import *  # noqa: F403
    from .losses import BinaryCrossEntropy, CrossEntropy, Huber, Loss, Poisson, SquaredError
    from .network import Network
    from .parameters import Parameters

__version__ = "0.1.0"

_HOMES = {
    "backpropagation": ("algorithm_1", "gradient", "input_gradient", "naive_product", "value_and_gradient"),
    "chain": ("Tally",),
    "layers": (
        "CELU", "ELU", "GELU", "LAYERS", "SELU", "AugmentedLinear", "Chain", "Concatenate", "Dropout", "Elementwise",
        "Flatten", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LastAxis", "Layer", "LayerNorm", "LeakyReLU",
        "Linear", "LogSigmoid", "LogSoftmax", "Mish", "Product", "RMSNorm", "ReLU", "ReLU6", "Reshape", "Residual",
        "Shared", "SiLU", "Sigmoid", "Sine", "Softmax", "Softplus", "Softshrink", "Softsign", "Sum", "Tanh",
        "Tanhshrink", "Threshold", "register",
    ),
    "losses": ("LOSSES", "BinaryCrossEntropy", "CrossEntropy", "Huber", "Loss", "Poisson", "SquaredError"),
    "network": ("Network",),
    "parameters": ("Parameters",),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = ("errors", "layers", "operators", "losses", "training", "data", "model", "summary")

__all__ = [*sorted(_HOME), *_MODULES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif name in _MODULES:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module 'backproof' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
