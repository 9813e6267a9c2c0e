"""Losses of real numbers and counts."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..arrays import Array, flatten, in_library_of, namespace, to_numpy
from ..functions import choose, magnitude, total
from ..operators import Diagonal, Operator, ScaledIdentity
from ..options import settle_number
from .base import Loss, real_targets, refuse_targets


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

    Source: docs/mathematics.md, "Losses".
    """

    def _losses(self, z: Array, t: Array) -> Array:
        difference = z - t
        return total(difference * difference)[:, 0] / 2

    def _gradient(self, z: Array, t: Array) -> Array:
        return z - t

    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        return ScaledIdentity(z.shape[1], factor[:, 0])

    def sample(self, z: Array, generator: "np.random.Generator") -> Array:
        """Return numbers drawn from the normal distribution with mean z and variance 1."""
        mean = to_numpy(flatten(z))
        return in_library_of(z, (mean + generator.standard_normal(mean.shape)).astype(mean.dtype))


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

    Source: docs/mathematics.md, "Losses".
    """

    width: float = 1.0
    likelihood: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        settle_number(self, "width", above=0)

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

    Source: docs/mathematics.md, "Losses".
    """

    def _targets(self, z: Array, y: Array) -> Array:
        t = real_targets("Poisson", z, y)
        refuse_targets("Poisson", t, t < 0, ">= 0")
        return t

    def _losses(self, z: Array, t: Array) -> Array:
        return total(namespace(z).exp(z) - t * z)[:, 0]

    def _gradient(self, z: Array, t: Array) -> Array:
        return namespace(z).exp(z) - t

    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        return Diagonal(namespace(z).exp(z) * factor)

    def prediction(self, z: Array) -> Array:
        """Return the mean count, exp(z), (batch, n)."""
        return namespace(z).exp(flatten(z))

    def sample(self, z: Array, generator: "np.random.Generator") -> Array:
        """Return counts drawn from the Poisson distribution with rate exp(z)."""
        rate = np.exp(to_numpy(flatten(z)))
        return in_library_of(z, generator.poisson(rate).astype(rate.dtype))
