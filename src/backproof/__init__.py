"""backproof: backpropagation as a product of Jacobian matrices. Run it, read it, check it, prove it."""

from . import errors as errors
from . import layers as layers
from . import operators as operators
from .backpropagation import algorithm_1, gradient, input_gradient, naive_product, value_and_gradient
from .chain import Tally
from .layers import *  # noqa: F403
from .layers import __all__ as _layer_names
from .losses import BinaryCrossEntropy, CrossEntropy, Huber, Loss, Poisson, SquaredError
from .network import Network
from .parameters import Parameters

__version__ = "0.1.0"

__all__ = [
    "BinaryCrossEntropy", "CrossEntropy", "Huber", "Loss", "Network", "Parameters", "Poisson", "SquaredError", "Tally",
    "algorithm_1", "errors", "gradient", "input_gradient", "layers", "naive_product", "operators",
    "value_and_gradient", *_layer_names,
]  # fmt: skip
