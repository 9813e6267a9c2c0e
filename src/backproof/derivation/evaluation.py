"""The number, vector or matrix that an expression stands for, given what its symbols stand for.

Matrices are NumPy arrays (m, n), vectors (n, 1), scalars have no axes. A symbol may stand for an operator: products
with a row or a column then go through it, so that no large matrix is made dense to multiply a vector.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import operators as ops
from ..errors import OptionError
from ..functions import normal_cdf, normal_density, sigmoid, softplus
from .differentials import differential
from .expressions import (
    Annotated,
    Apply,
    BlockColumn,
    BlockDiagonal,
    BlockRow,
    Cases,
    Compare,
    Composition,
    Diagonal,
    Differential,
    Equation,
    Expression,
    Fraction,
    Hadamard,
    Identity,
    Kronecker,
    Map,
    Negative,
    Number,
    Numbers,
    Ones,
    Partial,
    Plus,
    Power,
    SumOver,
    Symbol,
    Times,
    Transpose,
    Vec,
    Zeros,
)

__all__ = ["NUMERIC", "Values", "evaluate"]

Values = Mapping[Expression, Any]
"""What symbols, their differentials and Jacobians stand for: arrays, operators, or functions of columns."""

NUMERIC: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "sqrt": np.sqrt, "abs": np.abs, "sign": np.sign,
    "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "sigmoid": sigmoid, "softplus": softplus,
    "Phi": normal_cdf, "phi": normal_density,
}  # fmt: skip
"""The known functions of one number."""

_COMPARE = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "=": np.equal, "!=": np.not_equal,
}  # fmt: skip


@functools.singledispatch
def evaluate(expression: Expression, values: Values) -> Any:
    """Return the value of an expression.

    Args:
        expression: any node but an equation.
        values: what its symbols stand for.

    Raises:
        OptionError: a symbol has no value, or the node is a statement.
    """
    raise OptionError(f"evaluate: {type(expression).__name__} came, expected an expression with a value.")


@evaluate.register(Symbol)
@evaluate.register(Partial)
def _(expression: Symbol | Partial, values: Values) -> Any:
    found = _found(expression, values)
    return dense(found) if isinstance(found, ops.Operator) else found


@evaluate.register(Differential)
def _(expression: Differential, values: Values) -> Any:
    if expression in values:
        return values[expression]
    moved = differential(expression.operand, lambda symbol: Differential(symbol) in values)
    return np.zeros(()) if moved is None else evaluate(moved, values)


@evaluate.register(Number)
def _(expression: Number, values: Values) -> Any:
    return np.asarray(float(expression.value))


@evaluate.register(Numbers)
def _(expression: Numbers, values: Values) -> Any:
    return np.asarray(expression.array, float)


@evaluate.register(Identity)
def _(expression: Identity, values: Values) -> Any:
    return np.eye(expression.size)


@evaluate.register(Ones)
def _(expression: Ones, values: Values) -> Any:
    return np.ones((expression.size, 1))


@evaluate.register(Zeros)
def _(expression: Zeros, values: Values) -> Any:
    return np.zeros((expression.rows, expression.columns))


@evaluate.register(Negative)
def _(expression: Negative, values: Values) -> Any:
    return -evaluate(expression.operand, values)


@evaluate.register(Transpose)
def _(expression: Transpose, values: Values) -> Any:
    return evaluate(expression.operand, values).T


@evaluate.register(Annotated)
def _(expression: Annotated, values: Values) -> Any:
    value = evaluate(expression.operand, values)
    if value.shape != expression.shape:
        raise OptionError(f"evaluate: a quantity annotated {expression.shape} has shape {value.shape}.")
    return value


@evaluate.register(Diagonal)
def _(expression: Diagonal, values: Values) -> Any:
    return np.diagflat(evaluate(expression.operand, values))


@evaluate.register(Vec)
def _(expression: Vec, values: Values) -> Any:
    matrix = evaluate(expression.operand, values)
    return matrix.reshape(-1, 1, order="C" if expression.order == "row" else "F")


@evaluate.register(Apply)
def _(expression: Apply, values: Values) -> Any:
    return np.asarray(NUMERIC[expression.function](np.asarray(evaluate(expression.argument, values))))


@evaluate.register(Kronecker)
def _(expression: Kronecker, values: Values) -> Any:
    return np.kron(evaluate(expression.left, values), evaluate(expression.right, values))


@evaluate.register(Fraction)
def _(expression: Fraction, values: Values) -> Any:
    return evaluate(expression.numerator, values) / evaluate(expression.denominator, values)


@evaluate.register(Power)
def _(expression: Power, values: Values) -> Any:
    return evaluate(expression.base, values) ** float(expression.exponent)


@evaluate.register(Compare)
def _(expression: Compare, values: Values) -> Any:
    left, right = evaluate(expression.left, values), evaluate(expression.right, values)
    return _COMPARE[expression.relation](left, right)


@evaluate.register(Plus)
def _(expression: Plus, values: Values) -> Any:
    return sum((evaluate(term, values) for term in expression.terms[1:]), start=evaluate(expression.terms[0], values))


@evaluate.register(SumOver)
def _(expression: SumOver, values: Values) -> Any:
    return evaluate(Plus(expression.terms), values)


@evaluate.register(Hadamard)
def _(expression: Hadamard, values: Values) -> Any:
    return functools.reduce(np.multiply, (evaluate(factor, values) for factor in expression.factors))


@evaluate.register(Times)
def _(expression: Times, values: Values) -> Any:
    factors = [_operator_or_value(factor, values) for factor in expression.factors]
    # A product that ends in a column is cheapest from the right, any other from the left.
    if _columns(factors[-1]) == 1 and _rows(factors[0]) != 1:
        return functools.reduce(lambda right, left: _product(left, right), reversed(factors))
    return dense(functools.reduce(_product, factors))


@evaluate.register(BlockRow)
def _(expression: BlockRow, values: Values) -> Any:
    return np.concatenate([np.atleast_2d(evaluate(block, values)) for block in expression.blocks], axis=1)


@evaluate.register(BlockColumn)
def _(expression: BlockColumn, values: Values) -> Any:
    return np.concatenate([np.atleast_2d(evaluate(block, values)) for block in expression.blocks], axis=0)


@evaluate.register(BlockDiagonal)
def _(expression: BlockDiagonal, values: Values) -> Any:
    blocks = tuple(ops.Dense(np.atleast_2d(evaluate(block, values))) for block in expression.blocks)
    return ops.BlockDiagonal(blocks).dense()


@evaluate.register(Map)
def _(expression: Map, values: Values) -> Any:
    outer = expression.function
    functions: Sequence[Expression] = outer.functions if isinstance(outer, Composition) else (outer,)
    arguments = [evaluate(argument, values) for argument in expression.arguments]
    for function in reversed(functions):
        arguments = [_found(function, values)(*arguments)]
    return arguments[0]


@evaluate.register(Cases)
def _(expression: Cases, values: Values) -> Any:
    result = evaluate(expression.otherwise, values)
    for condition, branch in reversed(expression.branches):
        result = np.where(evaluate(condition, values), evaluate(branch, values), result)
    return result


@evaluate.register(Equation)
def _(expression: Equation, values: Values) -> Any:
    raise OptionError("evaluate: an equation came, expected one of its sides; Line.evaluate gives them all.")


def dense(value: Any) -> Any:
    """Return an operator of one example as a NumPy matrix, and an array as it is."""
    if not isinstance(value, ops.Operator):
        return value
    matrix = np.asarray(value.dense(np.empty(0)))
    return matrix[0] if matrix.ndim == 3 else matrix


def _found(expression: Expression, values: Values) -> Any:
    if expression not in values:
        raise OptionError(f"evaluate: {expression!r:.120} has no value, expected it among the {len(values)} given.")
    return values[expression]


def _operator_or_value(expression: Expression, values: Values) -> Any:
    """Return what a factor stands for, as an operator where that keeps structure."""
    if isinstance(expression, Annotated):
        return _operator_or_value(expression.operand, values)
    if isinstance(expression, Symbol | Partial):
        return _found(expression, values)
    if isinstance(expression, Identity):
        return ops.Identity(expression.size)
    if isinstance(expression, Kronecker):
        left, right = (_operator_or_value(side, values) for side in (expression.left, expression.right))
        return ops.Kronecker(_as_operator(left), _as_operator(right))
    if isinstance(expression, BlockRow):
        return ops.Row(tuple(_as_operator(_operator_or_value(block, values)) for block in expression.blocks))
    if isinstance(expression, Diagonal):
        return ops.Diagonal(evaluate(expression.operand, values).reshape(-1))
    return evaluate(expression, values)


def _as_operator(value: Any) -> ops.Operator:
    return value if isinstance(value, ops.Operator) else ops.Dense(np.atleast_2d(value))


def _rows(value: Any) -> int:
    return 0 if not value.shape else int(value.shape[0])


def _columns(value: Any) -> int:
    return 0 if not value.shape else int(value.shape[1])


def _product(left: Any, right: Any) -> Any:
    """Return left times right; a number, or a 1 x 1 matrix that does not fit, multiplies every entry."""
    if isinstance(left, ops.Operator) and not isinstance(right, ops.Operator) and right.shape[1:] == (1,):
        return left.push(right.T)[0][:, None] if left.shape[1] == right.shape[0] else dense(left) * right
    if isinstance(right, ops.Operator) and not isinstance(left, ops.Operator) and left.shape[:1] == (1,):
        return right.pull(left) if right.shape[0] == left.shape[1] else dense(right) * left
    left, right = dense(left), dense(right)
    if not left.shape or not right.shape or left.shape[1] != right.shape[0]:
        if left.size != 1 and right.size != 1:
            raise OptionError(f"evaluate: a product of {left.shape} with {right.shape}, expected equal inner sizes.")
        return left * right
    return left @ right
