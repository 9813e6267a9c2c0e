"""From scikit-learn's parameter names to networks, optimisers and schedules."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from itertools import pairwise
from typing import Any

from ..errors import OptionError, unknown_name
from ..layers import LAYERS, Elementwise, Layer, Linear
from ..network import Network
from .optimizers import OPTIMIZERS, SGD, Adam, Momentum, Nesterov, Optimizer, RMSProp
from .schedules import SCHEDULES, Schedule
from .settings import schedule_from

_SKLEARN_ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh", "logistic": "Sigmoid", "identity": None}


def activation_layer(name: str) -> Layer | None:
    """Return the layer that an activation's name means; None for ``"identity"``.

    Known are scikit-learn's names and those of all elementwise layers without obligatory settings, in any case.

    Raises:
        OptionError: the name is unknown; the message has the nearest.
    """
    known = {
        key.lower(): layer
        for key, layer in LAYERS.items()
        if issubclass(layer, Elementwise) and not any(_is_required(layer, item) for item in fields(layer))
    }
    wanted = _SKLEARN_ACTIVATIONS.get(name, name) if isinstance(name, str) else str(name)
    if wanted is None:
        return None
    if wanted.lower() not in known:
        raise unknown_name("activation", str(name), {*_SKLEARN_ACTIVATIONS, *known})
    return known[wanted.lower()]()


def _is_required(layer: type[Layer], item: Any) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def hidden_sizes(sizes: Any) -> tuple[int, ...]:
    """Return ``hidden_layer_sizes`` as a tuple.

    Raises:
        OptionError: not whole numbers of at least 1.
    """
    listed = list(sizes) if isinstance(sizes, Iterable) and not isinstance(sizes, str) else [sizes]
    if any(isinstance(size, bool) or not hasattr(size, "__index__") or size < 1 for size in listed):
        raise OptionError(f"hidden_layer_sizes={sizes!r}, expected whole numbers of at least 1, as in (100,).")
    return tuple(int(size) for size in listed)


def perceptron(features: int, sizes: Any, outputs: int, activation: str) -> Network:
    """Return linear layers of the given sizes with the activation between them."""
    widths = (features, *hidden_sizes(sizes), outputs)
    between = activation_layer(activation)
    layers: list[Layer] = []
    for number, (n, m) in enumerate(pairwise(widths)):
        if number and between is not None:
            layers.append(between)
        layers.append(Linear(n, m, initialization="glorot"))
    return Network(layers)


def as_network(network: Any, features: int, outputs: int) -> Network:
    """Return a given network or list of layers after checking that it maps features to outputs.

    Raises:
        OptionError: it is neither, or has other outputs.
        ShapeError: a layer does not fit; the message names it.
    """
    if isinstance(network, str) or not isinstance(network, Iterable):
        raise OptionError(f"network={network!r:.60}, expected a Network or a list of layers.")
    net = network if isinstance(network, Network) else Network(network)
    shape = net.output_shape((features,))
    if math.prod(shape) != outputs:
        raise OptionError(f"network: its outputs have shape {shape}, expected {outputs} numbers for this target.")
    return net


def solver_optimizer(estimator: Any) -> Optimizer:
    """Return the optimiser that ``solver`` and its companions mean.

    Raises:
        OptionError: the solver is unknown, or a setting impossible.
    """
    solver, rate = estimator.solver, estimator.learning_rate_init
    if isinstance(solver, Optimizer):
        return solver
    name = str(solver).lower()
    if name not in OPTIMIZERS:
        raise unknown_name("solver", str(solver), OPTIMIZERS)
    if name == "sgd" and estimator.momentum > 0:
        name = "nesterov" if estimator.nesterovs_momentum else "momentum"
    kind = OPTIMIZERS[name]
    if issubclass(kind, Momentum | Nesterov):
        return kind(rate, estimator.momentum)
    if issubclass(kind, Adam):
        return kind(rate, estimator.beta_1, estimator.beta_2, estimator.epsilon)
    return RMSProp(rate, epsilon=estimator.epsilon) if kind is RMSProp else SGD(rate)


def rate_schedule(learning_rate: Any) -> Schedule:
    """Return the schedule that ``learning_rate`` names.

    Raises:
        OptionError: it is unknown; the message names the parameter and what is known.
    """
    name = learning_rate.get("name") if isinstance(learning_rate, Mapping) else learning_rate
    if isinstance(name, Schedule) or (isinstance(name, str) and name.lower() in SCHEDULES):
        return schedule_from(learning_rate)
    if isinstance(name, str):
        raise unknown_name("learning_rate", name, SCHEDULES)
    raise OptionError(f"learning_rate={learning_rate!r:.60}, expected one of {', '.join(SCHEDULES)}, or a schedule.")
