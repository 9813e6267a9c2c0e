"""Verdicts where they are hard: mixed scales, steep functions, cancellation, ends of domains; and misuse."""

from typing import Any

import numpy as np
import pytest
import torch

import backproof as bp
from backproof import Cause, check
from backproof.errors import OptionError, ShapeError

X = np.array([0.35, 0.82, -1.3, 0.91, -0.54, 0.58])


def test_a_wrong_row_is_found_beside_rows_many_orders_larger() -> None:
    sizes = 10.0 ** np.array([-12, -6, -3, 0, 5, 10])
    twice = np.array([2.0, 1, 1, 1, 1, 1])

    def f(x: Any) -> Any:
        return sizes * np.tanh(x)

    assert check(f, X, jacobian=lambda x: np.diag(sizes * (1 - np.tanh(x) ** 2))).ok
    report = check(f, X, jacobian=lambda x: np.diag(twice * sizes * (1 - np.tanh(x) ** 2)))
    assert report.blocks[0].wrong == 1
    assert report.blocks[0].index == ((0,), (0,))


def test_rows_that_vanish_by_cancellation_are_no_error() -> None:
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    rest = np.eye(6) - Q @ Q.T
    assert check(lambda x: np.concatenate([Q @ x, x - Q @ (Q.T @ x)]), X, jacobian=lambda x: np.vstack([Q, rest])).ok


@pytest.mark.parametrize("steepness", [1e2, 1e4, 1e6])
def test_steep_functions_have_no_kinks(steepness: float) -> None:
    def f(x: Any) -> Any:
        return np.sin(steepness * x)

    report = check(f, X, vjp=lambda x, u: u * steepness * np.cos(steepness * x))
    assert report.ok, report.text()
    assert not report.blocks[0].kinks
    assert not check(f, X, vjp=lambda x, u: 1.001 * u * steepness * np.cos(steepness * x)).ok


def test_a_derivative_made_of_a_saturated_value_is_right_to_rounding() -> None:
    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    x = np.array([30.0, -30, 36, -700, 5])
    report = check(sigmoid, x, vjp=lambda x, u: u * sigmoid(x) * (1 - sigmoid(x)))
    assert report.ok, report.text()
    assert not check(sigmoid, x, vjp=lambda x, u: 1.01 * u * sigmoid(x) * (1 - sigmoid(x))).ok


@pytest.mark.parametrize(
    ("f", "slope", "x"),
    [
        (np.log, lambda x: 1 / x, [1e-300, 1e-5, 1.0]),
        (np.arcsin, lambda x: 1 / np.sqrt(1 - x * x), [0.9999999, -0.999, 0.3]),
    ],
)
def test_functions_are_checked_close_to_the_end_of_their_domain(f: Any, slope: Any, x: list[float]) -> None:
    report = check(f, np.array(x), vjp=lambda x, u: u * slope(x))
    assert report.ok, report.text()
    assert not check(f, np.array(x), vjp=lambda x, u: 1.01 * u * slope(x)).ok


def test_what_no_difference_can_tell_is_not_called_right() -> None:
    # Complex steps are ruled out, and 1e14 leaves two digits of the value.
    assert not check(lambda x: (1e14 + np.real(x)) - 1e14, X, vjp=lambda x, u: 2 * u).ok


def test_a_cusp_is_no_kink() -> None:
    report = check(lambda x: np.sqrt(np.abs(x)), np.array([0.0, 1, 2]), jacobian=lambda x: np.diag([0, 0.5, 0.5**1.5]))
    assert report.cause == Cause.NOT_DIFFERENTIABLE
    assert "x[0]" in report.problems[0]


def test_a_derivative_that_differs_from_call_to_call_is_told_so() -> None:
    random = np.random.default_rng(0)
    report = check(np.sin, X, jacobian=lambda x: np.diag(np.cos(x)) * random.normal(1, 0.01))
    assert report.cause == Cause.NOT_DETERMINISTIC
    assert report.problems == ("the jacobian in x is not deterministic: two calls at the same point differ",)


def test_a_complex_derivative_is_told_so() -> None:
    report = check(np.sin, X, jacobian=lambda x: np.diag(np.cos(x)) + 0j)
    assert report.cause == Cause.WRONG_DTYPE
    assert "complex128" in report.problems[0]


def test_the_entry_that_is_not_a_number_is_the_one_that_is_named() -> None:
    report = check(np.sin, X[:2], jacobian=lambda x: np.array([[np.cos(x[0]), 0], [0, np.nan]]))
    assert report.cause == Cause.NOT_FINITE
    assert report.blocks[0].index == ((1,), (1,))
    assert report.blocks[0].wrong == 1


@pytest.mark.parametrize(("factor", "words"), [(2.0, "agree"), (1.0, "contradict")])
def test_vjp_and_jvp_are_compared_with_one_another_where_one_is_wrong(factor: float, words: str) -> None:
    report = check(np.sin, X, vjp=lambda x, u: 2 * u * np.cos(x), jvp=lambda x, v: factor * v * np.cos(x))
    assert f"the vjp and the jvp {words} " in report.notes[0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_functions_of_tensors_are_checked_with_a_derivative_of_their_own(dtype: torch.dtype) -> None:
    x = torch.tensor(X, dtype=dtype)
    assert check(torch.sin, x, vjp=lambda x, u: u * torch.cos(x), jvp=lambda x, v: v * torch.cos(x)).ok
    assert not check(torch.sin, x, vjp=lambda x, u: u * torch.sin(x)).ok


def test_the_apply_of_a_torch_function_is_the_function() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, side: Any) -> Any:
            ctx.save_for_backward(side)
            return side * side

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            return u * ctx.saved_tensors[0]

    report = check(Square.apply, torch.tensor(X))
    assert (report.title, report.blocks[0].name, report.cause) == ("Square", "side", Cause.FACTOR)


def test_a_torch_function_that_returns_its_changed_input_is_noted() -> None:
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.mark_dirty(x)
            x.clamp_(min=0)
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            return u * (ctx.saved_tensors[0] > 0)

    report = check(Rectifier, torch.tensor(X))
    assert report.ok
    assert report.notes == ("the function changes its argument 'x' in place and returns it",)


def test_a_large_gradient_is_told_to_be_transposed_or_of_a_wrong_shape() -> None:
    x, w = np.random.default_rng(0).normal(size=60), np.random.default_rng(1).normal(size=(50, 60)) / 8

    def f(w: Any) -> Any:
        return np.tanh(w @ x).sum()

    def slope(w: Any) -> Any:
        return np.outer(1 - np.tanh(w @ x) ** 2, x)

    assert check(f, w, vjp=lambda w, u: u * slope(w)).ok
    assert check(f, w, vjp=lambda w, u: u * slope(w).T).cause == Cause.TRANSPOSED
    assert check(f, w, vjp=lambda w, u: u * slope(w)[:, :7]).cause == Cause.WRONG_SHAPE


def test_a_forgotten_mask_is_a_missing_factor() -> None:
    mask = np.array([1, 0, 1, 1, 0, 1])
    report = check(lambda x: x * mask / 0.6, X, vjp=lambda x, u: u / 0.6)
    assert report.cause == Cause.MISSING_FACTOR
    assert report.blocks[0].detail == "2 entries multiplied by 0, as by a mask, it fits"


def test_a_list_of_arrays_is_one_for_each_argument() -> None:
    assert check(lambda a, b: a @ b, X, X + 1, gradient=lambda a, b: [b, a]).ok


def test_an_exception_says_what_was_called_with_what() -> None:
    with pytest.raises(TypeError) as caught:
        check(lambda x, *, power: x**power, X, vjp=lambda x, u: u)
    assert caught.value.__notes__ == ["check: raised by the function, <lambda>, called with (ndarray(6,))."]


NET = bp.Network([bp.Linear(3, 2)])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((NET, np.ones((2, 3))), {"y": np.array([0, 1])}, OptionError, "y= came for Network without loss="),
        ((NET, np.ones((2, 3))), {"loss": bp.CrossEntropy()}, OptionError, "without y="),
        ((NET, np.ones((2, 3))), {"theta": {"0.weight": 1}}, OptionError, "theta is dict, expected Parameters"),
        ((bp.Tanh(), np.ones((2, 3))), {"vjp": np.sin}, OptionError, "vjp= came for Tanh, which brings its own"),
        ((bp.Linear(3, 2), np.ones((2, 3))), {"theta": {"weight": np.ones((2, 3))}}, ShapeError, "bias.*is missing"),
        ((bp.Tanh, np.ones((2, 3))), {}, OptionError, r"the class Tanh came, expected an object: Tanh\(...\)"),
        ((np.sin, X), {"vjp": np.cos, "loss": bp.CrossEntropy()}, OptionError, "loss= came for sin"),
        ((np.sin, X), {"jacobian": np.cos, "seed": -1}, OptionError, "seed=-1, expected a whole number"),
        ((np.sin, np.zeros(0)), {"jacobian": np.cos}, ShapeError, r"empty \(.*\(0,\)\)"),
    ],
)
def test_what_does_not_belong_together_is_refused(arguments: Any, options: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        check(*arguments, **options)
