"""Pieces of LaTeX formulas, with an estimate of how wide they come out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

from ..display import latex_escape, latex_number

__all__ = ["BINARY", "Piece", "beside", "bracketed", "grid", "letter", "number", "script"]

BINARY = 1.1
"""Width of a binary operator or relation with the space on its sides."""
_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi",
    "Sigma", "Phi", "Psi", "Omega", "ell",
}  # fmt: skip


@final
@dataclass(frozen=True)
class Piece:
    """A piece of a formula.

    Attributes:
        tex: as LaTeX mathematics.
        width: about how wide, in em.
        tall: whether it is higher than a line, so that brackets around it have to grow.
    """

    tex: str
    width: float
    tall: bool = False


def beside(pieces: Iterable[Piece], between: str = " ", gap: float = 0.0) -> Piece:
    """Return pieces in a row with a sign between them that is ``gap`` wide."""
    parts = list(pieces)
    width = sum(part.width for part in parts) + gap * max(0, len(parts) - 1)
    return Piece(between.join(part.tex for part in parts), width, any(part.tall for part in parts))


def bracketed(piece: Piece, left: str = "(", right: str = ")") -> Piece:
    """Return a piece in brackets, which grow with what is tall."""
    if piece.tall:
        return Piece(rf"\left{left} {piece.tex} \right{right}", piece.width + 1.2, True)
    return Piece(f"{left}{piece.tex}{right}", piece.width + 0.7)


def grid(rows: Sequence[Sequence[Piece]], left: str, right: str, columns: str = "c", gap: float = 0.9) -> Piece:
    """Return pieces in rows and columns between brackets."""
    widths = [max(row[j].width for row in rows) for j in range(len(rows[0]))]
    lines = r" \\ ".join(" & ".join(piece.tex for piece in row) for row in rows)
    layout = columns * len(widths) if len(columns) == 1 else columns
    body = rf"\begin{{array}}{{@{{}}{layout}@{{}}}} {lines} \end{{array}}"
    width = sum(widths) + gap * (len(widths) - 1) + 1.2
    return Piece(rf"\left{left} {body} \right{right}", width, len(rows) > 1 or any(p.tall for r in rows for p in r))


def number(value: Any) -> Piece:
    """Return a number of a formula or a matrix."""
    tex = latex_number(value)
    if tex.lstrip("-").isdigit() and len(tex.lstrip("-")) > 4:
        tex = f"{int(tex):,}".replace(",", r"\,")
    shown = tex.replace(r" \cdot ", "..").replace(r"\,", "").replace(r"\infty", "o").replace("{", "").replace("}", "")
    return Piece(tex, 0.5 * len(shown) + (0.3 if shown.startswith("-") else 0.0), r"\frac" in tex)


def letter(name: str) -> Piece:
    """Return a letter, a Greek letter by its name, or a word set upright."""
    if name in _GREEK:
        return Piece(rf"\{name}", 0.6)
    if len(name) == 1 and name.isascii() and name.isalnum():
        return Piece(name, 0.6)
    return Piece(rf"\mathrm{{{name}}}" if name.isascii() and name.isalnum() else _text(name), 0.5 * len(name))


def _text(words: str) -> str:
    return rf"\text{{{latex_escape(words)}}}"


def script(text: str) -> Piece:
    """Return a subscript or superscript: numbers as they are, letters as letters, parts after commas alike."""
    parts = text.split(",")
    piece = beside((_part(part) for part in parts), ",", 0.3)
    return Piece(piece.tex, 0.75 * piece.width)


def _part(text: str) -> Piece:
    plain = text.replace(".", "").replace("(", "").replace(")", "").replace("[", "").replace("]", "")
    if plain.isdigit() and plain.isascii():
        return Piece(text, 0.5 * len(text))
    inner = letter(plain)
    return Piece(f"[{inner.tex}]", inner.width + 0.6) if text == f"[{plain}]" else letter(text)
