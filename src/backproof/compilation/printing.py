"""Programs as people read them: every statement with its shape and its equation, memory and operations in sum."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .program import BINARY, UNARY, VIEWS, Statement, Trace, Value
from .sizes import evaluate, text

if TYPE_CHECKING:
    from .compiled import Program

__all__ = ["flops", "listing"]

_REDUCTIONS = ("sum", "max", "min", "any", "all")


def flops(trace: Trace, n: int) -> int:
    """Return the arithmetic operations of a batch of n: 2 m k n for a matrix product, one for any other entry."""
    return sum(_flops(s, n) for s in trace.statements)


def _flops(s: Statement, n: int) -> int:
    size = int(math.prod(evaluate(s.shape, n)))
    if s.operation == "matmul":
        return 2 * size * int(evaluate(s.operands[0].shape, n)[-1])
    if s.operation in UNARY or s.operation in BINARY or s.operation in ("where", "subtract_one_hot"):
        return size
    return int(math.prod(evaluate(s.operands[0].shape, n))) if s.operation in _REDUCTIONS else 0


def listing(program: "Program") -> str:
    """Return the statements by layer, and what they cost for the program's batch."""
    trace, n = program.trace, program.batch
    lines = [repr(program), ""]
    said = said_by(trace)
    rows = [(said(s), text(s.shape), s.equation, s.layer) for s in trace.statements if s.operation not in VIEWS]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    layer = None
    for words, shape, equation, where in rows:
        if where != layer:
            lines.append(where)
            layer = where
        lines.append(f"  {words:{widths[0]}}  {shape:{widths[1]}}  {equation}".rstrip())
    lines += ["", f"{len(rows)} statements, {sum(math.prod(v.shape) for v in trace.parameters.values()):,} parameters"]
    if n is not None:
        planned = program.library == "numpy"
        memory = f", {bytes_text(program.memory(n))} of buffers at the peak" if planned else ""
        lines.append(f"batch {n}: {flops(trace, n):,} operations{memory}")
    return "\n".join(lines)


def said_by(trace: Trace) -> Callable[[Statement], str]:
    """Return how a statement is said, with the views among its operands said in place: ``matmul(x0, W1.T)``."""
    views = {s.target: s for s in trace.statements if s.operation in VIEWS}

    def name(operand: Any) -> str:
        if not isinstance(operand, Value):
            return text(operand)
        view = views.get(operand)
        if view is None:
            return operand.name
        source = name(view.operands[0])
        if view.operation == "permute":
            return f"{source}.T" if operand.ndim == 2 else f"{source}.transpose{text(view.attributes['axes'])}"
        return source if view.operation == "reshape" else f"{view.operation}({source})"

    def said(s: Statement) -> str:
        parts = [name(operand) for operand in s.operands]
        parts += [f"{key}={value}" for key, value in s.attributes.items()]
        return f"{s.target.name} = {s.operation}({', '.join(parts)})"

    return said


def bytes_text(number: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            return f"{number:,.0f} {unit}" if unit == "B" else f"{number:,.1f} {unit}"
        number /= 1024  # type: ignore[assignment]
    return f"{number:,} B"
