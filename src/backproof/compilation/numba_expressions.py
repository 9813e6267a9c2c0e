"""What a statement is for one entry, in the Python that numba compiles."""

from typing import Any

import numpy as np

from .program import Statement, Value

__all__ = ["ACCUMULATED", "ELEMENTWISE", "SLOW", "access", "expression", "plain"]

_INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "greater": ">", "greater_equal": ">=", "less": "<",
    "less_equal": "<=", "equal": "==", "not_equal": "!=", "logical_and": "and", "logical_or": "or",
}  # fmt: skip
_CALLED = {
    "abs": "abs({0})",
    "negative": "-{0}",
    "logical_not": "not {0}",
    "sqrt": "sqrt({0})",
    "copy": "{0}",
    "astype": "{0}",
    # NaN is kept, as NumPy does it.
    "maximum": "{0} if ({0} >= {1} or {0} != {0}) else {1}",
    "minimum": "{0} if ({0} <= {1} or {0} != {0}) else {1}",
    "where": "{1} if {0} else {2}",
}
SLOW = frozenset({"exp", "expm1", "log", "log1p"})
"""Functions that NumPy computes for many entries at once and numba one by one: only for one number an example."""

ELEMENTWISE = frozenset({*_INFIX, *_CALLED, *SLOW, "subtract_one_hot"})
"""Operations that a loop may hold."""

ACCUMULATED = {"sum": "u + v", "max": "u if (u >= v or u != u) else v"}


def expression(s: Statement, operands: list[str]) -> str:
    """Return the statement's right side for one entry; truth values enter arithmetic as numbers."""
    kind = f"f{s.dtype.itemsize}"
    if s.operation == "subtract_one_hot":
        return f"({operands[0]} - {kind}(1.0)) if {operands[1]} else {operands[0]}"
    if s.dtype.kind == "f" and s.operation != "where":
        operands = [
            f"{kind}({word})" if isinstance(o, Value) and o.dtype.kind == "b" else word
            for o, word in zip(s.operands, operands, strict=True)
        ]
    if s.operation in _INFIX:
        return f"{operands[0]} {_INFIX[s.operation]} {operands[1]}"
    if s.operation in SLOW:
        return f"{s.operation}({operands[0]})"
    return _CALLED[s.operation].format(*operands)


def access(value: Value, form: str) -> str:
    """Return the index of a value's entry in a loop over i and j, along axes that it has one entry of, 0."""
    if form == "flat":
        return "i"
    last = "i" if form == "turned" else "j"
    if value.ndim == 1:
        return "0" if value.shape == (1,) else last
    words = ["j", "i"] if form == "turned" else ["i", "j"]
    words = ["0" if length == 1 else word for length, word in zip(value.shape, words, strict=True)]
    return ", ".join(words[::-1] if form == "turned" else words)


def plain(number: Any, dtype: Any) -> str:
    """Return a number of a dtype."""
    return repr(number) if isinstance(number, bool) else f"f{np.dtype(dtype).itemsize}({float(number)!r})"
