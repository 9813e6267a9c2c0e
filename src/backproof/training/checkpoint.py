"""Checkpoints: the whole state of a training in one safetensors file, replaced atomically."""

import json
import math
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array, dtype_name
from ..errors import ModelFileError, OptionError
from ..files import atomic_write
from ..losses import Loss, describe_loss
from ..network import Network
from .examples import Examples
from .history import Epoch
from .settings import Training
from .state import State

FORMAT = "backproof checkpoint"
VERSION = 1

_HARMLESS = ("patience", "tolerance")
"""Settings that do not change the steps already taken."""


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
            data = _encoded(state, self.identity)
            with atomic_write(self.path, ModelFileError) as file:
                file.write(data)
            self._saved = place
        self.due = time.perf_counter() + self.seconds

    def load(self, state: State) -> bool:
        """Bring ``state``, just started, to where the file says; False if there is no file.

        Raises:
            ModelFileError: the file is damaged, of another version, or of another training.
        """
        if not self.path.exists():
            return False
        try:
            self._load(state)
        except ModelFileError:
            raise
        except Exception as error:
            # The reader's exceptions for hostile input are many; all mean the same here.
            reason = str(error).split("\n")[0][:200] or type(error).__name__
            raise ModelFileError(f"checkpoint {str(self.path)!r} is damaged: {reason}") from error
        return True

    @property
    def _steps_per_epoch(self) -> int:
        examples, size = int(self.identity["data"]["examples"]), int(self.identity["settings"]["batch_size"])
        return math.ceil(examples / size)

    def _load(self, state: State) -> None:
        import safetensors

        if not self.path.is_file():
            raise ModelFileError(f"checkpoint {str(self.path)!r} is not a file.")
        with safetensors.safe_open(self.path, framework="numpy") as file:
            record = _record(file.metadata(), self.path)
            _compare(record["identity"], self.identity, self.path)
            _require(record["step"] <= self._steps_per_epoch, "step")
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _check_shapes(shapes, state, has_best=record["best_epoch"] is not None)
            arrays = {name: _checked(file.get_tensor(name), name, state.theta.vector) for name in shapes}
        _restore(state, record, arrays)


def identity_of(
    net: Network,
    state: State,
    examples: Examples,
    held_out: Examples | None,
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


def _mark(examples: Examples) -> dict[str, Any]:
    """Return what tells one data set from another at a glance: sizes, and checksums of its ends."""
    ends = [examples.batch(np.asarray([place], dtype=np.intp)) for place in (0, len(examples) - 1)]
    x, y = ends[0]
    marked = {"examples": len(examples), "x": list(x.shape[1:]), "y": list(y.shape[1:])}
    for name, arrays in (("x checksum", [end[0] for end in ends]), ("y checksum", [end[1] for end in ends])):
        marked[name] = _checksum(*arrays)
    marked["weights checksum"] = None if examples.weights is None else _checksum(examples.weights)
    return marked


def _checksum(*arrays: Array) -> int:
    value = 0
    for array in arrays:
        value = zlib.crc32(np.ascontiguousarray(array).tobytes(), value)
    return value


def _encoded(state: State, identity: dict[str, Any]) -> bytes:
    import safetensors.numpy

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
        "history": [entry.describe() for entry in state.history],
    }
    arrays = {"vector": state.theta.vector}
    if state.best is not None:
        arrays["best"] = state.best
    arrays.update({f"moment.{name}": moment for name, moment in state.memory.moments.items()})
    encoded: bytes = safetensors.numpy.save(arrays, {"backproof": json.dumps(record, allow_nan=False)})
    return encoded


def _record(metadata: Any, path: Path) -> dict[str, Any]:
    text = (metadata or {}).get("backproof")
    record = json.loads(text) if isinstance(text, str) else None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ModelFileError(f"{str(path)!r} is not a checkpoint of backproof.")
    if record.get("version") != VERSION:
        raise ModelFileError(
            f"checkpoint {str(path)!r} has version {record.get('version')!r:.20}, expected {VERSION}; "
            "it was written by another release."
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
    history = record["history"]
    _require(isinstance(history, list) and len(history) == record["epoch"], "history")
    names = {item.name for item in fields(Epoch)}
    for number, entry in enumerate(history, start=1):
        _require(isinstance(entry, dict) and set(entry) == names and entry["epoch"] == number, "history")
        _require(_is_number(entry["loss"]) and _is_number(entry["seconds"]), "history")
        _require(all(entry[name] is None or _is_number(entry[name]) for name in names), "history")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"its {what} makes no sense")


def _check_shapes(shapes: dict[str, tuple[int, ...]], state: State, has_best: bool) -> None:
    expected = {"vector", *(f"moment.{name}" for name in state.memory.moments), *(["best"] if has_best else [])}
    _require(set(shapes) == expected, f"list of arrays {sorted(shapes)}")
    for name, shape in shapes.items():
        _require(shape == state.theta.vector.shape, f"shape {shape} of {name!r}")


def _checked(array: Array, name: str, like: Array) -> Array:
    _require(array.dtype == like.dtype, f"dtype {array.dtype} of {name!r}")
    _require(bool(np.isfinite(array).all()), f"{name!r}, which is not finite,")
    return array


def _restore(state: State, record: dict[str, Any], arrays: dict[str, Array]) -> None:
    np.copyto(state.theta.vector, arrays["vector"])
    state.best = np.array(arrays["best"]) if "best" in arrays else None
    for name, moment in state.memory.moments.items():
        np.copyto(moment, arrays[f"moment.{name}"])
    state.memory.count = record["count"]
    state.epoch, state.step, state.best_epoch = record["epoch"], record["step"], record["best_epoch"]
    state.loss_sum, state.seconds = float(record["loss_sum"]), float(record["seconds"])
    state.history = [Epoch(**entry) for entry in record["history"]]


def _compare(came: Any, expected: dict[str, Any], path: Path) -> None:
    for place, before, now in _differences(came, expected):
        raise ModelFileError(
            f"checkpoint {str(path)!r} is of another training: {place} was {before!r:.60}, now it is {now!r:.60}; use "
            "what it had, or start anew without resume."
        )


def _differences(before: Any, now: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in now | before:
            yield from _differences(before.get(name), now.get(name), f"{place} {name}".strip())
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, (left, right) in enumerate(zip(before, now, strict=True)):
            yield from _differences(left, right, f"{place} {index}")
    elif before != now:
        yield place, before, now
