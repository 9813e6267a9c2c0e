"""The estimators: accuracy, attributes, and parameters that mean what scikit-learn's mean."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import threadpoolctl
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import backproof as bp
from backproof.errors import OptionError, ShapeError
from backproof.training import Adam, Cosine
from backproof.training.estimators import BackproofClassifier, BackproofRegressor
from backproof.training.fitting import Run
from training.problems import blobs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return train_test_split(x / 16, y, test_size=0.25, random_state=0, stratify=y)


def test_digits_are_read_with_default_settings(digits):
    x, held_x, y, held_y = digits
    model = BackproofClassifier(random_state=0).fit(x, y)
    assert model.score(held_x, held_y) >= 0.97
    proba = model.predict_proba(held_x)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(held_x)), proba, rtol=1e-9)
    assert (model.classes_[proba.argmax(axis=1)] == model.predict(held_x)).all()
    assert (model.n_layers_, model.n_outputs_, model.n_iter_) == (3, 10, len(model.loss_curve_))
    assert [w.shape for w in model.coefs_] == [(64, 100), (100, 10)]
    assert [b.shape for b in model.intercepts_] == [(100,), (10,)]
    assert model.loss_ == model.loss_curve_[-1]
    assert model.best_loss_ == min(model.loss_curve_)


@pytest.mark.parametrize(
    "solver",
    [
        {"solver": "sgd", "nesterovs_momentum": True},
        {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
        {"solver": "sgd", "momentum": 0},
        # scikit-learn adds epsilon before it corrects the root, PyTorch and we after: a tiny one hides that.
        {"solver": "adam", "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-13},
    ],
)
@pytest.mark.parametrize("classes", [2, 3])
def test_epochs_equal_those_of_mlp_classifier_from_the_same_start(solver, classes):
    x, y = blobs(60, classes=classes, dtype="float64")
    common = {
        "hidden_layer_sizes": (7, 4), "activation": "tanh", "alpha": 0.3, "batch_size": 20, "shuffle": False,
        "learning_rate_init": 0.05, "max_iter": 1, "warm_start": True, "random_state": 0,
    }  # fmt: skip
    ours, theirs = BackproofClassifier(**common, **solver), MLPClassifier(**common, **solver)
    ours.fit(x, y)
    theirs.fit(x, y)
    for name, array in (("weight", theirs.coefs_), ("bias", theirs.intercepts_)):
        for place, values in zip((0, 2, 4), array, strict=True):
            ours.parameters_[f"{place}.{name}"][...] = values.T
    ours.set_params(max_iter=5).fit(x, y)
    theirs.set_params(max_iter=5).fit(x, y)
    for one, other in zip([*ours.coefs_, *ours.intercepts_], [*theirs.coefs_, *theirs.intercepts_], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), rtol=1e-7)


def test_float32_stays_float32_and_the_rest_becomes_float64():
    x, y = blobs()
    for given, kept in (("float32", "float32"), ("float64", "float64"), ("int64", "float64")):
        model = BackproofClassifier(max_iter=2).fit(x.astype(given), y)
        assert model.parameters_.vector.dtype == kept
        assert model.predict_proba(x).dtype == kept
    assert (
        BackproofClassifier(max_iter=2, dtype="float32").fit(x.astype(float), y).parameters_.vector.dtype == "float32"
    )
    with pytest.raises(OptionError, match="int8"):
        BackproofClassifier(dtype="int8").fit(x, y)


def test_two_classes_share_one_output_and_names_are_kept():
    x, y = blobs(classes=2)
    names = np.array(["no", "yes"])[y]
    model = BackproofClassifier(random_state=0).fit(x, names)
    assert model.n_outputs_ == 1
    assert model.score(x, names) > 0.9
    assert model.predict_proba(x).shape == (90, 2)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), model.predict_proba(x), rtol=1e-4)


def test_labels_are_predicted_side_by_side():
    x, y = blobs(200, dtype="float64")
    labels = np.stack([y == 0, y != 1], axis=1).astype(int)
    model = BackproofClassifier(random_state=0, learning_rate_init=1e-2).fit(x, labels)
    assert model.score(x, labels) > 0.9
    assert model.predict_proba(x).shape == (200, 2)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), model.predict_proba(x), rtol=1e-9)


def test_a_network_of_ones_own_is_trained():
    x, y = blobs()
    layers = [bp.Linear(5, 6), bp.Residual([bp.Linear(6, 6), bp.GELU()]), bp.Linear(6, 3)]
    for network in (layers, bp.Network(layers)):
        model = BackproofClassifier(network=network, random_state=0, learning_rate_init=1e-2).fit(x, y)
        assert model.score(x, y) > 0.9
        assert clone(model).get_params()["network"] == network
    assert [w.shape for w in model.coefs_] == [(5, 6), (6, 3)]


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"network": [bp.Linear(4, 3)]}, ShapeError, r"Linear\(4 -> 3\)"),
        ({"network": [bp.Linear(5, 2)]}, OptionError, "expected 3 numbers"),
        ({"network": "mlp"}, OptionError, "a list of layers"),
        ({"activation": "rely"}, OptionError, "Did you mean 'relu'"),
        ({"solver": "lbfgs"}, OptionError, "unknown solver 'lbfgs'"),
        ({"learning_rate": "cosin"}, OptionError, "Did you mean 'cosine'"),
        ({"hidden_layer_sizes": (0,)}, OptionError, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": 2.5}, OptionError, "hidden_layer_sizes"),
        ({"alpha": -1}, OptionError, "alpha=-1"),
        ({"batch_size": 0}, OptionError, "batch_size=0"),
        ({"max_iter": 0}, OptionError, "max_iter=0"),
        ({"early_stopping": True, "validation_fraction": 1.5}, OptionError, "validation_fraction=1.5"),
        ({"early_stopping": True, "validation_fraction": "a"}, OptionError, "validation_fraction='a', expected a"),
        ({"early_stopping": True, "validation_fraction": None}, OptionError, "validation_fraction=None"),
        ({"dtype": "nonsense"}, OptionError, "dtype='nonsense', expected 'float32', 'float64' or None"),
        ({"dtype": ["a"]}, OptionError, r"dtype=\['a'\]"),
        ({"dtype": "a,,b"}, OptionError, "dtype='a,,b'"),
        ({"dtype": "float16"}, OptionError, "dtype='float16'"),
        ({"tol": "a"}, OptionError, "tol='a', expected a finite number"),
        ({"tol": None}, OptionError, "tol=None"),
    ],
)
def test_impossible_parameters_are_named(settings, error, words):
    with pytest.raises(error, match=words):
        BackproofClassifier(**settings).fit(*blobs())


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu", "gelu", "SiLU"])
def test_activations_go_by_scikit_learns_names_and_ours(activation):
    x, y = blobs()
    model = BackproofClassifier((6,), activation, random_state=0, learning_rate_init=0.02).fit(x, y)
    assert model.score(x, y) > 0.9


@pytest.mark.parametrize("solver", ["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", Adam(0.02)])
def test_every_solver_learns(solver):
    x, y = blobs()
    model = BackproofClassifier(solver=solver, learning_rate_init=0.02, batch_size=16, random_state=0).fit(x, y)
    assert model.score(x, y) > 0.9


def test_early_stopping_keeps_the_best_and_its_scores(digits):
    x, _, y, _ = digits
    model = BackproofClassifier(early_stopping=True, random_state=0, n_iter_no_change=3).fit(x, y)
    assert model.n_iter_ < 200
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None
    with pytest.raises(OptionError, match="early_stopping"):
        model.partial_fit(x, y)


def test_partial_fit_goes_on_where_it_was():
    x, y = blobs()
    model = BackproofClassifier(random_state=0, learning_rate_init=0.01)
    with pytest.raises(OptionError, match="classes"):
        model.partial_fit(x[:9], y[:9])
    model.partial_fit(x[:9], y[:9], classes=[0, 1, 2])
    for _ in range(80):
        model.partial_fit(x[:45], y[:45])
        model.partial_fit(x[45:], y[45:])
    assert model.score(x, y) > 0.9
    assert len(model.loss_curve_) == 161
    with pytest.raises(OptionError, match="class 7"):
        model.partial_fit(x, np.full(90, 7))


def test_partial_fit_equals_fit_epoch_by_epoch_without_shuffling():
    x, y = blobs(dtype="float64")
    common = {"shuffle": False, "random_state": 0, "batch_size": 30, "tol": 0.0, "n_iter_no_change": np.inf}
    whole = BackproofClassifier(max_iter=5, **common).fit(x, y)
    parts = BackproofClassifier(**common)
    for _ in range(5):
        parts.partial_fit(x, y, classes=[0, 1, 2])
    assert (whole.parameters_.vector == parts.parameters_.vector).all()
    assert whole.loss_curve_ == parts.loss_curve_


def test_warm_start_goes_on_and_a_cold_one_does_not():
    x, y = blobs()
    for warm, curve in ((True, 6), (False, 3)):
        model = BackproofClassifier(max_iter=3, warm_start=warm, random_state=0).fit(x, y).fit(x, y)
        assert len(model.loss_curve_) == curve
        assert model.n_iter_ == 3


def test_random_states_decide_the_bits():
    x, y = blobs()

    def vector(state):
        return BackproofClassifier(max_iter=3, random_state=state).fit(x, y).parameters_.vector

    assert (vector(1) == vector(1)).all()
    assert (vector(np.random.RandomState(1)) == vector(1)).all()
    assert (vector(1) != vector(2)).any()
    assert (vector(None) != vector(None)).any()


def test_an_unfinished_training_warns():
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        BackproofClassifier(max_iter=2).fit(*blobs())


def test_a_converged_training_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = BackproofClassifier(tol=0.5, random_state=0).fit(*blobs())
    assert model.n_iter_ < 200


def test_numbers_are_predicted_and_multi_output_ones_too():
    x, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    model = make_pipeline(StandardScaler(), BackproofRegressor((20,), random_state=0, max_iter=100)).fit(x, y)
    assert model.score(x, y) > 0.5
    assert model.predict(x).shape == (442,)
    both = BackproofRegressor(random_state=0).fit(x, np.stack([y, -y], axis=1))
    assert both.predict(x).shape == (442, 2)
    assert both.n_outputs_ == 2


def test_estimators_work_in_a_search_with_a_schedule():
    x, y = blobs(dtype="float64")
    pipeline = make_pipeline(StandardScaler(), BackproofClassifier(learning_rate=Cosine(), random_state=0))
    search = GridSearchCV(pipeline, {"backproofclassifier__hidden_layer_sizes": [(4,), (8, 8)]}, cv=2).fit(x, y)
    assert search.best_score_ > 0.8


def test_copies_predict_the_same_and_can_be_trained_on():
    x, y = blobs()
    model = BackproofClassifier(max_iter=3, random_state=0).fit(x, y)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (twin.predict_proba(x) == model.predict_proba(x)).all()
        twin.partial_fit(x, y)
        assert (twin.predict_proba(x) != model.predict_proba(x)).any()


def test_verbose_training_speaks_on_standard_error(capfd):
    BackproofClassifier(max_iter=2, verbose=True).fit(*blobs())
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("epoch 1/2")


def test_training_takes_one_thread_whatever_was_set(monkeypatch):
    x, y = blobs()
    seen, complete = [], Run.complete

    def watched(run, state):
        seen.append({pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"})
        return complete(run, state)

    monkeypatch.setattr(Run, "complete", watched)
    with threadpoolctl.threadpool_limits(2):
        model = BackproofClassifier((4,), max_iter=2, random_state=0).fit(x, y)
        model.partial_fit(x, y)
    assert seen == [{1}, {1}]


@pytest.mark.parametrize("name", ["adaptive", "invscaling", 3, {"name": "adaptive"}])
def test_an_unknown_learning_rate_names_the_parameter_and_what_is_known(name):
    with pytest.raises(OptionError, match=r"learning_rate.*constant, .*warmup") as caught:
        BackproofClassifier(learning_rate=name).fit(*blobs())
    assert "\n" not in str(caught.value)


def test_the_known_activations_are_listed_once():
    with pytest.raises(OptionError) as caught:
        BackproofClassifier(activation="rulu").fit(*blobs())
    known = str(caught.value).partition("Known: ")[2].rstrip(".").split(", ")
    assert len(known) == len(set(known))
    assert "relu" in known
