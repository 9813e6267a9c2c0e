"""A problem looked through: is the function sound, is each derivative right, and if not, why."""

from dataclasses import replace

import numpy as np

from ..errors import NonFiniteError, ShapeError
from .causes import Cause
from .judging import Judge
from .measuring import Oracle, scales_of
from .probing import PROBES, Prober, probability
from .problems import DOUBLE, NATIVE, Points, Problem, epsilon
from .products import adjointness, complaints_about_route
from .report import Block, Report
from .soundness import Complaint, complaints_about, differentiability, note_on_dtype, notes_on_reuse

METHODS = {
    "complex": "complex steps, exact to rounding",
    "differences": "central differences with Richardson extrapolation",
}
UNSURE = (Cause.NOT_DIFFERENTIABLE, Cause.NOT_FINITE, Cause.KINKS_ONLY, Cause.UNDECIDED)
"""Causes that say more about a point drawn at random than about the derivative."""

ENTRIES, LINES = 40_000, 1_500
"""Most entries of all blocks together, and most outputs or inputs, that are compared one by one."""


def inspect_problem(problem: Problem, wanted: str = "auto", seed: int = 0, points: int = 2) -> Report:
    """Return the report on a problem.

    Args:
        problem: what is checked.
        wanted: the oracle.
        seed: of random numbers.
        points: how many; the others are drawn close to the given one and checked by random products.

    Raises:
        NonFiniteError: an input holds NaN or infinity.
        ShapeError: the function's value is empty.
    """
    for name, point in zip(problem.names, problem.points, strict=True):
        if not np.isfinite(point).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(point))[0])
            raise NonFiniteError(f"check: argument {name!r} holds {point[where]} at {where}, expected finite numbers.")
    with np.errstate(all="ignore"):
        return _looked_through(problem, wanted, seed, points)


def _looked_through(problem: Problem, wanted: str, seed: int, points: int) -> Report:
    value = problem.evaluate(problem.points, NATIVE)
    if not sum(point.size for point in problem.points):
        shapes = " and ".join(f"{n} {p.shape}" for n, p in zip(problem.names, problem.points, strict=True))
        raise ShapeError(f"check: the arguments of {problem.title} are empty ({shapes}), expected some numbers.")
    if not value.numbers.size:
        raise ShapeError(f"check: the value of {problem.title} has shape {value.numbers.shape}, expected some numbers.")
    complaints = complaints_about(problem, value)
    notes = [*problem.notes, *note_on_dtype(problem, value), *notes_on_reuse(problem, value)]
    if {c.cause for c in complaints} & {Cause.NOT_DETERMINISTIC, Cause.NOT_FINITE, Cause.WRONG_DTYPE}:
        return _report(problem, "nothing, for the function cannot be checked", [], complaints, notes)
    precision, why = precision_of(problem)
    notes += why
    inputs = sum(point.size for point in problem.points)
    large = max(value.numbers.size, inputs) > LINES or value.numbers.size * inputs > ENTRIES
    oracle = Oracle(problem, precision, "differences" if large else wanted, seed)
    name = METHODS.get(oracle.method, problem.exact_name)
    name += ", in float64" if precision == DOUBLE and problem.native_epsilon > 2.0**-52 else ""
    if large:
        blocks, more = _routed(problem, Prober(problem, oracle, seed))
        notes += _agreement(problem, oracle, blocks, seed)
        return _probed(_report(problem, name, blocks, complaints + more, notes))
    measured = oracle.blocks()
    unsmooth, kinks = differentiability(problem, oracle, measured, 0.05 if precision == DOUBLE else 0.5)
    judge = Judge(problem, oracle, measured, value, seed)
    blocks, more = _routed(problem, judge)
    if blocks and all(block.ok for block in blocks) and precision == DOUBLE and not complaints:
        blocks, more = _other_points(problem, blocks, seed, points - 1), more
    notes += kinks + judge.notes + _agreement(problem, oracle, blocks, seed)
    report = _report(problem, name, blocks, complaints + unsmooth + more, notes)
    return replace(report, problems=(*report.problems, *judge.problems))


def _other_points(problem: Problem, blocks: list[Block], seed: int, count: int) -> list[Block]:
    """Return the blocks, wrong where the derivative is right at the given point but not at others close to it."""
    generator = np.random.default_rng(seed + 3)
    for _ in range(count):
        points = tuple(p + 0.2 * scales_of(p) * generator.choice([-1.0, 1.0], size=p.shape) for p in problem.points)
        moved = replace(problem, points=points)
        try:
            if not np.isfinite(problem.evaluate(points, DOUBLE).numbers).all():
                continue
            prober = Prober(moved, Oracle(moved, DOUBLE, "differences", seed), seed, probes=2)
            if all(block.ok for route in problem.routes for block in prober.blocks(route)):
                continue
            # Probes are coarse: only a check of every entry may say that something is wrong there.
            there = inspect_problem(replace(moved, dtypes=("float64",) * len(points)), "auto", seed, 1)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            # The point is a guess, which the function may refuse.
            continue
        if there.cause in UNSURE or len(there.blocks) != len(blocks):
            continue
        kept = _kept(problem, points)
        blocks = [_moved(*three) for three in zip(blocks, there.blocks, kept, strict=True)]
    return blocks


def _kept(problem: Problem, points: Points) -> list[bool]:
    """Return for every route and argument whether the derivative is the same at two points."""
    found = []
    for route in problem.routes:
        pairs = zip(route.dense(problem.points, DOUBLE), route.dense(points, DOUBLE), strict=True)
        found += [a is not None and b is not None and np.array_equal(a.numbers, b.numbers) for a, b in pairs]
    return found


def _moved(here: Block, there: Block, kept: bool) -> Block:
    """Return the wrong block of another point, with what that means for the cause."""
    if there.ok:
        return here
    text = "right at the given point, wrong at another close to it"
    if kept:
        return replace(there, cause=Cause.STALE_INPUT, detail=f"{text}, where it has not changed", residual=None)
    return replace(there, detail=f"{text}: {there.detail}")


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
    """Return the blocks of all routes that can be checked; what PyTorch itself refuses becomes a complaint."""
    blocks: list[Block] = []
    complaints: list[Complaint] = []
    for route in problem.routes:
        try:
            found = complaints_about_route(problem, route, judge.oracle.precision, judge.oracle.out_shape)
            complaints += found
            blocks += [] if found else judge.blocks(route)
        except RuntimeError as error:
            text = str(error).split("\n")[0]
            if "inplace operation" in text:
                said = "the function changes in place what its derivative needs"
                return blocks, [Complaint(Cause.STALE_INPUT, f"{said}: {text}")]
            if "invalid gradient" in text or "incorrect number of gradients" in text:
                return blocks, [Complaint(Cause.WRONG_SHAPE, f"the {route.kind} is refused: {text}")]
            raise
    return blocks, complaints


def _agreement(problem: Problem, oracle: Oracle, blocks: list[Block], seed: int) -> list[str]:
    """Return a note on whether vjp and jvp agree, where that tells where a mistake is."""
    if not blocks or all(block.ok for block in blocks):
        return []
    text = adjointness(problem, oracle.precision, oracle.out_shape, seed)
    return [text] if text else []


def _report(
    problem: Problem, oracle: str, blocks: list[Block], complaints: list[Complaint], notes: list[str]
) -> Report:
    wrong = [block for block in blocks if not block.ok]
    known = [block.cause for block in wrong if block.cause not in (None, Cause.UNKNOWN, Cause.UNDECIDED)]
    doubtful = bool(wrong) and all(block.cause == Cause.UNDECIDED for block in wrong)
    vague = Cause.UNDECIDED if doubtful else Cause.UNKNOWN if wrong else None
    cause = known[0] if known else vague
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
