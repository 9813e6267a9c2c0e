"""What makes an epoch the best, and when a training has waited long enough: the metric decides before the loss."""

from itertools import count

import numpy as np
import pytest

import backproof as bp
from backproof.training import fit, fitting
from training.problems import blobs, classifier, quick

DOWN, UP = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


@pytest.mark.parametrize(
    ("metric", "losses", "scores", "best", "epochs"),
    [
        ("accuracy", DOWN, [0.5, 0.9, 0.8, 0.7, 0.6, 0.5], 2, 4),
        ("accuracy", UP, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6),
        ("rmse", DOWN, [5.0, 1.0, 2.0, 3.0, 4.0, 5.0], 2, 4),
        ("rmse", UP, [6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 6, 6),
        # Equal metrics: the lower loss is the better epoch, but no reason to wait longer.
        ("accuracy", DOWN, [0.5] * 6, 3, 3),
        (None, DOWN, [None] * 6, 6, 6),
        (None, UP, [None] * 6, 1, 3),
    ],
)
def test_the_metric_decides_before_the_loss(monkeypatch, metric, losses, scores, best, epochs):
    seen, number = [], count()

    def scripted(net, theta, *rest, **settings):
        seen.append(theta.vector.copy())
        epoch = next(number)
        return losses[epoch], scores[epoch]

    monkeypatch.setattr(fitting, "evaluate", scripted)
    net, (x, y) = classifier(), blobs()
    loss = bp.CrossEntropy() if metric == "accuracy" else bp.SquaredError()
    y = y if metric == "accuracy" else np.eye(3, dtype=x.dtype)[y]
    fitted = fit(net, net.initialize(0), x, y, loss, quick(epochs=6, patience=2), validation=(x, y), metric=metric)
    assert len(fitted.history) == epochs
    assert fitted.stopped == ("finished" if epochs == 6 else "early")
    assert fitted.best_epoch == best
    np.testing.assert_array_equal(fitted.best.vector, seen[best - 1])
