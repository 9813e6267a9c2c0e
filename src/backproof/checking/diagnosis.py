"""The table of corrections, most specific first, and the search through it."""

from collections.abc import Callable

import numpy as np

from .causes import Cause, Evidence, Finding

Attempt = Callable[[Evidence], Finding | None]


def missing(evidence: Evidence) -> Finding | None:
    """All zero where the function does depend on the argument."""
    if np.any(evidence.raw) or not np.any(evidence.numeric):
        return None
    return Finding(Cause.MISSING, f"the derivative in {evidence.name} is zero everywhere")


def sign(evidence: Evidence) -> Finding | None:
    """Right once multiplied by -1."""
    A = evidence.analytic
    left = evidence.residual(None if A is None else -A)
    return None if left is None else Finding(Cause.SIGN, "multiplied by -1 it fits", left)


ATTEMPTS: tuple[Attempt, ...] = (missing, sign)


def diagnose(evidence: Evidence) -> Finding:
    """Return the first finding of the table, or ``UNKNOWN``."""
    for attempt in ATTEMPTS:
        found = attempt(evidence)
        if found is not None:
            return found
    return Finding(Cause.UNKNOWN, "no correction that was tried makes it fit")
