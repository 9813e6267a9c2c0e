"""Schedules: by which factor the learning rate is multiplied at a step."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from ..errors import OptionError


@dataclass(frozen=True)
class Schedule(ABC):
    """The learning rate's course: a factor for every step."""

    planned: ClassVar[bool] = False
    """Whether the factor depends on the number of epochs, so that a training cannot be prolonged."""

    @abstractmethod
    def factor(self, step: int, per_epoch: int, epochs: float) -> float:
        """Return what the learning rate is multiplied by.

        Args:
            step: from 0, through all epochs.
            per_epoch: steps in an epoch.
            epochs: of the whole training.
        """


@dataclass(frozen=True)
class Constant(Schedule):
    """The learning rate as it is: factor 1."""

    def factor(self, step: int, per_epoch: int, epochs: float) -> float:
        """Return 1."""
        return 1.0


@dataclass(frozen=True)
class Step(Schedule):
    """The learning rate times ``ratio`` after every ``every`` epochs."""

    every: int = 30
    ratio: float = 0.1

    def __post_init__(self) -> None:
        _require(self, "every", "1 or more", self.every >= 1)
        _require(self, "ratio", "a positive number", self.ratio > 0)

    def factor(self, step: int, per_epoch: int, epochs: float) -> float:
        """Return ratio^floor(epoch / every)."""
        return float(self.ratio ** (step // (per_epoch * self.every)))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 down to ``floor`` at the end of the training.

    Math:
        floor + (1 - floor) (1 + cos(pi t)) / 2,   t = step / all steps
    """

    floor: float = 0.0
    planned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _require(self, "floor", "a number in [0, 1]", 0 <= self.floor <= 1)

    def factor(self, step: int, per_epoch: int, epochs: float) -> float:
        """Return the cosine's height."""
        t = min(1.0, step / max(1.0, per_epoch * epochs))
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * t)) / 2


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A straight rise to 1 over the first ``epochs`` epochs, then another schedule over the rest.

    Args:
        epochs: length of the rise; fractions are allowed.
        then: the schedule that follows, as if it began there.
    """

    epochs: float = 1.0
    then: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        _require(self, "epochs", "a positive finite number", 0 < self.epochs < math.inf)
        _require(self, "then", "a schedule", isinstance(self.then, Schedule))

    @property
    def planned(self) -> bool:  # type: ignore[override]
        """Whether the schedule that follows depends on the number of epochs."""
        return self.then.planned

    def factor(self, step: int, per_epoch: int, epochs: float) -> float:
        """Return (step + 1) / steps of the rise, or what the other schedule says."""
        rise = max(1, round(self.epochs * per_epoch))
        if step < rise:
            return (step + 1) / rise
        return self.then.factor(step - rise, per_epoch, max(0.0, epochs - self.epochs))


def _require(who: Schedule, name: str, expected: str, holds: bool) -> None:
    if not holds:
        raise OptionError(f"{type(who).__name__}: {name}={getattr(who, name)!r}, expected {expected}.")


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": Step,
    "cosine": Cosine,
    "warmup": WarmUp,
}
"""The schedules that the command line and ``Training`` know by name."""
