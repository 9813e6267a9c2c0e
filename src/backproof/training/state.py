"""Where a training stands: everything that decides how it goes on."""

import math
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from ..parameters import Parameters
from .history import Epoch
from .metrics import metric_class
from .optimizers import Memory
from .settings import Training


@dataclass
class State:
    """The state between two steps.

    Attributes:
        theta: the parameters; steps change their vector in place.
        gradient: room for the gradient, of the same layout.
        memory: of the optimiser.
        best: the vector with the best validation score so far; None before the first.
        best_epoch: the number of its epoch.
        epoch: epochs finished.
        step: steps taken in the present epoch.
        loss_sum: of the present epoch's examples so far, times their relative weights.
        seconds: spent in the present epoch.
        history: the finished epochs.
    """

    theta: Parameters
    gradient: Parameters
    memory: Memory
    best: Array | None = None
    best_epoch: int | None = None
    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)

    @classmethod
    def start(cls, theta: Parameters, settings: Training) -> "State":
        """Return the state before the first step, at a copy of ``theta``."""
        theta = theta.copy()
        gradient = theta.with_vector(np.empty_like(theta.vector))
        return cls(theta, gradient, settings.optimizer.start(theta.vector))

    def finish_epoch(self, entry: Epoch, metric: str | None) -> None:
        """Write down an epoch, and keep the parameters if they are the best so far."""
        self.history.append(entry)
        self.epoch += 1
        self.step, self.loss_sum, self.seconds = 0, 0.0, 0.0
        if entry.validation_loss is None:
            return
        best = None if self.best_epoch is None else self.history[self.best_epoch - 1]
        if best is None or rank(entry, metric) > rank(best, metric):
            self.best_epoch = entry.epoch
            self.best = self.theta.vector.copy() if self.best is None else self.best
            np.copyto(self.best, self.theta.vector)


def rank(entry: Epoch, metric: str | None) -> tuple[float, float]:
    """Return what makes one epoch better than another: its score, then its validation loss."""
    loss = -(entry.loss if entry.validation_loss is None else entry.validation_loss)
    if metric is None or entry.metric is None:
        return loss, loss
    sign = 1.0 if metric_class(metric).greater_is_better else -1.0
    return sign * entry.metric, loss


class Waiting:
    """How long a training has gone without improvement by more than the tolerance."""

    def __init__(self, settings: Training, metric: str | None) -> None:
        self.settings, self.metric = settings, metric
        self.reached, self.waited = -math.inf, 0

    def note(self, entry: Epoch) -> None:
        """Take in a finished epoch."""
        score = rank(entry, self.metric)[0]
        self.waited = 0 if score > self.reached + self.settings.tolerance else self.waited + 1
        self.reached = max(self.reached, score)

    @property
    def over(self) -> bool:
        """Whether the patience is used up."""
        return self.settings.patience is not None and self.waited >= self.settings.patience
