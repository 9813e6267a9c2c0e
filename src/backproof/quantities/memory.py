"""What fits into memory: asked before anything is allocated, answered with the call that serves instead."""

import os
from typing import Any

import numpy as np

from ..arrays import Array, is_numpy, plain
from ..errors import DtypeError, OptionError
from ..operators import Operator
from ..parameters import Parameters

__all__ = ["budget", "itemsize", "read_rows", "require_dense", "require_examples", "require_fit"]

UNKNOWN = 8 * 2**30
"""The memory assumed of a machine that does not say how much it has."""


def budget(memory: int | None = None) -> int:
    """Return the bytes that one result may take: as given, else half of this machine's memory."""
    if memory is not None:
        return memory
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return UNKNOWN // 2


def require_fit(who: str, what: str, size: int, instead: str, memory: int | None = None) -> None:
    """Check that ``size`` bytes are within the budget.

    Raises:
        OptionError: they are not; the message has the size and says what to call ``instead``.
    """
    limit = budget(memory)
    if size > limit:
        raise OptionError(f"{who}: {what} takes {size:,} bytes, more than the {limit:,} allowed; {instead}.")


def itemsize(array: Array) -> int:
    """Return the bytes of one number of ``array``."""
    return int(getattr(array.dtype, "itemsize", 8))


def require_dense(J: Operator, examples: int, instead: str, memory: int | None) -> None:
    """Check that the dense matrices of ``examples`` examples fit."""
    m, n = J.shape
    require_fit(
        "jacobian",
        f"{examples:,} x {m:,} x {n:,} numbers dense",
        examples * m * n * itemsize(J.like),
        f"{instead}, J @ v and v @ J need no dense matrix, and dense_jacobian(..., memory=, out=) works in chunks",
        memory,
    )


def require_examples(who: str, name: str, x: Any) -> None:
    """Check that ``x`` is an array or a memory map of examples, before a part of it is read.

    Raises:
        DtypeError: it is not, or it is masked.
    """
    if not hasattr(x, "dtype") or not getattr(x, "shape", ()):
        raise DtypeError(
            f"{who}: {name} is of type {type(x).__name__}, expected an array of examples; convert it, "
            "as in np.asarray(x, 'float32')."
        )
    plain(x, f"{who}: {name}")


def read_rows(x: Any, start: int, count: int, theta: Parameters) -> Array:
    """Return ``count`` examples of an array or memory map, as an array of the parameters' library."""
    rows = x[start : min(start + count, x.shape[0]), ...]
    return np.asarray(rows) if is_numpy(theta.like) else rows
