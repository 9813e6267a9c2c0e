"""Every cause is named by a correction that makes the block fit, on a mistake made for it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backproof import Cause, Report, check

RNG = np.random.default_rng(7)
X, W, B = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3)), RNG.normal(size=3)
V, S = RNG.normal(size=6), RNG.normal(size=(4, 4))
Function = Callable[..., Any]


def linear(x: Any, w: Any, b: Any) -> Any:
    return x @ w.T + b


def faulty(change: Callable[[Any, Any, Any, Any], tuple[Any, Any, Any]]) -> Report:
    return check(linear, X, W, B, vjp=change)


def elementwise(slope: Function, f: Function = np.sin, x: Any = V) -> Report:
    return check(f, x, vjp=lambda x, u: u * slope(x))


def softmax(x: Any) -> Any:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def softmax_vjp(x: Any, u: Any, axis: int = -1) -> Any:
    s = softmax(x)
    return s * (u - (u * s).sum(axis, keepdims=True))


def half_precision(x: Any) -> Any:
    return np.cos(x.astype(np.float16)).astype(x.dtype)


def residual(x: Any) -> Any:
    return x + np.sin(x @ W)


CASES = [
    (lambda: faulty(lambda x, w, b, u: (u @ w.T, u.T @ x, u.sum(0))), Cause.TRANSPOSED, "x"),
    (lambda: faulty(lambda x, w, b, u: (u @ w, x.T @ u, u.sum(0))), Cause.TRANSPOSED, "w"),
    (lambda: faulty(lambda x, w, b, u: (u @ w, -u.T @ x, u.sum(0))), Cause.SIGN, "w"),
    (lambda: faulty(lambda x, w, b, u: (u @ w, 0.3 * u.T @ x, u.sum(0))), Cause.FACTOR, "w"),
    (lambda: faulty(lambda x, w, b, u: (u @ w, u.T @ x, u)), Cause.MISSING_SUM, "b"),
    (lambda: faulty(lambda x, w, b, u: (u @ w, u.T @ x, u.mean(0))), Cause.MISSING_SUM, "b"),
    (lambda: faulty(lambda x, w, b, u: (u @ w, u.T @ x, u[0])), Cause.MISSING_SUM, "b"),
    (lambda: faulty(lambda x, w, b, u: (u @ w, u.T @ x, 0 * b)), Cause.MISSING, "b"),
    (lambda: faulty(lambda x, w, b, u: (u @ w, u.T @ x, None)), Cause.MISSING, "b"),
    (lambda: faulty(lambda x, w, b, u: (u @ w, u.T @ x, u.sum(0)[::-1])), Cause.PERMUTED, "b"),
    (
        lambda: check(lambda x: np.mean(np.sum(x**2, 1)), X, gradient=lambda x: 2 * x),
        Cause.MISSING_MEAN,
        "x",
    ),
    (lambda: check(softmax, X, vjp=lambda x, u: u * softmax(x) * (1 - softmax(x))), Cause.DIAGONAL_ONLY, "x"),
    (lambda: check(softmax, S, vjp=lambda x, u: u * softmax(x)), Cause.MISSING_TERM, "x"),
    (lambda: check(softmax, X, vjp=lambda x, u: softmax_vjp(x, u, 0)), Cause.WRONG_AXIS, "x"),
    (lambda: check(residual, X, vjp=lambda x, u: (u * np.cos(x @ W)) @ W.T), Cause.MISSING_TERM, "x"),
    (lambda: elementwise(lambda x: np.exp(x), lambda x: x * np.exp(x)), Cause.MISSING_TERM, "x"),
    (lambda: elementwise(lambda x: 3 * x, lambda x: x**3), Cause.MISSING_FACTOR, "x"),
    (lambda: check(np.sin, V, vjp=lambda x, u: np.cos(x)), Cause.MISSING_FACTOR, "x"),
    (lambda: elementwise(lambda x: np.cos(np.sin(x))), Cause.STALE_INPUT, "x"),
    (lambda: elementwise(half_precision), Cause.PRECISION, "x"),
    (
        lambda: elementwise(lambda x: np.where(x == 0, 3.0, np.sign(x)), np.abs, np.array([1.0, 0.0, -2.0])),
        Cause.KINKS_ONLY,
        "x",
    ),
    (lambda: elementwise(lambda x: np.cos(x) + 0.1 * np.exp(np.sin(5 * x))), Cause.UNKNOWN, "x"),
    (lambda: check(lambda a, b: a * np.exp(b), V, V + 1, vjp=lambda a, b, u: (u * a * np.exp(b), u * np.exp(b))),
     Cause.PERMUTED, "a"),
    (lambda: check(lambda x: x.sum(0), X, vjp=lambda x, u: u), Cause.WRONG_SHAPE, "x"),
    (lambda: elementwise(lambda x: np.where(x > 0, np.nan, 1.0)), Cause.NOT_FINITE, "x"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "cause", "argument"), CASES, ids=[f"{c[1]}-{i}" for i, c in enumerate(CASES)])
def test_the_cause_of_a_planted_fault_is_named(make: Callable[[], Report], cause: Cause, argument: str) -> None:
    report = make()
    assert not report.ok
    assert report.cause == cause, report.text()
    assert report.block(argument).cause == cause
    assert not report.block(argument).ok


def test_every_cause_of_a_formula_has_a_case() -> None:
    of_functions = {Cause.NOT_DETERMINISTIC, Cause.WRONG_DTYPE, Cause.NOT_DIFFERENTIABLE, Cause.UNDECIDED}
    of_functions |= {Cause.WRONG_VALUE}
    assert {case[1] for case in CASES} | of_functions == set(Cause)


def test_arguments_without_a_fault_are_right_beside_one_with() -> None:
    report = faulty(lambda x, w, b, u: (u @ w, -u.T @ x, u.sum(0)))
    assert [block.ok for block in report.blocks] == [True, False, True]


def test_a_factor_is_spoken_as_people_write_it() -> None:
    halved = elementwise(lambda x: np.cos(x) / 2)
    assert "multiplied by 2 " in halved.blocks[0].detail
    rooted = check(lambda x: np.sin(x) / np.sqrt(6), V, vjp=lambda x, u: u * np.cos(x))
    assert "1/sqrt(6)" in rooted.blocks[0].detail


def test_the_correction_says_what_is_left_after_it() -> None:
    block = elementwise(lambda x: -np.cos(x)).blocks[0]
    assert block.residual is not None
    assert block.residual < 1e-14


def test_a_nearly_right_formula_is_not_called_imprecise() -> None:
    """The error of eps in the wrong place is smooth, that of a low precision comes in steps."""
    x = np.abs(V) + 0.5
    report = check(lambda x: np.sqrt(x + 1e-3), x, vjp=lambda x, u: u * 0.5 / (np.sqrt(x) + 1e-3))
    assert not report.ok
    assert report.cause != Cause.PRECISION


def test_a_vjp_that_squares_its_cotangent_is_not_linear() -> None:
    report = check(np.sin, V, vjp=lambda x, u: u * u * np.cos(x))
    assert not report.ok
    assert "not linear in its cotangent" in report.text()


def test_a_jvp_that_takes_the_size_of_its_tangent_is_not_linear() -> None:
    report = check(np.sin, V, jvp=lambda x, v: np.abs(v) * np.cos(x))
    assert not report.ok
    assert "not linear in its tangents" in report.text()


def test_a_derivative_kept_from_the_first_call_is_stale() -> None:
    kept: list[Any] = []

    def cached(x: Any, u: Any) -> Any:
        kept.append(np.cos(x))
        return u * kept[0]

    report = check(np.sin, V, vjp=cached)
    assert report.cause == Cause.STALE_INPUT
    assert check(np.sin, V, vjp=lambda x, u: u * np.cos(V), points=1).ok


def test_a_tie_may_go_to_one_entry_but_not_to_all() -> None:
    x = np.array([[1.0, 3.0, 3.0], [0.5, 0.1, 0.2]])

    def largest(x: Any) -> Any:
        return x.max(axis=1)

    def first(x: Any, u: Any) -> Any:
        return np.eye(3)[x.argmax(axis=1)] * u[:, None]

    def shared(x: Any, u: Any) -> Any:
        ties = x == x.max(axis=1, keepdims=True)
        return ties / ties.sum(axis=1, keepdims=True) * u[:, None]

    assert check(largest, x, vjp=first).ok
    assert check(largest, x, vjp=shared).ok
    report = check(largest, x, vjp=lambda x, u: (x == x.max(axis=1, keepdims=True)) * u[:, None])
    assert report.cause == Cause.KINKS_ONLY
