"""Normalisation of every example by its own mean and scale."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, namespace
from ..functions import total
from ..operators import Diagonal, Identity, LowRankUpdate, Operator
from ..options import settle_number, settle_whole
from .base import Closed, LastAxis, Linearization, Shape, Theta

__all__ = ["LayerNorm", "RMSNorm"]


@dataclass(frozen=True, repr=False)
class _Normalization(LastAxis):
    """What the two share: the size of the last axis, eps inside the root, the gain."""

    features: int
    eps: float = 1e-5
    gain: bool = True

    def __post_init__(self) -> None:
        settle_whole(self, "features", low=1)
        settle_number(self, "eps", low=0)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape itself, which must end in ``features``."""
        if not shape or shape[-1] != self.features:
            raise self.misfit(shape, f"batch, ..., {self.features}")
        return shape

    def _scaled(self, theta: Theta, h: Array) -> Array:
        return h * theta["weight"] if self.gain else h

    def _gain_over(self, theta: Theta, root: Array) -> Array:
        """Return g / root, (batch, n), or 1 / root repeated where there is no gain."""
        if self.gain:
            return theta["weight"] / root
        return namespace(root).broadcast_to(1 / root, (root.shape[0], self.features))


@dataclass(frozen=True, repr=False)
class LayerNorm(_Normalization):
    r"""``y = g * h + b`` with ``h = (x - mean) / rho`` and ``rho = sqrt(var + eps)`` over the last axis.

    The variance divides by n, not n - 1.

    Math:
        A = diag(g / rho) (I - 1 1^T / n - h h^T / n)
        B[weight] = diag(h),   B[bias] = I

    Shapes:
        x: (batch, \*places, n)
        y: (batch, \*places, n)
        weight: (n,)
        bias: (n,)
        A: (n, n), one per example

    Dtype: floating, kept.

    Args:
        features: n.
        eps: added to the variance, inside the root.
        gain: whether there is a g.
        bias: whether there is a b.

    Raises:
        ShapeError: the last axis of x is not n.

    Source: docs/mathematics.md, "Layers", LayerNorm.
    """

    bias: bool = True

    @property
    def parameter_shapes(self) -> dict[str, Shape]:
        """``weight`` (n,), the gain, and ``bias`` (n,), unless left out."""
        names = ["weight"] * self.gain + ["bias"] * self.bias
        return dict.fromkeys(names, (self.features,))

    def initialize(self, generator: "np.random.Generator") -> dict[str, Any]:
        """Return gain 1 and shift 0."""
        start = {"weight": np.ones(self.features), "bias": np.zeros(self.features)}
        return {name: start[name] for name in self.parameter_shapes}

    def value(self, theta: Theta, x: Array) -> Array:
        """Return g * h + b for every row."""
        return self._output(theta, self._normalized(x)[0])

    def linearized_rows(self, theta: Theta, x: Array) -> Linearization:
        """Return y, A and B from one computation of h and rho."""
        h, rho = self._normalized(x)
        return Closed(self._output(theta, h), *self._jacobians(theta, h, rho))

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return diag(g / rho) (I - 1 1^T / n - h h^T / n), and diag(h) and I."""
        return self._jacobians(theta, *self._normalized(x))

    def _normalized(self, x: Array) -> tuple[Array, Array]:
        """Return h and rho, the latter (batch, 1)."""
        xp, n = namespace(x), self.features
        centred = x - total(x) / n
        rho = xp.sqrt(total(centred * centred) / n + self.eps)
        return centred / rho, rho

    def _output(self, theta: Theta, h: Array) -> Array:
        y = self._scaled(theta, h)
        return y + theta["bias"] if self.bias else y

    def _jacobians(self, theta: Theta, h: Array, rho: Array) -> tuple[Operator, dict[str, Operator]]:
        xp, n = namespace(h), self.features
        d = self._gain_over(theta, rho)
        V = xp.stack([xp.ones_like(h), h], axis=2)
        A = LowRankUpdate(Diagonal(d), V * (d[:, :, None] / -n), V)
        B: dict[str, Operator] = {"weight": Diagonal(h), "bias": Identity(n)}
        return A, {name: B[name] for name in self.parameter_shapes}


@dataclass(frozen=True, repr=False)
class RMSNorm(_Normalization):
    r"""``y = g * h`` with ``h = x / r`` and ``r = sqrt(mean x^2 + eps)`` over the last axis.

    Math:
        A = diag(g / r) (I - h h^T / n)
        B[weight] = diag(h)

    Shapes:
        x: (batch, \*places, n)
        y: (batch, \*places, n)
        weight: (n,)
        A: (n, n), one per example

    Dtype: floating, kept.

    Args:
        features: n.
        eps: added to the mean square, inside the root. PyTorch's default is the dtype's machine epsilon.
        gain: whether there is a g.

    Raises:
        ShapeError: the last axis of x is not n.

    Source: docs/mathematics.md, "Layers", RMSNorm.
    """

    @property
    def parameter_shapes(self) -> dict[str, Shape]:
        """``weight`` (n,), the gain, unless left out."""
        return {"weight": (self.features,)} if self.gain else {}

    def initialize(self, generator: "np.random.Generator") -> dict[str, Any]:
        """Return gain 1."""
        return {"weight": np.ones(self.features)} if self.gain else {}

    def value(self, theta: Theta, x: Array) -> Array:
        """Return g * x / r for every row."""
        return self._scaled(theta, x / self._root(x))

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return diag(g / r) (I - h h^T / n), and diag(h)."""
        r = self._root(x)
        h, d = x / r, self._gain_over(theta, r)
        A = LowRankUpdate(Diagonal(d), (d * h / -self.features)[:, :, None], h[:, :, None])
        return A, {"weight": Diagonal(h)} if self.gain else {}

    def _root(self, x: Array) -> Array:
        """Return r, (batch, 1)."""
        return namespace(x).sqrt(total(x * x) / self.features + self.eps)
