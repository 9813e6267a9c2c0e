"""Layers made of layers. Their Jacobians are products, sums and blocks of those of their parts."""

import functools
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, flatten, namespace
from ..errors import OptionError, ShapeError
from ..operators import Operator
from ..options import settle_whole
from .base import Layer, Linearization, Shape, Theta
from .composed import Branches, Repeated, Steps

__all__ = ["Chain", "Concatenate", "Product", "Residual", "Shared", "Sum", "as_layer"]


def as_layer(part: Any) -> Layer:
    """Return ``part`` if it is a layer, or the chain of the layers it lists.

    Raises:
        OptionError: it is neither a layer nor a list.
    """
    if isinstance(part, Layer):
        return part
    if isinstance(part, Iterable) and not isinstance(part, str | bytes | Mapping):
        return Chain(tuple(part))
    raise OptionError(f"{part!r} is a {type(part).__name__}, expected a layer or a list of layers.")


@dataclass(frozen=True, repr=False)
class _Combinator(Layer):
    """What all combinators share: parts, whose parameters are named ``"<index of the part>.<name>"``."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Layer, ...]:
        """The layers this one is made of."""

    @abstractmethod
    def rebuilt(self, parts: tuple[Layer, ...]) -> Layer:
        """Return the same combinator of other parts."""

    @functools.cached_property
    def _names(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """For every part, its parameters' names there and here: ``("weight", "0.weight")``."""
        return tuple(
            tuple((name, f"{i}.{name}") for name in part.parameter_shapes) for i, part in enumerate(self.parts)
        )

    def _local(self, theta: Theta, index: int) -> dict[str, Array]:
        """Return the parameters of one part under its own names."""
        return {name: theta[full] for name, full in self._names[index]}

    @property
    def coupled(self) -> bool:  # type: ignore[override]
        """Whether any part couples the examples of a batch."""
        return any(part.coupled for part in self.parts)

    @property
    def parameter_shapes(self) -> dict[str, Shape]:
        """The shapes of all parts, in order."""
        return {
            f"{i}.{name}": shape for i, part in enumerate(self.parts) for name, shape in part.parameter_shapes.items()
        }

    def initialize(self, generator: "np.random.Generator") -> dict[str, Any]:
        """Return the starting values of all parts, drawn in order."""
        values = [part.initialize(generator) for part in self.parts]
        return {f"{i}.{name}": array for i, part in enumerate(values) for name, array in part.items()}

    def training(self, step: int, place: tuple[int, ...] = ()) -> Layer:
        """Return the combinator with every part as it acts in one training step."""
        parts = tuple(part.training(step, (*place, i)) for i, part in enumerate(self.parts))
        unchanged = all(new is old for new, old in zip(parts, self.parts, strict=True))
        return self if unchanged else self.rebuilt(parts)

    def value(self, theta: Theta, x: Array) -> Array:
        """Return y; the parts are linearized only where that is needed."""
        return self.linearized(theta, x).output

    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return A and B of the whole."""
        step = self.linearized(theta, x)
        return step.A, dict(step.B)


@dataclass(frozen=True, repr=False)
class Chain(_Combinator):
    """Composition: x_l = f_l(x_{l-1}, theta_l), l = 1..L.

    Math:
        A = A_L ... A_1
        B[l] = A_L ... A_{l+1} B_l

    Source: docs/mathematics.md, "The theorem and its three orders".
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(as_layer(layer) for layer in self.layers))
        if not self.layers:
            raise OptionError("Chain: no layers given, expected at least one.")

    @property
    def parts(self) -> tuple[Layer, ...]:
        """The layers in order."""
        return self.layers

    def rebuilt(self, parts: tuple[Layer, ...]) -> "Chain":
        """Return the chain of other layers."""
        return Chain(parts)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the last layer's output shape; an error says at which layer the shapes do not fit."""
        for index, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ShapeError as error:
                raise ShapeError(f"layer {index}, {error}") from None
        return shape

    def value(self, theta: Theta, x: Array) -> Array:
        """Return f_L(... f_1(x))."""
        for index, layer in enumerate(self.layers):
            x = layer.value(self._local(theta, index), x)
        return x

    def linearized(self, theta: Theta, x: Array) -> Steps:
        """Return every layer's linearization, at the output of the one before."""
        steps: list[Linearization] = []
        for index, layer in enumerate(self.layers):
            steps.append(layer.linearized(self._local(theta, index), x))
            x = steps[-1].output
        return Steps(steps)


@dataclass(frozen=True, repr=False)
class Residual(_Combinator):
    """``y = x + g(x)``.

    Math:
        A = I + A_g,   B = B_g

    Raises:
        ShapeError: g changes the shape.

    Source: docs/mathematics.md, "Layers", residual.
    """

    inner: Layer

    def __post_init__(self) -> None:
        object.__setattr__(self, "inner", as_layer(self.inner))

    @property
    def parts(self) -> tuple[Layer, ...]:
        """The one layer g."""
        return (self.inner,)

    def rebuilt(self, parts: tuple[Layer, ...]) -> "Residual":
        """Return x + g(x) with another g."""
        return Residual(parts[0])

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape itself, which g must keep."""
        return _unchanged(self, self.inner, shape)

    def value(self, theta: Theta, x: Array) -> Array:
        """Return x + g(x)."""
        return x + self.inner.value(self._local(theta, 0), x)

    def linearized(self, theta: Theta, x: Array) -> Branches:
        """Return the linearization of g beside the identity."""
        g = self.inner.linearized(self._local(theta, 0), x)
        return Branches.of_residual(x + g.output, g)


@dataclass(frozen=True, repr=False)
class _Parallel(_Combinator):
    """What sums, products and concatenations share: branches that all see the same x."""

    branches: tuple[Layer, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "branches", tuple(as_layer(part) for part in self.branches))
        if len(self.branches) < 2:
            raise OptionError(f"{type(self).__name__}: {len(self.branches)} branches given, expected two or more.")

    @property
    def parts(self) -> tuple[Layer, ...]:
        """The branches."""
        return self.branches

    def rebuilt(self, parts: tuple[Layer, ...]) -> Layer:
        """Return the same combinator of other branches."""
        return type(self)(parts)

    def _branch_shapes(self, shape: Shape) -> list[Shape]:
        shapes = []
        for index, branch in enumerate(self.branches):
            try:
                shapes.append(branch.output_shape(shape))
            except ShapeError as error:
                raise ShapeError(f"{type(self).__name__}, branch {index}, {error}") from None
        return shapes

    def output_shape(self, shape: Shape) -> Shape:
        """Return the branches' common output shape."""
        shapes = self._branch_shapes(shape)
        if len(set(shapes)) > 1:
            raise ShapeError(f"{type(self).__name__}: the branches give shapes {shapes}, expected one shape for all.")
        return shapes[0]

    def _values(self, theta: Theta, x: Array) -> list[Array]:
        return [branch.value(self._local(theta, i), x) for i, branch in enumerate(self.branches)]

    def _linearized(self, theta: Theta, x: Array) -> list[Linearization]:
        return [branch.linearized(self._local(theta, i), x) for i, branch in enumerate(self.branches)]


class Sum(_Parallel):
    """``y = f(x) + g(x) + ...``.

    Math:
        A = A_f + A_g + ...

    Raises:
        ShapeError: the branches' shapes differ.
    """

    def value(self, theta: Theta, x: Array) -> Array:
        """Return the sum of the branches."""
        return _add(self._values(theta, x))

    def linearized(self, theta: Theta, x: Array) -> Branches:
        """Return the branches' linearizations, added up."""
        steps = self._linearized(theta, x)
        return Branches.of_sum(_add([step.output for step in steps]), steps)


class Product(_Parallel):
    """``y = f(x) * g(x) * ...``, entry by entry.

    Math:
        A = diag(g) A_f + diag(f) A_g        (for two branches)

    Raises:
        ShapeError: the branches' shapes differ.
    """

    def value(self, theta: Theta, x: Array) -> Array:
        """Return the elementwise product of the branches."""
        return _times(self._values(theta, x))

    def linearized(self, theta: Theta, x: Array) -> Branches:
        """Return the branches' linearizations, each scaled by the others' values."""
        steps = self._linearized(theta, x)
        others = [_times([s.output for j, s in enumerate(steps) if j != i]) for i in range(len(steps))]
        return Branches.of_product(_times([step.output for step in steps]), steps, others)


class Concatenate(_Parallel):
    """``y = (f(x); g(x); ...)``: the branches' outputs, flattened, one after another.

    Math:
        A = (A_f; A_g; ...)
    """

    def output_shape(self, shape: Shape) -> Shape:
        """Return (m,) with m the sum of the branches' sizes."""
        sizes = self._branch_shapes(shape)
        return (sum(int(np.prod(size)) for size in sizes),)

    def value(self, theta: Theta, x: Array) -> Array:
        """Return the branches' outputs side by side."""
        return _concatenate(self._values(theta, x))

    def linearized(self, theta: Theta, x: Array) -> Branches:
        """Return the branches' linearizations, stacked."""
        steps = self._linearized(theta, x)
        return Branches.of_concatenation(_concatenate([step.output for step in steps]), steps)


@dataclass(frozen=True, repr=False)
class Shared(_Combinator):
    """The same layer with the same parameters, ``times`` times: x_t = f(x_{t-1}, theta).

    Math:
        A = A_T ... A_1
        B = sum over t of A_T ... A_{t+1} B_t

    Raises:
        ShapeError: the layer changes the shape.

    Source: docs/mathematics.md, "Layers", shared weights.
    """

    inner: Layer
    times: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "inner", as_layer(self.inner))
        settle_whole(self, "times", low=1)

    @property
    def parts(self) -> tuple[Layer, ...]:
        """The one layer that is repeated."""
        return (self.inner,)

    def rebuilt(self, parts: tuple[Layer, ...]) -> "Shared":
        """Return another layer repeated as often."""
        return Shared(parts[0], self.times)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape itself, which the layer must keep."""
        return _unchanged(self, self.inner, shape)

    def value(self, theta: Theta, x: Array) -> Array:
        """Return f(... f(x))."""
        theta = self._local(theta, 0)
        for _ in range(self.times):
            x = self.inner.value(theta, x)
        return x

    def linearized(self, theta: Theta, x: Array) -> Repeated:
        """Return the linearization at every step."""
        theta, steps = self._local(theta, 0), []
        for _ in range(self.times):
            steps.append(self.inner.linearized(theta, x))
            x = steps[-1].output
        return Repeated(steps)


def _unchanged(layer: Layer, inner: Layer, shape: Shape) -> Shape:
    try:
        result = inner.output_shape(shape)
    except ShapeError as error:
        raise ShapeError(f"{type(layer).__name__}, {error}") from None
    if result != shape:
        raise ShapeError(
            f"{type(layer).__name__}({inner.label}): turns shape {shape} into {result}, expected no change."
        )
    return shape


def _add(arrays: list[Array]) -> Array:
    return sum(arrays[1:], start=arrays[0])


def _times(arrays: list[Array]) -> Array:
    product = arrays[0]
    for array in arrays[1:]:
        product = product * array
    return product


def _concatenate(arrays: list[Array]) -> Array:
    xp = namespace(arrays[0])
    return xp.concat([flatten(a) for a in arrays], axis=1)
