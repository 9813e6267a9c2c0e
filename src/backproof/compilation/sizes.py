"""The batch size while it is unknown: ``n``, its multiples, and numbers divided by it.

Formulas only ever multiply and divide it. Where one compares it with a number, the answer for a large batch is
given and written down as a guard, so that a program is used only for batches that would answer alike.
"""

from dataclasses import dataclass
from typing import Any

from ..errors import BackproofError

__all__ = ["Guard", "Ratio", "Size", "UntraceableError", "evaluate", "text"]


class UntraceableError(BackproofError, TypeError):
    """A formula asks for something that is known only when numbers are there."""


@dataclass(frozen=True)
class Guard:
    """An answer that was given: whether ``factor n`` is ``relation`` (``"=="`` or ``">"``) a number.

    Attributes:
        factor: what n is multiplied by.
        relation: how it was compared.
        number: with what.
    """

    factor: int
    relation: str
    number: float

    def holds(self, n: int) -> bool:
        """Whether a batch of n gives the answer that a large one gives: not equal, and greater."""
        size = self.factor * n
        return size != self.number if self.relation == "==" else size > self.number


class Size:
    """``factor n`` for the unknown batch size n."""

    __slots__ = ("factor", "guards")

    def __init__(self, factor: int, guards: set[Guard]) -> None:
        self.factor, self.guards = factor, guards

    def __mul__(self, other: Any) -> "Size":
        if isinstance(other, int):
            return self if other == 1 else Size(self.factor * other, self.guards)
        raise UntraceableError(f"the batch size {self} is multiplied by {other!r:.40}")

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        if isinstance(other, Size) and self.factor % other.factor == 0:
            return self.factor // other.factor
        if isinstance(other, int) and self.factor % other == 0:
            return Size(self.factor // other, self.guards)
        raise UntraceableError(f"the batch size {self} is divided by {other!s:.40}")

    def __mod__(self, other: Any) -> int:
        self // other
        return 0

    def __rtruediv__(self, other: Any) -> "Ratio":
        return Ratio(other / self.factor, self)

    def __add__(self, other: Any) -> "Size":
        if isinstance(other, Size):
            return Size(self.factor + other.factor, self.guards)
        if other == 0:
            return self
        raise UntraceableError(f"{other!r:.40} is added to the batch size {self}")

    __radd__ = __add__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Size):
            return self.factor == other.factor
        if isinstance(other, int | float):
            self.guards.add(Guard(self.factor, "==", other))
        return False

    def __hash__(self) -> int:
        return hash((Size, self.factor))

    def __gt__(self, other: Any) -> bool:
        if isinstance(other, Size):
            return self.factor > other.factor
        self.guards.add(Guard(self.factor, ">", other))
        return True

    def __le__(self, other: Any) -> bool:
        return not self > other

    def __lt__(self, other: Any) -> bool:
        if isinstance(other, Size):
            return self.factor < other.factor
        # A large batch is above the number; one equal to it answers alike.
        self.guards.add(Guard(self.factor, ">", other - 1))
        return False

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def __bool__(self) -> bool:
        return True

    def __index__(self) -> int:
        raise UntraceableError(f"the number of examples, {self}, is asked for")

    __int__ = __float__ = __index__

    def __str__(self) -> str:
        return "n" if self.factor == 1 else f"{self.factor} * n"

    __repr__ = __str__


class Ratio:
    """``numerator / n``: a number that takes part in arithmetic with arrays."""

    __slots__ = ("numerator", "size")
    # NumPy then leaves ``array * ratio`` to the ratio.
    __array_ufunc__ = None

    def __init__(self, numerator: float, size: Size) -> None:
        self.numerator, self.size = numerator, Size(1, size.guards)

    def __mul__(self, other: Any) -> Any:
        # Arrays know what to do with a number that is not known yet.
        return Ratio(self.numerator * other, self.size) if isinstance(other, int | float) else other.__rmul__(self)

    def __rmul__(self, other: Any) -> "Ratio":
        if isinstance(other, int | float):
            return Ratio(self.numerator * other, self.size)
        raise UntraceableError(f"the number {self} is multiplied by a {type(other).__name__}")

    def __truediv__(self, other: Any) -> Any:
        return Ratio(self.numerator / other, self.size) if isinstance(other, int | float) else other.__rtruediv__(self)

    def __neg__(self) -> "Ratio":
        return Ratio(-self.numerator, self.size)

    def __float__(self) -> float:
        raise UntraceableError(f"the number {self} is asked for")

    __bool__ = __float__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ratio) and self.numerator == other.numerator

    def __hash__(self) -> int:
        return hash((Ratio, self.numerator))

    def __str__(self) -> str:
        number = self.numerator
        return f"{int(number) if number == int(number) else number!r} / n"

    __repr__ = __str__


def evaluate(value: Any, n: int) -> Any:
    """Return a size or ratio, or a tuple of them, for a batch of n."""
    if isinstance(value, Size):
        return value.factor * n
    if isinstance(value, Ratio):
        return value.numerator / n
    return tuple(evaluate(item, n) for item in value) if isinstance(value, tuple) else value


def text(value: Any) -> str:
    """Return a size, ratio, number or tuple of them as Python source in terms of ``n``."""
    if isinstance(value, tuple):
        inner = ", ".join(text(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return str(value) if isinstance(value, Size | Ratio) else repr(value)
