"""The network near one point: its affine map, and the uncertainty of its predictions."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ..arrays import Array, detached, eye, flatten, is_numpy, namespace
from ..errors import OptionError, ShapeError
from ..network import Network
from ..operators import Dense
from ..options import check_number, check_whole
from ..parameters import Parameters
from .blocks import parameter_blocks
from .memory import itemsize, require_examples, require_fit
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

    def _repr_html_(self) -> str:
        from .showing import affine_html

        return affine_html(self)

    def __call__(self, x: Array) -> Array:
        """Return slope x + intercept for every example, flattened: (batch, m).

        Raises:
            DtypeError: ``x`` is no array.
            ShapeError: ``x`` has another number of examples or entries than there are maps and columns.
        """
        require_examples("AffineMap", "x", x)
        batch, _, n = self.slope.shape
        if (x.shape[0] != batch and 1 not in (x.shape[0], batch)) or math.prod(x.shape[1:]) != n:
            raise ShapeError(
                f"AffineMap: x has shape {tuple(x.shape)}, expected {batch:,} examples of {n:,} entries each."
            )
        return (self.slope @ flatten(detached(x))[:, :, None])[:, :, 0] + self.intercept


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
    rows = flatten(detached(x))
    n, widest = rows.shape[1], max(flatten(step.output).shape[1] for step in steps)
    require_fit(
        "local_affine",
        f"{x.shape[0]:,} x {widest:,} x {n:,} numbers of slopes",
        x.shape[0] * widest * n * itemsize(x),
        "take fewer examples at a time, or jacobian(...), which keeps the slope factored",
    )
    moved = xp.broadcast_to(eye(n, x)[None, :, :], (x.shape[0], n, n))
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

    def _repr_html_(self) -> str:
        from .showing import interval_html

        return interval_html(self)


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
        OptionError: the covariance is none of these or negative, or another setting is out of its range.
        ShapeError: the covariance, or what the function returns, does not fit.
        CoupledBatchError: a layer couples the examples; the message names it.
    """
    width = float(check_number("prediction_interval", "width", width, low=0))
    noise = float(check_number("prediction_interval", "noise", noise, low=0))
    steps, xp = linearized("prediction_interval", net, theta, x), namespace(x)
    covariance = _checked(covariance, theta)
    if sketch is None:
        variance = _variance(theta, steps, x, covariance)
    else:
        variance = _sketched(theta, steps, covariance, sketch, seed)
    if is_numpy(variance):
        variance = variance.astype(theta.vector.dtype, copy=False)
    deviation = xp.sqrt(variance + noise**2)
    mean = flatten(steps.output)
    return PredictionInterval(mean, deviation, mean - width * deviation, mean + width * deviation)


def _checked(covariance: Any, theta: Parameters) -> Any:
    """Return the covariance as a Python number, an array that fits, or a function."""
    if callable(covariance):
        return covariance
    if isinstance(covariance, Real):
        return float(check_number("prediction_interval", "covariance", covariance, low=0))
    if not hasattr(covariance, "shape") or not hasattr(covariance, "dtype"):
        raise OptionError(
            f"prediction_interval: the covariance is of type {type(covariance).__name__}, expected a number, "
            "an array or a function."
        )
    shape, size = tuple(covariance.shape), theta.layout.size
    if shape not in ((size,), (size, size)):
        raise ShapeError(
            f"prediction_interval: the covariance has shape {shape}, expected ({size},) or ({size}, {size})."
        )
    variances = np.diagonal(covariance) if is_numpy(covariance) and len(shape) == 2 else covariance
    if is_numpy(covariance) and not (variances >= 0).all():
        raise OptionError("prediction_interval: the covariance has variances below 0 or nan, expected at least 0.")
    return covariance


def _applied(covariance: Any, columns: Array) -> Array:
    """Return Sigma times the columns, checked."""
    moved = covariance(columns)
    shape = getattr(moved, "shape", None)
    if shape is None or tuple(shape) != tuple(columns.shape):
        came = f"type {type(moved).__name__}" if shape is None else f"shape {tuple(shape)}"
        raise ShapeError(
            f"prediction_interval: the covariance returned {came} for {tuple(columns.shape)}, expected the same shape."
        )
    return moved


def _variance(theta: Parameters, steps: Any, x: Array, covariance: Any) -> Array:
    n, xp = flatten(steps.output).shape[1], namespace(x)
    rows = xp.broadcast_to(eye(n, x)[None, :, :], (x.shape[0], n, n))
    blocks = parameter_blocks(steps, rows)
    size = theta.layout.size
    if isinstance(covariance, float):
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
        moved = xp.reshape(_applied(covariance, flat.mT).mT, J.shape)
    elif tuple(covariance.shape) == (size,):
        moved = J * covariance
    else:
        moved = Dense(covariance).pull(J)
    return xp.sum(moved * J, axis=2)


def _sketched(theta: Parameters, steps: Any, covariance: Any, sketch: int, seed: int) -> Array:
    if callable(covariance) or (not isinstance(covariance, float) and covariance.ndim != 1):
        raise OptionError("prediction_interval: a sketch needs the covariance as a number or a diagonal.")
    if not is_numpy(theta.vector):
        raise OptionError("prediction_interval: sketch= needs NumPy parameters.")
    sketch = check_whole("prediction_interval", "sketch", sketch, 1)
    scale = np.sqrt(covariance).astype(theta.vector.dtype)
    generator = np.random.default_rng(seed)
    total: Any = 0.0
    for _ in range(sketch):
        drawn = generator.standard_normal(theta.layout.size).astype(theta.vector.dtype) * scale
        rows = {name: block[None, :] for name, block in theta.with_vector(drawn).flat().items()}
        moved = steps.push_forward(None, rows.get)
        total = total + moved * moved
    return total / sketch
