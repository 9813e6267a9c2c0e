"""Symbolic arrays: shape and dtype without numbers. Formulas run on them once, and every operation is written down."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .program import Statement, Value
from .sizes import Ratio, Size, UntraceableError

__all__ = ["Recorder", "Symbol"]


class Recorder:
    """Where the operations on symbols are written down.

    Attributes:
        statements: so far.
        equation, layer: what the next statements belong to.
        dtype: of inputs and parameters.
    """

    def __init__(self, dtype: Any = np.float64) -> None:
        self.dtype = np.dtype(dtype)
        self.statements: list[Statement] = []
        self.equation = self.layer = ""
        self.name = "v"

    def record(self, operation: str, operands: tuple[Any, ...], shape: Any, dtype: Any, **attributes: Any) -> "Symbol":
        """Write down a statement and return its target."""
        target = Value(self.name, tuple(shape), np.dtype(dtype))
        values = tuple(_operand(operand) for operand in operands)
        self.statements.append(Statement(target, operation, values, attributes, self.equation, self.layer))
        return Symbol(self, target)

    def constant(self, array: Any) -> "Symbol":
        """Return numbers as a symbol."""
        return Symbol(self, _constant(np.asarray(array)))


def _constant(array: Any) -> Value:
    return Value("c", array.shape, array.dtype, "constant", array)


def _operand(operand: Any) -> Any:
    if isinstance(operand, Symbol):
        return operand.value
    if isinstance(operand, np.ndarray | np.generic):
        return _constant(np.asarray(operand))
    if isinstance(operand, bool | int | float | Ratio):
        return operand
    raise UntraceableError(f"an operand is {operand!r:.40}, a {type(operand).__name__}")


@functools.lru_cache(maxsize=1024)
def _result_dtype(operation: str, *kinds: Any) -> Any:
    if operation == "erfc":
        return kinds[0]
    return getattr(np, operation).resolve_dtypes((*kinds, None))[-1]


def _kind(operand: Any) -> Any:
    if isinstance(operand, Symbol | np.ndarray | np.generic):
        return np.dtype(operand.dtype)
    # Python's numbers are weak: they take the dtype of the array.
    return type(operand) if isinstance(operand, bool | int | float) else float


def _shape(operand: Any) -> tuple[Any, ...]:
    return tuple(getattr(operand, "shape", ()))


def broadcast(*shapes: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the common shape.

    Raises:
        UntraceableError: there is none, or only for some sizes of a batch.
    """
    longest = max(len(shape) for shape in shapes)
    result = []
    for axis in range(-longest, 0):
        lengths = [shape[axis] for shape in shapes if len(shape) >= -axis]
        wide = [length for length in lengths if isinstance(length, Size) or length != 1]
        if any(type(a) is not type(wide[0]) or a != wide[0] for a in wide):
            raise UntraceableError(f"shapes {shapes} do not broadcast")
        result.append(wide[0] if wide else 1)
    return tuple(result)


def elementwise(recorder: Recorder, operation: str, *operands: Any) -> "Symbol":
    """Write down an elementwise operation."""
    dtype = _result_dtype(operation, *(_kind(operand) for operand in operands))
    return recorder.record(operation, operands, broadcast(*(_shape(o) for o in operands)), dtype)


def _binary(operation: str, swapped: bool = False) -> Callable[["Symbol", Any], Any]:
    def method(self: "Symbol", other: Any) -> Any:
        if not isinstance(other, Symbol | np.ndarray | np.generic | int | float | Ratio):
            raise UntraceableError(f"{operation} of an array and a {type(other).__name__}")
        operands = (other, self) if swapped else (self, other)
        return elementwise(self.recorder, operation, *operands)

    return method


def _logical(operation: str) -> Callable[["Symbol", Any], Any]:
    plain = _binary(operation)

    def method(self: "Symbol", other: Any) -> Any:
        if self.dtype != np.bool_ or getattr(other, "dtype", np.bool_) != np.bool_:
            raise UntraceableError(f"bits of {self.dtype} numbers are combined")
        return plain(self, other)

    return method


def matmul(a: Any, b: Any) -> "Symbol":
    """Write down a product of matrices.

    Raises:
        UntraceableError: the inner axes differ, or an operand has fewer than two.
    """
    recorder = (a if isinstance(a, Symbol) else b).recorder
    shape_a, shape_b = _shape(a), _shape(b)
    if len(shape_a) < 2 or len(shape_b) < 2:
        raise UntraceableError(f"matmul of shapes {shape_a} and {shape_b}, expected two axes or more")
    if shape_a[-1] != shape_b[-2]:
        raise UntraceableError(f"matmul of shapes {shape_a} and {shape_b}")
    shape = (*broadcast(shape_a[:-2], shape_b[:-2]), shape_a[-2], shape_b[-1]) if shape_a[:-2] or shape_b[:-2] else (
        shape_a[0], shape_b[1]
    )  # fmt: skip
    return recorder.record("matmul", (a, b), shape, _result_dtype("add", _kind(a), _kind(b)))


_BITS = {"bitwise_and": "logical_and", "bitwise_or": "logical_or"}

_METHODS = ("all", "any", "astype", "max", "mean", "min", "sum")
"""What NumPy's arrays offer as methods, too."""


class Symbol:
    """An array of which shape and dtype are known, and its numbers are not.

    Attributes:
        recorder: where operations are written down.
        value: what it stands for.
    """

    __slots__ = ("recorder", "value")
    symbolic = True
    device = None
    __hash__ = object.__hash__

    def __init__(self, recorder: Recorder, value: Value) -> None:
        self.recorder, self.value = recorder, value

    @property
    def shape(self) -> tuple[Any, ...]:
        """The lengths of the axes, some of them multiples of n."""
        return self.value.shape

    @property
    def dtype(self) -> Any:
        """A NumPy dtype."""
        return self.value.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.value.shape)

    @property
    def size(self) -> Any:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def mT(self) -> "Symbol":
        """The last two axes exchanged."""
        axes = tuple(range(self.ndim))
        return self.permuted((*axes[:-2], axes[-1], axes[-2]))

    @property
    def T(self) -> "Symbol":
        """The axes in the opposite order."""
        return self.permuted(tuple(range(self.ndim))[::-1])

    def permuted(self, axes: tuple[int, ...]) -> "Symbol":
        """Return the axes in another order."""
        return self.recorder.record("permute", (self,), [self.shape[axis] for axis in axes], self.dtype, axes=axes)

    def reshaped(self, shape: Any) -> "Symbol":
        """Return the entries, row-major, in another shape."""
        shape = (shape,) if isinstance(shape, int | Size) else tuple(shape)
        if any(isinstance(length, int) and length == -1 for length in shape):
            known = math.prod(s for s in shape if isinstance(s, Size) or s != -1)
            missing = self.size // known
            shape = tuple(missing if isinstance(s, int) and s == -1 else s for s in shape)
        if math.prod(shape) != self.size:
            raise UntraceableError(f"shape {self.shape} is brought to {shape}")
        return self.recorder.record("reshape", (self,), shape, self.dtype)

    def refuse(self) -> None:
        """Write down that the program stops where this is true anywhere."""
        self.recorder.record("check", (self,), (), np.bool_)

    def __getitem__(self, key: Any) -> "Symbol":
        whole, shape = _index(self.shape, key)
        return self.recorder.record("index", (self,), shape, self.dtype, key=whole)

    def __array_namespace__(self, api_version: str | None = None) -> "Any":
        from .namespace import Namespace

        return Namespace(self.recorder)

    __add__, __radd__ = _binary("add"), _binary("add", True)
    __sub__, __rsub__ = _binary("subtract"), _binary("subtract", True)
    __mul__, __rmul__ = _binary("multiply"), _binary("multiply", True)
    __truediv__, __rtruediv__ = _binary("divide"), _binary("divide", True)
    __pow__, __rpow__ = _binary("power"), _binary("power", True)
    __gt__, __ge__ = _binary("greater"), _binary("greater_equal")
    __lt__, __le__ = _binary("less"), _binary("less_equal")
    __eq__, __ne__ = _binary("equal"), _binary("not_equal")
    __and__, __or__ = _logical("logical_and"), _logical("logical_or")
    __rand__, __ror__ = __and__, __or__

    def __neg__(self) -> "Symbol":
        return elementwise(self.recorder, "negative", self)

    def __abs__(self) -> "Symbol":
        return elementwise(self.recorder, "abs", self)

    def __invert__(self) -> "Symbol":
        if self.dtype != np.bool_:
            raise UntraceableError(f"the bits of {self.dtype} numbers are inverted")
        return elementwise(self.recorder, "logical_not", self)

    def __matmul__(self, other: Any) -> Any:
        return matmul(self, other) if isinstance(other, Symbol | np.ndarray) else other.__rmatmul__(self)

    def __rmatmul__(self, other: Any) -> Any:
        return matmul(other, self)

    def __bool__(self) -> bool:
        raise UntraceableError("a branch depends on the numbers of an array")

    def __float__(self) -> float:
        raise UntraceableError("the number in an array is asked for")

    __int__ = __index__ = __complex__ = __float__

    def __iter__(self) -> Any:
        if not self.ndim or isinstance(self.shape[0], Size):
            raise UntraceableError("the examples are gone through one by one")
        return iter([self[i, ...] for i in range(self.shape[0])])

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **keywords: Any) -> Any:
        if method != "__call__" or keywords:
            raise UntraceableError(f"np.{ufunc.__name__} is used in a special way, expected the array API")
        if ufunc.__name__ in _BITS:
            return _logical(_BITS[ufunc.__name__])(self, next(o for o in operands if o is not self))
        return getattr(self.__array_namespace__(), ufunc.__name__)(*operands)

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise UntraceableError(f"np.{function.__name__} is applied, expected the array API, as in namespace(x)")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise UntraceableError("numbers are asked for, to make an array of NumPy")

    def __len__(self) -> int:
        if isinstance(self.shape[0], Size):
            raise UntraceableError("the number of examples is asked for by len(), expected x.shape[0]")
        return int(self.shape[0])

    def __setitem__(self, key: Any, value: Any) -> None:
        raise UntraceableError("an array is written to, expected a new one")

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            return functools.partial(getattr(self.__array_namespace__(), name), self)
        raise AttributeError(f"array.{name} is used, expected the array API")


def _index(shape: tuple[Any, ...], key: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return a key with one entry an axis, and the shape of what it picks."""
    key = key if isinstance(key, tuple) else (key,)
    real = sum(entry is not None and entry is not Ellipsis for entry in key)
    fill = (slice(None),) * (len(shape) - real)
    if Ellipsis in [entry for entry in key if entry is Ellipsis]:
        at = [entry is Ellipsis for entry in key].index(True)
        key = (*key[:at], *fill, *key[at + 1 :])
    else:
        key = (*key, *fill)
    axis = 0
    result: list[Any] = []
    whole: list[Any] = []
    for entry in key:
        if entry is None:
            result.append(1)
            whole.append(None)
            continue
        kept, length = _entry(shape[axis], entry)
        whole.append(kept)
        result += [] if length is None else [length]
        axis += 1
    return tuple(whole), tuple(result)


def _entry(length: Any, entry: Any) -> tuple[Any, Any]:
    """Return one entry of a key in plain form, and how long the axis is after it (None: gone)."""
    if isinstance(entry, slice):
        if entry == slice(None):
            return entry, length
        if isinstance(length, Size):
            raise UntraceableError(f"examples {entry} are taken out of the batch")
        bounds = entry.indices(length)
        return slice(*bounds) if bounds[2] > 0 else entry, len(range(*bounds))
    if isinstance(entry, int | np.integer) and not isinstance(entry, bool):
        if isinstance(length, Size):
            raise UntraceableError(f"example {entry} is taken out of the batch")
        if not -length <= entry < length:
            raise UntraceableError(f"entry {entry} of an axis of length {length} is asked for")
        return int(entry) % length, None
    raise UntraceableError(f"an array is indexed by {entry!r:.40}")
