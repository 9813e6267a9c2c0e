"""A page about one training: self-contained HTML, no scripts, nothing loaded from elsewhere."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from ..summaries import Summary
from .differences import Comparison
from .work import Outcome

WIDTH, HEIGHT, MARGIN = 640, 260, 48
"""Of the drawing of the losses."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a;
  background: #fff; }
table { border-collapse: collapse; font-size: 0.9rem; display: block; overflow-x: auto; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; border-bottom: 1px solid #ddd; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: currentColor; }
@media (prefers-color-scheme: dark) { body { color: #e6e6e6; background: #16181c; } th, td { border-color: #444; } }
"""


def page(outcome: Outcome, summary: Summary, comparisons: Sequence[Comparison]) -> str:
    """Return the page: result, network, loss curve and gradient check."""
    about = outcome.model.about
    split = ", ".join(f"{count:,} {name}" for name, count in about["split"].items())
    score = "" if outcome.score is None else f"<p><strong>Test {escape(outcome.score.line())}</strong></p>"
    worst = max(comparison.error for comparison in comparisons)
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(about["data"])}: a trained network</title>',
            f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>',
            f"<h1>A network trained on {escape(about['data'])}</h1>",
            f"{score}<p>Split: {escape(split)}; seed {about['seed']}; {about['epochs']} epochs.</p>",
            "<h2>Layers</h2>",
            _layers(summary),
            "<h2>Loss</h2>",
            _curves(about["history"]),
            "<h2>The gradient against differences</h2>",
            "<p>Backpropagation in float64, at the trained parameters, beside central differences of the loss with "
            f"Richardson's extrapolation. Worst relative error: <strong>{worst:.1e}</strong>. An error is relative to "
            "the norm of the whole gradient along a random direction, and to the gradient's largest entry for a "
            "single entry.</p>",
            _checks(comparisons),
            "</body></html>",
            "",
        ]
    )


def _layers(summary: Summary) -> str:
    rows = [
        (
            f"{'  ' * row.depth}{row.name}  {row.layer}",
            " x ".join(map(str, row.input_shape)),
            " x ".join(map(str, row.output_shape)),
            f"{row.parameters:,}",
            f"{row.jacobian[0]:,} x {row.jacobian[1]:,}",
            row.structure,
            f"{row.forward:,}",
            f"{row.backward:,}",
        )
        for row in summary.rows
    ]
    headings = ("layer", "input", "output", "parameters", "Jacobian", "structure", "flops forward", "flops backward")
    totals = f"{summary.parameters:,} parameters; {summary.forward:,} flops forward and {summary.backward:,} backward"
    return f"{_table(headings, rows, {3, 6, 7})}<p>{totals}, for one example.</p>"


def _checks(comparisons: Sequence[Comparison]) -> str:
    rows = [(c.direction, f"{c.exact:.12g}", f"{c.numeric:.12g}", f"{c.error:.1e}") for c in comparisons]
    return _table(("along", "gradient", "differences", "relative error"), rows, {1, 2, 3})


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: set[int]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        inner = (
            f"<{tag}{' class=number' if i in numbers else ''}>{escape(cell)}</{tag}>" for i, cell in enumerate(cells)
        )
        return f"<tr>{''.join(inner)}</tr>"

    return f"<table>{line(headings, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def _curves(history: Sequence[dict[str, Any]]) -> str:
    """Return training and validation loss by epoch as a drawing, the loss in powers of ten."""
    lines = {"training": ("#0b6bcb", "loss"), "validation": ("#c9510c", "validation_loss")}
    # A logarithm has no place for a loss of zero, nor for one below.
    known = [entry[key] for entry in history for _, key in lines.values() if entry[key] and entry[key] > 0]
    if not known:
        return "<p>No epoch was finished with a positive loss.</p>"
    low, high = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    high += high == low
    parts = [_axes(low, high, history[-1]["epoch"])]
    for place, (name, (colour, key)) in enumerate(lines.items()):
        points = [
            f"{MARGIN + (WIDTH - 2 * MARGIN) * i / max(1, len(history) - 1):.1f},"
            f"{_height(math.log10(entry[key]), low, high):.1f}"
            for i, entry in enumerate(history)
            if entry[key] and entry[key] > 0
        ]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(points)}"/>')
        x = WIDTH - MARGIN - 90
        parts.append(f'<rect x="{x}" y="{MARGIN + 18 * place}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16}" y="{MARGIN + 18 * place + 10}">{name}</text>')
    title = f"<title>loss over {history[-1]['epoch']} epochs, logarithmic</title>"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{title}{"".join(parts)}</svg>'


def _height(power: float, low: int, high: int) -> float:
    """Return where a power of ten stands on the drawing."""
    return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (power - low) / (high - low)


def _axes(low: int, high: int, epochs: int) -> str:
    """Return the axes, with a line for every power of ten; of very many, for some."""
    base = HEIGHT - MARGIN
    parts = [f'<path d="M{MARGIN},{MARGIN} V{base} H{WIDTH - MARGIN}" fill="none" stroke="currentColor"/>']
    for power in range(low, high + 1, -(-(high - low) // 8)):
        y = _height(power, low, high)
        parts.append(
            f'<path d="M{MARGIN},{y:.1f} H{WIDTH - MARGIN}" stroke="currentColor" stroke-opacity="0.15"/>'
            f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>'
        )
    parts.append(f'<text x="{WIDTH - MARGIN}" y="{base + 18}" text-anchor="end">epoch {epochs}</text>')
    return "".join(parts)
