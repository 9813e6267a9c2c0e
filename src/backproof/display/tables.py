"""Captions, tables and cards as HTML with their own style, and text made safe for HTML and LaTeX."""

from collections.abc import Iterable, Sequence
from html import escape as _escape

_CARD = "font-size:0.92em;line-height:1.45;margin:0.4em 0;max-width:100%;overflow-x:auto;color:inherit"
_TABLE = "border-collapse:collapse;margin:0.3em 0;color:inherit;background:transparent"
_LINE = "border:0;border-bottom:1px solid #8886"
_CELL = f"padding:0.15em 0.7em;{_LINE};white-space:nowrap;background:transparent;color:inherit"
_NUMBERS = "font-variant-numeric:tabular-nums;text-align:right"

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_",
    "%": r"\%", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip


def escape(text: object) -> str:
    """Return text that a browser shows as it is, in attributes too."""
    return _escape(str(text), quote=True)


def latex_escape(text: object) -> str:
    """Return text that LaTeX prints as it is; a character that pdflatex has not becomes its number in brackets."""
    return "".join(_LATEX.get(c) or (c if c.isascii() and c.isprintable() else _foreign(c)) for c in str(text))


def _foreign(character: str) -> str:
    if character.isspace():
        return " "
    latin = character.isprintable() and ord(character) < 0x180 and character.isalpha()
    return character if latin else f"[U+{ord(character):04X}]"


def caption(title: object, *details: object) -> str:
    """Return a line with a title in bold and details after it; all is escaped."""
    rest = " · ".join(escape(detail) for detail in details if str(detail))
    return f"<div><b>{escape(title)}</b>{' · ' if rest else ''}{rest}</div>"


def card(*parts: str) -> str:
    """Return pieces of HTML in one frame."""
    return f'<div class="backproof" style="{_CARD}">{"".join(parts)}</div>'


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    right: Iterable[int] = (),
    raw: Iterable[int] = (),
    foot: Sequence[object] = (),
) -> str:
    """Return a table; cells are escaped but for those of the columns ``raw``, which are HTML.

    Args:
        headings: one a column.
        rows: cells, in the order of the headings.
        right: columns of numbers, by index.
        raw: columns that hold HTML already.
        foot: a last row, such as totals, in bold.
    """
    right, raw = set(right), set(raw)
    head = "".join(_cell("th", escape(text), i in right, ' scope="col"') for i, text in enumerate(headings))
    lines = [
        "".join(_cell("td", str(c) if i in raw else escape(c), i in right) for i, c in enumerate(row)) for row in rows
    ]
    lines += ["".join(_cell("td", f"<b>{escape(c)}</b>", i in right) for i, c in enumerate(foot))] if foot else []
    body = "".join(f'<tr style="background:transparent">{line}</tr>' for line in lines)
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(tag: str, content: str, numbers: bool, more: str = "") -> str:
    return f'<{tag}{more} style="{_CELL};{_NUMBERS if numbers else "text-align:left"}">{content}</{tag}>'
