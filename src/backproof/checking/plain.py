"""Plain functions of arrays, with ``jacobian``, ``vjp``, ``jvp`` or ``gradient`` written by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..errors import DtypeError, OptionError, ShapeError
from .arguments import (
    Arguments,
    Function,
    argument_names,
    beside,
    calling,
    floats_of,
    is_floating,
    refuse_trees,
    same,
    title_of,
    tupled,
)
from .problems import NATIVE, Points, Problem, Raw, Route, Value, from_pulls, from_pushes
from .structures import Structure, numbers_of
from .tensors import is_tensor, like_tensor


def plain_problem(
    function: Function,
    inputs: tuple[Any, ...],
    given: Mapping[str, Function | None],
    names: Sequence[str] | None = None,
) -> Problem:
    """Return the problem of a plain function with the derivatives in ``given``, by kind.

    Raises:
        OptionError: no derivative is given, or no input can carry one.
    """
    if not any(given.values()):
        refuse_trees(inputs)
        raise OptionError(
            "check: a plain function came without a derivative, expected jacobian=, vjp=, jvp= or gradient=."
        )
    labels = argument_names(function, len(inputs), names)
    floating = tuple(i for i, value in enumerate(inputs) if is_floating(value))
    if not floating:
        raise DtypeError(
            f"check: no input of {title_of(function)} is a floating array; convert one, as in x.astype('float64')."
        )
    everything = Arguments(inputs, labels, floating)
    points = tuple(floats_of(inputs[i]) for i in floating)
    filled = everything.fill(points, NATIVE)
    with calling(function, "function", filled):
        structure = Structure.of(function(*filled))
    if given.get("gradient") is not None and structure.shape and int(np.prod(structure.shape)) != 1:
        raise OptionError(
            f"check: gradient= came for {title_of(function)}, whose value has shape {structure.shape}, expected one "
            "number; give jacobian= or vjp= instead."
        )
    places, notes = _under_test(everything, given, structure)
    if not places:
        floats = ", ".join(labels[i] for i in floating)
        raise OptionError(f"check: the derivative of {title_of(function)} gave no array for any of {floats}.")
    arguments = Arguments(inputs, labels, places)
    callers = _Callers(function, arguments, structure)
    routes = tuple(callers.route(kind, derivative) for kind, derivative in given.items() if derivative is not None)
    return Problem(
        title_of(function),
        tuple(labels[i] for i in places),
        tuple(floats_of(inputs[i]) for i in places),
        tuple("float64" if isinstance(inputs[i], float) else numbers_of(inputs[i], "an input")[1] for i in places),
        callers.evaluate,
        routes,
        complex_steps=True,
        notes=notes,
    )


def _under_test(
    arguments: Arguments, given: Mapping[str, Function | None], structure: Structure
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the places of the inputs that the derivatives speak of, and a note on those they do not."""
    floating, found = arguments.places, arguments.places
    points = [floats_of(arguments.inputs[i]) for i in floating]
    for kind, derivative in given.items():
        if derivative is None or kind == "jvp":
            continue
        filled = arguments.fill(points, NATIVE)
        if kind == "vjp":
            filled.append(_like_output(structure, np.ones(structure.shape), filled, arguments))
        with calling(derivative, kind, filled):
            result = tupled(derivative(*filled), len(floating))
        if isinstance(result, Mapping):
            found = tuple(i for i in found if arguments.names[i] in result)
        else:
            count = len(result) if isinstance(result, tuple) else 1
            arrays = tuple(i for i in floating if not isinstance(arguments.inputs[i], float))
            if count == len(arguments.inputs) or count >= len(floating):
                continue
            found = tuple(i for i in found if i in (arrays if count == len(arrays) else floating[:count]))
    left = [arguments.names[i] for i in floating if i not in found]
    note = f"no derivative is given for {', '.join(left)}, which is held fixed"
    return found, (note,) if left else ()


def _like_output(structure: Structure, u: Any, filled: Sequence[Any], arguments: Arguments) -> Any:
    tensors = [filled[i] for i in arguments.places if is_tensor(filled[i])]
    if tensors:
        return structure.split(u, lambda part: like_tensor(tensors[0], part))
    dtypes = [np.asarray(filled[i]).dtype for i in arguments.places]
    dtype = np.result_type(*dtypes) if dtypes else np.float64
    return structure.split(u, lambda part: np.array(part, dtype))


@final
@dataclass(frozen=True)
class _Callers:
    """The calls of a function and its derivatives, from points in float64 to numbers in float64."""

    function: Function
    arguments: Arguments
    structure: Structure

    def evaluate(self, points: Points, precision: str) -> Value:
        filled = self.arguments.fill(points, precision)
        numbers, dtype = self.structure.join(self.function(*filled), "the function's value")
        parts = self.structure.parts
        if precision != NATIVE:
            return Value(numbers, dtype, {}, parts=parts)
        before = self.arguments.fill(points, precision)
        changed = {
            k: numbers_of(filled[i], "an argument")[0]
            for k, i in enumerate(self.arguments.places)
            if not same(filled[i], before[i])
        }
        return Value(numbers, dtype, changed, parts=parts)

    def route(self, kind: str, derivative: Function) -> Route:
        """Return the route by a derivative of this kind."""

        def changes(points: Points, precision: str) -> list[str]:
            return self._changes(kind, derivative, points, precision)

        if kind == "vjp":

            def pull(points: Points, precision: str, u: Any) -> list[Any]:
                # Written as classes, derivatives often keep what the call of the function left behind.
                filled = self._called(points, precision)
                given = _like_output(self.structure, u, filled, self.arguments)
                return self._per_argument(derivative(*filled, given))

            return Route("vjp", from_pulls(pull, lambda: self.structure.shape), pull=pull, changes=changes)
        if kind == "jvp":

            def push(points: Points, precision: str, tangents: Points) -> Any:
                filled = self._called(points, precision)
                moves = [beside(v, filled[i]) for i, v in zip(self.arguments.places, tangents, strict=True)]
                return self.structure.join(derivative(*filled, *moves), "the jvp")

            return Route("jvp", from_pushes(push), push=push, changes=changes)

        def dense(points: Points, precision: str) -> list[Raw | None]:
            found = self._per_argument(derivative(*self._called(points, precision)))
            return [
                None if pair is None else Raw(as_rows(pair[0], self.structure.shape, point.shape), pair[1])
                for pair, point in zip(found, points, strict=True)
            ]

        return Route(kind, dense, changes=changes)

    def _changes(self, kind: str, derivative: Function, points: Points, precision: str) -> list[str]:
        """Return what a call of a derivative changes in place: its arguments, its cotangent or its tangents."""
        filled, more = self._called(points, precision), []
        if kind == "vjp":
            u = _like_output(self.structure, np.ones(self.structure.shape), filled, self.arguments)
            more = [u] if self.structure.single else list(u)
        elif kind == "jvp":
            more = [beside(np.ones(p.shape), filled[i]) for i, p in zip(self.arguments.places, points, strict=True)]
        handed = [more[0] if self.structure.single else tuple(more)] if kind == "vjp" else more
        derivative(*filled, *handed)
        before, names = self.arguments.fill(points, precision), self.arguments.names
        found = [f"its argument {names[i]!r}" for i in self.arguments.places if not same(filled[i], before[i])]
        moved = any(not np.all(numbers_of(v, "a vector")[0] == 1) for v in more)
        return found + [f"its {'cotangent' if kind == 'vjp' else 'tangent'}"] * moved

    def _called(self, points: Points, precision: str) -> list[Any]:
        self.function(*self.arguments.fill(points, precision))
        return self.arguments.fill(points, precision)

    def _per_argument(self, result: Any) -> list[Any]:
        places, names = self.arguments.places, self.arguments.names
        if isinstance(result, Mapping):
            entries: list[Any] = [result.get(names[i]) for i in places]
        elif isinstance(tupled(result, len(places)), tuple) and not isinstance(result, tuple):
            entries = list(result)
        elif not isinstance(result, tuple):
            entries = [result]
        elif len(result) == len(self.arguments.inputs) and len(result) != len(places):
            entries = [result[i] for i in places]
        else:
            entries = list(result)
        if len(entries) < len(places):
            raise ShapeError(
                f"check: the derivative gave {len(entries)} arrays for {len(places)} arguments "
                f"({', '.join(names[i] for i in places)}), expected one for each."
            )
        return [
            None if entry is None else numbers_of(entry, f"the derivative in {names[i]}")
            for entry, i in zip(entries, places, strict=False)
        ]


def as_rows(J: Any, out_shape: tuple[int, ...], in_shape: tuple[int, ...]) -> Any:
    r"""Return a Jacobian in any of the usual forms as (m, \*in_shape); as it came if it has none of them.

    Shapes:
        J: (m, n); (\*out_shape, \*in_shape); in_shape where m = 1; out_shape where n = 1;
            (batch, m / batch, n / batch), one Jacobian per example; or in_shape = out_shape, the diagonal
    """
    m, n = int(np.prod(out_shape, dtype=int)), int(np.prod(in_shape, dtype=int))
    forms = [(m, n), (*out_shape, *in_shape)]
    forms += [in_shape] if m == 1 else []
    forms += [out_shape] if n == 1 else []
    if J.shape in forms or (m * n == 1 and J.size == 1):
        return J.reshape(m, *in_shape)
    if m == 1:
        return J[None]
    batched = len(out_shape) == len(in_shape) == 2 and out_shape[0] == in_shape[0]
    if batched and J.shape == (out_shape[0], out_shape[1], in_shape[1]):
        wide = np.zeros((*out_shape, *in_shape))
        examples = np.arange(out_shape[0])
        wide[examples, :, examples, :] = J
        return wide.reshape(m, *in_shape)
    if out_shape == in_shape == J.shape:
        return np.diag(J.reshape(-1)).reshape(m, *in_shape)
    return J
