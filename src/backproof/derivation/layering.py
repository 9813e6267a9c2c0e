"""The section of one layer: its differential step by step, and the Jacobians that it identifies."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..layers import AugmentedLinear, LayerNorm, Linear, RMSNorm, Shared
from ..layers.base import LastAxis
from ..operators import Operator
from .expressions import BlockColumn, BlockDiagonal, BlockRow, Differential, Equation
from .folding import Run, runs
from .lines import Fold, Line, Section, words
from .naming import at_place, layer_name
from .rules.registry import derive
from .rules.writing import Derived, Writer, plus, times
from .sites import Block, Site, reordered

__all__ = ["layer_section", "layer_sections"]

FOLD_FROM = {"outline": 8, "standard": 8, "full": 60}
"""The number of layers above which repeated ones are folded."""


def layer_sections(sites: tuple[Site, ...], detail: str, inside: str = "") -> list[Line | Fold | Section]:
    """Return the sections of layers in a row, repeated ones folded in a long network."""
    folding = len(sites) > FOLD_FROM[detail]
    keys = [_steps_of(site) for site in sites]
    pieces: list[int | Run] = list(runs(keys)) if folding else list(range(len(sites)))
    items: list[Line | Fold | Section] = []
    seen: dict[object, Site] = {}
    for piece in pieces:
        if isinstance(piece, Run):
            items.append(_fold(sites, piece))
        elif keys[piece] in seen and folding:
            items.append(_fold_one(sites, piece, seen[keys[piece]]))
        else:
            seen.setdefault(keys[piece], sites[piece])
            items.append(layer_section(sites[piece], detail))
    return items


def _steps_of(site: Site) -> tuple[object, ...]:
    """Return what decides the steps of a layer's derivation: for many layers all but the sizes."""
    layer, axes = site.layer, len(site.input_shape)
    if isinstance(layer, Linear | AugmentedLinear):
        return type(layer), layer.bias, axes
    if isinstance(layer, LayerNorm | RMSNorm):
        return type(layer), layer.gain, getattr(layer, "bias", False), axes
    return layer, site.input_shape if site.parts else axes


def _fold(sites: tuple[Site, ...], run: Run) -> Fold:
    like = sites[run.first - run.period : run.first]
    first, last = sites[run.first].label, sites[run.last].label
    if run.period == 1:
        reason = words("fold_same", first=first, last=last, like=like[0].label, name=layer_name(like[0].layer))
    else:
        names = ", ".join(layer_name(site.layer) for site in like)
        reason = words(
            "fold_block", first=first, last=last, start=like[0].label, end=like[-1].label, names=names,
            times=(run.last - run.first + 1) // run.period,
        )  # fmt: skip
    return Fold(run.first + 1, run.last + 1, reason)


def _fold_one(sites: tuple[Site, ...], place: int, like: Site) -> Fold:
    site = sites[place]
    return Fold(place + 1, place + 1, words("fold_one", label=site.label, like=like.label, name=layer_name(site.layer)))


def layer_section(site: Site, detail: str) -> Section:
    """Return the derivation of one layer, with those of its parts inside."""
    items: list[Line | Fold | Section] = list(_parts(site, detail))
    derived = _places(site) if _has_places(site) else derive(site)
    items += [*derived.items, *_identified(site, derived).items]
    title = words("title_layer", label=site.label, name=layer_name(site.layer))
    return Section("layer", title, tuple(items), int(site.label) if site.label.isdigit() else 0)


def _parts(site: Site, detail: str) -> list[Line | Fold | Section]:
    if not isinstance(site.layer, Shared):
        return layer_sections(site.parts, detail)
    items: list[Line | Fold | Section] = [layer_section(site.parts[0], detail)]
    if len(site.parts) > 1:
        items.append(Fold(2, len(site.parts), words("fold_steps", last=len(site.parts), more=len(site.parts) - 1)))
    return items


def _identified(site: Site, derived: Derived) -> Writer:
    """Write A and B down as identified, and the differential in its final form."""
    writer = Writer(site)
    if derived.A != site.A:
        at_kink = not site.parts and site.on_kink().size > 0
        writer.shown(Equation((site.A, derived.A)), "identify_A_kink" if at_kink else "identify_A", 1)
    for block, B in zip(site.blocks, derived.B, strict=True):
        if block.jacobian != B:
            writer.shown(Equation((block.jacobian, B)), "identify_B", 1)
    if derived.whole is not None:
        writer.shown(Equation((site.B, derived.whole)), "identify_B", 1)
    if site.all_blocks():
        _stack(writer)
        moved = times(site.B, Differential(site.theta))
        writer.equation(site.dy, plus(times(site.A, site.dx), moved), why="total_differential", level=1, source="total")
    else:
        writer.equation(site.dy, times(site.A, site.dx), why="total_differential_no_theta", level=1, source="total")
    return writer


def _stack(writer: Writer) -> None:
    """Write down what theta and B of the layer are made of."""
    site = writer.site
    parts = [part for part in site.parts if part.all_blocks()]
    if site.blocks:
        writer.equation(site.theta, site.stacked(), why="theta_stacked", level=2)
        blocks = tuple(block.jacobian for block in site.blocks)
        writer.equation(site.B, blocks[0] if len(blocks) == 1 else BlockRow(blocks), why="B_row", level=2)
    elif parts:
        symbols = tuple(dict.fromkeys(part.theta for part in parts))
        stacked = symbols[0] if len(symbols) == 1 else BlockColumn(symbols, (3, 2))
        writer.equation(site.theta, stacked, why="theta_stacked", level=2)


# -- a layer that acts at every place of an example -----------------------------------------------------------


def _has_places(site: Site) -> bool:
    return isinstance(site.layer, LastAxis) and len(site.input_shape) > 1


def _places(site: Site) -> Derived:
    """Derive the layer at its first place, and put the places together."""
    sites = _place_sites(site)
    writer = Writer(site)
    writer.say("places", places=len(sites), size=site.input_shape[-1])
    writer.equation(site.y, BlockColumn(tuple(s.y for s in sites), (2, 1)), why="places_stacked")
    first = derive(sites[0])
    writer.items += first.items
    for name, identified, why in [(sites[0].A, first.A, "identify_A")] + [
        (block.jacobian, B, "identify_B") for block, B in zip(sites[0].blocks, first.B, strict=True)
    ]:
        if name != identified:
            writer.shown(Equation((name, identified)), why, 2)
    B_all = [BlockColumn(tuple(s.blocks[index].jacobian for s in sites), (2, 1)) for index in range(len(site.blocks))]
    writer.say("places_together")
    return writer.derived(BlockDiagonal(tuple(s.A for s in sites), (2, 1)), tuple(B_all))


def _place_sites(site: Site) -> list[Site]:
    """Return the layer at each of its places, with the values of the symbols there."""
    rows = np.asarray(site.values[site.x]).reshape(-1, site.input_shape[-1])
    moved = np.asarray(site.values[site.dx]).reshape(rows.shape)
    outputs = np.asarray(site.values[site.y]).reshape(len(rows), -1)
    changes = np.asarray(site.values[site.dy]).reshape(outputs.shape)
    local = {name: site.scope.parameters[f"{site.place}{name}"] for name in site.layer.parameter_shapes}
    sites = []
    for index, row in enumerate(rows):
        x, y = at_place(site.x, index + 1), at_place(site.y, index + 1)
        for symbol, value, change in ((x, row, moved[index]), (y, outputs[index], changes[index])):
            site.values[symbol], site.values[Differential(symbol)] = value[:, None], change[:, None]
        step = site.layer.linearize(local, row[None, :])
        B = {f"{site.place}{name}": operator for name, operator in step.B.items()}
        blocks = tuple(_block_at(site, block, index, B) for block in site.blocks)
        here = replace(
            site, step=step, label=f"{site.label},{index + 1}", x=x, y=y, input_shape=row.shape, blocks=blocks
        )
        site.values[here.A] = step.A
        sites.append(here)
    return sites


def _block_at(site: Site, block: Block, index: int, B: Mapping[str, Operator]) -> Block:
    """Return a parameter with its B at one place, out of all of the layer there."""
    jacobian = at_place(block.jacobian, index + 1)
    site.values[jacobian] = reordered(B, block.names, block.order)
    return replace(block, jacobian=jacobian)
