"""Networks from ``--hidden`` and from TOML files, whose sizes may be left out where the data decide them."""

import math
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..errors import BackproofError, OptionError, ShapeError, unknown_name
from ..layers import LAYERS, Dropout, Elementwise, Flatten, Layer, Linear, layer_from
from ..layers.base import Shape
from ..network import Network

_LAST_AXIS = {"Linear": "in_features", "AugmentedLinear": "in_features", "LayerNorm": "features", "RMSNorm": "features"}
_LISTS = {"Chain": "layers", "Sum": "branches", "Product": "branches", "Concatenate": "branches"}
_SIZED = ("Linear", "AugmentedLinear", "Chain", "Sum", "Product")
_INNER = ("Residual", "Shared")
_NESTED = re.compile(r"(layers|branches)\[\d+\][.:]|inner[.:]")
_RECTIFIERS = ("ReLU", "LeakyReLU", "ELU", "CELU", "GELU", "SiLU", "Mish", "Softplus", "Hardswish", "ReLU6")


def hidden_network(
    sizes: tuple[int, ...], activation: str, shape: Shape, outputs: int, dropout: float = 0.0, seed: int = 0
) -> Network:
    """Return affine layers of the given sizes with an activation after each but the last.

    Args:
        sizes: outputs of the hidden layers.
        activation: name of an elementwise layer, in any case.
        shape: of one example; more than one axis is flattened first.
        outputs: of the last layer.
        dropout: probability of a zero after every activation.
        seed: of the dropout masks.

    Raises:
        OptionError: an unknown activation (with the nearest name), or an impossible size or probability.
    """
    function = _activation(activation)
    start = "he" if type(function).__name__ in _RECTIFIERS else "glorot"
    layers: list[Layer] = [Flatten()] if len(shape) > 1 else []
    width = math.prod(shape)
    for index, size in enumerate(sizes):
        layers += [Linear(width, size, initialization=start), function]
        layers += [Dropout(dropout, seed=seed + index)] if dropout else []
        width = size
    return Network([*layers, Linear(width, outputs, initialization="glorot")])


def _activation(name: str) -> Layer:
    known = {key.lower(): key for key, layer in LAYERS.items() if issubclass(layer, Elementwise)}
    if name.lower() not in known:
        raise unknown_name("activation", name, known.values())
    return LAYERS[known[name.lower()]]()


def read_network(path: Path, shape: Shape, outputs: int | None) -> Network:
    """Return the network of a TOML file: ``[[layers]]`` tables with a ``layer`` name and its settings.

    A size that follows from the shape so far may be left out (``in_features``, ``features``), and so may the last
    ``out_features`` if ``outputs`` is known.

    Raises:
        OptionError: unreadable, or a layer that is unknown, incomplete or impossible; the message has the file and
            the layer's index.
        ShapeError: layers that do not fit together.
    """
    tables = _tables(path)
    layers: list[Layer] = []
    last = _last_sized(tables)
    for index, table in enumerate(tables):
        try:
            layers.append(layer_from(filled(table, shape, outputs if index == last else None)))
            shape = layers[-1].output_shape(shape)
        except BackproofError as error:
            kind = ShapeError if isinstance(error, ShapeError) else OptionError
            where = f"layers[{index}]." if _NESTED.match(str(error)) else f"layer {index}: "
            raise kind(f"{path.name}, {where}{error}") from None
    return Network(layers)


def _tables(path: Path) -> list[Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path.name} is no TOML: {error}.") from error
    except RecursionError:
        raise OptionError(f"{path.name}: tables stand inside one another too deeply.") from None
    for key in content:
        if key != "layers":
            raise unknown_name(f"entry of {path.name}", key, ["layers"])
    tables = content.get("layers")
    if not isinstance(tables, list) or not tables:
        raise OptionError(f"{path.name} has no [[layers]] tables, expected at least one.")
    return tables


def filled(table: Any, shape: Shape, outputs: int | None, depth: int = 0) -> dict[str, Any]:
    """Return a layer's description with the sizes filled in that follow from the shape of its input.

    Args:
        table: the description, perhaps incomplete; a list stands for a chain.
        shape: of the layer's input.
        outputs: what ``out_features`` shall be where it is left out; None if it must be given.
        depth: how many layers this one stands in.

    Raises:
        OptionError: no table, an unknown layer, or a size that is missing and does not follow.
    """
    if isinstance(table, list):
        table = {"layer": "Chain", "layers": table}
    if depth > 64 or not isinstance(table, dict) or not isinstance(table.get("layer"), str):
        raise OptionError(f"{table!r:.80}: expected a table with a name in 'layer'.")
    name = _known(table["layer"])
    result = {**table, "layer": name}
    if name not in LAYERS:
        raise unknown_name("layer", name, LAYERS)
    if name in _LAST_AXIS and shape:
        result.setdefault(_LAST_AXIS[name], shape[-1])
    if name in ("Linear", "AugmentedLinear") and "out_features" not in result:
        if outputs is None:
            _check_settings(name, result)
            raise OptionError(f"{name}: out_features is missing; only the last one follows from the data.")
        result["out_features"] = outputs
    if name in _INNER and "inner" in result:
        result["inner"] = _filled_inner(result["inner"], shape, depth)
    if name in _LISTS and isinstance(result.get(_LISTS[name]), list):
        parts, chain = result[_LISTS[name]], name == "Chain"
        own = None if name == "Concatenate" else outputs
        result[_LISTS[name]] = _filled_parts(parts, shape, own, chain, depth)
    return result


def _check_settings(name: str, table: dict[str, Any]) -> None:
    """Refuse a setting that the layer does not have: it may be the one that seems to be missing."""
    known = {field.name for field in fields(LAYERS[name])}
    for key in table:
        if key not in known and key != "layer":
            raise unknown_name(f"setting of {name}", str(key), known)


def _known(name: str) -> str:
    """Return a layer's name in its own spelling, whatever the case it is written in."""
    if name in LAYERS:
        return name
    return next((known for known in LAYERS if known.lower() == name.lower()), name)


def _filled_inner(table: Any, shape: Shape, depth: int) -> dict[str, Any]:
    try:
        made = filled(table, shape, shape[-1] if shape else None, depth + 1)
        layer_from(made)
    except BackproofError as error:
        raise _nested(error, "inner") from None
    return made


def _nested(error: BackproofError, place: str) -> BackproofError:
    """Return the error of a layer inside another one, with its place before it."""
    return type(error)(f"{place}{'.' if _NESTED.match(str(error)) else ': '}{error}")


def _filled_parts(parts: list[Any], shape: Shape, outputs: int | None, chain: bool, depth: int) -> list[Any]:
    made: list[Any] = []
    last = _last_sized(parts)
    for index, part in enumerate(parts):
        try:
            made.append(filled(part, shape, outputs if not chain or index == last else None, depth + 1))
            layer = layer_from(made[-1])
            shape = layer.output_shape(shape) if chain else shape
        except BackproofError as error:
            raise _nested(error, f"{'layers' if chain else 'branches'}[{index}]") from None
    return made


def _last_sized(tables: list[Any]) -> int:
    """Return the index of the last layer that can give another number of outputs; those after it keep theirs."""
    names = [_known(str(table.get("layer"))) if isinstance(table, dict) else "Chain" for table in tables]
    return max((index for index, name in enumerate(names) if name in _SIZED), default=-1)


def check_outputs(network: Network, shape: Shape, expected: int, what: str) -> None:
    """Check that a network's outputs are as many as the targets need.

    Raises:
        ShapeError: they are not, or a layer does not fit the data.
    """
    came = network.output_shape(shape)
    if math.prod(came) != expected:
        raise ShapeError(f"the network has outputs of shape {came}, expected {expected} for {what}.")
