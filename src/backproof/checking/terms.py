"""Corrections that add: a diagonal, an identity, a term of a product rule, a low-rank part; and other points."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from .arrangements import coupled_axes
from .causes import Cause, Evidence, Finding


def diagonal_only(e: Evidence) -> Finding | None:
    """Right on the diagonal, zero beside it."""
    A, N = e.analytic, e.numeric
    if A is None or A.shape[0] != A.shape[1] or len(A) < 2:
        return None
    off = ~np.eye(len(A), dtype=bool)
    if np.any(A[off]) or not np.any(np.abs(N[off]) > e.tolerance[off]):
        return None
    apart = np.abs(np.diag(A) - np.diag(N))
    if not np.all((apart <= 4 * np.diag(e.tolerance)) | np.diag(e.ignore)):
        return None
    return Finding(Cause.DIAGONAL_ONLY, "the diagonal is right, and everything beside it is zero")


def scaled_identity(e: Evidence) -> Finding | None:
    """Right once a multiple of the identity is added."""
    A, N = e.analytic, e.numeric
    if A is None or A.shape[0] != A.shape[1] or len(A) < 2:
        return None
    c = float(np.mean(np.diag(N - A)))
    left = e.residual(A + c * np.eye(len(A)), 1 + abs(c))
    if left is None:
        return None
    return Finding(Cause.MISSING_TERM, f"with {c:.4g} times the identity added it fits", left)


def product_rule(e: Evidence) -> Finding | None:
    """It is y / x where y is x times something: the other term of the product rule is missing."""
    A = e.analytic
    if A is None or e.y.size != e.x.size or A.shape[0] != A.shape[1] or e.y.size < 2:
        return None
    with np.errstate(all="ignore"):
        quotient = e.y / e.x
        usable = np.isfinite(quotient)
        apart = np.abs(np.diag(A) - quotient) <= 16 * np.diag(e.tolerance) + 1e-9 * np.abs(quotient)
    if not usable.any() or np.any(A[~np.eye(len(A), dtype=bool)]) or not np.all(apart[usable]):
        return None
    return Finding(Cause.MISSING_TERM, f"it is y / {e.name}, one of the two terms of a product rule")


def terms(e: Evidence) -> Iterator[tuple[Any, str]]:
    """Yield blocks that rules of differentiation leave behind, (m, n), with their names."""
    A, x, y = e.analytic, e.x_of, e.y
    pattern = np.where(np.abs(e.numeric) > e.tolerance, 1.0, 0.0)
    bases: list[tuple[Any, str]] = [(pattern, "1")]
    if y.size == x.size:
        rows = y[None, :]
        bases += [(pattern * rows, "y"), (pattern * rows**2, "y^2")]
        with np.errstate(all="ignore"):
            bases.append((A - pattern * rows / x, f"(the given - y/{e.name})"))
    bases.append((A, "the given"))
    for base, word in bases:
        for p in (0, 1, 2, -1, 3):
            with np.errstate(all="ignore"):
                yield base * x**p, word if p == 0 else f"{word} {e.name}^{p}"
    yield from _products(e)


def _products(e: Evidence) -> Iterator[tuple[Any, str]]:
    """Yield products of the arguments that have the shape of a gradient."""
    if e.numeric.shape[0] != 1 or len(e.in_shape) != 1:
        return
    arrays = [(name, np.asarray(p)) for name, p in e.points]
    for (name, a), (other, v) in itertools.permutations(arrays, 2):
        if a.ndim == 2 and v.ndim == 1:
            for matrix, word in ((a, name), (a.T, f"{name}^T")):
                if matrix.shape == (*e.in_shape, *v.shape):
                    yield (matrix @ v)[None, :], f"{word} {other}"


def added_term(e: Evidence) -> Finding | None:
    """Right once a multiple of a known term is added, or of two."""
    if e.analytic is None:
        return None
    missing = np.where(e.ignore, 0.0, e.numeric - e.analytic)
    found = [(t, word) for t, word in terms(e) if np.isfinite(t).all() and np.any(t)]
    for term, word in found:
        c, left = _fitted(e, missing, [term])
        if left is not None and np.sum(term != 0) >= 3:
            return Finding(Cause.MISSING_TERM, f"with {c[0]:.4g} times {word} added it fits", left)
    pairs = itertools.combinations([f for f in found if f[1].count(" ") == 1], 2)
    for (a, first), (b, second) in pairs:
        c, left = _fitted(e, missing, [a, b])
        if left is not None and np.sum((a != 0) | (b != 0)) >= 4:
            text = f"with {c[0]:.4g} times {first} and {c[1]:.4g} times {second} added it fits"
            return Finding(Cause.MISSING_TERM, text, left)
    return None


def _fitted(e: Evidence, missing: Any, blocks: list[Any]) -> tuple[Any, float | None]:
    """Return the coefficients of the blocks that come closest to what is missing, and what is left then."""
    columns = np.stack([np.where(e.ignore, 0.0, block).reshape(-1) for block in blocks], axis=1)
    c = np.linalg.lstsq(columns, missing.reshape(-1), rcond=None)[0]
    added = sum(k * block for k, block in zip(c, blocks, strict=True))
    slack = 1 + float(np.abs(c).max())
    return c, e.residual(e.analytic + added, min(slack, 10.0))


def constant_rows(e: Evidence) -> Finding | None:
    """What is missing is the same number all along every row."""
    if e.analytic is None:
        return None
    pattern = e.significant | (np.abs(e.analytic) > e.tolerance)
    count = pattern.sum(axis=1, keepdims=True)
    if not np.any(count >= 3) or np.any((count > 0) & (count < 3)):
        return None
    missing = np.where(pattern, e.numeric - e.analytic, 0)
    mean = missing.sum(axis=1, keepdims=True) / np.maximum(count, 1)
    left = e.residual(e.analytic + np.where(pattern, mean, 0), 2.0)
    if left is None:
        return None
    return Finding(Cause.MISSING_TERM, "with a number of its own added to every row it fits", left)


def low_rank(e: Evidence) -> Finding | None:
    """What is missing has a low rank, as what means, norms and shared sums leave behind."""
    if e.analytic is None or e.ignore.any():
        return None
    groups = _grouped(e)
    ranks, size = [], 0
    for missing, tolerance, right in groups:
        size = min(missing.shape)
        if size < 3:
            return None
        limit = 8 * float(np.linalg.norm(tolerance))
        ranks.append(int(np.sum(np.linalg.svd(missing, compute_uv=False) > limit)))
        if int(np.sum(np.linalg.svd(right, compute_uv=False) > limit)) <= ranks[-1]:
            return None
    worst = max(ranks)
    if not 0 < worst <= min(2, size // 2):
        return None
    return Finding(Cause.MISSING_TERM, f"what is missing has rank {worst} in blocks of {size}")


def _grouped(e: Evidence) -> list[tuple[Any, Any, Any]]:
    """Return what is missing, the tolerance and the oracle's block, for every index that the function keeps apart."""
    blocks = (e.numeric - e.analytic, e.tolerance, e.numeric)
    shared = coupled_axes(e.numeric, e)[0] & (coupled_axes(e.analytic, e)[0] or coupled_axes(e.numeric, e)[0])
    pairs = sorted(pair for pair in shared if pair[0] == pair[1])
    if not pairs:
        return [blocks]
    i = pairs[0][0]
    wide = [b.reshape(*e.out_shape, *e.in_shape) for b in blocks]
    ins = len(e.out_shape) + i
    found = []
    for k in range(e.out_shape[i]):
        parts = [np.take(np.take(w, k, axis=ins), k, axis=i) for w in wide]
        rows = max(1, e.numeric.shape[0] // e.out_shape[i])
        found.append(tuple(part.reshape(rows, -1) for part in parts))
    return found


def overwritten(e: Evidence) -> Finding | None:
    """Some outputs contribute nothing to entries to which others do: assigned where it should be added."""
    A, N = e.analytic, e.numeric
    if A is None or e.ignore.any():
        return None
    right = np.all(np.abs(A - N) <= e.tolerance, axis=1)
    lost = ~np.any(A, axis=1) & ~right
    if not lost.any() or not np.all(right | lost):
        return None
    kept = np.any(e.significant & right[:, None], axis=0)
    if not np.all(kept[np.any(e.significant & lost[:, None], axis=0)]):
        return None
    text = f"{int(lost.sum())} of {len(A)} outputs are not in the sum, as where d[i] = u overwrites what += would add"
    return Finding(Cause.MISSING_TERM, text)


def partly_missing(e: Evidence) -> Finding | None:
    """Right in a good part of the entries; something was to be added to the others."""
    if e.analytic is None:
        return None
    wrong = (np.abs(e.analytic - e.numeric) > e.tolerance) & ~e.ignore
    right = e.significant & ~wrong
    if right.sum() < max(2, 0.4 * e.significant.sum()):
        return None
    return Finding(Cause.MISSING_TERM, f"{int(right.sum())} entries are right, {int(wrong.sum())} lack something")


def stale(e: Evidence) -> Finding | None:
    """The derivative at another point: at the input as the function left it, or at its own output."""
    if e.analytic is None:
        return None
    tries: list[tuple[Any, str]] = []
    if e.changed is not None:
        tries.append((e.changed, "the input as the function left it"))
    names = [name for name, _ in e.points]
    if e.y.size == e.x.size:
        at_output = [np.reshape(e.y, e.in_shape) if name == e.name else p for name, p in e.points]
        tries.append((at_output, "the output in the place of the input"))
    for points, word in tries:
        block = e.elsewhere(points)
        if block is None or names.count(e.name) != 1:
            continue
        apart = np.abs(e.analytic - block)
        if np.all(apart <= 64 * e.tolerance + 1e-9 * np.abs(block)) and np.any(block):
            return Finding(Cause.STALE_INPUT, f"it is the derivative at {word}", float(apart.max() / (e.scale or 1)))
    return None


def precision(e: Evidence) -> Finding | None:
    """Close, with the rough steps that a lower precision leaves."""
    if e.analytic is None:
        return None
    rows = np.maximum(np.abs(e.numeric).max(axis=1, keepdims=True, initial=0.0), 1e-3 * e.scale)
    error = np.where(e.ignore, 0, np.abs(e.analytic - e.numeric))
    for dtype, spacing in (("float32", 2.0**-23), ("float16", 2.0**-10), ("bfloat16", 2.0**-7)):
        if not np.all(error <= 16 * spacing * rows):
            continue
        noise = e.roughness(spacing)
        if noise is not None and np.sqrt(np.mean(noise**2)) > 0.05 * np.sqrt(np.mean(error**2)):
            left = float(error.max() / (e.scale or 1))
            return Finding(Cause.PRECISION, f"right to the accuracy of {dtype}, in steps as {dtype} makes them", left)
    return None
