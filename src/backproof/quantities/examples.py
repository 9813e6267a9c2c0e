"""Gradients of single examples, from delta and x of every layer, formed only where asked."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Array, beside, dtype_name, is_complex, is_numpy, is_traced, namespace, to_numpy
from ..errors import DtypeError, NonFiniteError, ShapeError
from ..losses import Loss
from ..losses.base import require_loss
from ..network import Network
from ..options import check_number
from ..parameters import Layout, Parameters
from .blocks import Block, parameter_blocks
from .memory import itemsize, require_fit
from .points import linearized, require_parameters

__all__ = [
    "GradientStatistics", "PerExampleGradients", "clipped_gradient", "gradient_statistics", "per_example_gradients",
    "per_example_norms",
]  # fmt: skip


@dataclass(frozen=True)
class PerExampleGradients(Mapping[str, Array]):
    r"""The gradient of every example's own loss, kept as factors.

    Math:
        gradient of W for example n = delta_n^T x_n^T
        its squared norm = |delta_n|^2 |x_n|^2

    Shapes:
        gradients[name]: (batch, \*parameter shape), made when asked for
        norms(): (batch,)
        vector(): (batch, P)
    """

    layout: Layout
    blocks: Mapping[str, Block]
    losses: Array

    def _repr_html_(self) -> str:
        from .showing import examples_html

        return examples_html(self)

    def __getitem__(self, name: str) -> Array:
        rows = self.blocks[name].dense()[:, 0, :]
        return namespace(rows).reshape(rows, (rows.shape[0], *self.layout.shapes[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.shapes)

    def __len__(self) -> int:
        return len(self.layout.shapes)

    def vector(self) -> Array:
        """Return all gradients as rows, (batch, P).

        Raises:
            OptionError: they do not fit into memory; the message has the size.
        """
        size = self.losses.shape[0] * self.layout.size * itemsize(self.losses)
        require_fit(
            "PerExampleGradients.vector", "all gradients as rows", size,
            "use norms(), weighted_sum(weights) or single parameters, which stay factored",
        )  # fmt: skip
        rows = [self.blocks[name].dense()[:, 0, :] for name in self.layout.shapes]
        return namespace(rows[0]).concat(rows, axis=1)

    def squared_norms(self) -> dict[str, Array]:
        """Return the squared norm of every example's gradient by parameter, (batch,) each; nothing is formed."""
        return {name: block.squared_norms()[:, 0] for name, block in self.blocks.items()}

    def norms(self) -> Array:
        """Return the norm of every example's whole gradient, (batch,); nothing is formed."""
        pieces = list(self.squared_norms().values())
        return namespace(pieces[0]).sqrt(sum(pieces[1:], start=pieces[0]))

    def weighted_sum(self, weights: Array) -> Array:
        """Return the sum of the gradients times ``weights`` (batch,), as a vector (P,), in one pass.

        Raises:
            ShapeError: ``weights`` is not (batch,).
            DtypeError: ``weights`` is masked, complex, or of another library than the gradients.
        """
        who, like = "PerExampleGradients.weighted_sum: weights", self.losses
        weights = beside(weights, like, who, "gradients")
        if tuple(weights.shape) != tuple(like.shape):
            raise ShapeError(f"{who} have shape {tuple(weights.shape)}, expected ({like.shape[0]},), one per example.")
        if weights.dtype != like.dtype:
            if is_complex(weights):
                raise DtypeError(f"{who} have dtype {dtype_name(weights)}, expected real numbers.")
            weights = namespace(weights).astype(weights, like.dtype)
        sums = [self.blocks[name].sums(weights[:, None]) for name in self.layout.shapes]
        return namespace(sums[0]).concat(sums)


def per_example_gradients(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss) -> PerExampleGradients:
    """Return the gradient of every example's own loss (no mean over the batch), factored.

    Raises:
        OptionError: ``loss`` is no loss, or the network has no parameters.
        CoupledBatchError: a layer couples the examples; the message names it.
    """
    require_loss("per_example_gradients", loss)
    require_parameters("per_example_gradients", net)
    steps = linearized("per_example_gradients", net, theta, x)
    own = replace(loss, reduction="sum")
    _, delta = own.value_and_gradient(steps.output, y)
    blocks = parameter_blocks(steps, delta[:, None, :])
    return PerExampleGradients(net.layout, blocks, own.examples(steps.output, y))


def per_example_norms(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss) -> Array:
    """Return the norm of every example's gradient, (batch,), without forming a gradient.

    Raises:
        CoupledBatchError: a layer couples the examples; the message names it.
    """
    return per_example_gradients(net, theta, x, y, loss).norms()


def clipped_gradient(
    net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, max_norm: float
) -> tuple[Parameters, Array]:
    r"""Return the sum of the examples' gradients, each scaled down to ``max_norm``, and their norms.

    This is the sum of DP-SGD before noise is added, from one forward and one backward pass.

    Math:
        sum over n of min(1, max_norm / |g_n|) g_n

    Raises:
        OptionError: ``max_norm`` is not a finite positive number, or the network has no parameters.
        CoupledBatchError: a layer couples the examples; the message names it.
        NonFiniteError: a gradient's norm is NaN or infinite; the message names the layer.
    """
    max_norm = float(check_number("clipped_gradient", "max_norm", max_norm, above=0))
    gradients = per_example_gradients(net, theta, x, y, loss)
    # The next line says better what an overflow means.
    with np.errstate(over="ignore", invalid="ignore"):
        norms = gradients.norms()
    _require_finite(net, theta, x, gradients, norms)
    xp = namespace(norms)
    scale = max_norm / xp.where(norms > max_norm, norms, xp.full_like(norms, max_norm))
    return theta.with_vector(gradients.weighted_sum(scale)), norms


def _require_finite(net: Network, theta: Parameters, x: Array, gradients: PerExampleGradients, norms: Array) -> None:
    if is_traced(norms) or bool(namespace(norms).all(namespace(norms).isfinite(norms))):
        return
    found = net.first_nonfinite(theta, x)
    if found is not None:
        raise found
    where = int(np.argmin(np.isfinite(to_numpy(norms))))
    with np.errstate(over="ignore", invalid="ignore"):
        squares = {name: float(of[where]) for name, of in gradients.squared_norms().items()}
    # The gradient runs backward, so what comes last in theta is met first.
    name = next((n for n in reversed(squares) if not math.isfinite(squares[n])), max(squares, key=squares.__getitem__))
    index = int(name.split(".")[0])
    raise NonFiniteError(
        f"clipped_gradient: layer {index}, {net[index].label}: the gradient of example {where} in {name!r} has the "
        f"squared norm {squares[name]}, which is not finite in {dtype_name(norms)}; scale the data, or use float64."
    )


@dataclass(frozen=True)
class GradientStatistics:
    """Mean and variance of the examples' gradients, entry by entry.

    Attributes:
        mean: (P,) as parameters.
        variance: over the examples of the batch, dividing by N; 0 where it is within rounding of 0.
        signal_to_noise: mean^2 / variance, infinite where all examples agree.
    """

    mean: Parameters
    variance: Parameters
    signal_to_noise: Parameters

    def _repr_html_(self) -> str:
        from .showing import statistics_html

        return statistics_html(self)


def gradient_statistics(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss) -> GradientStatistics:
    """Return mean, variance and signal-to-noise of the examples' gradients, without forming them.

    Dtype: that of theta; NumPy's float32 is computed in float64, as a variance from two moments cancels in it.

    Raises:
        CoupledBatchError: a layer couples the examples; the message names it.
    """
    gradients = per_example_gradients(*_in_double(net, theta, x), y, loss)
    xp, count = namespace(gradients.losses), x.shape[0]
    mean = gradients.weighted_sum(xp.ones_like(gradients.losses)) / count
    second = xp.concat([gradients.blocks[name].squares() for name in net.layout.shapes]) / count
    variance = second - mean * mean
    # Rounding leaves a few units in the last place of the second moment where all examples agree.
    noise = 8 * xp.finfo(second.dtype).eps * second
    variance = xp.where(variance > noise, variance, xp.zeros_like(mean))
    infinite = xp.full_like(mean, float("inf"))
    ratio = xp.where(variance > 0, mean * mean / xp.where(variance > 0, variance, xp.ones_like(mean)), infinite)
    results = [mean, variance, ratio]
    if is_numpy(mean):
        results = [v.astype(theta.vector.dtype, copy=False) for v in results]
    return GradientStatistics(*(theta.with_vector(v) for v in results))


def _in_double(net: Network, theta: Parameters, x: Array) -> tuple[Network, Parameters, Array]:
    """Return all in float64 if theta and x are NumPy's float32; anything else as it is, for the usual checks."""
    single = isinstance(theta, Parameters) and all(is_numpy(a) and a.dtype == np.float32 for a in (theta.vector, x))
    return (net, theta.astype(np.float64), x.astype(np.float64)) if single else (net, theta, x)
