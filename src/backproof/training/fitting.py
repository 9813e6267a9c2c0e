"""Fit a network to data: epochs of steps, validation, early stopping, checkpoints."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from ..arrays import Array, is_numpy
from ..errors import DataError, DtypeError, NonFiniteError, OptionError
from ..losses import Loss
from ..network import Network
from ..parameters import Parameters
from .checkpoint import Checkpoint, identity_of
from .evaluation import evaluate
from .examples import Batches, Prepare, order
from .history import Epoch, Fitted, History, Stopped
from .interruption import Interruption
from .metrics import metric_class
from .progress import Display, ProgressOption, display_for
from .settings import Training
from .state import State, Waiting
from .step import Stepper


def fit(
    net: Network,
    theta: Parameters,
    x: Any,
    y: Any,
    loss: Loss,
    settings: Training | None = None,
    *,
    weights: Any = None,
    validation: tuple[Any, Any] | None = None,
    prepare: Prepare | None = None,
    prepare_target: Prepare | None = None,
    metric: str | None = None,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: int = 1,
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    progress: ProgressOption = False,
) -> Fitted:
    r"""Train a network by mini-batches, from ``theta``, which is left as it is.

    Equal arguments give equal bits on one machine, also when cut off and resumed. Ctrl-C ends the training after
    the present step and returns what is learned; a second one raises KeyboardInterrupt.

    Shapes:
        x: (n, \*any), a batch of it after ``prepare`` (batch, \*input_shape)
        y: (n, ...), what the loss takes
        weights: (n,)

    Args:
        net, theta: the network, and where to start: NumPy parameters.
        x, y: array-likes with a length that take an array of integers as index; they may be larger than memory.
        loss, settings: what to make small, and how; ``Training()`` if None.
        weights: of the examples; their mean is one unit, so equal weights change nothing.
        validation, metric: inputs and targets evaluated after every epoch, and by what in ``METRICS``.
        prepare, prepare_target: applied to every batch of x and of y.
        checkpoint: a file that holds the state, replaced as a whole.
        checkpoint_every, checkpoint_seconds: it is written after so many epochs, and seconds within one.
        resume: go on from the checkpoint if the file is there, else start.
        progress: a display on standard error, none, or a function that receives events as dictionaries.

    Raises:
        DataError, ShapeError, OptionError: data, weights, network or options do not fit.
        NonFiniteError: NaN or infinity arises; the message names step, epoch and layer.
        ModelFileError: the checkpoint cannot be written or read, or is of another training.
    """
    settings = Training() if settings is None else settings
    examples = Batches(x, y, weights, prepare, prepare_target)
    held_out = _validation(validation, prepare, prepare_target)
    with np.errstate(all="ignore"):
        _check(net, theta, examples, held_out, loss, metric)
    state, file = State.start(theta, settings), None
    if checkpoint is not None:
        identity = identity_of(net, state, examples, held_out, loss, settings, metric)
        file = Checkpoint(checkpoint, checkpoint_every, checkpoint_seconds, identity)
    if resume:
        _resume(file, state)
    display = display_for(progress, settings.epochs, len(examples), held_out is not None, metric)
    run = Run(net, examples, held_out, loss, settings, metric, file, display)
    return _fitted(state, run.complete(state))


def _resume(file: Checkpoint | None, state: State) -> None:
    if file is None:
        raise OptionError("fit: resume=True without a checkpoint, expected checkpoint=PATH.")
    file.load(state)


def _validation(pair: Any, prepare: Prepare | None, prepare_target: Prepare | None) -> Batches | None:
    if pair is None:
        return None
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise OptionError(f"fit: validation is a {type(pair).__name__}, expected a pair (x, y) or None.")
    x, y = pair
    return Batches(x, y, None, prepare, prepare_target, who="validation data")


def _check(
    net: Network, theta: Parameters, examples: Batches, held_out: Batches | None, loss: Loss, metric: str | None
) -> None:
    """Find what does not fit before any work is done: shapes, dtypes, targets, metric."""
    if not is_numpy(theta.vector):
        raise DtypeError("fit: theta is not made of NumPy arrays, expected net.initialize(...).")
    if theta.vector.size == 0:
        raise OptionError("fit: the network has no parameters, there is nothing to train.")
    if metric is not None:
        measure = metric_class(metric)(loss)
    for part in (examples, held_out):
        if part is not None:
            x, y = part.first()
            z = net.forward(theta, x)
            loss.value(z, y)
            if metric is not None:
                measure.add(z, y)


def _fitted(state: State, stopped: Stopped) -> Fitted:
    best = state.theta if state.best is None else state.theta.with_vector(state.best)
    return Fitted(state.theta, best, History(state.history), stopped, state.best_epoch)


@dataclass(frozen=True)
class Run:
    """A training under way: what does not change while the state does."""

    net: Network
    examples: Batches
    held_out: Batches | None
    loss: Loss
    settings: Training
    metric: str | None
    file: Checkpoint | None
    display: Display

    def complete(self, state: State) -> Stopped:
        """Train until the end or an interruption; write checkpoints on the way."""
        # Overflow ends in an error that names the layer; NumPy's warnings would only come before it.
        with Interruption() as interruption, np.errstate(all="ignore"), self.display as display:
            if self.file is not None:
                self._save(state)
            try:
                stopped = self._epochs(state, interruption)
            except KeyboardInterrupt:
                # The second Ctrl-C, or one from a place that no handler reaches.
                if interruption.asked:
                    raise
                stopped = "interrupted"
            _require_finite(state)
            if self.file is not None:
                self._save(state)
            display.stop(stopped)
        return stopped

    def _epochs(self, state: State, interruption: Interruption) -> Stopped:
        stepper = Stepper.of(self.net, state.theta, self.loss, self.settings, self.per_epoch, self.examples.weights)
        waiting = Waiting(self.settings, self.metric)
        for entry in state.history:
            waiting.note(entry)
        while state.epoch < self.settings.epochs:
            if waiting.over:
                return "early"
            if not self._epoch(state, stepper, interruption):
                return "interrupted"
            waiting.note(state.history[-1])
            if self.file is not None and state.epoch % self.file.every == 0:
                self._save(state)
        return "finished"

    @property
    def batch_size(self) -> int:
        """Examples in a full step."""
        return min(self.settings.batch_size, len(self.examples))

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch."""
        return math.ceil(len(self.examples) / self.batch_size)

    def _epoch(self, state: State, stepper: Stepper, interruption: Interruption) -> bool:
        """Train to the end of the present epoch; False if interrupted before."""
        since = time.perf_counter() - state.seconds
        for index, weights in self._indices(state):
            if interruption.asked:
                break
            self._step(state, stepper, index, weights)
            state.seconds = (now := time.perf_counter()) - since
            if now >= self.display.due:
                self.display.step(state.epoch, state.step, self.per_epoch, state.loss_sum, self.batch_size)
            if self.file is not None and now >= self.file.due:
                self._save(state)
        if interruption.asked:
            return False
        scores = self._validate(state, interruption)
        if scores is None:
            return False
        loss = state.loss_sum / len(self.examples)
        entry = Epoch(state.epoch + 1, loss, *scores, time.perf_counter() - since)
        state.finish_epoch(entry, self.metric)
        self.display.epoch(entry)
        return True

    def _indices(self, state: State) -> Iterator[tuple[Any, Array | None]]:
        """Yield the places of the batches left in the present epoch, and their weights."""
        count, size, weights = len(self.examples), self.batch_size, self.examples.weights
        places = order(count, self.settings.seed, state.epoch) if self.settings.shuffle else None
        for start in range(state.step * size, count, size):
            where = slice(start, min(start + size, count))
            index = where if places is None else places[where]
            yield index, None if weights is None else weights[index]

    def _step(self, state: State, stepper: Stepper, index: Any, weights: Array | None) -> None:
        if weights is not None and not weights.any():
            state.step += 1
            return
        x, y = self.examples.batch(index)
        count = x.shape[0]
        scale = 1.0 if stepper.mean_weight is None else 1 / stepper.mean_weight
        if self.loss.reduction == "mean":
            value = stepper.take(state, x, y, weights, scale / count, index)
            state.loss_sum += value * count
        else:
            state.loss_sum += stepper.take(state, x, y, weights, scale, index)
        state.step += 1

    def _validate(self, state: State, interruption: Interruption) -> tuple[float | None, float | None] | None:
        """Return loss and metric of the validation examples; None if interrupted."""
        if self.held_out is None:
            return None, None
        try:
            return evaluate(
                self.net, state.theta, self.held_out, self.loss, self.metric, between=lambda: interruption.asked
            )
        except (NonFiniteError, DataError) as error:
            raise type(error)(f"after epoch {state.epoch + 1}: {error}") from None

    def _save(self, state: State) -> None:
        _require_finite(state)
        if self.file is not None:
            self.file.save(state)


def _require_finite(state: State) -> None:
    """Refuse to keep parameters that the last step has broken."""
    if np.isfinite(state.theta.vector).all():
        return
    for name in state.theta:
        if not np.isfinite(state.theta[name]).all():
            raise NonFiniteError(
                f"epoch {state.epoch + 1}, after step {state.step}: parameter {name!r} is not finite; "
                "lower the learning rate."
            )
