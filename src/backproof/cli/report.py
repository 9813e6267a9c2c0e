"""A page about one training: self-contained HTML, no scripts, nothing loaded from elsewhere."""

from collections.abc import Sequence
from html import escape
from typing import Any

from ..summaries import Summary
from .differences import Comparison
from .work import Outcome

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
            f"Richardson's extrapolation. Worst relative error: <strong>{worst:.1e}</strong>.</p>",
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
    """Return training and validation loss by epoch as a drawing."""
    width, height, margin = 640, 260, 40
    lines = {"training": ("#0b6bcb", "loss"), "validation": ("#c9510c", "validation_loss")}
    known = [entry[key] for entry in history for _, key in lines.values() if entry[key] is not None]
    if not known:
        return "<p>No epoch was finished.</p>"
    top = max(known) or 1.0
    parts = []
    for place, (name, (colour, key)) in enumerate(lines.items()):
        points = [
            f"{margin + (width - 2 * margin) * i / max(1, len(history) - 1):.1f},"
            f"{height - margin - (height - 2 * margin) * entry[key] / top:.1f}"
            for i, entry in enumerate(history)
            if entry[key] is not None
        ]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(points)}"/>')
        x = width - margin - 90
        parts.append(f'<rect x="{x}" y="{margin + 18 * place}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16}" y="{margin + 18 * place + 10}">{name}</text>')
    base, epochs = height - margin, history[-1]["epoch"]
    axes = f'<path d="M{margin},{margin} V{base} H{width - margin}" fill="none" stroke="currentColor"/>'
    labels = (
        f'<text x="4" y="{margin}">{top:.3g}</text><text x="24" y="{base}">0</text>'
        f'<text x="{width - margin}" y="{base + 18}" text-anchor="end">epoch {epochs}</text>'
    )
    title = f"<title>loss over {epochs} epochs</title>"
    return f'<svg viewBox="0 0 {width} {height}" role="img">{title}{axes}{labels}{"".join(parts)}</svg>'
