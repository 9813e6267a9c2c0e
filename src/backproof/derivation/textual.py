"""Formulas in one line of Unicode."""

import functools
import unicodedata

from ..display import number, quantity
from . import expressions as e

__all__ = ["cells", "inline", "pieces", "symbol"]

_GREEK = {
    "delta": "δ", "Delta": "Δ", "theta": "θ", "mu": "μ", "rho": "ρ", "sigma": "σ", "loss": "ℓ", "Phi": "Φ", "phi": "φ",
}  # fmt: skip
_ACCENTS = {"tilde": "\u0303", "bar": "\u0304", "hat": "\u0302"}
_LOW = str.maketrans("0123456789()", "₀₁₂₃₄₅₆₇₈₉₍₎")
_HIGH = str.maketrans("0123456789()-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁻⁺")
_HIGH_LETTERS = {"W": "ᵂ", "b": "ᵇ", "g": "ᵍ", "theta": "ᶿ"}
_FUNCTIONS = {"sigmoid": "σ", "Phi": "Φ", "phi": "φ", "sqrt": "√"}
_RELATIONS = {"<=": "≤", ">=": "≥", "!=": "≠", ":=": "≔"}


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes: accents take none."""
    return sum(not unicodedata.combining(character) for character in text)


@functools.singledispatch
def inline(expression: e.Expression) -> str:
    """Return an expression as one line."""
    return repr(expression)


def symbol(name: str) -> str:
    """Return a letter, Greek where it has a Greek name."""
    return _GREEK.get(name, name)


def within(expression: e.Expression, least: int) -> str:
    """Return an operand, in brackets if it does not bind more tightly than its surroundings."""
    text = inline(expression)
    inner = expression.operand if isinstance(expression, e.Annotated) else expression
    loose = isinstance(inner, e.Fraction) if least >= 2 else False
    tight = inner.precedence > least and not loose and not (isinstance(inner, e.Number) and _negative(inner))
    return text if tight else f"({text})"


def _negative(number: e.Number) -> bool:
    return number.value < 0


@inline.register(e.Symbol)
def _(expression: e.Symbol) -> str:
    name = symbol(expression.name) + _ACCENTS.get(expression.accent, "")
    return name + _low(expression.subscript) + _high(expression.superscript)


def _low(subscript: str) -> str:
    """Return an index: digits low, letters of a parameter high, so that B with 1 and W reads as one sign."""
    if not subscript:
        return ""
    digits = [part for part in subscript.split(",") if part.replace(".", "").isdigit()]
    letters = [part for part in subscript.split(",") if part not in digits]
    low = ",".join(digits).translate(_LOW)
    return low + "".join(_HIGH_LETTERS.get(letter, f"_{letter}") for letter in letters)


def _high(superscript: str) -> str:
    if not superscript or superscript[0] in "[{":
        return superscript
    return superscript.translate(_HIGH).replace(",", "˒") if set(superscript) <= set("0123456789(),") else superscript


@inline.register(e.Number)
def _(expression: e.Number) -> str:
    value = expression.value
    return quantity(value) if isinstance(value, int) else number(value, 6)


@inline.register(e.Numbers)
def _(expression: e.Numbers) -> str:
    rows = e.visible(tuple(expression.array), expression.shown_rows)
    written = []
    for row in rows:
        entries = [] if row is None else e.visible(tuple(row), expression.shown_columns)
        written.append("⋯" if row is None else " ".join("⋯" if x is None else number(x) for x in entries))
    return f"[{'; '.join(written)}]"


@inline.register(e.Identity)
def _(expression: e.Identity) -> str:
    return "I" + f"{expression.size}".translate(_LOW)


@inline.register(e.Ones)
def _(expression: e.Ones) -> str:
    return "1" + f"{expression.size}".translate(_LOW)


@inline.register(e.Zeros)
def _(expression: e.Zeros) -> str:
    return "0"


@inline.register(e.Partial)
def _(expression: e.Partial) -> str:
    return f"∂{inline(expression.of)}/∂{inline(expression.by)}"


@inline.register(e.Negative)
def _(expression: e.Negative) -> str:
    return f"−{within(expression.operand, 1)}"


@inline.register(e.Transpose)
def _(expression: e.Transpose) -> str:
    return f"{within(expression.operand, 3)}ᵀ"


@inline.register(e.Differential)
def _(expression: e.Differential) -> str:
    inner = inline(expression.operand)
    return f"d{inner}" if isinstance(expression.operand, e.Symbol) else f"d({inner})"


@inline.register(e.Diagonal)
def _(expression: e.Diagonal) -> str:
    return f"diag({inline(expression.operand)})"


@inline.register(e.Vec)
def _(expression: e.Vec) -> str:
    return f"vec({inline(expression.operand)})"


@inline.register(e.Apply)
def _(expression: e.Apply) -> str:
    inner = inline(expression.argument)
    return (
        f"|{inner}|"
        if expression.function == "abs"
        else f"{_FUNCTIONS.get(expression.function, expression.function)}({inner})"
    )


@inline.register(e.Annotated)
def _(expression: e.Annotated) -> str:
    return inline(expression.operand)


@inline.register(e.Kronecker)
def _(expression: e.Kronecker) -> str:
    return f"{within(expression.left, 2)} ⊗ {within(expression.right, 2)}"


@inline.register(e.Fraction)
def _(expression: e.Fraction) -> str:
    return f"{within(expression.numerator, 2)} / {within(expression.denominator, 2)}"


@inline.register(e.Power)
def _(expression: e.Power) -> str:
    exponent = f"{expression.exponent}"
    high = exponent.translate(_HIGH) if "/" not in exponent else f"^({exponent})"
    return f"{within(expression.base, 4)}{high}"


@inline.register(e.Compare)
def _(expression: e.Compare) -> str:
    relation = _RELATIONS.get(expression.relation, expression.relation)
    return f"{inline(expression.left)} {relation} {inline(expression.right)}"


@inline.register(e.Plus)
@inline.register(e.Times)
@inline.register(e.Equation)
def _(expression: e.Plus | e.Times | e.Equation) -> str:
    return "".join(piece[0] for piece in pieces(expression))


@inline.register(e.Hadamard)
def _(expression: e.Hadamard) -> str:
    sign = [" " if isinstance(left, e.Number) else " ⊙ " for left in expression.factors[:-1]]
    written = [within(factor, 2) for factor in expression.factors]
    return written[0] + "".join(s + w for s, w in zip(sign, written[1:], strict=True))


@inline.register(e.BlockRow)
def _(expression: e.BlockRow) -> str:
    return f"[{_listed(expression.blocks, expression.shown, ' | ')}]"


@inline.register(e.BlockColumn)
def _(expression: e.BlockColumn) -> str:
    return f"({_listed(expression.blocks, expression.shown, '; ')})"


@inline.register(e.BlockDiagonal)
def _(expression: e.BlockDiagonal) -> str:
    return f"diag({_listed(expression.blocks, expression.shown, ', ')})"


@inline.register(e.Composition)
def _(expression: e.Composition) -> str:
    return _listed(expression.functions, expression.shown, " ∘ ")


@inline.register(e.Map)
def _(expression: e.Map) -> str:
    function = within(expression.function, 2)
    return f"{function}({', '.join(inline(argument) for argument in expression.arguments)})"


@inline.register(e.Cases)
def _(expression: e.Cases) -> str:
    branches = [f"{inline(branch)} if {inline(condition)}" for condition, branch in expression.branches]
    return "{" + "; ".join([*branches, f"{inline(expression.otherwise)} else"]) + "}"


@inline.register(e.SumOver)
def _(expression: e.SumOver) -> str:
    low = f"{expression.index}={expression.first}"
    return f"Σ({low}..{expression.last}) {within(expression.body, 1)}"


def _listed(operands: tuple[e.Expression, ...], shown: e.Shown, between: str) -> str:
    return between.join("⋯" if part is None else inline(part) for part in e.visible(operands, shown))


# -- where a long formula may be broken -----------------------------------------------------------------------


def pieces(expression: e.Expression) -> list[list[str]]:
    """Return a formula in pieces between which a line may break: the text, and what stands under it, if anything."""
    if isinstance(expression, e.Equation):
        parts = pieces(expression.sides[0])
        sign = _RELATIONS.get(expression.relation, expression.relation)
        for side in expression.sides[1:]:
            first, *rest = pieces(side)
            before = f" {sign} "
            parts += [[before + first[0], *(" " * len(before) + below for below in first[1:])], *rest]
        return parts
    if isinstance(expression, e.Plus):
        return _sum(expression)
    if isinstance(expression, e.Times):
        return _product(expression)
    if isinstance(expression, e.Annotated):
        return [[inline(expression.operand), _sized(expression)]]
    if isinstance(expression, e.Numbers):
        return [[f" {entry}" if index else entry] for index, entry in enumerate(inline(expression).split(" "))]
    return [[inline(expression)]]


def _sized(expression: e.Annotated) -> str:
    return "×".join(map(quantity, expression.shape))


def _sum(expression: e.Plus) -> list[list[str]]:
    parts: list[list[str]] = []
    for term in e.visible(expression.terms, expression.shown):
        negative = isinstance(term, e.Negative)
        text = "⋯" if term is None else within(term.operand if isinstance(term, e.Negative) else term, 1)
        sign = ("−" if negative else "") if not parts else " − " if negative else " + "
        parts.append([sign + text])
    return parts


def _product(expression: e.Times) -> list[list[str]]:
    parts: list[list[str]] = []
    before: e.Expression | None = None
    for factor in e.visible(expression.factors, expression.shown):
        sign = "·" if isinstance(before, e.Number) and isinstance(factor, e.Number) else " "
        text = ("" if not parts else sign) + ("⋯" if factor is None else within(factor, 2))
        below = [_sized(factor)] if isinstance(factor, e.Annotated) else []
        width = max([cells(text), *(len(b) + 1 for b in below)])
        parts.append([text.center(width) if below else text, *(b.rjust(width) for b in below)])
        before = factor
    return parts
