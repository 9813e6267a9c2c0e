"""``backproof.check`` on a case of the corpus."""

from backproof.checking import Cause, check

from .checkers_views import doubles
from .corpus import Case, Fault
from .corpus.case import GIVEN_APART


def checked(case: Case, fault: Fault | None, seed: int, dtype: str) -> tuple[bool, Cause | None]:
    """Return the verdict, and the cause that is named."""
    derivative = case.derivative if fault is None else fault.derivative
    with doubles(dtype == "float64"):
        inputs = case.draw(seed, dtype)
        if case.given in GIVEN_APART:
            report = check(case.forward, *inputs, **{case.given: derivative})
        else:
            report = check(derivative, *inputs)
    return report.ok, report.cause
