"""theta: all parameters of a network in one vector, with named views into it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .arrays import Array, detached, dtype_name, library, namespace
from .errors import OptionError, ShapeError, unknown_name
from .pytrees import declare, register_waiting

__all__ = ["Layout", "Parameters"]


@dataclass(frozen=True)
class Layout:
    """Which entries of the vector are which parameter.

    Layers in order, within a layer in the order of ``parameter_shapes`` (weight before bias), row-major.

    Attributes:
        shapes: shape by name, in order.
    """

    shapes: Mapping[str, tuple[int, ...]]

    def __post_init__(self) -> None:
        slices, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            slices[name] = slice(start, stop)
            start = stop
        object.__setattr__(self, "slices", slices)
        object.__setattr__(self, "size", start)

    def __hash__(self) -> int:
        return hash((self.size, tuple(self.shapes)))

    slices: Mapping[str, slice] = None  # type: ignore[assignment]
    """Where each parameter lies in the vector."""
    size: int = 0
    """P, the number of parameters."""

    def chosen(self, name: str) -> list[str]:
        """Return the parameter of this name, or those of the layer of this name (``"0"``), in order.

        Raises:
            OptionError: neither exists; the message has the nearest name.
        """
        found = [n for n in self.shapes if n == name or n.startswith(f"{name}.")]
        if not found:
            raise unknown_name("parameter or layer", name, self.shapes)
        return found


class Parameters(Mapping[str, Array]):
    """A point in parameter space: ``vector`` in R^P, and a view into it for every name.

    ``theta["0.weight"]`` is a view on NumPy and PyTorch: writing to one writes to the other. On JAX, whose arrays
    cannot be written, it is an array of its own: parameters are a pytree of these, and a gradient's vector is put
    together when it is asked for.

    Shapes:
        vector: (P,)
        theta[name]: the parameter's shape
    """

    __slots__ = ("_vector", "_views", "layout")

    def __init__(self, layout: Layout, vector: Array) -> None:
        if tuple(vector.shape) != (layout.size,):
            raise ShapeError(f"Parameters: the vector has shape {tuple(vector.shape)}, expected ({layout.size},).")
        register_waiting()
        self.layout = layout
        self._vector: Array | None = vector
        self._views: dict[str, Array] = {}

    @classmethod
    def of_arrays(cls, layout: Layout, arrays: Mapping[str, Array], vector: Array | None = None) -> "Parameters":
        """Return parameters that hold these arrays, one for every name.

        They are views of ``vector``, or have none, in a library whose arrays are not written. Nothing is checked:
        inside JAX's transformations the arrays may be anything in the place of arrays.
        """
        theta = cls.__new__(cls)
        theta.layout, theta._vector, theta._views = layout, vector, dict(arrays)
        return theta

    @property
    def vector(self) -> Array:
        """All parameters, (P,). Its entries may be written; another vector makes other parameters: ``with_vector``."""
        if self._vector is None:
            flat = [namespace(array).reshape(array, (-1,)) for array in self._views.values()]
            self._vector = namespace(flat[0]).concat(flat)
        return self._vector

    @property
    def like(self) -> Array:
        """An array that has the library, dtype and device of the parameters."""
        return next(iter(self._views.values())) if self._vector is None else self._vector

    def __getitem__(self, name: str) -> Array:
        view = self._views.get(name)
        if view is None:
            if name not in self.layout.slices:
                raise _UnknownParameter(str(unknown_name("parameter", str(name), self.layout.slices)))
            vector = detached(self.vector)
            view = namespace(vector).reshape(vector[self.layout.slices[name]], self.layout.shapes[name])
            self._views[name] = view
        return view

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.shapes)

    def __len__(self) -> int:
        return len(self.layout.shapes)

    def __contains__(self, name: object) -> bool:
        return name in self.layout.shapes

    def __eq__(self, other: object) -> bool:
        """Whether names, shapes, library, dtype and every number are the same."""
        if not isinstance(other, Parameters):
            return False
        mine, theirs = self.vector, other.vector
        if library(mine) != library(theirs) or mine.dtype != theirs.dtype:
            return False
        same = list(self.layout.shapes.items()) == list(other.layout.shapes.items())
        return same and bool(namespace(mine).all(mine == theirs))

    __hash__ = None  # type: ignore[assignment]

    def with_vector(self, vector: Array) -> "Parameters":
        """Return the parameters with the same names and another vector.

        Raises:
            ShapeError: the vector's length is not P.
        """
        return Parameters(self.layout, vector)

    def astype(self, dtype: Any) -> "Parameters":
        """Return the parameters in another dtype."""
        return Parameters(self.layout, namespace(self.vector).astype(self.vector, dtype))

    def copy(self) -> "Parameters":
        """Return parameters whose vector is a copy."""
        return Parameters(self.layout, namespace(self.vector).asarray(self.vector, copy=True))

    def __reduce__(self) -> tuple[Any, ...]:
        # Copied one by one, views would no longer be views of the copied vector.
        return Parameters, (self.layout, self.vector)

    def flat(self) -> dict[str, Array]:
        """Return the parameters by name as flat views, (p,) each."""
        vector = detached(self.vector)
        return {name: vector[where] for name, where in self.layout.slices.items()}

    def _repr_html_(self) -> str:
        from .display import arrays_html, quantity

        details = (f"{quantity(self.layout.size)} numbers in {len(self)} arrays", dtype_name(self.vector))
        return arrays_html("Parameters", details, self)

    def __repr__(self) -> str:
        lines = [f"  {name}: {' x '.join(map(str, shape)) or 'scalar'}" for name, shape in self.layout.shapes.items()]
        shown = lines if len(lines) <= 12 else [*lines[:6], f"  ... {len(lines) - 12} more", *lines[-6:]]
        head = f"Parameters({self.layout.size:,} numbers, {dtype_name(self.vector)})"
        return "\n".join([head, *shown])


def _taken_apart(theta: Parameters) -> tuple[list[tuple[str, Array]], Layout]:
    # Without parameters the empty vector alone says of which library they are.
    return [(name, theta[name]) for name in theta] or [("vector", theta.vector)], theta.layout


def _put_together(layout: Layout, arrays: Iterable[Any]) -> Parameters:
    theta = Parameters.of_arrays(layout, dict(zip(layout.shapes or ["vector"], arrays, strict=True)))
    theta._vector = None if layout.shapes else theta._views.pop("vector")
    return theta


declare(Parameters, _taken_apart, _put_together)


class _UnknownParameter(OptionError, KeyError):
    """No parameter has this name; a KeyError too, as mappings promise."""

    def __str__(self) -> str:
        return str(self.args[0])
