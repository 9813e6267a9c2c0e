"""A program in two halves for PyTorch's autograd: forward to the output, and backward from its delta.

The two are cut from one trace, whose loss is the inner product of the output with a given delta: the gradient of
that is the pullback of delta. What the output needs is the first half; all else is the second. Nothing is kept between
calls, since a training loop may go forward several times before it goes backward.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..arrays import Array
from ..functions import total
from ..losses import Loss
from ..network import Network
from ..operators import Operator, ScaledIdentity
from .passes import optimized
from .planning import Plan, planned
from .program import VIEWS, Statement, Trace, Value
from .sizes import UntraceableError, text
from .torch_fusion import fused
from .torch_lowering import namespace_of
from .torch_rules import lines
from .torch_writer import Writer
from .tracing import trace

__all__ = ["Halves", "halves"]


@dataclass(frozen=True, kw_only=True)
class _Pairing(Loss):
    """The inner product with a given delta, whose gradient is that delta."""

    reduction: str = "sum"

    def _losses(self, z: Array, t: Array) -> Array:
        return total(z * t)[:, 0]

    def _gradient(self, z: Array, t: Array) -> Array:
        return t

    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        return ScaledIdentity(z.shape[1], factor[0, 0] * 0)


@dataclass(frozen=True)
class Halves:
    """The two functions and their text.

    Attributes:
        source: of both.
        trace: what they were made of.
        forward: (x, parameters) to (x_L, what the backward half needs), x_L of shape (batch, n_L).
        backward: (delta, x, parameters, what the forward half kept) to the gradients, in order.
    """

    source: str
    trace: Trace
    forward: Any
    backward: Any


def halves(net: Network, shape: tuple[int, ...], dtype: str, batch: int) -> Halves:
    """Return the program of a network for inputs of a shape and batches like one of ``batch``.

    Raises:
        UntraceableError: a layer cannot be traced; the message names it.
    """
    outputs = net.output_shape(shape)
    made = trace(net, _Pairing(), shape, (dtype, outputs), np.dtype(dtype))
    if not made.serves(batch):
        made = trace(net, _Pairing(), shape, (dtype, outputs), np.dtype(dtype), batch=batch)
    made = fused(optimized(made))
    source, constants = _source(made, _output(made))
    names = namespace_of(constants, out=False)
    exec(compile(source, f"<backproof halves {id(made):x}>", "exec"), names)
    return Halves(source, made, names["forward"], names["backward"])


def _output(made: Trace) -> Value:
    """Return x_L: what the loss multiplies delta by."""
    delta = _delta(made)
    for s in made.statements:
        others = [v for v in s.values() if v not in delta]
        if s.operation == "multiply" and s.layer.startswith("loss") and len(others) == 1:
            return others[0]
    raise UntraceableError("the output is not found among the statements")


def _delta(made: Trace) -> set[Value]:
    """Return delta as it came and in other shapes."""
    found = {made.inputs["y"]}
    for s in made.statements:
        if s.operation == "reshape" and s.operands[0] in found:
            found.add(s.target)
    return found


def _source(made: Trace, output: Value) -> tuple[str, dict[str, Any]]:
    needed = _ancestors(made, output)
    writer = _Writer(made, planned(made))
    first = [line for s in made.statements if s.target in needed for line in _said(writer, s)]
    loss = _ancestors(made, made.outputs["loss"]) - _ancestors(
        made, *(v for n, v in made.outputs.items() if n != "loss")
    )
    later = [s for s in made.statements if s.target not in needed and s.target not in loss]
    second = [line for s in later for line in _said(writer, s)]
    result = [_shaped(made, writer, name) for name in made.parameters]
    second.append(f"return ({', '.join(result)},)" if result else "return ()")
    used = set(re.findall(r"\w+", "\n".join(line.split("  # ")[0] for line in second)))
    kept = sorted({s.target.name for s in made.statements if s.target in needed} & used)
    # What the backward half reads must not change when the caller writes into the output.
    own = ".clone()" if _root(made, output) in _roots(made, kept) else ""
    first.append(f"return {writer.name(output)}{own}, ({''.join(f'{name}, ' for name in kept)})")
    parameters = "".join(f"{value.name}, " for value in made.parameters.values())
    x, y = made.inputs["x"].name, made.inputs["y"].name
    given = [f"({parameters}) = parameters"] * bool(parameters)
    given += writer.sections["inputs"].values()
    taken = [f"({''.join(f'{name}, ' for name in kept)}) = kept"] * bool(kept)
    parts = [
        [f"def forward({x}, parameters):", *given, *first],
        [f"def backward({y}, {x}, parameters, kept):", *given, *taken, *second],
    ]
    return "\n\n\n".join("\n    ".join(part) for part in parts) + "\n", writer.constants


def _roots(made: Trace, kept: list[str]) -> set[Value]:
    """Return what the kept values are views of, and all that was given."""
    return {_root(made, s.target) for s in made.statements if s.target.name in kept} | {
        *made.inputs.values(), *made.parameters.values(),
    }  # fmt: skip


def _root(made: Trace, value: Value) -> Value:
    """Return the value whose memory a view shares."""
    views = {s.target: s.operands[0] for s in made.statements if s.operation in VIEWS or s.operation == "copy"}
    while value in views:
        value = views[value]
    return value


def _shaped(made: Trace, writer: "_Writer", name: str) -> str:
    """Return how a gradient gets its parameter's shape, which it mostly had before it was flattened."""
    value, shape = made.outputs[name], made.parameters[name].shape
    flat = next((s for s in made.statements if s.target is value and s.operation == "reshape"), None)
    value = flat.operands[0] if flat is not None and flat.operands[0].shape == shape else value
    return writer.name(value) if value.shape == shape else f"{writer.name(value)}.reshape({shape})"


def _said(writer: "_Writer", s: Statement) -> list[str]:
    first, *others = lines(writer, s) or [""]
    return [f"{first}  # {s.equation}, {text(s.shape)}", *others] if first else []


def _ancestors(made: Trace, *values: Value) -> set[Value]:
    """Return what values are computed from, themselves included."""
    needed = set(values)
    for s in reversed(made.statements):
        if s.target in needed:
            needed.update(s.values())
    return needed


class _Writer(Writer):
    """Says every statement as an expression with a result of its own."""

    keeps = False

    def __init__(self, made: Trace, plan: Plan) -> None:
        computed = frozenset(s.target for s in made.statements)
        super().__init__(made, replace(plan, slots=(), slot={}, gradient={}), computed)

    def name(self, operand: Any, like: Any = None) -> str:
        """Return the name of a value, or how a view looks at another."""
        if not isinstance(operand, Value):
            return self.number(operand, like)
        if operand.kind == "constant":
            return self._constant(operand)
        return self.view(operand) if operand in self._made else operand.name

    def number(self, number: Any, like: Any) -> str:
        """Return the name of a number as a tensor without axes, which may stand on either side of an operation."""
        if isinstance(number, bool) or np.dtype(like).kind != "f":
            return repr(number)
        tensor = torch.tensor(number, dtype=getattr(torch, str(np.dtype(like))))
        for name, known in self.constants.items():
            if isinstance(known, torch.Tensor) and known.dtype == tensor.dtype and known == tensor:
                return name
        self.constants[f"k{len(self.constants)}"] = tensor
        return f"k{len(self.constants) - 1}"

    def turned(self, value: Value) -> str:
        """Return a matrix's transpose."""
        return f"{self.name(value)}.t()"

    def shape(self, shape: tuple[Any, ...]) -> str:
        """Return a shape, with n looked up at the beginning of both halves."""
        self.line("inputs", "n", f"{self.trace.inputs['x'].name}.shape[0]")
        return text(shape)

    def _constant(self, value: Value) -> str:
        self.constants[value.name] = value.data
        return f"constant({value.name}, {self.trace.inputs['x'].name})"
