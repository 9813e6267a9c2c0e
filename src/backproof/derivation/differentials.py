"""The rules of differentials: d of an expression as an expression.

    d(X + Y) = dX + dY,   d(X Y) = dX Y + X dY,   d(X * Y) = dX * Y + X * dY,   d f(x) = f'(x) * dx,   d(X^T) = (dX)^T

with * entry by entry. None stands for a differential that is zero, so that constants leave no trace.
"""

import functools
from collections.abc import Callable
from dataclasses import replace

from ..errors import OptionError
from .expressions import (
    Annotated,
    Apply,
    BlockColumn,
    Cases,
    Diagonal,
    Differential,
    Expression,
    Fraction,
    Hadamard,
    Identity,
    Negative,
    Number,
    Numbers,
    Ones,
    Plus,
    Power,
    Symbol,
    Times,
    Transpose,
    Vec,
    Zeros,
)

__all__ = ["DERIVATIVES", "Moves", "differential", "minus"]

Moves = Callable[[Symbol], bool]
"""Whether a symbol varies; all others are constants."""

DERIVATIVES: dict[str, Callable[[Expression], Expression]] = {
    "exp": lambda x: Apply("exp", x),
    "expm1": lambda x: Apply("exp", x),
    "log": lambda x: Fraction(Number(1), x),
    "sqrt": lambda x: Fraction(Number(1), Times((Number(2), Apply("sqrt", x)))),
    "abs": lambda x: Apply("sign", x),
    "sign": lambda x: Number(0),
    "tanh": lambda x: minus(Number(1), Power(Apply("tanh", x), 2)),
    "sin": lambda x: Apply("cos", x),
    "cos": lambda x: Negative(Apply("sin", x)),
    "sigmoid": lambda x: Hadamard((Apply("sigmoid", x), minus(Number(1), Apply("sigmoid", x)))),
    "softplus": lambda x: Apply("sigmoid", x),
    "Phi": lambda x: Apply("phi", x),
    "phi": lambda x: Negative(Hadamard((x, Apply("phi", x)))),
}
"""The derivative of every known function of one number."""


def minus(left: Expression, right: Expression) -> Plus:
    """Return ``left - right``."""
    return Plus((left, Negative(right)))


@functools.singledispatch
def differential(expression: Expression, moves: Moves) -> Expression | None:
    """Return d of an expression, None if it is zero.

    Args:
        expression: what is varied.
        moves: which symbols vary.

    Raises:
        OptionError: there is no rule for a node of it.
    """
    raise OptionError(f"differential: {type(expression).__name__} came, expected a node with a rule of differentials.")


@differential.register(Symbol)
def _(expression: Symbol, moves: Moves) -> Expression | None:
    return Differential(expression) if moves(expression) else None


@differential.register(Number)
@differential.register(Numbers)
@differential.register(Identity)
@differential.register(Ones)
@differential.register(Zeros)
def _(expression: Expression, moves: Moves) -> Expression | None:
    return None


@differential.register(Plus)
def _(expression: Plus, moves: Moves) -> Expression | None:
    return _sum([differential(term, moves) for term in expression.terms])


@differential.register(Negative)
@differential.register(Transpose)
@differential.register(Diagonal)
@differential.register(Vec)
@differential.register(Annotated)
def _(
    expression: Negative | Transpose | Diagonal | Vec | Annotated,
    moves: Moves,
) -> Expression | None:
    inner = differential(expression.operand, moves)
    return None if inner is None else replace(expression, operand=inner)


@differential.register(Times)
@differential.register(Hadamard)
def _(expression: Times | Hadamard, moves: Moves) -> Expression | None:
    factors = expression.factors
    terms: list[Expression | None] = []
    for place, factor in enumerate(factors):
        moved = differential(factor, moves)
        if moved is not None:
            terms.append(replace(expression, factors=(*factors[:place], moved, *factors[place + 1 :])))
    return _sum(terms)


@differential.register(Fraction)
def _(expression: Fraction, moves: Moves) -> Expression | None:
    above, below = expression.numerator, expression.denominator
    up, down = differential(above, moves), differential(below, moves)
    terms: list[Expression | None] = [None if up is None else Fraction(up, below)]
    if down is not None:
        terms.append(Negative(Hadamard((Fraction(above, Power(below, 2)), down))))
    return _sum(terms)


@differential.register(Power)
def _(expression: Power, moves: Moves) -> Expression | None:
    inner = differential(expression.base, moves)
    if inner is None:
        return None
    lower = expression.base if expression.exponent == 2 else Power(expression.base, expression.exponent - 1)
    return Hadamard((Number(expression.exponent), lower, inner))


@differential.register(Apply)
def _(expression: Apply, moves: Moves) -> Expression | None:
    inner = differential(expression.argument, moves)
    return None if inner is None else Hadamard((DERIVATIVES[expression.function](expression.argument), inner))


@differential.register(Cases)
def _(expression: Cases, moves: Moves) -> Expression | None:
    branches = tuple((condition, differential(branch, moves) or Number(0)) for condition, branch in expression.branches)
    return Cases(branches, differential(expression.otherwise, moves) or Number(0))


@differential.register(BlockColumn)
def _(expression: BlockColumn, moves: Moves) -> Expression | None:
    blocks = []
    for block in expression.blocks:
        moved = differential(block, moves)
        blocks.append(Hadamard((Number(0), block)) if moved is None else moved)
    return replace(expression, blocks=tuple(blocks))


def _sum(terms: list[Expression | None]) -> Expression | None:
    kept = tuple(term for term in terms if term is not None)
    return Plus(kept) if len(kept) > 1 else kept[0] if kept else None
