"""Formulas as MathML: well formed, escaped, bracketed where they must be."""

import dataclasses
from fractions import Fraction as Ratio
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from backproof.derivation import expressions as e
from backproof.derivation.mathml import Printer, mathml, number

A, B, C, x = (e.Symbol(name) for name in "ABCx")

EXAMPLES: dict[type[e.Expression], tuple[e.Expression, str]] = {
    e.Symbol: (e.Symbol("delta", "2", "(1)", accent="tilde"), "δ~2(1)"),
    e.Number: (e.Number(-3), "−3"),
    e.Numbers: (e.Numbers(np.array([[1.0, 2.5], [0.0, -4.0]])), "(12.50−4)"),
    e.Identity: (e.Identity(5), "I5"),
    e.Ones: (e.Ones(3), "𝟏3"),
    e.Zeros: (e.Zeros(2, 3), "𝟎2×3"),
    e.Partial: (e.Partial(A, x), "∂A∂x"),
    e.Negative: (e.Negative(A), "−A"),
    e.Transpose: (e.Transpose(A), "AT"),
    e.Differential: (e.Differential(A), "dA"),
    e.Diagonal: (e.Diagonal(x), "diag(x)"),
    e.Vec: (e.Vec(A), "vec(A)"),
    e.Apply: (e.Apply("sigmoid", x), "σ(x)"),
    e.Annotated: (e.Annotated(A, (3, 4)), "A⏟3×4"),
    e.Kronecker: (e.Kronecker(A, B), "A⊗B"),
    e.Fraction: (e.Fraction(A, B), "AB"),
    e.Power: (e.Power(x, 2), "x2"),
    e.Compare: (e.Compare(x, "<=", e.Number(0)), "x≤0"),
    e.Plus: (e.Plus((A, e.Negative(B), C)), "A−B+C"),
    e.Times: (e.Times((A, B, x)), "ABx"),
    e.Hadamard: (e.Hadamard((A, B)), "A⊙B"),
    e.BlockRow: (e.BlockRow((A, B)), "[AB]"),
    e.BlockColumn: (e.BlockColumn((A, B)), "[AB]"),
    e.BlockDiagonal: (e.BlockDiagonal((A, B)), "[AB]"),
    e.Composition: (e.Composition((A, B)), "A∘B"),
    e.Map: (e.Map(A, (x, B)), "A(x,B)"),
    e.Cases: (e.Cases(((e.Compare(x, ">", e.Number(0)), x),), e.Number(0)), "{xif x>00otherwise"),
    e.SumOver: (e.SumOver("t", 1, 4, x, ()), "∑t=14x"),
    e.Equation: (e.Equation((A, B, C)), "A=B=C"),
}


def classes() -> list[type[e.Expression]]:
    """Return every class of expression there is."""
    return [kind for kind in vars(e).values() if dataclasses.is_dataclass(kind) and kind is not e.Expression]


def read(expression: e.Expression) -> str:
    """Return what the formula's text says, invisible signs left out."""
    text = "".join(ElementTree.fromstring(mathml(expression)).itertext())
    return text.translate(dict.fromkeys(map(ord, "\u2061\u2062"))).replace("\u00a0", " ")


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_every_class_of_expression_has_a_rule_and_reads_as_it_should(kind: type[e.Expression]) -> None:
    expression, expected = EXAMPLES[kind]
    assert read(expression) == expected


def test_letters_in_scripts_are_letters_and_not_words() -> None:
    formula = mathml(e.Symbol("J", "1,theta"))
    assert "<mn>1</mn>" in formula
    assert "<mi>θ</mi>" in formula
    assert "theta" not in formula
    assert read(e.Symbol("B", "2.1,gain", "(3)")) == "B2.1,gain(3)"


def test_every_accent_has_a_sign_of_its_own() -> None:
    shown = {accent: read(e.Symbol("x", accent=accent)) for accent in ("tilde", "hat", "bar")}
    assert shown == {"tilde": "x~", "hat": "x^", "bar": "x‾"}


def test_a_class_without_a_rule_is_named() -> None:
    class Unheard(e.Expression):
        pass

    with pytest.raises(TypeError, match="no rule for Unheard"):
        mathml(Unheard())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (e.Times((e.Plus((A, B)), x)), "(A+B)x"),
        (e.Times((A, e.Times((B, x)))), "A(Bx)"),
        (e.Times((e.Times((A, B)), x)), "(AB)x"),
        (e.Transpose(e.Times((A, B))), "(AB)T"),
        (e.Transpose(e.Transpose(A)), "(AT)T"),
        (e.Plus((A, e.Plus((B, C)))), "A+(B+C)"),
        (e.Plus((e.Negative(A), e.Negative(e.Plus((B, C))))), "−A−(B+C)"),
        (e.Negative(e.Plus((A, B))), "−(A+B)"),
        (e.Differential(e.Times((A, x))), "d(Ax)"),
        (e.Kronecker(A, e.Plus((B, C))), "A⊗(B+C)"),
        (e.Annotated(e.Plus((A, B)), (2, 2)), "A+B⏟2×2"),
        (e.Times((e.Annotated(e.Plus((A, B)), (2, 2)), x)), "(A+B)⏟2×2x"),
        (e.Map(e.Composition((A, B)), (x,)), "(A∘B)(x)"),
        (e.Power(e.Negative(x), 2), "(−x)2"),
        (e.Hadamard((e.Times((A, x)), B)), "(Ax)⊙B"),
        (e.Times((e.Number(2), e.Number(3))), "2·3"),
        (e.Apply("abs", x), "|x|"),
        (e.Composition(tuple(e.Symbol("f", str(9 - i)) for i in range(9)), (2, 1)), "f9∘f8∘⋯∘f1"),
    ],
)
def test_brackets_stand_where_the_order_of_operations_needs_them(expression: e.Expression, expected: str) -> None:
    assert read(expression) == expected


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b", '"><img src=x onerror=alert(1)>', "]]>"])
def test_names_of_any_origin_are_escaped(name: str) -> None:
    expression = e.Equation((e.Symbol(name, name, name), e.Apply(name, e.Map(e.Symbol(name), (e.Symbol(name),)))))
    text = mathml(expression, {name: name})
    assert "<script" not in text
    assert "<img" not in text
    assert name in "".join(ElementTree.fromstring(text).itertext())


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (-12, "−12"), (0.5, "0.5"), (1234567, "1234567"), (1.23456, "1.235"), (Ratio(-1, 3), "−13"),
     (1e-7, "1·10−7"), (-2.5e30, "−2.5·1030"), (float("inf"), "∞")],
)  # fmt: skip
def test_numbers_keep_four_digits_and_whole_ones_all(value: Any, expected: str) -> None:
    assert "".join(ElementTree.fromstring(number(value)).itertext()) == expected


def test_a_power_of_ten_that_many_numbers_share_stands_before_them() -> None:
    assert read(e.Numbers(np.array([[9.198e-7, -4.2e-4, 0.0]]))) == "10−4·(0.01−4.200)"
    assert read(e.Numbers(np.array([[1e-7]]))) == "(1·10−7)"
    assert read(e.Numbers(np.array([[0.1234, 2.0]]))) == "(0.12342)"
    assert read(e.Numbers(np.full((1, 10), 0.12345))) == f"({'0.123' * 10})"


def test_symbols_take_the_colour_of_their_role() -> None:
    shown = Printer({"A": "A"}).show(e.Times((e.Symbol("A", "1"), x)))
    assert '<mrow class="role-A"><msub><mi>A</mi><mn>1</mn></msub></mrow>' in shown
    assert shown.count("role-") == 1


def test_the_bare_letters_of_a_general_rule_have_no_role() -> None:
    roles = {"A": "A", e.Symbol("theta"): "theta"}
    assert "role-" not in mathml(e.Vec(e.Times((A, x, B))), roles)
    assert "role-A" in mathml(e.Symbol("A", superscript="[1]"), roles)
    assert "role-theta" in mathml(e.Symbol("theta"), roles)
