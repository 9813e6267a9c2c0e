"""A model together with the preparation of its data: from rows as they are stored to predictions."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..data import Dataset, Examples, Preparation
from ..errors import DataError, ModelFileError, NonFiniteError
from ..functions import sigmoid
from ..losses import BinaryCrossEntropy, Loss, Poisson
from ..model import Model
from .choices import scales_targets

BATCH = 1024
"""Rows that are in memory at a time."""


@final
@dataclass(frozen=True, eq=False)
class Predictor:
    """A model that takes data as they come.

    Shapes:
        outputs: (n, m)
        probabilities: (n, classes)
        predictions: class names (n,), or numbers in the units of the data, (n,) or (n, m)
    """

    model: Model
    preparation: Preparation

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Predictor":
        """Read a model file and check that network and preparation fit together.

        Raises:
            ModelFileError: the file cannot be used; the message names it.
        """
        model = Model.load(path)
        try:
            preparation = Preparation.from_parts(model.preparation, model.preparation_arrays)
            _check(model, preparation)
        except ModelFileError as error:
            raise ModelFileError(f"{os.fspath(path)}: {error}") from error
        return cls(model, preparation)

    def outputs(self, x: Any) -> Any:
        """Return the network's outputs for stored rows, as (n, m).

        Raises:
            NonFiniteError: an input or an output is not finite; the message names the row or the layer.
        """
        prepared = self.preparation.apply(x)
        with np.errstate(all="ignore"):
            z = self.model.network.forward(self.model.theta, prepared)
        if not np.isfinite(z).all():
            raise self.model.network.first_nonfinite(self.model.theta, prepared) or NonFiniteError(
                "the network's output is not finite"
            )
        return z.reshape(len(z), -1)

    def batches(self, x: Examples) -> Iterator[tuple[slice, Any]]:
        """Yield which rows, and the outputs for them, through all rows in order."""
        for start in range(0, x.shape[0], BATCH):
            rows = slice(start, min(start + BATCH, x.shape[0]))
            yield rows, self.outputs(np.asarray(x[rows]))

    def probabilities(self, z: Any) -> Any:
        """Return the classes' probabilities."""
        if isinstance(self.model.loss, BinaryCrossEntropy):
            # 1 - sigmoid(z) would round a small probability to 0.
            return np.stack([sigmoid(-z[:, 0]), sigmoid(z[:, 0])], axis=1)
        return self.model.loss.prediction(z)

    def classes(self, z: Any) -> Any:
        """Return the index of the likeliest class, (n,)."""
        if isinstance(self.model.loss, BinaryCrossEntropy):
            return (z[:, 0] > 0).astype(np.int64)
        return z.argmax(axis=1)

    def numbers(self, z: Any) -> Any:
        """Return predicted numbers in the units of the data."""
        shape = self.preparation.schema.target_shape
        with np.errstate(over="ignore"):
            values = self.model.loss.prediction(z)
        if not np.isfinite(values).all():
            raise NonFiniteError("a predicted rate is beyond the model's dtype")
        return self.preparation.invert_target(values.reshape(len(z), *shape))

    def predictions(self, z: Any) -> Any:
        """Return class names or numbers."""
        if self.preparation.task == "classification":
            return self.preparation.invert_target(self.classes(z))
        return self.numbers(z)


def prepared_target(preparation: Preparation, loss: Loss) -> Callable[[Any], Any]:
    """Return the function that brings stored targets to what the loss takes.

    Numbers are given an axis where the data have none, since outputs always have one.
    """
    if preparation.task == "classification" and not isinstance(loss, BinaryCrossEntropy):
        return preparation.apply_target
    return lambda y: preparation.apply_target(y).astype(preparation.dtype).reshape(len(y), -1)


def check_counts(dataset: Dataset, loss: Loss) -> None:
    """Check that the targets are counts where the loss takes counts, with the row and the column of one that is not.

    Raises:
        DataError: a negative target for Poisson.
    """
    for part in (dataset, dataset.test):
        if part is None or not isinstance(loss, Poisson):
            continue
        rows = np.asarray(part.y).reshape(len(part), -1)
        wrong = np.argwhere(rows < 0)
        if len(wrong):
            row, column = map(int, wrong[0])
            name = f", column {part.target_names[column]!r}" if part.target_names else ""
            raise DataError(
                f"{part.name}, data row {row + 1} (from 1, without a header){name}: the target is "
                f"{rows[row, column]:g}, expected a count of at least 0 for the loss Poisson; mend or drop the row"
            )


def outputs_needed(dataset: Dataset, loss: Loss) -> tuple[int, str]:
    """Return how many outputs a network needs for these data, and why, in words."""
    if dataset.class_names is not None:
        if isinstance(loss, BinaryCrossEntropy):
            return 1, "BinaryCrossEntropy on two classes"
        return len(dataset.class_names), f"the {len(dataset.class_names)} classes of {dataset.name}"
    count = math.prod(dataset.schema.target_shape)
    return count, f"the {count} target{'s' * (count != 1)} of {dataset.name}"


def _check(model: Model, preparation: Preparation) -> None:
    schema = preparation.schema
    if model.input_shape != schema.example_shape:
        raise ModelFileError(f"the network takes {model.input_shape}, the preparation gives {schema.example_shape}")
    if schema.task is None:
        raise ModelFileError("the preparation knows no target")
    if model.theta.vector.dtype != preparation.dtype:
        raise ModelFileError(f"parameters of {model.theta.vector.dtype}, but data prepared as {preparation.dtype}")
    binary = isinstance(model.loss, BinaryCrossEntropy)
    classes = schema.class_names
    expected = math.prod(schema.target_shape) if classes is None else (1 if binary else len(classes))
    if math.prod(model.output_shape) != expected or (binary and (classes is None or len(classes) != 2)):
        raise ModelFileError(f"{math.prod(model.output_shape)} outputs do not fit the targets, expected {expected}")
    if classes is None and not scales_targets(model.loss) and np.any(preparation.arrays()["target_scale"] != 1):
        raise ModelFileError("counts are scaled, which Poisson does not allow")
