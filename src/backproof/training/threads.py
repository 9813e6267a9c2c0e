"""How many threads the linear algebra takes."""

from typing import Any

from ..errors import missing_extra


def limited_threads(count: int = 1) -> Any:
    """Return a context in which NumPy's linear algebra takes ``count`` threads.

    One is the default: for matrices of this size more bring little on a quiet machine and cost much on a busy one,
    where threads wait for each other; and the bits of a training do not depend on the number of cores.

    Raises:
        MissingExtraError: threadpoolctl, which comes with scikit-learn, is not installed.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise missing_extra("limiting threads", "data") from error
    return threadpool_limits(count)
