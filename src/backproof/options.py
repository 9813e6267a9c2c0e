"""Numbers that layers and losses are set with: checked where they come in, kept as plain numbers."""

import math
import operator
from fractions import Fraction
from numbers import Real
from typing import Any

from .errors import OptionError

_BOUNDS = {
    "low": (operator.ge, "at least"),
    "above": (operator.gt, "above"),
    "high": (operator.le, "at most"),
    "below": (operator.lt, "below"),
}


def check_number(who: str, name: str, value: Any, **bounds: float) -> int | float | Fraction:
    """Return a finite real number within bounds, NumPy's as Python's.

    Args:
        who: whom the error names.
        name: of the setting.
        value: what came.
        bounds: ``low`` and ``high`` may be reached, ``above`` and ``below`` may not.

    Raises:
        OptionError: it is no such number.
    """
    real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not real or not all(_BOUNDS[bound][0](value, limit) for bound, limit in bounds.items()):
        within = " and ".join(f"{_BOUNDS[bound][1]} {limit:g}" for bound, limit in bounds.items())
        raise OptionError(
            f"{who}: {name}={value!r:.40}, expected a {f'number {within}' if within else 'finite number'}."
        )
    return value.item() if hasattr(value, "item") else value  # type: ignore[no-any-return]


def check_whole(who: str, name: str, value: Any, low: int) -> int:
    """Return a whole number of at least ``low``; NumPy's integers are taken and become Python's.

    Raises:
        OptionError: it is no such number.
    """
    try:
        whole = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        whole = None
    if whole is None or whole < low:
        raise OptionError(f"{who}: {name}={value!r:.40}, expected a whole number of at least {low}.")
    return whole


def settle_number(owner: object, *names: str, **bounds: float) -> None:
    """Check settings of a frozen dataclass with ``check_number``, and keep them as plain numbers."""
    for name in names:
        checked = check_number(type(owner).__name__, name, getattr(owner, name), **bounds)
        object.__setattr__(owner, name, checked)


def settle_whole(owner: object, *names: str, low: int) -> None:
    """Check settings of a frozen dataclass with ``check_whole``, and keep them as plain integers."""
    for name in names:
        object.__setattr__(owner, name, check_whole(type(owner).__name__, name, getattr(owner, name), low))
