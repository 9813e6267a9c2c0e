"""The live display on a terminal, drawn by rich."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from .history import Epoch
from .progress import Display, duration

_REFRESH_SECONDS = 0.1


class Live(Display):
    """A bar through all epochs, with loss, metric, examples a second and time left."""

    def __init__(
        self, epochs: int, examples: int, validates: bool, metric: str | None, console: Console | None = None
    ) -> None:
        super().__init__(epochs, examples, validates, metric)
        self.due = 0.0
        console = Console(stderr=True) if console is None else console
        columns = TextColumn("epoch {task.fields[at]}"), BarColumn(None), TextColumn("{task.fields[words]}")
        self._progress = Progress(*columns, console=console, auto_refresh=False, expand=True)
        self._task: Any = None
        self._validation = ""
        self._started, self._origin = time.perf_counter(), 0.0

    def __enter__(self) -> "Live":
        self._progress.start()
        self._task = self._progress.add_task("", total=self.epochs, at=f"0/{self.epochs}", words="")
        self._started, self._origin = time.perf_counter(), -1.0
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.refresh()
        self._progress.stop()

    def step(self, epoch: int, step: int, per_epoch: int, loss_sum: float, batch_size: int) -> None:
        """Redraw, at most ten times a second."""
        self.due = time.perf_counter() + _REFRESH_SECONDS
        seen = min(step * batch_size, self.examples)
        self._draw(epoch + seen / self.examples, epoch + 1, loss_sum / seen)

    def epoch(self, entry: Epoch) -> None:
        """Take in a finished epoch's validation and redraw if it is time."""
        if entry.metric is not None:
            self._validation = f"{self.metric} {entry.metric:.4g}"
        elif entry.validation_loss is not None:
            self._validation = f"validation loss {entry.validation_loss:.4g}"
        if time.perf_counter() >= self.due or entry.epoch == self.epochs:
            self.due = time.perf_counter() + _REFRESH_SECONDS
            self._draw(entry.epoch, entry.epoch, entry.loss)

    def stop(self, stopped: str) -> None:
        """Say how the training ended, unless it went its whole way."""
        if stopped != "finished":
            reason = "no improvement" if stopped == "early" else "interrupted"
            self._progress.console.print(f"stopped: {reason}", highlight=False)

    def _draw(self, done: float, number: int, loss: float) -> None:
        now = time.perf_counter()
        if self._origin < 0:
            self._started, self._origin = now, done
        words = [f"loss {loss:.4g}", *([self._validation] if self._validation else [])]
        covered, elapsed = done - self._origin, now - self._started
        if covered > 0 and elapsed > 0:
            words.append(f"{covered * self.examples / elapsed:,.0f} examples/s")
            words.append(f"{duration(elapsed / covered * (self.epochs - done))} left")
        self._progress.update(
            self._task, completed=done, at=f"{number}/{self.epochs}", words="  ".join(words), refresh=True
        )
