r"""Formulas as LaTeX, straight from the expression tree."""

import functools
from fractions import Fraction as Ratio
from typing import Any

import numpy as np

from ..display import latex_escape
from . import expressions as e
from .digits import shared
from .pieces import BINARY, Piece, beside, bracketed, grid, letter, number, script

__all__ = ["RELATIONS", "inline", "multiplied", "operand", "operands", "signed", "typeset"]

_FUNCTIONS = {"sigmoid": r"\sigma", "Phi": r"\Phi", "phi": r"\varphi"}
_OPERATORS = {"exp", "log", "tanh", "sin", "cos"}
_ACCENTS = {"tilde": "tilde", "bar": "overline", "hat": "widehat"}
WIDE = 24.0
"""Width of a row of numbers, in em and without its gaps, from which on they are given to fewer digits."""
RELATIONS = {"<=": r"\le", ">=": r"\ge", "!=": r"\ne", ":=": r"\mathrel{:=}", "<": "<", ">": ">", "=": "="}


def inline(expression: e.Expression) -> str:
    """Return a formula for a line of text, ``$...$``."""
    return f"${typeset(expression).tex}$"


@functools.singledispatch
def typeset(expression: Any) -> Piece:
    """Return the LaTeX of a node.

    Raises:
        TypeError: there is no rule for this class; the message names it.
    """
    raise TypeError(f"latex: no rule for {type(expression).__name__}, expected an expression of the derivation.")


def operand(expression: e.Expression, precedence: int) -> Piece:
    """Return an operand, in brackets where it binds no tighter than ``precedence``."""
    binds = expression.inner_precedence if isinstance(expression, e.Annotated) else expression.precedence
    piece = typeset(expression)
    return piece if binds > precedence else bracketed(piece)


_DOTS = Piece(r"\cdots", 1.2)


def operands(parts: tuple[e.Expression, ...], shown: e.Shown, precedence: int) -> list[Piece]:
    """Return the operands that are written out, with dots for the others."""
    return [_DOTS if part is None else operand(part, precedence) for part in e.visible(parts, shown)]


# -- atoms ------------------------------------------------------------------------------------------------------


@typeset.register
def _(node: e.Symbol) -> Piece:
    base = letter(node.name)
    tex = rf"\{_ACCENTS[node.accent]}{{{base.tex}}}" if node.accent else base.tex
    low, high = script(node.subscript), script(node.superscript)
    tex += f"_{{{low.tex}}}" if node.subscript else ""
    tex += f"^{{{high.tex}}}" if node.superscript else ""
    # TeX unwraps a group that is one accent, so that a transpose would be its second superscript.
    tex = f"{{}}{tex}" if node.accent and node.superscript else tex
    return Piece(tex, base.width + max(low.width, high.width))


@typeset.register
def _(node: e.Number) -> Piece:
    return number(node.value)


@typeset.register
def _(node: e.Numbers) -> Piece:
    array = np.atleast_2d(np.asarray(node.array))
    rows = e.visible(tuple(range(array.shape[0])), node.shown_rows)
    columns = e.visible(tuple(range(array.shape[1])), node.shown_columns)
    power, numbers = _entries(array)

    def cell(i: int | None, j: int | None) -> Piece:
        if i is None or j is None:
            return Piece(r"\ddots" if i is None and j is None else r"\vdots" if i is None else r"\cdots", 1.2)
        return numbers[i][j]

    matrix = grid([[cell(i, j) for j in columns] for i in rows], "(", ")", "r")
    return matrix if not power else beside([Piece(f"10^{{{power}}}", 1.8), matrix], r" \cdot ", BINARY)


def _entries(array: Any) -> tuple[int, list[list[Piece]]]:
    """Return the entries of a matrix and the power of ten before it; each entry in full where there is room."""
    alone = [[number(entry) for entry in line] for line in array]
    wide = any(sum(piece.width for piece in line) > WIDE for line in alone)
    if array.size == 1 or not (wide or any(r"\cdot" in piece.tex for line in alone for piece in line)):
        return 0, alone
    power, texts = shared(array)
    return power, [[_decimal(text) for text in line] for line in texts]


def _decimal(text: str) -> Piece:
    """Return a number as it is written, with the zeros at its end."""
    known = text.lstrip("-").replace(".", "").isdigit()
    return Piece(text, 0.5 * len(text) + 0.3 * text.startswith("-")) if known else number(float(text))


@typeset.register
def _(node: e.Identity) -> Piece:
    return Piece(f"I_{{{node.size}}}", 0.6 + 0.4 * len(str(node.size)))


@typeset.register
def _(node: e.Ones) -> Piece:
    return Piece(rf"\mathbf{{1}}_{{{node.size}}}", 0.6 + 0.4 * len(str(node.size)))


@typeset.register
def _(node: e.Zeros) -> Piece:
    return Piece(rf"\mathbf{{0}}_{{{node.rows} \times {node.columns}}}", 2.2 + 0.4 * len(f"{node.rows}{node.columns}"))


@typeset.register
def _(node: e.Partial) -> Piece:
    above, below = operand(node.of, 3), operand(node.by, 3)
    width = max(above.width, below.width) + 0.8
    return Piece(rf"\frac{{\partial {above.tex}}}{{\partial {below.tex}}}", width, True)


# -- one operand ------------------------------------------------------------------------------------------------


@typeset.register
def _(node: e.Negative) -> Piece:
    inner = operand(node.operand, 1)
    return Piece(f"-{inner.tex}", inner.width + 0.8, inner.tall)


@typeset.register
def _(node: e.Transpose) -> Piece:
    inner = operand(node.operand, 4)
    return Piece(rf"{{{inner.tex}}}^{{\top}}", inner.width + 0.6, inner.tall)


@typeset.register
def _(node: e.Differential) -> Piece:
    inner = operand(node.operand, 3)
    # Before a word the sign would read as its first letter.
    gap = r"\," if inner.tex.startswith((r"\mathrm", r"\overline", r"\text")) else ""
    return Piece(rf"\mathrm{{d}}{gap}{inner.tex}", inner.width + 0.8, inner.tall)


def _named(name: str, argument: e.Expression, width: float) -> Piece:
    inner = bracketed(typeset(argument))
    # The braces keep LaTeX from setting space between a function's name and a growing bracket.
    tex = inner.tex if not inner.tall else rf"\!{inner.tex}"
    return Piece(name + tex, width + inner.width, inner.tall)


@typeset.register
def _(node: e.Diagonal) -> Piece:
    return _named(r"\operatorname{diag}", node.operand, 2.0)


@typeset.register
def _(node: e.Vec) -> Piece:
    return _named(r"\operatorname{vec}", node.operand, 1.6)


@typeset.register
def _(node: e.Apply) -> Piece:
    if node.function in ("sqrt", "abs"):
        inner = typeset(node.argument)
        if node.function == "sqrt":
            return Piece(rf"\sqrt{{{inner.tex}}}", inner.width + 1, True)
        return Piece(rf"\left|{inner.tex}\right|", inner.width + 0.6, inner.tall)
    if node.function in _FUNCTIONS:
        return _named(_FUNCTIONS[node.function], node.argument, 0.6)
    name = rf"\{node.function}" if node.function in _OPERATORS else rf"\operatorname{{{latex_escape(node.function)}}}"
    return _named(name, node.argument, 0.5 * len(node.function))


@typeset.register
def _(node: e.Annotated) -> Piece:
    inner = typeset(node.operand)
    shape = beside((number(length) for length in node.shape), r" \times ", BINARY)
    return Piece(rf"\underset{{{shape.tex}}}{{{inner.tex}}}", max(inner.width, 0.73 * shape.width), inner.tall)


# -- two operands -----------------------------------------------------------------------------------------------


@typeset.register
def _(node: e.Kronecker) -> Piece:
    return beside((operand(node.left, 2), operand(node.right, 2)), r" \otimes ", BINARY)


@typeset.register
def _(node: e.Fraction) -> Piece:
    above, below = typeset(node.numerator), typeset(node.denominator)
    return Piece(rf"\frac{{{above.tex}}}{{{below.tex}}}", max(above.width, below.width) + 0.3, True)


@typeset.register
def _(node: e.Power) -> Piece:
    if node.exponent == Ratio(1, 2):
        inner = typeset(node.base)
        return Piece(rf"\sqrt{{{inner.tex}}}", inner.width + 1, True)
    inner = operand(node.base, 4)
    exponent = str(node.exponent)
    return Piece(f"{{{inner.tex}}}^{{{exponent}}}", inner.width + 0.4 * len(exponent), inner.tall)


@typeset.register
def _(node: e.Compare) -> Piece:
    sides = (operand(node.left, 0), operand(node.right, 0))
    return beside(sides, f" {RELATIONS.get(node.relation, '=')} ", BINARY)


# -- any number of operands -------------------------------------------------------------------------------------


def signed(node: e.Plus) -> list[Piece]:
    """Return the terms of a sum, each with the sign before it; the first without a plus."""
    pieces: list[Piece] = []
    for term in e.visible(node.terms, node.shown):
        inside = term.operand if isinstance(term, e.Negative) else term
        piece = _DOTS if inside is None else operand(inside, 1)
        sign = "-" if isinstance(term, e.Negative) else "+" if pieces else ""
        pieces.append(Piece(f"{sign} {piece.tex}".strip(), piece.width + (BINARY if sign else 0), piece.tall))
    return pieces


@typeset.register
def _(node: e.Plus) -> Piece:
    return beside(signed(node))


def multiplied(node: e.Times) -> list[Piece]:
    """Return the factors of a product, a dot before a number that follows a number."""
    pieces: list[Piece] = []
    before: Any = None
    for factor in e.visible(node.factors, node.shown):
        piece = _DOTS if factor is None else operand(factor, 2)
        if isinstance(factor, e.Number) and isinstance(before, e.Number):
            piece = Piece(rf"\cdot {piece.tex}", piece.width + BINARY, piece.tall)
        elif pieces:
            # Shapes below the factors need more room between them than the factors alone.
            space, wide = (r"\;\;", 0.56) if isinstance(factor, e.Annotated) else (r"\,", 0.17)
            piece = Piece(f"{space} {piece.tex}", piece.width + wide, piece.tall)
        pieces.append(piece)
        before = factor
    return pieces


@typeset.register
def _(node: e.Times) -> Piece:
    return beside(multiplied(node))


@typeset.register
def _(node: e.Hadamard) -> Piece:
    return beside((operand(factor, 2) for factor in node.factors), r" \odot ", BINARY)


def _blocks(node: e.BlockRow | e.BlockColumn | e.BlockDiagonal, dots: str) -> list[Piece]:
    return [Piece(dots, 1.0) if b is None else typeset(b) for b in e.visible(node.blocks, node.shown)]


@typeset.register
def _(node: e.BlockRow) -> Piece:
    return grid([_blocks(node, r"\cdots")], "[", "]")


@typeset.register
def _(node: e.BlockColumn) -> Piece:
    return grid([[block] for block in _blocks(node, r"\vdots")], "[", "]")


@typeset.register
def _(node: e.BlockDiagonal) -> Piece:
    blocks, empty = _blocks(node, r"\ddots"), Piece("", 0.0)
    return grid([[b if i == j else empty for j in range(len(blocks))] for i, b in enumerate(blocks)], "[", "]")


@typeset.register
def _(node: e.Composition) -> Piece:
    return beside(operands(node.functions, node.shown, 2), r" \circ ", BINARY)


@typeset.register
def _(node: e.Map) -> Piece:
    inside = bracketed(beside((typeset(argument) for argument in node.arguments), ", ", 0.4))
    return beside((operand(node.function, 4), inside), "")


@typeset.register
def _(node: e.Cases) -> Piece:
    rows = [
        [typeset(value), beside((Piece(r"\text{if }", 0.9), typeset(condition)))] for condition, value in node.branches
    ]
    rows.append([typeset(node.otherwise), Piece(r"\text{otherwise}", 4.0)])
    return grid(rows, r"\{", ".", r"l@{\quad}l", 1.0)


@typeset.register
def _(node: e.SumOver) -> Piece:
    body = operand(node.body, 1)
    index = letter(node.index).tex
    return Piece(rf"\sum_{{{index}={node.first}}}^{{{node.last}}} {body.tex}", body.width + 1.8, True)


@typeset.register
def _(node: e.Equation) -> Piece:
    sides = [operand(side, 0) for side in node.sides]
    first = beside(sides[:2], f" {RELATIONS.get(node.relation, '=')} ", BINARY)
    return beside((first, *sides[2:]), " = ", BINARY)
