"""Losses: a real number for every example, with gradient and Hessian in the network's outputs.

A loss over a batch is the mean of the examples' losses (or their sum). With example weights w the mean is
sum w_i loss_i / sum w_i. Gradient and Hessian carry the same factors, so that

    delta_L = d loss / d x_L,    one row per example,    with factor 1/N, w_i / sum w, 1 or w_i.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .arrays import Array, batch_sum, dtype_name, flatten, is_numpy, namespace
from .errors import DataError, OptionError, ShapeError, unknown_name
from .functions import choose, log_softmax, magnitude, reciprocal, sigmoid, softmax, softplus, total
from .operators import Diagonal, LowRankUpdate, Operator, ScaledIdentity

__all__ = [
    "LOSSES", "BinaryCrossEntropy", "CrossEntropy", "Huber", "Loss", "Poisson", "SquaredError", "describe_loss",
    "loss_from",
]  # fmt: skip

REDUCTIONS = ("mean", "sum")


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    r"""A loss of outputs z and targets y.

    A subclass gives the three formulas ``_losses``, ``_gradient`` and ``_hessian`` of single examples, for
    outputs flattened to (batch, n) and targets that ``_targets`` has checked and brought to that shape.

    Shapes:
        z: (batch, \*any)
        y: what the class says
        weights: (batch,), optional
        delta: (batch, n)

    Args:
        reduction: ``"mean"`` over the examples (default) or ``"sum"``.
    """

    reduction: str = "mean"

    def __post_init__(self) -> None:
        if self.reduction not in REDUCTIONS:
            raise unknown_name("reduction", str(self.reduction), REDUCTIONS)

    # -- formulas of one example, for every row of a batch ------------------------------------------------

    @abstractmethod
    def _losses(self, z: Array, t: Array) -> Array:
        """Return the loss of every example, (batch,)."""

    @abstractmethod
    def _gradient(self, z: Array, t: Array) -> Array:
        """Return d loss / d z of every example, (batch, n)."""

    @abstractmethod
    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        """Return ``factor`` (batch, 1) times the Hessian of every example, n x n."""

    def _both(self, z: Array, t: Array) -> tuple[Array, Array]:
        """Return losses and gradients; a loss whose formulas share work overrides this."""
        return self._losses(z, t), self._gradient(z, t)

    def _targets(self, z: Array, y: Array) -> Array:
        """Return the targets as (batch, n) in the dtype of z."""
        return _real_targets(type(self).__name__, z, y)

    # -- a batch ------------------------------------------------------------------------------------------

    def value(self, z: Array, y: Array, weights: Array | None = None) -> Array:
        """Return the loss of the batch, a scalar of the dtype of ``z``.

        Raises:
            ShapeError, DataError: targets or weights do not fit; the message names the loss.
        """
        rows = flatten(z)
        losses = self._losses(rows, self._targets(rows, y))
        return self._reduce(losses, self._factor(rows, weights))

    def value_and_gradient(self, z: Array, y: Array, weights: Array | None = None) -> tuple[Array, Array]:
        """Return the loss of the batch and delta = d loss / d z, shape (batch, n).

        Raises:
            ShapeError, DataError: targets or weights do not fit; the message names the loss.
        """
        rows = flatten(z)
        losses, gradient = self._both(rows, self._targets(rows, y))
        factor = self._factor(rows, weights)
        return self._reduce(losses, factor), gradient * factor

    def hessian(self, z: Array, y: Array, weights: Array | None = None) -> Operator:
        """Return the Hessian d2 loss / d z2: n x n, symmetric, one per example, with the batch's factors."""
        rows = flatten(z)
        factor = self._factor(rows, weights)
        if not hasattr(factor, "ndim") or factor.ndim != 2:
            factor = namespace(rows).ones_like(rows[:, :1]) * factor
        return self._hessian(rows, self._targets(rows, y), factor)

    def examples(self, z: Array, y: Array) -> Array:
        """Return the loss of every example, (batch,), without weights or mean."""
        rows = flatten(z)
        return self._losses(rows, self._targets(rows, y))

    def _factor(self, z: Array, weights: Array | None) -> Any:
        """Return what every example's loss is multiplied by: a number, or (batch, 1)."""
        if weights is None:
            return 1 if self.reduction == "sum" or z.shape[0] == 1 else reciprocal(z.shape[0], z)
        xp = namespace(z)
        weights = xp.asarray(weights, dtype=z.dtype)
        if tuple(weights.shape) != (z.shape[0],):
            raise ShapeError(
                f"{type(self).__name__}: weights have shape {tuple(weights.shape)}, expected ({z.shape[0]},)."
            )
        together = xp.sum(weights)
        if not (bool(xp.all(weights >= 0)) and 0 < together < math.inf):
            raise DataError(f"{type(self).__name__}: weights must be finite and 0 or more, and some positive.")
        return (weights / together if self.reduction == "mean" else weights)[:, None]

    @staticmethod
    def _reduce(losses: Array, factor: Any) -> Array:
        if getattr(factor, "ndim", 0) == 2:
            return batch_sum(losses[:, None] * factor)[0]
        return batch_sum(losses[:, None])[0] * factor


def _real_targets(who: str, z: Array, y: Array) -> Array:
    """Return y as (batch, n) in the dtype of z; (batch,) is taken for (batch, 1)."""
    y = namespace(z).asarray(y) if not hasattr(y, "shape") else y
    if y.ndim == 1 and z.shape == (y.shape[0], 1):
        y = y[:, None]
    rows = flatten(y) if y.ndim > 1 else y
    if rows.shape != z.shape:
        raise ShapeError(f"{who}: targets have shape {tuple(y.shape)}, expected {tuple(z.shape)} like the outputs.")
    if rows.dtype == z.dtype:
        return rows
    return rows.astype(z.dtype) if is_numpy(rows) else namespace(z).astype(rows, z.dtype)


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss):
    r"""Cross-entropy on logits: ``- sum_j t_j log softmax(z)_j``.

    Math:
        delta = s - t     with s = softmax(z) and sum t = 1
        Hessian = diag(s) - s s^T

    Targets are class indices, (batch,) integers, or distributions, (batch, n). ``smoothing`` e replaces t by
    (1 - e) t + e / n, as PyTorch's ``label_smoothing`` does. PyTorch's ``CrossEntropyLoss`` is the same for both
    kinds of targets, mean and sum; its ``weight`` is per class, ours per example.

    Shapes:
        z: (batch, n)
        y: (batch,) indices or (batch, n) distributions
        delta: (batch, n)

    Raises:
        DataError: an index is not in [0, n); the message names the example.
        ShapeError: the targets fit neither form.

    Source: MATH, "Losses".
    """

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.smoothing <= 1:
            raise OptionError(f"CrossEntropy: smoothing={self.smoothing!r}, expected a number in [0, 1].")

    def _targets(self, z: Array, y: Array) -> Array:
        xp = namespace(z)
        y = xp.asarray(y) if not hasattr(y, "shape") else y
        if y.ndim == 1 and "int" in dtype_name(y):
            t = self._one_hot(z, y)
        elif y.ndim == 1:
            raise ShapeError(
                f"CrossEntropy: targets have shape {tuple(y.shape)} and dtype {dtype_name(y)}, expected class indices "
                f"({z.shape[0]},) as integers or distributions {tuple(z.shape)}."
            )
        else:
            t = _real_targets("CrossEntropy", z, y)
        return t if self.smoothing == 0 else (1 - self.smoothing) * t + self.smoothing / z.shape[1]

    @staticmethod
    def _one_hot(z: Array, y: Array) -> Array:
        xp, (batch, n) = namespace(z), z.shape
        if y.shape[0] != batch:
            raise ShapeError(f"CrossEntropy: {y.shape[0]} class indices came for {batch} outputs, expected one each.")
        if is_numpy(y):
            return _numpy_one_hot(z, y)
        return xp.astype(y[:, None] == xp.arange(n, dtype=y.dtype), z.dtype)

    def _losses(self, z: Array, t: Array) -> Array:
        return -total(t * log_softmax(z))[:, 0]

    def _gradient(self, z: Array, t: Array) -> Array:
        return softmax(z) * total(t) - t

    def _both(self, z: Array, t: Array) -> tuple[Array, Array]:
        log_s = log_softmax(z)
        mass = total(t)
        return -total(t * log_s)[:, 0], namespace(z).exp(log_s) * mass - t

    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        s = softmax(z)
        weighted = s * (total(t) * factor)
        return LowRankUpdate(Diagonal(weighted), -weighted[:, :, None], s[:, :, None])


def _numpy_one_hot(z: Any, y: Any) -> Any:
    batch, n = z.shape
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= n:
        example = int(np.argmax((y < 0) | (y >= n)))
        raise DataError(
            f"CrossEntropy: example {example} has class index {int(y[example])}, expected 0 to {n - 1} for {n} outputs."
        )
    one_hot = np.zeros((batch, n), z.dtype)
    one_hot[np.arange(batch), y] = 1
    return one_hot


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy(Loss):
    r"""Binary cross-entropy on logits, summed over the outputs: ``sum_j softplus(z_j) - y_j z_j``.

    Math:
        delta = sigmoid(z) - y
        Hessian = diag(s (1 - s)),   s = sigmoid(z)

    PyTorch's ``BCEWithLogitsLoss`` takes the mean over the outputs as well: ours is n times it for n outputs.

    Shapes:
        z: (batch, n)
        y: (batch, n) numbers in [0, 1], or (batch,) for n = 1
        delta: (batch, n)

    Raises:
        ShapeError: the targets' shape is not the outputs'.
        DataError: a target outside [0, 1].

    Source: MATH, "Losses".
    """

    def _targets(self, z: Array, y: Array) -> Array:
        t = _real_targets("BinaryCrossEntropy", z, y)
        if is_numpy(t) and t.dtype.kind == "f" and t.size and (t.min() < 0 or t.max() > 1):
            example, output = (int(i) for i in np.argwhere((t < 0) | (t > 1))[0])
            came = t[example, output]
            raise DataError(
                f"BinaryCrossEntropy: example {example}, output {output} has target {came}, expected 0 to 1."
            )
        return t

    def _losses(self, z: Array, t: Array) -> Array:
        return total(softplus(z) - t * z)[:, 0]

    def _gradient(self, z: Array, t: Array) -> Array:
        return sigmoid(z) - t

    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        s = sigmoid(z)
        return Diagonal(s * (1 - s) * factor)


@dataclass(frozen=True, kw_only=True)
class SquaredError(Loss):
    r"""Half the squared distance: ``1/2 ||z - y||^2``, summed over the outputs.

    Math:
        delta = z - y
        Hessian = I

    PyTorch's ``MSELoss`` has no 1/2 and takes the mean over the outputs as well: ours is n/2 times it.

    Shapes:
        z: (batch, n)
        y: (batch, n), or (batch,) for n = 1
        delta: (batch, n)

    Raises:
        ShapeError: the targets' shape is not the outputs'.

    Source: MATH, "Losses".
    """

    def _losses(self, z: Array, t: Array) -> Array:
        difference = z - t
        return total(difference * difference)[:, 0] / 2

    def _gradient(self, z: Array, t: Array) -> Array:
        return z - t

    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        return ScaledIdentity(z.shape[1], factor[:, 0])


@dataclass(frozen=True, kw_only=True)
class Huber(Loss):
    r"""Quadratic near the target, straight beyond ``width``, summed over the outputs.

    Math:
        loss = sum_j 1/2 r_j^2 where |r_j| <= width, else width (|r_j| - width / 2);   r = z - y
        delta = r clipped to [-width, width]
        Hessian = diag(1 where |r_j| < width, else 0)

    PyTorch's ``HuberLoss`` takes the mean over the outputs as well: ours is n times it for n outputs.

    Shapes:
        z: (batch, n)
        y: (batch, n), or (batch,) for n = 1
        delta: (batch, n)

    Raises:
        ShapeError: the targets' shape is not the outputs'.

    Source: MATH, "Losses".
    """

    width: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.width > 0:
            raise OptionError(f"Huber: width={self.width!r}, expected a positive number.")

    def _losses(self, z: Array, t: Array) -> Array:
        r = z - t
        far = self.width * (magnitude(r) - self.width / 2)
        return total(choose(magnitude(r) <= self.width, r * r / 2, far))[:, 0]

    def _gradient(self, z: Array, t: Array) -> Array:
        r = z - t
        return choose(r > self.width, self.width, choose(r < -self.width, -self.width, r, r), r)

    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        near = choose(magnitude(z - t) < self.width, 1.0, 0.0, z)
        return Diagonal(near * factor)


@dataclass(frozen=True, kw_only=True)
class Poisson(Loss):
    r"""Poisson negative log-likelihood of a log rate: ``sum_j exp(z_j) - y_j z_j`` (without log y!).

    Math:
        delta = exp(z) - y
        Hessian = diag(exp(z))

    PyTorch's ``PoissonNLLLoss`` (log_input, not full) takes the mean over the outputs as well: ours is n times it.

    Shapes:
        z: (batch, n)
        y: (batch, n) numbers of at least 0, or (batch,) for n = 1
        delta: (batch, n)

    Raises:
        ShapeError: the targets' shape is not the outputs'.
        DataError: a negative target.

    Source: MATH, "Losses".
    """

    def _targets(self, z: Array, y: Array) -> Array:
        t = _real_targets("Poisson", z, y)
        if is_numpy(t) and t.dtype.kind == "f" and t.size and t.min() < 0:
            example, output = (int(i) for i in np.argwhere(t < 0)[0])
            raise DataError(
                f"Poisson: example {example}, output {output} has target {t[example, output]}, expected >= 0."
            )
        return t

    def _losses(self, z: Array, t: Array) -> Array:
        return total(namespace(z).exp(z) - t * z)[:, 0]

    def _gradient(self, z: Array, t: Array) -> Array:
        return namespace(z).exp(z) - t

    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        return Diagonal(namespace(z).exp(z) * factor)


LOSSES: dict[str, type[Loss]] = {
    loss.__name__: loss for loss in (CrossEntropy, BinaryCrossEntropy, SquaredError, Huber, Poisson)
}
"""The losses that models and the command line may name."""


def describe_loss(loss: Loss) -> dict[str, Any]:
    """Return the loss as plain data: its class name under ``"loss"``, and its settings."""
    return {"loss": type(loss).__name__, **{field.name: getattr(loss, field.name) for field in fields(loss)}}


def loss_from(description: Any) -> Loss:
    """Return the loss that ``describe_loss`` wrote down, or that a plain name means.

    Raises:
        OptionError: the loss or a setting is unknown, or of the wrong kind.
    """
    if isinstance(description, str):
        description = {"loss": description}
    if not isinstance(description, dict) or not isinstance(description.get("loss"), str):
        raise OptionError(f"a loss's description is {description!r:.80}, expected a table with a name in 'loss'.")
    settings = dict(description)
    name = settings.pop("loss")
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    known = {field.name: field.type for field in fields(LOSSES[name])}
    for key, value in settings.items():
        if key not in known:
            raise unknown_name(f"setting of {name}", str(key), known)
        if isinstance(value, bool) or not isinstance(value, str if known[key] is str else int | float):
            raise OptionError(f"{name}: {key}={value!r:.40}, expected a {'word' if known[key] is str else 'number'}.")
    return LOSSES[name](**settings)
