"""What a training leaves behind: one entry per epoch, and the result."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, overload

from ..parameters import Parameters

Stopped = Literal["finished", "early", "interrupted"]


@dataclass(frozen=True)
class Epoch:
    """One pass through the training examples.

    Attributes:
        epoch: its number, from 1.
        loss: mean over the epoch's examples, each at the parameters of its step, without weight decay.
        validation_loss: mean over the validation examples after the epoch; None without validation.
        metric: of the validation examples; None without validation or metric.
        seconds: wall time, validation included.
    """

    epoch: int
    loss: float
    validation_loss: float | None
    metric: float | None
    seconds: float

    def describe(self) -> dict[str, Any]:
        """Return the entry as plain data."""
        return asdict(self)


class History(Sequence[Epoch]):
    """The epochs of a training, in order."""

    __slots__ = ("_epochs",)

    def __init__(self, epochs: Sequence[Epoch] = ()) -> None:
        self._epochs = tuple(epochs)

    @overload
    def __getitem__(self, index: int) -> Epoch: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Epoch, ...]: ...
    def __getitem__(self, index: int | slice) -> Epoch | tuple[Epoch, ...]:
        return self._epochs[index]

    def __len__(self) -> int:
        return len(self._epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self._epochs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self._epochs == other._epochs

    def __hash__(self) -> int:
        return hash(self._epochs)

    @property
    def losses(self) -> list[float]:
        """The loss of every epoch."""
        return [epoch.loss for epoch in self._epochs]

    @property
    def validation_losses(self) -> list[float | None]:
        """The validation loss of every epoch."""
        return [epoch.validation_loss for epoch in self._epochs]

    @property
    def metrics(self) -> list[float | None]:
        """The metric of every epoch."""
        return [epoch.metric for epoch in self._epochs]

    def describe(self) -> list[dict[str, Any]]:
        """Return the epochs as plain data."""
        return [epoch.describe() for epoch in self._epochs]

    def __repr__(self) -> str:
        if not self._epochs:
            return "History(no epochs)"
        last = self._epochs[-1]
        return f"History({len(self)} epochs, loss {self._epochs[0].loss:.4g} -> {last.loss:.4g})"


@dataclass(frozen=True, eq=False)
class Fitted:
    """The result of ``fit``.

    Attributes:
        theta: the parameters after the last step.
        best: those with the best validation score; the same as ``theta`` without validation.
        history: one entry per finished epoch.
        stopped: ``"finished"`` all epochs, ``"early"`` for want of improvement, or ``"interrupted"``.
        best_epoch: number of the epoch that ``best`` is from; None without validation.
    """

    theta: Parameters
    best: Parameters
    history: History
    stopped: Stopped
    best_epoch: int | None = None
