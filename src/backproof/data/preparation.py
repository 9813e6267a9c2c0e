"""What is learned from the training part before the network sees it, and is stored with the model."""

from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from backproof.data.arrays import check_finite
from backproof.data.dataset import Dataset, Examples, Schema, Task
from backproof.data.description import Description, checked_description, checked_vector
from backproof.data.moments import Moments, moments
from backproof.data.names import listed
from backproof.errors import DataError, DtypeError, NonFiniteError, OptionError, ShapeError

Float = Literal["float32", "float64"]


@final
@dataclass(frozen=True, eq=False)
class Preparation:
    r"""Affine scaling of features and targets, with the names and shapes that a model expects.

    Math:
        apply(x) = (x - mean) / scale,   apply_target(y) = (y - target_mean) / target_scale

    Columns of numbers are scaled one by one; pixels (uint8) and examples with several axes (images) by one
    mean and one scale for all, in the units of the file: for pixels that is x / 255 followed by
    standardisation. A constant column has scale 1.

    Shapes:
        mean, scale: (features,) or ()
        target_mean, target_scale: the schema's target shape; None for classes or if there is no target

    Dtype: float64 inside; ``apply`` gives ``dtype``.

    Attributes:
        schema: names and shapes of features and targets.
        dtype: ``"float32"`` or ``"float64"``.
        notes: what a user should know about the data, such as constant columns.
    """

    schema: Schema
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    target_mean: NDArray[np.float64] | None = None
    target_scale: NDArray[np.float64] | None = None
    dtype: Float = "float32"
    notes: tuple[str, ...] = ()

    @classmethod
    def learn(
        cls,
        dataset: Dataset,
        *,
        standardize: bool = True,
        standardize_target: bool = True,
        dtype: Float = "float32",
    ) -> "Preparation":
        """Learn from the training part, passing through it once, a block at a time.

        Without ``standardize`` features are left as they are, except that pixels are divided by 255. Class
        targets are never scaled.

        Raises:
            OptionError: ``dtype`` is neither float32 nor float64.
            DataError: no feature varies, or values too large to be scaled.
            NonFiniteError: NaN or infinity, with its index.
        """
        _check_dtype(dtype)
        mean, scale, notes = _feature_scaling(dataset, standardize)
        target = _target_scaling(dataset, standardize_target)
        return cls(dataset.schema, mean, scale, *target, dtype=dtype, notes=notes)

    @property
    def task(self) -> Task | None:
        """``"classification"``, ``"regression"``, or None if there is no target."""
        return self.schema.task

    def apply(self, x: Examples) -> NDArray[Any]:
        """Return examples as the network takes them.

        Shapes:
            x: (n, ...), n at least 0, examples of the schema's shape
            result: the same

        Dtype: the preparation's.

        Raises:
            ShapeError: another shape.
            DtypeError: not real numbers.
            NonFiniteError: NaN, infinity, or a number beyond the dtype, with its row and column.
        """
        raw = np.asarray(x)
        self._check_examples(raw)
        # Pixels are exact in float32; numbers from a table may differ only in late digits, which a
        # conversion before the subtraction would lose.
        work = self.dtype if raw.dtype == np.uint8 else "float64"
        with np.errstate(over="ignore", invalid="ignore"):
            result: NDArray[Any] = np.subtract(raw, self.mean.astype(work), dtype=work)
            result /= self.scale.astype(work)
            result = np.asarray(result, dtype=self.dtype)
        if raw.dtype.kind == "f" and not np.isfinite(result).all():
            raise self._not_finite(raw, result)
        return result

    def apply_target(self, y: Any) -> NDArray[Any]:
        """Return targets as the loss takes them: class indices as int64, numbers scaled in the dtype.

        Raises:
            ShapeError: another shape of one target.
            DataError: class indices that are not integers or out of range.
            DtypeError: not real numbers.
            NonFiniteError: NaN or infinity, or a number beyond the dtype.
        """
        raw = np.asarray(y)
        if raw.ndim == 0 or raw.shape[1:] != self.schema.target_shape:
            raise ShapeError(f"targets have shape {raw.shape}, expected (n, *{self.schema.target_shape})")
        if self.schema.class_names is not None:
            return _checked_classes(raw, len(self.schema.class_names))
        _check_real(raw, "targets")
        mean, scale = self._target()
        with np.errstate(over="ignore", invalid="ignore"):
            result = ((raw - mean) / scale).astype(self.dtype)
        if not np.isfinite(result).all():
            raise NonFiniteError(f"targets: NaN, infinity or beyond {self.dtype} among {len(raw)} values")
        return result

    def invert_target(self, predicted: Any) -> NDArray[Any]:
        """Return predictions in the units of the data: class indices as names, numbers scaled back.

        Dtype: floating predictions keep theirs, whole numbers become float64.

        Raises:
            DataError: class indices that are not integers or out of range.
            DtypeError: predictions that are not real numbers.
            ShapeError: another shape of one target.
        """
        values = np.asarray(predicted)
        names = self.schema.class_names
        if names is not None:
            return np.asarray(names)[_checked_classes(values, len(names))]
        if values.shape[1:] != self.schema.target_shape:
            raise ShapeError(f"predictions have shape {values.shape}, expected (n, *{self.schema.target_shape})")
        _check_real(values, "predictions")
        mean, scale = self._target()
        return (values * scale + mean).astype(values.dtype if values.dtype.kind == "f" else np.float64)

    def describe(self) -> Description:
        """Return everything but the arrays, as a dictionary that JSON can hold."""
        schema = self.schema
        return {
            "feature_names": list(schema.feature_names),
            "example_shape": list(schema.example_shape),
            "target_names": list(schema.target_names),
            "target_shape": list(schema.target_shape),
            "class_names": None if schema.class_names is None else list(schema.class_names),
            "dtype": self.dtype,
            "notes": list(self.notes),
        }

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return the learned numbers by name, float64."""
        named = {
            "mean": self.mean,
            "scale": self.scale,
            "target_mean": self.target_mean,
            "target_scale": self.target_scale,
        }
        return {name: array for name, array in named.items() if array is not None}

    @classmethod
    def from_parts(cls, description: Any, arrays: Any) -> "Preparation":
        """Return the preparation that ``describe`` and ``arrays`` came from; trust neither.

        Raises:
            ModelFileError: a wrong type, shape, or number, or parts that do not fit together.
        """
        schema, dtype, notes = checked_description(description)
        examples = [(), schema.example_shape][: 2 if len(schema.example_shape) == 1 else 1]
        mean = checked_vector(arrays, "mean", examples)
        scale = checked_vector(arrays, "scale", [mean.shape], positive=True)
        if schema.task != "regression":
            return cls(schema, mean, scale, dtype=dtype, notes=notes)
        target_mean = checked_vector(arrays, "target_mean", [schema.target_shape])
        target_scale = checked_vector(arrays, "target_scale", [schema.target_shape], positive=True)
        return cls(schema, mean, scale, target_mean, target_scale, dtype=dtype, notes=notes)

    def _target(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.target_mean is None or self.target_scale is None:
            raise DataError("the preparation was learned from data without targets")
        return self.target_mean, self.target_scale

    def _check_examples(self, raw: NDArray[Any]) -> None:
        _check_real(raw, "examples")
        if raw.ndim == 0 or raw.shape[1:] != self.schema.example_shape:
            expected = ", ".join(["n", *map(str, self.schema.example_shape)])
            raise ShapeError(f"examples have shape {raw.shape}, expected ({expected})")

    def _not_finite(self, raw: NDArray[Any], result: NDArray[Any]) -> NonFiniteError:
        place = np.unravel_index(int(np.argmin(np.isfinite(result))), result.shape)
        names = self.schema.feature_names
        column = f"column {names[place[1]]!r}" if names else f"position {tuple(map(int, place[1:]))}"
        return NonFiniteError(
            f"examples[{int(place[0])}], {column}: {raw[place]}, expected a finite number within {self.dtype}"
        )


def _feature_scaling(
    dataset: Dataset, standardize: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]:
    pixels = dataset.x.dtype == np.uint8
    together = pixels or len(dataset.example_shape) > 1
    if not standardize:
        shape = () if together else dataset.example_shape
        check_finite(dataset.x, f"{dataset.name}, x")
        return np.zeros(shape), np.full(shape, 255.0 if pixels else 1.0), ()
    seen = moments(dataset.x, f"{dataset.name}, x", together=together)
    if seen.constant.all():
        raise DataError(f"{dataset.name}: every feature is constant in the training part; there is nothing to learn")
    return (*_centre_and_scale(seen, dataset.name), _constant_note(dataset, seen))


def _target_scaling(
    dataset: Dataset, standardize: bool
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    if dataset.task != "regression":
        return None, None
    shape = dataset.schema.target_shape
    if not standardize:
        return np.zeros(shape), np.ones(shape)
    return _centre_and_scale(moments(dataset.y, f"{dataset.name}, targets", together=False), dataset.name)


def _centre_and_scale(seen: Moments, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean = np.where(seen.constant, seen.low, seen.mean)
    # Values that differ only by less than float64 can square have a standard deviation of 0.
    scale = np.where(seen.constant | (seen.deviation == 0), 1.0, seen.deviation)
    if not (np.isfinite(mean).all() and np.isfinite(scale).all()):
        raise DataError(f"{name}: values up to {np.max(np.abs([seen.low, seen.high])):.1e} are too large to be scaled")
    return mean, scale


def _constant_note(dataset: Dataset, seen: Moments) -> tuple[str, ...]:
    places = np.flatnonzero(seen.constant)
    if not len(places):
        return ()
    names = [dataset.feature_names[i] if dataset.feature_names else str(i) for i in places]
    which = f"column {listed(names)} is" if len(names) == 1 else f"columns {listed(names)} are"
    return (f"{dataset.name}: {which} constant in the training part: kept, centred to 0, of no use to the model",)


def _checked_classes(raw: NDArray[Any], classes: int) -> NDArray[np.int64]:
    if raw.dtype.kind not in "iu":
        raise DataError(f"class indices have dtype {raw.dtype}, expected integers")
    if raw.size and not (int(raw.min()) >= 0 and int(raw.max()) < classes):
        wrong = int(raw.min()) if int(raw.min()) < 0 else int(raw.max())
        raise DataError(f"class index {wrong}, expected 0 to {classes - 1}")
    return raw.astype(np.int64)


def _check_real(values: NDArray[Any], what: str) -> None:
    if values.dtype.kind not in "buif":
        raise DtypeError(f"{what} have dtype {values.dtype}, expected real numbers")


def _check_dtype(dtype: str) -> None:
    if dtype not in ("float32", "float64"):
        raise OptionError(f"dtype {dtype!r}, expected 'float32' or 'float64'")
