"""Small problems that tests of the training loop share."""

import numpy as np

import backproof as bp
from backproof.training import Adam, Training


def blobs(n=90, features=5, classes=3, seed=0, dtype="float32"):
    """Return points around as many centres as there are classes, and their classes."""
    random = np.random.default_rng(seed)
    y = random.integers(0, classes, n)
    centres = 2 * np.random.default_rng(99).standard_normal((classes, features))
    return (centres[y] + random.standard_normal((n, features))).astype(dtype), y


def classifier(features=5, hidden=8, classes=3, dropout=0.0):
    """Return a small network, with dropout if asked."""
    middle = [bp.Tanh(), bp.Dropout(dropout)] if dropout else [bp.Tanh()]
    return bp.Network([bp.Linear(features, hidden), *middle, bp.Linear(hidden, classes)])


def quick(**settings):
    """Return settings of a short training."""
    return Training(**{"epochs": 4, "batch_size": 16, "optimizer": Adam(1e-2), **settings})
