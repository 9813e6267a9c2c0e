"""From a trace to a NumPy program: source text, compiled once, and memory made once for every batch size."""

import math
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..functions import erfc
from ..parameters import Parameters
from .numpy_rules import lines
from .numpy_writer import Writer
from .planning import LINE, Plan, planned
from .program import BINARY, UNARY, Lowered, Statement, Trace
from .sizes import Size, evaluate, text
from .sources import execute

__all__ = ["lower", "style", "written"]

TURNED_UP_TO = 256
"""Batches of more than one and up to this many examples are kept one column an example."""


class Refused(Exception):
    """A check of the targets failed; what is wrong with them is for the ordinary path to say."""


def style(trace: Trace, n: int) -> bool:
    """Return whether a batch of n is better kept with a column for every example."""
    return trace.batch is None and 1 < n <= TURNED_UP_TO and _all_matrices(trace)


def _all_matrices(trace: Trace) -> bool:
    """Whether everything computed for the examples is a matrix with one row each, used as a whole."""
    for s in trace.statements:
        batched = [value for value in (s.target, *s.values()) if any(isinstance(k, Size) for k in value.shape)]
        if any(value.ndim > 2 for value in batched):
            return False
        if s.operation in _REARRANGING and batched and s.target.ndim > 1:
            return False
    return True


_REARRANGING = ("reshape", "index", "broadcast", "concat", "stack", "take", "take_along_axis")


Body = Callable[[Trace, Writer], Iterable[tuple[str, str]]]
"""Gives the lines of all statements, each with its comment."""


def lower(trace: Trace, turned: bool = False, body: Body | None = None) -> Lowered:
    """Return the program of a trace.

    Args:
        trace: after the passes.
        turned: whether matrices of examples are kept with a column for every example.
        body: how statements are written, if not each by its rule.
    """
    plan = planned(trace)
    writer = Writer(trace, plan, turned)
    said = [*(body or _body)(trace, writer), _returned(trace, writer)]
    source = _source(trace, writer, said)
    return Lowered(source, _Runner(trace, writer, source), lambda n: _memory(plan, writer, n))


def _memory(plan: Plan, writer: Writer, n: int) -> int:
    return plan.memory(n) + sum(int(evaluate(size, n)) for size in writer.extra)


def _body(trace: Trace, writer: Writer) -> list[tuple[str, str]]:
    return [line for s in trace.statements for line in written(writer, s)]


def written(writer: Writer, s: Statement) -> list[tuple[str, str]]:
    """Return a statement's lines, each with its comment."""
    comment = f"{s.equation}, {text(s.shape)}" if s.equation else text(s.shape)
    return [(line, comment if number == 0 else "") for number, line in enumerate(lines(writer, s))]


def _returned(trace: Trace, writer: Writer) -> tuple[str, str]:
    loss = trace.outputs["loss"]
    return f"return {writer.name(loss)}{'[()]' if loss in writer.plan.roots else ''}", ""


def _source(trace: Trace, writer: Writer, body: list[tuple[str, str]]) -> str:
    sections = writer.sections
    x, *others = (value.name for value in trace.inputs.values())
    run = [f"def run({', '.join([x, *others])}, theta, gradient, buffers):"]
    inputs = [f"    {line}" for line in sections["inputs"].values()]
    said = [f"    {line}  # {comment}" if comment else f"    {line}" for line, comment in body]
    used = set(re.findall(r"\w+", "\n".join([*inputs, *(line for line, _ in body)])))
    parts = []
    for name, argument in (("buffers", "n"), ("theta", "views"), ("gradient", "views")):
        kept = _tuple(word for word in sections[name] if word in used)
        made = [f"    {line}" for line in sections[name].values()]
        parts.append("\n".join([f"def {name}({argument}):", *made, f"    return {kept}"]))
        if kept != "()":
            run.append(f"    {kept} = {name}")
    return "\n\n\n".join([*parts, "\n".join([*run, *inputs, *said])]) + "\n"


def _tuple(names: Any) -> str:
    return "(" + "".join(f"{name}, " for name in names).rstrip() + ")"


_UFUNCS = (UNARY | BINARY) - {"abs", "erfc"}
_OTHERS = (
    "absolute", "add", "arange", "array", "broadcast_to", "concatenate", "copyto", "dot", "matmul", "ones", "take",
    "take_along_axis", "zeros", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
    "uint64",
)  # fmt: skip


def _namespace(constants: dict[str, Any]) -> dict[str, Any]:
    names = {word: getattr(np, word) for word in (*_UFUNCS, *_OTHERS)}
    return {**names, "erfc": _erfc, "memory": _aligned, "array_in": _array_in, "Refused": Refused, **constants}


def _erfc(x: Any, out: Any) -> None:
    out[...] = erfc(x)


def _aligned(size: int) -> Any:
    """Return so many bytes that begin at a cache line."""
    raw = np.empty(size + LINE, np.uint8)
    start = -raw.ctypes.data % LINE if size else 0
    return raw[start : start + size]


def _array_in(memory: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    dtype = np.dtype(dtype)
    size = dtype.itemsize
    for length in shape:
        size *= length
    return memory[:size].view(dtype).reshape(shape)


def _writable(out: Any, theta: Parameters) -> bool:
    """Whether the gradient can be written straight into ``out``."""
    if not isinstance(out, Parameters) or out.layout is not theta.layout:
        return False
    vector = out.vector
    plain = type(vector) is np.ndarray and vector.dtype == theta.vector.dtype and vector.flags.carray
    return plain and not np.may_share_memory(vector, theta.vector)


class _State(threading.local):
    """What one thread keeps: buffers by batch size, and the views of the last theta and gradient."""

    def __init__(self) -> None:
        self.buffers: dict[int, Any] = {}
        self.vector = self.out = None
        self.theta = self.gradient = ()


class _Runner:
    """Calls the generated function with buffers and views that are made once. Every thread has its own."""

    KEPT = 4
    """Batch sizes whose buffers are kept."""

    def __init__(self, trace: Trace, writer: Writer, source: str) -> None:
        names = {**_namespace(writer.constants), **writer.functions}
        execute(source, names, self)
        self.function, self._buffers = names["run"], names["buffers"]
        self._theta, self._gradient = names["theta"], names["gradient"]
        self._state = _State()

    def __call__(
        self, theta: Parameters, x: Any, y: Any, weights: Any, out: Parameters | None
    ) -> tuple[Any, Parameters] | None:
        """Return loss and gradient.

        None if a check of the targets failed, the loss is not finite, or ``out`` cannot be written straight.
        """
        state, n, vector = self._state, x.shape[0], theta.vector
        buffers = state.buffers.get(n)
        if buffers is None:
            buffers = self._new_buffers(state, n)
        if out is None:
            out = Parameters(theta.layout, np.empty_like(vector))
            state.gradient, state.out = self._gradient(out), None
            if vector is not state.vector:
                state.theta, state.vector = self._theta(theta), vector
        elif getattr(out, "vector", out) is not state.out or vector is not state.vector:
            if not _writable(out, theta):
                return None
            state.theta, state.vector = self._theta(theta), vector
            state.gradient, state.out = self._gradient(out), out.vector
        try:
            # The loss says whether numbers are finite; BLAS raises flags for lanes that it does not use.
            with np.errstate(all="ignore"):
                if weights is None:
                    loss = self.function(x, y, state.theta, state.gradient, buffers)
                else:
                    loss = self.function(x, y, weights, state.theta, state.gradient, buffers)
        except Refused:
            return None
        return (loss, out) if math.isfinite(loss) else None

    def _new_buffers(self, state: _State, n: int) -> Any:
        while len(state.buffers) >= self.KEPT:
            del state.buffers[next(iter(state.buffers))]
        buffers = state.buffers[n] = self._buffers(n)
        return buffers
