"""Every node of the expression tree is typeset, compiles, and is broken where it would be too long."""

from fractions import Fraction as Ratio
from pathlib import Path

import numpy as np
import pytest

from backproof.derivation import expressions as e
from backproof.derivation.breaking import display
from backproof.derivation.typeset import inline, typeset
from typesetting import pdflatex

X, Y = e.Symbol("x", "0"), e.Symbol("y")
W = e.Symbol("W", "1", kind="matrix")
F = e.Symbol("f", kind="function")


def A(index: int) -> e.Annotated:
    return e.Annotated(e.Symbol("A", str(index), kind="matrix"), (32, 64))


SAMPLES: dict[str, tuple[e.Expression, str]] = {
    "Symbol": (e.Symbol("h", "2.1", "(3)"), "h_{2.1}^{(3)}"),
    "tilde": (e.Symbol("W", "1", accent="tilde"), r"\tilde{W}_{1}"),
    "bar": (e.Symbol("loss", accent="bar"), r"\overline{\mathrm{loss}}"),
    "hat": (e.Symbol("Delta", "1", accent="hat"), r"\widehat{\Delta}_{1}"),
    "hat of [D]": (e.Transpose(e.Symbol("A", "", "[1]", accent="hat")), r"{{}\widehat{A}^{[1]}}^{\top}"),
    "Greek": (e.Symbol("delta", "theta"), r"\delta_{\theta}"),
    "word": (e.Symbol("loss", kind="scalar"), r"\mathrm{loss}"),
    "block": (e.Symbol("B", "2.0,W"), "B_{2.0,W}"),
    "Number": (e.Number(Ratio(-1, 3)), r"-\frac{1}{3}"),
    "Numbers": (e.Numbers(np.array([[1.0, -2e-9]])), r"1.00 & -2 \cdot 10^{-9}"),
    "Identity": (e.Identity(3), "I_{3}"),
    "Ones": (e.Ones(4), r"\mathbf{1}_{4}"),
    "Zeros": (e.Zeros(2, 3), r"\mathbf{0}_{2 \times 3}"),
    "Partial": (e.Partial(Y, X), r"\frac{\partial y}{\partial x_{0}}"),
    "Negative": (e.Negative(e.Plus((X, Y))), "-(x_{0} + y)"),
    "Transpose": (e.Transpose(e.Times((W, X))), r"{(W_{1} \, x_{0})}^{\top}"),
    "Differential": (e.Differential(e.Times((W, X))), r"\mathrm{d}(W_{1} \, x_{0})"),
    "Diagonal": (e.Diagonal(X), r"\operatorname{diag}(x_{0})"),
    "Vec": (e.Vec(W), r"\operatorname{vec}(W_{1})"),
    "Apply": (e.Apply("sigmoid", X), r"\sigma(x_{0})"),
    "root": (e.Apply("sqrt", X), r"\sqrt{x_{0}}"),
    "Annotated": (A(1), r"\underset{32 \times 64}{A_{1}}"),
    "Kronecker": (e.Kronecker(e.Identity(2), e.Transpose(X)), r"I_{2} \otimes {x_{0}}^{\top}"),
    "Fraction": (e.Fraction(X, e.Plus((Y, X))), r"\frac{x_{0}}{y + x_{0}}"),
    "Power": (e.Power(e.Plus((X, Y)), 2), "{(x_{0} + y)}^{2}"),
    "half": (e.Power(X, Ratio(1, 2)), r"\sqrt{x_{0}}"),
    "Compare": (e.Compare(X, "<=", Y), r"x_{0} \le y"),
    "Plus": (e.Plus((X, e.Negative(Y), X)), "x_{0} - y + x_{0}"),
    "Times": (e.Times((e.Number(2), e.Number(3), e.Times((W, X)))), r"2 \cdot 3 \, (W_{1} \, x_{0})"),
    "Hadamard": (e.Hadamard((X, Y)), r"x_{0} \odot y"),
    "BlockRow": (e.BlockRow((X, Y)), "x_{0} & y"),
    "BlockColumn": (e.BlockColumn((X, Y)), r"x_{0} \\ y"),
    "BlockDiagonal": (e.BlockDiagonal((X, Y)), r"x_{0} &  \\  & y"),
    "Composition": (e.Composition((F,) * 9, (1, 1)), r"f \circ \cdots \circ f"),
    "Map": (e.Map(F, (X, Y)), "f(x_{0}, y)"),
    "Cases": (e.Cases(((e.Compare(X, ">", e.Number(0)), X),), e.Number(0)), r"\text{if } x_{0} > 0"),
    "SumOver": (e.SumOver("t", 1, 7, X, (X,)), r"\sum_{t=1}^{7} x_{0}"),
    "Equation": (e.Equation((X, Y, W), ":="), r"x_{0} \mathrel{:=} y = W_{1}"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_node_is_typeset_as_mathematicians_write_it(name: str) -> None:
    expression, expected = SAMPLES[name]
    assert expected in typeset(expression).tex
    assert inline(expression) == f"${typeset(expression).tex}$"


def test_every_class_of_expression_has_a_sample_and_a_rule() -> None:
    classes = {getattr(e, name) for name in e.__all__ if isinstance(getattr(e, name), type)} - {e.Expression}
    nodes = {type(node) for expression, _ in SAMPLES.values() for node in e.walk(expression)}
    assert nodes == {kind for kind in classes if issubclass(kind, e.Expression)}


def test_a_class_without_a_rule_is_named() -> None:
    class Unknown(e.Expression):
        pass

    with pytest.raises(TypeError, match="no rule for Unknown"):
        typeset(Unknown())


def test_a_product_inside_a_product_keeps_its_brackets() -> None:
    a, b, c = (e.Symbol(name, kind="matrix") for name in "ABC")
    assert typeset(e.Times((a, e.Times((b, c))))).tex == r"A \, (B \, C)"
    assert typeset(e.Times((e.Times((a, b)), c))).tex == r"(A \, B) \, C"


LONG: tuple[e.Expression, ...] = (
    e.Equation((X, e.Plus(tuple(e.Times((e.Number(32 * i), e.Number(64 * i))) for i in range(1, 40))), e.Number(7))),
    e.Equation((X, e.Times(tuple(A(i) for i in range(30))))),
    e.Equation((e.Times(tuple(A(i) for i in range(12))), X, e.Composition((F,) * 60))),
    e.Hadamard((X,) * 60),
    e.Equation((X, e.Numbers(np.random.default_rng(0).normal(size=(20, 30))))),
    e.Numbers(np.random.default_rng(0).normal(size=(40, 40)), (3, 2), (4, 3)),
)


def test_a_power_of_ten_that_many_numbers_share_stands_before_them() -> None:
    row = e.Numbers(np.array([[9.198e-7, -4.2e-4, 0.0, 1.5e-12]]))
    tex = typeset(row).tex
    assert tex.startswith(r"10^{-4} \cdot \left(")
    assert r"0.01 & -4.20 & 0 & 1 \cdot 10^{-8}" in tex
    assert typeset(row).width < 17
    assert typeset(e.Numbers(np.array([[1.234e-7]]))).tex.count("10^") == 1
    assert "0.1234 & 2" in typeset(e.Numbers(np.array([[0.1234, 2.0]]))).tex
    long = np.full((1, 10), 0.0012345)
    long[0, 0] = -0.9876
    assert "-0.988 & 0.001 & 0.001" in typeset(e.Numbers(long)).tex


def test_long_formulas_are_broken_between_their_parts() -> None:
    tex = display(LONG[0])
    assert tex.count(r"\\") >= 4
    assert tex.startswith("\\begin{aligned}")
    assert all(line.strip().startswith(("&", "x_{0} &")) for line in tex.splitlines()[1:-1])
    assert display(e.Equation((X, Y))) == "x_{0} = y"


def test_nothing_is_lost_when_a_formula_is_broken() -> None:
    for expression in LONG:
        whole, broken = typeset(expression).tex, display(expression)
        plain = [text.translate(str.maketrans("", "", "&\\ \n{}")).replace("quad", "") for text in (whole, broken)]
        assert plain[1].replace("beginaligned", "").replace("endaligned", "").count("A_") == plain[0].count("A_")
        for sign in ("+", "circ", "odot", "cdot"):
            assert plain[1].count(sign) == plain[0].count(sign), sign


PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[T1]{fontenc}\usepackage{mathpazo}\usepackage{amsmath,amssymb,adjustbox}\usepackage[margin=25mm]{geometry}
\begin{document}
"""


def test_all_formulas_compile_and_the_long_ones_fit_on_the_line(tmp_path: Path) -> None:
    hostile = e.Symbol("\\input{/etc/passwd}$^_{}", "a_b%,#", "~&")
    formulas = [*(expression for expression, _ in SAMPLES.values()), hostile, *LONG[:4]]
    body = "\n".join(rf"\[ {display(formula)} \]" for formula in formulas)
    pdf = pdflatex(PREAMBLE + body + "\n\\end{document}\n", tmp_path)
    assert pdf.overfull() == []
    assert "root:" not in pdf.text()
