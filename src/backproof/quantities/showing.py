"""What is measured, as notebooks show it."""

import math
from typing import Any

import numpy as np

from ..arrays import to_numpy
from ..display import arrays_html, caption, card, escape, folded, number, quantity, sizes, table
from .curvature import Curvature
from .examples import GradientStatistics, PerExampleGradients
from .hessian import Hessian
from .local import AffineMap, PredictionInterval
from .spectrum import LayerSpectrum, Spectrum

_WIDTH, _HEIGHT, _LEFT, _TOP = 460, 150, 46, 8


def spectrum_html(spectrum: Spectrum) -> str:
    """Return the singular values in a table, the way the gain takes as a picture, and the verdict."""
    rows = [_spectrum_row(layer) for layer in spectrum.layers]
    headings = ("layer", "", "A", "norm", "condition", "gain from output")
    words = f"<p>{escape(spectrum.verdict())}</p>"
    return card(caption("Spectrum"), _curve(spectrum), table(headings, folded(rows), right=(0, 3, 4, 5)), words)


def _spectrum_row(layer: LayerSpectrum) -> tuple[str, ...]:
    condition = "–" if math.isnan(layer.condition) else number(layer.condition, 3)
    return (
        str(layer.index), layer.label, sizes(layer.shape), number(layer.norm, 3), condition, number(layer.gain, 3),
    )  # fmt: skip


def _curve(spectrum: Spectrum) -> str:
    """Return the gain from the output, layer by layer, on a logarithmic scale, with the range of singular values."""
    layers = spectrum.layers
    if len(layers) < 2:
        return ""
    ends = [(float(np.min(layer.product)), float(np.max(layer.product))) for layer in layers]
    tops = [max(high, layer.gain, 1e-300) for (_, high), layer in zip(ends, layers, strict=True)]
    # A singular matrix has the logarithm of 0 at its foot, so six decades below the gain are the end.
    feet = [max(low, layer.gain * 1e-6, 1e-300) for (low, _), layer in zip(ends, layers, strict=True)]
    low, high = math.floor(math.log10(min(feet))), math.ceil(math.log10(max(tops)))
    high = max(high, low + 1)

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (high - math.log10(max(value, 1e-300))) / (high - low)

    xs = [_LEFT + 10 + (_WIDTH - 20) * i / (len(layers) - 1) for i in range(len(layers))]
    bars = "".join(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y(a):.1f}" y2="{y(b):.1f}" stroke-width="3" opacity="0.35"/>'
        for x, a, b in zip(xs, feet, tops, strict=True)
    )
    points = " ".join(f"{x:.1f},{y(layer.gain):.1f}" for x, layer in zip(xs, layers, strict=True))
    line = f'<polyline points="{points}" fill="none" stroke="#d95f02" stroke-width="2"/>'
    return _frame(low, high, y, bars + line, f"gain from the output by layer, from {number(layers[0].gain, 3)}")


def _frame(low: int, high: int, y: Any, inside: str, label: str) -> str:
    every = max(1, (high - low) // 5)
    ticks = "".join(
        f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y(10.0**k):.1f}" y2="{y(10.0**k):.1f}" opacity="0.2"/>'
        f'<text x="{_LEFT - 4}" y="{y(10.0**k) + 4:.1f}" text-anchor="end" stroke="none" fill="currentColor" '
        f'font-size="11">1e{k}</text>'
        for k in range(low, high + 1, every)
    )
    size = f'width="{_LEFT + _WIDTH}" height="{_TOP * 2 + _HEIGHT}"'
    box = f'viewBox="0 0 {_LEFT + _WIDTH} {_TOP * 2 + _HEIGHT}" style="max-width:100%;height:auto"'
    return f'<svg role="img" aria-label="{escape(label)}" {size} {box} stroke="currentColor">{ticks}{inside}</svg>'


def affine_html(affine: AffineMap) -> str:
    """Return slope and intercept of the first example, and how many there are."""
    batch = affine.slope.shape[0]
    shown = {"slope": affine.slope[0, ...], "intercept": affine.intercept[0, ...]} if batch else {}
    return arrays_html("AffineMap", ("one per example", f"this is the first of {quantity(batch)}"), shown)


def interval_html(interval: PredictionInterval) -> str:
    """Return the first predictions with their intervals."""
    mean, deviation, lower, upper = (
        to_numpy(a) for a in (interval.mean, interval.deviation, interval.lower, interval.upper)
    )
    rows = [
        (i, j, *(number(a[i, j]) for a in (mean, deviation, lower, upper)))
        for i, j in np.ndindex(min(len(mean), 40), mean.shape[1])
    ]
    headings = ("example", "output", "mean", "deviation", "lower", "upper")
    head = caption("PredictionInterval", f"{quantity(len(mean))} examples", f"{mean.shape[1]} outputs")
    return card(head, table(headings, folded(rows), right=range(6)))


def examples_html(gradients: PerExampleGradients) -> str:
    """Return the norms of the examples' gradients, by parameter, over the examples."""
    rows = [(name, *_spread(np.sqrt(to_numpy(s)))) for name, s in gradients.squared_norms().items()]
    foot = ("together", *_spread(to_numpy(gradients.norms())))
    count = quantity(gradients.losses.shape[0])
    head = caption("PerExampleGradients", f"{count} examples", f"{quantity(gradients.layout.size)} parameters")
    headings = ("norms", "smallest", "median", "largest")
    return card(head, table(headings, folded(rows), right=(1, 2, 3), foot=foot))


def _spread(values: Any) -> list[str]:
    return [number(f(values)) for f in (np.min, np.median, np.max)] if values.size else ["", "", ""]


def statistics_html(statistics: GradientStatistics) -> str:
    """Return mean, variance and signal-to-noise as one array each."""
    named = {word: getattr(statistics, word).vector for word in ("mean", "variance", "signal_to_noise")}
    return arrays_html("GradientStatistics", ("entry by entry of theta",), named)


def curvature_html(matrix: Curvature | Hessian) -> str:
    """Return what the matrix is of and how large; nothing is computed, as that would pass through the data."""
    name = matrix.name if isinstance(matrix, Curvature) else "Hessian"
    count = f"{quantity(matrix.x.shape[0])} examples, {quantity(matrix.batch)} at a time"
    rows = [("M @ v", "a product with one vector or several, one pass over the data")]
    parts = ("diagonal", "block", "kfac", "dense", "scipy")
    notes = {"diagonal": "the exact diagonal", "block": "one parameter's block", "kfac": "Kronecker factors",
             "dense": "the whole matrix, if it fits", "scipy": "for SciPy's solvers"}  # fmt: skip
    rows += [(f"{part}()", notes[part]) for part in parts if hasattr(matrix, part)]
    return card(caption(name, sizes(matrix.shape), count), table(("ask for", ""), rows))
