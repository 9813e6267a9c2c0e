"""Softmax and its logarithm: a diagonal plus a matrix of rank one."""

from dataclasses import dataclass

from ..arrays import Array, namespace
from ..functions import log_softmax, softmax
from ..operators import Diagonal, Identity, LowRankUpdate, Operator
from .base import LastAxis, Shape, Theta

__all__ = ["LogSoftmax", "Softmax"]


@dataclass(frozen=True, repr=False)
class _OfRows(LastAxis):
    """What both have in common: they may be told to take vectors alone, on which the second axis is the last one."""

    vectors: bool = False

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape that came."""
        if self.vectors and len(shape) != 1:
            raise self.misfit(shape, "batch, n")
        return shape


class Softmax(_OfRows):
    r"""``y = exp(x) / sum exp(x)`` on the last axis.

    Math:
        A = diag(y) - y y^T

    Shapes:
        x: (batch, \*places, n)
        y: (batch, \*places, n)
        A: (n, n), one per example

    Dtype: floating, kept.

    Args:
        vectors: whether examples with more than one axis are refused, as where PyTorch's module has ``dim=1``.

    Raises:
        ShapeError: ``vectors`` is set, and an example has more than one axis.

    Source: docs/mathematics.md, "Layers", softmax.
    """

    def value(self, theta: Theta, x: Array) -> Array:
        """Return the softmax of every row."""
        return softmax(x)

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return diag(y) - y y^T."""
        return LowRankUpdate(Diagonal(y), -y[:, :, None], y[:, :, None]), {}


class LogSoftmax(_OfRows):
    r"""``y = x - log(sum exp(x))`` on the last axis.

    Math:
        A = I - 1 s^T,   s = softmax(x) = exp(y)

    Shapes:
        x: (batch, \*places, n)
        y: (batch, \*places, n)
        A: (n, n), one per example

    Dtype: floating, kept.

    Args:
        vectors: whether examples with more than one axis are refused, as where PyTorch's module has ``dim=1``.

    Raises:
        ShapeError: ``vectors`` is set, and an example has more than one axis.

    Source: docs/mathematics.md, "Layers", log-softmax.
    """

    def value(self, theta: Theta, x: Array) -> Array:
        """Return the logarithm of the softmax of every row."""
        return log_softmax(x)

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return I - 1 s^T."""
        xp = namespace(y)
        s = xp.exp(y)[:, :, None]
        return LowRankUpdate(Identity(y.shape[1]), -xp.ones_like(s), s), {}
