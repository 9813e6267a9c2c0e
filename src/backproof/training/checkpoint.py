"""Checkpoints: the whole state of a training in one file in the safetensors format, replaced atomically."""

import json
import math
import os
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array, dtype_name
from ..errors import ModelFileError, OptionError
from ..layers import layer_from
from ..losses import Loss, describe_loss
from ..network import Network
from ..tensors import TensorFile, one_line, open_tensors, strict_json, write_tensors
from .examples import Batches
from .history import Epoch
from .settings import Training
from .state import State

FORMAT = "backproof checkpoint"
VERSION = 2

_HARMLESS = ("patience", "tolerance")
"""Settings that do not change the steps already taken."""

_NEWER = ("compile", "kernels")
"""Settings that older files do not have. They go on as asked for; the results differ in rounding alone."""

SMALL = 2**26
"""Data of up to so many bytes are digested whole, wherever they lie."""

SAMPLE = 4096
"""How many rows of larger data that are not in memory are digested."""

BLOCK = 2**24
"""Bytes digested at a time."""

_HISTORY = ("loss", "validation_loss", "metric", "seconds")
"""The columns of the array ``history``; a row is an epoch, and NaN stands for None."""


class _Foreign(Exception):
    """A file that is whole, but not a checkpoint of this training."""


class Checkpoint:
    """A checkpoint file of one training.

    Args:
        path: of the file.
        every: epochs between two writes.
        seconds: after which it is written within an epoch.
        identity: what must be the same when the training goes on; see ``identity_of``.
    """

    def __init__(self, path: str | os.PathLike[str], every: int, seconds: float, identity: dict[str, Any]) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise OptionError(f"checkpoint_every={every!r}, expected a whole number of epochs of at least 1.")
        if not seconds >= 0:
            raise OptionError(f"checkpoint_seconds={seconds!r}, expected a number of at least 0.")
        self.path, self.every, self.seconds, self.identity = Path(path), every, seconds, identity
        self.due = time.perf_counter() + seconds
        self._saved: tuple[int, int] | None = None

    def save(self, state: State) -> None:
        """Write the state, unless it is the one written last.

        Raises:
            ModelFileError: the file cannot be written; what stood there is still whole.
        """
        place = (state.epoch, state.step)
        if place != self._saved:
            write_tensors(self.path, {"backproof": _record_of(state, self.identity)}, _arrays_of(state))
            self._saved = place
        self.due = time.perf_counter() + self.seconds

    def load(self, state: State) -> bool:
        """Bring ``state``, just started, to where the file says; False if there is no file.

        Raises:
            ModelFileError: the file is damaged, of another version, or of another training.
        """
        if not self.path.exists():
            return False
        if not self.path.is_file():
            raise ModelFileError(f"checkpoint {str(self.path)!r} is not a file.")
        try:
            self._load(state)
        except _Foreign as error:
            raise ModelFileError(f"checkpoint {str(self.path)!r} {one_line(error)}") from None
        except Exception as error:
            # A hostile file raises whatever its first wrong part meets; all mean the same here.
            reason = one_line(error).removeprefix("is damaged: ")
            raise ModelFileError(f"checkpoint {str(self.path)!r} is damaged: {reason}") from error
        return True

    @property
    def _steps_per_epoch(self) -> int:
        examples, size = int(self.identity["data"]["examples"]), int(self.identity["settings"]["batch_size"])
        return math.ceil(examples / size)

    def _load(self, state: State) -> None:
        with open_tensors(self.path) as file:
            record = _read_record(file.metadata)
            _compare(_completed(record["identity"], self.identity), self.identity)
            _require(record["step"] <= self._steps_per_epoch, "step")
            _check_entries(file, state, record)
            arrays = {name: _checked(file.read(name), name) for name in file.entries}
        _restore(state, record, arrays)


def identity_of(
    net: Network,
    state: State,
    examples: Batches,
    held_out: Batches | None,
    loss: Loss,
    settings: Training,
    metric: str | None,
) -> dict[str, Any]:
    """Return as plain data all that decides the course of a training: settings, network, kind of data."""
    described = settings.describe()
    epochs = described.pop("epochs")
    for name in _HARMLESS:
        del described[name]
    if settings.schedule.planned:
        described["epochs"] = epochs
    identity = {
        "network": net.describe(),
        "loss": describe_loss(loss),
        "settings": described,
        "dtype": dtype_name(state.theta.vector),
        "data": _mark(examples),
        "validation": None if held_out is None else _mark(held_out),
        "metric": metric,
    }
    plain: dict[str, Any] = json.loads(json.dumps(identity, default=str))
    return plain


def _mark(examples: Batches) -> dict[str, Any]:
    """Return what tells one data set from another: sizes, and checksums of the data and of what is made of them."""
    ends = [examples.batch(np.asarray([place], dtype=np.intp)) for place in (0, len(examples) - 1)]
    x, y = ends[0]
    return {
        "examples": len(examples),
        "x": list(x.shape[1:]),
        "y": list(y.shape[1:]),
        "x checksum": _checksum([*_sampled(examples.x), *(end[0] for end in ends)]),
        "y checksum": _checksum([*_sampled(examples.y), *(end[1] for end in ends)]),
        "weights checksum": None if examples.weights is None else _checksum([examples.weights]),
    }


def _sampled(data: Any) -> Iterator[Array]:
    """Yield an array in blocks of rows: the whole if it is in memory or small, else ``SAMPLE`` rows evenly spaced."""
    count = len(data)
    row = np.asarray(data[:1]).nbytes
    step = 1 if _in_memory(data) or count * row <= SMALL else max(1, count // SAMPLE)
    rows = max(1, BLOCK // max(1, row)) * step
    for start in range(0, count, rows):
        stop = min(start + rows, count)
        yield np.asarray(data[start:stop] if step == 1 else data[np.arange(start, stop, step)])


def _in_memory(data: Any) -> bool:
    """Tell whether an array, through all the views that it is of, is one of NumPy's that is not mapped."""
    if not isinstance(data, np.ndarray):
        return False
    while isinstance(data, np.ndarray):
        if isinstance(data, np.memmap):
            return False
        data = data.base
    return True


def _checksum(arrays: Iterable[Array]) -> int:
    value = 0
    for array in arrays:
        whole = np.ascontiguousarray(array.astype(str) if array.dtype.hasobject else array)
        value = zlib.crc32(whole.view(np.uint8).data if whole.size and whole.ndim else whole.tobytes(), value)
    return value


def _record_of(state: State, identity: dict[str, Any]) -> str:
    record = {
        "format": FORMAT,
        "version": VERSION,
        "identity": identity,
        "epoch": state.epoch,
        "step": state.step,
        "count": state.memory.count,
        "loss_sum": state.loss_sum,
        "seconds": state.seconds,
        "best_epoch": state.best_epoch,
    }
    return json.dumps(record, allow_nan=False)


def _arrays_of(state: State) -> dict[str, Array]:
    """Return what a checkpoint holds as arrays; there is no history before the end of the first epoch."""
    arrays = {"vector": state.theta.vector}
    if state.best is not None:
        arrays["best"] = state.best
    arrays.update({f"moment.{name}": moment for name, moment in state.memory.moments.items()})
    rows = [[getattr(entry, name) for name in _HISTORY] for entry in state.history]
    return arrays | ({"history": np.array(rows, dtype=np.float64)} if rows else {})


def _read_record(metadata: Mapping[str, str]) -> dict[str, Any]:
    record = strict_json(metadata["backproof"], "the description") if "backproof" in metadata else None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise _Foreign("is not a checkpoint of backproof.")
    if record.get("version") != VERSION:
        raise _Foreign(
            f"has version {record.get('version')!r:.20}, expected {VERSION}; it was written by another release."
        )
    _check_record(record)
    return record


def _check_record(record: dict[str, Any]) -> None:
    for name in ("epoch", "step", "count"):
        _require(type(record[name]) is int and 0 <= record[name] < 2**62, name)
    for name in ("loss_sum", "seconds"):
        _require(_is_number(record[name]), name)
    best = record["best_epoch"]
    _require(best is None or (type(best) is int and 1 <= best <= record["epoch"]), "best_epoch")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"its {what} makes no sense")


def _check_entries(file: TensorFile, state: State, record: dict[str, Any]) -> None:
    """Check names, shapes and types of the arrays before any of them is read."""
    vector = state.theta.vector
    names = {"vector", *(f"moment.{name}" for name in state.memory.moments)}
    names |= {"best"} if record["best_epoch"] is not None else set()
    expected = dict.fromkeys(names, (vector.shape, vector.dtype))
    if record["epoch"]:
        expected["history"] = ((record["epoch"], len(_HISTORY)), np.dtype(np.float64))
    _require(set(file.entries) == set(expected), f"list of arrays {sorted(file.entries)!r:.200}")
    for name, (shape, dtype) in expected.items():
        entry = file.entries[name]
        _require(entry.shape == shape and entry.dtype == dtype, f"array {name!r} of {entry.dtype}, {entry.shape},")


def _checked(array: Array, name: str) -> Array:
    parts = array[:, [0, 3]] if name == "history" else array
    _require(bool(np.isfinite(parts).all()), f"{name!r}, which is not finite,")
    _require(not np.isinf(array).any(), f"{name!r}, which is not finite,")
    return array


def _restore(state: State, record: dict[str, Any], arrays: dict[str, Array]) -> None:
    np.copyto(state.theta.vector, arrays["vector"])
    state.best = arrays.get("best")
    for name, moment in state.memory.moments.items():
        np.copyto(moment, arrays[f"moment.{name}"])
    state.memory.count = record["count"]
    state.epoch, state.step, state.best_epoch = record["epoch"], record["step"], record["best_epoch"]
    state.loss_sum, state.seconds = float(record["loss_sum"]), float(record["seconds"])
    rows = arrays["history"].tolist() if record["epoch"] else []
    state.history = [_epoch(number, row) for number, row in enumerate(rows, start=1)]


def _epoch(number: int, row: list[float]) -> Epoch:
    values = {name: None if math.isnan(value) else value for name, value in zip(_HISTORY, row, strict=True)}
    return Epoch(number, **values)  # type: ignore[arg-type]


def _completed(came: Any, expected: dict[str, Any]) -> Any:
    """Return what was written completed by the settings that came later, which change rounding alone."""
    if not isinstance(came, dict) or not isinstance(came.get("settings"), dict):
        return came
    newer = {name: expected["settings"][name] for name in _NEWER if name in expected["settings"]}
    return {**came, "settings": {**newer, **came["settings"]}}


def _compare(came: Any, expected: dict[str, Any]) -> None:
    difference = _network_difference(came.get("network"), expected["network"]) if isinstance(came, dict) else None
    if difference:
        raise _Foreign(f"is of another training: {difference}; use what it had, or start anew without resume.")
    for place, before, now in _differences(came, expected):
        raise _Foreign(
            f"is of another training: {place} was {before!r:.60}, now it is {now!r:.60}; use what it had, or start "
            "anew without resume."
        )


def _network_difference(before: Any, now: list[Any]) -> str | None:
    """Say in which layer two networks differ; None if the layers' names do not show it."""
    if not isinstance(before, list):
        return None
    if len(before) != len(now):
        return f"the network had {len(before)} layers, now it has {len(now)}"
    for index, pair in enumerate(zip(before, now, strict=True)):
        was, is_now = map(_label, pair)
        if was != is_now:
            return f"the network differs: layer {index} was {was}, now it is {is_now}"
    return None


def _label(described: Any) -> str:
    try:
        return f"{layer_from(described).label:.60}"
    except OptionError:  # a layer that is not registered
        return f"{described!r:.60}"


def _differences(before: Any, now: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in now | before:
            yield from _differences(before.get(name), now.get(name), f"{place} {name}".strip())
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, (left, right) in enumerate(zip(before, now, strict=True)):
            yield from _differences(left, right, f"{place} {index}")
    elif before != now:
        yield place, before, now
