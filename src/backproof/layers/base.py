"""What a layer is: a function of (theta, x) with its total derivative, two Jacobians in closed form."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array, beside, detached, namespace, require_floating
from ..chain import Tally
from ..errors import ShapeError
from ..operators import DirectSum, Operator, Stack

__all__ = ["Closed", "LastAxis", "Layer", "Linearization"]

Shape = tuple[int, ...]
Theta = Mapping[str, Array]
Visit = Callable[[str, Operator, Array], None]
"""What the recursion does where delta meets a parameter: called with its name, its B, and delta."""
Direction = Callable[[str], Array | None]
"""The change of a parameter by name, (1, p) or (batch, p), None where it does not change."""


class Linearization(ABC):
    """A layer at one point: its output and its two Jacobians there.

    Attributes:
        output: y = f(x, theta), shape (batch, \\*output_shape).
        A: d y / d x, an operator m x n.
        B: d y / d theta, one operator m x p for every named parameter.
    """

    __slots__ = ()
    output: Array

    @property
    @abstractmethod
    def A(self) -> Operator:
        """The Jacobian with respect to the input."""

    @property
    @abstractmethod
    def B(self) -> Mapping[str, Operator]:
        """The Jacobians with respect to the parameters, by name."""

    @abstractmethod
    def backward(
        self, delta: Array, visit: Visit, input_too: bool = True, tally: Tally | None = None, place: str = ""
    ) -> Array | None:
        """Show every ``B`` to ``visit`` with the delta that meets it, and return ``delta A``.

        Args:
            delta: d loss / d y, (batch, m), or k such rows for every example, (batch, k, m).
            visit: called as ``visit(name, B, delta)`` for every parameter; once for each use of a shared one.
            input_too: whether ``delta A`` is wanted; None is returned without it.
            tally: counts the multiplications if given.
            place: prefix of the layer's parameter names inside the network, as in ``"2.0."``.
        """

    def _repr_html_(self) -> str:
        from .showing import steps_html

        return steps_html(self)

    @abstractmethod
    def push_forward(self, tangent: Array | None, direction: Direction, place: str = "") -> Array | None:
        """Return ``A tangent + sum of B direction``: the differential dy, the recursion run forward.

        Args:
            tangent: dx, (batch, n), or None for dx = 0.
            direction: gives dtheta of a parameter by name, (1, p), or None for 0.
            place: prefix of the layer's parameter names inside the network.
        """


class Closed(Linearization):
    """A linearization whose two Jacobians are given in closed form."""

    __slots__ = ("_A", "_B", "output")

    def __init__(self, output: Array, A: Operator, B: Mapping[str, Operator]) -> None:
        self.output = output
        self._A = A
        self._B = B

    @property
    def A(self) -> Operator:
        """The Jacobian with respect to the input."""
        return self._A

    @property
    def B(self) -> Mapping[str, Operator]:
        """The Jacobians with respect to the parameters, by name."""
        return self._B

    def backward(
        self, delta: Array, visit: Visit, input_too: bool = True, tally: Tally | None = None, place: str = ""
    ) -> Array | None:
        """Visit ``delta B`` and compute ``delta A``: the two products of the recursion."""
        if tally is not None:
            self._count(tally, delta, input_too, place)
        for name, B in self._B.items():
            visit(place + name, B, delta)
        # A layer's own factors fit its own delta, so the operators' checks are not repeated here.
        return self._A._pull(delta) if input_too else None

    def push_forward(self, tangent: Array | None, direction: Direction, place: str = "") -> Array | None:
        """Push the tangents of input and parameters through A and B, and add."""
        result = None if tangent is None else self._A.push(tangent)
        for name, B in self._B.items():
            dtheta = direction(place + name)
            if dtheta is not None:
                moved = B.push(dtheta)
                result = moved if result is None else result + moved
        return result

    def _count(self, tally: Tally, delta: Array, input_too: bool, place: str) -> None:
        rows = math.prod(delta.shape[:-1])
        for name, B in self._B.items():
            tally.add(f"delta B[{place}{name}]", rows * B.pull_cost)
        if input_too:
            tally.add(f"delta A[{place.rstrip('.')}]", rows * self._A.pull_cost)


@dataclass(frozen=True, repr=False)
class Layer(ABC):
    """A differentiable function of parameters and input, described without arrays.

    A subclass is a frozen dataclass of plain settings that gives ``value`` and ``jacobians``, and where it has
    them ``parameter_shapes``, ``output_shape`` and ``initialize``. All are pure functions of (theta, x).

    Shapes:
        x: (batch, \\*input_shape)
        y: (batch, \\*output_shape(input_shape))
        A: (m, n) with m and n the sizes of one example of y and x
        B[name]: (m, p) with p the size of that parameter, row-major
    """

    coupled: ClassVar[bool] = False
    """Whether the examples of a batch depend on one another, so that no per-example Jacobian exists."""

    # -- what a layer gives -------------------------------------------------------------------------------

    @abstractmethod
    def value(self, theta: Theta, x: Array) -> Array:
        """Return y = f(x, theta)."""

    @abstractmethod
    def jacobians(self, theta: Theta, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        """Return A = dy/dx and B = dy/dtheta by name, at the point where ``value`` gave ``y``."""

    @property
    def parameter_shapes(self) -> dict[str, Shape]:
        """Shapes of the parameters by name, in their order in the vector theta."""
        return {}

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of one example of y, given that of x.

        Raises:
            ShapeError: an input of this shape does not fit; the message names the layer.
        """
        return shape

    def initialize(self, generator: "np.random.Generator") -> dict[str, Any]:
        """Return starting values for the parameters as NumPy float64 arrays."""
        return {}

    def kinks(self, x: Array) -> Array | None:
        """Return which entries of x lie exactly where the layer has no derivative; None if it has one everywhere."""
        return None

    def training(self, step: int, place: tuple[int, ...] = ()) -> "Layer":
        """Return the layer as it acts in one training step; only layers that draw random numbers differ."""
        return self

    # -- what a layer is asked ----------------------------------------------------------------------------

    def forward(self, theta: Theta, x: Array) -> Array:
        """Return y = f(x, theta) after checking shapes and dtype.

        Raises:
            ShapeError, DtypeError: the input or a parameter does not fit; the message names the layer.
        """
        theta, x = self._check(theta, x)
        return self.value(theta, x)

    def linearize(self, theta: Theta, x: Array) -> Linearization:
        """Return y, A and B at (theta, x) after checking shapes and dtype.

        Raises:
            ShapeError, DtypeError: the input or a parameter does not fit; the message names the layer.
        """
        theta, x = self._check(theta, x)
        return self.linearized(theta, x)

    def linearized(self, theta: Theta, x: Array) -> Linearization:
        """Return y, A and B without checks; a layer that shares work between them overrides this."""
        y = self.value(theta, x)
        A, B = self.jacobians(theta, x, y)
        return Closed(y, A, B)

    def _check(self, theta: Theta, x: Array) -> tuple[Theta, Array]:
        """Return both as the formulas take them, without PyTorch's record of where they came from."""
        here = f"{self.label}: input"
        require_floating(x, here)
        if x.ndim < 2:
            raise ShapeError(f"{here} has shape {tuple(x.shape)}, expected a batch axis first.")
        self.output_shape(tuple(x.shape[1:]))
        for name, shape in self.parameter_shapes.items():
            if name not in theta:
                raise ShapeError(f"{self.label}: parameter {name!r} is missing, expected shape {shape}.")
            if tuple(theta[name].shape) != shape:
                came = tuple(theta[name].shape)
                raise ShapeError(f"{self.label}: parameter {name!r} has shape {came}, expected {shape}.")
        who = f"{self.label}: parameter"
        own = {name: beside(theta[name], x, f"{who} {name!r}", "input") for name in self.parameter_shapes}
        return own, detached(x, here)

    # -- how a layer is written down ----------------------------------------------------------------------

    @property
    def label(self) -> str:
        """The layer as error messages and tables name it."""
        return repr(self)

    def misfit(self, shape: Shape, expected: str) -> ShapeError:
        """Return the error for an input of the wrong shape."""
        came = ", ".join(["batch", *map(str, shape)])
        return ShapeError(f"{self.label}: input has shape ({came}), expected ({expected}).")

    def __repr__(self) -> str:
        shown = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.default is MISSING:
                shown.append(repr(value))
            elif value != field.default:
                shown.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


class LastAxis(Layer):
    """A layer that acts on the last axis alike at every place: each place is an example to its formulas.

    ``value`` and ``jacobians`` are written for x of shape (batch, n); for (batch, \\*places, n) the Jacobians
    are a direct sum (A) and a stack (B) of theirs.
    """

    def linearized(self, theta: Theta, x: Array) -> Linearization:
        """Return y, A and B, with the places of every example treated as a longer batch."""
        if x.ndim == 2:
            return self.linearized_rows(theta, x)
        xp, n = namespace(x), x.shape[-1]
        inner = self.linearized_rows(theta, xp.reshape(x, (-1, n)))
        output = xp.reshape(inner.output, (*x.shape[:-1], inner.output.shape[-1]))
        places = 1
        for length in x.shape[1:-1]:
            places *= length
        return Closed(output, DirectSum(inner.A, places), {name: Stack(B, places) for name, B in inner.B.items()})

    def linearized_rows(self, theta: Theta, x: Array) -> Linearization:
        """Return y, A and B for x of shape (batch, n)."""
        return super().linearized(theta, x)
