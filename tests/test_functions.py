"""Special functions keep their accuracy in both tails, in every dtype they are asked in."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from backproof import functions

POINTS = [-1e4, -700.0, -100.0, -30.0, -5.0, -1.0, -1e-3, -1e-12, 0.0, 1e-12, 1e-3, 1.0, 5.0, 30.0, 100.0, 700.0, 1e4]
EXACT: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "normal_cdf": lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "normal_density": lambda x: mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi),
    "positive_part": lambda x: max(x, 0),
    "negative_part": lambda x: min(x, 0),
    "magnitude": abs,
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relative_accuracy_in_both_tails(name: str, dtype: str) -> None:
    x = np.array(POINTS, dtype)
    came = getattr(functions, name)(x)
    assert came.dtype == dtype
    info = np.finfo(dtype)
    for point, value in zip(x, came, strict=True):
        with mpmath.workdps(50):
            expected = EXACT[name](mpmath.mpf(float(point)))
            # exp(x^2) magnifies the rounding of its argument; below the smallest normal number all accuracy fades.
            scale = 4 + (float(point) ** 2 if name.startswith("normal") else 0)
            assert abs(float(value) - expected) <= scale * info.eps * abs(expected) + info.tiny, f"{name}({point})"


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_stands_any_common_shift(name: str, dtype: str) -> None:
    x = np.array([[0.0, 1.0, -2.0]], dtype)
    base = getattr(functions, name)(x)
    for shift in (-1e4, 1e4):
        moved = getattr(functions, name)(x + np.asarray(shift, dtype))
        np.testing.assert_allclose(moved, base, rtol=2e-3 if dtype == "float32" else 1e-11)
    np.testing.assert_allclose(functions.softmax(np.array([[1e4, -1e4]], dtype)), [[1, 0]])
    np.testing.assert_allclose(functions.log_softmax(np.array([[1e4, -1e4]], dtype)), [[0, -2e4]])


def test_branches_keep_the_kind_of_exact_numbers() -> None:
    x = np.array([Fraction(-1, 3), Fraction(0), Fraction(2)])
    results = [
        functions.positive_part(x), functions.negative_part(x), functions.indicator(x > 0, x),
        functions.choose(x > 0, 1.0, 0.0, x), functions.filled(x, 6.0),
    ]  # fmt: skip
    assert {type(entry) for result in results for entry in result} == {Fraction}
    assert functions.reciprocal(3, x) == Fraction(1, 3)
    assert functions.reciprocal(4, np.ones(2)) == 0.25


def test_erfc_without_scipy_is_the_standard_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    x = np.linspace(-6, 6, 25)
    with_scipy = functions.erfc(x)
    functions._numpy_erfc.cache_clear()
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    try:
        without = functions.erfc(x)
        assert functions.erfc(x.astype(np.float32)).dtype == np.float32
        empty, steps = functions.erfc(np.empty((0, 3), np.float32)), functions.erfc(x + 1e-20j)
    finally:
        functions._numpy_erfc.cache_clear()
    np.testing.assert_allclose(without, with_scipy, rtol=1e-14)
    assert (empty.shape, empty.dtype, steps.dtype) == ((0, 3), np.float32, np.complex128)
    np.testing.assert_allclose(steps.real, with_scipy, rtol=1e-14)
    np.testing.assert_allclose(steps.imag, -2e-20 / np.sqrt(np.pi) * np.exp(-x * x), rtol=1e-13)
