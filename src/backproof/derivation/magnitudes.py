"""How large the terms are that an expression is made of: what its rounding error is to be measured against.

Sums count the magnitudes of their terms, so that what nearly cancels is measured by what cancelled.
"""

import functools
from typing import Any

import numpy as np

from ..operators import LowRankUpdate
from .differentials import differential
from .evaluation import Values, dense, evaluate
from .expressions import (
    Annotated,
    BlockColumn,
    BlockDiagonal,
    BlockRow,
    Diagonal,
    Differential,
    Expression,
    Fraction,
    Hadamard,
    Kronecker,
    Negative,
    Partial,
    Plus,
    SumOver,
    Symbol,
    Times,
    Transpose,
    Vec,
)

__all__ = ["magnitude"]


@functools.singledispatch
def magnitude(expression: Expression, values: Values) -> Any:
    """Return the value with every sum taken of magnitudes: an array of the value's shape, at least as large."""
    return np.abs(evaluate(expression, values))


@magnitude.register(Symbol)
@magnitude.register(Partial)
def _(expression: Symbol | Partial, values: Values) -> Any:
    found = values.get(expression)
    if isinstance(found, LowRankUpdate):
        U, V = (np.abs(array).reshape(array.shape[-2:]) for array in (found.U, found.V))
        return np.abs(dense(found.base)) + U @ V.T
    return np.abs(evaluate(expression, values))


@magnitude.register(Differential)
def _(expression: Differential, values: Values) -> Any:
    if expression in values:
        return np.abs(values[expression])
    moved = differential(expression.operand, lambda symbol: Differential(symbol) in values)
    return np.zeros(()) if moved is None else magnitude(moved, values)


@magnitude.register(Negative)
@magnitude.register(Annotated)
def _(expression: Negative | Annotated, values: Values) -> Any:
    return magnitude(expression.operand, values)


@magnitude.register(Transpose)
def _(expression: Transpose, values: Values) -> Any:
    return magnitude(expression.operand, values).T


@magnitude.register(Diagonal)
def _(expression: Diagonal, values: Values) -> Any:
    return np.diagflat(magnitude(expression.operand, values))


@magnitude.register(Vec)
def _(expression: Vec, values: Values) -> Any:
    return magnitude(expression.operand, values).reshape(-1, 1, order="C" if expression.order == "row" else "F")


@magnitude.register(Plus)
def _(expression: Plus, values: Values) -> Any:
    return sum((magnitude(term, values) for term in expression.terms), start=np.zeros(()))


@magnitude.register(SumOver)
def _(expression: SumOver, values: Values) -> Any:
    return magnitude(Plus(expression.terms), values)


@magnitude.register(Hadamard)
def _(expression: Hadamard, values: Values) -> Any:
    return functools.reduce(np.multiply, (magnitude(factor, values) for factor in expression.factors))


@magnitude.register(Times)
def _(expression: Times, values: Values) -> Any:
    return functools.reduce(_product, (magnitude(factor, values) for factor in expression.factors))


@magnitude.register(Kronecker)
def _(expression: Kronecker, values: Values) -> Any:
    return np.kron(magnitude(expression.left, values), magnitude(expression.right, values))


@magnitude.register(Fraction)
def _(expression: Fraction, values: Values) -> Any:
    return magnitude(expression.numerator, values) / np.abs(evaluate(expression.denominator, values))


@magnitude.register(BlockRow)
@magnitude.register(BlockColumn)
@magnitude.register(BlockDiagonal)
def _(expression: BlockRow | BlockColumn | BlockDiagonal, values: Values) -> Any:
    # One scale serves a whole matrix, so where its blocks stand is of no matter.
    return np.asarray(max(float(np.max(magnitude(block, values), initial=0)) for block in expression.blocks))


def _product(left: Any, right: Any) -> Any:
    fits = left.ndim == right.ndim == 2 and left.shape[1] == right.shape[0]
    return left @ right if fits else left * right
