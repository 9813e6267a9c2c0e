"""The tree, its values, its differentials, and how large its terms are."""

import math
from fractions import Fraction as Ratio
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof import operators as ops
from backproof.derivation import expressions as e
from backproof.derivation.differentials import DERIVATIVES, differential, minus
from backproof.derivation.evaluation import NUMERIC, evaluate
from backproof.derivation.magnitudes import magnitude

g = np.random.default_rng(0)
A, B, X = (e.Symbol(name, kind="matrix") for name in "ABX")
x, y = e.Symbol("x"), e.Symbol("y")
c = e.Symbol("c", kind="scalar")
VALUES: dict[e.Expression, Any] = {
    A: g.normal(size=(2, 3)), B: g.normal(size=(4, 5)), X: g.normal(size=(3, 4)), x: g.normal(size=(3, 1)),
    y: g.normal(size=(3, 1)), c: np.asarray(1.5),
}  # fmt: skip
MOVED = {**VALUES, **{e.Differential(s): g.normal(size=v.shape) for s, v in VALUES.items()}}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("order", "factors"),
    [
        ("row", e.Kronecker(A, e.Transpose(B))),
        ("column", e.Kronecker(e.Transpose(B), A)),
    ],
)
def test_vec_of_a_product_is_a_kronecker_product_times_vec(order: str, factors: e.Expression) -> None:
    B_ = e.Transpose(e.Transpose(B))
    left = evaluate(e.Vec(e.Times((A, X, B_)), order), VALUES)
    right = evaluate(e.Times((factors, e.Vec(X, order))), VALUES)
    assert np.abs(left - right).max() < 1e-13


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (e.Number(Ratio(1, 4)), 0.25),
        (e.Times((c, e.Number(2))), 3.0),
        (e.Hadamard((x, y)), VALUES[x] * VALUES[y]),
        (e.Fraction(x, c), VALUES[x] / 1.5),
        (e.Power(x, 3), VALUES[x] ** 3),
        (e.Diagonal(x), np.diag(VALUES[x][:, 0])),
        (e.Times((e.Diagonal(x), y)), VALUES[x] * VALUES[y]),
        (e.Times((e.Transpose(x), y)), VALUES[x].T @ VALUES[y]),
        (e.Times((x, e.Times((e.Transpose(x), y)))), VALUES[x] * (VALUES[x].T @ VALUES[y])),
        (e.Times((e.Times((e.Transpose(x), y)), x)), VALUES[x] * (VALUES[x].T @ VALUES[y])),
        (e.BlockRow((A, A)), np.hstack([VALUES[A], VALUES[A]])),
        (e.BlockColumn((x, e.Number(1))), np.vstack([VALUES[x], [[1]]])),
        (e.BlockDiagonal((A, A)), np.kron(np.eye(2), VALUES[A])),
        (e.Cases(((e.Compare(x, ">", e.Number(0)), x),), e.Number(0)), np.maximum(VALUES[x], 0)),
        (e.SumOver("i", 1, 3, x, (x, x, y)), 2 * VALUES[x] + VALUES[y]),
        (e.Identity(2), np.eye(2)),
        (e.Zeros(2, 3), np.zeros((2, 3))),
        (e.Numbers(np.eye(2)), np.eye(2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_node_is_worth_what_it_says(expression: e.Expression, value: Any) -> None:
    found = evaluate(expression, VALUES)
    assert np.shape(found) == np.shape(value)
    assert np.abs(found - value).max() < 1e-13


def test_functions_are_composed_the_last_one_first() -> None:
    f, h = e.Symbol("f", kind="function"), e.Symbol("h", kind="function")
    values = {**VALUES, f: np.exp, h: lambda v: 2 * v}
    assert (evaluate(e.Map(e.Composition((f, h)), (x,)), values) == np.exp(2 * VALUES[x])).all()


def test_an_operator_is_never_made_dense_to_multiply_a_vector() -> None:
    class Silent(ops.Diagonal):
        __slots__ = ()

        def dense(self, like: Any = None) -> Any:
            raise AssertionError("made dense")

    D = e.Symbol("D", kind="matrix")
    values = {**VALUES, D: Silent(np.array([[1.0, 2, 3]]))}
    expected = np.array([[1.0], [2], [3]]) * VALUES[x]
    assert (evaluate(e.Times((D, x)), values) == expected).all()
    assert (evaluate(e.Times((e.Transpose(x), D)), values) == expected.T).all()
    assert (evaluate(e.Times((e.Annotated(D, (3, 3)), D, x)), values) == expected * [[1], [2], [3]]).all()


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (e.Symbol("z"), "has no value"),
        (e.Equation((x, y)), "expected one of its sides"),
        (e.Times((A, A)), r"a product of \(2, 3\) with \(2, 3\)"),
        (e.Annotated(A, (3, 2)), r"annotated \(3, 2\) has shape \(2, 3\)"),
        (e.Composition((x,)), "expected an expression with a value"),
    ],
)
def test_what_has_no_value_is_named(expression: e.Expression, message: str) -> None:
    with pytest.raises(bp.errors.OptionError, match=message):
        evaluate(expression, VALUES)


@pytest.mark.parametrize("name", e.FUNCTIONS)
def test_every_function_has_a_value_and_the_derivative_of_complex_steps_or_differences(name: str) -> None:
    points = np.array([0.3, 0.7, 1.9, 2.5])
    h = 1e-5
    derivative = evaluate(DERIVATIVES[name](x), {x: points[:, None]})
    difference = (NUMERIC[name](points + h) - NUMERIC[name](points - h)) / (2 * h)
    assert np.abs(np.broadcast_to(derivative, (4, 1))[:, 0] - difference).max() < 1e-8
    assert set(NUMERIC) == set(DERIVATIVES) == set(e.FUNCTIONS)


FORMS: dict[str, e.Expression] = {
    "product": e.Times((A, X, B)),
    "sum": minus(e.Times((c, A)), e.Hadamard((A, A))),
    "quotient": e.Fraction(x, e.Apply("sqrt", e.Times((e.Transpose(x), x)))),
    "power": e.Power(minus(x, y), 3),
    "square": e.Power(x, 2),
    "diagonal": e.Times((e.Diagonal(x), y)),
    "vec": e.Vec(e.Transpose(X), "column"),
    "stack": e.BlockColumn((e.Times((A, x)), e.Number(1))),
    "cases": e.Cases(((e.Compare(x, "<", e.Number(0)), e.Apply("exp", x)),), e.Power(x, 2)),
    "annotated": e.Annotated(e.Times((A, x)), (2, 1)),
    "nested": e.Apply("tanh", e.Negative(e.Hadamard((x, e.Apply("sigmoid", y))))),
}


@pytest.mark.parametrize("form", FORMS)
def test_differentials_are_what_differences_say(form: str) -> None:
    h = 1e-6
    ahead, behind = ({s: MOVED[s] + k * h * MOVED[e.Differential(s)] for s in VALUES} for k in (1, -1))
    expected = (evaluate(FORMS[form], ahead) - evaluate(FORMS[form], behind)) / (2 * h)
    found = evaluate(e.Differential(FORMS[form]), MOVED)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-7 * max(1.0, float(np.abs(expected).max()))


def test_constants_have_no_differential() -> None:
    still = lambda symbol: False  # noqa: E731
    for form in FORMS.values():
        if not isinstance(form, e.Cases | e.BlockColumn):
            assert differential(form, still) is None
    assert evaluate(e.Differential(e.Times((A, x))), VALUES) == 0
    with pytest.raises(bp.errors.OptionError, match="Composition came"):
        differential(e.Composition((x,)), still)


@pytest.mark.parametrize("form", FORMS)
def test_magnitudes_are_at_least_the_values(form: str) -> None:
    size = magnitude(FORMS[form], VALUES)
    assert (np.max(size) - np.abs(evaluate(FORMS[form], VALUES)).max()) > -1e-12


def test_a_magnitude_measures_what_cancelled() -> None:
    assert evaluate(minus(x, x), VALUES).max() == 0
    assert (magnitude(minus(x, x), VALUES) == 2 * np.abs(VALUES[x])).all()


@given(st.integers(0, 12), st.integers(0, 4), st.integers(0, 4))
def test_dots_never_stand_for_one_operand(count: int, head: int, tail: int) -> None:
    operands = tuple(range(count))
    seen = e.visible(operands, (head, tail))
    if None in seen:
        assert count - (len(seen) - 1) >= 2
        assert seen.count(None) == 1
        assert seen[:head] == list(operands[:head])
    else:
        assert seen == list(operands)


def test_a_walk_meets_every_node_once() -> None:
    nodes = list(e.walk(FORMS["nested"]))
    assert [type(node).__name__ for node in nodes] == ["Apply", "Negative", "Hadamard", "Symbol", "Apply", "Symbol"]
    branches = list(e.children(FORMS["cases"]))
    assert len(branches) == 3
    assert math.isclose(e.Number(0.5).value, 0.5)
