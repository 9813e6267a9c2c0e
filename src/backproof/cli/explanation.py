"""The derivation of a trained model at one example, and what its page shows beside it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..data.dataset import Schema
from ..derivation import Derivation, explain
from ..derivation.lines import Section
from ..derivation.pages import Extras, Table
from ..errors import BackproofError, DataError
from ..losses import BinaryCrossEntropy, CrossEntropy, Loss, Poisson
from ..quantities import Spectrum, spectrum
from .predictor import Predictor, prepared_target

SPECTRUM_ROWS = 4
"""Examples over which singular values are taken."""

_PIXEL = re.compile(r"pixel_(\d+)_(\d+)")


def derive(predictor: Predictor, x: Any, y: Any | None, example: int, batch: int = 1, **choices: str) -> Derivation:
    """Return the derivation of a model at one of the stored rows.

    Args:
        predictor: the model with its preparation.
        x: stored rows, (N, ...).
        y: their targets, or None; without them the derivation has no loss.
        example: which row, from 0.
        batch: how many rows the batch form is written for.
        choices: of how the derivation is told, as ``explain`` takes them.

    Raises:
        DataError: there is no such row.
    """
    if not 0 <= example < x.shape[0]:
        raise DataError(f"--example is {example}, expected a row from 0 to {x.shape[0] - 1}.")
    start = max(0, min(example, x.shape[0] - batch))
    rows = slice(start, min(start + max(1, batch), x.shape[0]))
    model, target = predictor.model, None
    if y is not None:
        target = prepared_target(predictor.preparation, model.loss)(np.asarray(y[rows]))
    inputs = predictor.preparation.apply(np.asarray(x[rows]))
    loss = None if y is None else model.loss
    made = explain(model.network, model.theta, inputs, target, loss, example=example - start, **choices)
    told = tuple(_numbered(section, example) for section in made.sections)
    return replace(made, network=replace(made.network, example=example), sections=told)


def _numbered(section: Section, example: int) -> Section:
    """Return a section that names the example by its row in the file, not by its place in the batch."""
    items = tuple(_numbered(item, example) if isinstance(item, Section) else item for item in section.items)
    title = section.title
    if "example" in title.arguments:
        title = replace(title, arguments={**title.arguments, "example": example})
    return replace(section, title=title, items=items)


def imagined(predictor: Predictor, seed: int = 0) -> tuple[Any, Any]:
    """Return an example and a target for a model without data, in the network's units.

    The example is a normal draw; the target of a classifier is the class it predicts, else 0, or 1 for counts.
    """
    model = predictor.model
    x = np.random.default_rng(seed).standard_normal((1, *model.input_shape)).astype(model.theta.vector.dtype)
    z = model.network.forward(model.theta, x)
    return x, _own_target(model.loss, z)


def _own_target(loss: Loss, z: Any) -> Any:
    if isinstance(loss, CrossEntropy):
        return z.reshape(len(z), -1).argmax(axis=1)
    if isinstance(loss, BinaryCrossEntropy):
        return (z > 0).astype(z.dtype)
    return np.ones_like(z) if isinstance(loss, Poisson) else np.zeros_like(z)


def extras(
    predictor: Predictor,
    x: Any,
    title: str = "",
    lead: str = "",
    more: Sequence[tuple[str, str]] = (),
    tables: Sequence[Table] = (),
) -> Extras:
    """Return what the page of a model shows beside the derivation: its training, its singular values, an image.

    Args:
        predictor: the model with its preparation.
        x: prepared rows at which the singular values are taken.
        title, lead: of the page.
        more: further numbers for its head.
        tables: for its end.
    """
    history = _epochs(predictor.model.about)
    image = picture_shape(predictor.preparation.schema)
    return Extras(title, lead, more, image, history, _singular_values(predictor, x[:SPECTRUM_ROWS]), tables)


def _singular_values(predictor: Predictor, x: Any) -> Spectrum | None:
    """Return the singular values of the layers; None where they cannot be had, since the page stands without them."""
    try:
        return spectrum(predictor.model.network, predictor.model.theta, x)
    except BackproofError:
        return None


def class_name(predictor: Predictor, target: Any) -> list[tuple[str, str]]:
    """Return the name of a stored target's class for the head of a page; nothing where targets are numbers."""
    names = predictor.preparation.schema.class_names
    return [] if names is None or target is None else [("class of the example", names[int(target)])]


def picture_shape(schema: Schema) -> tuple[int, int] | None:
    """Return rows and columns of examples that are images: of two axes, or columns named ``pixel_ROW_COLUMN``."""
    if len(schema.example_shape) == 2:
        return schema.example_shape[0], schema.example_shape[1]
    found = [_PIXEL.fullmatch(name) for name in schema.feature_names]
    places = [(int(match[1]), int(match[2])) for match in found if match]
    if not places or len(places) != len(found):
        return None
    rows, columns = max(row for row, _ in places) + 1, max(column for _, column in places) + 1
    ordered = [(i, j) for i in range(rows) for j in range(columns)]
    return (rows, columns) if places == ordered else None


def _epochs(about: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the epochs that a model file remembers; the file may come from anywhere, so each is looked at."""
    history = about.get("history")
    entries = history if isinstance(history, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and _is_epoch(entry)]


def _is_epoch(entry: Mapping[str, Any]) -> bool:
    numbers = [entry.get("epoch"), entry.get("loss")]
    if entry.get("validation_loss") is not None:
        numbers.append(entry["validation_loss"])
    return all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
