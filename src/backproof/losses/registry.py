"""Every loss by its name, and how a loss is written down as plain data and read back."""

from dataclasses import fields
from typing import Any

from ..errors import OptionError, unknown_name
from .base import Loss
from .classification import BinaryCrossEntropy, CrossEntropy
from .regression import Huber, Poisson, SquaredError

LOSSES: dict[str, type[Loss]] = {
    loss.__name__: loss for loss in (CrossEntropy, BinaryCrossEntropy, SquaredError, Huber, Poisson)
}
"""The losses that models and the command line may name."""


def describe_loss(loss: Loss) -> dict[str, Any]:
    """Return the loss as plain data: its class name under ``"loss"``, and its settings."""
    return {"loss": type(loss).__name__, **{field.name: getattr(loss, field.name) for field in fields(loss)}}


def loss_from(description: Any) -> Loss:
    """Return the loss that ``describe_loss`` wrote down, or that a plain name means.

    Raises:
        OptionError: the loss or a setting is unknown, or of the wrong kind.
    """
    if isinstance(description, str):
        description = {"loss": description}
    if not isinstance(description, dict) or not isinstance(description.get("loss"), str):
        raise OptionError(f"a loss's description is {description!r:.80}, expected a table with a name in 'loss'.")
    settings = dict(description)
    name = settings.pop("loss")
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    known = {field.name: field.type for field in fields(LOSSES[name])}
    for key, value in settings.items():
        if key not in known:
            raise unknown_name(f"setting of {name}", str(key), known)
        if isinstance(value, bool) or not isinstance(value, str if known[key] is str else int | float):
            raise OptionError(f"{name}: {key}={value!r:.40}, expected a {'word' if known[key] is str else 'number'}.")
    return LOSSES[name](**settings)
