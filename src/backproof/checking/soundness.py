"""Is the function one that can be checked: deterministic, finite, differentiable at the point, its inputs untouched?"""

from typing import Any, NamedTuple

import numpy as np

from .causes import Cause
from .measuring import Measured, Oracle
from .problems import NATIVE, Problem, Value, epsilon


class Complaint(NamedTuple):
    """Something that is wrong with the function as such, in words."""

    cause: Cause
    text: str


def complaints_about(problem: Problem, value: Value) -> list[Complaint]:
    """Return what speaks against checking the function, given one value at the point."""
    found = []
    again = problem.evaluate(problem.points, NATIVE).numbers
    if again.shape != value.numbers.shape or again.tobytes() != value.numbers.tobytes():
        text = "the function is not deterministic: two calls at the same point differ"
        found.append(Complaint(Cause.NOT_DETERMINISTIC, text))
    if value.numbers.dtype.kind == "c":
        text = f"the function's value is of dtype {value.dtype}, expected real numbers"
        found.append(Complaint(Cause.WRONG_DTYPE, text))
    elif not np.isfinite(value.numbers).all():
        place, bad = first(~np.isfinite(value.numbers)), value.numbers[~np.isfinite(value.numbers)][0]
        text = f"the function's value{place} is {bad}, though {_listed(problem.names)} finite"
        found.append(Complaint(Cause.NOT_FINITE, text))
    for index in value.changed:
        text = f"the function changes its argument {problem.names[index]!r} in place"
        found.append(Complaint(Cause.STALE_INPUT, text))
    return found


def note_on_dtype(problem: Problem, value: Value) -> list[str]:
    """Return a note where the value's dtype is not that of the arguments."""
    coarse = max(map(epsilon, problem.dtypes), default=0.0)
    if value.dtype == "complex128" or (epsilon(value.dtype) == coarse and "float" in value.dtype):
        return []
    came = " and ".join(dict.fromkeys(problem.dtypes))
    return [f"the function's value is {value.dtype}, its arguments ({', '.join(problem.names)}) are {came}"]


def notes_on_reuse(problem: Problem, value: Value) -> list[str]:
    """Return a note on every argument that the function works on in place, as it says by returning it."""
    return [f"the function changes its argument {problem.names[i]!r} in place and returns it" for i in value.reused]


def differentiability(
    problem: Problem, oracle: Oracle, measured: list[Measured], loosest: float
) -> tuple[list[Complaint], list[str]]:
    """Return complaints where no difference comes within ``loosest`` of the block's size, and notes on kinks."""
    complaints, notes = [], []
    for index, (name, point, block) in enumerate(zip(problem.names, problem.points, measured, strict=True)):
        bounded = np.isfinite(block.low) & np.isfinite(block.high)
        # Where even the best difference is off by a part of the largest entry, there is nothing to converge to.
        size = float(np.max(block.row_scale, initial=0.0))
        rough = ~(block.error <= loosest * size + 1e6 * oracle.rounding(index) + 1e-300) & ~block.kink
        if rough.any():
            # At a minimum the slopes are nothing beside what the function does close by.
            rough &= ~(block.error <= 1e-4 * loosest * oracle.variation(index))
        ends = rough | (block.kink & ~bounded)
        if ends.any():
            place = first(ends.any(axis=0).reshape(point.shape))
            where = f"in {name}{place} at this point, or too steep"
            text = f"the function is not differentiable {where}: no difference converges there"
            complaints.append(Complaint(Cause.NOT_DIFFERENTIABLE, text))
        elif block.kink.any():
            place, count = first(block.kink.any(axis=0).reshape(point.shape)), int(block.kink.sum())
            notes.append(
                f"{name}{place} lies on a kink ({count} {'entry' if count == 1 else 'entries'} of the Jacobian): "
                "the slopes from both sides differ, and any between them is accepted"
            )
    return complaints, notes


def first(mask: Any) -> str:
    """Return the first place where a mask holds, as ``[1, 2]``; nothing for a single number."""
    where = np.argwhere(mask)[0]
    return f"[{', '.join(str(int(i)) for i in where)}]" if len(where) else ""


def _listed(names: tuple[str, ...]) -> str:
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"
