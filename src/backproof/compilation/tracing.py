"""Tracing: the ordinary formulas of network and loss run once on symbolic arrays.

Every layer is wrapped so that what it does is written down under its own name; the recursion itself is the ordinary
one. Nothing here knows the formula of any layer.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..chain import backpropagate
from ..layers import Layer
from ..layers.base import Closed, Linearization
from ..losses import Loss
from ..network import Network
from ..operators import Diagonal, Operator
from .program import Trace, Value
from .sizes import Guard, Size, UntraceableError
from .symbols import Recorder, Symbol

__all__ = ["Spoken", "Targets", "parameter_name", "trace"]

PARAMETER_NAMES = {"weight": "W", "bias": "b"}

Targets = tuple[Any, tuple[int, ...]]
"""Dtype and shape of one example's target: ``("int64", ())`` for class indices."""


def trace(
    net: Network,
    loss: Loss,
    shape: tuple[int, ...],
    targets: Targets,
    dtype: Any,
    *,
    batch: int | None = None,
    weighted: bool = False,
) -> Trace:
    """Return what loss and gradient do, statement by statement.

    Args:
        net, loss: whose formulas are run.
        shape: of one input.
        targets: dtype and shape of one target.
        dtype: of inputs and parameters.
        batch: the number of examples if the trace is to be for one alone; None leaves it open.
        weighted: whether the examples have weights, a third input.

    Raises:
        UntraceableError: an operation cannot be written down; the message names the layer and the line.
    """
    recorder, guards = Recorder(dtype), set[Guard]()
    n: Any = Size(1, guards) if batch is None else batch
    inputs = {
        "x": Value("x0", (n, *shape), np.dtype(dtype), "input"),
        "y": Value("y", (n, *targets[1]), np.dtype(targets[0]), "input"),
    }
    if weighted:
        inputs["weights"] = Value("weights", (n,), np.dtype(dtype), "input")
    parameters = {
        name: Value(parameter_name(name), own, np.dtype(dtype), "parameter") for name, own in net.layout.shapes.items()
    }
    theta = {name: Symbol(recorder, value) for name, value in parameters.items()}
    outputs = _run(recorder, net, loss, theta, *(Symbol(recorder, value) for value in inputs.values()))
    return Trace(inputs, parameters, tuple(recorder.statements), outputs, frozenset(guards), batch)


def _run(
    recorder: Recorder, net: Network, loss: Loss, theta: Mapping[str, Symbol], x: Symbol, y: Symbol, *weights: Symbol
) -> dict[str, Value]:
    spoken = Spoken(recorder)
    chain = spoken.wrapped(net.chain, ())
    steps: Any = chain.linearized(theta, x)
    last = len(net.layers)
    with spoken.saying(f"loss, {loss!r}", f"loss = {type(loss).__name__}(x_{last}, y)", "l"):
        value, delta = loss.value_and_gradient(steps.output, y, *weights)
    spoken.call(value, "loss")
    spoken.call(delta, f"delta{last}")
    blocks: dict[str, Any] = {}

    def visit(name: str, B: Operator, delta: Any) -> None:
        symbol = parameter_name(name)
        with spoken.saying(spoken.layer, f"d loss / d {symbol} = {spoken.delta} B[{symbol}]", f"g{symbol}_"):
            part = B._pull_sum_into(delta, None)
            blocks[name] = blocks[name] + part if name in blocks else part
        spoken.call(blocks[name], f"g{symbol}")

    backpropagate(steps, delta, visit, input_too=False)
    missing = [name for name in theta if name not in blocks]
    if missing or len(blocks) > len(theta):
        raise UntraceableError(f"the Jacobians' names {sorted(blocks)} are not those of theta")
    return {"loss": value.value, **{name: blocks[name].value for name in theta}}


def parameter_name(name: str) -> str:
    """Return ``W1`` for ``0.weight``, ``b3_1`` for ``2.0.bias``."""
    *places, own = name.split(".")
    return PARAMETER_NAMES.get(own, own) + _number(tuple(int(place) for place in places))


def _number(place: tuple[int, ...]) -> str:
    return "_".join(str(index + 1) for index in place)


class Spoken:
    """What the statements under way belong to."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.layer = self.delta = ""

    @contextmanager
    def saying(self, layer: str, equation: str, name: str) -> Iterator[None]:
        """Write the statements of the block down under a layer and an equation."""
        recorder = self.recorder
        before = recorder.layer, recorder.equation, recorder.name
        recorder.layer, recorder.equation, recorder.name = layer, equation, name
        try:
            yield
        except UntraceableError as error:
            if str(error).startswith(("layer", "loss")):
                raise
            raise UntraceableError(f"{layer}: {error}{_place(error)}") from error
        except Exception as error:
            raise UntraceableError(f"{layer}: {type(error).__name__}: {error}{_place(error)}") from error
        finally:
            recorder.layer, recorder.equation, recorder.name = before

    def call(self, symbol: Any, name: str) -> None:
        """Name what a block has computed.

        Raises:
            UntraceableError: its dtype is not that of inputs and parameters.
        """
        if not isinstance(symbol, Symbol) or symbol.value.kind != "computed":
            return
        symbol.value.name = name
        if symbol.dtype != self.recorder.dtype:
            made = next(s for s in reversed(self.recorder.statements) if s.target is symbol.value)
            raise UntraceableError(
                f"{made.layer}: {name} has dtype {symbol.dtype}, expected {self.recorder.dtype} as x has"
            )

    def wrapped(self, layer: Layer, place: tuple[int, ...]) -> Layer:
        """Return the layer, saying its name in everything it does; combinators keep their own formulas."""
        parts, rebuilt = getattr(layer, "parts", None), getattr(layer, "rebuilt", None)
        if parts is not None and rebuilt is not None:
            inner = rebuilt(tuple(self.wrapped(part, (*place, i)) for i, part in enumerate(parts)))
            return inner if not place else _Named(inner, layer, place, self)
        return _Named(layer, layer, place, self)


def _place(error: Exception) -> str:
    """Return the file and line where an error comes from: the last outside of the tracer and of other packages."""
    here = str(Path(__file__).parent)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(here)]
    own = [f for f in frames if "-packages" not in f.filename and Path(f.filename).exists()]
    return f" (in {Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


class _Named(Layer):
    """A layer whose statements are written down under its name."""

    def __init__(self, inner: Layer, original: Layer, place: tuple[int, ...], spoken: Spoken) -> None:
        # The layers are frozen dataclasses; this wrapper is not one of them.
        for key, value in (("inner", inner), ("original", original), ("place", place), ("spoken", spoken)):
            object.__setattr__(self, key, value)

    inner: Layer
    original: Layer
    place: tuple[int, ...]
    spoken: Spoken

    @property
    def label(self) -> str:
        """The layer's own label."""
        return self.original.label

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The layer's own."""
        return self.original.parameter_shapes

    @property
    def heading(self) -> str:
        """The place in the network and the label."""
        return f"layer {'.'.join(map(str, self.place))}, {self.label}"

    def value(self, theta: Mapping[str, Any], x: Any) -> Any:
        """Return y."""
        return self._said("x", lambda: self.inner.value(theta, x))

    def jacobians(self, theta: Mapping[str, Any], x: Any, y: Any) -> Any:
        """Return A and B."""
        return self._said("A", lambda: self.inner.jacobians(theta, x, y))

    def linearized(self, theta: Mapping[str, Any], x: Any) -> Linearization:
        """Return y, A and B."""
        start = len(self.spoken.recorder.statements)
        step = self._said("x", lambda: self.inner.linearized(theta, x))
        number = _number(self.place)
        self.spoken.call(step.output, f"x{number}")
        self._part(start, step.output)
        if isinstance(step, Closed) and isinstance(step.A, Diagonal):
            self.spoken.call(step.A.diagonal, f"A{number}")
        return _NamedStep(step, self)

    def _part(self, start: int, output: Any) -> None:
        """Write what the output does not need down under A."""
        statements, number = self.spoken.recorder.statements, _number(self.place)
        wanted = {getattr(output, "value", None)}
        for index in reversed(range(start, len(statements))):
            s = statements[index]
            if s.target in wanted:
                wanted.update(s.values())
            elif s.equation == self._equation("x"):
                statements[index] = replace(s, equation=self._equation("A"))
                s.target.name = f"A{number}_" if s.target.name == f"x{number}_" else s.target.name

    def _equation(self, what: str) -> str:
        number, before = _number(self.place), _number((*self.place[:-1], self.place[-1] - 1))
        if what == "x":
            return f"x_{number} = f_{number}(x_{before})"
        return f"A_{number} = d x_{number} / d x_{before}"

    def _said(self, what: str, work: Callable[[], Any]) -> Any:
        with self.spoken.saying(self.heading, self._equation(what), f"{what}{_number(self.place)}_"):
            return work()


class _NamedStep(Linearization):
    """A linearization whose statements are written down under its layer's name."""

    __slots__ = ("named", "output", "step")

    def __init__(self, step: Linearization, named: _Named) -> None:
        self.step, self.named, self.output = step, named, step.output

    @property
    def A(self) -> Operator:
        """The step's own A."""
        return self.step.A

    @property
    def B(self) -> Mapping[str, Operator]:
        """The step's own B."""
        return self.step.B

    def backward(self, delta: Any, visit: Any, input_too: bool = True, tally: Any = None, place: str = "") -> Any:
        """Do the step's two products."""
        named, number = self.named, _number(self.named.place)
        before = _number((*named.place[:-1], named.place[-1] - 1))
        spoken = named.spoken
        spoken.layer, spoken.delta = named.heading, f"delta_{number}"
        with spoken.saying(named.heading, f"delta_{before} = delta_{number} A_{number}", f"d{before}_"):
            result = self.step.backward(delta, visit, input_too, tally, place)
        if result is not delta:
            spoken.call(result, f"delta{before}")
        return result

    def push_forward(self, tangent: Any, direction: Any, place: str = "") -> Any:
        """Do what the step does."""
        return self.step.push_forward(tangent, direction, place)
