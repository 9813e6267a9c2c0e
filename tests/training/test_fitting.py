"""fit: what it learns, that it is reproducible, and what it says of bad input."""

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

import backproof as bp
from backproof.errors import DataError, DtypeError, NonFiniteError, OptionError, ShapeError
from backproof.training import (
    SGD,
    Adam,
    AdamW,
    Batches,
    Cosine,
    Momentum,
    Training,
    WarmUp,
    evaluate,
    fit,
    optimizer_from,
    schedule_from,
)  # fmt: skip
from training.problems import blobs, classifier, quick

LOSS = bp.CrossEntropy()


def test_a_network_learns_and_its_history_says_so():
    (x, y), held = blobs(), blobs(seed=1)
    net = classifier()
    fitted = fit(net, net.initialize(0), x, y, LOSS, quick(epochs=30), validation=held, metric="accuracy")
    assert fitted.stopped == "finished"
    assert [entry.epoch for entry in fitted.history] == list(range(1, 31))
    assert fitted.history[-1].loss < 0.3 * fitted.history[0].loss
    assert fitted.history[-1].metric > 0.85
    assert all(entry.seconds > 0 for entry in fitted.history)
    best = fitted.history[fitted.best_epoch - 1]
    assert best.metric == max(fitted.history.metrics)
    assert evaluate(net, fitted.best, Batches(*held), LOSS, "accuracy") == (best.validation_loss, best.metric)


def test_the_starting_parameters_are_left_alone():
    net, (x, y) = classifier(), blobs()
    theta = net.initialize(0)
    before = theta.vector.copy()
    fitted = fit(net, theta, x, y, LOSS, quick())
    assert (theta.vector == before).all()
    assert (fitted.theta.vector != before).any()
    assert fitted.best.vector is fitted.theta.vector


def test_the_loss_is_the_mean_over_the_examples():
    net, (x, y) = classifier(), blobs(50)
    theta = net.initialize(0)
    fitted = fit(net, theta, x, y, LOSS, quick(epochs=1, optimizer=SGD(0.0)))
    expected = float(LOSS.value(net(theta, x), y))
    assert fitted.history[0].loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_one_epoch_equals_torch(reduction):
    x, y = blobs(48, dtype="float64")
    net = classifier()
    theta = net.initialize(1, "float64")
    model = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).double()
    with torch.no_grad():
        for parameter, name in zip(model.parameters(), theta, strict=True):
            parameter.copy_(torch.tensor(theta[name]))
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=0.01)
    for start in range(0, 48, 16):
        optimizer.zero_grad()
        z = model(torch.tensor(x[start : start + 16]))
        loss = torch.nn.functional.cross_entropy(z, torch.tensor(y[start : start + 16]), reduction=reduction)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
    settings = quick(epochs=1, optimizer=Momentum(0.1), weight_decay=0.01, clip_norm=0.5, shuffle=False)
    fitted = fit(net, theta, x, y, bp.CrossEntropy(reduction=reduction), settings)
    theirs = np.concatenate([parameter.detach().numpy().reshape(-1) for parameter in model.parameters()])
    np.testing.assert_allclose(fitted.theta.vector, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_equal_seeds_give_equal_bits_and_others_do_not(dropout):
    net, (x, y) = classifier(dropout=dropout), blobs()
    theta = net.initialize(0)
    one, two, other = (fit(net, theta, x, y, LOSS, quick(seed=seed)).theta.vector for seed in (5, 5, 6))
    assert (one == two).all()
    assert (one != other).any()


def test_dropout_acts_in_training_and_not_in_validation():
    net, (x, y) = classifier(dropout=0.5), blobs()
    theta = net.initialize(0)
    fitted = fit(net, theta, x, y, LOSS, quick(epochs=1, optimizer=SGD(0.0)), validation=(x, y))
    plain = float(LOSS.value(net(theta, x), y))
    assert fitted.history[0].validation_loss == pytest.approx(plain, rel=1e-6)
    assert abs(fitted.history[0].loss - plain) > 1e-3


def test_integer_weights_equal_repeated_examples_in_one_batch():
    x, y = blobs(20, dtype="float64")
    weights = np.arange(20) % 4
    net = classifier()
    theta = net.initialize(0, "float64")
    settings = quick(epochs=10, batch_size=1000, optimizer=SGD(0.5))
    weighted = fit(net, theta, x, y, LOSS, settings, weights=weights)
    repeated = fit(net, theta, x.repeat(weights, 0), y.repeat(weights), LOSS, settings)
    np.testing.assert_allclose(weighted.theta.vector, repeated.theta.vector, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighted.history.losses, repeated.history.losses, rtol=1e-9)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_equal_weights_change_nothing_when_the_loss_is_a_mean(reduction):
    net, (x, y) = classifier(), blobs(40)
    theta = net.initialize(0)
    loss = bp.CrossEntropy(reduction=reduction)
    plain = fit(net, theta, x, y, loss, quick())
    factor = 3.0 if reduction == "mean" else 1.0
    weighted = fit(net, theta, x, y, loss, quick(), weights=np.full(40, factor))
    np.testing.assert_allclose(plain.theta.vector, weighted.theta.vector, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(plain.history.losses, weighted.history.losses, rtol=1e-4)


def test_weights_act_in_batches_of_one():
    x, y = blobs(10)
    net = classifier()
    theta = net.initialize(0)
    weights = np.r_[np.ones(9), 0.0]
    kept = fit(
        net, theta, x, y, LOSS, quick(batch_size=1, shuffle=False, optimizer=SGD(0.1), epochs=1), weights=weights
    )
    less = fit(
        net, theta, x[:9], y[:9], LOSS, quick(batch_size=1, shuffle=False, optimizer=SGD(0.1 * 10 / 9), epochs=1)
    )
    np.testing.assert_allclose(kept.theta.vector, less.theta.vector, rtol=1e-4, atol=1e-6)


def test_only_weights_decay_when_asked():
    net, (x, y) = classifier(), blobs()
    theta = net.initialize(0)
    settings = quick(epochs=1, optimizer=AdamW(0.0), weight_decay=0.5)
    same = fit(net, theta, x, y, LOSS, settings)
    assert (same.theta.vector == theta.vector).all()
    zero = bp.SquaredError(reduction="sum")
    settings = Training(1, 100, SGD(0.1), weight_decay=1.0, decayed="weights")
    still = fit(net, theta, x[:1], net(theta, x[:1]), zero, settings)
    np.testing.assert_allclose(still.theta["0.weight"], 0.9 * theta["0.weight"], rtol=1e-6)
    assert (still.theta["0.bias"] == theta["0.bias"]).all()


class OnlyByIndex:
    """Rows that are computed when asked for; the whole array never exists."""

    def __init__(self, array):
        self.array, self.largest = array, 0

    def __len__(self):
        return len(self.array)

    def __getitem__(self, index):
        rows = self.array[index]
        self.largest = max(self.largest, len(rows))
        return rows

    def __array__(self, *args, **kwargs):
        raise AssertionError("the whole array was asked for")


def test_lazy_uint8_images_are_prepared_batch_by_batch():
    random = np.random.default_rng(0)
    pixels, y = random.integers(0, 256, (70, 5), dtype=np.uint8), random.integers(0, 3, 70)
    net = classifier()
    theta = net.initialize(0)
    scaled = (pixels / 255).astype("float32")
    lazy, targets = OnlyByIndex(pixels), OnlyByIndex(y.astype("int64"))

    def prepare(batch):
        return (batch / 255).astype("float32")

    ours = fit(net, theta, lazy, targets, LOSS, quick(), prepare=prepare, validation=(lazy, targets))
    plain = fit(net, theta, scaled, y, LOSS, quick(), validation=(scaled, y))
    assert (ours.theta.vector == plain.theta.vector).all()
    assert ours.history.validation_losses == plain.history.validation_losses
    assert lazy.largest <= 1024


def test_memory_mapped_files_train_like_arrays(tmp_path):
    x, y = blobs()
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    net = classifier()
    theta = net.initialize(0)
    assert (
        fit(net, theta, mapped, y, LOSS, quick()).theta.vector == fit(net, theta, x, y, LOSS, quick()).theta.vector
    ).all()


def test_targets_can_be_prepared():
    x, _ = blobs(dtype="float64")
    net = bp.Network([bp.Linear(5, 1)])
    y = 100 + 10 * x[:, 0]
    fitted = fit(
        net, net.initialize(0, "float64"), x, y, bp.SquaredError(), quick(epochs=60, optimizer=Adam(0.05)),
        prepare_target=lambda t: (t - 100) / 10, validation=(x, y), metric="r2",
    )  # fmt: skip
    assert fitted.history[-1].metric > 0.999


def test_patience_stops_when_validation_no_longer_improves():
    net, (x, y) = classifier(), blobs(30)
    theta = net.initialize(0)
    fitted = fit(net, theta, x, y, LOSS, quick(epochs=50, optimizer=SGD(0.0), patience=3), validation=blobs(seed=1))
    assert fitted.stopped == "early"
    assert len(fitted.history) == 4
    assert fitted.best_epoch == 1


def test_patience_without_validation_watches_the_training_loss():
    net, (x, y) = classifier(), blobs(30)
    settings = quick(epochs=50, optimizer=SGD(1e-9), patience=2, tolerance=1e-3)
    fitted = fit(net, net.initialize(0), x, y, LOSS, settings)
    assert fitted.stopped == "early"
    assert len(fitted.history) == 3


def test_the_best_of_equal_metrics_has_the_lower_loss():
    (x, y), net = blobs(), classifier()
    fitted = fit(net, net.initialize(0), x, y, LOSS, quick(epochs=60), validation=(x[:2], y[:2]), metric="accuracy")
    full = [entry for entry in fitted.history if entry.metric == 1.0]
    assert len(full) > 1
    assert fitted.best_epoch == min(full, key=lambda entry: entry.validation_loss).epoch


def test_one_row_trains():
    net, (x, y) = classifier(), blobs(1)
    fitted = fit(net, net.initialize(0), x, y, LOSS, quick(epochs=20), validation=(x, y), metric="accuracy")
    assert fitted.history[-1].loss < fitted.history[0].loss


def test_a_batch_larger_than_the_data_is_the_data():
    net, (x, y) = classifier(), blobs(20)
    theta = net.initialize(0)
    one, two = (fit(net, theta, x, y, LOSS, quick(batch_size=size)) for size in (20, 10_000))
    assert (one.theta.vector == two.theta.vector).all()


def test_no_epochs_return_the_start():
    net, (x, y) = classifier(), blobs(20)
    theta = net.initialize(0)
    fitted = fit(net, theta, x, y, LOSS, quick(epochs=0))
    assert (fitted.theta.vector == theta.vector).all()
    assert len(fitted.history) == 0


def test_diverging_training_names_step_epoch_and_layer():
    net, (x, _) = bp.Network([bp.Linear(5, 4), bp.Linear(4, 5)]), blobs()
    with pytest.raises(NonFiniteError, match=r"^step \d+ \(epoch \d+\): (parameter|layer|the gradient)"):
        fit(net, net.initialize(0), x, x, bp.SquaredError(), quick(epochs=100, optimizer=SGD(10.0)))


def test_nan_in_the_data_is_named_with_its_step():
    net, (x, y) = classifier(), blobs()
    x[40, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"step \d+ \(epoch 1\): the input holds nan at \(40, 2\) in example 40,"):
        fit(net, net.initialize(0), x, y, LOSS, quick())


def test_an_infinite_gradient_is_named_with_its_layer():
    class Steep(bp.Elementwise):
        """The identity with a derivative that overflows."""

        def function(self, x):
            return x * 1.0

        def derivative(self, x, y):
            return np.full_like(x, np.inf)

    net = bp.Network([bp.Linear(5, 4), Steep(), bp.Linear(4, 3)])
    x, y = blobs()
    with pytest.raises(NonFiniteError, match=r"step 1 \(epoch 1\): layer 0, Linear\(5 -> 4\): the gradient"):
        fit(net, net.initialize(0), x, y, LOSS, quick())


def test_nan_in_validation_data_is_named():
    net, (x, y) = classifier(), blobs()
    held = np.tile(x, (20, 1))
    held[1500, 1] = np.nan
    words = r"^after epoch 1: validation data: the input holds nan at \(1500, 1\) in example 1500, expected"
    with pytest.raises(NonFiniteError, match=words):
        fit(net, net.initialize(0), x, y, LOSS, quick(), validation=(held, np.tile(y, 20)))


def bad(**change):
    x, y = blobs()
    net = classifier()
    call = {"net": net, "theta": net.initialize(0), "x": x, "y": y, "loss": LOSS, "settings": quick(), **change}
    return fit(**call)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"x": np.empty((0, 5), "f"), "y": np.empty(0, int)}, DataError, "no examples"),
        ({"y": np.zeros(7, int)}, ShapeError, "x has 90 examples, y has 7"),
        ({"x": np.zeros((90, 4), "f")}, ShapeError, r"Linear\(5 -> 8\)"),
        ({"x": np.zeros((90, 5))}, DtypeError, "float64"),
        ({"x": np.zeros((90, 5), int)}, DtypeError, "int64"),
        ({"y": np.zeros(90)}, ShapeError, "class indices"),
        ({"y": np.full(90, 3)}, DataError, "class index 3"),
        ({"y": np.r_[np.zeros(89, int), 7]}, DataError, r"step \d \(epoch 1\): .*example 89 has class index 7"),
        ({"weights": np.ones(7)}, ShapeError, r"weights have shape \(7,\), expected \(90,\)"),
        ({"weights": -np.ones(90)}, DataError, "weight 0 is -1.0"),
        ({"weights": np.zeros(90)}, DataError, "all weights are 0"),
        ({"weights": ["a"] * 90}, DataError, "not numbers"),
        ({"weights": np.full(90, 1 + 1j)}, DtypeError, "training data: weights have dtype complex128, expected real"),
        ({"weights": np.ma.masked_array(np.ones(90), np.eye(90)[0])}, DtypeError, r"weights .*masked array"),
        ({"x": np.ma.masked_array(blobs()[0], 1)}, DtypeError, r"training data: x .*masked array"),
        ({"y": np.ma.masked_array(blobs()[1], 1)}, DtypeError, r"training data: y .*masked array"),
        ({"y": np.ones((90, 3), complex)}, DtypeError, "targets have dtype complex128"),
        ({"validation": blobs()[0]}, OptionError, "a pair"),
        ({"validation": (np.empty((0, 5), "f"), np.empty(0, int))}, DataError, "validation data: there are no"),
        ({"metric": "acuracy"}, OptionError, "Did you mean 'accuracy'"),
        ({"metric": "accuracy", "loss": bp.SquaredError()}, OptionError, "SquaredError"),
        ({"resume": True}, OptionError, "checkpoint=PATH"),
        ({"checkpoint": "a.safetensors", "checkpoint_every": 0}, OptionError, "checkpoint_every=0"),
    ],
)
def test_bad_input_gets_one_line_that_says_what_is_wrong(change, error, words):
    with pytest.raises(error, match=words) as caught:
        bad(**change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizer": "adan"}, "unknown optimizer 'adan'. Did you mean 'adam'"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'. Did you mean 'cosine'"),
        ({"optimizer": {"name": "adam", "beta1": 0.5}}, "Did you mean 'beta_1'"),
        ({"optimizer": 3}, "optimizer=3"),
        ({"epochs": -1}, "epochs=-1"),
        ({"epochs": 2.5}, "epochs=2.5"),
        ({"epochs": True}, "epochs=True"),
        ({"seed": np.True_}, "seed="),
        ({"weight_decay": np.True_}, "weight_decay="),
        ({"batch_size": 0}, "batch_size=0"),
        ({"patience": 0}, "patience=0"),
        ({"clip_norm": 0.0}, "clip_norm"),
        ({"clip_norm": float("nan")}, "clip_norm=nan"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1"),
        ({"decayed": "weight"}, "Did you mean 'weights'"),
    ],
)
def test_impossible_settings_are_named(settings, words):
    with pytest.raises(OptionError, match=words):
        Training(**settings)


def test_settings_survive_their_description():
    settings = Training(optimizer=AdamW(1e-2, beta_1=0.8), schedule=WarmUp(2, Cosine(0.1)))
    plain = settings.describe()
    assert optimizer_from(plain["optimizer"]) == settings.optimizer
    assert schedule_from(plain["schedule"]) == settings.schedule
    assert Training(**plain) == settings


def test_numbers_of_numpy_become_plain_settings():
    settings = Training(np.int64(3), np.int32(4), patience=np.int8(2), seed=np.uint64(7), clip_norm=np.float32(0.5))
    assert settings == Training(3, 4, patience=2, seed=7, clip_norm=0.5)
    assert json.loads(json.dumps(settings.describe())) == settings.describe()


def test_the_best_epoch_of_counts_is_the_one_whose_rates_are_nearest_to_them():
    random = np.random.default_rng(0)
    x = random.standard_normal((400, 1))
    y = random.poisson(np.exp(1 + 0.5 * x)).astype(float)
    net, held = bp.Network([bp.Linear(1, 1)]), (x[300:], y[300:])
    settings = quick(epochs=20, optimizer=Adam(3e-2))
    start = net.initialize(0, "float64")
    fitted = fit(net, start, x[:300], y[:300], bp.Poisson(), settings, validation=held, metric="r2")
    rate = np.exp(net.forward(fitted.best, held[0]))
    assert fitted.history[fitted.best_epoch - 1].metric == pytest.approx(r2_score(held[1], rate), rel=1e-9)
    assert r2_score(held[1], rate) > 0.3
    assert fitted.best_epoch > 10
