"""Metrics: how good predictions are, in terms people use. Examples come in batches."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from ..arrays import Array, flatten
from ..errors import OptionError, ShapeError, unknown_name
from ..losses import BinaryCrossEntropy, CrossEntropy, Loss
from ..merging import merged


class Metric(ABC):
    """A number gathered from batches of outputs z and targets y.

    Shapes:
        z: (batch, n)
        y: as the loss takes them

    Args:
        loss: tells how outputs are read.
    """

    greater_is_better: ClassVar[bool] = True

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    @abstractmethod
    def add(self, z: Array, y: Array) -> None:
        """Take in a batch."""

    @abstractmethod
    def value(self) -> float:
        """Return the metric of all batches so far."""


class Accuracy(Metric):
    """The share of right predictions: the largest logit, or for binary cross-entropy the sign of each."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss)
        if not isinstance(loss, CrossEntropy | BinaryCrossEntropy):
            raise OptionError(
                f"metric 'accuracy' reads classes, but the loss is {type(loss).__name__}; expected CrossEntropy or "
                "BinaryCrossEntropy, or another metric, as in 'r2'."
            )
        self.right, self.count = 0, 0

    def add(self, z: Array, y: Array) -> None:
        """Count the right predictions of a batch."""
        rows, y = flatten(z), np.asarray(y)
        if isinstance(self.loss, BinaryCrossEntropy):
            right = (rows > 0) == (y.reshape(rows.shape) > 0.5)
        else:
            right = rows.argmax(axis=1) == (y if y.ndim == 1 else flatten(y).argmax(axis=1))
        self.right += int(np.count_nonzero(right))
        self.count += right.size

    def value(self) -> float:
        """Return right / all."""
        return self.right / self.count


class _Residual(Metric):
    """What metrics of differences share: residuals and targets as float64, (batch, n).

    The difference is between the target y and p = ``loss.prediction(z)``: the output itself, or the mean count that
    a log rate stands for, or the probability of a logit.
    """

    def add(self, z: Array, y: Array) -> None:
        """Take in the differences of a batch."""
        self.compare(self.loss.prediction(flatten(z).astype(np.float64)), y)

    def compare(self, p: Array, y: Array) -> None:
        """Take in a batch of predictions, in the units of the targets."""
        rows = flatten(p).astype(np.float64)
        targets = np.asarray(y, dtype=np.float64)
        if targets.size != rows.size or len(targets) != len(rows):
            raise ShapeError(f"metric: targets have shape {targets.shape}, expected {rows.shape} like the outputs.")
        targets = targets.reshape(rows.shape)
        self._add(rows - targets, targets)

    @abstractmethod
    def _add(self, residual: Array, targets: Array) -> None:
        """Take in residuals and targets, both (batch, n)."""


class _MeanOf(_Residual):
    """A mean over examples and outputs."""

    greater_is_better = False

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss)
        self.sum, self.count = 0.0, 0

    def _add(self, residual: Array, targets: Array) -> None:
        self.sum += float(np.sum(self._term(residual)))
        self.count += residual.size

    @abstractmethod
    def _term(self, residual: Array) -> Array:
        """Return what is averaged."""

    def value(self) -> float:
        """Return the mean."""
        return self.sum / self.count


class MeanAbsoluteError(_MeanOf):
    """The mean of |p - y| over examples and outputs."""

    def _term(self, residual: Array) -> Array:
        return np.abs(residual)


class MeanSquaredError(_MeanOf):
    """The mean of (p - y)^2 over examples and outputs."""

    def _term(self, residual: Array) -> Array:
        return residual * residual


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (p - y)^2 over examples and outputs."""

    def value(self) -> float:
        """Return the root."""
        return math.sqrt(super().value())


class R2(_Residual):
    """The coefficient of determination, averaged over outputs.

    Math:
        1 - sum (p - y)^2 / sum (y - mean y)^2;   1 or 0 for a constant y that is met or not
    """

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss)
        self.count = 0
        self.mean = self.spread = self.error = np.zeros(1)
        self.low, self.high = np.full(1, math.inf), np.full(1, -math.inf)

    def _add(self, residual: Array, targets: Array) -> None:
        mean = targets.mean(axis=0)
        spread = np.sum((targets - mean) ** 2, axis=0)
        part = (len(targets), mean, spread)
        self.error = self.error + np.sum(residual * residual, axis=0)
        self.low = np.minimum(self.low, targets.min(axis=0))
        self.high = np.maximum(self.high, targets.max(axis=0))
        self.count, self.mean, self.spread = merged(self.count, self.mean, self.spread, *part)

    @property
    def constant(self) -> Array:
        """Whether all targets of an output are the same, or their deviations' squares 0; it has no score then."""
        # The mean of equal numbers is rounded, so that the spread is not always 0.
        return np.asarray((self.low == self.high) | (self.spread == 0))

    def value(self) -> float:
        """Return the mean over the outputs."""
        constant = self.constant
        scores = 1 - self.error / np.where(constant, 1.0, self.spread)
        return float(np.mean(np.where(constant, np.where(self.error == 0, 1.0, 0.0), scores)))


METRICS: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "r2": R2,
    "rmse": RootMeanSquaredError,
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
}
"""The metrics that ``fit`` and the command line know by name."""


def metric_class(name: str) -> type[Metric]:
    """Return the metric of that name.

    Raises:
        OptionError: there is none; the message has the nearest.
    """
    if not isinstance(name, str) or name not in METRICS:
        raise unknown_name("metric", str(name), METRICS)
    return METRICS[name]
