"""A problem looked through: is the function sound, is each derivative right, and if not, why."""

from dataclasses import replace

import numpy as np

from ..errors import NonFiniteError
from .causes import Cause
from .judging import Judge
from .measuring import Oracle
from .probing import PROBES, Prober, probability
from .problems import DOUBLE, NATIVE, Problem, epsilon
from .report import Block, Report
from .soundness import Complaint, complaints_about, differentiability, note_on_dtype

METHODS = {
    "complex": "complex steps, exact to rounding",
    "differences": "central differences with Richardson extrapolation",
}
ENTRIES, LINES = 40_000, 1_500
"""Most entries of all blocks together, and most outputs or inputs, that are compared one by one."""


def inspect_problem(problem: Problem, wanted: str = "auto", seed: int = 0) -> Report:
    """Return the report on a problem.

    Raises:
        NonFiniteError: an input holds NaN or infinity.
    """
    for name, point in zip(problem.names, problem.points, strict=True):
        if not np.isfinite(point).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(point))[0])
            raise NonFiniteError(f"check: argument {name!r} holds {point[where]} at {where}, expected finite numbers.")
    value = problem.evaluate(problem.points, NATIVE)
    complaints = complaints_about(problem, value)
    notes = [*problem.notes, *note_on_dtype(problem, value)]
    if {c.cause for c in complaints} & {Cause.NOT_DETERMINISTIC, Cause.NOT_FINITE, Cause.WRONG_DTYPE}:
        return _report(problem, "nothing, for the function cannot be checked", [], complaints, notes)
    precision, why = precision_of(problem)
    notes += why
    inputs = sum(point.size for point in problem.points)
    large = max(value.numbers.size, inputs) > LINES or value.numbers.size * inputs > ENTRIES
    with np.errstate(all="ignore"):
        oracle = Oracle(problem, precision, "differences" if large else wanted, seed)
        name = METHODS.get(oracle.method, problem.exact_name)
        name += ", in float64" if precision == DOUBLE and problem.native_epsilon > 2.0**-52 else ""
        if large:
            prober = Prober(problem, oracle, seed)
            blocks, more = _routed(problem, prober)
            return _probed(_report(problem, name, blocks, complaints + more, notes))
        measured = oracle.blocks()
        unsmooth, kinks = differentiability(problem, measured)
        judge = Judge(problem, oracle, measured, value, seed)
        blocks, more = _routed(problem, judge)
    report = _report(problem, name, blocks, complaints + unsmooth + more, notes + kinks)
    return replace(report, problems=(*report.problems, *judge.problems))


def precision_of(problem: Problem) -> tuple[str, list[str]]:
    """Return ``"double"`` where function and derivatives take float64, else ``"native"`` with a note."""
    if problem.native_epsilon <= 2.0**-52:
        return DOUBLE, []
    try:
        value = problem.evaluate(problem.points, DOUBLE)
        for route in problem.routes:
            if route.pull is not None:
                route.pull(problem.points, DOUBLE, np.ones(value.numbers.shape))
            elif route.push is not None:
                route.push(problem.points, DOUBLE, [np.ones(p.shape) for p in problem.points])
            else:
                route.dense(problem.points, DOUBLE)
    except Exception as error:
        # A function written for one dtype may refuse another in its own way.
        dtypes = " and ".join(dict.fromkeys(problem.dtypes))
        return NATIVE, [f"float64 is refused ({type(error).__name__}), so that all is checked in {dtypes}"]
    if epsilon(value.dtype) > 2.0**-52:
        return NATIVE, [f"the value stays {value.dtype} for float64 arguments, so that all is checked in {value.dtype}"]
    return DOUBLE, []


def _routed(problem: Problem, judge: Judge | Prober) -> tuple[list[Block], list[Complaint]]:
    """Return the blocks of all routes; what PyTorch itself refuses becomes a complaint."""
    blocks: list[Block] = []
    for route in problem.routes:
        try:
            blocks += judge.blocks(route)
        except RuntimeError as error:
            text = str(error).split("\n")[0]
            if "inplace operation" in text:
                said = "the function changes in place what its derivative needs"
                return blocks, [Complaint(Cause.STALE_INPUT, f"{said}: {text}")]
            if "invalid gradient" in text:
                return blocks, [Complaint(Cause.WRONG_SHAPE, f"the {route.kind} is refused: {text}")]
            raise
    return blocks, []


def _report(
    problem: Problem, oracle: str, blocks: list[Block], complaints: list[Complaint], notes: list[str]
) -> Report:
    wrong = [block for block in blocks if not block.ok]
    known = [block.cause for block in wrong if block.cause not in (None, Cause.UNKNOWN)]
    cause = known[0] if known else (Cause.UNKNOWN if wrong else None)
    cause = complaints[0].cause if complaints else cause
    texts = tuple(dict.fromkeys(complaint.text for complaint in complaints))
    return Report(not wrong and not complaints, cause, problem.title, oracle, tuple(blocks), texts, tuple(notes))


def _probed(report: Report) -> Report:
    """Say what random probes can miss."""
    sizes = [block.tolerance for block in report.blocks if block.ok]
    size = f" of norm above {10 * max(sizes):.1e} (arguments in units of their size)" if sizes else ""
    note = (
        f"too large to compare every entry: {PROBES} random probes u J v of each block; a fault{size} is missed with "
        f"a probability of at most {probability():.0e}"
    )
    return replace(report, notes=(*report.notes, note), missed=probability())
