"""One example of an operator as SciPy sees it."""

from typing import Any

import numpy as np

from ..arrays import dtype_name, in_library_of, to_numpy
from ..errors import ShapeError, missing_extra
from .base import Operator


def linear_operator(operator: Operator, example: int) -> Any:
    """Return the matrix of one example as a ``scipy.sparse.linalg.LinearOperator``.

    Raises:
        ShapeError: there is no such example.
        MissingExtraError: SciPy is not installed.
    """
    try:
        from scipy.sparse.linalg import LinearOperator
    except ImportError as error:
        raise missing_extra("Operator.scipy", "scipy") from error
    if operator.batch is not None and not -operator.batch <= example < operator.batch:
        raise ShapeError(f"{operator!r}.scipy: no example {example}, expected 0 to {operator.batch - 1}.")
    index = 0 if operator.batch is None else example
    dtype = np.dtype("float64") if operator.like is None else np.dtype(dtype_name(operator.like))

    def columns(apply: Any, block: Any) -> Any:
        # k columns travel as k rows of every example; the example asked for is then picked out.
        rows = np.ascontiguousarray(np.atleast_2d(block.T)).astype(dtype)[None]
        rows = rows if operator.like is None else in_library_of(operator.like, rows)
        result = to_numpy(apply(rows))[index if operator.batch is not None else 0].T
        return result[:, 0] if block.ndim == 1 else result

    return LinearOperator(
        shape=operator.shape,
        dtype=dtype,
        matvec=lambda v: columns(operator.push, v.reshape(-1)),
        rmatvec=lambda u: columns(operator.pull, u.reshape(-1)),
        matmat=lambda block: columns(operator.push, block),
        rmatmat=lambda block: columns(operator.pull, block),
    )
