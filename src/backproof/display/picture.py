"""A matrix as a picture: one cell an entry, or a block of entries, in two colours on a transparent ground."""

import base64
import struct
import zlib
from typing import Any

import numpy as np

from .tables import escape

CELLS = 64
"""Rows and columns of the largest picture; beyond that a cell stands for a block of entries."""
POSITIVE, NEGATIVE, BROKEN = (217, 95, 2), (31, 110, 190), (128, 128, 128)
"""Orange and blue, told apart by colour-blind readers, seen on dark pages and on light ones; grey for NaN."""


def shrink(matrix: Any, cells: int = CELLS) -> Any:
    """Return ``matrix`` with at most ``cells`` rows and columns; each holds the entry of largest size of its block."""
    matrix = _along(np.asarray(matrix, dtype=np.float64), cells)
    return _along(matrix.T, cells).T


def _along(matrix: Any, cells: int) -> Any:
    rows = matrix.shape[0]
    if rows <= cells:
        return matrix
    edges = np.linspace(0, rows, cells + 1).astype(int)
    high = np.maximum.reduceat(matrix, edges[:-1], axis=0)
    low = np.minimum.reduceat(matrix, edges[:-1], axis=0)
    return np.where(high >= -low, high, low)


def heat_map(matrix: Any, label: str = "heat map", cells: int = CELLS, extent: int = 320) -> str:
    """Return a picture of a matrix as an HTML image that holds its own data.

    Zero is transparent; positive entries are orange, negative ones blue, the stronger the larger.

    Args:
        matrix: (m, n) numbers.
        label: read out to those who do not see it.
        cells: rows and columns at most.
        extent: width and height at most, in pixels.
    """
    shown = shrink(matrix, cells)
    if shown.size == 0:
        return ""
    data = base64.b64encode(_png(_colours(shown))).decode()
    side = max(2, min(12, extent // max(shown.shape)))
    height, width = (max(side * length, 6) for length in shown.shape)
    size = f"width:{width}px;aspect-ratio:{width}/{height};max-width:100%;height:auto"
    style = f"{size};image-rendering:pixelated;border:1px solid #8888;vertical-align:middle"
    return f'<img alt="{escape(label)}" src="data:image/png;base64,{data}" style="{style}">'


def _colours(matrix: Any) -> Any:
    finite = np.isfinite(matrix)
    largest = np.abs(matrix[finite]).max(initial=0.0)
    strength = np.where(finite, np.abs(np.where(finite, matrix, 0.0)) / (largest or 1.0), 1.0)
    pixels = np.empty((*matrix.shape, 4), np.uint8)
    pixels[..., :3] = np.where((matrix < 0)[..., None], NEGATIVE, POSITIVE)
    pixels[~finite, :3] = BROKEN
    # The square root lets small entries be seen beside large ones.
    pixels[..., 3] = np.rint(255 * np.sqrt(strength))
    return pixels


def _png(pixels: Any) -> bytes:
    """Return the bytes of a PNG file of (height, width, 4) red, green, blue and opacity."""
    height, width, _ = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    parts = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(lines, 9)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
