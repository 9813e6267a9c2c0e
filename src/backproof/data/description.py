"""Reading a preparation from a file that may be damaged or hostile."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from backproof.data.dataset import Schema
from backproof.errors import ModelFileError

Description = dict[str, Any]

_KEYS = frozenset({"feature_names", "example_shape", "target_names", "target_shape", "class_names", "dtype", "notes"})


def checked_description(description: Any) -> tuple[Schema, Literal["float32", "float64"], tuple[str, ...]]:
    """Return schema, dtype and notes of a description.

    Raises:
        ModelFileError: a missing or unknown entry, a wrong type, or names and shapes that do not fit.
    """
    if not isinstance(description, Mapping):
        raise ModelFileError(f"preparation: {type(description).__name__}, expected an object")
    if set(description) != _KEYS:
        raise ModelFileError(f"preparation: entries {sorted(map(str, description))}, expected {sorted(_KEYS)}")
    dtype = description["dtype"]
    if dtype not in ("float32", "float64"):
        raise ModelFileError(f"preparation: dtype {_short(dtype)}, expected 'float32' or 'float64'")
    classes = description["class_names"]
    schema = Schema(
        _texts(description, "feature_names"),
        _sizes(description, "example_shape"),
        _texts(description, "target_names"),
        _sizes(description, "target_shape"),
        None if classes is None else _texts(description, "class_names"),
    )
    _check_schema(schema)
    return schema, dtype, _texts(description, "notes")


def checked_vector(
    arrays: Any, name: str, shapes: list[tuple[int, ...]], *, positive: bool = False
) -> NDArray[np.float64]:
    """Return a named array, of float64 and one of the shapes.

    Raises:
        ModelFileError: missing, of another type or shape, not finite, or not positive where it must be.
    """
    array = arrays.get(name) if isinstance(arrays, Mapping) else None
    if not isinstance(array, np.ndarray) or array.dtype != np.float64:
        found = "nothing" if array is None else str(getattr(array, "dtype", type(array).__name__))
        raise ModelFileError(f"preparation: {name} is {found}, expected a float64 array")
    if array.shape not in shapes:
        raise ModelFileError(f"preparation: {name} has shape {array.shape}, expected {' or '.join(map(str, shapes))}")
    if not np.isfinite(array).all() or (positive and not (array > 0).all()):
        raise ModelFileError(f"preparation: {name} has values that are not {'positive' if positive else 'finite'}")
    return array


def _check_schema(schema: Schema) -> None:
    if not schema.example_shape or 0 in schema.example_shape:
        raise ModelFileError(f"preparation: example shape {schema.example_shape}, expected positive sizes")
    if schema.feature_names and (len(schema.feature_names),) != schema.example_shape:
        raise ModelFileError(
            f"preparation: {len(schema.feature_names)} names for examples of shape {schema.example_shape}"
        )
    classes = schema.class_names
    if classes is not None and (not classes or len(set(classes)) != len(classes) or schema.target_shape):
        raise ModelFileError("preparation: class names are missing or repeated, or a class has several numbers")
    if classes is not None and not schema.target_names:
        raise ModelFileError("preparation: class names without the name of the target")


def _texts(description: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = description[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ModelFileError(f"preparation: {key} is {_short(value)}, expected a list of texts")
    return tuple(value)


def _sizes(description: Mapping[str, Any], key: str) -> tuple[int, ...]:
    value = description[key]
    if not isinstance(value, list) or not all(type(item) is int and 0 < item < 2**48 for item in value):
        raise ModelFileError(f"preparation: {key} is {_short(value)}, expected a list of sizes")
    return tuple(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
