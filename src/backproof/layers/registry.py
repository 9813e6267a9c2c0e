"""Every layer by its name, and how a layer is written down as plain data and read back."""

import math
from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, get_args, get_origin

from ..errors import OptionError, unknown_name
from . import combinators, elementwise, linear, normalization, piecewise, shaping, softmax
from .base import Layer

__all__ = ["LAYERS", "describe", "layer_from", "register"]

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        linear.Linear, linear.AugmentedLinear,
        elementwise.ReLU, elementwise.LeakyReLU, elementwise.ELU, elementwise.SELU, elementwise.CELU,
        elementwise.GELU, elementwise.SiLU, elementwise.Mish, elementwise.Softplus, elementwise.Softsign,
        elementwise.Sigmoid, elementwise.LogSigmoid, elementwise.Tanh, elementwise.Tanhshrink, elementwise.Sine,
        piecewise.Hardtanh, piecewise.ReLU6, piecewise.Hardsigmoid, piecewise.Hardswish, piecewise.Softshrink,
        piecewise.Hardshrink, piecewise.Threshold,
        softmax.Softmax, softmax.LogSoftmax, normalization.LayerNorm, normalization.RMSNorm,
        shaping.Flatten, shaping.Reshape, shaping.Dropout,
        combinators.Chain, combinators.Residual, combinators.Sum, combinators.Product, combinators.Concatenate,
        combinators.Shared,
    )
}  # fmt: skip
"""The layers a model file or a network file may name. ``register`` adds your own."""


DEEPEST = 64
"""How deep layers in a file may stand inside one another."""


def register(layer: type[Layer]) -> type[Layer]:
    """Add a layer class to the registry, so that models using it can be saved and loaded; a decorator.

    Raises:
        OptionError: another class has the name.
    """
    if LAYERS.setdefault(layer.__name__, layer) is not layer:
        raise OptionError(f"register: a layer named {layer.__name__!r} exists already, expected a new name.")
    return layer


def describe(layer: Layer) -> dict[str, Any]:
    """Return the layer as plain data: its class name under ``"layer"``, and its settings."""
    settings = {field.name: _plain(getattr(layer, field.name)) for field in fields(layer)}
    return {"layer": type(layer).__name__, **settings}


def _plain(value: Any) -> Any:
    if isinstance(value, Layer):
        return describe(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def layer_from(description: Mapping[str, Any]) -> Layer:
    """Return the layer that ``describe`` wrote down.

    Raises:
        OptionError: the layer or a setting is unknown (with the nearest name), missing or of the wrong kind, or
            layers stand inside one another more than ``DEEPEST`` times.
    """
    return _layer_from(description, 0)


def _layer_from(description: Mapping[str, Any], depth: int) -> Layer:
    if depth > DEEPEST:
        raise OptionError(f"layers stand inside one another {depth} deep, expected at most {DEEPEST}.")
    if not isinstance(description, Mapping) or not isinstance(description.get("layer"), str):
        raise OptionError(f"a layer's description is {_short(description)}, expected a table with a name in 'layer'.")
    name = description["layer"]
    if name not in LAYERS:
        raise unknown_name("layer", name, LAYERS)
    known = {field.name for field in fields(LAYERS[name])}
    settings = {key: value for key, value in description.items() if key != "layer"}
    for key in settings:
        if key not in known:
            raise (
                unknown_name(f"setting of {name}", str(key), known)
                if known
                else OptionError(f"{name} has no settings, got {key!r}.")
            )
    try:
        built = {key: _built(value, depth + 1) for key, value in settings.items()}
        for field in fields(LAYERS[name]):
            if field.name in built and not _fits(built[field.name], field.type):
                raise OptionError(f"{name}: {field.name}={_short(built[field.name])}, expected {_word(field.type)}.")
        return LAYERS[name](**built)
    except TypeError as error:
        raise OptionError(f"{name}: settings {_short(settings)} do not fit: {_reason(error)}.") from None


def _built(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return _layer_from(value, depth)
    if isinstance(value, list):
        # A list of layers is as deep as its layers, a list of lists is deeper.
        return tuple(_built(item, depth + isinstance(item, list)) for item in _bounded(value, depth))
    return value


def _bounded(value: list[Any], depth: int) -> list[Any]:
    if depth > DEEPEST:
        raise OptionError(f"lists stand inside one another {depth} deep, expected at most {DEEPEST}.")
    return value


def _fits(value: Any, kind: Any) -> bool:
    """Whether a setting read from a file has the kind its field declares."""
    if isinstance(kind, UnionType):
        return any(_fits(value, option) for option in get_args(kind))
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_fits(item, get_args(kind)[0]) for item in value)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _word(kind: Any) -> str:
    words = {
        int: "a whole number",
        float: "a finite number",
        bool: "true or false",
        str: "a word",
        Layer: "a layer",
    }
    return words.get(kind, str(kind).replace("backproof.layers.base.", ""))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _reason(error: TypeError) -> str:
    text = str(error).split("() ")[-1].replace("__init__", "").rstrip(".")
    _, missing, names = text.partition("required positional argument")
    return f"{names.partition(': ')[2]} left out" if missing else text
