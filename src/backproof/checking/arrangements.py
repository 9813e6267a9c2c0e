"""Corrections that move entries: transposition, another axis, a permutation, another argument's block, a sum."""

import itertools
from typing import Any

import numpy as np

from .causes import Cause, Evidence, Finding


def transposed(e: Evidence) -> Finding | None:
    """Right once the Jacobian, or the gradient in a matrix, is transposed."""
    m, n = e.numeric.shape
    if e.raw.size != m * n:
        return None
    flat = e.raw.reshape(-1)
    if m > 1 and n > 1:
        left = e.residual(flat.reshape(n, m).T)
        if left is not None:
            return Finding(Cause.TRANSPOSED, "the Jacobian transposed fits", left)
    shape = e.raw.shape[1:] if e.raw.shape[0] == m else ()
    for i, j in itertools.combinations(range(len(shape)), 2):
        swapped = np.swapaxes(e.raw, i + 1, j + 1)
        if swapped.shape[1:] != e.in_shape:
            continue
        left = e.residual(swapped.reshape(m, n))
        if left is not None:
            # What is summed over one axis where it should be over another looks the same as a transposed gradient.
            reduced = 0 < len(e.out_shape) < len(e.in_shape) and bool(coupled_axes(e.numeric, e)[0])
            text = f"axes {i} and {j} of the derivative in {e.name} exchanged, it fits"
            return Finding(Cause.WRONG_AXIS if reduced else Cause.TRANSPOSED, text, left)
    return None


def output_axes(e: Evidence) -> Finding | None:
    """Right once two axes of the output are exchanged."""
    if e.analytic is None:
        return None
    for i, j in itertools.combinations(range(len(e.out_shape)), 2):
        if e.out_shape[i] == e.out_shape[j]:
            rows = np.swapaxes(e.analytic.reshape(*e.out_shape, -1), i, j).reshape(e.numeric.shape)
            left = e.residual(rows)
            if left is not None:
                return Finding(Cause.WRONG_AXIS, f"axes {i} and {j} of the output exchanged, it fits", left)
    return None


def unsummed(e: Evidence) -> Finding | None:
    """Right once an axis that is still there is summed, or averaged."""
    m, n = e.numeric.shape
    if e.raw.ndim < 2 or e.raw.shape[0] != m or e.raw.shape[1:] == e.in_shape:
        return None
    axes = range(1, e.raw.ndim)
    for count in (1, 2):
        for chosen in itertools.combinations(axes, count):
            for reduce, word in ((np.sum, "summed"), (np.mean, "averaged")):
                reduced = reduce(e.raw, axis=chosen)
                left = e.residual(reduced.reshape(m, n)) if reduced.size == m * n else None
                if left is not None:
                    where = " and ".join(str(axis - 1) for axis in chosen)
                    shape = e.raw.shape[1:]
                    text = f"of shape {shape} instead of {e.in_shape}; {word} over axis {where} it fits"
                    return Finding(Cause.MISSING_SUM if reduce is np.sum else Cause.MISSING_MEAN, text, left)
    return None


def reshaped(e: Evidence) -> Finding | None:
    """The right numbers in another shape."""
    if e.raw.size != e.numeric.size or e.raw.shape == (e.numeric.shape[0], *e.in_shape):
        return None
    left = e.residual(e.raw.reshape(e.numeric.shape))
    if left is None:
        return None
    return Finding(Cause.WRONG_SHAPE, f"shape {e.raw.shape[1:]} came, expected {e.in_shape}; the numbers fit", left)


def some_examples(e: Evidence) -> Finding | None:
    """Right for some examples of the output's batch, zero for the others."""
    if (
        e.analytic is None
        or len(e.out_shape) < 1
        or e.out_shape[0] not in e.batches
        or e.in_shape[:1] == e.out_shape[:1]
    ):
        return None
    A, N = (block.reshape(e.out_shape[0], -1) for block in (e.analytic, e.numeric))
    tolerance, ignore = e.tolerance.reshape(A.shape), e.ignore.reshape(A.shape)
    zero = ~np.any(A, axis=1)
    right = np.all((np.abs(A - N) <= tolerance) | ignore, axis=1)
    if not zero.any() or not (right & ~zero).any() or not np.all(zero | right):
        return None
    text = f"only {int((right & ~zero).sum())} of {len(zero)} examples are in the sum over the batch"
    return Finding(Cause.MISSING_SUM, text)


def some_examples_of_a_sum(e: Evidence) -> Finding | None:
    """The gradient of a sum over fewer examples."""
    if e.analytic is None or e.numeric.shape[0] != 1:
        return None
    for size in e.batches:
        if e.in_shape[:1] == (size,):
            continue
        for part, word in (
            (slice(0, 1), "first"),
            (slice(-1, None), "last"),
            (slice(0, size // 2), f"first {size // 2}"),
        ):
            points = [p[part] if np.shape(p)[:1] == (size,) else p for _, p in e.points]
            block = e.elsewhere(points)
            if block is not None and block.shape == e.analytic.shape and np.any(block):
                error = np.abs(block - e.analytic)
                if np.all(error <= 16 * e.tolerance):
                    return Finding(
                        Cause.MISSING_SUM, f"it is the derivative of the {word} of {size} examples alone", 0.0
                    )
    return None


def other_block(e: Evidence) -> Finding | None:
    """The block of another argument."""
    for name, block in e.others:
        if name == e.name or e.analytic is None or block.shape != e.analytic.shape:
            continue
        if np.all(np.abs(block - e.analytic) <= 4 * e.tolerance + 1e-9 * np.abs(block)):
            return Finding(Cause.PERMUTED, f"it is the derivative in {name}: the results are in another order", 0.0)
    return None


def flipped(e: Evidence) -> Finding | None:
    """Right once axes of the output or of the argument run backwards, or are shifted by one."""
    if e.analytic is None:
        return None
    A = e.analytic.reshape(*e.out_shape, *e.in_shape)
    outs = len(e.out_shape)
    axes = [axis for axis in range(A.ndim) if A.shape[axis] > 1]
    for count in (1, 2):
        for chosen in itertools.combinations(axes, count):
            left = e.residual(np.flip(A, chosen).reshape(e.numeric.shape))
            if left is not None:
                return Finding(Cause.PERMUTED, f"with {_axes(chosen, outs, e.name)} reversed it fits", left)
    for axis in axes:
        for step in (1, -1):
            left = e.residual(np.roll(A, step, axis).reshape(e.numeric.shape))
            if left is not None:
                return Finding(Cause.PERMUTED, f"with {_axes((axis,), outs, e.name)} shifted by one it fits", left)
    return None


def _axes(chosen: tuple[int, ...], outs: int, name: str) -> str:
    words = [f"axis {a} of the output" if a < outs else f"axis {a - outs} of {name}" for a in chosen]
    return " and ".join(words)


def permuted(e: Evidence) -> Finding | None:
    """Right once columns, or rows, are reordered."""
    if e.analytic is None:
        return None
    for axis, word in ((0, "columns"), (1, "rows")):
        # Lines that cross a kink say nothing reliable.
        keep = ~e.ignore.any(axis=1 - axis)
        order = _matching(e, axis, keep)
        if order is None:
            continue
        candidate = e.analytic[:, order] if axis == 0 else e.analytic[order]
        slack = np.where(np.expand_dims(keep, 1 - axis), candidate, e.numeric)
        left = e.residual(slack)
        if left is not None:
            moved = int(np.sum(order != np.arange(len(order))))
            return Finding(Cause.PERMUTED, f"with {moved} {word} reordered it fits", left)
    return None


def _matching(e: Evidence, axis: int, keep: Any) -> Any:
    """Return the order of the analytic lines that are the numeric ones, by projections on random weights."""
    A, N = (block if axis == 0 else block.T for block in (e.analytic, e.numeric))
    if A.shape[1] < 3:
        return None
    weights = np.random.default_rng(0).uniform(1, 2, size=A.shape[0]) * keep
    a, b = weights @ A, weights @ N
    order = np.empty(len(a), int)
    order[np.argsort(b, kind="stable")] = np.argsort(a, kind="stable")
    return order


def coupled_axes(block: Any, e: Evidence) -> tuple[frozenset[tuple[int, int]], bool]:
    """Return the pairs (output axis, input axis) of equal length whose indices agree wherever the block is not zero."""
    entries = np.argwhere(np.abs(block) > e.tolerance)
    if not len(entries):
        return frozenset(), False
    out = np.unravel_index(entries[:, 0], e.out_shape) if e.out_shape else ()
    inside = np.unravel_index(entries[:, 1], e.in_shape) if e.in_shape else ()
    pairs = {
        (i, j)
        for i, a in enumerate(out)
        for j, b in enumerate(inside)
        if e.out_shape[i] == e.in_shape[j] and e.out_shape[i] > 1 and np.array_equal(a, b)
    }
    return frozenset(pairs), True


def wrong_axis(e: Evidence) -> Finding | None:
    """Entries are coupled along one axis where the function couples them along another."""
    if e.analytic is None:
        return None
    (given, some), (right, too) = coupled_axes(e.analytic, e), coupled_axes(e.numeric, e)
    if not some or not too or not (right - given) or not (given - right):
        return None
    text = f"it keeps apart {_pairs(given - right)}, the function {_pairs(right - given)}"
    return Finding(Cause.WRONG_AXIS, text)


def _pairs(pairs: frozenset[tuple[int, int]]) -> str:
    return ", ".join(f"axis {j} (axis {i} of the output)" for i, j in sorted(pairs))


def other_normalization(e: Evidence) -> Finding | None:
    """Numbers that are normalised along one axis of the argument where the function's are along another."""
    if e.analytic is None or len(e.in_shape) < 2:
        return None
    m, n = e.numeric.shape
    # Beside the Jacobian itself, what it takes away from the identity: log-softmax.
    for base in [np.zeros((m, n))] + [np.eye(n)] * (m == n):
        given, right = (_weights(block - base, e) for block in (e.analytic, e.numeric))
        axes = [axis for axis, size in enumerate(e.in_shape) if size > 1]
        for i, j in itertools.permutations(axes, 2):
            if _normalised(given, i) and _normalised(right, j) and not _normalised(given, j):
                return Finding(Cause.WRONG_AXIS, f"normalised along axis {i} of {e.name}, the function along axis {j}")
    return None


def _weights(block: Any, e: Evidence) -> Any:
    """Return the largest entry of every column, with its sign, in the argument's shape."""
    rows = np.argmax(np.abs(block), axis=0)
    return block[rows, np.arange(block.shape[1])].reshape(e.in_shape)


def _normalised(weights: Any, axis: int) -> bool:
    sums = weights.sum(axis=axis)
    same = np.ptp(sums) <= 1e-6 * np.abs(sums).max(initial=0.0)
    return bool(same and np.ptp(weights) > 1e-3 * np.abs(weights).max())


def exchanged_factors(e: Evidence) -> Finding | None:
    """The factors that belong to the rows stand at the columns: N_ij / A_ij = r_i / r_j."""
    A, N = e.analytic, e.numeric
    if A is None or A.shape[0] != A.shape[1] or len(A) < 3 or not e.significant.all():
        return None
    with np.errstate(all="ignore"):
        ratio = N / A
        candidate = A * ratio[:, :1] * ratio[:1, :] / ratio[0, 0]
        opposite = ratio[:, 0] * ratio[0, :]
    if not np.all(np.abs(opposite - 1) < 1e-6) or np.all(np.abs(ratio - 1) < 1e-6):
        return None
    left = e.residual(candidate, float(np.abs(ratio).max()))
    if left is None:
        return None
    return Finding(Cause.WRONG_AXIS, "the factors of the rows stand at the columns", left)
