"""Ctrl-C at any moment: the step is finished, the state kept and written; twice means at once."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import backproof as bp
from backproof.training import fit
from backproof.training.interruption import Interruption
from training.problems import blobs, classifier, quick

LOSS = bp.CrossEntropy()


@pytest.fixture(autouse=True)
def listening():
    """Let SIGINT be heard, also where the tests run in the background and were started without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def train(**change):
    net = classifier(dropout=0.2)
    call = {"validation": blobs(40, seed=1), "metric": "accuracy", "settings": quick(epochs=5), **change}
    return fit(net, net.initialize(0), *blobs(), LOSS, **call)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


class After:
    """A ``prepare`` that does something at one of its calls."""

    def __init__(self, number, act):
        self.number, self.act, self.calls = number, act, 0

    def __call__(self, batch):
        self.calls += 1
        if self.calls == self.number:
            self.act()
        return batch


def raise_interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("act", [interrupt, raise_interrupt])
@pytest.mark.parametrize("number", range(7, 22, 2))
def test_after_ctrl_c_the_training_resumes_to_the_same_bits(tmp_path, act, number):
    fitted = train(prepare=After(number, act), checkpoint=tmp_path / "c")
    assert fitted.stopped == "interrupted"
    assert len(fitted.history) < 5
    assert np.isfinite(fitted.theta.vector).all()
    whole = train()
    resumed = train(checkpoint=tmp_path / "c", resume=True)
    assert (resumed.theta.vector == whole.theta.vector).all()
    assert (resumed.best.vector == whole.best.vector).all()
    assert resumed.history.losses == whole.history.losses


def test_ctrl_c_from_outside_ends_a_long_training_soon():
    # Started by the first batch: a signal that comes before the training listens is not for it.
    timer = threading.Timer(0.3, interrupt)
    fitted = train(prepare=After(1, timer.start), settings=quick(epochs=20_000))
    assert fitted.stopped == "interrupted"
    assert fitted.best_epoch is not None


def test_the_second_ctrl_c_raises():
    def twice():
        interrupt()
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        train(prepare=After(9, twice))


def test_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    train()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            interrupt()
            time.sleep(0.01)
            assert not interruption.asked
    finally:
        signal.signal(signal.SIGINT, before)


def test_training_works_in_another_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(train()))
    thread.start()
    thread.join()
    assert results[0].stopped == "finished"
