"""Small drawings: the pattern of a structure, and the graph of an elementwise function."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ...layers import LAYERS, Elementwise

SIDE = 30
"""Of the square in which a pattern is drawn."""

_FRAME = f'<rect class="frame" x="0.5" y="0.5" width="{SIDE}" height="{SIDE}" rx="2"/>'


def _rectangles(*boxes: tuple[float, float, float, float]) -> str:
    return "".join(f'<rect class="ink" x="{x}" y="{y}" width="{w}" height="{h}"/>' for x, y, w, h in boxes)


def _line(width: float, opacity: float = 1) -> str:
    return f'<path class="ink" fill="none" d="M2 2 L29 29" stroke-width="{width}" stroke-opacity="{opacity}"/>'


def _sign(text: str) -> str:
    return f'<text class="ink" stroke="none" x="15.5" y="21" text-anchor="middle" font-size="16">{text}</text>'


_STAIRS = _rectangles((2, 2, 9, 5), (11, 9, 9, 5), (20, 16, 9, 5), (29, 23, 0, 5))
_BLOCKS = _rectangles((2, 2, 8, 8), (11.5, 11.5, 8, 8), (21, 21, 8, 8))
_PATTERNS: dict[str, str] = {
    "dense": _rectangles((3, 3, 25, 25)),
    "diagonal": _line(4),
    "identity": _line(1.5),
    "scaled identity": _line(2.5),
    "kronecker": _rectangles((2, 3, 9, 2.5), (11, 12, 9, 2.5), (20, 21, 9, 2.5)) + _line(0.5, 0.3),
    "low-rank update": _line(3) + _rectangles((3, 22, 3, 7), (8, 25, 8, 3)),
    "selection": _rectangles((4, 4, 4, 4), (18, 11, 4, 4), (11, 18, 4, 4), (25, 25, 4, 4)),
    "block diagonal": _BLOCKS,
    "direct sum": _BLOCKS,
    "stack": _rectangles((3, 3, 25, 7), (3, 12, 25, 7), (3, 21, 25, 7)),
    "column": _rectangles((3, 3, 25, 12), (3, 17, 25, 11)),
    "row": _rectangles((3, 3, 12, 25), (17, 3, 11, 25)),
    "spread": _STAIRS,
    "sum": _sign("+"),
    "product": _sign("·"),
}


def pattern(structure: str) -> str:
    """Return the drawing of a structure; of one that is not known, an empty frame."""
    inside = _PATTERNS.get(structure, "")
    return f'<svg viewBox="0 0 {SIDE + 1} {SIDE + 1}" aria-hidden="true" focusable="false">{_FRAME}{inside}</svg>'


def word(structure: str, say: Callable[..., str]) -> str:
    """Return what the page calls a structure in its language; one that is not known, by its own name."""
    known = structure in _PATTERNS
    return say(f"structure_{structure.replace(' ', '_').replace('-', '_')}") if known else structure


def graph(name: str, x: float, y: float, width: float, height: float) -> str:
    """Return the graph of an elementwise layer on [-3, 3] inside a box, as SVG; empty for any other layer."""
    points = _curve(name)
    if not points:
        return ""
    placed = " ".join(f"{x + u * width:.1f},{y + (1 - v) * height:.1f}" for u, v in points)
    return f'<polyline class="glyph" points="{placed}"/>'


@lru_cache(maxsize=64)
def _curve(name: str) -> tuple[tuple[float, float], ...]:
    """Return the graph's points in the unit square."""
    kind = LAYERS.get(name)
    if kind is None or not issubclass(kind, Elementwise):
        return ()
    at = np.linspace(-3, 3, 31)
    value: Callable[..., object] = kind().value
    heights = np.asarray(value({}, at[None]), dtype=np.float64)[0]
    low, high = heights.min(), heights.max()
    span = high - low if high > low else 1.0
    return tuple((float(u), float(v)) for u, v in zip(np.linspace(0, 1, 31), (heights - low) / span, strict=True))
