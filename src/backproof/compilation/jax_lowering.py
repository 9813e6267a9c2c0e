"""From a trace to a JAX program: one function of arrays in JAX's idiom, compiled as a whole by ``jax.jit``."""

import linecache
import math
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np

from ..parameters import Parameters
from .jax_rules import Writer
from .program import Lowered, Trace
from .sizes import text

__all__ = ["lower", "style"]


def style(trace: Trace, n: int) -> None:
    """Return that nothing of the batch size decides how the source is written: XLA decides for itself."""
    return


def lower(trace: Trace, style: None = None) -> Lowered:
    """Return the program of a trace, after the passes."""
    source, constants = _source(trace)
    return Lowered(source, _Runner(trace, source, constants))


def _source(trace: Trace) -> tuple[str, dict[str, Any]]:
    """Return the program's text and the constants that it refers to."""
    writer = Writer(trace)
    body = []
    for s in trace.statements:
        comment = f"{s.equation}, {text(s.shape)}" if s.equation else text(s.shape)
        first, *others = writer.lines(s)
        body += [f"{first}  # {comment}", *others]
    loss = writer.name(trace.outputs["loss"])
    body += [f"loss = where({' | '.join(writer.refusals)}, nan, {loss})"] if writer.refusals else []
    gradient = "".join(f"{writer.gradient(name)}, " for name in trace.parameters)
    body.append(f"return {'loss' if writer.refusals else loss}, ({gradient.rstrip()})")
    inputs = ", ".join(value.name for value in trace.inputs.values())
    parameters = "".join(f"{value.name}, " for value in trace.parameters.values()).rstrip()
    head = [f"def run(theta, {inputs}):"] + [f"    ({parameters}) = theta"] * bool(parameters)
    sizes = [f"    n = {trace.inputs['x'].name}.shape[0]"] if trace.batch is None else []
    return "\n".join([*head, *sizes, *(f"    {line}" for line in body)]) + "\n", writer.constants


_FUNCTIONS = (
    "abs", "arange", "any", "all", "broadcast_to", "concatenate", "cos", "exp", "expm1", "full", "isfinite", "log",
    "inf", "log1p", "max", "maximum", "min", "minimum", "nan", "sin", "sqrt", "stack", "sum", "take", "take_along_axis",
    "tanh", "where", "bool_", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
)  # fmt: skip


def _namespace(constants: dict[str, Any]) -> dict[str, Any]:
    names = {word: getattr(jnp, word) for word in _FUNCTIONS}
    return {**names, "erfc": jax.scipy.special.erfc, "one_hot": jax.nn.one_hot, **constants}


class _Runner:
    """Calls the compiled function with the parameters' arrays."""

    def __init__(self, trace: Trace, source: str, constants: dict[str, Any]) -> None:
        names = _namespace(constants)
        file = f"<backproof program {id(self):x}>"
        exec(compile(source, file, "exec"), names)
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        self.function = jax.jit(names["run"])
        self.names = tuple(trace.parameters)

    def __call__(
        self, theta: Parameters, x: Any, y: Any, weights: Any, out: Parameters | None
    ) -> tuple[Any, Parameters] | None:
        """Return loss and gradient; None if a check of the targets failed or the loss is not finite.

        The loss is NaN where a check failed. Inside a transformation of JAX its number cannot be seen.
        """
        # JAX takes NumPy's arrays for its own; the ordinary way says that they are mixed.
        like = theta.like
        if out is not None or not (like.__class__ is x.__class__ or isinstance(like, jax.Array)):
            return None
        arrays = tuple([theta[name] for name in self.names])
        if weights is None:
            loss, gradient = self.function(arrays, x, y)
        else:
            loss, gradient = self.function(arrays, x, y, weights)
        if self.names:
            found = Parameters.of_arrays(theta.layout, dict(zip(self.names, gradient, strict=True)))
        else:
            found = theta.with_vector(theta.vector)
        # NumPy reads the number where it lies; float(loss) would copy it first, which takes five times as long.
        if isinstance(loss, jax.core.Tracer) or math.isfinite(np.asarray(loss)):
            return loss, found
        return None
