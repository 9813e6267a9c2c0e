"""One matrix at a glance: small ones as their numbers, large ones as a picture, with shape, structure and norm."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .numerals import latex_number, number, quantity, sizes
from .picture import heat_map
from .tables import caption, card, escape

NUMBERS = 12
"""Rows and columns up to which a matrix is shown as numbers in HTML."""
LATEX = 8
"""Rows and columns up to which a matrix is typeset in LaTeX."""

_BRACKET = "border:1.5px solid currentColor;padding:0.1em 0.35em;background:transparent"
_ENTRY = "padding:0.05em 0.55em;border:0;text-align:right;font-variant-numeric:tabular-nums;background:transparent"


@dataclass(frozen=True)
class Glance:
    """What is shown of a matrix that may be too large to be shown.

    Attributes:
        title: what it is, such as the operator's class.
        shape: of the whole matrix.
        details: words for the caption, after the shape.
        entries: (r, c) numbers: all of them, or rows chosen evenly for a picture.
        norm: the Frobenius norm, nan to leave it out.
        about: whether the norm is an estimate.
    """

    title: str
    shape: tuple[int, int]
    details: tuple[str, ...]
    entries: Any
    norm: float = math.nan
    about: bool = False

    @property
    def small(self) -> bool:
        """Whether all entries are there and few enough to be read as numbers."""
        return self.entries.shape == self.shape and max(self.shape) <= NUMBERS

    def html(self) -> str:
        """Return caption and numbers or picture."""
        size = "" if math.isnan(self.norm) else f"norm {'≈ ' if self.about else ''}{number(self.norm)}"
        head = caption(self.title, sizes(self.shape), *self.details, size)
        return card(head, matrix_html(self.entries) if self.small else self._picture())

    def _picture(self) -> str:
        if not self.entries.size:
            return ""
        label = f"{self.title}, {sizes(self.shape)}, {', '.join(self.details)}"
        kept, rows = len(self.entries), self.shape[0]
        note = f"{quantity(kept)} of its {quantity(rows)} rows; " if kept < rows else ""
        finite = self.entries[np.isfinite(self.entries)]
        largest = number(np.abs(finite).max(initial=0.0))
        words = f"{note}orange positive, blue negative, clear zero; largest entry shown {largest}"
        return f"<div>{heat_map(self.entries, label)}</div><div><small>{escape(words)}</small></div>"

    def latex(self) -> str | None:
        """Return the matrix with its shape below, or None if it is too large to be typeset."""
        if not self.small or max(self.shape) > LATEX:
            return None
        return rf"$\displaystyle {matrix_latex(self.entries, shape=True)}$"


def matrix_html(entries: Any) -> str:
    """Return a small matrix as numbers between brackets."""
    rows = "".join(
        f'<tr style="background:transparent">{"".join(_entry(v) for v in row)}</tr>' for row in np.atleast_2d(entries)
    )
    inner = f'<table style="border-collapse:collapse;margin:0;color:inherit"><tbody>{rows}</tbody></table>'
    return f'<div style="display:inline-block;{_BRACKET};border-top:0;border-bottom:0;border-radius:3px">{inner}</div>'


def _entry(value: Any) -> str:
    return f'<td style="{_ENTRY}{";opacity:0.45" if _is_zero(value) else ""}">{escape(number(value))}</td>'


def _is_zero(value: Any) -> bool:
    return bool(value == 0)


def matrix_latex(entries: Any, shape: bool = False, digits: int = 4) -> str:
    r"""Return a matrix as LaTeX mathematics, ``\begin{pmatrix} ... \end{pmatrix}``.

    Args:
        entries: (m, n) numbers, or (n,) for a row.
        shape: whether to put ``m \times n`` below it.
        digits: significant digits of every entry.
    """
    matrix = np.atleast_2d(entries)
    lines = r" \\ ".join(" & ".join(latex_number(value, digits) for value in row) for row in matrix)
    body = rf"\begin{{pmatrix}} {lines} \end{{pmatrix}}"
    m, n = matrix.shape
    return rf"\underset{{{m} \times {n}}}{{{body}}}" if shape else body
