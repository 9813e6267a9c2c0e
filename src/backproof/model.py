"""A trained model: network, parameters, loss, and how data are prepared for it, in one file.

The file is in the safetensors format (``tensors.py``): arrays by name, and a description in JSON under
``backproof`` in its metadata. Nothing in it is executed, and nothing is allocated on its word alone.
"""

import json
import os
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from .arrays import to_numpy
from .errors import BackproofError, ModelFileError, OptionError
from .layers import LAYERS, Layer, Shared
from .losses import LOSSES, Loss, describe_loss, loss_from
from .network import Network
from .parameters import Parameters
from .tensors import TensorFile, one_line, open_tensors, strict_json, write_tensors

__all__ = ["Model"]

FORMAT, CHECKPOINT = "backproof model", "backproof checkpoint"
VERSION = 1
"""Of the file. A file of another version is refused."""

APPLICATIONS = 1_000_000
"""How often the layers of a model may be applied in one evaluation; ``Shared`` repeats its own."""

OUTPUTS = 2**27
"""The largest number of outputs of one example."""

_PARAMETER, _PREPARATION = "parameter.", "preparation."
_KEYS = frozenset({"format", "version", "network", "loss", "input_shape", "preparation", "about"})


@final
@dataclass(frozen=True, eq=False)
class Model:
    r"""Everything that a prediction needs, and where it came from.

    Shapes:
        theta.vector: (P,)
        input of the network: (batch, \*input_shape)

    Attributes:
        network: the network.
        theta: its parameters, float32 or float64.
        loss: what it was trained with.
        input_shape: the shape of one example.
        preparation: how data are prepared for the network, as plain data.
        preparation_arrays: the numbers learned for that, float64, by name.
        about: plain data about the training: seed, split, history, version.
    """

    network: Network
    theta: Parameters
    loss: Loss
    input_shape: tuple[int, ...]
    preparation: dict[str, Any] = field(default_factory=dict)
    preparation_arrays: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one output of the network."""
        return self.network.output_shape(self.input_shape)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to ``path``: the old file, if any, stands until the new one is complete.

        Raises:
            ModelFileError: a file that cannot be written, or a model that could not be read back: parameters that
                are not finite, or descriptions that are no plain data.
            OptionError: a layer or loss class that is not registered, so that no file can name it.
        """
        _check_registered(self.network.chain)
        if LOSSES.get(type(self.loss).__name__) is not type(self.loss):
            raise OptionError(f"loss {type(self.loss).__name__} is none of {', '.join(LOSSES)}: it cannot be saved.")
        description = self._description()
        _parts(strict_json(description, "the description"))
        vector = to_numpy(self.theta.vector)
        _check_finite(vector, "the parameters")
        theta = Parameters(self.theta.layout, vector)
        arrays = {f"{_PREPARATION}{name}": np.asarray(array) for name, array in self.preparation_arrays.items()}
        for name, array in arrays.items():
            if array.dtype != np.float64:
                raise ModelFileError(f"cannot save: array {name!r} has dtype {array.dtype}, expected float64.")
            _check_finite(array, f"array {name!r}")
        write_tensors(path, {"backproof": description}, arrays | {f"{_PARAMETER}{k}": v for k, v in theta.items()})

    def _description(self) -> str:
        parts = {
            "format": FORMAT,
            "version": VERSION,
            "network": self.network.describe(),
            "loss": describe_loss(self.loss),
            "input_shape": list(self.input_shape),
            "preparation": self.preparation,
            "about": self.about,
        }
        try:
            return json.dumps(parts, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ModelFileError(f"cannot save: the model's description is no plain data: {error}.") from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Model":
        """Return the model that ``save`` wrote; its predictions are the same bit for bit.

        Raises:
            ModelFileError: the file is missing, truncated, damaged, of another version, or names a layer that is
                not registered; the message names the file.
        """
        try:
            with open_tensors(path) as file:
                return cls._read(file)
        except (BackproofError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise ModelFileError(f"{os.fspath(path)}: {one_line(error)}") from error

    @classmethod
    def _read(cls, file: TensorFile) -> "Model":
        if "backproof" not in file.metadata:
            raise ModelFileError("a safetensors file, but not one of backproof's models")
        description = strict_json(file.metadata["backproof"], "the description")
        network, loss, shape = _parts(description)
        prepared = [name for name in file.entries if not name.startswith(_PARAMETER)]
        theta = _read_parameters(file, network)
        arrays = {name.removeprefix(_PREPARATION): _read_preparation(file, name) for name in prepared}
        return cls(network, theta, loss, shape, description["preparation"], arrays, description["about"])


def _parts(description: Any) -> tuple[Network, Loss, tuple[int, ...]]:
    """Return network, loss and input shape of a description, which is checked as a whole."""
    if isinstance(description, dict) and description.get("format") == CHECKPOINT:
        raise ModelFileError("the checkpoint of a training, no model; go on from it with train --resume --checkpoint")
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ModelFileError(f"the description is none of a {FORMAT}")
    version = description.get("version")
    if version != VERSION or type(version) is not int:
        raise ModelFileError(
            f"a model file of version {version!r:.40}, expected {VERSION}; save it again, or use the backproof it is of"
        )
    if set(description) != _KEYS:
        raise ModelFileError(f"the description's entries are {sorted(description)!r:.200}, expected {sorted(_KEYS)}")
    for name in ("preparation", "about"):
        if not isinstance(description[name], dict):
            raise ModelFileError(f"{name} is {description[name]!r:.60}, expected a table")
    shape = description["input_shape"]
    if not isinstance(shape, list) or not shape or not all(type(n) is int and 0 < n < 2**48 for n in shape):
        raise ModelFileError(f"input_shape is {shape!r:.60}, expected a list of sizes")
    network = Network.from_description(description["network"])
    _check_size(network, tuple(shape))
    return network, loss_from(description["loss"]), tuple(shape)


def _check_size(network: Network, shape: tuple[int, ...]) -> None:
    """Refuse networks that fit together but could not be evaluated in any time or memory."""
    outputs = int(np.prod(network.output_shape(shape), dtype=object))
    if outputs > OUTPUTS:
        raise ModelFileError(f"the network has {outputs} outputs, expected at most {OUTPUTS}")
    times = _applications(network.chain)
    if times > APPLICATIONS:
        raise ModelFileError(f"one evaluation would apply {times} layers, expected at most {APPLICATIONS}")


def _applications(layer: Layer) -> int:
    parts: tuple[Layer, ...] = getattr(layer, "parts", ())
    inside = sum(_applications(part) for part in parts) or 1
    return inside * layer.times if isinstance(layer, Shared) else inside


def _read_parameters(file: TensorFile, network: Network) -> Parameters:
    """Read theta, once every name and shape of the network has its array in the file."""
    layout = network.layout
    dtypes = set()
    for name, shape in layout.shapes.items():
        entry = file.entries.get(f"{_PARAMETER}{name}")
        if entry is None or entry.shape != shape:
            came = "is missing" if entry is None else f"has shape {entry.shape}"
            raise ModelFileError(f"parameter {name!r} {came}, expected shape {shape}")
        dtypes.add(entry.dtype)
    extra = {name for name in file.entries if name.startswith(_PARAMETER)} - {f"{_PARAMETER}{n}" for n in layout.shapes}
    if extra:
        raise ModelFileError(f"parameter {min(extra)!r:.80} belongs to no layer")
    if len(dtypes) > 1 or not dtypes <= {np.dtype("<f4"), np.dtype("<f8")}:
        raise ModelFileError(f"the parameters have dtypes {sorted(map(str, dtypes))}, expected float32 or float64")
    theta = Parameters(layout, np.empty(layout.size, dtypes.pop() if dtypes else "float32"))
    for name in layout.shapes:
        file.read_into(f"{_PARAMETER}{name}", theta[name])
        _check_finite(theta[name], f"parameter {name!r}")
    return theta


def _read_preparation(file: TensorFile, name: str) -> Any:
    entry = file.entries[name]
    if not name.startswith(_PREPARATION) or entry.dtype != np.float64:
        raise ModelFileError(f"array {name!r:.80} of {entry.dtype} is neither a parameter nor of the preparation")
    array = file.read(name)
    _check_finite(array, f"array {name!r:.80}")
    return array


def _check_finite(array: Any, what: str) -> None:
    if not np.isfinite(array).all():
        raise ModelFileError(f"{what} holds NaN or infinity, expected finite numbers")


def _check_registered(layer: Layer) -> None:
    name = type(layer).__name__
    if LAYERS.get(name) is not type(layer):
        raise OptionError(f"layer {name} is not registered, so no file can name it: backproof.register({name}).")
    for part in getattr(layer, "parts", ()):
        _check_registered(part)
