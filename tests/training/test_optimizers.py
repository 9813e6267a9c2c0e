"""Optimisers follow torch.optim step by step, and keep out of denormal numbers."""

import copy
import pickle

import numpy as np
import pytest
import torch

import backproof as bp
from backproof.errors import OptionError
from backproof.training import OPTIMIZERS, SGD, Adam, AdamW, Momentum, Nesterov, RMSProp, Training, fit, optimizers
from backproof.training.optimizers import BLOCK

PAIRS = {
    "sgd": (SGD(0.05), lambda p, wd: torch.optim.SGD(p, 0.05, weight_decay=wd)),
    "momentum": (Momentum(0.05, 0.8), lambda p, wd: torch.optim.SGD(p, 0.05, momentum=0.8, weight_decay=wd)),
    "nesterov": (
        Nesterov(0.05, 0.8),
        lambda p, wd: torch.optim.SGD(p, 0.05, momentum=0.8, nesterov=True, weight_decay=wd),
    ),
    "rmsprop": (
        RMSProp(0.01, rho=0.95, epsilon=1e-7),
        lambda p, wd: torch.optim.RMSprop(p, 0.01, alpha=0.95, eps=1e-7, weight_decay=wd),
    ),
    "adam": (
        Adam(0.02, 0.85, 0.98, 1e-6),
        lambda p, wd: torch.optim.Adam(p, 0.02, betas=(0.85, 0.98), eps=1e-6, weight_decay=wd),
    ),
    "adamw": (
        AdamW(0.02, 0.85, 0.98, 1e-6),
        lambda p, wd: torch.optim.AdamW(p, 0.02, betas=(0.85, 0.98), eps=1e-6, weight_decay=wd),
    ),
}


def quadratic_gradient(w, noise):
    return np.linspace(0.1, 3.0, len(w), dtype=w.dtype) * w + noise


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1, 1])
@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("size", [7, 2 * BLOCK + 5])
def test_fifty_steps_equal_torch(name, weight_decay, dtype, tolerance, size):
    follow_torch(name, weight_decay, dtype, tolerance, size)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("name", ["adam", "adamw", "momentum"])
def test_fifty_steps_with_kernels_equal_torch(name, dtype, tolerance):
    follow_torch(name, 0.1, dtype, tolerance, BLOCK + 5, kernels="numba")


def test_a_subclass_of_adam_keeps_its_own_update_with_kernels():
    class Still(Adam):
        def _update(self, w, g, s, moments, c):
            pass

    w = np.ones(3)
    Still().step(w, np.ones(3), Still().start(w), 0.1, kernels="numba")
    np.testing.assert_array_equal(w, 1)


def follow_torch(name, weight_decay, dtype, tolerance, size, kernels=None):
    ours, theirs = PAIRS[name]
    random = np.random.default_rng(3)
    w = random.standard_normal(size).astype(dtype)
    parameter = torch.tensor(w.copy(), requires_grad=True)
    optimizer, memory = theirs([parameter], weight_decay), ours.start(w)
    worst = 0.0
    for _ in range(50):
        noise = random.standard_normal(size).astype(dtype) * 0.1
        parameter.grad = torch.tensor(quadratic_gradient(parameter.detach().numpy(), noise))
        ours.step(w, quadratic_gradient(w, noise), memory, ours.learning_rate, weight_decay, kernels)
        optimizer.step()
        worst = max(worst, float(np.abs(w - parameter.detach().numpy()).max()))
    scale = float(np.abs(w).max())
    assert worst <= tolerance * max(1.0, scale), f"{worst:.1e} off"


def test_every_optimizer_is_compared_with_torch():
    assert {type(ours) for ours, _ in PAIRS.values()} == set(OPTIMIZERS.values())


@pytest.mark.parametrize("name", ["momentum", "adam", "adamw", "rmsprop"])
def test_moments_never_stay_denormal_when_gradients_vanish(name):
    optimizer = OPTIMIZERS[name](0.0)
    w = np.ones(4, np.float32)
    memory = optimizer.start(w)
    gradient = np.array([1.0, 1e-12, 1e-18, 0.0], np.float32)
    optimizer.step(w, gradient.copy(), memory, 0.0)
    zero = np.zeros(4, np.float32)
    reached = False
    for _ in range(10_000 if name == "rmsprop" else 3000):
        optimizer.step(w, zero, memory, 0.0)
        if memory.count % 500 == 0:
            for kind, moment in memory.moments.items():
                fine = (moment == 0) | (np.abs(moment) >= np.finfo(np.float32).tiny)
                assert fine.all(), (kind, memory.count, moment)
                reached |= bool((moment == 0)[0])
    fading = "mean" if name.startswith("adam") else next(iter(memory.moments))
    assert (memory.moments[fading] == 0).all()


def test_flushing_changes_no_moment_that_counts():
    optimizer = Adam()
    w = np.zeros(3, np.float32)
    memory = optimizer.start(w)
    memory.moments["mean"][:] = memory.moments["square"][:] = (1e-25, 1e-34, 3.0)
    memory.count = optimizer._flush_interval - 1
    optimizer.step(w, np.zeros(3, np.float32), memory, 0.0)
    assert (memory.moments["mean"] == np.float32([1e-25, 1e-34, 3.0]) * np.float32(0.9))[[0, 2]].all()
    assert memory.moments["mean"][1] == 0
    assert (memory.moments["square"] == np.float32([1e-25, 1e-34, 3.0]) * np.float32(0.999)).all()


@pytest.mark.parametrize("kernels", [None, "numba"])
@pytest.mark.parametrize("epsilon", [0.0, 1e-20, 1e-8])
def test_steps_of_tiny_gradients_equal_torch_through_every_flush(epsilon, kernels):
    random = np.random.default_rng(0)
    w = np.zeros(5, np.float32)
    optimizer, parameter = Adam(1e-3, epsilon=epsilon), torch.zeros(5, requires_grad=True)
    memory, theirs = optimizer.start(w), torch.optim.Adam([parameter], 1e-3, eps=epsilon)
    for _ in range(3 * optimizer._flush_interval + 5):
        gradient = (1e-17 * (1 + random.random(5))).astype(np.float32)
        parameter.grad = torch.tensor(gradient)
        optimizer.step(w, gradient, memory, 1e-3, kernels=kernels)
        theirs.step()
        np.testing.assert_allclose(w, parameter.detach().numpy(), rtol=1e-5)


def test_a_mean_is_flushed_with_its_square_so_that_no_step_leaps():
    optimizer, w = Adam(epsilon=0.0), np.zeros(2, np.float32)
    memory, gradient = optimizer.start(w), np.array([1e-20, 1.0], np.float32)
    for _ in range(optimizer._flush_interval + 20):
        before = w.copy()
        optimizer.step(w, gradient.copy(), memory, 1e-3)
        assert (np.abs(w - before) < 4e-3).all(), memory.count


def test_a_step_allocates_no_vectors():
    import tracemalloc

    w = np.ones(200_000, np.float32)
    optimizer = Adam()
    memory, gradient = optimizer.start(w), np.ones_like(w)
    optimizer.step(w, gradient, memory, 1e-3, 0.1)
    tracemalloc.start()
    for _ in range(3):
        optimizer.step(w, gradient, memory, 1e-3, 0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < w.nbytes / 20


def test_decay_per_parameter_leaves_the_others_alone():
    for optimizer in (SGD(0.1), AdamW(0.1)):
        w = np.ones(2 * BLOCK, np.float64)
        decay = np.zeros_like(w)
        decay[BLOCK + 1 :] = 0.5
        optimizer.step(w, np.zeros_like(w), optimizer.start(w), 0.1, decay)
        assert (w[: BLOCK + 1] == 1).all()
        np.testing.assert_allclose(w[BLOCK + 1 :], 0.95, rtol=1e-15)


@pytest.mark.parametrize("decayed", ["all", "weights"])
@pytest.mark.parametrize("name", PAIRS)
def test_a_whole_number_as_weight_decay_trains_like_a_fraction(name, decayed, monkeypatch):
    net = bp.Network([bp.Linear(200, 100)])
    monkeypatch.setattr(optimizers, "BLOCK", 2**14)
    assert net.layout.size > optimizers.BLOCK
    x, y = np.ones((2, 200), np.float32), np.zeros((2, 100), np.float32)
    vectors = [
        fit(net, net.initialize(0), x, y, bp.SquaredError(), Training(1, 2, name, weight_decay=decay, decayed=decayed))
        for decay in (1, 1.0, np.int64(1), np.float32(1))
    ]
    assert all((fitted.theta.vector == vectors[0].theta.vector).all() for fitted in vectors)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (SGD, {"learning_rate": -1.0}),
        (SGD, {"learning_rate": float("nan")}),
        (Momentum, {"momentum": 1.0}),
        (Adam, {"beta_1": 1.0}),
        (Adam, {"epsilon": "small"}),
        (RMSProp, {"rho": -0.1}),
    ],
)
def test_impossible_settings_are_named(kind, settings):
    with pytest.raises(OptionError, match=next(iter(settings))):
        kind(**settings)


def test_a_copied_memory_updates_its_own_arrays():
    vector, gradient, optimizer = np.ones(5), np.ones(5), Adam(0.1)
    memory = optimizer.start(vector)
    optimizer.step(vector, gradient, memory, 0.1)
    for copied in (copy.deepcopy([vector, gradient, memory]), pickle.loads(pickle.dumps([vector, gradient, memory]))):
        optimizer.step(*copied, 0.1)
        expected = vector.copy(), gradient, copy.deepcopy(memory)
        optimizer.step(*expected, 0.1)
        np.testing.assert_array_equal(copied[0], expected[0])
        np.testing.assert_array_equal(copied[2].moments["mean"], expected[2].moments["mean"])
        assert (copied[0] != vector).all()


def test_a_memory_follows_other_arrays():
    optimizer, memory = Adam(0.1), Adam(0.1).start(np.ones(5))
    for _ in range(2):
        w = np.ones(5)
        optimizer.step(w, np.ones(5), memory, 0.1)
        assert (w < 1).all()
