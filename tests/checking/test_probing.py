"""Large derivatives: random probes find planted faults, bisection finds their place."""

from typing import Any

import numpy as np
import pytest

from backproof import Cause, check
from backproof.checking.probing import MISS, PROBES, SMALL, probability

RNG = np.random.default_rng(11)
W, X = RNG.normal(size=(300, 250)), RNG.normal(size=250)


def f(x: Any) -> Any:
    return np.tanh(W @ x)


def pull(x: Any, u: Any) -> Any:
    return W.T @ (u * (1 - np.tanh(W @ x) ** 2))


def push(x: Any, v: Any) -> Any:
    return (1 - np.tanh(W @ x) ** 2) * (W @ v)


def jacobian(x: Any) -> Any:
    return (1 - np.tanh(W @ x) ** 2)[:, None] * W


@pytest.mark.parametrize("given", [{"vjp": pull}, {"jvp": push}, {"jacobian": jacobian}], ids=lambda g: next(iter(g)))
def test_a_large_derivative_is_accepted_with_the_chance_of_a_miss(given: Any) -> None:
    report = check(f, X, **given)
    assert report.ok, report.text()
    assert report.missed == probability() < 1e-7
    assert "12 random probes" in report.text()


def wrong_pull(x: Any, u: Any) -> Any:
    back = pull(x, u)
    back[17] += 1e-4 * u[203]
    return back


def wrong_push(x: Any, v: Any) -> Any:
    moved = push(x, v)
    moved[203] += 1e-4 * v[17]
    return moved


def wrong_jacobian(x: Any) -> Any:
    J = jacobian(x)
    J[203, 17] += 1e-4
    return J


@pytest.mark.parametrize("given", [{"vjp": wrong_pull}, {"jvp": wrong_push}, {"jacobian": wrong_jacobian}])
def test_one_wrong_entry_of_many_is_found_by_bisection(given: Any) -> None:
    block = check(f, X, **given).blocks[0]
    assert not block.ok
    assert block.index == ((203,), (17,))
    assert block.analytic - block.numeric == pytest.approx(1e-4, rel=1e-3)


@pytest.mark.parametrize(("factor", "cause"), [(-1.0, Cause.SIGN), (0.25, Cause.FACTOR), (0.0, Cause.MISSING)], ids=str)
def test_the_cause_of_a_large_fault_is_named_from_the_probes(factor: float, cause: Cause) -> None:
    assert check(f, X, vjp=lambda x, u: factor * pull(x, u)).cause == cause


def test_a_long_gradient_in_single_precision_is_accepted_and_a_fault_of_one_in_many_found() -> None:
    x = np.random.default_rng(0).normal(size=20_000).astype(np.float32)
    assert check(lambda x: np.sum(np.sin(x)), x, gradient=np.cos).ok

    def wrong(x: Any) -> Any:
        slope = np.cos(x)
        slope[12_345] = 0
        return slope

    report = check(lambda x: np.sum(np.sin(x)), x, gradient=wrong)
    assert report.blocks[0].index == ((), (12_345,))


def test_the_stated_chance_of_a_miss_holds_for_the_worst_fault() -> None:
    """A fault of rank one, u E v = |E| X Y with normal X and Y, slips through most easily."""
    pairs = np.random.default_rng(0).normal(size=(2, 400_000))
    rate = np.mean(np.abs(pairs[0] * pairs[1]) < SMALL)
    assert rate <= MISS <= 1.1 * rate
    assert probability() == pytest.approx(MISS**PROBES)
