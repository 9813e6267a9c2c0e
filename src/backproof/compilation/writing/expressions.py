"""Pieces of Python source that know how tightly they bind, so that brackets stand only where they must."""

from typing import NamedTuple

__all__ = ["ATOM", "Source", "atom", "infix", "prefix"]

ATOM, UNARY, PRODUCT, SUM, AND, OR, COMPARISON = 9, 7, 6, 5, 3, 2, 1
"""How tightly expressions bind, from calls and names down to comparisons."""

_LEVELS = {
    "*": PRODUCT, "/": PRODUCT, "@": PRODUCT, "+": SUM, "-": SUM, "&": AND, "|": OR,
    ">": COMPARISON, ">=": COMPARISON, "<": COMPARISON, "<=": COMPARISON, "==": COMPARISON, "!=": COMPARISON,
}  # fmt: skip
_ASSOCIATIVE = ("+",)


class Source(NamedTuple):
    """An expression's text.

    Attributes:
        text: valid Python.
        level: how tightly its outermost operator binds.
    """

    text: str
    level: int = ATOM

    def within(self, level: int) -> str:
        """Return the text as an operand that must bind at least as tightly as ``level``."""
        return self.text if self.level >= level else f"({self.text})"


def atom(operand: Source) -> str:
    """Return the text as something that a method or an index may follow."""
    return operand.within(ATOM)


def prefix(sign: str, operand: Source) -> Source:
    """Return ``-x`` or ``~x``."""
    return Source(f"{sign}{operand.within(UNARY + 1)}", UNARY)


def infix(left: Source, sign: str, right: Source) -> Source:
    """Return ``left sign right``; the right operand is bracketed at the same level unless that changes nothing."""
    level = _LEVELS[sign]
    tight = level if sign in _ASSOCIATIVE else level + 1
    loose = level + 1 if level == COMPARISON else level
    return Source(f"{left.within(loose)} {sign} {right.within(tight)}", level)
