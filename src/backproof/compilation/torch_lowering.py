"""From a trace to a PyTorch program: source text in its idiom, run under ``inference_mode`` in memory made once."""

import math
import re
import threading
from typing import Any

import torch

from ..parameters import Parameters
from .planning import LINE, planned
from .program import BINARY, UNARY, Lowered, Trace
from .sizes import evaluate, text
from .sources import execute
from .torch_fusion import fused, large_products, with_onednn
from .torch_rules import FRESH, WORDS, lines
from .torch_writer import Writer

__all__ = ["lower", "namespace_of", "style"]


COPIED = 2**16
"""Numbers up to which a gradient is copied out of kept memory, which is faster than new views for every parameter."""


class Refused(Exception):
    """A check of the targets failed; what is wrong with them is for the ordinary path to say."""


def style(trace: Trace, n: int) -> frozenset[str]:
    """Return which products are large for a batch of n: they are left to oneDNN."""
    return large_products(trace, n) if _ONEDNN is not None else frozenset()


def lower(trace: Trace, large: frozenset[str] = frozenset()) -> Lowered:
    """Return the program of a trace.

    Args:
        trace: after the passes.
        large: names of the products that oneDNN does.
    """
    trace = with_onednn(fused(trace), large)
    plan = planned(trace)
    fresh = frozenset(s.target for s in trace.statements if s.operation in FRESH)
    writer = Writer(trace, plan, fresh)
    source = _source(writer, _body(trace, writer))
    sizes = [plan.slots[number] for number in sorted(set(plan.slot.values()))]
    extra = writer.extra
    return Lowered(
        source, _Runner(trace, writer, source), lambda n: _bytes(sizes, n) + sum(evaluate(s, n) for s in extra)
    )


def _bytes(sizes: list[Any], n: int) -> int:
    return sum(-(-evaluate(size, n) // LINE) * LINE for size in sizes)


# -- source --------------------------------------------------------------------------------------------------


def _body(trace: Trace, writer: Writer) -> list[str]:
    """Return the statements' lines, each with its comment."""
    body = []
    for s in trace.statements:
        first, *others = lines(writer, s) or [""]
        if first:
            comment = f"{s.equation}, {text(s.shape)}" if s.equation else text(s.shape)
            body += [f"{first}  # {comment}", *others]
    return [*body, f"return {writer.name(trace.outputs['loss'])}"]


def _source(writer: Writer, body: list[str]) -> str:
    sections = writer.sections
    run = [f"def run({', '.join(value.name for value in writer.trace.inputs.values())}, theta, gradient, buffers):"]
    inputs = [f"    {line}" for line in sections["inputs"].values()]
    used = set(re.findall(r"\w+", "\n".join([*inputs, *(line.split("  # ")[0] for line in body)])))
    parts = []
    for name, arguments in (("buffers", "n, device"), ("theta", "views"), ("gradient", "views")):
        kept = "(" + "".join(f"{word}, " for word in sections[name] if word in used).rstrip() + ")"
        made = [f"    {line}" for line in sections[name].values()]
        parts.append("\n".join([f"def {name}({arguments}):", *made, f"    return {kept}"]))
        if kept != "()":
            run.append(f"    {kept} = {name}")
    return "\n\n\n".join([*parts, "\n".join([*run, *inputs, *(f"    {line}" for line in body)])]) + "\n"


# -- what the source calls -----------------------------------------------------------------------------------

_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None

_FUNCTIONS = (
    "addmm", "amax", "amin", "cat", "clamp_max", "clamp_min", "empty", "from_numpy", "full", "gather", "index_select",
    "isfinite", "log_softmax", "matmul", "mm", "mv", "reciprocal", "softmax", "stack", "sum", "take_along_dim", "where",
    "bool", "float32", "float64", "int8", "int16", "int32", "int64", "uint8",
)  # fmt: skip


def namespace_of(constants: dict[str, Any], out: bool = True) -> dict[str, Any]:
    """Return what a source's names mean.

    Args:
        constants: names of its own.
        out: whether results are written into memory that is given.
    """
    aten = torch.ops.aten
    return {
        **{word: getattr(torch, word) for word in _FUNCTIONS},
        **{word: getattr(torch, WORDS.get(word, word)) for word in UNARY | BINARY},
        "any_": torch.any, "all_": torch.all,
        "threshold_backward": aten.threshold_backward.grad_input if out else aten.threshold_backward.default,
        "tanh_backward": aten.tanh_backward.grad_input if out else aten.tanh_backward.default,
        "linear_pointwise": _linear_pointwise, "narrow_softmax": _narrow_softmax,
        "check_classes": _check_classes, "number": _number,
        "tensor_in": _tensor_in, "Refused": Refused,
        "constant": _constant, "inf": math.inf, "nan": math.nan, **constants,
    }  # fmt: skip


def _constant(array: Any, like: Any) -> Any:
    return torch.from_numpy(array).to(like.device)


def _number(value: float, dtype: Any) -> Any:
    return torch.tensor(value, dtype=dtype)


def _tensor_in(memory: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    size = dtype.itemsize
    for length in shape:
        size *= length
    return memory[:size].view(dtype).view(shape)


def _linear_pointwise(x: Any, weight: Any, bias: Any, after: str, *none: Any) -> Any:
    """Return x W^T + b, and its positive part for ``"relu"``."""
    if x.device.type == "cpu" and _ONEDNN is not None:
        return _ONEDNN(x, weight, bias, after, *none)
    y = torch.nn.functional.linear(x, weight, bias)
    return y.relu_() if after == "relu" else y


def _narrow_softmax(function: Any, x: Any, columns: Any, turned: Any, out: Any) -> None:
    """Write ``function(x, -1)`` into ``out``; for many short rows, by way of the transposed, whose rows are long."""
    if x.shape[0] < 64 or x.device.type != "cpu":
        function(x, -1, out=out)
    else:
        columns.copy_(x.t())
        function(columns, 0, out=turned)
        out.copy_(turned.t())


def _check_classes(y: Any, classes: int, looked_up: bool) -> None:
    if looked_up and y.device.type == "cpu":
        return  # PyTorch looks at every index itself where it is used.
    smallest, largest = torch.aminmax(y)
    if not 0 <= int(smallest) <= int(largest) < classes:
        raise Refused


# -- running -------------------------------------------------------------------------------------------------


class _State(threading.local):
    """What one thread keeps: buffers by batch size and device, and the views of the last theta and gradient."""

    def __init__(self) -> None:
        self.buffers: dict[Any, Any] = {}
        self.theta: Any = (None, ())
        self.gradient: Any = (None, ())
        self.own: Parameters | None = None

    def own_gradient(self, theta: Parameters) -> Parameters:
        """Return parameters that the thread keeps for gradients on the device of theta."""
        if self.own is None or self.own.vector.device != theta.like.device:
            self.own = _with_views(theta, torch.empty_like(theta.vector, requires_grad=False))
        return self.own


class _Runner:
    """Calls the generated function with buffers and views that are made once. Every thread has its own."""

    KEPT = 4
    """Batch sizes whose buffers are kept."""

    def __init__(self, trace: Trace, writer: Writer, source: str) -> None:
        names = namespace_of(writer.constants)
        execute(source, names, self)
        self.function, self._buffers = names["run"], names["buffers"]
        self._theta, self._gradient = names["theta"], names["gradient"]
        self._state = _State()

    def __call__(
        self, theta: Parameters, x: Any, y: Any, weights: Any, out: Parameters | None
    ) -> tuple[Any, Parameters] | None:
        """Return loss and gradient.

        None if the arguments do not fit one another, a check of the targets failed, or the loss is not finite.
        """
        device = x.device
        if y.device != device or theta.like.device != device or (out is not None and not _writable(out, theta)):
            return None
        if weights is not None and weights.device != device:
            return None
        state, copied = self._state, out is None and theta.layout.size <= COPIED
        # What is returned is made outside of inference mode, so that it may be used in autograd.
        vector = torch.empty_like(theta.vector, requires_grad=False) if out is None and not copied else None
        with torch.inference_mode():
            buffers = state.buffers.get((x.shape[0], device)) or self._new_buffers(state, x.shape[0], device)
            if copied:
                out = state.own_gradient(theta)
            elif vector is not None:
                out = _with_views(theta, vector)
            if state.theta[0] is not theta:
                state.theta = theta, self._theta(theta)
            if state.gradient[0] is not out:
                state.gradient = out, self._gradient(out)
            inputs = (x, y) if weights is None else (x, y, weights)
            try:
                loss = self.function(*inputs, state.theta[1], state.gradient[1], buffers)
            except Refused:
                return None
            except RuntimeError as error:
                if "out of bounds" in str(error):
                    return None
                raise
        assert out is not None
        if not math.isfinite(loss.item()):
            return None
        return loss.clone(), theta.with_vector(out.vector.clone()) if copied else out

    def _new_buffers(self, state: _State, n: int, device: Any) -> Any:
        while len(state.buffers) >= self.KEPT:
            del state.buffers[next(iter(state.buffers))]
        buffers = state.buffers[n, device] = self._buffers(n, device)
        return buffers


def _with_views(theta: Parameters, vector: Any) -> Parameters:
    """Return parameters like theta with all views of their vector made at once.

    Views made outside of inference mode would keep books on every write.
    """
    layout = theta.layout
    parts = vector.split([where.stop - where.start for where in layout.slices.values()])
    shaped = zip(layout.shapes.items(), parts, strict=True)
    views = {name: part.view(shape) if len(shape) > 1 else part for (name, shape), part in shaped}
    return Parameters.of_arrays(layout, views, vector)


def _writable(out: Any, theta: Parameters) -> bool:
    """Whether the gradient can be written straight into ``out``."""
    if not isinstance(out, Parameters):
        return False
    if out.layout is not theta.layout and list(out.layout.shapes.items()) != list(theta.layout.shapes.items()):
        return False
    mine, theirs = out.vector, theta.vector
    plain = isinstance(mine, torch.Tensor) and mine.dtype == theirs.dtype and mine.device == theirs.device
    return plain and not mine.requires_grad and (mine.data_ptr() != theirs.data_ptr() or not len(mine))
