"""Arrays of any library: which namespace serves them, and the few operations the array API standard lacks.

Formulas above this floor are written once against the array API standard. NumPy arrays get NumPy itself;
other libraries get their wrapper from array-api-compat, imported when the first such array arrives.
"""

import functools
import sys
from typing import Any

import numpy as np

from .errors import DtypeError
from .pytrees import register_waiting

Array = Any
"""An array of NumPy, PyTorch, JAX or any library that follows the array API standard."""

FLOATING = ("float32", "float64")


def namespace(x: Array) -> Any:
    """Return the array API namespace of ``x``: ``numpy`` itself for NumPy arrays."""
    if isinstance(x, np.ndarray):
        return np
    if is_symbolic(x):
        return x.__array_namespace__()
    import array_api_compat

    register_waiting()
    return array_api_compat.array_namespace(x)


def library(x: Array) -> str:
    """Return the name of the library that ``x`` belongs to: ``"numpy"``, ``"torch"``, ``"jax"``."""
    name = type(x).__module__.split(".")[0]
    return "jax" if name == "jaxlib" else name


def is_traced(x: Array) -> bool:
    """Whether ``x`` stands for an array inside a JAX transformation or a trace, so that its numbers cannot be seen."""
    return is_symbolic(x) or ("jax" in sys.modules and isinstance(x, sys.modules["jax"].core.Tracer))


def plain(x: Array, who: str) -> Array:
    """Return ``x`` as the formulas take it: NumPy's matrices as arrays, anything else as it is.

    Between matrices ``*`` is the product of matrices, and masks are lost in some formulas and kept in others.

    Raises:
        DtypeError: a masked array; the message begins with ``who``.
    """
    if x.__class__ is np.ndarray or not isinstance(x, np.ndarray):
        return x
    # Whoever has made a masked array has imported its module.
    if "numpy.ma" in sys.modules and isinstance(x, np.ma.MaskedArray):
        raise DtypeError(
            f"{who} came as a masked array, expected one without a mask; leave masked entries out, or fill them, as in "
            "x.filled(0)."
        )
    return x.view(np.ndarray) if isinstance(x, np.matrix) else x


def detached(x: Array, who: str = "the array") -> Array:
    """Return ``x``, made ``plain``, without PyTorch's record of how it came about.

    What is computed from it then records nothing. Operators compute when they are asked to, when no context that was
    open at the door is open any more; so what comes in is detached, and no ``no_grad`` or ``inference_mode`` is
    needed, nor do results carry its marks.

    Raises:
        DtypeError: a masked array; the message begins with ``who``.
    """
    if x.__class__ is np.ndarray:
        return x
    return x.detach() if getattr(x, "requires_grad", False) else plain(x, who)


def device_of(x: Array) -> Any:
    """Return where ``x`` lies; None where the library itself moves it as needed (uncommitted JAX arrays, tracers)."""
    if isinstance(x, np.ndarray):
        return "cpu"
    if is_traced(x):
        return None
    if library(x) == "jax":
        return x.device if x.committed else None
    return getattr(x, "device", None)


def beside(x: Any, like: Array, who: str, whose: str) -> Array:
    """Return ``x``, detached, which is used together with ``like``; lists of numbers are taken for NumPy's arrays.

    Args:
        x: what came.
        like: what it is to be used with.
        who: what x is, for the message, as in ``"Network: input"``.
        whose: what ``like`` is, as in ``"theta"``.

    Raises:
        DtypeError: they are arrays of two libraries, or on two devices; the message names both.
        DtypeError: x is a masked array.
    """
    if type(x) is np.ndarray and type(like) is np.ndarray:
        return x
    if not hasattr(x, "dtype"):
        if is_numpy(like):
            return np.asarray(x)
        raise DtypeError(
            f"{who} of type {type(x).__name__}, {whose} of {library(like)}, expected arrays of one library."
        )
    ours, theirs = _library_name(x), _library_name(like)
    if ours != theirs:
        raise DtypeError(f"{who} of {ours}, {whose} of {theirs}, expected one library; convert one.")
    here, there = device_of(x), device_of(like)
    if here is not None and there is not None and here != there:
        raise DtypeError(f"{who} on device {here}, {whose} on {there}, expected one device; move one.")
    return detached(x, who)


def _library_name(x: Array) -> str:
    """Return the name of the library; subclasses of NumPy's arrays are NumPy's."""
    return "numpy" if isinstance(x, np.ndarray | np.generic) else library(x)


def is_symbolic(x: Array) -> bool:
    """Whether ``x`` has a shape and a dtype but no numbers: ``compile`` runs the formulas on such arrays."""
    return getattr(type(x), "symbolic", False) is True


def to_numpy(x: Array) -> Any:
    """Return the numbers of ``x`` as a NumPy array, from whatever device."""
    if library(x) == "torch":
        return np.asarray(x.detach().cpu())
    if library(x) == "array_api_strict":
        # Its second device stands for one whose memory NumPy cannot read.
        x = x.to_device(namespace(x).Device("CPU_DEVICE"))
    return np.asarray(x)


def in_library_of(like: Array, x: Array) -> Array:
    """Return ``x``, numbers in any library, as an array of the library and device of ``like``."""
    if library(x) == library(like):
        return x
    if is_numpy(like):
        return to_numpy(x)
    numbers = to_numpy(x)
    # JAX lends its memory read-only, which PyTorch cannot take.
    numbers = numbers if numbers.flags.writeable else numbers.copy()
    return namespace(like).asarray(numbers, device=getattr(like, "device", None))


def is_numpy(x: Array) -> bool:
    """Whether ``x`` is a NumPy array, so that ``out=`` and strided views may be used."""
    return isinstance(x, np.ndarray)


def is_exact(x: Array) -> bool:
    """Whether ``x`` holds exact numbers, balls or symbols, which want no float-only tricks."""
    return isinstance(x, np.ndarray) and x.dtype.kind == "O"


def is_complex(x: Array) -> bool:
    """Whether ``x`` holds complex steps: real numbers with a derivative in the imaginary part."""
    return x.dtype.kind == "c" if isinstance(x, np.ndarray) else "complex" in dtype_name(x)


def dtype_name(x: Array) -> str:
    """Return the element type of ``x`` as a word, the same in every library: ``"float32"``, ``"int64"``."""
    return _numpy_name(x.dtype) if isinstance(x, np.ndarray) else str(x.dtype).rsplit(".", 1)[-1]


@functools.lru_cache(maxsize=64)
def _numpy_name(dtype: "np.dtype[Any]") -> str:
    return str(dtype)


def require_floating(x: Array, who: str) -> None:
    """Raise DtypeError unless ``x`` can carry derivatives.

    float32 and float64 can; so can NumPy's longdouble, complex and object arrays, which serve the oracles.
    """
    if isinstance(x, np.ndarray) and x.dtype.char in "fdgFDGO":
        return
    name = dtype_name(x)
    if name not in FLOATING:
        raise DtypeError(f"{who} has dtype {name}, expected float32 or float64; convert it, as in x.astype('float32').")


def flatten(x: Array) -> Array:
    """Return ``x`` of shape (batch, \\*example) as (batch, n), row-major; a view where the library can."""
    if x.ndim == 2:
        return x
    size = 1
    for length in x.shape[1:]:
        size *= length
    return namespace(x).reshape(x, (x.shape[0], size))


@functools.cache
def keep_freed_memory() -> None:
    """Ask the C library, once, to keep the memory of freed arrays for the next ones.

    By default glibc gives freed memory back to the system every few arrays, and the next step pays for it in page
    faults, much of the time of a deep network. Freeing one block of this size raises its thresholds (to 32 MiB);
    elsewhere it does nothing.
    """
    np.empty(2**25 - 2**14, np.uint8)


def times_transposed(x: Array, W: Array) -> Array:
    """Return ``x W^T``, (batch, n) or (batch, *places, n) times (m, n)."""
    if isinstance(x, np.ndarray) and x.ndim == 2 and 1 < x.shape[0] <= 128:
        # For few rows OpenBLAS is faster with the wide factor on the left.
        return (W @ x.T).T
    return x @ W.mT


KEPT_ONES = 2**16
"""The longest vector of ones that is kept for the next sum."""


@functools.lru_cache(maxsize=64)
def _ones(length: int, dtype: Any) -> Any:
    ones = np.ones(length, dtype)
    ones.flags.writeable = False
    return ones


def batch_sum(u: Array, out: Array | None = None) -> Array:
    """Return the sum of the rows of ``u``: (batch, n) to (n,), into ``out`` if given (NumPy only)."""
    if not is_numpy(u):
        return namespace(u).sum(u, axis=0)
    if u.shape[0] == 1:
        return u[0] if out is None else _copy(u[0], out)
    if u.dtype.kind == "O":
        return np.add.reduce(u, axis=0, out=out)
    # A product with a vector of ones runs in BLAS, several times faster than a reduction over the first axis.
    ones = _ones(u.shape[0], u.dtype) if u.shape[0] <= KEPT_ONES else np.ones(u.shape[0], u.dtype)
    return np.matmul(ones, u, out=out)


def _copy(source: Any, out: Any) -> Any:
    out[...] = source
    return out


def sum_of_outer_products(u: Array, x: Array, out: Array | None = None) -> Array:
    """Return ``u^T x``, the sum over the batch of the outer products of rows.

    Shapes:
        u: (batch, m)
        x: (batch, n)
        result: (m, n), into ``out`` if given (NumPy only)
    """
    if not is_numpy(u):
        return u.T @ x
    if u.shape[0] == 1 and u.dtype.kind != "O":
        # BLAS with an inner dimension of one is several times slower than the plain outer product.
        return np.einsum("i,j->ij", u[0], x[0], out=out)
    return np.matmul(u.T, x, out=out)


def eye(n: int, like: Array | None = None) -> Array:
    """Return the n x n identity in the library, dtype and device of ``like`` (NumPy float64 without it)."""
    if like is None:
        return np.eye(n)
    if is_numpy(like):
        return np.eye(n, dtype=like.dtype)
    return namespace(like).eye(n, dtype=like.dtype, device=getattr(like, "device", None))


def block_diagonal(blocks: Array) -> Array:
    """Return blocks along the diagonal of a matrix, zero elsewhere; they are placed, not multiplied.

    Shapes:
        blocks: (\\*batch, p, m, n)
        result: (\\*batch, p m, p n)
    """
    xp, (p, m, n) = namespace(blocks), blocks.shape[-3:]
    own = eye(p, blocks)[:, None, :, None] > 0
    wide = xp.where(own, blocks[..., None, :], xp.zeros_like(blocks[..., None, :]))
    return xp.reshape(wide, (*blocks.shape[:-3], p * m, p * n))


def scatter_add(values: Array, index: Array, n: int) -> Array:
    """Return y with ``y[..., index[i]] += values[..., i]``: the transpose of taking entries.

    Shapes:
        values: (batch, rows, m)
        index: (m,), shared, or (batch, m)
        result: (batch, rows, n)
    """
    xp = namespace(values)
    if is_numpy(values):
        batch = np.broadcast_shapes(values.shape[:1], index.shape[:-1])[0] if index.ndim == 2 else values.shape[0]
        values = np.broadcast_to(values, (batch, *values.shape[1:]))
        result = np.zeros((*values.shape[:2], n), values.dtype)
        where = np.broadcast_to(index[..., None, :] if index.ndim == 2 else index, values.shape)
        first, second = np.ogrid[: values.shape[0], : values.shape[1]]
        np.add.at(result, (first[..., None], second[..., None], where), values)
        return result
    entries = xp.arange(n, dtype=index.dtype, device=getattr(index, "device", None))
    chosen = xp.astype(index[..., None] == entries, values.dtype)
    return values @ chosen
