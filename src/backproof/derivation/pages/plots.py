"""Curves as SVG: the losses of a training, and the singular values along the network."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 280, 64, 20, 28, 44
"""Of a drawing and its margins."""

Points = Sequence[tuple[float, float]]


def curves(series: Mapping[str, Points], title: str, across: str) -> str:
    """Return lines over whole numbers, heights in powers of ten, as SVG; empty where nothing is positive.

    Args:
        series: up to two lines by name; points whose height is not positive have no place and are left out.
        title: what is drawn, in words.
        across: what the horizontal axis counts.
    """
    kept = {name: [(x, y) for x, y in points if y > 0 and math.isfinite(y)] for name, points in series.items()}
    everything = [point for points in kept.values() for point in points]
    if not everything:
        return ""
    low = math.floor(math.log10(min(y for _, y in everything)))
    high = max(low + 1, math.ceil(math.log10(max(y for _, y in everything))))
    start, end = min(x for x, _ in everything), max(x for x, _ in everything)

    def place(x: float, y: float) -> tuple[float, float]:
        along = (x - start) / (end - start) if end > start else 0.5
        up = (math.log10(y) - low) / (high - low)
        return LEFT + along * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    lines = [_line(name, [place(*point) for point in points], i) for i, (name, points) in enumerate(kept.items())]
    axes = _axes(low, high, start, end, across)
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{axes}{''.join(lines)}</svg>"
    )


def _line(name: str, points: Points, index: int) -> str:
    kind = ("first", "second")[index % 2]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points) if len(points) <= 40 else ""
    x = LEFT + 12 + 220 * index
    key = f'<path d="M{x} {TOP - 14} h18" stroke-width="3"/>'
    key += f'<text x="{x + 26}" y="{TOP - 10}" stroke="none">{escape(name)}</text>'
    return f'<g class="{kind}"><polyline points="{path}"/>{dots}{key}</g>'


def _axes(low: int, high: int, start: float, end: float, across: str) -> str:
    base = HEIGHT - BOTTOM
    parts = [f'<path class="axis" d="M{LEFT} {TOP} V{base} H{WIDTH - RIGHT}"/>']
    for power in range(low, high + 1, -(-(high - low) // 6)):
        y = base - (HEIGHT - TOP - BOTTOM) * (power - low) / (high - low)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f} H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    parts.append(f'<text x="{LEFT}" y="{base + 20}">{start:g}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{base + 20}" text-anchor="end">{escape(across)} {end:g}</text>')
    return "".join(parts)


def training_curve(history: Sequence[Mapping[str, Any]], say: Callable[..., str]) -> str:
    """Return the losses of a training by epoch; empty without a positive one."""
    names = {say("training_loss"): "loss", say("validation_loss"): "validation_loss"}
    series = {
        name: [(float(epoch["epoch"]), float(epoch[key])) for epoch in history if epoch.get(key) is not None]
        for name, key in names.items()
    }
    series = {name: points for name, points in series.items() if points}
    return curves(series, say("training_title"), say("epoch"))


def spectrum_curve(spectrum: Any, say: Callable[..., str]) -> str:
    """Return the largest singular value of every layer's Jacobian, and the gain of the product from there on."""
    own = [(layer.index + 1, float(layer.norm)) for layer in spectrum.layers]
    gain = [(layer.index + 1, float(layer.gain)) for layer in spectrum.layers]
    series = {say("flow_own"): own, say("flow_gain"): gain}
    return curves(series, say("flow_title"), say("flow_layer"))
