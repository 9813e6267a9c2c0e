"""How every operation is said in JAX: as in a written program, but for what XLA does better another way."""

from dataclasses import replace
from typing import Any

from .program import Statement, Trace, Value
from .sizes import text
from .writing.expressions import Source, infix
from .writing.idioms import IDIOMS, Idiom, number

__all__ = ["Writer"]


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

    def line(self, s: Statement) -> str:
        """Return the line of one statement."""
        if s.operation in ("check", "check_classes"):
            return f"{s.target.name} = {self._refusal(s)}"
        return f"{s.target.name} = {_IDIOM.said(s, tuple(map(self._source, s.operands))).text}"

    def _refusal(self, s: Statement) -> str:
        self.refusals.append(s.target.name)
        (bad,) = (self.name(operand) for operand in s.operands)
        if s.operation == "check_classes":
            bad = f"(({bad} < 0) | ({bad} >= {s.attributes['classes']}))"
        return f"{bad}.any()"

    def _source(self, operand: Any) -> Source:
        return Source(self.name(operand)) if isinstance(operand, Value) else number(operand)

    def name(self, value: Value) -> str:
        """Return the name of a value."""
        if value.kind == "constant":
            self.constants[value.name] = value.data
        return value.name

    def gradient(self, name: str) -> str:
        """Return how the gradient of a parameter gets the parameter's shape."""
        value, shape = self.trace.outputs[name], self.trace.parameters[name].shape
        return self.name(value) if value.shape == shape else f"{self.name(value)}.reshape({text(shape)})"


def _one_hot(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    """Compared with the class numbers, where a written program takes rows of a unit matrix from memory."""
    return Source(f"jax.nn.one_hot({operands[-1].text}, {s.shape[-1]}, dtype={self.dtype(s.dtype)})")


def _minus_one_hot(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return infix(operands[0], "-", _one_hot(self, s, operands))


_IDIOM = replace(IDIOMS["jax"], rules={"one_hot": _one_hot, "subtract_one_hot": _minus_one_hot})
