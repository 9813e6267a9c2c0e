"""How every operation is said in NumPy: one rule each, writing into planned memory."""

from typing import Any

import numpy as np

from .numpy_writer import Rule, Writer
from .program import BINARY, UNARY, VIEWS, Statement, Value
from .sizes import Size, text

__all__ = ["lines"]

_WORDS = {"abs": "absolute"}


def lines(w: Writer, s: Statement) -> list[str]:
    """Return the lines of one statement; views have none."""
    if s.operation in VIEWS and s.target not in w.plan.copies:
        return []
    if s.operation in UNARY or s.operation in BINARY:
        return _elementwise(w, s)
    return _RULES[s.operation](w, s)


def _elementwise(w: Writer, s: Statement) -> list[str]:
    word = _WORDS.get(s.operation, s.operation)
    kinds = [operand.dtype for operand in s.values()]
    operands = ", ".join(w.name(operand, kinds[0]) for operand in s.operands)
    if s.shape == ():
        return [f"{s.target.name} = {word}({operands})"]
    # A third positional argument of maximum and minimum is deprecated.
    out = f"out={w.name(s.target)}" if word in ("maximum", "minimum") else w.name(s.target)
    return [f"{word}({operands}, {out})"]


def _matmul(w: Writer, s: Statement) -> list[str]:
    left, right = s.operands
    plain = s.target.ndim == 2 and left.dtype == right.dtype == s.dtype and s.dtype.kind == "f"
    if not plain or not w.is_own(s.target):
        return [f"matmul({w.name(left)}, {w.name(right)}, {w.name(s.target)})"]
    if w.is_turned(s.target):
        return [f"dot({w.turned_name(right)}, {w.turned_name(left)}, {w.turned_name(s.target)})"]
    if w.is_turned(right) and s.shape[0] >= ROWS_FROM and w.few(right):
        rows, first = _in_rows(w, right)
        return [*first, f"dot({w.name(left)}, {rows}, {w.name(s.target)})"]
    return [f"dot({w.name(left)}, {w.name(right)}, {w.name(s.target)})"]


ROWS_FROM = 48
"""How many rows a gradient must have for a copy of a turned factor to pay: BLAS is slow where both are transposed."""


def _in_rows(w: Writer, value: Value) -> tuple[str, list[str]]:
    """Return the name of a row by row copy of a turned matrix, and the line that makes it; equal shapes share it."""
    name = f"in_rows_{value.shape[1]}"
    size = value.shape[0] * (value.shape[1] * value.dtype.itemsize)
    w.room(name, f"array_in(memory({text(size)}), {value.dtype}, {text(value.shape)})", size)
    return name, [f"copyto({name}, {w.name(value)})"]


def _sum(w: Writer, s: Statement) -> list[str]:
    (source,), axes = s.operands, s.attributes["axis"]
    fast = source.dtype == s.dtype and s.dtype.kind == "f"
    if s.shape == ():
        if fast and w.is_own(source):
            size: Any = 1
            for length in source.shape:
                size = length * size
            return [f"{s.target.name} = dot({w.flat(source)}, {w.ones(size, s.dtype)})"]
        return [f"{s.target.name} = add.reduce({w.name(source)}, None)"]
    if fast and source.ndim == 2 and len(axes) == 1:
        # A product with ones runs in BLAS, faster than a reduction.
        if axes == (0,):
            return [f"dot({w.ones(source.shape[0], s.dtype)}, {w.name(source)}, {_as_vector(w, s.target)})"]
        return [f"dot({w.name(source)}, {w.ones(source.shape[1], s.dtype)}, {_as_vector(w, s.target)})"]
    return _reduction(w, s)


def _as_vector(w: Writer, value: Value) -> str:
    return w.name(value) if value.ndim == 1 else w.flat(value)


def _reduction(w: Writer, s: Statement) -> list[str]:
    words = {"sum": "add", "max": "maximum", "min": "minimum", "any": "logical_or", "all": "logical_and"}
    (source,) = s.operands
    word, axes = words[s.operation], s.attributes["axis"]
    axis = text(axes[0] if len(axes) == 1 else axes)
    if s.shape == ():
        return [f"{s.target.name} = {word}.reduce({w.name(source)}, None)"]
    return [f"{word}.reduce({w.name(source)}, {axis}, None, {w.name(s.target)}, {s.attributes['keepdims']})"]


def _where(w: Writer, s: Statement) -> list[str]:
    condition, yes, no = s.operands
    out = w.name(s.target)
    first = [] if _same_place(w, no, s.target) else [f"copyto({out}, {w.name(no, s.dtype)})"]
    return [*first, f"copyto({out}, {w.name(yes, s.dtype)}, where={w.name(condition)})"]


def _same_place(w: Writer, operand: Any, target: Value) -> bool:
    slot = w.plan.slot.get(operand) if isinstance(operand, Value) else None
    return slot is not None and slot == w.plan.slot.get(target)


def _copy(w: Writer, s: Statement) -> list[str]:
    (source,) = s.operands
    if s.shape == source.shape:
        return [f"copyto({w.name(s.target)}, {w.name(source, s.dtype)}, 'unsafe')"]
    w.name(s.target)
    whole = w.line(w.section(s.target), f"{s.target.name}_as", f"{s.target.name}.reshape({text(source.shape)})")
    return [f"copyto({whole}, {w.name(source)})"]


def _full(w: Writer, s: Statement) -> list[str]:
    return [f"{w.name(s.target)}.fill({s.attributes['value']!r})"]


def _concat(w: Writer, s: Statement) -> list[str]:
    axis, start, result = s.attributes["axis"], 0, []
    if isinstance(s.shape[axis], Size):
        parts = ", ".join(w.name(part) for part in s.operands)
        return [f"concatenate(({parts}), {axis}, {w.name(s.target)})"]
    for part in s.operands:
        stop = start + part.shape[axis]
        key = ":, " * axis + f"{start}:{stop}"
        result += _put(w, s.target, key, part)
        start = stop
    return result


def _stack(w: Writer, s: Statement) -> list[str]:
    axis, result = s.attributes["axis"], []
    for number, part in enumerate(s.operands):
        result += _put(w, s.target, ":, " * axis + str(number), part)
    return result


def _put(w: Writer, target: Value, key: str, part: Value) -> list[str]:
    place = w.line(w.section(target), w.fresh(target.name), f"{w.name(target)}[{key}]")
    return [f"copyto({place}, {w.name(part)})"]


def _take(w: Writer, s: Statement) -> list[str]:
    source, index = s.operands
    word = "take_along_axis" if s.operation == "take_along_axis" else "take"
    return [f"{w.name(s.target)}[...] = {word}({w.name(source)}, {w.name(index)}, {s.attributes['axis']})"]


def _one_hot(w: Writer, s: Statement) -> list[str]:
    classes = w.constant(f"classes_{s.attributes['classes']}", np.arange(s.attributes["classes"]))
    mask = w.room(w.fresh("mask"), f"zeros({text(s.shape)}, bool)", s.shape[0] * s.shape[1])
    return [f"equal({w.name(s.operands[0])}[:, None], {classes}, {mask})", f"copyto({w.name(s.target)}, {mask})"]


def _places(w: Writer, source: Value, y: Value) -> tuple[str, list[str]]:
    """Return the name of every example's place in the flat memory, and the lines that compute it the first time."""
    classes, turned = source.shape[1], w.is_turned(source)
    bytes_ = source.shape[0] * 8
    rows = w.room(f"rows_{classes}", f"arange({text(source.shape[0])}) * {1 if turned else classes}", bytes_)
    name = f"places_{classes}"
    if name in w.sections["buffers"]:
        return name, []
    w.room(name, f"arange({text(source.shape[0])})", bytes_)
    index = w.name(y)
    first = [] if y.dtype == np.dtype("int64") else [f"copyto({name}, {index}, 'unsafe')"]
    index = name if first else index
    if turned:
        examples = w.line("buffers", "examples", f"array({text(source.shape[0])})")
        first.append(f"multiply({index}, {examples}, {name})")
        index = name
    return name, [*first, f"add({rows}, {index}, {name})"]


def _pick(w: Writer, s: Statement) -> list[str]:
    source, y = s.operands
    if not w.is_own(source):
        rows = w.room("rows", f"arange({text(source.shape[0])})", source.shape[0] * 8)
        return [f"{w.name(s.target)}[:, 0] = {w.name(source)}[{rows}, {w.name(y)}]"]
    places, first = _places(w, source, y)
    return [*first, f"{w.flat(source)}.take({places}, None, {w.flat(s.target)}, 'clip')"]


def _subtract_one_hot(w: Writer, s: Statement) -> list[str]:
    source, y = s.operands
    first = [] if _same_place(w, source, s.target) else [f"copyto({w.name(s.target)}, {w.name(source)})"]
    places, more = _places(w, s.target, y)
    return [*first, *more, f"{w.flat(s.target)}[{places}] -= {w.number(1, s.dtype)}"]


def _check(w: Writer, s: Statement) -> list[str]:
    return [f"if {w.name(s.operands[0])}.any():", "    raise Refused"]


def _check_classes(w: Writer, s: Statement) -> list[str]:
    (y,) = s.operands
    # Read as unsigned, a negative index is a large one.
    unsigned = f"{w.name(y)}.view({np.dtype(f'u{y.dtype.itemsize}')})"
    return [f"if maximum.reduce({unsigned}) >= {s.attributes['classes']}:", "    raise Refused"]


_RULES: dict[str, Rule] = {
    "where": _where,
    "astype": _copy,
    "copy": _copy,
    "reshape": _copy,
    "full": _full,
    "sum": _sum,
    "max": _reduction,
    "min": _reduction,
    "any": _reduction,
    "all": _reduction,
    "matmul": _matmul,
    "concat": _concat,
    "stack": _stack,
    "take": _take,
    "take_along_axis": _take,
    "one_hot": _one_hot,
    "pick": _pick,
    "subtract_one_hot": _subtract_one_hot,
    "check": _check,
    "check_classes": _check_classes,
}
