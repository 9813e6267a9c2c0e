"""How every operation is said in JAX: expressions, whose memory and order are XLA's to decide."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .program import BINARY, UNARY, Statement, Trace, Value
from .sizes import Ratio, text

__all__ = ["Writer"]

_INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "greater": ">", "greater_equal": ">=",
    "less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!=", "logical_and": "&", "logical_or": "|",
    "matmul": "@",
}  # fmt: skip
_PREFIX = {"negative": "-", "logical_not": "~"}


class Writer:
    """The source under way.

    Attributes:
        constants: arrays that the source refers to, by name.
        refusals: what must be false if the targets are right.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.constants: dict[str, Any] = {}
        self.refusals: list[str] = []

    def lines(self, s: Statement) -> list[str]:
        """Return the lines of one statement."""
        if s.operation in ("check", "check_classes"):
            return [f"{s.target.name} = {self._refusal(s)}"]
        return [f"{s.target.name} = {self.expression(s)}"]

    def _refusal(self, s: Statement) -> str:
        self.refusals.append(s.target.name)
        (bad,) = (self.name(operand) for operand in s.operands)
        return f"any({bad})" if s.operation == "check" else f"any(({bad} < 0) | ({bad} >= {s.attributes['classes']}))"

    def expression(self, s: Statement) -> str:
        """Return the right side of a statement."""
        kind = next((operand.dtype for operand in s.values()), s.dtype)
        operands = [self.name(operand, kind) for operand in s.operands]
        if s.operation in _INFIX:
            return f"{operands[0]} {_INFIX[s.operation]} {operands[1]}"
        if s.operation in _PREFIX:
            return f"{_PREFIX[s.operation]}{operands[0]}"
        if s.operation in UNARY or s.operation in BINARY or s.operation == "where":
            return f"{s.operation}({', '.join(operands)})"
        return _RULES[s.operation](s, operands)

    def name(self, operand: Any, like: Any = None) -> str:
        """Return the name of a value, or a number: JAX's numbers take the dtype of the array beside them."""
        if isinstance(operand, Ratio):
            return f"({text(operand)})"
        if not isinstance(operand, Value):
            return f"({operand!r})" if operand < 0 else repr(operand)
        if operand.kind == "constant":
            self.constants[operand.name] = operand.data
        return operand.name

    def gradient(self, name: str) -> str:
        """Return how the gradient of a parameter gets the parameter's shape."""
        value, shape = self.trace.outputs[name], self.trace.parameters[name].shape
        return self.name(value) if value.shape == shape else f"{self.name(value)}.reshape({text(shape)})"


def _reduction(s: Statement, operands: list[str]) -> str:
    return f"{s.operation}({operands[0]}, {text(s.attributes['axis'])}, keepdims={s.attributes['keepdims']})"


def _index(s: Statement, operands: list[str]) -> str:
    return f"{operands[0]}[{', '.join(_key(entry) for entry in s.attributes['key'])}]"


def _key(entry: Any) -> str:
    if not isinstance(entry, slice):
        return repr(entry)
    parts = ["" if part is None else str(part) for part in (entry.start, entry.stop)]
    return ":".join(parts) if entry.step in (None, 1) else ":".join([*parts, str(entry.step)])


def _dtype(dtype: Any) -> str:
    return "bool_" if np.dtype(dtype) == np.bool_ else str(np.dtype(dtype))


def _joined(s: Statement, operands: list[str]) -> str:
    word = "concatenate" if s.operation == "concat" else "stack"
    return f"{word}([{', '.join(operands)}], {s.attributes['axis']})"


def _taken(s: Statement, operands: list[str]) -> str:
    # The default would check every index once more.
    return f"{s.operation}({operands[0]}, {operands[1]}, {s.attributes['axis']})"


def _one_hot(s: Statement, operands: list[str]) -> str:
    return f"one_hot({operands[0]}, {s.shape[-1]}, dtype={_dtype(s.dtype)})"


_RULES: dict[str, Callable[[Statement, list[str]], str]] = {
    "sum": _reduction,
    "max": _reduction,
    "min": _reduction,
    "any": lambda s, o: f"any({o[0]})",
    "all": lambda s, o: f"all({o[0]})",
    "astype": lambda s, o: f"{o[0]}.astype({_dtype(s.dtype)})",
    "copy": lambda s, o: o[0],
    "reshape": lambda s, o: f"{o[0]}.reshape({text(s.shape)})",
    "index": _index,
    "permute": lambda s, o: f"{o[0]}.transpose({text(s.attributes['axes'])})",
    "broadcast": lambda s, o: f"broadcast_to({o[0]}, {text(s.shape)})",
    "full": lambda s, o: f"full({text(s.shape)}, {s.attributes['value']!r}, {_dtype(s.dtype)})",
    "concat": _joined,
    "stack": _joined,
    "take": _taken,
    "take_along_axis": _taken,
    "one_hot": _one_hot,
    "pick": lambda s, o: f"take_along_axis({o[0]}, {o[1]}[:, None], 1)",
    "subtract_one_hot": lambda s, o: f"{o[0]} - one_hot({o[1]}, {s.shape[1]}, dtype={_dtype(s.dtype)})",
}
