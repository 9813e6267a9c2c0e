"""From a trace to a JAX program: one function of arrays in JAX's idiom, compiled as a whole by ``jax.jit``."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np

from ..parameters import Parameters
from .jax_rules import Writer, contracted
from .program import Lowered, Trace
from .sizes import text
from .sources import execute

__all__ = ["lower", "style"]


def style(trace: Trace, n: int) -> None:
    """Return that nothing of the batch size decides how the source is written: XLA decides for itself."""
    return


def lower(trace: Trace, style: None = None) -> Lowered:
    """Return the program of a trace, after the passes."""
    source, constants = _source(contracted(trace))
    return Lowered(source, _Runner(trace, source, constants))


def _source(trace: Trace) -> tuple[str, dict[str, Any]]:
    """Return the program's text and the constants that it refers to."""
    writer = Writer(trace)
    body = []
    for s in trace.statements:
        comment = f"{s.equation}, {text(s.shape)}" if s.equation else text(s.shape)
        body.append(f"{writer.line(s)}  # {comment}")
    loss = writer.name(trace.outputs["loss"])
    body += [f"loss = jnp.where({' | '.join(writer.refusals)}, jnp.nan, {loss})"] if writer.refusals else []
    gradient = "".join(f"{writer.gradient(name)}, " for name in trace.parameters)
    body.append(f"return {'loss' if writer.refusals else loss}, ({gradient.rstrip()})")
    inputs = ", ".join(value.name for value in trace.inputs.values())
    parameters = "".join(f"{value.name}, " for value in trace.parameters.values()).rstrip()
    head = [f"def run(theta, {inputs}):"] + [f"    ({parameters}) = theta"] * bool(parameters)
    sizes = [f"    n = {trace.inputs['x'].name}.shape[0]"] if trace.batch is None else []
    return "\n".join([*head, *sizes, *(f"    {line}" for line in body)]) + "\n", writer.constants


class _Runner:
    """Calls the compiled function with the parameters' arrays."""

    def __init__(self, trace: Trace, source: str, constants: dict[str, Any]) -> None:
        names = {"jax": jax, "jnp": jnp, "inf": math.inf, "nan": math.nan, **constants}
        execute(source, names, self)
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
