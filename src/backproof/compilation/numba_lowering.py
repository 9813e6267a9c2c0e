"""The NumPy program with its elementwise runs fused: one loop, compiled by numba, in place of several array operations.

Products of matrices, and functions that NumPy computes with vector instructions and numba does not (``tanh``, ``exp``
of matrices), stay as they are. Memory, statements and their order are those of the NumPy program.
"""

import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from . import numpy_lowering
from .numba_expressions import ELEMENTWISE, SLOW
from .numba_loops import Run, uses
from .numpy_writer import Writer
from .program import BINARY, VIEWS, Lowered, Statement, Trace, Value
from .sizes import Size

__all__ = ["compiled", "lower", "style"]

FEW = 16
"""Up to so many columns a sum over examples is a loop; numba adds one by one, BLAS many at once."""

ROW = 64
"""Up to so many columns a reduction of every row is a loop."""

style = numpy_lowering.style


def lower(trace: Trace, turned: bool = False) -> Lowered:
    """Return the program of a trace; see ``numpy_lowering.lower``."""
    kernels: dict[str, str] = {}
    lowered = numpy_lowering.lower(trace, turned, functools.partial(_body, kernels))
    shown = [text.replace("kernel", name, 1) for text, name in kernels.items()]
    source = "\n\n".join([*(f'@njit(error_model="numpy")\n{text}' for text in shown), lowered.source])
    return replace(lowered, source=source)


def _body(kernels: dict[str, str], trace: Trace, w: Writer) -> Iterator[tuple[str, str]]:
    """Yield the lines of all statements, runs of them as calls of a kernel."""
    readers = uses(trace, w.plan)
    for first, run in _runs(trace, w):
        for s in first:
            yield from numpy_lowering.written(w, s)
        if not _pays(w, run):
            for s in run:
                yield from numpy_lowering.written(w, s)
        else:
            yield from _call(kernels, w, Run(w, run, readers))


def _call(kernels: dict[str, str], w: Writer, run: Run) -> Iterator[tuple[str, str]]:
    text = run.written()
    name = kernels.setdefault(text, f"kernel_{len(kernels) + 1}")
    w.functions[name] = compiled(text)
    said = dict.fromkeys(s.equation for loop in run.loops for s in loop.statements if s.equation)
    yield f"{name}({', '.join(run.arguments)})", "; ".join(said)
    for number, kept in run.results:
        yield f"{number} = {kept}[0]", ""


def _runs(trace: Trace, w: Writer) -> Iterator[tuple[list[Statement], list[Statement]]]:
    """Yield runs of statements that loops may hold, each with what is to be done before it."""
    first, run, checked = list[Statement](), list[Statement](), dict[Value, int]()
    for s in trace.statements:
        if s.operation in VIEWS and s.target not in w.plan.copies:
            continue
        if s.operation == "check_classes" and s.operands[0] in trace.inputs.values():
            # A check reads the targets alone, so that it may come before the run.
            checked[s.operands[0]] = s.attributes["classes"]
            first.append(s)
        elif _held(w, s, checked):
            run.append(s)
        else:
            yield first, run
            yield [s], []
            first, run = [], []
    yield first, run


def _pays(w: Writer, run: list[Statement]) -> bool:
    """Whether a loop is faster than the array operations: it is if it takes the place of two or more."""
    return len(run) > 1 or any(_spread(w, s) for s in run)


def _spread(w: Writer, s: Statement) -> bool:
    """Whether a vector is added to the columns of a turned matrix, which NumPy does column by column."""
    return s.operation in BINARY and w.is_turned(s.target) and any(v.ndim == 1 for v in s.values())


def _held(w: Writer, s: Statement, checked: dict[Value, int]) -> bool:
    """Whether a loop may hold a statement."""
    values = list(s.values())
    if s.shape != () and s.target not in w.plan.slot and s.target not in w.plan.gradient:
        return False
    if any(v.shape == () and v in w.plan.roots for v in values):
        return False
    if s.operation in ("pick", "subtract_one_hot"):
        y = values[1]
        plain = y.ndim == 1 and y.dtype.kind in "iu" and values[0].dtype == s.dtype
        return plain and checked.get(y, 1 << 62) <= values[0].shape[1]
    if s.operation in ("sum", "max"):
        return _short(w, s)
    return s.operation in ELEMENTWISE and _typed(s) and _shaped(w, s)


def _short(w: Writer, s: Statement) -> bool:
    """Whether a reduction is short enough to be a loop."""
    (source,), axes = s.operands, s.attributes["axis"]
    if source.ndim != 2 or source.dtype != s.dtype or s.dtype.kind != "f" or not isinstance(source.shape[1], int):
        return False
    if s.shape == ():
        return s.operation == "sum" and source.shape[1] <= FEW and w.is_own(source)
    if axes == (1,):
        return source.shape[1] <= ROW
    return bool(s.operation == "sum" and axes == (0,) and s.target.ndim == 1 and source.shape[1] <= FEW)


def _typed(s: Statement) -> bool:
    """Whether every number has the dtype that the result has, or is a truth value."""
    kinds = {v.dtype for v in s.values()}
    floats = {kind for kind in kinds if kind.kind == "f"}
    if len(floats) > 1 or any(kind.kind not in "fb" for kind in (*kinds, s.dtype)) or not kinds:
        return False
    if s.dtype.kind == "f":
        return not floats or floats == {s.dtype}
    return len(kinds) == 1 and (s.operation.startswith("logical") != bool(floats))


def _shaped(w: Writer, s: Statement) -> bool:
    """Whether a loop over the result's entries reaches all operands."""
    if s.operation in SLOW and not (s.shape and isinstance(s.shape[0], Size) and all(k == 1 for k in s.shape[1:])):
        return False
    if s.shape == ():
        return all(v.shape == () for v in s.values())
    if s.target.ndim == 2:
        return all(v.ndim <= 2 for v in s.values())
    own = [v for v in s.values() if v.shape != ()]
    return all(v.shape == s.shape and w.is_own(v) for v in own)


@functools.cache
def compiled(text: str) -> Any:
    """Return the function of a text, for numba to compile when it is first called; equal texts share it."""
    import numba
    import numpy as np

    words = {word: getattr(np, word) for word in ("exp", "expm1", "log", "log1p", "sqrt", "intp", "inf", "nan")}
    names = {**words, "f4": np.float32, "f8": np.float64}
    exec(compile(text, "<backproof kernel>", "exec"), names)
    return numba.njit(error_model="numpy", fastmath=False, cache=False)(names["kernel"])
