"""What a display shows of an operator: one example's matrix, its structure in words, its norm."""

import functools
import math
from typing import Any

import numpy as np

from ..arrays import Array, namespace, to_numpy
from ..display import Glance, sizes
from ..display.picture import CELLS, shrink
from .base import Operator
from .blocks import BlockDiagonal, Column, Row
from .dense import Dense
from .diagonal import Diagonal, Identity, ScaledIdentity
from .kronecker import Kronecker
from .low_rank import LowRankUpdate
from .places import DirectSum, Spread, Stack
from .selection import Selection
from .sums import Product, Sum

ENTRIES = 2**22
"""Entries of a matrix up to which all are looked at; of larger ones some rows are shown and the norm is estimated."""
PROBES = 64
"""Random rows that estimate the norm of a large product; their relative error is about 1/sqrt(2 PROBES) or less."""


def glance(operator: Operator, title: str = "") -> Glance:
    """Return what is shown of an operator: of one for every example, the first example's matrix."""
    m, n = operator.shape
    title = title or type(operator).__name__
    batch = operator.batch
    sharing = "shared by the batch" if batch is None else "one per example"
    if batch == 0:
        return Glance(title, (m, n), (operator.structure, sharing, "no examples"), np.zeros((0, 0)))
    one = first_examples(operator._shown())
    details = (in_words(one), sharing, f"this is the first of {batch:,}" if batch and batch > 1 else "")
    whole = m * n <= ENTRIES
    rows = range(m) if whole else np.unique(np.linspace(0, m - 1, CELLS).astype(int)).tolist()
    entries = _rows(one, rows, whole)
    exact = _squared_norm(one)
    if math.isnan(exact) and whole:
        exact = _sum_of_squares(entries)
    size = math.sqrt(_estimate(one) if math.isnan(exact) else exact)
    return Glance(title, (m, n), details, entries, size, about=math.isnan(exact))


def _rows(operator: Operator, rows: Any, whole: bool) -> Any:
    """Return some rows of a matrix as NumPy numbers, few at a time and shrunk unless the ``whole`` is wanted."""
    m, n = operator.shape
    count, pieces = max(1, ENTRIES // (4 * max(1, n))), []
    for start in range(0, len(rows), count):
        units = np.zeros((1, len(rows[start : start + count]), m))
        units[0, np.arange(units.shape[1]), list(rows[start : start + count])] = 1
        piece = to_numpy(operator.pull(_like(operator, units)))[0]
        pieces.append(piece if whole else shrink(piece))
    return np.concatenate(pieces) if pieces else np.zeros((0, n))


def _like(operator: Operator, array: Any) -> Any:
    like = operator.like
    if like is None:
        return array
    if isinstance(like, np.ndarray):
        # The zeros and ones that meet exact numbers have to be whole numbers themselves.
        return array.astype(int).astype(object) if like.dtype.kind == "O" else array.astype(like.dtype)
    return namespace(like).asarray(array, dtype=like.dtype, device=getattr(like, "device", None))


def _sum_of_squares(entries: Any) -> float:
    try:
        return float((np.abs(np.asarray(entries, dtype=np.float64)) ** 2).sum())
    except (TypeError, ValueError):
        return math.nan


def _estimate(operator: Operator) -> float:
    """Return the mean of ||u J||^2 over random signs u, whose expectation is the squared Frobenius norm."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (PROBES, operator.shape[0]))
    squares = [_sum_of_squares(to_numpy(operator.pull(_like(operator, u[None, None])))) for u in signs]
    return float(np.mean(squares))


# -- one example ---------------------------------------------------------------------------------------------


def _head(array: Array, axes: int, count: int) -> Array:
    """Return the first ``count`` examples of an array that has a batch axis if it has ``axes`` axes."""
    return array[:count, ...] if array.ndim == axes else array


@functools.singledispatch
def first_examples(operator: Operator, count: int = 1) -> Operator:
    """Return the operator of the first examples alone, so that looking at one does not cost a batch."""
    return operator


@first_examples.register
def _(operator: Dense, count: int = 1) -> Operator:
    return Dense(_head(operator.matrix, 3, count))


@first_examples.register
def _(operator: Diagonal, count: int = 1) -> Operator:
    return Diagonal(_head(operator.diagonal, 2, count))


@first_examples.register
def _(operator: ScaledIdentity, count: int = 1) -> Operator:
    return ScaledIdentity(operator.n, _head(operator.scale, 1, count))


@first_examples.register
def _(operator: Selection, count: int = 1) -> Operator:
    return Selection(_head(operator.index, 2, count), operator.n, operator.scatter)


@first_examples.register
def _(operator: LowRankUpdate, count: int = 1) -> Operator:
    U, V = (_head(array, 3, count) for array in (operator.U, operator.V))
    return LowRankUpdate(first_examples(operator.base, count), U, V)


@first_examples.register
def _(operator: Kronecker, count: int = 1) -> Operator:
    return Kronecker(first_examples(operator.left, count), first_examples(operator.right, count))


@first_examples.register(Row)
@first_examples.register(Column)
@first_examples.register(BlockDiagonal)
def _(operator: Any, count: int = 1) -> Operator:
    return type(operator)(tuple(first_examples(part, count) for part in operator.parts))  # type: ignore[no-any-return]


@first_examples.register(DirectSum)
@first_examples.register(Stack)
@first_examples.register(Spread)
def _(operator: Any, count: int = 1) -> Operator:
    inner = first_examples(operator.inner, count * operator.places)
    return type(operator)(inner, operator.places)  # type: ignore[no-any-return]


@first_examples.register
def _(operator: Sum, count: int = 1) -> Operator:
    return Sum(tuple(first_examples(term, count) for term in operator.terms))


@first_examples.register
def _(operator: Product, count: int = 1) -> Operator:
    return Product(tuple(first_examples(factor, count) for factor in operator.factors))


# -- words ---------------------------------------------------------------------------------------------------


@functools.singledispatch
def in_words(operator: Operator) -> str:
    """Return the structure with its parts, as in ``I₃ ⊗ dense 1 × 2``."""
    return operator.structure


@in_words.register
def _(operator: Identity) -> str:
    return f"identity {sizes(operator.shape)}"


@in_words.register
def _(operator: LowRankUpdate) -> str:
    return f"{in_words(operator.base)} + rank {operator.rank}"


@in_words.register
def _(operator: Kronecker) -> str:
    return " ⊗ ".join(f"{part.structure} {sizes(part.shape)}" for part in (operator.left, operator.right))


@in_words.register(DirectSum)
@in_words.register(Stack)
@in_words.register(Spread)
def _(operator: Any) -> str:
    return f"{operator.structure} of {operator.places} × {in_words(operator.inner)}"


@in_words.register
def _(operator: Product) -> str:
    return _list("product of", operator.factors)


@in_words.register
def _(operator: Sum) -> str:
    return _list("sum of", operator.terms)


def _list(word: str, parts: tuple[Operator, ...]) -> str:
    names = [part.structure for part in parts]
    shown = names if len(names) <= 6 else [*names[:3], "…", *names[-2:]]
    return f"{word} {len(parts)}: {', '.join(shown)}"


# -- norms ---------------------------------------------------------------------------------------------------


@functools.singledispatch
def _squared_norm(operator: Operator) -> float:
    """Return the squared Frobenius norm of one example where the structure gives it, else nan."""
    return math.nan


@_squared_norm.register
def _(operator: Dense) -> float:
    return _sum_of_squares(to_numpy(operator.matrix))


@_squared_norm.register
def _(operator: Diagonal) -> float:
    return _sum_of_squares(to_numpy(operator.diagonal))


@_squared_norm.register
def _(operator: Identity) -> float:
    return float(operator.n)


@_squared_norm.register
def _(operator: Selection) -> float:
    return float(operator.index.shape[-1])


@_squared_norm.register
def _(operator: Kronecker) -> float:
    return _squared_norm(operator.left) * _squared_norm(operator.right)


@_squared_norm.register(Row)
@_squared_norm.register(Column)
@_squared_norm.register(BlockDiagonal)
def _(operator: Any) -> float:
    return sum(_squared_norm(part) for part in operator.parts)
