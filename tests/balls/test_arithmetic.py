"""Arrays of balls: sound where a comparison has an answer, where it has none, and where the class is lost."""

from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backproof as bp
from backproof.balls import bounds
from backproof.balls.arithmetic import Balls, Condition, balls
from backproof.balls.ball import Ball, raw
from backproof.errors import UndecidedError
from backproof.layers import Elementwise
from cases import LAYER_CASES

ELEMENTWISE = tuple(case for case in LAYER_CASES if isinstance(case.layer, Elementwise))
numbers = st.floats(-8, 8, width=32)


def around(middle: float, radius: float) -> Balls:
    """Return one ball as an array (1, 1)."""
    return balls([[0.0]]) + Ball(flint.arb(middle, radius))


def test_floats_integers_and_fractions_become_balls_that_hold_them() -> None:
    array = balls(np.array([0.1, 3, Fraction(1, 3)], dtype=object))
    assert raw(array[0]).is_exact()
    assert raw(array[1]) == 3
    assert (raw(array[2]) * 3).contains(1)
    assert not raw(array[2]).is_exact()
    assert balls(np.float32([0.1]))[0].arb == flint.arb(float(np.float32(0.1)))


def test_a_comparison_with_an_answer_is_a_plain_array() -> None:
    x = balls([-1.0, 0.0, 2.0])
    assert (x > 0).tolist() == [False, False, True]
    assert (x == 0).tolist() == [False, True, False]
    assert (x >= 0).tolist() == [False, True, True]
    assert (balls([1.0, 2.0, 1.0]) > x).tolist() == [True, True, False]
    assert type(x > 0) is np.ndarray


def test_a_comparison_without_an_answer_is_a_condition() -> None:
    x = np.concatenate([around(0, 1).ravel(), balls([2.0])])
    found = x > 0
    assert isinstance(found, Condition)
    assert found.yes.tolist() == [False, True]
    assert found.unknown.tolist() == [True, False]
    assert (~found).no.tolist() == [False, True]
    assert (found & (x < 5)).unknown.tolist() == [True, False]
    assert ((x < 5) | found).yes.tolist() == [True, True]
    assert (np.array([False, True]) & found).no.tolist() == [True, False]
    assert (found & (x > 0.5)).no.tolist() == [False, False]
    assert (found & (x > 3)).no.tolist() == [True, True]
    assert found[1:].yes.tolist() == [True]
    assert found.shape == (2,)


def test_a_condition_counts_as_the_numbers_that_it_may_be() -> None:
    x = np.concatenate([around(0, 1).ravel(), balls([2.0])])
    for product in (x * 0 + (x > 0) * np.array([3, 3]), 3 * (x > 0), 3 * (x > 0).astype(x.dtype)):
        assert raw(product[0]).contains(0)
        assert raw(product[0]).contains(3)
        assert raw(product[1]) == 3
    assert (x > 0).any()
    assert not np.all((x > 0) & (x > 3))
    assert not ((x > 0) & (x > 3)).any()
    assert ((x > 0) | (x < 5)).all()


def test_where_takes_both_branches() -> None:
    x = np.concatenate([around(0, 1).ravel(), balls([2.0])])
    chosen = np.where(x > 0, x * 0 + 5, 7)
    assert type(chosen) is Balls
    assert raw(chosen[0]).contains(5)
    assert raw(chosen[0]).contains(7)
    assert raw(chosen[1]) == 5


@pytest.mark.parametrize(
    "question",
    [
        lambda x: bool(x > 0),
        lambda x: x[0, 0] > 0,
        lambda x: np.asarray(x) > 0,
        lambda x: np.max(np.concatenate([x, -x])),
        lambda x: np.any(x > 0),
        lambda x: (x > 0).all(),
        lambda x: np.count_nonzero(x > 0),
        lambda x: sorted([x[0, 0], -x[0, 0]]),
        lambda x: np.asarray(x).astype(bool),
    ],
)
def test_a_question_without_an_answer_is_refused(question: Any) -> None:
    with pytest.raises(UndecidedError, match="bits"):
        question(around(0, 1))


def test_maximum_minimum_magnitude_and_sign_hold_every_possibility() -> None:
    x = around(0.5, 1)
    for result, ends in ((np.maximum(x, 0), (0, 1.5)), (np.minimum(x, 0), (-0.5, 0)), (np.sign(x), (-1, 1))):
        assert all(raw(result[0, 0]).contains(flint.arb(end)) for end in ends)
    assert raw(abs(x)[0, 0]).contains(flint.arb(0))
    assert raw(abs(x)[0, 0]).contains(flint.arb(1.5))


@settings(max_examples=25, deadline=None)
@given(middle=numbers, radius=st.floats(0, 4, width=32), share=st.floats(-1, 1))
@pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: repr(case.layer))
def test_functions_and_derivatives_of_a_ball_hold_those_of_its_points(
    case: Any, middle: float, radius: float, share: float
) -> None:
    layer: Any = case.layer
    wide = around(middle, radius)
    inside = balls(np.array([[Fraction(middle) + Fraction(share) * Fraction(radius)]], dtype=object))
    value, point = layer.function(wide), layer.function(inside)
    assert raw(value[0, 0]).overlaps(raw(point[0, 0]))
    assert raw(layer.derivative(wide, value)[0, 0]).overlaps(raw(layer.derivative(inside, point)[0, 0]))


def test_the_same_claim_is_false_for_plain_arb() -> None:
    wide, inside = np.array([flint.arb(0, 1)], dtype=object), np.array([flint.arb(0.5)], dtype=object)
    assert not bp.ReLU().function(wide)[0].overlaps(bp.ReLU().function(inside)[0])
    assert bp.ReLU().function(balls(inside) + Ball(flint.arb(0, 1)))[0].arb.overlaps(flint.arb(0.5))


SHAPES = (
    ((9, 8), (8, 7)),
    ((3, 9, 8), (8, 7)),
    ((3, 9, 8), (3, 8, 7)),
    ((1, 9, 8), (3, 8, 7)),
    ((2, 3), (3, 2)),
    ((8,), (8, 9)),
    ((2, 1, 9, 8), (3, 8, 5)),
)


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_matrix_products_hold_the_exact_ones(left: Any, right: Any) -> None:
    g = np.random.default_rng(0)
    a, b = g.normal(size=left), g.normal(size=right)
    exact = np.frompyfunc(Fraction, 1, 1)(a) @ np.frompyfunc(Fraction, 1, 1)(b)
    with flint.ctx.workprec(80):
        product = balls(a) @ balls(b)
        assert type(product) is Balls
        assert product.shape == exact.shape
        for ball, number in zip(product.ravel(), exact.ravel(), strict=True):
            assert ball.arb.overlaps(raw(number))
            assert float(ball.arb.rad()) < 1e-20


def test_products_write_where_they_are_told() -> None:
    a, out = balls(np.ones((9, 9))), balls(np.zeros((9, 9)))
    assert np.matmul(a, a, out=out) is out
    assert raw(out[0, 0]) == 9
    out += a
    assert raw(out[8, 8]) == 10


def test_bounds_are_rounded_outwards() -> None:
    with flint.ctx.workprec(200):
        third = balls(np.array([Fraction(1, 3), Fraction(-1, 3), 2], dtype=object))
        low, high = bounds.lower(third), bounds.upper(third)
    assert Fraction(low[0]) < Fraction(1, 3) < Fraction(high[0])
    assert Fraction(low[1]) < Fraction(-1, 3) < Fraction(high[1])
    assert low[2] == high[2] == 2
    least, most = bounds.distance(third, np.array([1 / 3, 0.0, 2.0]))
    assert Fraction(least[0]) <= abs(Fraction(1 / 3) - Fraction(1, 3)) <= Fraction(most[0])
    assert least[0] > 0
    assert most[2] == 0


def test_what_is_not_bounded_has_infinite_bounds() -> None:
    odd = np.log(around(0, 1))
    assert bounds.lower(odd).item() == -np.inf
    assert bounds.upper(odd).item() == np.inf
    middle, radius = bounds.middle_and_radius(odd)
    assert np.isnan(middle).all()
    assert radius.item() == np.inf
    assert [float(bound.item()) for bound in bounds.distance(odd, np.zeros((1, 1)))] == [0.0, np.inf]
