"""Symmetric matrices known by their products, as SciPy sees them, and their eigenvalues."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import OptionError, missing_extra
from ..options import check_whole

__all__ = ["eigenvalues", "linear_operator"]

SMALL = 64
"""Up to this size a matrix is made dense: Lanczos finds fewer eigenvalues than there are columns."""


def linear_operator(who: str, shape: tuple[int, int], dtype: Any, times: Callable[[Any], Any]) -> Any:
    """Return a symmetric matrix as a ``scipy.sparse.linalg.LinearOperator``.

    Args:
        who: for the message if SciPy is not installed.
        shape: n x n.
        dtype: of its numbers.
        times: (n,) or (n, k) NumPy arrays to the product.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    try:
        from scipy.sparse.linalg import LinearOperator
    except ImportError as error:
        raise missing_extra(who, "scipy") from error

    def one(v: Any) -> Any:
        return times(v.reshape(-1))

    return LinearOperator(shape, matvec=one, rmatvec=one, matmat=times, rmatmat=times, dtype=np.dtype(dtype))


def eigenvalues(who: str, operator: Any, count: int, which: str, tolerance: float) -> Any:
    """Return ``count`` eigenvalues, descending: the largest (``"LA"``) or the smallest (``"SA"``).

    Raises:
        OptionError: ``count`` is not between 1 and the size, or ``which`` is neither.
    """
    size = operator.shape[0]
    if not 1 <= (count := check_whole(who, "count", count, 0)) <= size:
        raise OptionError(f"{who}: count={count}, expected 1 to {size}.")
    if which not in ("LA", "SA"):
        raise OptionError(f"{who}: which={which!r}, expected 'LA', the largest, or 'SA', the smallest.")
    if size <= SMALL or count >= size - 1:
        values = np.linalg.eigvalsh(operator @ np.eye(size, dtype=operator.dtype))
        return _descending(values[-count:] if which == "LA" else values[:count])
    from scipy.sparse.linalg import eigsh

    start = np.random.default_rng(0).standard_normal(size)
    found = eigsh(operator, k=count, which=which, return_eigenvectors=False, v0=start, tol=tolerance)
    return _descending(np.sort(found))


def _descending(ascending: Any) -> Any:
    """Return the numbers in a memory of their own: PyTorch takes no array that is read backwards."""
    return ascending[::-1].copy()
