"""Outputs of one array or of several, seen as one array of float64 numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..arrays import dtype_name, library
from ..errors import DtypeError
from .problems import epsilon


def numbers_of(array: Any, who: str) -> tuple[Any, str]:
    """Return an array's numbers as float64 or complex128, and its dtype's name.

    Raises:
        DtypeError: it holds no numbers that could be a derivative or a value.
    """
    if hasattr(array, "detach"):
        array = array.detach()
        name = dtype_name(array)
        return (array.cpu().double() if "complex" not in name else array.cpu()).numpy(), name
    given = array if hasattr(array, "dtype") else np.asarray(array)
    name = dtype_name(given)
    values = np.asarray(given)
    if values.dtype.kind == "c":
        return values.astype(np.complex128), name
    if values.dtype.kind not in "fiub" and name not in ("bfloat16",):
        raise DtypeError(f"{who} is of dtype {name} ({type(array).__name__}), expected an array of floating numbers.")
    return values.astype(np.float64), name


@final
@dataclass(frozen=True)
class Structure:
    """How one array stands for the outputs of a function: one output in its own shape, several as one vector.

    Attributes:
        shapes: of the outputs.
        single: whether the function returned an array and not a tuple.
    """

    shapes: tuple[tuple[int, ...], ...]
    single: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the one array."""
        return self.shapes[0] if len(self.shapes) == 1 else (sum(int(np.prod(s, dtype=int)) for s in self.shapes),)

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the outputs where there are several, else nothing."""
        return self.shapes if len(self.shapes) > 1 else ()

    @staticmethod
    def of(result: Any) -> "Structure":
        """Return the structure of what a function returned."""
        outputs = outputs_of(result)
        return Structure(tuple(tuple(np.shape(o)) for o in outputs), not isinstance(result, tuple | list))

    def join(self, result: Any, who: str) -> tuple[Any, str]:
        """Return the outputs as one array, with the coarsest of their dtypes."""
        pairs = [numbers_of(output, who) for output in outputs_of(result)]
        if len(pairs) == 1:
            return pairs[0]
        vector = np.concatenate([np.reshape(array, -1) for array, _ in pairs])
        return vector, max((name for _, name in pairs), key=epsilon)

    def split(self, u: Any, make: Callable[[Any], Any]) -> Any:
        """Return a cotangent in the form of the outputs, every array passed through ``make``."""
        parts, start, flat = [], 0, np.reshape(u, -1)
        for shape in self.shapes:
            size = int(np.prod(shape, dtype=int))
            parts.append(make(flat[start : start + size].reshape(shape)))
            start += size
        return parts[0] if self.single else tuple(parts)


def flat(result: Any) -> Any:
    """Return tuples within a tuple of outputs, as recurrent layers give them, as one tuple; anything else as it is."""
    if not isinstance(result, tuple | list) or not any(isinstance(entry, tuple | list) for entry in result):
        return result
    entries: list[Any] = []
    for entry in result:
        inner = flat(entry)
        entries += inner if isinstance(inner, tuple | list) else [inner]
    return tuple(entries)


def outputs_of(result: Any) -> Sequence[Any]:
    """Return the outputs of a function as a sequence, leaving out those that are no floating arrays."""
    if not isinstance(result, tuple | list):
        return (result,)
    if result and all(isinstance(entry, int | float | complex | np.number) for entry in result):
        return (np.asarray(result),)
    return [output for output in result if _floats(output)]


def _floats(output: Any) -> bool:
    if output is None:
        return False
    if library(output) == "torch":
        return bool(output.is_floating_point() or output.is_complex())
    name = dtype_name(output) if hasattr(output, "dtype") else str(np.asarray(output).dtype)
    return "float" in name or "complex" in name
