"""The affine-linear potential, in two forms."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, namespace, times_transposed
from ..errors import unknown_name
from ..operators import Dense, Identity, Kronecker, Operator
from ..options import settle_whole
from .base import LastAxis, Shape, Theta

__all__ = ["INITIALIZATIONS", "AugmentedLinear", "Linear"]

INITIALIZATIONS = {
    "uniform": lambda m, n: 1.0 / math.sqrt(n),
    "glorot": lambda m, n: math.sqrt(6.0 / (m + n)),
    "he": lambda m, n: math.sqrt(6.0 / n),
}
"""Half-widths of the uniform starting values for a weight of m rows and n columns."""


@dataclass(frozen=True, repr=False)
class _Affine(LastAxis):
    """What the two forms share: sizes, starting values, checks."""

    in_features: int
    out_features: int
    bias: bool = True
    initialization: str = "uniform"

    def __post_init__(self) -> None:
        settle_whole(self, "in_features", "out_features", low=1)
        if self.initialization not in INITIALIZATIONS:
            raise unknown_name("initialization", str(self.initialization), INITIALIZATIONS)

    @property
    def label(self) -> str:
        """Name and sizes, as in ``Linear(64 -> 32)``."""
        return f"{type(self).__name__}({self.in_features} -> {self.out_features})"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape with its last axis replaced by ``out_features``."""
        if not shape or shape[-1] != self.in_features:
            places = "".join("..., " for _ in shape[1:2])
            raise self.misfit(shape, f"batch, {places}{self.in_features}")
        return (*shape[:-1], self.out_features)

    def _weight_and_bias(self, generator: "np.random.Generator") -> tuple[Any, Any]:
        m, n = self.out_features, self.in_features
        width = INITIALIZATIONS[self.initialization](m, n)
        weight = generator.uniform(-width, width, (m, n))
        return weight, generator.uniform(-1.0 / math.sqrt(n), 1.0 / math.sqrt(n), m) if self.bias else None


@dataclass(frozen=True, repr=False)
class Linear(_Affine):
    r"""The affine-linear potential ``y = W x + b``.

    Math:
        A = W
        B[weight] = I_m (x) x^T    (row-major vec),    B[bias] = I_m

    Shapes:
        x: (batch, \*places, n)
        y: (batch, \*places, m)
        weight: (m, n)
        bias: (m,)
        A: (m, n), shared by the batch
        B[weight]: (m, m n), one per example

    Dtype: floating, kept.

    Args:
        in_features: n.
        out_features: m.
        bias: whether there is a b.
        initialization: ``"uniform"`` (half-width 1/sqrt n, as PyTorch), ``"glorot"`` or ``"he"``.

    Raises:
        ShapeError: the last axis of x is not n.

    Source: docs/mathematics.md, "Layers"; [D], named there, writes W^T a + b: W and its transpose exchanged.
    """

    @property
    def parameter_shapes(self) -> dict[str, Shape]:
        """``weight`` (m, n) and, unless left out, ``bias`` (m,)."""
        shapes: dict[str, Shape] = {"weight": (self.out_features, self.in_features)}
        return {**shapes, "bias": (self.out_features,)} if self.bias else shapes

    def initialize(self, generator: "np.random.Generator") -> dict[str, Any]:
        """Return uniform starting values."""
        weight, bias = self._weight_and_bias(generator)
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    def value(self, theta: Theta, x: Array) -> Array:
        """Return W x + b for every row x."""
        y = times_transposed(x, theta["weight"])
        if self.bias:
            y += theta["bias"]
        return y

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return W, and I (x) x^T and I."""
        identity = Identity(self.out_features)
        B: dict[str, Operator] = {"weight": Kronecker(identity, Dense(x[:, None, :]))}
        if self.bias:
            B["bias"] = identity
        return Dense(theta["weight"]), B


@dataclass(frozen=True, repr=False)
class AugmentedLinear(_Affine):
    r"""The affine-linear potential in the augmented form ``y = W~ (x; 1)`` with ``W~ = [W b]``.

    Math:
        A = W                      (W~ without its last column)
        B[weight] = I_m (x) (x; 1)^T    (row-major vec)

    Shapes:
        x: (batch, \*places, n)
        y: (batch, \*places, m)
        weight: (m, n + 1)
        A: (m, n), shared by the batch
        B[weight]: (m, m (n + 1)), one per example

    Dtype: floating, kept.

    Raises:
        ShapeError: the last axis of x is not n.

    Source: docs/mathematics.md, "Layers"; [O], named there, affine-linear potential functions; the same numbers as
    ``Linear`` from the same seed.
    """

    @property
    def parameter_shapes(self) -> dict[str, Shape]:
        """``weight`` (m, n + 1); without a bias (m, n)."""
        return {"weight": (self.out_features, self.in_features + self.bias)}

    def initialize(self, generator: "np.random.Generator") -> dict[str, Any]:
        """Return the starting values of ``Linear``, side by side."""
        weight, bias = self._weight_and_bias(generator)
        return {"weight": np.concatenate([weight, bias[:, None]], axis=1) if self.bias else weight}

    def value(self, theta: Theta, x: Array) -> Array:
        """Return W~ (x; 1) for every row x."""
        return times_transposed(self._augment(x), theta["weight"])

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return W, and I (x) (x; 1)^T."""
        rows = Dense(self._augment(x)[:, None, :])
        return Dense(theta["weight"][:, : self.in_features]), {"weight": Kronecker(Identity(self.out_features), rows)}

    def _augment(self, x: Array) -> Array:
        if not self.bias:
            return x
        xp = namespace(x)
        return xp.concat([x, xp.ones_like(x[..., :1])], axis=-1)
