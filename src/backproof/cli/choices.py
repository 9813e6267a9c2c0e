"""Options as text, and what they mean: names in any spelling, sizes, losses."""

from collections.abc import Iterable
from typing import Literal, cast

from ..errors import OptionError, unknown_name
from ..losses import LOSSES, BinaryCrossEntropy, CrossEntropy, Loss, Poisson

Task = Literal["classification", "regression"]


def chosen(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the known name that ``name`` spells, whatever its case, hyphens and underscores.

    Raises:
        OptionError: none does; the message has the nearest.
    """
    names = list(known)
    plain = {_plain(candidate): candidate for candidate in names}
    if _plain(name) not in plain:
        raise unknown_name(kind, name, names)
    return plain[_plain(name)]


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def sizes(text: str, option: str) -> tuple[int, ...]:
    """Return the whole numbers of ``64,32`` or ``28x28``; nothing gives none.

    Raises:
        OptionError: something else than positive whole numbers.
    """
    words = text.replace("x", ",").split(",") if text.strip() else []
    try:
        numbers = tuple(int(word) for word in words)
    except ValueError:
        numbers = (0,)
    if any(not 0 < number < 2**31 for number in numbers):
        raise OptionError(f"{option} {text!r}: expected sizes such as 64,32.")
    return numbers


def task_choice(name: str) -> Literal["auto", "classification", "regression"]:
    """Return the task that a name spells."""
    return cast(
        'Literal["auto", "classification", "regression"]',
        chosen("task", name, ["auto", "classification", "regression"]),
    )


def dtype_choice(name: str) -> Literal["float32", "float64"]:
    """Return the element type that a name spells."""
    return cast('Literal["float32", "float64"]', chosen("dtype", name, ["float32", "float64"]))


def loss_for(task: Task, name: str | None, classes: int) -> Loss:
    """Return the named loss, or the usual one for the task.

    Raises:
        OptionError: an unknown loss, or one that does not fit the task.
    """
    if name is None:
        return CrossEntropy() if task == "classification" else LOSSES["SquaredError"]()
    loss = LOSSES[chosen("loss", name, LOSSES)]()
    if (task == "classification") != isinstance(loss, CrossEntropy | BinaryCrossEntropy):
        fitting = "CrossEntropy or BinaryCrossEntropy" if task == "classification" else "SquaredError, Huber or Poisson"
        raise OptionError(f"loss {type(loss).__name__} does not fit {task}; expected {fitting}.")
    if isinstance(loss, BinaryCrossEntropy) and classes != 2:
        raise OptionError(f"loss BinaryCrossEntropy came with {classes} classes, expected 2; use CrossEntropy.")
    return loss


def scales_targets(loss: Loss) -> bool:
    """Whether targets may be standardized for a loss; counts may not."""
    return not isinstance(loss, Poisson)
