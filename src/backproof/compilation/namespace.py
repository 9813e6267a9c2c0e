"""The array API namespace of symbolic arrays: each function writes down what it would do."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .program import BINARY, UNARY
from .sizes import Size, UntraceableError
from .symbols import Recorder, Symbol, broadcast, elementwise, matmul

__all__ = ["Namespace"]


class Namespace:
    """The functions of the array API standard that formulas use."""

    float32, float64, int32, int64, bool = np.float32, np.float64, np.int32, np.int64, np.bool_
    pi, e, inf, nan, newaxis = math.pi, math.e, math.inf, math.nan, None

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = _ALIASES.get(name, name)
        if operation in UNARY or operation in BINARY:
            return lambda *operands: elementwise(self._recorder, operation, *operands)
        raise UntraceableError(f"{name}(...) cannot be written down")

    # -- making arrays ------------------------------------------------------------------------------------

    def asarray(self, x: Any, dtype: Any = None, device: Any = None, copy: Any = None) -> Any:
        """Return a symbol as it is or in another dtype; numbers become constants."""
        if not isinstance(x, Symbol):
            return np.asarray(x, dtype=dtype)
        return x if dtype is None else self.astype(x, dtype)

    def full(self, shape: Any, value: Any, *, dtype: Any = None, device: Any = None) -> Symbol:
        """Return an array of one number."""
        shape = (shape,) if isinstance(shape, int | Size) else tuple(shape)
        dtype = np.asarray(value).dtype if dtype is None else dtype
        return self._recorder.record("full", (), shape, dtype, value=_plain(value))

    def zeros(self, shape: Any, *, dtype: Any = np.float64, device: Any = None) -> Symbol:
        """Return zeros."""
        return self.full(shape, 0, dtype=dtype)

    def ones(self, shape: Any, *, dtype: Any = np.float64, device: Any = None) -> Symbol:
        """Return ones."""
        return self.full(shape, 1, dtype=dtype)

    def full_like(self, x: Any, value: Any, *, dtype: Any = None, device: Any = None) -> Symbol:
        """Return one number in the shape and dtype of x."""
        return self.full(x.shape, value, dtype=x.dtype if dtype is None else dtype)

    def zeros_like(self, x: Any, *, dtype: Any = None, device: Any = None) -> Symbol:
        """Return zeros in the shape and dtype of x."""
        return self.full_like(x, 0, dtype=dtype)

    def ones_like(self, x: Any, *, dtype: Any = None, device: Any = None) -> Symbol:
        """Return ones in the shape and dtype of x."""
        return self.full_like(x, 1, dtype=dtype)

    def arange(self, start: Any, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Any:
        """Return a constant."""
        return np.arange(start, stop, step, dtype=dtype) if stop is not None else np.arange(start, dtype=dtype)

    def eye(self, n: int, m: int | None = None, *, dtype: Any = None, device: Any = None) -> Any:
        """Return a constant."""
        return np.eye(n, m, dtype=dtype)

    # -- elementwise --------------------------------------------------------------------------------------

    def astype(self, x: Any, dtype: Any, *, copy: Any = True) -> Any:
        """Return x in another dtype."""
        if not isinstance(x, Symbol):
            return np.asarray(x).astype(dtype)
        return x if x.dtype == dtype else self._recorder.record("astype", (x,), x.shape, dtype)

    def where(self, condition: Any, yes: Any, no: Any) -> Symbol:
        """Return yes where the condition holds, else no."""
        arrays = [part for part in (yes, no) if hasattr(part, "dtype")]
        dtype = np.result_type(*(part.dtype for part in arrays)) if arrays else np.float64
        shape = broadcast(*(tuple(getattr(part, "shape", ())) for part in (condition, yes, no)))
        return self._recorder.record("where", (condition, yes, no), shape, dtype)

    def square(self, x: Any) -> Any:
        """Return x x."""
        return x * x

    def clip(self, x: Any, min: Any = None, max: Any = None) -> Any:
        """Return x between min and max."""
        x = x if min is None else elementwise(self._recorder, "maximum", x, min)
        return x if max is None else elementwise(self._recorder, "minimum", x, max)

    # -- reductions ---------------------------------------------------------------------------------------

    def sum(self, x: Any, axis: Any = None, *, keepdims: Any = False, dtype: Any = None) -> Symbol:
        """Return the sum along axes.

        Raises:
            UntraceableError: it is asked for in a dtype.
        """
        if dtype is not None:
            raise UntraceableError(f"sum(..., dtype={np.dtype(dtype)}) cannot be written down, expected astype first")
        return self._reduction("sum", x, axis, keepdims, x.dtype if x.dtype.kind == "f" else np.int64)

    def max(self, x: Any, axis: Any = None, *, keepdims: Any = False) -> Symbol:
        """Return the largest along axes."""
        return self._reduction("max", x, axis, keepdims, x.dtype)

    def min(self, x: Any, axis: Any = None, *, keepdims: Any = False) -> Symbol:
        """Return the smallest along axes."""
        return self._reduction("min", x, axis, keepdims, x.dtype)

    def any(self, x: Any, axis: Any = None, *, keepdims: Any = False) -> Symbol:
        """Return whether any is true."""
        return self._reduction("any", x, axis, keepdims, np.bool_)

    def all(self, x: Any, axis: Any = None, *, keepdims: Any = False) -> Symbol:
        """Return whether all are true."""
        return self._reduction("all", x, axis, keepdims, np.bool_)

    def mean(self, x: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        """Return the mean along axes."""
        axes = _axes(x, axis)
        return self.sum(x, axis=axis, keepdims=keepdims) * (1 / math.prod(x.shape[a] for a in axes))

    def _reduction(self, operation: str, x: Any, axis: Any, keepdims: Any, dtype: Any) -> Symbol:
        axes = _axes(x, axis)
        shape = [1 if a in axes else length for a, length in enumerate(x.shape) if keepdims or a not in axes]
        return self._recorder.record(operation, (x,), shape, dtype, axis=axes, keepdims=bool(keepdims))

    # -- shapes -------------------------------------------------------------------------------------------

    def reshape(self, x: Any, shape: Any, *, copy: Any = None) -> Any:
        """Return x in another shape."""
        return x.reshaped(shape) if isinstance(x, Symbol) else np.reshape(x, shape)

    def permute_dims(self, x: Any, axes: Any) -> Any:
        """Return the axes in another order."""
        return x.permuted(tuple(axes)) if isinstance(x, Symbol) else np.permute_dims(x, axes)

    def matrix_transpose(self, x: Any) -> Any:
        """Return the last two axes exchanged."""
        return x.mT

    def expand_dims(self, x: Any, *, axis: int = 0) -> Any:
        """Return x with a new axis."""
        at = axis if axis >= 0 else axis + x.ndim + 1
        return x[(slice(None),) * at + (None, ...)]

    def broadcast_to(self, x: Any, shape: Any) -> Symbol:
        """Return x repeated to a shape."""
        shape = tuple(shape)
        x = x if isinstance(x, Symbol) else self._recorder.constant(x)
        if broadcast(x.shape, shape) != shape:
            raise UntraceableError(f"shape {x.shape} is broadcast to {shape}")
        return x if x.shape == shape else self._recorder.record("broadcast", (x,), shape, x.dtype)

    def concat(self, arrays: Any, *, axis: int = 0) -> Symbol:
        """Return arrays one after another along an axis."""
        arrays = list(arrays)
        axis = axis % arrays[0].ndim
        shape = list(arrays[0].shape)
        shape[axis] = sum((a.shape[axis] for a in arrays[1:]), start=shape[axis])
        dtype = np.result_type(*(a.dtype for a in arrays))
        return self._recorder.record("concat", tuple(arrays), shape, dtype, axis=axis)

    def stack(self, arrays: Any, *, axis: int = 0) -> Symbol:
        """Return arrays along a new axis."""
        arrays = list(arrays)
        axis = axis % (arrays[0].ndim + 1)
        shape = (*arrays[0].shape[:axis], len(arrays), *arrays[0].shape[axis:])
        dtype = np.result_type(*(a.dtype for a in arrays))
        return self._recorder.record("stack", tuple(arrays), shape, dtype, axis=axis)

    # -- products and choices -----------------------------------------------------------------------------

    def matmul(self, a: Any, b: Any) -> Symbol:
        """Return a b."""
        return matmul(a, b)

    def take(self, x: Any, index: Any, *, axis: int) -> Symbol:
        """Return entries along an axis; neighbours in order are a slice."""
        axis = axis % x.ndim
        if isinstance(index, np.ndarray) and index.size and bool(np.all(np.diff(index) == 1)) and index[0] >= 0:
            return x[(slice(None),) * axis + (slice(int(index[0]), int(index[-1]) + 1), ...)]  # type: ignore[no-any-return]
        shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
        return self._recorder.record("take", (x, index), shape, x.dtype, axis=axis)

    def take_along_axis(self, x: Any, index: Any, *, axis: int = -1) -> Symbol:
        """Return the entries that an index of as many axes names."""
        axis = axis % x.ndim
        return self._recorder.record("take_along_axis", (x, index), index.shape, x.dtype, axis=axis)


_ALIASES = {"absolute": "abs", "pow": "power"}


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tuple(sorted(a % x.ndim for a in axes))


def _plain(value: Any) -> Any:
    if isinstance(value, Symbol):
        raise UntraceableError("an array is filled with a number that is not known")
    return value.item() if isinstance(value, np.generic) else value
