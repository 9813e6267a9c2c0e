"""How to train: every setting that decides the bits of the result."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, TypeVar

from ..compilation.lowering import require_kernels
from ..errors import OptionError, unknown_name
from .optimizers import OPTIMIZERS, Adam, Optimizer
from .schedules import SCHEDULES, Constant, Schedule

DECAYED = ("all", "weights")

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Training:
    """Settings of a training.

    Args:
        epochs: passes through the examples.
        batch_size: examples in a step; the last step of an epoch may have fewer.
        optimizer: an optimiser, or its name in ``OPTIMIZERS``.
        schedule: of the learning rate, or its name in ``SCHEDULES``.
        weight_decay: lambda; added to the gradient as ``lambda theta``, or decoupled with AdamW.
        decayed: which parameters decay: ``"all"``, or ``"weights"`` for those of two axes or more.
        clip_norm: largest norm of the gradient; a longer one is scaled down to it.
        patience: stop after this many epochs without improvement; None never does. What must improve is the
            metric on the validation examples, without metric their loss, without validation the training loss.
        tolerance: by how much it must improve to count.
        seed: of the order of the examples.
        shuffle: whether every epoch has an order of its own.
        compile: whether loss and gradient run as a compiled program where the layers can be traced. The numbers are
            the same up to rounding.
        kernels: ``"numba"`` lets numba compile what stands between the products of matrices, and Adam's update; worth
            its seconds of compiling in a long training of a small network. The last digits may differ.

    Raises:
        OptionError: a setting is impossible, or a name unknown (with the nearest).
        MissingExtraError: numba is not installed.
    """

    epochs: int = 100
    batch_size: int = 32
    optimizer: Optimizer = field(default_factory=Adam)
    schedule: Schedule = field(default_factory=Constant)
    weight_decay: float = 0.0
    decayed: str = "all"
    clip_norm: float | None = None
    patience: int | None = None
    tolerance: float = 0.0
    seed: int = 0
    shuffle: bool = True
    compile: bool = True
    kernels: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "optimizer", optimizer_from(self.optimizer))
        object.__setattr__(self, "schedule", schedule_from(self.schedule))
        for name, least in (("epochs", 0), ("batch_size", 1), ("patience", 1), ("seed", 0)):
            self._check_whole(name, least)
        for name in ("weight_decay", "tolerance", "clip_norm"):
            self._check_real(name)
        if self.clip_norm == 0:
            raise OptionError("Training: clip_norm=0, expected a positive number or None.")
        if not isinstance(self.compile, bool):
            raise OptionError(f"Training: compile={self.compile!r:.40}, expected True or False.")
        require_kernels("Training", self.kernels)
        if self.decayed not in DECAYED:
            raise unknown_name("choice of decayed parameters", str(self.decayed), DECAYED)

    def _check_whole(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if name == "patience" and value is None:
            return
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise OptionError(f"Training: {name}={value!r}, expected a whole number of at least {least}.")
        object.__setattr__(self, name, int(value))

    def _check_real(self, name: str) -> None:
        value = getattr(self, name)
        if name == "clip_norm" and value is None:
            return
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < math.inf:
            raise OptionError(f"Training: {name}={value!r}, expected a finite number of at least 0.")
        object.__setattr__(self, name, float(value))

    def describe(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            **plain,
            "optimizer": _describe(self.optimizer, OPTIMIZERS),
            "schedule": _describe(self.schedule, SCHEDULES),
        }


def optimizer_from(description: Any) -> Optimizer:
    """Return an optimiser from its name, from ``{"name": ..., settings}``, or itself.

    Raises:
        OptionError: the name or a setting is unknown (with the nearest), or a value impossible.
    """
    return _from(description, "optimizer", OPTIMIZERS, Optimizer)  # type: ignore[type-abstract]


def schedule_from(description: Any) -> Schedule:
    """Return a schedule from its name, from ``{"name": ..., settings}``, or itself.

    Raises:
        OptionError: the name or a setting is unknown (with the nearest), or a value impossible.
    """
    return _from(description, "schedule", SCHEDULES, Schedule)  # type: ignore[type-abstract]


def _from(description: Any, kind: str, known: Mapping[str, type[Kind]], base: type[Kind]) -> Kind:
    if isinstance(description, base):
        return description
    table = {"name": description} if isinstance(description, str) else description
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise OptionError(f"{kind}={description!r:.60}, expected one of {', '.join(known)}, or its object.")
    name = table["name"].lower()
    if name not in known:
        raise unknown_name(kind, table["name"], known)
    settings = {key: value for key, value in table.items() if key != "name"}
    allowed = [item.name for item in fields(known[name])]  # type: ignore[arg-type]
    for key in settings:
        if key not in allowed:
            raise unknown_name(f"setting of {name}", str(key), allowed)
    if "then" in settings:
        settings["then"] = schedule_from(settings["then"])
    try:
        return known[name](**settings)
    except TypeError:
        raise OptionError(f"{name}: settings {settings!r:.80} are not numbers.") from None


def _describe(value: Any, known: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Return an optimiser or schedule as plain data: its name and its settings."""
    name = next((key for key, cls in known.items() if cls is type(value)), type(value).__name__)
    settings = {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(settings.get("then"), Schedule):
        settings["then"] = _describe(settings["then"], SCHEDULES)
    return {"name": name, **settings}
