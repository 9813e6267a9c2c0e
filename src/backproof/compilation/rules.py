"""Local rules: one statement, and those that made its operands, to a cheaper way of saying the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .program import BINARY, Statement, Value
from .sizes import Size

__all__ = ["Definitions", "Rewritten", "rewritten"]

Rewritten = Statement | Value | float | int


@dataclass(frozen=True)
class Better:
    """What a statement becomes.

    Attributes:
        result: a statement for the same target, or what takes the target's place.
        before: statements that come first.
    """

    result: Any
    before: tuple[Statement, ...] = ()


class Definitions:
    """Which statement made a value."""

    def __init__(self) -> None:
        self.table: dict[Value, Statement] = {}
        self.positive_parts: dict[Value, Value] = {}

    def add(self, statement: Statement) -> None:
        """Note a statement."""
        self.table[statement.target] = statement
        if statement.operation == "maximum":
            source, bound = statement.operands
            if isinstance(source, Value) and isinstance(bound, int | float) and bound == 0:
                self.positive_parts[source] = statement.target

    def of(self, operand: Any, operation: str) -> Statement | None:
        """Return the statement that made the operand if it is this operation."""
        made = self.table.get(operand) if isinstance(operand, Value) else None
        return made if made is not None and made.operation == operation else None


def rewritten(statement: Statement, made: Definitions) -> Better | None:
    """Return what the first fitting rule makes of the statement; None if none fits."""
    for rule in _RULES.get(statement.operation, ()):
        better = rule(statement, made)
        if better is not None:
            return better
    return None


def _as(statement: Statement, operation: str, operands: tuple[Any, ...], **attributes: Any) -> Better:
    return Better(replace(statement, operation=operation, operands=operands, attributes=attributes))


# -- views ---------------------------------------------------------------------------------------------------


def _index_is_reshape(s: Statement, made: Definitions) -> Better | None:
    """Taking all of an axis, or the one entry there is, and adding axes, is a reshape."""
    (source,), axis = s.operands, 0
    for entry in s.attributes["key"]:
        if entry is None:
            continue
        length = source.shape[axis]
        whole = isinstance(entry, slice) and (entry == slice(None) or entry == slice(0, length, 1))
        if not whole and not (isinstance(length, int) and length == 1):
            return None
        axis += 1
    return _as(s, "reshape", s.operands)


def _permute_is_reshape(s: Statement, made: Definitions) -> Better | None:
    """Moving axes of length one is a reshape."""
    (source,) = s.operands
    wide = [axis for axis in s.attributes["axes"] if isinstance(source.shape[axis], Size) or source.shape[axis] != 1]
    return _as(s, "reshape", s.operands) if wide == sorted(wide) else None


def _permute_twice(s: Statement, made: Definitions) -> Better | None:
    inner = made.of(s.operands[0], "permute")
    if inner is None:
        return None
    axes = tuple(inner.attributes["axes"][axis] for axis in s.attributes["axes"])
    if axes == tuple(range(len(axes))):
        return Better(inner.operands[0])
    return _as(s, "permute", inner.operands, axes=axes)


def _reshape_twice(s: Statement, made: Definitions) -> Better | None:
    (source,) = s.operands
    if source.shape == s.shape:
        return Better(source)
    inner = made.of(source, "reshape")
    return None if inner is None else _as(s, "reshape", inner.operands)


# -- numbers -------------------------------------------------------------------------------------------------


def _number(operand: Any, made: Definitions) -> Any:
    """Return the number that an array is filled with, None if there is none."""
    full = made.of(operand, "full")
    if full is not None:
        return full.attributes["value"]
    if isinstance(operand, Value) and operand.kind == "constant" and operand.shape == ():
        return operand.data.item()
    return None


def _filled_operand(s: Statement, made: Definitions) -> Better | None:
    """An array of one number is a number, where the other operand has the result's shape and dtype."""
    for at, operand in enumerate(s.operands):
        number = _number(operand, made)
        rest = [o for i, o in enumerate(s.operands) if i != at and isinstance(o, Value)]
        kinds = {o.dtype for o in (rest[-1:] if s.operation == "where" else rest)}
        if number is None or (s.operation == "where" and at == 0):
            continue
        if any(o.shape == s.shape for o in rest) and {*kinds, operand.dtype} == {operand.dtype}:
            operands = tuple(number if i == at else o for i, o in enumerate(s.operands))
            return Better(replace(s, operands=operands))
    return None


def _times_one(s: Statement, made: Definitions) -> Better | None:
    """1 x = x, x / 1 = x."""
    pairs = [tuple(s.operands)] + [tuple(s.operands[::-1])] * (s.operation == "multiply")
    for kept, one in pairs:
        plain = isinstance(one, int | float) and not isinstance(one, bool) and one == 1
        if plain and isinstance(kept, Value) and kept.shape == s.shape and kept.dtype == s.dtype:
            return Better(kept)
    return None


def _mask(s: Statement, made: Definitions) -> Better | None:
    """A factor of ones and zeros may stay a truth value."""
    for at in (0, 1):
        cast, other = made.of(s.operands[at], "astype"), s.operands[1 - at]
        if cast is None or not isinstance(other, Value) or other.dtype != s.dtype:
            continue
        if cast.operands[0].dtype == np.bool_:
            return Better(replace(s, operands=(other, cast.operands[0])))
    return None


def _sign_of_positive_part(s: Statement, made: Definitions) -> Better | None:
    """x > 0 where max(x, 0) > 0; then x itself is needed no more."""
    source, zero = s.operands
    positive = made.positive_parts.get(source) if isinstance(source, Value) else None
    return _as(s, "greater", (positive, 0)) if positive is not None and zero == 0 else None


# -- class indices -------------------------------------------------------------------------------------------


def _is_one_hot(s: Statement, made: Definitions) -> Better | None:
    """Comparing indices with 0, 1, ..., n - 1 is a row of zeros with a one."""
    equal = made.of(s.operands[0], "equal")
    if equal is None or not all(isinstance(o, Value) for o in equal.operands):
        return None
    column, classes = equal.operands
    inner = made.of(column, "reshape")
    counted = classes.data is not None and np.array_equal(classes.data, np.arange(classes.data.size))
    if inner is None or not counted or classes.ndim != 1 or inner.operands[0].shape != s.shape[:1]:
        return None
    return _as(s, "one_hot", inner.operands, classes=int(classes.data.size))


def _sum_of_one_hot(s: Statement, made: Definitions) -> Better | None:
    """Every row of a one-hot matrix has the sum 1, and its product with a row is one entry of that."""
    if s.attributes != {"axis": (1,), "keepdims": True}:
        return None
    if made.of(s.operands[0], "one_hot"):
        return _as(s, "full", (), value=1)
    product = made.of(s.operands[0], "multiply")
    if product is None:
        return None
    for at in (0, 1):
        hot, other = made.of(product.operands[at], "one_hot"), product.operands[1 - at]
        if hot is not None and isinstance(other, Value) and other.shape == hot.shape:
            return _as(s, "pick", (other, hot.operands[0]))
    return None


def _minus_one_hot(s: Statement, made: Definitions) -> Better | None:
    hot = made.of(s.operands[1], "one_hot")
    if hot is None or not isinstance(s.operands[0], Value) or s.operands[0].shape != s.shape:
        return None
    return _as(s, "subtract_one_hot", (s.operands[0], hot.operands[0]))


def _check_of_classes(s: Statement, made: Definitions) -> Better | None:
    either = made.of(s.operands[0], "logical_or")
    low, high = (made.of(o, name) for o, name in zip(either.operands, ("less", "greater_equal"), strict=True)) if (
        either
    ) else (None, None)  # fmt: skip
    if low is None or high is None or low.operands[0] is not high.operands[0]:
        return None
    index, classes = high.operands
    if low.operands[1] != 0 or not isinstance(classes, int) or index.dtype.kind not in "iu":
        return None
    return _as(s, "check_classes", (index,), classes=classes)


# -- sums and products ---------------------------------------------------------------------------------------


def _sum_of_nothing(s: Statement, made: Definitions) -> Better | None:
    """Adding along axes of length one is a reshape."""
    (source,) = s.operands
    lengths = [source.shape[a] for a in s.attributes["axis"]]
    short = not any(isinstance(length, Size) or length != 1 for length in lengths)
    return _as(s, "reshape", s.operands) if short and source.dtype == s.dtype else None


def _number_of_sum(s: Statement, made: Definitions) -> Better | None:
    """The one number of a sum along some axes is the sum along all."""
    total = made.of(s.operands[0], "sum")
    if total is None or s.shape != ():
        return None
    axes = tuple(range(total.operands[0].ndim))
    return _as(s, "sum", total.operands, axis=axes, keepdims=False)


def _thin_matmul(s: Statement, made: Definitions) -> Better | None:
    """For every example a row times a column is a sum of products, and a number times a row a product."""
    left, right = s.operands
    if not (isinstance(left, Value) and isinstance(right, Value)) or left.ndim != 3 or right.ndim != 3:
        return None
    if left.shape[0] != right.shape[0] or not isinstance(left.shape[0], Size):
        return None
    if left.shape[1] == 1 and left.shape[2] == 1:
        return _as(s, "multiply", (left, right))
    if left.shape[1] != 1 or right.shape[2] != 1:
        return None
    rows = [Value(s.target.name, (v.shape[0], left.shape[2]), v.dtype) for v in (left, right)]
    reshapes = [
        replace(s, target=row, operation="reshape", operands=(v,)) for row, v in zip(rows, s.operands, strict=True)
    ]
    product = replace(s, target=Value(s.target.name, rows[0].shape, s.dtype), operation="multiply", operands=(*rows,))
    total = replace(
        s, target=Value(s.target.name, (left.shape[0], 1), s.dtype), operation="sum", operands=(product.target,),
        attributes={"axis": (1,), "keepdims": True},
    )  # fmt: skip
    return Better(replace(s, operation="reshape", operands=(total.target,)), (*reshapes, product, total))


Rule = Callable[[Statement, Definitions], Better | None]

_RULES: dict[str, tuple[Rule, ...]] = {
    **dict.fromkeys(BINARY, (_filled_operand,)),
    "greater": (_filled_operand, _sign_of_positive_part),
    "where": (_filled_operand,),
    "index": (_index_is_reshape,),
    "permute": (_permute_is_reshape, _permute_twice),
    "reshape": (_reshape_twice, _number_of_sum),
    "multiply": (_filled_operand, _times_one, _mask),
    "divide": (_filled_operand, _times_one),
    "astype": (_is_one_hot,),
    "sum": (_sum_of_nothing, _sum_of_one_hot),
    "subtract": (_filled_operand, _minus_one_hot),
    "check": (_check_of_classes,),
    "matmul": (_thin_matmul,),
}
"""The rules by operation, tried in order."""
