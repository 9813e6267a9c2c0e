"""Metrics gathered from batches equal scikit-learn's on the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from backproof import BinaryCrossEntropy, CrossEntropy, Huber, Poisson, SquaredError
from backproof.errors import OptionError, ShapeError
from backproof.training import METRICS
from backproof.training.metrics import metric_class

REFERENCE = {
    "r2": oracle.r2_score,
    "mse": oracle.mean_squared_error,
    "rmse": oracle.root_mean_squared_error,
    "mae": oracle.mean_absolute_error,
}


def gathered(name, loss, z, y, size):
    metric = METRICS[name](loss)
    for start in range(0, len(z), size):
        metric.add(z[start : start + size], y[start : start + size])
    return metric.value()


@given(
    st.integers(2, 40), st.integers(1, 3), st.integers(1, 7), st.sampled_from(["r2", "mse", "mae"]), st.integers(0, 99)
)
def test_metrics_of_numbers_equal_scikit_learns(n, outputs, size, name, seed):
    random = np.random.default_rng(seed)
    y = 1e4 + random.standard_normal((n, outputs))
    z = y + random.standard_normal((n, outputs))
    np.testing.assert_allclose(gathered(name, SquaredError(), z, y, size), REFERENCE[name](y, z), rtol=1e-9)


@pytest.mark.parametrize("name", ["r2", "mse", "mae"])
@pytest.mark.parametrize(
    ("loss", "predicted"),
    [
        (Poisson(), np.exp),
        (BinaryCrossEntropy(), lambda z: 1 / (1 + np.exp(-z))),
        (CrossEntropy(), lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)),
        (Huber(), lambda z: z),
    ],
)
def test_targets_are_compared_with_what_the_outputs_predict_of_them(name, loss, predicted):
    random = np.random.default_rng(0)
    z, y = random.standard_normal((30, 2)), random.dirichlet([1, 1], 30)
    np.testing.assert_allclose(gathered(name, loss, z, y, 7), REFERENCE[name](y, predicted(z)), rtol=1e-12)


def test_root_mean_squared_error_equals_scikit_learns_for_one_output():
    random = np.random.default_rng(0)
    y, z = random.standard_normal((2, 30, 1))
    np.testing.assert_allclose(gathered("rmse", SquaredError(), z, y[:, 0], 7), REFERENCE["rmse"](y, z), rtol=1e-12)


def test_accuracy_of_indices_and_distributions():
    z = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [0.0, 1.0, -1.0]])
    y = np.array([0, 2, 2])
    assert gathered("accuracy", CrossEntropy(), z, y, 2) == pytest.approx(2 / 3)
    assert gathered("accuracy", CrossEntropy(), z, np.eye(3)[y], 2) == pytest.approx(2 / 3)


def test_accuracy_of_binary_outputs_goes_by_the_sign():
    z = np.array([[0.3], [-0.1], [2.0], [-5.0]])
    assert gathered("accuracy", BinaryCrossEntropy(), z, np.array([1, 1, 1, 0]), 3) == 0.75


def test_r2_of_constant_targets_is_one_or_zero():
    y = np.full((3, 1), 2.0)
    assert gathered("r2", SquaredError(), y, y, 2) == 1.0
    assert gathered("r2", SquaredError(), y + 1, y, 2) == 0.0


@pytest.mark.parametrize("size", [2, 3, 100])
@pytest.mark.parametrize("number", [0.1, 1 / 3, 1e6 + 0.1, 5e-324])
def test_r2_of_equal_targets_is_that_of_constant_ones_however_their_mean_is_rounded(number, size):
    y, z = np.full((7, 2), number), np.linspace(0, 1, 14).reshape(7, 2)
    y[:, 1] = np.linspace(0, 1, 7)
    metric = METRICS["r2"](SquaredError())
    for start in range(0, 7, size):
        metric.add(z[start : start + size], y[start : start + size])
    assert metric.constant.tolist() == [True, False]
    assert metric.value() == pytest.approx(REFERENCE["r2"](y[:, 1], z[:, 1]) / 2, rel=1e-12)


@pytest.mark.parametrize("name", ["rsme", ["r2"], {}, 3, None])
def test_an_unknown_metric_is_named(name):
    with pytest.raises(OptionError, match=r"unknown metric .* Known: accuracy, mae, mse, r2, rmse"):
        metric_class(name)


def test_accuracy_of_numbers_is_refused():
    with pytest.raises(OptionError, match="SquaredError"):
        METRICS["accuracy"](SquaredError())


def test_targets_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"\(3, 2\)"):
        METRICS["mae"](SquaredError()).add(np.zeros((3, 1)), np.zeros((3, 2)))
