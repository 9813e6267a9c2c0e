"""Grading: an answer against the library's, then against known mistakes, then against the checker's corrections."""

import math
from typing import Any

import numpy as np

from ..checking.causes import Cause, Evidence
from ..checking.diagnosis import diagnose
from ..display import number
from .model import NEARLY, UNNAMED, Grade, Task

HINTS: dict[str, str] = {
    Cause.TRANSPOSED: "Rows are outputs and columns are inputs; your answer has them exchanged.",
    Cause.SIGN: "Every entry is right but for its sign.",
    Cause.FACTOR: "Every entry is {factor} times what it should be.",
    Cause.MISSING_FACTOR: "Rows or columns are off by a factor of their own: look for a derivative that is not yet "
    "multiplied in.",
    Cause.MISSING_SUM: "Every example contributes; the contributions are added.",
    Cause.MISSING_MEAN: "The loss is a mean over the examples, so the sum is divided by their number.",
    Cause.MISSING_TERM: "A term of the sum is missing, or one is too many.",
    Cause.DIAGONAL_ONLY: "The diagonal is right, but the entries beside it are not zero.",
    Cause.WRONG_AXIS: "The derivative runs along another axis than the function.",
    Cause.PERMUTED: "The right numbers in another order.",
    Cause.MISSING: "The function does depend on this argument, so not all entries are zero.",
    Cause.STALE_INPUT: "The formula is right, but taken at another point.",
    Cause.KINKS_ONLY: "Right everywhere but at the kink.",
    Cause.PRECISION: "Close, but not to three digits: keep more of them on the way, or look for a slip in one term.",
    Cause.NOT_FINITE: "NaN and infinity are no derivatives.",
}
"""What to think of, by the cause that the checker names."""
KINDS = {"jacobian": ": output by input size", "gradient": ": the shape of the parameter", "number": ""}
"""Why an answer has its shape."""


def grade(task: Task, value: Any) -> Grade:
    """Return the verdict on an answer."""
    expected = np.asarray(task.answer, dtype=np.float64)
    if not np.isfinite(value).all():
        return Grade(False, str(Cause.NOT_FINITE), HINTS[Cause.NOT_FINITE])
    shaped = _shaped(value, expected.shape)
    if shaped is not None and task.fits(shaped, expected):
        return Grade(True)
    for mistake in task.mistakes:
        wrong = np.asarray(mistake.answer, dtype=np.float64)
        # A mistake may have another shape than the answer; then it has to come in that shape.
        came = _shaped(value, wrong.shape)
        if came is not None and task.fits(came, wrong):
            return Grade(False, str(mistake.cause), mistake.hint, _place(shaped, expected))
    return _misshapen(task, value, expected) if shaped is None else _diagnosed(task, shaped, expected)


def _shaped(value: Any, shape: tuple[int, ...]) -> Any:
    """Return the value in a shape, with or without axes of length one; None if it has another size or order.

    A vector may stand for a row or a column, but a column does not stand for a row.
    """
    if value.ndim == len(shape) == 2 and value.shape != shape:
        return None
    kept = [length for length in shape if length != 1]
    return value.reshape(shape) if [length for length in value.shape if length != 1] == kept else None


def _place(value: Any, expected: Any) -> str:
    """Return where an answer is furthest off, counted from 1 as in mathematics."""
    if value is None or expected.size < 2:
        return ""
    at = [str(int(i) + 1) for i in np.unravel_index(np.abs(value - expected).argmax(), expected.shape)]
    return f"furthest off in entry {at[0]}" if len(at) == 1 else f"furthest off in entry ({', '.join(at)})"


def _misshapen(task: Task, value: Any, expected: Any) -> Grade:
    if value.ndim == 2:
        turned = _shaped(value.T, expected.shape)
        if turned is not None and task.fits(turned, expected):
            return Grade(False, str(Cause.TRANSPOSED), HINTS[Cause.TRANSPOSED])
    reason = KINDS[task.kind] if expected.ndim else ""
    hint = f"Your answer is {_size(value.shape)}, expected {_size(expected.shape)}{reason}."
    return Grade(False, str(Cause.WRONG_SHAPE), hint)


def _size(shape: tuple[int, ...]) -> str:
    if math.prod(shape) == 1:
        return "a number"
    return f"{shape[0]} numbers" if len(shape) == 1 else " x ".join(map(str, shape))


def _diagnosed(task: Task, value: Any, expected: Any) -> Grade:
    """Ask the checker which correction makes the answer fit; of a single number too little can be said for that."""
    if task.fits(value, expected, NEARLY):
        return Grade(False, str(Cause.PRECISION), HINTS[Cause.PRECISION], _place(value, expected))
    if task.kind == "number" or expected.size == 1:
        worst = np.unravel_index(np.abs(value - expected).argmax(), expected.shape)
        return _number_off(task, float(value[worst]), float(expected[worst]), _place(value, expected))
    numeric = np.atleast_2d(expected)
    m, n = numeric.shape
    scale = float(np.abs(expected).max(initial=0.0)) or 1.0
    finding = diagnose(
        Evidence(
            name="the argument", raw=value.reshape(m, n), numeric=numeric,
            tolerance=np.full((m, n), task.tolerance * scale / 4), out_shape=(m,), in_shape=(n,),
            x=np.ones(n), y=np.ones(m), batches=(), ignore=np.zeros((m, n), bool),
        )
    )  # fmt: skip
    hint = HINTS.get(
        finding.cause, "The shape is right; go through the formula term by term, with the solution's help."
    ).format(factor=number(np.vdot(value, expected) / (np.vdot(expected, expected) or 1.0), 3))
    return Grade(False, str(finding.cause), hint, _place(value, expected))


def _number_off(task: Task, value: float, expected: float, place: str) -> Grade:
    if task.fits(np.asarray(-value), np.asarray(expected)):
        return Grade(False, str(Cause.SIGN), "The number is right but for its sign.", place)
    return Grade(False, UNNAMED, f"The number is too {'large' if value > expected else 'small'}.", place)
