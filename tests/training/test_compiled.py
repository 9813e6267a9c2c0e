"""Training with compiled programs gives the numbers of training without them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.layers.elementwise import Elementwise
from backproof.training import Training, fit
from backproof.training.step import Stepper


class Branching(Elementwise):
    """A layer that no trace can take."""

    def function(self, x: Any) -> Any:
        return x * 2 if float(x.sum()) > 1e9 else x * 1

    def derivative(self, x: Any, y: Any) -> Any:
        return x * 0 + 1


NETWORKS = {
    "plain": [bp.Linear(5, 8), bp.ReLU(), bp.Linear(8, 3)],
    "normalised": [bp.Linear(5, 8), bp.LayerNorm(8), bp.Residual([bp.Linear(8, 8), bp.GELU()]), bp.Linear(8, 3)],
    "dropout": [bp.Linear(5, 8), bp.Tanh(), bp.Dropout(0.3), bp.Linear(8, 3)],
    "untraceable": [bp.Linear(5, 8), Branching(), bp.Linear(8, 3)],
}


def fitted(name: str, weights: Any, compile: bool, **settings: Any) -> Any:
    g, net = np.random.default_rng(0), bp.Network(NETWORKS[name])
    x, y = g.normal(size=(50, 5)), g.integers(0, 3, 50)
    # 50 examples in batches of 16: the last batch has two.
    how = Training(epochs=3, batch_size=16, compile=compile, weight_decay=0.01, clip_norm=0.5, **settings)
    drawn = g.random(50) if weights else None
    return fit(net, net.initialize(1, dtype="float64"), x, y, bp.CrossEntropy(), how, weights=drawn)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_training_has_the_same_numbers_compiled_or_not(name: str, weights: bool) -> None:
    compiled, plain = (fitted(name, weights, flag) for flag in (True, False))
    np.testing.assert_allclose(compiled.theta.vector, plain.theta.vector, rtol=1e-9, atol=1e-12)
    losses = [[epoch.loss for epoch in result.history] for result in (compiled, plain)]
    np.testing.assert_allclose(*losses, rtol=1e-11)


def test_training_has_the_same_numbers_with_kernels_and_the_same_bits_each_time() -> None:
    kernels, plain = (fitted("plain", True, True, kernels=kernels) for kernels in ("numba", None))
    np.testing.assert_allclose(kernels.theta.vector, plain.theta.vector, rtol=1e-9, atol=1e-12)
    again = fitted("plain", True, True, kernels="numba")
    np.testing.assert_array_equal(again.theta.vector, kernels.theta.vector)


def test_impossible_kernels_are_refused() -> None:
    assert Training(kernels="numba").describe()["kernels"] == "numba"
    with pytest.raises(bp.errors.OptionError, match="Training: kernels='c', expected None or 'numba'"):
        Training(kernels="c")


def test_training_is_compiled_where_it_can_be_and_only_if_wanted() -> None:
    loss = bp.CrossEntropy()
    for name, expected in (("plain", True), ("dropout", False)):
        net = bp.Network(NETWORKS[name])
        theta = net.initialize()
        stepper = Stepper.of(net, theta, loss, Training(), 1, None)
        assert (stepper.program is not None) == expected
        assert Stepper.of(net, theta, loss, Training(compile=False), 1, None).program is None


def test_a_layer_that_cannot_be_traced_is_trained_without_a_word() -> None:
    # Warnings are errors here.
    assert len(fitted("untraceable", False, True).history) == 3


def test_the_setting_is_part_of_what_decides_the_bits() -> None:
    assert Training().describe()["compile"] is True
    with pytest.raises(bp.errors.OptionError, match="compile=1"):
        Training(compile=1)  # type: ignore[arg-type]


def test_estimators_have_the_same_numbers_compiled_or_not() -> None:
    g = np.random.default_rng(1)
    x, y = g.normal(size=(60, 4)), g.integers(0, 3, 60)
    settings = {"hidden_layer_sizes": (6,), "max_iter": 5, "tol": 0.0, "n_iter_no_change": np.inf, "random_state": 0}
    plain = bp.BackproofClassifier(compile=False, **settings)
    compiled = bp.BackproofClassifier(**settings)
    for estimator in (plain, compiled):
        with pytest.warns(UserWarning, match="max_iter"):
            estimator.fit(x, y, sample_weight=g.random(60) * 0 + 2)
    assert compiled.get_params()["compile"] is True
    np.testing.assert_allclose(compiled.predict_proba(x), plain.predict_proba(x), rtol=1e-9)


def test_the_last_batch_is_not_compiled_again_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    from backproof.compilation import lowering

    made = []
    traced = lowering._traced
    monkeypatch.setattr(lowering, "_traced", lambda *given: made.append(given[2]) or traced(*given))
    fitted("plain", False, True)
    assert made == [None]
    assert replace(Training(), compile=False).compile is False
