"""A training that the kill test runs in a process of its own: ``python killed.py CHECKPOINT RESULT``."""

import sys

import numpy as np

import backproof as bp
from backproof.training import Adam, Cosine, Fitted, fit
from training.problems import blobs, classifier, quick


def train(checkpoint: str | None, resume: bool = True) -> Fitted:
    """Train with everything that a checkpoint has to bring back: dropout, schedule, moments, best, history."""
    net = classifier(dropout=0.2)
    settings = quick(epochs=EPOCHS, batch_size=8, optimizer=Adam(3e-3), schedule=Cosine())
    return fit(
        net,
        net.initialize(0),
        *blobs(400),
        bp.CrossEntropy(),
        settings,
        validation=blobs(50, seed=1),
        metric="accuracy",
        weights=np.linspace(0, 2, 400),
        checkpoint=checkpoint,
        checkpoint_seconds=0.004,
        resume=resume and checkpoint is not None,
    )


EPOCHS = 150

if __name__ == "__main__":
    fitted = train(sys.argv[1])
    losses = np.array(fitted.history.losses)
    np.savez(sys.argv[2], theta=fitted.theta.vector, best=fitted.best.vector, losses=losses)
