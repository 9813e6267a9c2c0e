"""How every operation is said in JAX: as in a written program, but for what XLA does better another way."""

from dataclasses import replace
from typing import Any

from .passes import remove_dead
from .program import Statement, Trace, Value
from .rules import Definitions
from .sizes import text
from .writing.expressions import Source, infix
from .writing.idioms import IDIOMS, Idiom, number

__all__ = ["Writer", "contracted"]


def contracted(trace: Trace) -> Trace:
    """Name the axes that a matrix product runs over, where ``matmul`` takes one turned: XLA copies it."""
    made, kept = Definitions(), list[Statement]()
    for s in trace.statements:
        made.add(s)
        kept.append(_contraction(s, made) if s.operation == "matmul" else s)
    return remove_dead(trace.with_statements(kept))


def _contraction(s: Statement, made: Definitions) -> Statement:
    """Return the product over axes that are named, ``left @ right`` itself if no factor is a transpose."""
    left, right = s.operands
    turned = [operand.ndim == 2 and made.of(operand, "permute") for operand in s.operands]
    if right.ndim != 2 or not any(turned):
        return s
    factors = tuple(view.operands[0] if view else factor for view, factor in zip(turned, s.operands, strict=True))
    axes = (0 if turned[0] else left.ndim - 1, 1 if turned[1] else 0)
    return replace(s, operation="contract", operands=factors, attributes={"axes": axes})


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


def _contract(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return self.call("tensordot", *operands, tail=f", axes={s.attributes['axes']}")


_IDIOM = replace(IDIOMS["jax"], rules={"contract": _contract, "one_hot": _one_hot, "subtract_one_hot": _minus_one_hot})
