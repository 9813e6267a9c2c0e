"""Losses: a real number for every example, with gradient and Hessian in the network's outputs.

A loss over a batch is the mean of the examples' losses (or their sum). With example weights w the mean is
sum w_i loss_i / sum w_i. Gradient and Hessian carry the same factors, so that

    delta_L = d loss / d x_L,    one row per example,    with factor 1/N, w_i / sum w, 1 or w_i.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..arrays import (
    Array,
    batch_sum,
    beside,
    detached,
    dtype_name,
    eye,
    flatten,
    is_complex,
    is_numpy,
    is_symbolic,
    is_traced,
    namespace,
    to_numpy,
)  # fmt: skip
from ..errors import DataError, DtypeError, OptionError, ShapeError, unknown_name
from ..functions import reciprocal
from ..operators import Operator
from ..pytrees import declare_constant

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
    likelihood: ClassVar[bool] = True
    """Whether the loss is a negative log-likelihood whose Hessian is the covariance of its score."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        declare_constant(cls)

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

    def _hessian_rows(self, z: Array, t: Array, factor: Array) -> Array:
        """Return R, (batch, k, n), with R^T R = ``factor`` times the Hessian; this serves diagonal ones."""
        n, xp = z.shape[1], namespace(z)
        H = self._hessian(z, t, factor)
        rows = xp.broadcast_to(eye(n, z)[None, :, :], (z.shape[0], n, n))
        return rows * xp.sqrt(H.pull(xp.ones_like(z)))[:, None, :]

    def sample(self, z: Array, generator: np.random.Generator) -> Array:
        """Return targets drawn from the distribution whose negative log-likelihood this loss is.

        Raises:
            OptionError: the loss is not a negative log-likelihood.
        """
        raise OptionError(f"{type(self).__name__} is not a negative log-likelihood, so there is nothing to draw from.")

    def prediction(self, z: Array) -> Array:
        """Return what the outputs predict of the targets, in their units, (batch, n): z unless the class says else."""
        return flatten(z)

    def _both(self, z: Array, t: Array) -> tuple[Array, Array]:
        """Return losses and gradients; a loss whose formulas share work overrides this."""
        return self._losses(z, t), self._gradient(z, t)

    def _rows(self, z: Array) -> Array:
        """Return the outputs as (batch, n)."""
        return flatten(detached(z))

    def _targets(self, z: Array, y: Array) -> Array:
        """Return the targets as (batch, n) in the dtype of z."""
        return real_targets(type(self).__name__, z, y)

    # -- a batch ------------------------------------------------------------------------------------------

    def value(self, z: Array, y: Array, weights: Array | None = None) -> Array:
        """Return the loss of the batch, a scalar of the dtype of ``z``.

        Raises:
            ShapeError, DtypeError, DataError: targets or weights do not fit; the message names the loss.
        """
        rows = self._rows(z)
        losses = self._losses(rows, self._targets(rows, y))
        return self._reduce(losses, self._factor(rows, weights))

    def value_and_gradient(self, z: Array, y: Array, weights: Array | None = None) -> tuple[Array, Array]:
        """Return the loss of the batch and delta = d loss / d z, shape (batch, n).

        Raises:
            ShapeError, DtypeError, DataError: targets or weights do not fit; the message names the loss.
        """
        rows = self._rows(z)
        losses, gradient = self._both(rows, self._targets(rows, y))
        factor = self._factor(rows, weights)
        return self._reduce(losses, factor), gradient * factor

    def hessian(self, z: Array, y: Array, weights: Array | None = None) -> Operator:
        """Return the Hessian d2 loss / d z2: n x n, symmetric, one per example, with the batch's factors."""
        rows = self._rows(z)
        return self._hessian(rows, self._targets(rows, y), self._columns(rows, weights))

    def hessian_rows(self, z: Array, y: Array, weights: Array | None = None) -> Array:
        """Return R of shape (batch, k, n) with R^T R = ``hessian(z, y, weights)`` for every example."""
        rows = self._rows(z)
        return self._hessian_rows(rows, self._targets(rows, y), self._columns(rows, weights))

    def examples(self, z: Array, y: Array) -> Array:
        """Return the loss of every example, (batch,), without weights or mean."""
        rows = self._rows(z)
        return self._losses(rows, self._targets(rows, y))

    def _factor(self, z: Array, weights: Array | None) -> Any:
        """Return what every example's loss is multiplied by: a number, or (batch, 1)."""
        if not z.shape[0]:
            raise ShapeError(f"{type(self).__name__}: the batch has no examples, expected at least one.")
        if weights is None:
            return 1 if self.reduction == "sum" or z.shape[0] == 1 else reciprocal(z.shape[0], z)
        xp = namespace(z)
        who = f"{type(self).__name__}: weights"
        weights = _in_dtype_of(z, beside(weights, z, who, "outputs"), who)
        if tuple(weights.shape) != (z.shape[0],):
            raise ShapeError(
                f"{type(self).__name__}: weights have shape {tuple(weights.shape)}, expected ({z.shape[0]},)."
            )
        together = xp.sum(weights)
        if not is_traced(together) and not (bool(xp.all(weights >= 0)) and 0 < together < math.inf):
            raise DataError(f"{type(self).__name__}: weights must be finite and 0 or more, and some positive.")
        return (weights / together if self.reduction == "mean" else weights)[:, None]

    def _columns(self, z: Array, weights: Array | None) -> Array:
        """Return every example's factor as (batch, 1)."""
        factor = self._factor(z, weights)
        return factor if getattr(factor, "ndim", 0) == 2 else namespace(z).ones_like(z[:, :1]) * factor

    @staticmethod
    def _reduce(losses: Array, factor: Any) -> Array:
        if getattr(factor, "ndim", 0) == 2:
            return batch_sum(losses[:, None] * factor)[0]
        return batch_sum(losses[:, None])[0] * factor


def require_loss(who: str, loss: Any) -> None:
    """Raise OptionError if ``loss`` is not a loss, such as a class without its brackets or a name."""
    if not isinstance(loss, Loss):
        name = loss.__name__ if isinstance(loss, type) else ""
        hint = f"write {name}() with brackets" if name else "give a loss, as in CrossEntropy()"
        raise OptionError(f"{who}: loss is {loss!r:.60}, expected a loss object; {hint}.")


def refuse_targets(who: str, t: Array, bad: Array, expected: str) -> None:
    """Raise DataError for the first target that is ``bad``, unless inside a JAX trace, where none can be seen."""
    if is_symbolic(bad):
        bad.refuse()
        return
    if is_traced(bad) or not bool(namespace(bad).any(bad)):
        return
    where = tuple(int(i) for i in np.argwhere(to_numpy(bad))[0])
    place = f"example {where[0]}" + (f", output {where[1]} has target" if len(where) > 1 else " has class index")
    raise DataError(f"{who}: {place} {to_numpy(t)[where]}, expected {expected}.")


def real_targets(who: str, z: Array, y: Array) -> Array:
    """Return y as (batch, n) in the dtype of z; (batch,) is taken for (batch, 1).

    Raises:
        ShapeError: y has another shape.
        DtypeError: y is of another library, masked, or no real numbers; the message begins with ``who``.
    """
    y = beside(y, z, f"{who}: targets", "outputs")
    if y.ndim == 1 and z.shape == (y.shape[0], 1):
        y = y[:, None]
    rows = flatten(y) if y.ndim > 1 else y
    if rows.shape != z.shape:
        raise ShapeError(f"{who}: targets have shape {tuple(y.shape)}, expected {tuple(z.shape)} like the outputs.")
    return _in_dtype_of(z, rows, f"{who}: targets")


def _in_dtype_of(z: Array, numbers: Array, who: str) -> Array:
    """Return numbers in the dtype of z; those that would lose a part, or mean something else, are refused."""
    if numbers.dtype == z.dtype:
        return numbers
    odd = isinstance(numbers, np.ndarray) and numbers.dtype.kind not in "biufcO"
    if odd or (is_complex(numbers) and not is_complex(z)):
        raise DtypeError(f"{who} have dtype {dtype_name(numbers)}, expected real numbers.")
    return numbers.astype(z.dtype) if is_numpy(numbers) else namespace(z).astype(numbers, z.dtype)
