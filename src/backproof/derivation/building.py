"""The tree of sites of a network at one example, made from the engine's linearization."""

from typing import Any

import numpy as np

from ..layers import AugmentedLinear, Layer, Linear, Shared
from ..layers.base import Linearization
from ..layers.composed import Branches, Repeated, Steps
from .expressions import Differential, Symbol
from .sites import Scope, Shape, Site, printed_blocks, reordered

__all__ = ["build_parts", "column"]


def column(row: Any) -> Any:
    """Return the one example of an array (1, \\*shape) as a column."""
    return np.asarray(row).reshape(-1, 1)


def build_parts(site_of: "Frame") -> tuple[Site, ...]:
    """Return the sites inside a combinator, or those of the whole network."""
    step = site_of.step
    if isinstance(step, Steps):
        return _sequence(site_of, step.steps)
    if isinstance(step, Repeated):
        return _repetition(site_of, step.steps)
    if isinstance(step, Branches):
        return _branches(site_of, step)
    return ()


class Frame:
    """What is known of a layer before its site stands.

    Attributes:
        scope: what all sites share.
        layer: the layer.
        step: its linearization.
        label, place, time: where it stands.
        x: its input.
        input_shape: of one example.
        tangent: dx, (1, n).
        delta: delta in its output, (1, m), or None.
    """

    def __init__(
        self,
        scope: Scope,
        layer: Layer,
        step: Linearization,
        where: tuple[str, str, str],
        x: Symbol,
        input_shape: Shape,
        tangent: Any,
        delta: Any,
    ) -> None:
        self.scope, self.layer, self.step = scope, layer, step
        self.label, self.place, self.time = where
        self.x, self.input_shape, self.tangent, self.delta = x, input_shape, tangent, delta

    def inner(self, index: int) -> tuple[str, str, str]:
        """Return where a part of this layer stands."""
        label = f"{self.label}.{index + 1}" if self.label else f"{index + 1}"
        return label, f"{self.place}{index}.", self.time

    def parts(self) -> tuple[Site, ...]:
        """Return the sites of the parts alone, as for the whole network."""
        return build_parts(self)

    def site(self) -> Site:
        """Return the site, with its parts, and note the values of its symbols."""
        scope, layer, step = self.scope, self.layer, self.step
        y = scope.names.state(self.label, isinstance(layer, Linear | AugmentedLinear), self.time)
        parts = build_parts(self)
        blocks = () if parts else printed_blocks(scope, layer, self.label, self.place, self.time)
        where = (self.label, self.place, self.x, y, self.input_shape)
        site = Site(scope, layer, step, *where, blocks, parts, self.time, self.delta)
        _note(site, self.tangent)
        return site


def _note(site: Site, tangent: Any) -> None:
    values, scope = site.values, site.scope
    values[site.y] = column(site.step.output)
    moved = site.step.push_forward(tangent, scope.direction, site.place)
    values[site.dy] = np.zeros((site.m, 1)) if moved is None else column(moved)
    values[site.A] = site.step.A
    if site.delta is not None:
        values[site.delta_symbol] = site.delta
    B = {f"{site.place}{name}": operator for name, operator in site.step.B.items()}
    blocks = site.all_blocks()
    for block in site.blocks:
        values[block.jacobian] = reordered(B, block.names, block.order)
    if blocks:
        names, order = joined_order(site)
        values[site.B] = reordered(B, names, order)
        values[site.theta] = np.concatenate([_flat(values[block.symbol], scope.vec) for block in blocks])
        moves = [_flat(values[Differential(block.symbol)], scope.vec) for block in blocks]
        values[Differential(site.theta)] = np.concatenate(moves)


def joined_order(site: Site) -> tuple[tuple[str, ...], Any]:
    """Return the engine's parameters of a site in order, and where the printed entries lie in them."""
    names: dict[str, int] = {}
    total = 0
    for block in site.all_blocks():
        for name in block.names:
            if name not in names:
                names[name] = total
                total += int(np.asarray(site.scope.parameters[name]).size)
    order = []
    for block in site.all_blocks():
        spots = [names[name] + np.arange(np.asarray(site.scope.parameters[name]).size) for name in block.names]
        order.append(np.concatenate(spots)[block.order])
    return tuple(names), np.concatenate(order)


def _flat(value: Any, vec: str) -> Any:
    return value.reshape(-1, 1, order="C" if vec == "row" else "F")


def _sequence(frame: Frame, steps: list[Linearization]) -> tuple[Site, ...]:
    deltas = _deltas(steps, frame.delta)
    sites: list[Site] = []
    x, shape, tangent = frame.x, frame.input_shape, frame.tangent
    for index, (layer, step) in enumerate(zip(frame.layer.parts, steps, strict=True)):  # type: ignore[attr-defined]
        site = Frame(frame.scope, layer, step, frame.inner(index), x, shape, tangent, deltas[index]).site()
        sites.append(site)
        x, shape, tangent = site.y, site.output_shape, site.values[site.dy].T
    return tuple(sites)


def _deltas(steps: list[Linearization], delta: Any) -> list[Any]:
    """Return delta in the output of every step."""
    deltas = []
    for step in reversed(steps):
        deltas.append(delta)
        delta = None if delta is None else step.backward(delta, lambda name, B, delta: None)
    return deltas[::-1]


def _repetition(frame: Frame, steps: list[Linearization]) -> tuple[Site, ...]:
    assert isinstance(frame.layer, Shared)
    deltas, sites, x, tangent = _deltas(steps, frame.delta), [], frame.x, frame.tangent
    label, place, time = frame.inner(0)
    for index, step in enumerate(steps):
        now = f"{time},{index + 1}" if time else f"{index + 1}"
        where = (label, place, now)
        inner = Frame(frame.scope, frame.layer.inner, step, where, x, frame.input_shape, tangent, deltas[index])
        site = inner.site()
        sites.append(site)
        x, tangent = site.y, site.values[site.dy].T
    return tuple(sites)


def _branches(frame: Frame, step: Branches) -> tuple[Site, ...]:
    sites = []
    for index, (layer, inner) in enumerate(zip(frame.layer.parts, step.steps, strict=True)):  # type: ignore[attr-defined]
        delta = None if frame.delta is None else step.joints[index].pull(frame.delta)
        where = frame.inner(index)
        part = Frame(frame.scope, layer, inner, where, frame.x, frame.input_shape, frame.tangent, delta)
        sites.append(part.site())
    return tuple(sites)
