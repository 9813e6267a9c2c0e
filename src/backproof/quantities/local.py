"""The network near one point: its affine map, and the uncertainty of its predictions."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, eye, flatten, is_numpy, namespace
from ..errors import OptionError, ShapeError
from ..network import Network
from ..operators import Dense
from ..parameters import Parameters
from .blocks import parameter_blocks
from .memory import itemsize, require_fit
from .points import linearized

__all__ = ["AffineMap", "PredictionInterval", "local_affine", "prediction_interval"]


@dataclass(frozen=True)
class AffineMap:
    """x -> slope x + intercept, one map per example.

    Shapes:
        slope: (batch, m, n)
        intercept: (batch, m)
    """

    slope: Array
    intercept: Array

    def __call__(self, x: Array) -> Array:
        """Return slope x + intercept for every example, flattened: (batch, m)."""
        return (self.slope @ flatten(x)[:, :, None])[:, :, 0] + self.intercept


def local_affine(net: Network, theta: Parameters, x: Array) -> AffineMap:
    r"""Return the affine map that the network is near every example, by front propagation.

    Math:
        f(x + d) = J d + f(x) + o(d),   slope J = A_L ... A_1,   intercept c = f(x) - J x

    The slope is carried forward beside the value, x_l = S_l x_0 + c_l with S_l = A_l S_{l-1}. For a piecewise-linear
    network (ReLU and its like) the map is exact on the whole linear region that holds the example.

    Raises:
        CoupledBatchError: a layer couples the examples; the message names it.
    """
    steps, xp = linearized("local_affine", net, theta, x), namespace(x)
    rows = flatten(x)
    n, widest = rows.shape[1], max(flatten(step.output).shape[1] for step in steps)
    require_fit(
        "local_affine",
        f"{x.shape[0]:,} x {widest:,} x {n:,} numbers of slopes",
        x.shape[0] * widest * n * itemsize(x),
        "take fewer examples at a time, or jacobian(...), which keeps the slope factored",
    )
    moved = xp.broadcast_to(eye(n, x)[None], (x.shape[0], n, n))
    for step in steps:
        moved = step.A.push(moved)
    slope = xp.broadcast_to(moved.mT, (x.shape[0], flatten(steps.output).shape[1], n))
    return AffineMap(slope, flatten(steps.output) - (slope @ rows[:, :, None])[:, :, 0])


@dataclass(frozen=True)
class PredictionInterval:
    """Predictions with their standard deviation by the delta method.

    Shapes:
        mean, deviation, lower, upper: (batch, m)
    """

    mean: Array
    deviation: Array
    lower: Array
    upper: Array


def prediction_interval(
    net: Network,
    theta: Parameters,
    x: Array,
    covariance: Any,
    *,
    width: float = 1.96,
    noise: float = 0.0,
    sketch: int | None = None,
    seed: int = 0,
) -> PredictionInterval:
    r"""Return predictions with intervals of ``width`` standard deviations, by the delta method.

    Math:
        variance = diag(J_theta Sigma J_theta^T) + noise^2

    Args:
        covariance: Sigma, the parameters' covariance: a number (times the identity), (P,) a diagonal, (P, P), or a
            function from (P, k) to Sigma times it, such as a solver.
        width: 1.96 gives 95 percent where the output is normal.
        noise: standard deviation of the observations.
        sketch: estimate the variance from this many random directions drawn with covariance Sigma instead of forming
            the parameter Jacobian; the relative error of a deviation is about 1/sqrt(2 sketch). Needs a number or a
            diagonal.
        seed: of the directions.

    Raises:
        ShapeError: the covariance does not fit.
        CoupledBatchError: a layer couples the examples; the message names it.
    """
    steps, xp = linearized("prediction_interval", net, theta, x), namespace(x)
    if sketch is None:
        variance = _variance(theta, steps, x, covariance)
    else:
        variance = _sketched(theta, steps, covariance, sketch, seed)
    deviation = xp.sqrt(variance + noise**2)
    mean = flatten(steps.output)
    return PredictionInterval(mean, deviation, mean - width * deviation, mean + width * deviation)


def _variance(theta: Parameters, steps: Any, x: Array, covariance: Any) -> Array:
    n, xp = flatten(steps.output).shape[1], namespace(x)
    rows = xp.broadcast_to(eye(n, x)[None], (x.shape[0], n, n))
    blocks = parameter_blocks(steps, rows)
    size = theta.layout.size
    if isinstance(covariance, int | float):
        return (
            sum((block.squared_norms() for block in blocks.values()), start=xp.zeros_like(rows[:, :, 0])) * covariance
        )
    require_fit(
        "prediction_interval",
        f"the parameter Jacobian of {x.shape[0]:,} x {n:,} x {size:,} numbers",
        x.shape[0] * n * size * itemsize(x),
        "take fewer examples at a time, or a sketch= with a diagonal covariance",
    )
    J = xp.concat([blocks[name].dense() for name in theta.layout.shapes], axis=2)
    if callable(covariance):
        flat = xp.reshape(J, (-1, size))
        moved = xp.reshape(covariance(flat.mT).mT, J.shape)
    elif tuple(covariance.shape) == (size,):
        moved = J * covariance
    elif tuple(covariance.shape) == (size, size):
        moved = Dense(covariance).pull(J)
    else:
        raise ShapeError(
            f"prediction_interval: the covariance has shape {tuple(covariance.shape)}, "
            f"expected ({size},) or ({size}, {size})."
        )
    return xp.sum(moved * J, axis=2)


def _sketched(theta: Parameters, steps: Any, covariance: Any, sketch: int, seed: int) -> Array:
    if callable(covariance) or (not isinstance(covariance, int | float) and covariance.ndim != 1):
        raise OptionError("prediction_interval: a sketch needs the covariance as a number or a diagonal.")
    if not is_numpy(theta.vector) or sketch < 1:
        raise OptionError(f"prediction_interval: sketch={sketch}, expected at least 1 and NumPy parameters.")
    generator = np.random.default_rng(seed)
    total: Any = 0.0
    for _ in range(sketch):
        drawn = generator.standard_normal(theta.layout.size).astype(theta.vector.dtype) * np.sqrt(covariance)
        rows = {name: block[None, :] for name, block in theta.with_vector(drawn).flat().items()}
        moved = steps.push_forward(None, rows.get)
        total = total + moved * moved
    return total / sketch
