"""backproof: backpropagation as a product of Jacobian matrices. Run it, read it, check it, prove it.

Names are loaded when they are first used, so that importing backproof costs next to nothing.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import data, errors, layers, losses, operators, quantities, training
    from .backpropagation import algorithm_1, gradient, input_gradient, naive_product, value_and_gradient
    from .chain import Tally
    from .layers import *  # noqa: F403
    from .losses import LOSSES, BinaryCrossEntropy, CrossEntropy, Huber, Loss, Poisson, SquaredError
    from .model import Model
    from .network import Network
    from .parameters import Parameters
    from .quantities import *  # noqa: F403
    from .summaries import Summary, summary

__version__ = "0.1.0"

_MODULES = ("data", "errors", "layers", "losses", "operators", "quantities", "training")
_ESTIMATORS = ("BackproofClassifier", "BackproofRegressor")
_HOMES = ("layers", "losses", "parameters", "network", "chain", "backpropagation", "model", "summaries", "quantities")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _ESTIMATORS:
        return getattr(importlib.import_module(".training", __name__), name)
    for home in () if name.startswith("_") else _HOMES:
        value = getattr(importlib.import_module(f".{home}", __name__), name, None)
        if value is not None and not isinstance(value, ModuleType):
            globals()[name] = value
            return value
    raise AttributeError(f"module 'backproof' has no attribute {name!r}")


def __dir__() -> list[str]:
    names = {"__version__", *_MODULES, *_ESTIMATORS}
    for home in _HOMES:
        module = importlib.import_module(f".{home}", __name__)
        public = getattr(module, "__all__", vars(module))
        names |= {n for n in public if not n.startswith("_") and not isinstance(getattr(module, n), ModuleType)}
    return sorted(names)
