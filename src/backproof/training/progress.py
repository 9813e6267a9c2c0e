"""What a user sees of a training: a live display, plain lines, events, or nothing."""

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from .history import Epoch

ProgressOption = bool | Callable[[dict[str, Any]], None]

_LINE_SECONDS = 1.0
_EVENT_SECONDS = 0.25


class Display:
    """Shows nothing; the base of those that do.

    Args:
        epochs: of the training.
        examples: in an epoch.
        validates: whether there are validation examples.
        metric: name of the metric, or None.

    Attributes:
        due: the time of ``time.perf_counter`` at which ``step`` wants to be called again.
    """

    def __init__(self, epochs: int, examples: int, validates: bool, metric: str | None) -> None:
        self.epochs, self.examples, self.validates, self.metric = epochs, examples, validates, metric
        self.due = float("inf")

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def step(self, epoch: int, step: int, per_epoch: int, loss_sum: float, batch_size: int) -> None:
        """Show where an epoch stands: ``step`` of ``per_epoch`` steps done, ``epoch`` epochs before it."""

    def epoch(self, entry: Epoch) -> None:
        """Show a finished epoch."""

    def stop(self, stopped: str) -> None:
        """Show how the training ended."""

    def line(self, entry: Epoch) -> str:
        """Return an epoch in words."""
        words = [f"epoch {entry.epoch}/{self.epochs}", f"loss {entry.loss:.4g}"]
        if entry.validation_loss is not None:
            words.append(f"validation loss {entry.validation_loss:.4g}")
        if entry.metric is not None:
            words.append(f"{self.metric} {entry.metric:.4g}")
        rate = self.examples / max(entry.seconds, 1e-9)
        return "  ".join([*words, f"{rate:,.0f} examples/s"])


class Lines(Display):
    """One line an epoch, at most one a second; first and last always."""

    def __init__(
        self,
        epochs: int,
        examples: int,
        validates: bool,
        metric: str | None,
        file: TextIO,
        pause: float = _LINE_SECONDS,
    ) -> None:
        super().__init__(epochs, examples, validates, metric)
        self.file, self.pause = file, pause
        self._started, self._first = time.perf_counter(), 0
        self._next, self._held = 0.0, ""

    def epoch(self, entry: Epoch) -> None:
        """Write the epoch's line if it is time for one."""
        now = time.perf_counter()
        if not self._first:
            self._first = entry.epoch
        done = entry.epoch - self._first + 1
        left = (now - self._started) / done * (self.epochs - entry.epoch)
        line = f"{self.line(entry)}  {duration(left)} left"
        if now < self._next:
            self._held = line
            return
        self._next, self._held = now + self.pause, ""
        self._write(line)

    def stop(self, stopped: str) -> None:
        """Write the last epoch's line if it was held back, and how the training ended."""
        if self._held:
            self._write(self._held)
        self._write({"early": "stopped early: no improvement", "interrupted": "interrupted"}.get(stopped, ""))

    def _write(self, line: str) -> None:
        if line:
            print(line, file=self.file, flush=True)


class Events(Display):
    """Every epoch, and now and then a step, as a dictionary of plain data for a function."""

    def __init__(
        self, epochs: int, examples: int, validates: bool, metric: str | None, receive: Callable[[dict[str, Any]], None]
    ) -> None:
        super().__init__(epochs, examples, validates, metric)
        self.receive = receive
        self.due = 0.0

    def __enter__(self) -> "Events":
        self.receive({"event": "start", "epochs": self.epochs, "examples": self.examples, "metric_name": self.metric})
        return self

    def step(self, epoch: int, step: int, per_epoch: int, loss_sum: float, batch_size: int) -> None:
        """Send a ``"step"`` event, at most four a second."""
        self.due = time.perf_counter() + _EVENT_SECONDS
        seen = min(step * batch_size, self.examples)
        loss = loss_sum / seen
        self.receive({"event": "step", "epoch": epoch + 1, "step": step, "steps": per_epoch, "loss": loss})

    def epoch(self, entry: Epoch) -> None:
        """Send an ``"epoch"`` event with the history's entry."""
        self.receive({"event": "epoch", **entry.describe()})

    def stop(self, stopped: str) -> None:
        """Send a ``"stop"`` event."""
        self.receive({"event": "stop", "stopped": stopped})


def duration(seconds: float) -> str:
    """Return seconds as a person reads them: ``7 s``, ``2:05``, ``1:02:05``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def display_for(progress: ProgressOption, epochs: int, examples: int, validates: bool, metric: str | None) -> Display:
    """Return the display for what ``fit`` was asked to show."""
    common = (epochs, examples, validates, metric)
    if callable(progress):
        return Events(*common, progress)
    # A program without a console (pythonw) has no standard error at all.
    if not progress or sys.stderr is None:
        return Display(*common)
    if sys.stderr.isatty():
        from .live import Live

        return Live(*common)
    return Lines(*common, sys.stderr)
