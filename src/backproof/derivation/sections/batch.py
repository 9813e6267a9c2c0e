"""The same for all examples at once: rows of matrices, and sums that become matrix products."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ...layers import AugmentedLinear, Flatten, Linear, Reshape
from ...operators import Diagonal, LowRankUpdate, Operator
from ..building import joined_order
from ..expressions import (
    BlockColumn,
    BlockRow,
    Equation,
    Expression,
    Hadamard,
    Number,
    Ones,
    Partial,
    SumOver,
    Symbol,
    Times,
    Transpose,
    Vec,
)
from ..figures import figure
from ..folding import Run, ends
from ..lines import Fold, Line, Section, words
from ..naming import MEAN_LOSS, layer_name
from ..rules.activations import ACTIVATIONS
from ..setting import Batch, Setting
from ..sites import Site, augmented, reordered
from .kinks import batch_kinks

__all__ = ["batch_form"]

_MOST = {1: 4, 2: 8, 3: 60}
_ENDS = {1: (1, 1), 2: (2, 1), 3: (3, 3)}
_ENTRIES = 2**18
"""The most entries of all examples' Jacobians of a layer for which they are noted one by one."""
_TERMS = 64
"""The most examples whose outer products are summed one by one."""


def batch_form(setting: Setting, batch: Batch) -> Section:
    """Return the recursion on matrices whose rows are the examples, and the gradient as delta^T X."""
    _bind(setting, batch)
    reduction = getattr(setting.loss, "reduction", "mean")
    items: list[Line | Fold | Section] = [
        setting.line(None, "batch_intro", level=1, examples=batch.x.shape[0]),
        setting.line(None, f"batch_reduction_{reduction}", level=2, examples=batch.x.shape[0]),
    ]
    items += batch_kinks(setting, batch)
    told: set[Symbol] = set()
    # The sum over the examples is written once, at the first weight that the recursion comes to.
    pending = batch.x.shape[0] <= _TERMS
    for piece in ends(len(setting.sites), _MOST[setting.level], *_ENDS[setting.level]):
        count = len(setting.sites)
        if isinstance(piece, Run):
            first, last = count - piece.last, count - piece.first
            items.append(Fold(first, last, words("fold_deltas", first=first, last=last)))
        else:
            site = setting.sites[count - 1 - piece]
            items += _step(setting, batch, site, pending, told)
            pending = pending and not isinstance(site.layer, Linear | AugmentedLinear)
    return Section("batch", words("title_batch", examples=batch.x.shape[0]), tuple(items))


def _bind(setting: Setting, batch: Batch) -> None:
    """Note what the matrices of the batch stand for; places of an example count as examples of an affine layer."""
    values, names = setting.scope.values, setting.names
    states: list[Any] = [batch.x, *(step.output for step in batch.steps)]
    symbols = [setting.sites[0].x, *(site.y for site in setting.sites)]
    for index, (symbol, state) in enumerate(zip(symbols, states, strict=True)):
        values[names.batch(symbol)] = np.asarray(state).reshape(len(state), -1)
        values[names.batch(names.delta(str(index)))] = np.asarray(batch.deltas[index])
    values[MEAN_LOSS] = np.asarray(batch.value)
    for site in setting.sites:
        for block in site.blocks:
            joined = np.concatenate([np.asarray(batch.gradients[name]).reshape(-1) for name in block.names])
            row = joined[block.order]
            order = "C" if setting.scope.vec == "row" else "F"
            shape = block.shape if len(block.shape) > 1 else (1, -1)
            values[Partial(MEAN_LOSS, block.symbol)] = row.reshape(shape, order=order)


def _rows(setting: Setting, symbol: Symbol, site: Site, width: int) -> Symbol:
    """Return a matrix with a row for every place of every example, where the layer acts at places."""
    if len(site.input_shape) == 1:
        return symbol
    value = setting.scope.values[symbol].reshape(-1, width)
    rows = replace(symbol, accent="hat")
    setting.scope.values[rows] = value
    return rows


def _at_places(setting: Setting, site: Site, *matrices: Symbol, told: set[Symbol]) -> Iterator[Line]:
    """Yield how matrices with a row for every place come from those with a row for every example, each once."""
    by_rows = setting.scope.vec == "row"
    for rows in matrices:
        if rows.accent == "hat" and rows not in told:
            key = "batch_places_again" if told else "batch_places"
            told.add(rows)
            plain = replace(rows, accent="")
            sides = tuple(Vec(s if by_rows else Transpose(s), setting.scope.vec) for s in (rows, plain))
            count, width = setting.scope.values[rows].shape
            places = int(np.prod(site.input_shape[:-1]))
            yield setting.line(Equation(sides), key, level=1, places=places, rows=count, width=width)


def _step(setting: Setting, batch: Batch, site: Site, summed: bool, told: set[Symbol]) -> Iterator[Line]:
    """Yield the gradient of a layer's parameters and Delta before it.

    Args:
        setting: what the derivation is about.
        batch: all examples.
        site: the layer.
        summed: whether the sum over the examples is written.
        told: matrices with a row for every place that are explained already; those of this step are added.
    """
    names = setting.names
    Delta, X = names.batch(site.delta_symbol), names.batch(site.x)
    before = names.batch(names.delta(str(int(site.label) - 1)))
    if isinstance(site.layer, Linear | AugmentedLinear):
        m, n = site.layer.out_features, site.layer.in_features
        Delta, X = _rows(setting, Delta, site, m), _rows(setting, X, site, n)
        before = _rows(setting, before, site, n)
        yield from _at_places(setting, site, Delta, X, told=told)
        yield from _affine(setting, site, Delta, X, summed)
        yield _line(setting, before, Times((Delta, _weight(site))), key="batch_affine")
        yield from _at_places(setting, site, before, told=told)
    elif type(site.layer) in ACTIVATIONS:
        slope = ACTIVATIONS[type(site.layer)][1](site.layer, X, names.batch(site.y))
        yield _line(setting, before, Hadamard((Delta, slope)), key="batch_elementwise")
    elif isinstance(site.layer, Flatten | Reshape):
        yield _line(setting, before, Delta, key="batch_shape")
    else:
        yield from _each(setting, batch, site, before)


def _each(setting: Setting, batch: Batch, site: Site, before: Symbol) -> Iterator[Line]:
    """Yield the step of a layer whose A differs from example to example, row by row."""
    count, step = int(batch.x.shape[0]), batch.steps[int(site.label) - 1]
    blocks = site.all_blocks()
    width = sum(len(block.order) for block in blocks)
    if count > _TERMS or count * site.m * max(width, site.n) > _ENTRIES:
        yield setting.line(None, "batch_rows", level=2, label=site.label, name=layer_name(site.layer))
        return
    Delta = setting.scope.values[setting.names.batch(site.delta_symbol)]
    rows = [_example(site.delta_symbol, index) for index in range(count)]
    for index, row in enumerate(rows):
        setting.scope.values[row] = Delta[index : index + 1]
    if blocks:
        yield _theta(setting, batch, site, rows)
    each = _examples(setting, site.A, step.A, count)
    pieces = tuple(Times((row, A)) for row, A in zip(rows, each, strict=True))
    yield _line(setting, before, BlockColumn(pieces, (1, 1)), key="batch_each")


def _theta(setting: Setting, batch: Batch, site: Site, rows: list[Symbol]) -> Line:
    """Return the gradient in all parameters of a layer: the examples' rows added up."""
    step = batch.steps[int(site.label) - 1]
    names, order = joined_order(site)
    B = reordered({f"{site.place}{name}": operator for name, operator in step.B.items()}, names, order)
    each = _examples(setting, site.B, B, len(rows))
    terms = tuple(Times((row, b)) for row, b in zip(rows, each, strict=True))
    general = Times((_named(site.delta_symbol, "i"), _named(site.B, "i")))
    left = Partial(MEAN_LOSS, site.theta)
    joined = np.concatenate([np.asarray(batch.gradients[name]).reshape(-1) for name in names])
    setting.scope.values[left] = joined[order][None, :]
    return _line(setting, left, SumOver("i", 1, len(rows), general, terms), key="batch_theta")


def _examples(setting: Setting, symbol: Symbol, operator: Operator, count: int) -> list[Symbol]:
    """Return a matrix of every example by its own name, and note its numbers."""
    names = [_example(symbol, index) for index in range(count)]
    if isinstance(operator, LowRankUpdate) and operator.batch == count:
        setting.scope.values.update((name, _one(operator, index)) for index, name in enumerate(names))
        return names
    dense = np.asarray(operator.dense(np.empty(0)))
    dense = np.broadcast_to(dense, (count, *dense.shape[-2:]))
    setting.scope.values.update(zip(names, dense, strict=True))
    return names


def _one(operator: LowRankUpdate, index: int) -> LowRankUpdate:
    """Return the matrix of one example, kept in its structure, which knows how its terms cancel."""
    U, V = (array[index : index + 1] if array.ndim == 3 else array for array in (operator.U, operator.V))
    base = operator.base
    each = isinstance(base, Diagonal) and base.diagonal.ndim == 2
    return LowRankUpdate(Diagonal(base.diagonal[index : index + 1]) if each else base, U, V)  # type: ignore[attr-defined]


def _line(setting: Setting, left: Expression, *right: Expression, key: str) -> Line:
    value = setting.scope.values[left]
    return setting.line(
        Equation((left, *right)), key, shape=tuple(value.shape), figure=figure(value), level=1, source="batch"
    )


def _weight(site: Site) -> Expression:
    """Return A of an affine layer as it is printed."""
    weight = site.blocks[0].symbol
    if augmented(site.scope, site.layer):
        return site.helper("W", site.values[weight][:, : site.layer.in_features], "matrix")  # type: ignore[attr-defined]
    return Transpose(weight) if site.names.notation == "D" else weight


def _affine(setting: Setting, site: Site, Delta: Symbol, X: Symbol, summed: bool) -> Iterator[Line]:
    count = int(setting.scope.values[X].shape[0])
    for block in site.blocks:
        left = Partial(MEAN_LOSS, block.symbol)
        if len(block.shape) == 1:
            yield _line(setting, left, Times((Transpose(Ones(count)), Delta)), key="batch_bias")
        else:
            product = _gradient_product(site, Delta, X, count)
            total = (_summed(setting, site, Delta, X),) if summed else ()
            yield _line(setting, left, *total, product, key="batch_sum" if summed else "batch_weight")


def _gradient_product(site: Site, Delta: Symbol, X: Symbol, count: int) -> Expression:
    if augmented(site.scope, site.layer):
        return Times((Transpose(Delta), BlockRow((X, Ones(count)))))
    return Times((Transpose(X), Delta)) if site.names.notation == "D" else Times((Transpose(Delta), X))


def _summed(setting: Setting, site: Site, Delta: Symbol, X: Symbol) -> SumOver:
    """Return the sum over the examples of delta^T x^T."""
    values = setting.scope.values
    count = int(values[X].shape[0])
    delta, x = replace(site.delta_symbol, accent=Delta.accent), replace(site.x, accent=X.accent)
    terms = []
    for index in range(count):
        row, state = _example(delta, index), _example(x, index)
        values[row], values[state] = values[Delta][index : index + 1], values[X][index : index + 1].T
        terms.append(_term(site, row, state))
    general = _term(site, _named(delta, "i"), _named(x, "i"))
    return SumOver("i", 1, count, general, tuple(terms))


def _term(site: Site, row: Symbol, state: Symbol) -> Expression:
    if augmented(site.scope, site.layer):
        return Times((Transpose(row), Transpose(BlockColumn((state, Number(1))))))
    return Times((state, row)) if site.names.notation == "D" else Times((Transpose(row), Transpose(state)))


def _example(symbol: Symbol, index: int) -> Symbol:
    return _named(symbol, f"{index + 1}")


def _named(symbol: Symbol, example: str) -> Symbol:
    """Return a state or a delta of one example of the batch, as in x_2{i}."""
    return replace(symbol, superscript=f"{symbol.superscript}{{{example}}}")
