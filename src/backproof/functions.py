"""Special functions that stay finite for large arguments, each with its exact twin.

For floats every formula is arranged so that ``exp`` never overflows. That needs branches on signs or a shift by the
maximum, which exact numbers do not need: ``arrays.is_exact`` chooses. Complex steps take the branch of their real
part; both branches are the same analytic function.
"""

import functools
import math
from typing import Any

import numpy as np

from .arrays import (
    Array,
    device_of,
    in_library_of,
    is_complex,
    is_exact,
    is_numpy,
    is_symbolic,
    library,
    namespace,
    to_numpy,
)


def sigmoid(x: Array) -> Array:
    """Return ``1 / (1 + exp(-x))`` elementwise, accurate in both tails."""
    xp = namespace(x)
    if is_exact(x):
        return 1 / (1 + xp.exp(-x))
    z = xp.exp(-magnitude(x))
    # For x < 0, exp(x) / (1 + exp(x)) keeps the relative accuracy that 1 - 1/(1 + exp(x)) would lose.
    return xp.where(x >= 0, xp.ones_like(z), z) / (1 + z)


def softplus(x: Array) -> Array:
    """Return ``log(1 + exp(x))`` elementwise; its derivative is ``sigmoid``."""
    xp = namespace(x)
    if is_exact(x):
        return xp.log1p(xp.exp(x))
    return positive_part(x) + xp.log1p(xp.exp(-magnitude(x)))


def positive_part(x: Array) -> Array:
    """Return ``max(x, 0)`` elementwise."""
    xp = namespace(x)
    if _takes_numbers(x):
        return xp.maximum(x, 0)
    # The comparison that fails for NaN leaves it in its place.
    return xp.where(x > 0, x, filled(x, 0)) if is_exact(x) else xp.where(x <= 0, filled(x, 0), x)


def negative_part(x: Array) -> Array:
    """Return ``min(x, 0)`` elementwise."""
    xp = namespace(x)
    if _takes_numbers(x):
        return xp.minimum(x, 0)
    return xp.where(x < 0, x, filled(x, 0)) if is_exact(x) else xp.where(x >= 0, filled(x, 0), x)


def _takes_numbers(x: Array) -> bool:
    """Whether the library's maximum takes a number beside an array."""
    return x.dtype.kind != "O" if is_numpy(x) else is_symbolic(x)


def magnitude(x: Array) -> Array:
    """Return ``|x|`` elementwise; for complex steps minus or plus x, which is analytic on each side of 0."""
    xp = namespace(x)
    return xp.where(x < 0, -x, x) if is_exact(x) or is_complex(x) else xp.abs(x)


def choose(condition: Array, yes: Array, no: Array, like: Array = None) -> Array:
    """Return ``yes`` where ``condition`` holds, else ``no``; plain numbers take the dtype of ``like``."""
    like = yes if like is None else like
    yes, no = (_like(value, like) if isinstance(value, float) else value for value in (yes, no))
    return namespace(like).where(condition, yes, no)


def _like(value: float, like: Array) -> Array:
    if is_numpy(like) and like.dtype.kind == "O":
        return filled(like, value)
    return namespace(like).asarray(value, dtype=like.dtype, device=device_of(like))


def filled(like: Array, value: float) -> Array:
    """Return an array of one value, its entries of the kind that ``like`` has: fractions for fractions."""
    if is_numpy(like) and like.dtype.kind == "O":
        # A whole number is added as one, so that a fraction stays a fraction.
        return like * 0 + (int(value) if value == int(value) else value)
    return namespace(like).full_like(like, value)


def reciprocal(n: int, like: Array) -> Any:
    """Return 1/n as a number that may multiply ``like``: a fraction for fractions, else a float."""
    if is_numpy(like) and like.dtype.kind == "O":
        return (like.flat[0] * 0 + 1) / n
    return 1 / n


def indicator(condition: Array, like: Array) -> Array:
    """Return 1 where ``condition`` holds and 0 elsewhere, in the dtype of ``like``."""
    if is_numpy(like) and like.dtype.kind == "O":
        return np.where(condition, filled(like, 1), filled(like, 0))
    if is_numpy(like):
        return condition.astype(like.dtype)
    return namespace(like).astype(condition, like.dtype)


def shift(x: Array) -> Array:
    """Return ``x`` minus its maximum along the last axis; exact numbers are returned as they are.

    Softmax is unchanged by a common shift; with maximum 0, ``exp`` cannot overflow.
    """
    if is_exact(x):
        return x
    if is_complex(x):
        # A real shift keeps the function analytic.
        return x - namespace(x).max(namespace(x).real(x), axis=-1, keepdims=True)
    if is_numpy(x):
        return x - np.maximum.reduce(x, axis=-1, keepdims=True)
    return x - namespace(x).max(x, axis=-1, keepdims=True)


def total(x: Array) -> Array:
    """Return the sum along the last axis, which is kept with length one."""
    if is_numpy(x):
        return np.add.reduce(x, axis=-1, keepdims=True)
    return namespace(x).sum(x, axis=-1, keepdims=True)


def softmax(x: Array) -> Array:
    """Return ``exp(x) / sum exp(x)`` along the last axis."""
    e = namespace(x).exp(shift(x))
    return e / total(e)


def log_softmax(x: Array) -> Array:
    """Return ``x - log(sum exp(x))`` along the last axis."""
    xp = namespace(x)
    shifted = shift(x)
    return shifted - xp.log(total(xp.exp(shifted)))


def normal_cdf(x: Array) -> Array:
    """Return the standard normal distribution function, ``erfc(-x / sqrt 2) / 2``."""
    if is_exact(x):
        # A float's 1 / sqrt 2 would be another function, of which the density is not the derivative.
        return erfc(x * -namespace(x).sqrt(filled(x, 0.5))) * 0.5
    return erfc(x * -math.sqrt(0.5)) * 0.5


def normal_density(x: Array) -> Array:
    """Return the standard normal density, ``exp(-x^2 / 2) / sqrt(2 pi)``."""
    if is_exact(x):
        xp = namespace(x)
        # The kind of number knows its pi to its own precision.
        pi = filled(x, 1) * (type(x.flat[0]).pi() if x.size else 1)
        return xp.exp(x * x * -0.5) / xp.sqrt(pi * 2)
    return namespace(x).exp(x * x * -0.5) * (1.0 / math.sqrt(2.0 * math.pi))


def erfc(x: Array) -> Array:
    """Return the complementary error function, from the array's own library.

    NumPy has none: SciPy's is used where it is installed, else the standard library's, entry by entry.
    """
    if not is_numpy(x):
        return _erfc_elsewhere(x)
    if x.dtype.kind == "O":
        return np.frompyfunc(lambda entry: entry.erfc(), 1, 1)(x)
    return _numpy_erfc()(x)


@functools.cache
def _numpy_erfc() -> np.ufunc:
    try:
        from scipy.special import erfc as ufunc
    except ImportError:
        return _erfc_by_entries  # type: ignore[return-value]
    return ufunc  # type: ignore[no-any-return]


_standard_erfc = np.vectorize(math.erfc, otypes=[float])


def _erfc_by_entries(x: Any) -> Any:
    """Return erfc of floats; of complex steps a + ib it is erfc(a) + ib erfc'(a), and b^2 is below rounding."""
    if not is_complex(x):
        return _standard_erfc(x).astype(x.dtype)
    a = x.real
    return (_standard_erfc(a) - (x.imag * (2 / math.sqrt(math.pi)) * np.exp(-a * a)) * 1j).astype(x.dtype)


def _erfc_elsewhere(x: Array) -> Array:
    if is_symbolic(x):
        return namespace(x).erfc(x)
    if library(x) == "torch":
        import torch

        return torch.erfc(x)
    if library(x) == "jax":
        import jax.scipy.special

        return jax.scipy.special.erfc(x)
    return in_library_of(x, _numpy_erfc()(to_numpy(x)))
