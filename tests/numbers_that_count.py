"""Numbers that count their multiplications, so that claims of cost meet the code as it runs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np


class Counted:
    """A float whose every multiplication, by another number or a plain one, adds one to ``Counted.made``."""

    __slots__ = ("value",)
    made = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def __mul__(self, other: Any) -> "Counted":
        Counted.made += 1
        return Counted(self.value * plain(other))

    __rmul__ = __mul__

    def __add__(self, other: Any) -> "Counted":
        return Counted(self.value + plain(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Counted":
        return Counted(self.value - plain(other))

    def __rsub__(self, other: Any) -> "Counted":
        return Counted(plain(other) - self.value)

    def __truediv__(self, other: Any) -> "Counted":
        return Counted(self.value / plain(other))

    def __rtruediv__(self, other: Any) -> "Counted":
        return Counted(plain(other) / self.value)

    def __neg__(self) -> "Counted":
        return Counted(-self.value)

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.value > plain(other))

    def __le__(self, other: Any) -> bool:
        return bool(self.value <= plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.value >= plain(other))

    def __float__(self) -> float:
        return float(self.value)

    @staticmethod
    def pi() -> "Counted":
        """Return pi, as exact numbers do to their own precision."""
        return Counted(math.pi)

    def __getattr__(self, name: str) -> Callable[[], "Counted"]:
        # NumPy's exp, tanh, sqrt ... of an object array call the entries' method of that name.
        function = getattr(math, name)
        return lambda: Counted(function(self.value))


def plain(number: Any) -> float:
    """Return the float inside."""
    return number.value if isinstance(number, Counted) else float(number)


def counted(array: Any) -> Any:
    """Return an object array of counting numbers."""
    return np.frompyfunc(lambda value: Counted(float(value)), 1, 1)(np.asarray(array)) + 0


def counting(run: Callable[..., Any], *arguments: Any) -> int:
    """Return how many multiplications ``run`` makes."""
    Counted.made = 0
    run(*arguments)
    return Counted.made
