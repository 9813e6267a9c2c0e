"""The arguments of a plain function: which are under test, what they are called, and fresh copies of them."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..arrays import dtype_name
from ..errors import OptionError
from .problems import COMPLEX, NATIVE, Points
from .structures import numbers_of
from .tensors import is_tensor, like_tensor

Function = Callable[..., Any]


def argument_names(function: Any, count: int, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return names for ``count`` positional arguments: the given ones, else those of the signature.

    Raises:
        OptionError: the given names are more or fewer than the arguments.
    """
    if names is not None:
        if len(names) != count:
            raise OptionError(f"check: names={list(names)} came for {count} inputs, expected one name for each.")
        return tuple(map(str, names))
    found: list[str] = []
    try:
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                found += [f"{parameter.name}[{i}]" for i in range(count - len(found))]
            elif parameter.kind is not parameter.KEYWORD_ONLY and parameter.kind is not parameter.VAR_KEYWORD:
                found.append(parameter.name)
    except (TypeError, ValueError):
        found = []
    return tuple(found[i] if i < len(found) else f"input {i}" for i in range(count))


def is_floating(value: Any) -> bool:
    """Whether an input can carry a derivative: a float, or an array or list of floats."""
    if isinstance(value, bool | int | str | bytes) or value is None or callable(value):
        return False
    if isinstance(value, float):
        return True
    try:
        return dtype_name(value if hasattr(value, "dtype") else np.asarray(value)).startswith(("float", "bfloat"))
    except (TypeError, ValueError):
        return False


def refuse_trees(inputs: Sequence[Any]) -> None:
    """Refuse dicts and sequences of arrays as one argument.

    Raises:
        OptionError: an input is one.
    """
    for place, value in enumerate(inputs):
        entries = list(value.values()) if isinstance(value, dict) else value
        if isinstance(entries, tuple | list) and any(isinstance(e, dict) or hasattr(e, "dtype") for e in entries):
            raise OptionError(
                f"check: input {place} is a {type(value).__name__} of arrays, expected arrays, each an argument of its "
                "own, as in check(lambda w, b: f({'w': w, 'b': b}), w, b)."
            )


def same(one: Any, other: Any) -> bool:
    """Whether two arrays hold the same numbers, NaN for NaN."""
    if is_tensor(one):
        return bool(((one == other) | (one != one)).all())
    return bool(np.array_equal(one, other, equal_nan=True))


def floats_of(value: Any) -> Any:
    """Return an input's numbers as a fresh float64 array."""
    return np.array(numbers_of(value, "an input")[0], np.float64)


def title_of(function: Any) -> str:
    """Return what a function is called."""
    return str(getattr(function, "__name__", None) or type(function).__name__)


@final
@dataclass(frozen=True)
class Arguments:
    """The inputs of a function, of which those at ``places`` are under test.

    Attributes:
        inputs: as they came.
        names: of all inputs.
        places: positions of those under test.
    """

    inputs: tuple[Any, ...]
    names: tuple[str, ...]
    places: tuple[int, ...]

    def fill(self, points: Points, precision: str) -> list[Any]:
        """Return fresh inputs with those under test at ``points``, in the dtype that ``precision`` asks for."""
        filled = [np.array(v) if isinstance(v, np.ndarray) else v.clone() if is_tensor(v) else v for v in self.inputs]
        for place, point in zip(self.places, points, strict=True):
            filled[place] = self._cast(place, point, precision)
        if precision != NATIVE:
            # An input that is not under test must not pull the others down to its own precision.
            for place, value in enumerate(filled):
                if place in self.places:
                    continue
                if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                    filled[place] = value.astype(np.float64)
                elif is_tensor(value) and value.is_floating_point():
                    filled[place] = value.double()
        return filled

    def _cast(self, place: int, point: Any, precision: str) -> Any:
        given = self.inputs[place]
        if isinstance(given, float):
            return complex(point) if precision == COMPLEX else float(point)
        if is_tensor(given):
            return like_tensor(given, point, precision)
        dtypes: dict[str, Any] = {NATIVE: np.asarray(given).dtype, COMPLEX: np.complex128}
        return np.array(point, dtypes.get(precision, np.float64))


def tupled(result: Any, count: int) -> Any:
    """Return a list of arrays, one for each of several arguments, as a tuple; anything else as it is."""
    if not isinstance(result, list) or count < 2 or len(result) != count:
        return result
    return tuple(result) if all(entry is None or hasattr(entry, "dtype") for entry in result) else result


def beside(numbers: Any, given: Any) -> Any:
    """Return numbers in the library and dtype of an input."""
    return like_tensor(given, numbers) if is_tensor(given) else np.array(numbers, np.asarray(given).dtype)


@contextmanager
def calling(function: Function, role: str, inputs: Sequence[Any]) -> Iterator[None]:
    """Say in an exception's notes with what the user's own function was called."""
    try:
        yield
    except Exception as error:
        came = ", ".join(f"{type(v).__name__}{tuple(np.shape(v)) if hasattr(v, 'shape') else ''}" for v in inputs)
        error.add_note(f"check: raised by the {role}, {title_of(function)}, called with ({came}).")
        raise
