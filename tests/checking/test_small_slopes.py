"""Derivatives that are small or zero at the point: minima, blocks beside larger ones, values beyond all digits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch

from backproof import Cause, check

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2))
Function = Callable[..., Any]


def himmelblau(p: Any) -> Any:
    return (p[0] ** 2 + p[1] - 11) ** 2 + (p[0] + p[1] ** 2 - 7) ** 2


def himmelblau_slope(p: Any) -> Any:
    a, b = p[0] ** 2 + p[1] - 11, p[0] + p[1] ** 2 - 7
    return np.array([4 * p[0] * a + 2 * b, 2 * a + 4 * p[1] * b])


def root(w: Any) -> Any:
    return ((w @ w - np.eye(3)) ** 2).sum()


def root_slope(w: Any) -> Any:
    rest = w @ w - np.eye(3)
    return 2 * (rest @ w.T + w.T @ rest)


MINIMA: dict[str, tuple[Function, Function, Any]] = {
    "Rosenbrock": (scipy.optimize.rosen, scipy.optimize.rosen_der, np.ones(3)),
    "quartic": (lambda x: ((x**2 - 1) ** 2).sum(), lambda x: 4 * x * (x**2 - 1), np.ones(3)),
    "exponential": (
        lambda x: ((np.exp(x) - 1) ** 2).sum(),
        lambda x: 2 * (np.exp(x) - 1) * np.exp(x),
        np.zeros(2),
    ),
    "Himmelblau": (himmelblau, himmelblau_slope, np.array([3.0, 2.0])),
    "root of a matrix": (root, root_slope, np.eye(3)),
    "no second derivative": (lambda x: (x * np.abs(x)).sum(), lambda x: 2 * np.abs(x), np.zeros(3)),
}


@pytest.mark.parametrize("name", MINIMA)
@pytest.mark.parametrize("oracle", ["auto", "differences"])
def test_a_correct_gradient_is_right_at_an_exact_minimum(name: str, oracle: str) -> None:
    function, slope, point = MINIMA[name]
    report = check(function, point, gradient=slope, oracle=oracle)
    assert report.ok, report.text()
    assert not check(function, point, gradient=lambda x: slope(x) + 1e-3, oracle=oracle).ok


def test_a_correct_gradient_is_right_where_a_minimizer_ends() -> None:
    pair = (scipy.optimize.rosen, scipy.optimize.rosen_der)
    found = scipy.optimize.minimize(pair[0], np.array([-1.2, 1.0, 0.5]), jac=pair[1], method="BFGS", tol=1e-14)
    report = check(pair, found.x)
    assert report.ok, report.text()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_correct_torch_gradient_is_right_at_a_perfect_fit(dtype: torch.dtype) -> None:
    point = torch.tensor([0.3, -0.7, 1.1], dtype=dtype)
    target = point.exp()

    class Fit(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, p: Any) -> Any:
            ctx.save_for_backward(p)
            return ((p.exp() - target) ** 2).mean()

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            (p,) = ctx.saved_tensors
            return u * 2 / 3 * (p.exp() - target) * p.exp()

    report = check(Fit, point)
    assert report.ok, report.text()


@pytest.mark.parametrize("size", [1e-4, 1e-7, 1e-8, 1e-9, 1e-11])
@pytest.mark.parametrize("factor", [3.0, -2.0, 2.001, 0.0])
def test_a_small_block_beside_a_large_one_is_judged_by_its_own_size(size: float, factor: float) -> None:
    def f(a: Any, b: Any) -> Any:
        return (a**2).sum() + (b**2).sum()

    a, b = np.array([size]), np.array([1.0])
    assert check(f, a, b, vjp=lambda a, b, u: (2 * a * u, 2 * b * u)).ok
    report = check(f, a, b, vjp=lambda a, b, u: (factor * a * u, 2 * b * u))
    if factor or size > 1e-9:
        assert [block.ok for block in report.blocks] == [False, True], report.text()


def test_a_gradient_far_below_the_value_is_judged_by_its_own_size() -> None:
    def f(w: Any) -> Any:
        return 1 + (np.tanh(X @ w) ** 2).sum()

    def slope(w: Any) -> Any:
        t = np.tanh(X @ w)
        return 2 * X.T @ (t * (1 - t**2))

    assert check(f, 1e-9 * W, gradient=slope).ok
    assert check(f, 1e-9 * W, gradient=lambda w: 1.5 * slope(w)).cause == Cause.FACTOR
    assert check(lambda a: 1 + a**2, np.array([1e-9]), vjp=lambda a, u: 2 * a * u).ok
    assert not check(lambda a: 1 + a**2, np.array([1e-9]), vjp=lambda a, u: 3 * a * u).ok


@pytest.mark.parametrize("factor", [1, -1, 1.7])
@pytest.mark.parametrize("size", [1e14, 1e15])
def test_what_the_oracle_cannot_tell_is_undecided(size: float, factor: float) -> None:
    report = check(
        lambda x: size + np.sin(np.abs(x)), np.array([0.3, 1.1, 2.0]), vjp=lambda x, u: factor * u * np.cos(x)
    )
    assert (report.ok, report.verdict, report.cause) == (False, "undecided", Cause.UNDECIDED)
    assert report.blocks[0].undecided > 0
    assert "UNDECIDED" in report.text()
    assert "undecided, the oracle's own error is as large as" in report.text()
    assert "WRONG" not in report.text()
    assert ">undecided<" in report.html()
    assert report.to_dict()["verdict"] == "undecided"


def test_the_last_digits_of_a_large_value_are_enough_for_a_verdict() -> None:
    report = check(lambda x: 1e9 + np.sin(np.abs(x)), np.array([0.3, 1.1]), vjp=lambda x, u: u * np.cos(x))
    assert report.ok, report.text()


@pytest.mark.parametrize("point", [[40.0, -700, 36, 50], [40.0], [500.0, 1.0]])
def test_a_derivative_that_cancels_to_zero_is_right_and_said_to_be_zero(point: list[float]) -> None:
    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    report = check(sigmoid, np.array(point), vjp=lambda x, u: u * sigmoid(x) * (1 - sigmoid(x)))
    assert report.ok, report.text()
    assert report.blocks[0].relative_error < 0.25
    assert "entries zero to rounding" in report.text()


@pytest.mark.parametrize("near", [1e-7, 1e-9, 1e-12])
@pytest.mark.parametrize("rest", [[], [1.0, -2.0]])
def test_the_slope_close_to_a_kink_is_that_of_its_own_side(near: float, rest: list[float]) -> None:
    x = np.array([near, *rest])
    report = check(np.abs, x, vjp=lambda x, u: u * np.sign(x))
    assert report.ok, report.text()
    assert check(np.abs, x, vjp=lambda x, u: -u * np.sign(x)).cause == Cause.SIGN


def softmax(x: Any) -> Any:
    s = np.exp(x - x.max(axis=1, keepdims=True))
    return s / s.sum(axis=1, keepdims=True)


def log_softmax(x: Any) -> Any:
    z = x - x.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


SATURATED: dict[str, tuple[Function, Function]] = {
    "softmax": (softmax, lambda x, u: softmax(x) * (u - (u * softmax(x)).sum(axis=1, keepdims=True))),
    "log-softmax": (log_softmax, lambda x, u: u - softmax(x) * u.sum(axis=1, keepdims=True)),
}


@pytest.mark.parametrize("name", SATURATED)
@pytest.mark.parametrize("size", [40.0, 300.0])
@pytest.mark.parametrize("oracle", ["auto", "differences"])
def test_what_cancels_in_a_saturated_row_is_rounding(name: str, size: float, oracle: str) -> None:
    function, pull = SATURATED[name]
    for seed in range(4):
        x = size * np.random.default_rng(seed).normal(size=(3, 4))
        assert check(function, x, vjp=pull, oracle=oracle).verdict != "wrong"
        assert check(function, x, vjp=lambda x, u: 1.5 * pull(x, u), oracle=oracle).verdict == "wrong"
    x = size * np.random.default_rng(0).normal(size=(3, 4))
    assert check(function, x, vjp=pull, oracle=oracle).ok


@pytest.mark.parametrize("size", [1e-9, 1e-6])
def test_a_slope_that_drowns_in_natural_steps_is_measured_in_larger_ones(size: float) -> None:
    x = size * np.random.default_rng(0).normal(size=5)
    report = check(lambda x: 1 + x**2, x, vjp=lambda x, u: 2 * x * u, oracle="differences")
    assert report.ok, report.text()
    assert check(lambda x: 1 + x**2, x, vjp=lambda x, u: 3 * x * u, oracle="differences").verdict == "wrong"
