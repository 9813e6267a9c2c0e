"""A ball: a real number of which it is known that it lies within a radius of a middle.

Sums, products and functions of balls hold the sums, products and functions of all their points (python-flint's
``arb``). A comparison that holds for some points and not for others has no answer: as a question of Python's it
raises ``UndecidedError``. Arrays of balls (``arithmetic.py``) answer with a ``Condition`` instead, by which both
branches are taken. Precision is that of ``flint.ctx.prec``, in bits.
"""

import operator
from collections.abc import Callable
from numbers import Rational
from typing import Any, final

import flint
import numpy as np

from ..errors import UndecidedError

__all__ = ["Ball", "certain", "hull", "raw"]


@final
class Ball:
    """A real number known to lie in an interval.

    Attributes:
        arb: python-flint's ball.
    """

    __slots__ = ("arb",)

    def __init__(self, value: Any) -> None:
        self.arb = raw(value)

    @staticmethod
    def pi() -> "Ball":
        """Return pi."""
        return _ball(flint.arb.pi())

    def __repr__(self) -> str:
        return f"Ball({self.arb})"

    def __neg__(self) -> "Ball":
        return _ball(-self.arb)

    def __pos__(self) -> "Ball":
        return self

    def __abs__(self) -> "Ball":
        return _ball(abs(self.arb))

    def __bool__(self) -> bool:
        return bool(self.__ne__(0))

    def erfc(self) -> "Ball":
        """Return the complementary error function."""
        return _ball(self.arb.erfc())

    def sign(self) -> "Ball":
        """Return -1, 0 or 1, or the interval of those that are possible."""
        return _ball(self.arb.sgn())

    __hash__ = None  # type: ignore[assignment]


def _ball(value: Any) -> Ball:
    """Return a ball around python-flint's, without the questions that ``Ball`` asks."""
    ball = object.__new__(Ball)
    ball.arb = value
    return ball


def raw(value: Any) -> Any:
    """Return a number as python-flint's ball: exactly, if it is a float or an integer."""
    kind = type(value)
    if kind is Ball:
        return value.arb
    if kind is flint.arb:
        return value
    if kind is float or kind is int:
        return flint.arb(value)
    if isinstance(value, Rational) and not isinstance(value, int):
        return flint.arb(value.numerator) / flint.arb(value.denominator)
    # NumPy's numbers become Python's, which python-flint takes as they are.
    return flint.arb(value.item() if hasattr(value, "item") else value)


def hull(a: Any, b: Any) -> Ball:
    """Return the smallest ball that holds both."""
    return _ball(raw(a).union(raw(b)))


_OPPOSITE = {"gt": "le", "le": "gt", "lt": "ge", "ge": "lt", "eq": "ne", "ne": "eq"}


def certain(relation: str, a: Any, b: Any) -> tuple[bool, bool]:
    """Return whether ``a relation b`` certainly holds, and whether it certainly does not.

    Args:
        relation: ``"gt"``, ``"ge"``, ``"lt"``, ``"le"``, ``"eq"`` or ``"ne"``.
        a: a ball or a number.
        b: another.
    """
    a, b = raw(a), raw(b)
    return bool(getattr(operator, relation)(a, b)), bool(getattr(operator, _OPPOSITE[relation])(a, b))


def _arithmetic(name: str, ufunc: np.ufunc) -> None:
    """Give Ball a binary operation, with a number on either side."""
    compute = getattr(operator, name)

    def forward(self: Ball, other: Any) -> Any:
        if type(other) is Ball:
            return _ball(compute(self.arb, other.arb))
        if isinstance(other, np.ndarray):
            return ufunc(self, other)
        return _ball(compute(self.arb, raw(other)))

    def backward(self: Ball, other: Any) -> Ball:
        return _ball(compute(raw(other), self.arb))

    setattr(Ball, f"__{name}__", forward)
    setattr(Ball, f"__r{name}__", backward)


def _comparison(relation: str) -> None:
    """Give Ball a comparison, which raises where it has no answer."""

    def compare(self: Ball, other: Any) -> bool:
        yes, no = certain(relation, self, other)
        if yes == no:
            raise UndecidedError(
                f"{self.arb} {relation} {raw(other)} cannot be decided at {flint.ctx.prec} bits: the balls overlap; "
                "try more bits, or write the choice as where(condition, yes, no), which takes both branches."
            )
        return yes

    setattr(Ball, f"__{relation}__", compare)


def _function(name: str) -> Callable[[Ball], Ball]:
    return lambda self: _ball(getattr(self.arb, name)())


_arithmetic("add", np.add)
_arithmetic("sub", np.subtract)
_arithmetic("mul", np.multiply)
_arithmetic("truediv", np.true_divide)
_arithmetic("pow", np.power)
for _name in _OPPOSITE:
    _comparison(_name)
# NumPy calls these on the entries of object arrays, by its own names.
for _name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh"):
    setattr(Ball, _name, _function(_name))
setattr(Ball, "arctan", _function("atan"))  # noqa: B010
