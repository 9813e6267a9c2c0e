"""What PyTorch has one call for: patterns of statements become statements with operations of PyTorch's own.

affine            x W^T + b                          addmm
relu_backward     delta where y > 0, else 0          threshold_backward
tanh_backward     delta (1 - y y)                    tanh_backward
log_softmax       x - log(sum exp(x))                log_softmax
softmax           exp(x) / sum exp(x)                softmax
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .passes import remove_dead
from .program import Statement, Trace, Value
from .sizes import evaluate

__all__ = ["fused", "large_products", "with_onednn"]

LARGE = 2**27
"""Multiplications from which on oneDNN's products are faster than BLAS's, in spite of the memory they make anew."""


def fused(trace: Trace) -> Trace:
    """Return the trace in PyTorch's own operations."""
    for rewrite in (_softmaxes, _statements):
        trace = remove_dead(rewrite(trace))
    return trace


class _Made:
    """Which statement made a value, and how often a value is used."""

    def __init__(self, trace: Trace) -> None:
        self.table = {s.target: s for s in trace.statements}
        self.uses = Counter(v for s in trace.statements for v in s.values())
        self.uses.update(trace.outputs.values())

    def by(self, operand: Any, operation: str) -> Statement | None:
        """Return the statement that made the operand if it is this operation."""
        made = self.table.get(operand) if isinstance(operand, Value) else None
        return made if made is not None and made.operation == operation else None

    def once(self, operand: Any, operation: str) -> Statement | None:
        """Return it if nothing else uses the operand."""
        return self.by(operand, operation) if self.uses.get(operand) == 1 else None


# -- single statements ---------------------------------------------------------------------------------------


def _statements(trace: Trace) -> Trace:
    made = _Made(trace)
    relus = {value: s.target for s in trace.statements if _is_relu(s) for value in (s.operands[0], s.target)}
    kept = []
    for s in trace.statements:
        rule = _RULES.get(s.operation)
        better = None if rule is None else rule(s, made, relus)
        kept.append(s if better is None else better)
    return trace.with_statements(kept)


def _is_relu(s: Statement) -> bool:
    return s.operation == "maximum" and isinstance(s.operands[0], Value) and _is_number(s.operands[1], 0)


def _is_number(operand: Any, number: float) -> bool:
    return isinstance(operand, int | float) and not isinstance(operand, bool) and operand == number


def _affine(s: Statement, made: _Made, relus: dict[Value, Value]) -> Statement | None:
    product, b = s.operands
    matmul = made.once(product, "matmul")
    turned = made.by(matmul.operands[1], "permute") if matmul is not None else None
    if matmul is None or turned is None or not isinstance(b, Value):
        return None
    plain = s.target.ndim == matmul.operands[0].ndim == turned.operands[0].ndim == 2 and b.ndim == 1
    operands = (matmul.operands[0], turned.operands[0], b)
    return replace(s, operation="affine", operands=operands, attributes={"product": product.name}) if plain else None


def _backward(s: Statement, made: _Made, relus: dict[Value, Value]) -> Statement | None:
    for delta, slope in (s.operands, s.operands[::-1]):
        if not isinstance(delta, Value) or delta.shape != s.shape or delta.dtype != s.dtype:
            continue
        mask = made.by(slope, "greater")
        if mask is not None and mask.operands[0] in relus and _is_number(mask.operands[1], 0):
            return replace(s, operation="relu_backward", operands=(delta, relus[mask.operands[0]]))
        y = _tanh_of(slope, made)
        if y is not None and y.shape == s.shape:
            return replace(s, operation="tanh_backward", operands=(delta, y))
    return None


def _tanh_of(slope: Any, made: _Made) -> Value | None:
    """Return y if ``slope`` is 1 - y y with y = tanh(x)."""
    difference = made.by(slope, "subtract")
    square = made.by(difference.operands[1], "multiply") if difference is not None else None
    if difference is None or square is None or not _is_number(difference.operands[0], 1):
        return None
    y, other = square.operands
    return y if y is other and made.by(y, "tanh") else None


_RULES: dict[str, Callable[[Statement, _Made, dict[Value, Value]], Statement | None]] = {
    "add": _affine,
    "multiply": _backward,
}


# -- softmax and its logarithm -------------------------------------------------------------------------------


def _softmaxes(trace: Trace) -> Trace:
    """Replace the softmaxes all of whose parts are used as parts alone."""
    made = _Made(trace)
    for s in trace.statements:
        if s.operation == "subtract" and _is_shift(s, made):
            trace = _one_softmax(trace, s, made)
    return trace


def _is_shift(s: Statement, made: _Made) -> bool:
    """Whether a statement subtracts from every row its largest entry."""
    largest = made.by(s.operands[1], "max")
    last = {"axis": (s.target.ndim - 1,), "keepdims": True}
    return largest is not None and largest.operands[0] is s.operands[0] and dict(largest.attributes) == last


def _one_softmax(trace: Trace, shift: Statement, made: _Made) -> Trace:
    parts = _parts(trace, shift)
    if parts is None:
        return trace
    exp, total, log = parts
    logarithm = Value(f"{shift.target.name}_", shift.shape, shift.dtype)
    first = replace(shift, target=logarithm, operation="log_softmax", operands=shift.operands[:1], attributes={})
    inside = {shift.target, exp, total, log}
    kept = []
    for s in trace.statements:
        if s is shift and log is not None:
            kept.append(first)
        better = _said(s, shift, parts, logarithm, made)
        if better is None:
            if s.target not in inside and any(v in inside for v in s.values()) and not _is_reciprocal(s, total):
                return trace
            kept.append(s)
        else:
            kept += better
    return remove_dead(trace.with_statements(kept))


def _parts(trace: Trace, shift: Statement) -> tuple[Value, Value, Value | None] | None:
    """Return exp(shift), its sum over the rows, and the logarithm of that."""
    found: dict[str, Value] = {}
    source: Value | None = shift.target
    for operation in ("exp", "sum", "log"):
        s = next((s for s in trace.statements if s.operation == operation and s.operands == (source,)), None)
        rows = {"axis": (shift.target.ndim - 1,), "keepdims": True}
        if s is None or (operation == "sum" and dict(s.attributes) != rows):
            break
        found[operation] = source = s.target
    if "sum" not in found:
        return None
    return found["exp"], found["sum"], found.get("log")


def _is_reciprocal(s: Statement, total: Value) -> bool:
    """Whether a statement is 1 / total, which the softmax alone uses."""
    return s.operation == "divide" and _is_number(s.operands[0], 1) and s.operands[1] is total


def _said(s: Statement, shift: Statement, parts: Any, logarithm: Value, made: _Made) -> list[Statement] | None:
    """Return what takes the place of a statement that uses the parts, None if it stays."""
    exp, total, log = parts
    if _is_ratio(s, exp, total, made):
        if log is None:
            return [replace(s, operation="softmax", operands=shift.operands[:1], attributes={})]
        return [replace(s, operation="exp", operands=(logarithm,), attributes={})]
    if s.operation == "subtract" and log is not None:
        if s.operands == (shift.target, log):
            return [replace(s, operation="copy", operands=(logarithm,), attributes={})]
        picked = made.by(s.operands[1], "pick")
        if s.operands[0] is log and picked is not None and picked.operands[0] is shift.target:
            again = Value(f"{picked.target.name}_", picked.shape, picked.dtype)
            pick = replace(picked, target=again, operands=(logarithm, picked.operands[1]))
            return [pick, replace(s, operation="negative", operands=(again,), attributes={})]
    if s.operation == "pick" and log is not None and s.operands[0] is shift.target:
        return [] if made.uses[s.target] == 1 else None
    return None


def _is_ratio(s: Statement, exp: Value, total: Value, made: _Made) -> bool:
    if s.operation == "divide":
        return s.operands == (exp, total)
    if s.operation != "multiply" or exp not in s.operands:
        return False
    other = made.by(s.operands[1 if s.operands[0] is exp else 0], "divide")
    return other is not None and _is_reciprocal(other, total)


# -- large products ------------------------------------------------------------------------------------------


def large_products(trace: Trace, n: int) -> frozenset[str]:
    """Return the names of the products of a batch with a matrix that are large for a batch of n."""
    large = set()
    for s in trace.statements:
        if s.operation == "matmul" and s.target.ndim == s.operands[1].ndim == 2 and str(s.dtype) == "float32":
            rows, columns = evaluate(s.target.shape, n)
            inner = evaluate(s.operands[0].shape[1], n)
            # A gradient's product, whose inner axis is the batch, has its place already.
            if rows == n != inner and rows * columns * inner >= LARGE:
                large.add(s.target.name)
    return frozenset(large)


def with_onednn(trace: Trace, large: frozenset[str]) -> Trace:
    """Let oneDNN do the large products, and the ReLU after them in the same call."""
    if not large:
        return trace
    made, kept = _Made(trace), []
    for s in trace.statements:
        affine = made.once(s.operands[0], "affine") if _is_relu(s) else None
        if affine is not None and affine.attributes["product"] in large:
            kept.append(replace(s, operation="affine_onednn", operands=affine.operands, attributes={"relu": True}))
        elif s.operation == "affine" and s.attributes["product"] in large:
            kept.append(replace(s, operation="affine_onednn", attributes={}))
        elif s.operation == "matmul" and s.target.name in large and made.by(s.operands[1], "permute") is None:
            kept.append(replace(s, operation="matmul_onednn"))
        else:
            kept.append(s)
    return remove_dead(trace.with_statements(kept))
