"""What every subject is brought to: a function of named arrays, and the ways in which it gives its derivative."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, final

import numpy as np

Points = Sequence[Any]
"""One array for every argument under test, float64 (complex128 for complex steps), in the argument's shape."""

EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7, "longdouble": 2.0**-52}
"""Spacing of the numbers of a dtype at 1."""

NATIVE, DOUBLE, COMPLEX = "native", "double", "complex"


def epsilon(dtype: str) -> float:
    """Return the spacing at 1 of a dtype by name; that of float64 for unknown ones."""
    return EPSILON.get(dtype, 2.0**-52)


class Value(NamedTuple):
    """What one call of the function gave.

    Attributes:
        numbers: float64 or complex128, in the shape of the output.
        dtype: of the output as it came, by name.
        changed: the arguments that the call changed in place, by index, with their values afterwards.
        reused: those that it changed and returned.
        parts: shapes of the outputs where there are several; the numbers are one vector then.
    """

    numbers: Any
    dtype: str
    changed: dict[int, Any]
    reused: tuple[int, ...] = ()
    parts: tuple[tuple[int, ...], ...] = ()


class Raw(NamedTuple):
    r"""The derivative in one argument as it came: numbers (m, \*own shape), and the dtype's name."""

    numbers: Any
    dtype: str


@final
@dataclass(frozen=True)
class Route:
    r"""One way in which the derivative is given.

    Attributes:
        kind: ``"jacobian"``, ``"vjp"``, ``"jvp"`` or ``"gradient"``.
        dense: (points, precision) -> a Raw for every argument, None where the route gives none.
        pull: (points, precision, u) -> the cotangent of every argument, for u in the output's shape.
        push: (points, precision, tangents) -> the output's tangent.
        primal: (points, precision) -> the function's value as the rule itself gives it, None where it gives none.
        changes: (points, precision) -> what one call of the derivative changed in place, in words.
    """

    kind: str
    dense: Callable[[Points, str], list[Raw | None]]
    pull: Callable[[Points, str, Any], list[Any]] | None = None
    push: Callable[[Points, str, Points], Any] | None = None
    primal: Callable[[Points, str], Any] | None = None
    changes: Callable[[Points, str], list[str]] | None = None


@final
@dataclass(frozen=True)
class Problem:
    """A function of named arguments at a point, with its derivatives to be checked.

    Attributes:
        title: what is checked, in words.
        names: of the arguments under test.
        points: their values in float64.
        dtypes: their dtypes as they came, by name.
        evaluate: (points, precision) -> Value, with precision ``"native"``, ``"double"`` or ``"complex"``.
        routes: the derivatives.
        complex_steps: whether ``evaluate`` takes complex points.
        exact: points -> the Jacobian blocks (m, n) by the framework's own differentiation of the forward, or None.
        exact_name: how the report calls it.
        notes: what the reader should know from the start.
    """

    title: str
    names: tuple[str, ...]
    points: tuple[Any, ...]
    dtypes: tuple[str, ...]
    evaluate: Callable[[Points, str], Value]
    routes: tuple[Route, ...]
    complex_steps: bool = False
    exact: Callable[[Points], list[Any]] | None = None
    exact_name: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def native_epsilon(self) -> float:
        """The spacing of the coarsest dtype among the arguments."""
        return max((epsilon(dtype) for dtype in self.dtypes), default=2.0**-52)


def from_pulls(pull: Callable[[Points, str, Any], list[Any]], out_shape: Callable[[], tuple[int, ...]]) -> Any:
    """Return ``dense`` made of one pull for every entry of the output."""

    def dense(points: Points, precision: str) -> list[Raw | None]:
        shape = out_shape()
        rows = [pull(points, precision, u.reshape(shape)) for u in np.eye(int(np.prod(shape, dtype=int)))]
        return [_stacked([row[i] for row in rows]) for i in range(len(points))]

    return dense


def _stacked(rows: list[Any]) -> Raw | None:
    if all(row is None for row in rows):
        return None
    given = next(row for row in rows if row is not None)
    arrays = [np.zeros_like(given[0]) if row is None else row[0] for row in rows]
    if len({array.shape for array in arrays}) > 1:
        arrays = [np.broadcast_to(array, np.broadcast_shapes(*(a.shape for a in arrays))) for array in arrays]
    return Raw(np.stack(arrays), given[1])


def from_pushes(push: Callable[[Points, str, Points], Any]) -> Any:
    """Return ``dense`` made of one push for every entry of every argument."""

    def dense(points: Points, precision: str) -> list[Raw | None]:
        found: list[Raw | None] = []
        for index, point in enumerate(points):
            columns, dtype = [], "float64"
            for e in np.eye(point.size):
                tangents = [np.zeros(p.shape) for p in points]
                tangents[index] = e.reshape(point.shape)
                column, dtype = push(points, precision, tangents)
                columns.append(column)
            # The output's axes come first, then those of the argument.
            numbers = np.stack(columns, axis=-1).reshape(-1, *point.shape) if columns else np.zeros((0, 0))
            found.append(Raw(numbers, dtype))
        return found

    return dense
