"""Layers that rearrange or drop entries."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Array, flatten, is_numpy, namespace
from ..errors import OptionError
from ..operators import Diagonal, Identity, Operator
from ..options import check_whole, settle_number, settle_whole
from .base import Closed, Layer, Linearization, Shape, Theta

__all__ = ["Dropout", "Flatten", "Reshape"]


class Flatten(Layer):
    r"""Every example as one vector, row-major.

    Math:
        A = I    (vec of an array and vec of its reshape are the same vector)

    Shapes:
        x: (batch, \*any)
        y: (batch, n)
        A: (n, n), shared by the batch
    """

    def output_shape(self, shape: Shape) -> Shape:
        """Return (n,) with n the product of the axes."""
        return (math.prod(shape),)

    def value(self, theta: Theta, x: Array) -> Array:
        """Return x as (batch, n)."""
        return flatten(x)

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return the identity."""
        return Identity(y.shape[1]), {}


@dataclass(frozen=True, repr=False)
class Reshape(Layer):
    r"""Every example in another shape, row-major order kept.

    Math:
        A = I

    Shapes:
        x: (batch, \*any)
        y: (batch, \*target)
        A: (n, n), shared by the batch

    Args:
        target: the new shape of one example; one axis may be -1.

    Raises:
        ShapeError: the sizes differ.
    """

    target: Shape

    def __post_init__(self) -> None:
        if not isinstance(self.target, Iterable):
            raise OptionError(f"Reshape: target={self.target!r:.40}, expected a tuple of sizes, as in (-1, 2).")
        target = tuple(check_whole("Reshape", "an axis of target", size, -1) for size in self.target)
        object.__setattr__(self, "target", target)
        if target.count(-1) > 1 or 0 in target:
            raise OptionError(f"Reshape: target={self.target}, expected sizes of at least 1 and at most one -1.")

    def output_shape(self, shape: Shape) -> Shape:
        """Return the target with -1 filled in."""
        size, known = math.prod(shape), math.prod(s for s in self.target if s != -1)
        if size % known or (-1 not in self.target and size != known):
            raise self.misfit(shape, f"batch, and {known} entries to fill {self.target}")
        return tuple(size // known if s == -1 else s for s in self.target)

    def value(self, theta: Theta, x: Array) -> Array:
        """Return x as (batch, \\*target)."""
        return namespace(x).reshape(x, (x.shape[0], *self.output_shape(tuple(x.shape[1:]))))

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return the identity."""
        return Identity(math.prod(y.shape[1:])), {}


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    r"""In training, each entry is 0 with probability p, else divided by 1 - p; otherwise the identity.

    The mask is a function of the seed, the training step and the layer's place in the network, so a resumed
    training sees the same masks. ``Network.training(step)`` switches it on for one step.

    Math:
        A = diag(mask) / (1 - p)    in training,    I otherwise

    Shapes:
        x: (batch, \*any)
        y: (batch, \*any)
        A: (n, n), one per example

    Args:
        p: probability of a zero, in [0, 1).
        seed: of the masks.
        step: the training step whose mask is used; None is evaluation.
        place: where in the network the layer stands.
    """

    p: float = 0.5
    seed: int = 0
    step: int | None = None
    place: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        settle_number(self, "p", low=0, below=1)
        settle_whole(self, "seed", *["step"] * (self.step is not None), low=0)
        object.__setattr__(self, "place", tuple(check_whole("Dropout", "place", entry, 0) for entry in self.place))

    def training(self, step: int, place: tuple[int, ...] = ()) -> "Dropout":
        """Return the layer with the mask of this step; with p = 0 there is none."""
        return replace(self, step=step, place=place) if self.p else self

    def value(self, theta: Theta, x: Array) -> Array:
        """Return x with entries dropped, or x itself outside training."""
        return x if self.step is None else x * self._mask(x)

    def linearized(self, theta: Theta, x: Array) -> Linearization:
        """Return y and A from one drawing of the mask."""
        if self.step is None:
            return Closed(x, Identity(math.prod(x.shape[1:])), {})
        mask = self._mask(x)
        return Closed(x * mask, Diagonal(flatten(mask)), {})

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return diag(mask) / (1 - p), or the identity outside training."""
        step = self.linearized(theta, x)
        return step.A, {}

    def _mask(self, x: Array) -> Array:
        entropy = [self.seed, self.step or 0, *self.place]
        drawn = np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy))).random(tuple(x.shape))
        mask = np.where(drawn >= self.p, 1.0 / (1.0 - self.p), 0.0)
        return (
            mask.astype(x.dtype)
            if is_numpy(x)
            else namespace(x).asarray(mask, dtype=x.dtype, device=getattr(x, "device", None))
        )
