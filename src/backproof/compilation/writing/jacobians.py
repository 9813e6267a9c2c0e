"""Tracing the Jacobian of a network in its input: the factors of one example, multiplied out as planned."""

from typing import Any

import numpy as np

from ...network import Network
from ...quantities.jacobian import Jacobian
from ..program import Trace, Value
from ..sizes import Guard, Size
from ..symbols import Recorder, Symbol
from ..tracing import Spoken, parameter_name

__all__ = ["trace_jacobian"]


def trace_jacobian(net: Network, shape: tuple[int, ...], dtype: Any, batch: int) -> Trace:
    """Return what J = A_L ... A_1 does, statement by statement, in the order that is cheapest for such a batch.

    Args:
        net: whose formulas are run.
        shape: of one input.
        dtype: of inputs and parameters.
        batch: for how many examples the order is planned; the trace is for any number.

    Raises:
        UntraceableError: an operation cannot be written down; the message names the layer and the line.
    """
    recorder, guards = Recorder(dtype), set[Guard]()
    x = Value("x0", (Size(1, guards), *shape), np.dtype(dtype), "input")
    parameters = {
        name: Value(parameter_name(name), own, np.dtype(dtype), "parameter") for name, own in net.layout.shapes.items()
    }
    theta = {name: Symbol(recorder, value) for name, value in parameters.items()}
    spoken = Spoken(recorder)
    steps: Any = spoken.wrapped(net.chain, ()).linearized(theta, Symbol(recorder, x))
    factors = tuple(step.A for step in steps)[::-1]
    product = Jacobian(factors, net.output_shape(shape), shape, batch, steps.output)
    with spoken.saying("A_L ... A_1 multiplied out", "J = A_L ... A_1", "J_"):
        matrix = product.evaluate().dense(steps.output)
        wanted = (x.shape[0], *product.shape)
        J = matrix if matrix.shape == wanted else recorder.record("broadcast", (matrix,), wanted, x.dtype)
    spoken.call(J, "J")
    return Trace({"x": x}, parameters, tuple(recorder.statements), {"J": J.value}, frozenset(guards))
