"""Small words for writing rules: products, quadratic forms, lines."""

from dataclasses import dataclass, field
from typing import Any

from ..evaluation import evaluate
from ..expressions import (
    Differential,
    Equation,
    Expression,
    Fraction,
    Hadamard,
    Ones,
    Plus,
    Symbol,
    Times,
    Transpose,
)
from ..figures import figure
from ..lines import Fold, Line, Section, words
from ..sites import Site

__all__ = ["Derived", "Writer", "differ", "hadamard", "inner", "outer", "over", "plus", "t", "times", "total"]


def times(*factors: Expression) -> Expression:
    """Return a product; of one factor the factor."""
    return factors[0] if len(factors) == 1 else Times(factors)


def plus(*terms: Expression) -> Expression:
    """Return a sum; of one term the term."""
    return terms[0] if len(terms) == 1 else Plus(terms)


def hadamard(*factors: Expression) -> Expression:
    """Return a product entry by entry; of one factor the factor."""
    return factors[0] if len(factors) == 1 else Hadamard(factors)


def t(operand: Expression) -> Transpose:
    """Return the transpose."""
    return Transpose(operand)


def over(above: Expression, below: Expression) -> Fraction:
    """Return a fraction."""
    return Fraction(above, below)


def inner(left: Expression, right: Expression) -> Times:
    """Return left^T right."""
    return Times((Transpose(left), right))


def outer(left: Expression, right: Expression) -> Times:
    """Return left right^T."""
    return Times((left, Transpose(right)))


def total(size: int, operand: Expression) -> Times:
    """Return 1^T operand: the sum of its entries."""
    return Times((Transpose(Ones(size)), operand))


def differ(operand: Expression) -> Differential:
    """Return d of the operand."""
    return Differential(operand)


@dataclass
class Derived:
    """What a rule gives: its steps, and what they identify.

    Attributes:
        items: the lines, in reading order.
        A: the Jacobian in the input, as an expression.
        B: the Jacobians in the blocks, in their order; None where the combinator gives all at once in ``whole``.
        whole: the Jacobian in all parameters, for a combinator.
    """

    items: list[Line | Fold | Section]
    A: Expression
    B: tuple[Expression, ...] = ()
    whole: Expression | None = None


@dataclass
class Writer:
    """Collects the lines of one rule.

    Attributes:
        site: the layer that is derived.
        items: the lines so far.
    """

    site: Site
    items: list[Line | Fold | Section] = field(default_factory=list)

    def equation(self, *sides: Expression, why: str, level: int = 2, source: str = "", **arguments: Any) -> None:
        """Add a line: sides that are equal, and the key of the reason."""
        self.add(Equation(sides), why, level, source, **arguments)

    def define(self, letter: str, meaning: Expression, why: str, level: int = 2, kind: Any = "vector") -> Symbol:
        """Name an expression, add the line that says so, and note its value and its differential's."""
        symbol = self.site.helper(letter, None, kind)
        values = self.site.values
        values[symbol] = evaluate(meaning, values)
        values[Differential(symbol)] = evaluate(Differential(meaning), values)
        self.add(Equation((symbol, meaning), ":="), why, level, "")
        return symbol

    def add(self, expression: Equation, why: str, level: int, source: str, **arguments: Any) -> None:
        """Add a line."""
        shape = shape_of(expression.sides[0], self.site)
        self.items.append(Line(expression, words(why, **arguments), shape, None, source, level, self.site.values))

    def shown(self, expression: Equation, why: str, level: int, source: str = "", **arguments: Any) -> None:
        """Add a line whose left side is a matrix of the engine that is worth looking at."""
        matrix = figure(self.site.values[expression.sides[0]])
        reason = words(why, **arguments)
        self.items.append(Line(expression, reason, matrix.shape, matrix, source, level, self.site.values))

    def say(self, key: str, level: int = 2, **arguments: Any) -> None:
        """Add a sentence alone."""
        self.items.append(Line(None, words(key, **arguments), level=level))

    def derived(self, A: Expression, B: tuple[Expression, ...] = (), whole: Expression | None = None) -> Derived:
        """Return the lines with what they identify."""
        return Derived(self.items, A, B, whole)


def shape_of(expression: Expression, site: Site) -> tuple[int, int] | None:
    """Return rows and columns of a named quantity, None where it has no value yet."""
    value = site.values.get(expression)
    shape = getattr(value, "shape", None)
    return (int(shape[0]), int(shape[1])) if shape is not None and len(shape) == 2 else None
