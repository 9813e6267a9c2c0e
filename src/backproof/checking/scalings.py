"""Corrections that multiply: a sign, a constant, the size of the batch, a number for every row, column or entry."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from .causes import Cause, Evidence, Finding


def missing(e: Evidence) -> Finding | None:
    """All zero where the function does depend on the argument."""
    if np.any(e.raw) or not np.any(np.abs(e.numeric) > e.tolerance):
        return None
    return Finding(Cause.MISSING, f"the derivative in {e.name} is zero everywhere")


def sign(e: Evidence) -> Finding | None:
    """Right once multiplied by -1."""
    left = None if e.analytic is None else e.residual(-e.analytic)
    return None if left is None else Finding(Cause.SIGN, "multiplied by -1 it fits", left)


def batch_factor(e: Evidence) -> Finding | None:
    """Right once multiplied, or divided, by the number of examples."""
    if e.analytic is None:
        return None
    for size in e.batches:
        left = e.residual(e.analytic / size)
        if left is not None:
            return Finding(Cause.MISSING_MEAN, f"divided by the batch size {size} it fits", left)
        left = e.residual(e.analytic * size, size)
        if left is not None:
            text = f"multiplied by the batch size {size} it fits: a mean stands where the sum belongs"
            return Finding(Cause.MISSING_SUM, text, left)
    return None


def constant(e: Evidence) -> Finding | None:
    """Right once multiplied by one number."""
    if e.analytic is None or not e.significant.any():
        return None
    with np.errstate(all="ignore"):
        weights = np.where(e.significant, e.analytic, 0)
        c = float(np.sum(weights * e.numeric) / np.sum(weights * weights))
    if not np.isfinite(c) or c == 0:
        return None
    left = e.residual(c * e.analytic, max(1.0, abs(c)))
    if left is None:
        return None
    return Finding(Cause.FACTOR, f"multiplied by {spoken(c, e)} it fits", left)


def spoken(c: float, e: Evidence) -> str:
    """Return a factor as people write it: 2, 1/3, sqrt(4) = 2 of a size in sight, else six digits."""
    sizes = sorted({s for shape in (e.in_shape, e.out_shape) for s in shape if s > 1})
    near = Fraction(c).limit_denominator(64)
    if near and abs(float(near) / c - 1) < 1e-6:
        word = str(near)
        same = [s for s in sizes if near in (s, Fraction(1, s))]
        return f"{word} ({same[0]} is the length of an axis)" if same else word
    for size in sizes:
        for value, word in ((size**0.5, f"sqrt({size})"), (size**-0.5, f"1/sqrt({size})")):
            if abs(c / value - 1) < 1e-6:
                return f"{word} = {c:.6g}"
    return f"{c:.6g}"


def forgotten_cotangent(e: Evidence) -> Finding | None:
    """The same whatever the cotangent is: right once multiplied by it."""
    A = e.analytic
    if A is None or A.shape[0] < 2 or A.shape[0] != A.shape[1]:
        return None
    if np.any(np.abs(A - A[:1]) > e.tolerance):
        return None
    left = e.residual(A * np.eye(len(A)))
    return None if left is None else Finding(Cause.MISSING_FACTOR, "multiplied by the cotangent it fits", left)


def rows_and_columns(e: Evidence) -> Finding | None:
    """Right once every row, or every column, is multiplied by a number of its own."""
    if e.analytic is None:
        return None
    for axis, word in ((1, "row"), (0, "column")):
        support = e.significant.sum(axis=axis)
        # A row of one entry always fits, so most must have several.
        if not support.any() or (support[support > 0] < 2).mean() > 0.25:
            continue
        with np.errstate(all="ignore"):
            weights = np.where(e.significant, e.analytic, 0)
            c = np.sum(weights * e.numeric, axis=axis, keepdims=True) / np.sum(weights**2, axis=axis, keepdims=True)
        c = np.where(np.isfinite(c), c, 1.0)
        left = e.residual(c * e.analytic, float(max(1.0, np.abs(c).max())))
        if left is not None:
            text = f"every {word} multiplied by a number of its own, {c.min():.4g} to {c.max():.4g}, it fits"
            return Finding(Cause.MISSING_FACTOR, text, left)
    return None


def powers(e: Evidence) -> Iterator[tuple[Any, str]]:
    """Yield functions of the argument that chain rules leave behind, along the columns, with their names."""
    with np.errstate(all="ignore"):
        size = np.abs(e.x_of)
        for p in (1, -1, 2, -2, 3, 0.5, -0.5):
            if float(p).is_integer():
                yield e.x_of**p, _power(e.name, p)
            yield size**p, _power(f"|{e.name}|", p)
        if e.y.size == e.x.size:
            y = e.y[None, :]
            for p in (1, -1, 2):
                yield y**p, _power("y", p)
        for name, other in e.points:
            if name != e.name and np.shape(other) == e.in_shape:
                flat = np.reshape(other, (1, -1))
                yield flat, name
                yield 1 / flat, f"1/{name}"


def entry_factor(e: Evidence) -> Finding | None:
    """Right once every entry is multiplied by a power of its argument, or by another argument."""
    if e.analytic is None or e.significant.sum() < 3:
        return None
    for factor, word in powers(e):
        with np.errstate(all="ignore"):
            candidate = np.where(e.analytic == 0, 0, e.analytic * factor)
            weights = np.where(e.significant & np.isfinite(candidate), candidate, 0)
            c = float(np.sum(weights * e.numeric) / np.sum(weights**2))
            left = e.residual(c * candidate, max(1.0, float(np.nanmax(np.abs(c * factor)))))
        if left is not None:
            times = word if f"{c:.4g}" == "1" else f"{c:.4g} {word}"
            return Finding(Cause.MISSING_FACTOR, f"multiplied by {times} it fits", left)
    return None


def _power(name: str, p: float) -> str:
    return name if p == 1 else f"{name}^{p}"


def part_factor(e: Evidence) -> Finding | None:
    """Right in a part, and elsewhere right once multiplied by one number, 0 for a mask."""
    if e.analytic is None:
        return None
    wrong = (np.abs(e.analytic - e.numeric) > e.tolerance) & ~e.ignore
    if not (e.significant & ~wrong).any():
        return None
    if not np.any(np.abs(e.numeric[wrong]) > e.tolerance[wrong]):
        return Finding(Cause.MISSING_FACTOR, f"{int(wrong.sum())} entries multiplied by 0, as by a mask, it fits", 0.0)
    weights = np.where(wrong, e.analytic, 0)
    if not np.any(weights) or wrong.sum() < 2:
        return None
    c = float(np.sum(weights * e.numeric) / np.sum(weights**2))
    left = e.residual(np.where(wrong, c * e.analytic, e.analytic), max(1.0, abs(c)))
    if left is None:
        return None
    text = f"{int(wrong.sum())} entries multiplied by {spoken(c, e)}, it fits; the others are right"
    return Finding(Cause.SIGN if abs(c + 1) < 1e-9 else Cause.MISSING_FACTOR, text, left)
