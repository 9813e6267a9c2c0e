r"""Long formulas in several lines: an equation between its sides, a side between its terms or factors.

Where to break is decided by an estimate of the width. It need not be exact, since what is still too wide is scaled to
the line by LaTeX itself.
"""

from collections.abc import Sequence

from . import expressions as e
from .pieces import BINARY, Piece
from .typeset import RELATIONS, multiplied, operand, operands, signed, typeset

__all__ = ["display"]

LINE = 34.0
"""Width of a line of formulas, in em of the text's font: what a tag at its right end leaves on A4 paper."""


def display(expression: e.Expression, width: float = LINE) -> str:
    """Return a formula for a line of its own, broken where it is too long: what stands between ``\\[`` and ``\\]``."""
    whole = typeset(expression)
    if whole.width <= width:
        return whole.tex
    sides = expression.sides if isinstance(expression, e.Equation) else (expression,)
    relation = RELATIONS.get(getattr(expression, "relation", "="), "=")
    several = len(sides) > 1
    lines = _sides(sides, relation, width) if several else _broken(expression, width, "& ", r"& \quad ")
    if len(lines) == 1:
        return whole.tex
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _sides(sides: Sequence[e.Expression], relation: str, width: float) -> list[str]:
    """Return an equation with every side but the first on a line of its own, the signs below one another."""
    first = operand(sides[0], 0)
    # A wide left side takes a line for itself; the others then have the whole width.
    beside_it = first.width < 0.4 * width
    room = width - BINARY - (first.width if beside_it else 2.0)
    lines: list[str] = [] if beside_it else [f"& {first.tex}"]
    for index, side in enumerate(sides[1:]):
        head = f"{first.tex} & " if beside_it and not index else "& " if beside_it else r"& \quad "
        sign = relation if not index else "="
        lines += _broken(side, room, f"{head}{sign} ", r"& \quad " if beside_it else r"& \quad \quad ")
    return lines


def _broken(side: e.Expression, room: float, head: str, indent: str) -> list[str]:
    """Return one side in as many lines as it needs: a sum between terms, a product between factors."""
    pieces = _breakable(side)
    if typeset(side).width <= room or len(pieces) < 2:
        return [head + typeset(side).tex]
    lines: list[str] = []
    line, filled = head, 0.0
    for piece in pieces:
        if filled and filled + piece.width > room - (1.0 if lines else 0.0):
            lines.append(line)
            line, filled = indent + "{} ", 0.0
        line, filled = f"{line}{piece.tex} ", filled + piece.width
    return [*lines, line]


def _breakable(side: e.Expression) -> list[Piece]:
    if isinstance(side, e.Plus):
        return signed(side)
    if isinstance(side, e.Times):
        return multiplied(side)
    if isinstance(side, e.Composition | e.Hadamard):
        sign, parts = (r"\circ", side.functions) if isinstance(side, e.Composition) else (r"\odot", side.factors)
        pieces = operands(parts, getattr(side, "shown", None), 2)
        return [pieces[0], *(Piece(f"{sign} {p.tex}", p.width + BINARY, p.tall) for p in pieces[1:])]
    return [typeset(side)]
