"""Small pieces that displays are made of: numbers, tables, pictures and matrices, as HTML and as LaTeX.

Whatever is shown in a notebook has to be readable on a dark page and on a light one, so nothing here sets a
background or a colour of text: lines and letters take the page's colour, and pictures are transparent where the
numbers are 0. Every name that comes from a user's file is escaped.
"""

from .arrays import arrays_html, folded
from .matrices import Glance, matrix_html, matrix_latex
from .numerals import latex_number, number, quantity, sizes
from .picture import heat_map, shrink
from .tables import caption, card, escape, latex_escape, table

__all__ = [
    "Glance", "arrays_html", "caption", "card", "escape", "folded", "heat_map", "latex_escape", "latex_number",
    "matrix_html", "matrix_latex", "number", "quantity", "shrink", "sizes", "table",
]  # fmt: skip
