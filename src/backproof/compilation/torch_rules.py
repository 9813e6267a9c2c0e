"""How every operation is said in PyTorch: one rule each, writing into planned memory with ``out=``."""

from collections.abc import Callable

import numpy as np

from .program import BINARY, UNARY, VIEWS, Statement, Value
from .sizes import text
from .torch_writer import Writer

__all__ = ["FRESH", "lines"]

WORDS = {
    "negative": "neg", "subtract": "sub", "multiply": "mul", "divide": "div", "power": "pow", "greater": "gt",
    "greater_equal": "ge", "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne",
}  # fmt: skip
"""PyTorch's names, where they are others. Sources keep ours: loss values have names such as ``lt``."""

FRESH = ("affine_onednn", "matmul_onednn")
"""Operations that make their result's memory themselves."""

Rule = Callable[[Writer, Statement], list[str]]


def lines(w: Writer, s: Statement) -> list[str]:
    """Return the lines of one statement; views have none."""
    if s.operation in VIEWS and s.target not in w.plan.copies:
        return []
    if s.operation in UNARY or s.operation in BINARY:
        return _elementwise(w, s)
    return _RULES[s.operation](w, s)


def _call(w: Writer, s: Statement, word: str, *arguments: str) -> list[str]:
    """Return the call of a function that writes into the target, or gives a number of its own."""
    said = ", ".join(arguments)
    if w.is_own(s.target):
        return [f"{word}({said}, out={w.name(s.target)})"]
    return [f"{s.target.name} = {word}({said})"]


def _elementwise(w: Writer, s: Statement) -> list[str]:
    kind = next(operand.dtype for operand in s.values())
    word = s.operation
    if s.operation in ("maximum", "minimum") and any(not isinstance(operand, Value) for operand in s.operands):
        value, number = sorted(s.operands, key=lambda operand: not isinstance(operand, Value))
        return _call(w, s, "clamp_min" if word == "maximum" else "clamp_max", w.name(value), repr(number))
    if s.operation == "divide" and not isinstance(s.operands[0], Value) and s.operands[0] == 1:
        return _call(w, s, "reciprocal", w.name(s.operands[1]))
    if s.operation == "isfinite":
        return [*_assigned(w, s, f"isfinite({w.name(s.operands[0])})")]
    return _call(w, s, word, *(w.name(operand, kind) for operand in s.operands))


def _assigned(w: Writer, s: Statement, expression: str) -> list[str]:
    return [f"{w.name(s.target)}.copy_({expression})" if w.is_own(s.target) else f"{s.target.name} = {expression}"]


def _matmul(w: Writer, s: Statement) -> list[str]:
    left, right = s.operands
    matrices = left.ndim == right.ndim == 2 and w.is_own(s.target)
    return _call(w, s, "mm" if matrices else "matmul", w.name(left), w.name(right))


def _affine(w: Writer, s: Statement) -> list[str]:
    x, weight, bias = s.operands
    return _call(w, s, "addmm", w.name(bias), w.name(x), w.turned(weight))


def _affine_onednn(w: Writer, s: Statement) -> list[str]:
    x, weight, bias = s.operands
    after = "relu" if s.attributes.get("relu") else "none"
    return [f"{s.target.name} = linear_pointwise({w.name(x)}, {w.name(weight)}, {w.name(bias)}, {after!r}, [], '')"]


def _matmul_onednn(w: Writer, s: Statement) -> list[str]:
    left, right = s.operands
    return [f"{s.target.name} = linear_pointwise({w.name(left)}, {w.turned(right)}, None, 'none', [], '')"]


def _relu_backward(w: Writer, s: Statement) -> list[str]:
    delta, y = s.operands
    return _input_gradient(w, s, "threshold_backward", w.name(delta), w.name(y), "0")


def _tanh_backward(w: Writer, s: Statement) -> list[str]:
    delta, y = s.operands
    return _input_gradient(w, s, "tanh_backward", w.name(delta), w.name(y))


def _input_gradient(w: Writer, s: Statement, word: str, *arguments: str) -> list[str]:
    said = ", ".join(arguments)
    if w.is_own(s.target):
        return [f"{word}({said}, grad_input={w.name(s.target)})"]
    return [f"{s.target.name} = {word}({said})"]


NARROW = 16
"""Rows shorter than a vector register, whose softmaxes PyTorch computes number by number."""


def _softmax(w: Writer, s: Statement) -> list[str]:
    n, m = s.shape if s.target.ndim == 2 else (1, NARROW)
    if not w.is_own(s.target) or not isinstance(m, int) or m >= NARROW:
        return _call(w, s, s.operation, w.name(s.operands[0]), "-1")
    memory, size = f"empty(({m}, {text(n)}), dtype={s.dtype}, device=device)", n * m * np.dtype(s.dtype).itemsize
    # One array for all softmaxes of this shape; others of as many columns may have more rows.
    shape = f"{m}_{text(n).replace(' * ', '_')}_{s.dtype}"
    rooms = [w.room(f"{name}_{shape}", memory, size) for name in ("columns", "turned")]
    return [f"narrow_softmax({s.operation}, {w.name(s.operands[0])}, {', '.join(rooms)}, out={w.name(s.target)})"]


def _sum(w: Writer, s: Statement) -> list[str]:
    (source,), axes = s.operands, s.attributes["axis"]
    if s.shape == ():
        return _call(w, s, "sum", w.name(source))
    if w.keeps and source.ndim == 2 and axes == (0,) and s.shape == (source.shape[1],) and source.dtype == s.dtype:
        # A product with ones runs in BLAS.
        return _call(w, s, "mv", w.turned(source), w.ones(source.shape[0], s.dtype))
    dtype = [f"dtype={s.dtype}"] if source.dtype != s.dtype else []
    return _call(w, s, "sum", w.name(source), text(axes), str(s.attributes["keepdims"]), *dtype)


def _extreme(w: Writer, s: Statement) -> list[str]:
    word = "amax" if s.operation == "max" else "amin"
    return _call(w, s, word, w.name(s.operands[0]), text(s.attributes["axis"]), str(s.attributes["keepdims"]))


def _any_all(w: Writer, s: Statement) -> list[str]:
    return [f"{s.target.name} = {s.operation}_({w.name(s.operands[0])})"]


def _where(w: Writer, s: Statement) -> list[str]:
    return _call(w, s, "where", *(w.name(operand, s.dtype) for operand in s.operands))


def _copy(w: Writer, s: Statement) -> list[str]:
    (source,) = s.operands
    said = w.name(source, s.dtype)
    if isinstance(source, Value) and source.shape != s.shape:
        said = f"{said}.reshape({w.shape(s.shape)})"
    if not w.is_own(s.target):
        return [f"{s.target.name} = {said}.to({s.dtype})"]
    return [f"{w.name(s.target)}.copy_({said})"]


def _full(w: Writer, s: Statement) -> list[str]:
    value = s.attributes["value"]
    if not w.is_own(s.target) and s.shape:
        x = w.name(w.trace.inputs["x"])
        return [f"{s.target.name} = full({w.shape(s.shape)}, {value!r}, dtype={s.dtype}, device={x}.device)"]
    if not w.is_own(s.target):
        return [f"{s.target.name} = {w.number(value, s.dtype)}"]
    return [f"{w.name(s.target)}.fill_({value!r})"]


def _joined(w: Writer, s: Statement) -> list[str]:
    word = "cat" if s.operation == "concat" else "stack"
    return _call(w, s, word, f"[{', '.join(w.name(part) for part in s.operands)}]", str(s.attributes["axis"]))


def _take(w: Writer, s: Statement) -> list[str]:
    source, index = s.operands
    if index.ndim == 1:
        return _call(w, s, "index_select", w.name(source), str(s.attributes["axis"]), w.name(index))
    key = ":, " * s.attributes["axis"] + w.name(index)
    return _assigned(w, s, f"{w.name(source)}[{key}]")


def _take_along_axis(w: Writer, s: Statement) -> list[str]:
    source, index = s.operands
    return _call(w, s, "take_along_dim", w.name(source), w.name(index), str(s.attributes["axis"]))


def _column(w: Writer, y: Value) -> str:
    """Return the name of class indices as one column of int64."""
    cast = "" if y.dtype == np.dtype("int64") else ".long()"
    column = f"{w.name(y)}{cast}.unsqueeze(1)"
    # Indices that the program widens itself are not there yet where the inputs are read.
    return w.line("inputs", "column", column) if y.kind == "input" else column


def _one_hot(w: Writer, s: Statement) -> list[str]:
    target = w.name(s.target)
    return [f"{target}.zero_().scatter_({s.target.ndim - 1}, {_column(w, s.operands[0])}, 1)"]


def _pick(w: Writer, s: Statement) -> list[str]:
    source, y = s.operands
    return _call(w, s, "gather", w.name(source), "1", _column(w, y))


def _subtract_one_hot(w: Writer, s: Statement) -> list[str]:
    source, y = s.operands
    target = w.name(s.target)
    same = w.plan.slot.get(source) == w.plan.slot.get(s.target) is not None
    ones = w.line("buffers", "minus_ones", f"{w.ones(source.shape[0], s.dtype, -1)}.unsqueeze(1)")
    return [
        *([] if same else [f"{target}.copy_({w.name(source)})"]),
        f"{target}.scatter_add_(1, {_column(w, y)}, {ones})",
    ]


def _check(w: Writer, s: Statement) -> list[str]:
    return [f"if {w.name(s.operands[0])}.any():", "    raise Refused"]


def _check_classes(w: Writer, s: Statement) -> list[str]:
    (y,) = s.operands
    looked_up = any(
        t.operation in ("pick", "subtract_one_hot", "one_hot") and y in t.operands for t in w.trace.statements
    )
    return [f"check_classes({w.name(y)}, {s.attributes['classes']}, {looked_up})"]


_RULES: dict[str, Rule] = {
    "affine": _affine,
    "affine_onednn": _affine_onednn,
    "matmul_onednn": _matmul_onednn,
    "relu_backward": _relu_backward,
    "tanh_backward": _tanh_backward,
    "softmax": _softmax,
    "log_softmax": _softmax,
    "where": _where,
    "astype": _copy,
    "copy": _copy,
    "reshape": _copy,
    "full": _full,
    "sum": _sum,
    "max": _extreme,
    "min": _extreme,
    "any": _any_all,
    "all": _any_all,
    "matmul": _matmul,
    "concat": _joined,
    "stack": _joined,
    "take": _take,
    "take_along_axis": _take_along_axis,
    "one_hot": _one_hot,
    "pick": _pick,
    "subtract_one_hot": _subtract_one_hot,
    "check": _check,
    "check_classes": _check_classes,
}
