"""The oracles: differences that know their own error, complex steps that know when they do not serve."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof import check
from backproof.checking.oracles import complex_step, noise_of, richardson
from backproof.errors import OptionError

FUNCTIONS = [
    (np.exp, np.exp),
    (np.sin, np.cos),
    (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    (lambda x: np.log1p(x * x), lambda x: 2 * x / (1 + x * x)),
    (lambda x: 1 / (2 + np.sin(7 * x)), lambda x: -7 * np.cos(7 * x) / (2 + np.sin(7 * x)) ** 2),
    (lambda x: np.sqrt(1e-4 + x * x), lambda x: x / np.sqrt(1e-4 + x * x)),
]


# Steps begin at a quarter, so a point far smaller than a step drowns in it: the oracle first scales such entries.
POINTS = st.integers(-3 * 2**20, 3 * 2**20).map(lambda k: k * 2.0**-20)


def along(f: Callable[[Any], Any], x: Any) -> Callable[[float], Any]:
    return lambda t: f(x + t)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FUNCTIONS), POINTS)
def test_differences_are_as_close_as_they_say(pair: Any, x: float) -> None:
    f, slope = pair
    point = np.array([x])
    center = f(point)
    found = richardson(along(f, point), center, 2e-16 * np.abs(center) + 1e-17, 2.0**-52)
    assert abs(found.value[0] - slope(x)) <= 8 * found.error[0] + 1e-14 * abs(slope(x))
    assert found.error[0] < 1e-6
    assert not found.kink[0]


def test_differences_of_single_precision_do_not_claim_double() -> None:
    point = np.array([0.3, 1.7])

    def f(t: float) -> Any:
        return np.sin((point + t).astype(np.float32)).astype(float)

    noise = noise_of(f, f(0.0), (2.0**-20,)) + 2.0**-24
    found = richardson(f, f(0.0), noise, 2.0**-24)
    error = np.abs(found.value - np.cos(point))
    assert np.all(error <= 8 * found.error)
    assert np.all(found.error < 1e-4)


@pytest.mark.parametrize("offset", [0.0, 1e-3, 0.1])
def test_a_kink_is_seen_at_the_point_and_not_beside_it(offset: float) -> None:
    point = np.array([offset])
    found = richardson(along(np.abs, point), np.abs(point), np.array([1e-17]), 2.0**-52)
    assert found.kink[0] == (offset == 0)
    if offset:
        assert abs(found.value[0] - 1) <= 8 * found.error[0] + 1e-15
    else:
        assert (found.low[0], found.high[0]) == (-1, 1)


def test_a_function_that_ends_beside_the_point_is_still_measured() -> None:
    point = np.array([1e-3])
    with np.errstate(all="ignore"):
        found = richardson(along(np.log, point), np.log(point), np.array([1e-15]), 2.0**-52)
    assert abs(found.value[0] - 1e3) <= 8 * found.error[0]
    assert found.error[0] < 1e-6 * 1e3


def test_a_complex_step_is_exact_to_rounding() -> None:
    for f, slope in FUNCTIONS:
        x = np.array([0.7, -1.3])
        np.testing.assert_allclose(complex_step(lambda t, f=f, x=x: f(x + t), 1.0), slope(x), rtol=1e-14)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (np.abs, np.sign),
        (lambda x: np.where(np.abs(x) < 1, x * x, 2 * np.abs(x) - 1), lambda x: 2 * np.clip(x, -1, 1)),
        (lambda x: np.real(x) * x, lambda x: 2 * x),
        (lambda x: np.asarray(x, dtype=float) ** 2, lambda x: 2 * x),
    ],
)
def test_complex_steps_are_dropped_where_the_code_is_not_analytic(function: Any, slope: Any) -> None:
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=6)
        report = check(function, x, vjp=lambda x, u: u * slope(x))
        assert report.ok, report.text()
        # The second function is analytic as long as no entry is outside.
        assert "differences" in report.oracle or np.all(np.abs(x) < 1.5)


@pytest.mark.parametrize("oracle", ["auto", "complex", "differences"])
def test_every_oracle_rejects_a_planted_fault(oracle: str) -> None:
    x = np.random.default_rng(0).normal(size=(3, 2))
    assert check(np.sin, x, vjp=lambda x, u: u * np.cos(x), oracle=oracle).ok
    assert not check(np.sin, x, vjp=lambda x, u: u * np.cos(x) * (1 + 1e-8), oracle=oracle).ok


def test_automatic_differentiation_of_the_forward_is_an_oracle_of_jax() -> None:
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def f(x: Any) -> Any:
        return jnp.sin(x)

    f.defjvp(lambda x, t: (f(x[0]), jnp.cos(x[0]) * t[0]))
    assert "JAX" in check(f, jnp.ones(3), oracle="autodiff").oracle
    assert "differences" in check(f, jnp.ones(3), oracle="differences").oracle
    with pytest.raises(OptionError):
        check(f, jnp.ones(3), oracle="guess")


def test_noise_is_measured_where_values_are_rough_and_not_where_they_are_smooth() -> None:
    x = np.linspace(0.5, 1.5, 50)

    def rough(t: float) -> Any:
        return np.sin((x + t).astype(np.float32)).astype(float)

    assert 1e-9 < np.median(noise_of(rough, rough(0.0), (2.0**-20, 2.0**-19))) < 1e-6
    assert np.max(noise_of(lambda t: np.sin(x + t), np.sin(x), (2.0**-20, 2.0**-19))) < 1e-15
