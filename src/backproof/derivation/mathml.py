"""Formulas as MathML, straight from the expression tree: what a browser sets without a script."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction as Ratio
from functools import singledispatchmethod
from html import escape
from typing import Any, final

import numpy as np

from . import expressions as e
from .digits import shared

__all__ = ["Printer", "mathml"]

_LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "eta": "η", "theta": "θ", "lambda": "λ",
    "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "ϕ", "chi": "χ",
    "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π",
    "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "kappa": "κ", "zeta": "ζ", "ell": "ℓ",
}  # fmt: skip
_FUNCTIONS = {"sigmoid": "σ", "Phi": "Φ", "phi": "ϕ"}
_RELATIONS = {"<=": "≤", ">=": "≥", "!=": "≠", ":=": "≔"}
WIDE = 48
"""Signs in a row of numbers from which on they are given to fewer digits."""
_APPLIED, _BESIDE = "<mo>\u2061</mo>", "<mo>\u2062</mo>"


def mathml(expression: e.Expression, roles: Mapping[Any, str] | None = None, block: bool = True) -> str:
    """Return an expression as one ``<math>`` element.

    Args:
        expression: any node of the tree.
        roles: a word for the colour of a symbol, as ``Printer`` takes it; the word becomes the class ``role-WORD``.
        block: set on a line of its own, with large operators; else within text.

    Raises:
        TypeError: there is no rule for a class of expression; the message names it.
    """
    shown = Printer(roles or {}).show(expression)
    return f'<math displaystyle="{"true" if block else "false"}">{shown}</math>'


def row(*parts: str) -> str:
    """Return parts beside one another."""
    return f"<mrow>{''.join(parts)}</mrow>"


def operator(sign: str, **attributes: str) -> str:
    """Return an operator's sign."""
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<mo{given}>{escape(sign)}</mo>"


def fence(inner: str, left: str = "(", right: str = ")") -> str:
    """Return something between brackets that grow with it; an empty sign stands for no bracket."""
    opened = operator(left, fence="true", form="prefix", stretchy="true") if left else ""
    closed = operator(right, fence="true", form="postfix", stretchy="true") if right else ""
    return row(opened, inner, closed)


def grid(rows: Iterable[Iterable[str]], name: str = "") -> str:
    """Return cells in rows and columns."""
    lines = ("".join(f"<mtd>{cell}</mtd>" for cell in line) for line in rows)
    named = f' class="{name}"' if name else ""
    large = ' displaystyle="true"' if name == "sides" else ""
    return f"<mtable{named}{large}>{''.join(f'<mtr>{line}</mtr>' for line in lines)}</mtable>"


@final
@dataclass(frozen=True)
class Printer:
    """Prints expressions, with the colours of the symbols' roles.

    Attributes:
        roles: role by symbol, or by the name of all symbols called so that have an index: the bare letters of a
            general rule, as in vec(AXB), play no role in the network.
    """

    roles: Mapping[Any, str] = field(default_factory=dict)

    @singledispatchmethod
    def show(self, expression: Any) -> str:
        """Return the MathML of a node, without the ``<math>`` around it.

        Raises:
            TypeError: there is no rule for this class; the message names it.
        """
        raise TypeError(f"mathml: no rule for {type(expression).__name__}, expected an expression of the derivation.")

    def inner(self, expression: e.Expression, precedence: int) -> str:
        """Return an operand, in brackets where it binds no tighter than ``precedence``."""
        if isinstance(expression, e.Annotated):
            # The bracket belongs to what is sized, not to its size.
            return self.sized(self.inner(expression.operand, precedence), expression.shape)
        shown = self.show(expression)
        return shown if expression.precedence > precedence else fence(shown)

    def sized(self, shown: str, shape: tuple[int, ...]) -> str:
        """Return something with its shape under a brace."""
        space, brace = '<mspace width="0.25em"/>', operator("⏟", stretchy="true")
        size = f'<mrow class="shape">{space}{_times(*shape)}{space}</mrow>'
        return f"<munder><munder>{shown}{brace}</munder>{size}</munder>"

    def joined(self, operands: tuple[e.Expression, ...], shown: e.Shown, between: str, precedence: int) -> str:
        """Return operands with a sign between, and dots for those left out."""
        parts = [
            operator("⋯") if operand is None else self.inner(operand, precedence)
            for operand in e.visible(operands, shown)
        ]
        return row(between.join(parts))

    # -- atoms ------------------------------------------------------------------------------------------------

    @show.register
    def _(self, node: e.Symbol) -> str:
        letter = _LETTERS.get(node.name, node.name)
        shown = f"<mi>{escape(letter)}</mi>" if len(letter) == 1 else f'<mi mathvariant="normal">{escape(letter)}</mi>'
        if node.accent:
            shown = f'<mover accent="true">{shown}{_accent(node.accent)}</mover>'
        low, high = _script(node.subscript), _script(node.superscript)
        if node.subscript and node.superscript:
            shown = f"<msubsup>{shown}{low}{high}</msubsup>"
        elif node.subscript:
            shown = f"<msub>{shown}{low}</msub>"
        elif node.superscript:
            shown = f"<msup>{shown}{high}</msup>"
        role = self._role(node)
        return f'<mrow class="role-{escape(role)}">{shown}</mrow>' if role else shown

    @show.register
    def _(self, node: e.Number) -> str:
        return number(node.value)

    @show.register
    def _(self, node: e.Numbers) -> str:
        array = np.asarray(node.array)
        rows = e.visible(tuple(range(array.shape[0])), node.shown_rows)
        columns = e.visible(tuple(range(array.shape[1])), node.shown_columns)
        power, numbers = _entries(array)

        def cell(i: int | None, j: int | None) -> str:
            if i is None or j is None:
                return operator("⋱" if i is None and j is None else "⋮" if i is None else "⋯")
            return numbers[i][j]

        matrix = fence(grid([[cell(i, j) for j in columns] for i in rows], "numbers"))
        return matrix if not power else row(_ten(power), operator("·"), matrix)

    @show.register
    def _(self, node: e.Identity) -> str:
        return f"<msub><mi>I</mi><mn>{node.size}</mn></msub>"

    @show.register
    def _(self, node: e.Ones) -> str:
        return f"<msub><mn>𝟏</mn><mn>{node.size}</mn></msub>"

    @show.register
    def _(self, node: e.Zeros) -> str:
        return f"<msub><mn>𝟎</mn>{_times(node.rows, node.columns)}</msub>"

    @show.register
    def _(self, node: e.Partial) -> str:
        return (
            f"<mfrac>{row(operator('∂'), self.inner(node.of, 3))}{row(operator('∂'), self.inner(node.by, 3))}</mfrac>"
        )

    # -- one operand ------------------------------------------------------------------------------------------

    @show.register
    def _(self, node: e.Negative) -> str:
        return row(operator("−", form="prefix"), self.inner(node.operand, 1))

    @show.register
    def _(self, node: e.Transpose) -> str:
        return f'<msup>{self.inner(node.operand, 4)}<mi mathvariant="normal">T</mi></msup>'

    @show.register
    def _(self, node: e.Differential) -> str:
        return row('<mi mathvariant="normal">d</mi>', self.inner(node.operand, 3))

    @show.register
    def _(self, node: e.Diagonal) -> str:
        return row("<mi>diag</mi>", _APPLIED, fence(self.show(node.operand)))

    @show.register
    def _(self, node: e.Vec) -> str:
        return row("<mi>vec</mi>", _APPLIED, fence(self.show(node.operand)))

    @show.register
    def _(self, node: e.Apply) -> str:
        argument = self.show(node.argument)
        if node.function == "sqrt":
            return f"<msqrt>{argument}</msqrt>"
        if node.function == "abs":
            return fence(argument, "|", "|")
        return row(f"<mi>{escape(_FUNCTIONS.get(node.function, node.function))}</mi>", _APPLIED, fence(argument))

    @show.register
    def _(self, node: e.Annotated) -> str:
        return self.sized(self.show(node.operand), node.shape)

    # -- two operands -----------------------------------------------------------------------------------------

    @show.register
    def _(self, node: e.Kronecker) -> str:
        return row(self.inner(node.left, 2), operator("⊗"), self.inner(node.right, 2))

    @show.register
    def _(self, node: e.Fraction) -> str:
        return f"<mfrac>{self.show(node.numerator)}{self.show(node.denominator)}</mfrac>"

    @show.register
    def _(self, node: e.Power) -> str:
        if node.exponent == Ratio(1, 2):
            return f"<msqrt>{self.show(node.base)}</msqrt>"
        return f"<msup>{self.inner(node.base, 4)}{number(node.exponent)}</msup>"

    @show.register
    def _(self, node: e.Compare) -> str:
        sign = operator(_RELATIONS.get(node.relation, node.relation))
        return row(self.inner(node.left, 0), sign, self.inner(node.right, 0))

    # -- any number of operands -------------------------------------------------------------------------------

    @show.register
    def _(self, node: e.Plus) -> str:
        parts: list[str] = []
        for term in e.visible(node.terms, node.shown):
            negative = isinstance(term, e.Negative)
            if parts:
                parts.append(operator("−" if negative else "+", form="infix"))
            elif negative:
                parts.append(operator("−", form="prefix"))
            inside = term.operand if negative else term
            parts.append(operator("⋯") if inside is None else self.inner(inside, 1))
        return row(*parts)

    @show.register
    def _(self, node: e.Times) -> str:
        parts: list[str] = []
        before: Any = None
        for factor in e.visible(node.factors, node.shown):
            numeric = isinstance(factor, e.Number) and isinstance(before, e.Number)
            parts += [operator("·") if numeric else _BESIDE] if parts else []
            parts.append(operator("⋯") if factor is None else self.inner(factor, 2))
            before = factor
        return row(*parts)

    @show.register
    def _(self, node: e.Hadamard) -> str:
        return self.joined(node.factors, None, operator("⊙"), 2)

    @show.register
    def _(self, node: e.BlockRow) -> str:
        return fence(grid([self._blocks(node.blocks, node.shown, "⋯")], "blocks"), "[", "]")

    @show.register
    def _(self, node: e.BlockColumn) -> str:
        return fence(grid([[block] for block in self._blocks(node.blocks, node.shown, "⋮")], "blocks"), "[", "]")

    @show.register
    def _(self, node: e.BlockDiagonal) -> str:
        blocks = self._blocks(node.blocks, node.shown, "⋱")
        empty = "<mrow></mrow>"
        lines = [[block if i == j else empty for j in range(len(blocks))] for i, block in enumerate(blocks)]
        return fence(grid(lines, "blocks"), "[", "]")

    def _role(self, node: e.Symbol) -> str | None:
        indexed = node.subscript or node.superscript
        return self.roles.get(node) or (self.roles.get(node.name) if indexed else None)

    def _blocks(self, blocks: tuple[e.Expression, ...], shown: e.Shown, dots: str) -> list[str]:
        return [operator(dots) if block is None else self.show(block) for block in e.visible(blocks, shown)]

    @show.register
    def _(self, node: e.Composition) -> str:
        return self.joined(node.functions, node.shown, operator("∘"), 2)

    @show.register
    def _(self, node: e.Map) -> str:
        arguments = operator(",", separator="true").join(self.show(argument) for argument in node.arguments)
        return row(self.inner(node.function, 4), _APPLIED, fence(arguments))

    @show.register
    def _(self, node: e.Cases) -> str:
        lines = [
            [self.show(value), row("<mtext>if\u00a0</mtext>", self.show(condition))]
            for condition, value in node.branches
        ]
        lines.append([self.show(node.otherwise), "<mtext>otherwise</mtext>"])
        return fence(grid(lines, "cases"), "{", "")

    @show.register
    def _(self, node: e.SumOver) -> str:
        start = row(f"<mi>{escape(node.index)}</mi>", operator("="), f"<mn>{node.first}</mn>")
        sign = operator("∑", largeop="true", movablelimits="false")
        return row(f"<munderover>{sign}{start}<mn>{node.last}</mn></munderover>", self.inner(node.body, 1))

    @show.register
    def _(self, node: e.Equation) -> str:
        sign = operator(_RELATIONS.get(node.relation, node.relation))
        sides = [self.inner(side, 0) for side in node.sides]
        if len(sides) < 3:
            return row(sign.join(sides))
        first = [[sides[0], sign, sides[1]]]
        return grid([*first, *(["<mrow></mrow>", operator("="), side] for side in sides[2:])], "sides")


def number(value: Any) -> str:
    """Return a number: whole ones and ratios exactly, others to four significant digits."""
    if isinstance(value, Ratio) and value.denominator != 1:
        sign = operator("−", form="prefix") if value < 0 else ""
        return row(sign, f"<mfrac><mn>{abs(value.numerator)}</mn><mn>{value.denominator}</mn></mfrac>")
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e9
    mantissa, _, power = (str(int(value)) if whole else f"{float(value):.4g}").partition("e")
    sign = operator("−", form="prefix") if mantissa.startswith("-") else ""
    digits = f"<mn>{mantissa.removeprefix('-').replace('inf', '∞')}</mn>"
    if not power:
        return row(sign, digits) if sign else digits
    return row(sign, digits, operator("·"), _ten(int(power)))


def _ten(power: int) -> str:
    return f"<msup><mn>10</mn>{number(power)}</msup>"


def _entries(array: Any) -> tuple[int, list[list[str]]]:
    """Return the entries of a matrix and the power of ten before it; each entry in full where there is room."""
    alone = [[number(entry) for entry in line] for line in array]
    wide = any(sum(len(f"{float(entry):.4g}") for entry in line) > WIDE for line in array)
    if array.size == 1 or not (wide or any("<msup>" in shown for line in alone for shown in line)):
        return 0, alone
    power, texts = shared(array)
    return power, [[_decimal(text) for text in line] for line in texts]


def _decimal(text: str) -> str:
    """Return a number as it is written, with the zeros at its end."""
    digits = text.removeprefix("-")
    if not digits.replace(".", "").isdigit():
        return number(float(text))
    return row(operator("−", form="prefix"), f"<mn>{digits}</mn>") if digits != text else f"<mn>{digits}</mn>"


_ACCENTS = {"tilde": ("~", "false"), "hat": ("^", "true"), "bar": ("‾", "true")}
"""Sign over a letter, and whether it grows as wide as that."""


def _accent(name: str) -> str:
    sign, stretchy = _ACCENTS[name]
    return operator(sign, stretchy=stretchy)


def _script(text: str) -> str:
    """Return a subscript or superscript, its parts between commas each for itself, as in 2,theta."""
    parts = [_part(part) for part in text.split(",")]
    return parts[0] if len(parts) == 1 else row(operator(",", separator="true").join(parts))


def _part(text: str) -> str:
    """Return numbers upright, a letter as a letter, the rest as it stands."""
    if text.isdigit():
        return f"<mn>{text}</mn>"
    sign = _LETTERS.get(text, text)
    return f"<mi>{escape(sign)}</mi>" if len(sign) == 1 else f"<mtext>{escape(sign)}</mtext>"


def _times(*sizes: int) -> str:
    return row(operator("×").join(f"<mn>{size}</mn>" for size in sizes))
