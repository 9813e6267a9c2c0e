"""One step: gradient, checks, clipping, optimiser."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..backpropagation import value_and_gradient
from ..compilation import Program
from ..errors import DataError, NonFiniteError
from ..losses import Loss
from ..network import Network
from ..parameters import Parameters
from .naming import renamed
from .settings import Training
from .state import State


@dataclass(frozen=True)
class Stepper:
    """What stays the same from step to step.

    Attributes:
        net: the network.
        loss: as given; with example weights its sum is taken and the weights carry 1/N.
        settings: of the training.
        per_epoch: steps in an epoch.
        random: whether a layer draws random numbers in training.
        weight_decay: a number, or one per parameter.
        mean_weight: of all examples; None without weights.
        program: loss and gradient, compiled; None where the network changes from step to step, or if not wanted.
    """

    net: Network
    loss: Loss
    settings: Training
    per_epoch: int
    random: bool
    weight_decay: float | Array
    mean_weight: float | None
    program: Program | None = None

    @classmethod
    def of(
        cls, net: Network, theta: Parameters, loss: Loss, settings: Training, per_epoch: int, weights: Array | None
    ) -> "Stepper":
        """Return the stepper of a training."""
        mean_weight = None if weights is None else float(weights.mean())
        if weights is not None and loss.reduction == "mean":
            loss = replace(loss, reduction="sum")
        elif weights is not None:
            mean_weight = 1.0
        random = net.training(0) is not net
        program = None
        if settings.compile and not random:
            program = Program.quiet(net, loss, theta.vector.dtype, settings.kernels)
        return cls(net, loss, settings, per_epoch, random, decay_of(theta, settings), mean_weight, program)

    def take(self, state: State, x: Array, y: Array, weights: Array | None, scale: float, index: Any) -> float:
        """Take one step in place and return the loss of the batch before it.

        Args:
            state: changed in place.
            x, y: the batch.
            weights: of the batch's examples, any positive.
            scale: what weights are multiplied by.
            index: the places of the batch's examples in the data, for messages.

        Raises:
            NonFiniteError: NaN or infinity arises; the message names step, epoch and layer.
            DataError: a target does not fit the loss; the message names the example.
        """
        number = state.epoch * self.per_epoch + state.step
        net = self.net.training(number) if self.random else self.net
        if weights is not None:
            weights = (weights * scale).astype(state.theta.vector.dtype)
        try:
            value, gradient = self._differentiate(net, state, x, y, weights)
            self._clip(gradient)
        except (NonFiniteError, DataError) as error:
            place = np.arange(index.start, index.stop) if isinstance(index, slice) else index
            raise renamed(error, f"step {number + 1} (epoch {state.epoch + 1})", lambda row: int(place[row])) from None
        settings = self.settings
        rate = settings.optimizer.learning_rate * settings.schedule.factor(number, self.per_epoch, settings.epochs)
        settings.optimizer.step(
            state.theta.vector, gradient.vector, state.memory, rate, self.weight_decay, settings.kernels
        )
        return float(value)

    def _differentiate(
        self, net: Network, state: State, x: Array, y: Array, weights: Array | None
    ) -> tuple[Array, Parameters]:
        if self.program is not None:
            return self.program(state.theta, x, y, weights=weights, out=state.gradient)
        return value_and_gradient(net, state.theta, x, y, self.loss, weights=weights, out=state.gradient)

    def _clip(self, gradient: Parameters) -> None:
        """Check that the gradient is finite and scale it down to ``clip_norm``."""
        vector, limit = gradient.vector, self.settings.clip_norm
        square = float(vector.dot(vector))
        if not math.isfinite(square):
            square = _careful_square(self.net, gradient, limit)
        if limit is not None:
            norm = math.sqrt(square)
            if norm > limit:
                vector *= limit / (norm + 1e-6)


def decay_of(theta: Parameters, settings: Training) -> float | Array:
    """Return lambda as one number, or if only weights decay as one number per parameter."""
    if settings.decayed == "all" or settings.weight_decay == 0:
        return settings.weight_decay
    decay = np.zeros_like(theta.vector)
    for name, where in theta.layout.slices.items():
        if len(theta.layout.shapes[name]) > 1:
            decay[where] = settings.weight_decay
    return decay


def _careful_square(net: Network, gradient: Parameters, limit: float | None) -> float:
    """Return the squared norm where its plain sum is not finite; raise if the gradient is to blame."""
    for name in reversed(list(gradient)):
        if not np.isfinite(gradient[name]).all():
            index, _, rest = name.partition(".")
            raise NonFiniteError(
                f"layer {index}, {net[int(index)].label}: the gradient of its {rest} is not finite; "
                "lower the learning rate."
            )
    wide = gradient.vector.astype(np.float64)
    square = float(wide.dot(wide))
    if limit is None or not math.isfinite(square):
        raise NonFiniteError(
            f"the gradient's norm {math.sqrt(square):.1e} is too large to be squared in {gradient.vector.dtype}; lower "
            "the learning rate or set clip_norm."
        )
    return square
