"""How good a model is on data with known targets, in the units of the data."""

import math
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np

from ..data import Dataset
from ..training.metrics import R2, RootMeanSquaredError
from .predictor import Predictor, prepared_target

SHOWN_CLASSES = 20
"""A confusion table of more classes is left out of what a person sees."""


@final
@dataclass(frozen=True)
class Score:
    """The result of an evaluation.

    Attributes:
        examples: how many.
        loss: mean over the examples, in the units in which the network was trained.
        accuracy: share of right classes; None for numbers.
        confusion: rows true class, columns predicted class; None for numbers.
        classes: their names; None for numbers.
        r2: coefficient of determination, averaged over the targets; None for classes, or where it has no meaning.
        rmse: root of the mean squared error, in the units of the data; None for classes.
    """

    examples: int
    loss: float
    accuracy: float | None = None
    confusion: list[list[int]] | None = None
    classes: list[str] | None = None
    r2: float | None = None
    rmse: float | None = None

    def data(self) -> dict[str, Any]:
        """Return what is known as plain data, for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def brief(self) -> dict[str, Any]:
        """Return the numbers alone."""
        return {name: value for name, value in self.data().items() if name not in ("confusion", "classes")}

    def line(self) -> str:
        """Return the score in one line."""
        if self.accuracy is not None:
            main = f"accuracy {self.accuracy:.4f}"
        else:
            main = f"{'' if self.r2 is None else f'R2 {self.r2:.4f}, '}RMSE {self.rmse:.4g}"
        return f"{main}, loss {self.loss:.4g} ({self.examples:,} example{'s' * (self.examples != 1)})"

    def table(self) -> str:
        """Return the confusion table, or nothing."""
        if self.confusion is None or self.classes is None or len(self.classes) > SHOWN_CLASSES:
            return ""
        names = [name if len(name) <= 16 else f"{name[:13]}..." for name in self.classes]
        rows = [["true \\ predicted", *names, "recall"]]
        for name, counts in zip(names, self.confusion, strict=True):
            share = counts[len(rows) - 1] / sum(counts) if sum(counts) else math.nan
            rows.append([name, *map(str, counts), "-" if math.isnan(share) else f"{share:.3f}"])
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)


def score(predictor: Predictor, dataset: Dataset) -> Score:
    """Evaluate a model on a data set, batch by batch.

    Raises:
        NonFiniteError: an output is not finite; the message names the layer.
    """
    gathered = _Confusion(predictor) if predictor.preparation.task == "classification" else _Residuals(predictor)
    prepare = prepared_target(predictor.preparation, predictor.model.loss)
    loss = 0.0
    for rows, z in predictor.batches(dataset.x):
        y = np.asarray(dataset.y[rows])
        loss += float(np.sum(predictor.model.loss.examples(z, prepare(y)), dtype=np.float64))
        gathered.add(z, y)
    return gathered.score(len(dataset), loss / len(dataset))


class _Confusion:
    """Counts of true and predicted classes."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.names = predictor.preparation.schema.class_names or ()
        self.counts = np.zeros((len(self.names), len(self.names)), np.int64)

    def add(self, z: Any, y: Any) -> None:
        """Count a batch."""
        np.add.at(self.counts, (y, self.predictor.classes(z)), 1)

    def score(self, examples: int, loss: float) -> Score:
        """Return the score of all batches."""
        right = float(np.trace(self.counts)) / examples
        return Score(examples, loss, right, self.counts.tolist(), list(self.names))


class _Residuals:
    """R2 and root mean squared error in the units of the data."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.r2, self.rmse = R2(predictor.model.loss), RootMeanSquaredError(predictor.model.loss)

    def add(self, z: Any, y: Any) -> None:
        """Take in a batch."""
        numbers = self.predictor.numbers(z.astype(np.float64))
        self.r2.compare(numbers, y)
        self.rmse.compare(numbers, y)

    def score(self, examples: int, loss: float) -> Score:
        """Return the score of all batches."""
        r2 = None if self.r2.constant.any() else self.r2.value()
        return Score(examples, loss, r2=r2, rmse=self.rmse.value())
