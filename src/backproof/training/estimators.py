"""scikit-learn estimators: networks with ``fit`` and ``predict``."""

import warnings
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import OptionError, missing_extra
from ..functions import log_softmax, sigmoid, softmax, softplus
from ..losses import BinaryCrossEntropy, CrossEntropy, Loss, SquaredError
from .estimating import NetworkEstimator

try:
    from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
    from sklearn.exceptions import DataConversionWarning
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
except ImportError as error:
    raise missing_extra("backproof.training.estimators", "data") from error


class BackproofClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
    r"""A neural network that predicts classes, with scikit-learn's interface.

    The loss is the cross-entropy: of a softmax for three classes or more, of one sigmoid for two, and of one
    sigmoid per label for a 0/1 matrix of labels.

    Math:
        loss + alpha / (2 batch) \|weights\|^2    (``loss_`` and ``loss_curve_`` are without the second part)

    Shapes:
        X: (n, features)
        y: (n,) classes or (n, labels) of 0 and 1
        predict_proba: (n, classes) or (n, labels)

    Dtype: float32 stays float32, all else becomes float64, unless ``dtype`` says otherwise.

    Args:
        hidden_layer_sizes, alpha, batch_size, learning_rate_init, max_iter, shuffle, random_state, tol, verbose,
            warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon,
            n_iter_no_change: as in scikit-learn's MLPClassifier (but epsilon as in PyTorch, beside the corrected root).
        activation: a name of scikit-learn's or of an elementwise layer, as in ``"gelu"``.
        network: a ``Network`` or list of layers in place of ``hidden_layer_sizes`` and ``activation``.
        solver: ``"adam"``, ``"adamw"``, ``"sgd"`` (with ``momentum``), ``"rmsprop"``, or an optimiser.
        learning_rate: the name of a schedule, or a schedule.
        clip_norm: largest norm of the gradient.
        dtype: ``"float32"``, ``"float64"`` or None.
        compile: whether gradients run as a compiled program; the numbers are the same up to rounding.

    Attributes:
        classes_: the classes in order.
        network_, parameters_: the network and what it learned (with ``early_stopping`` the best).
        loss_, best_loss_, loss_curve_: mean loss of the last epoch, of the best, of all.
        n_iter_, n_layers_, n_outputs_: epochs of the last fit, layers with parameters plus one, outputs.
        validation_scores_, best_validation_score_: with ``early_stopping``, accuracy after every epoch.
    """

    _metric = "accuracy"

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Train for one epoch on these examples, from where the last call ended.

        Args:
            X, y: a part of the data.
            classes: all classes there will be; needed in the first call.
            sample_weight: (n,).

        Raises:
            ValueError: data do not fit, a class is unknown, or the first call lacks ``classes``.
        """
        if classes is None and not hasattr(self, "parameters_"):
            raise OptionError("partial_fit: classes=None in the first call, expected all classes there will be.")
        return self._partial_fit(X, y, sample_weight, classes)

    def _learn_targets(self, y: Array, classes: Any = None) -> None:
        check_classification_targets(y)
        self._labels = type_of_target(y) == "multilabel-indicator"
        if self._labels:
            self.classes_ = np.arange(y.shape[1])
        else:
            self.classes_ = np.unique(_column(y) if classes is None else classes)
        binary = not self._labels and len(self.classes_) == 2
        self.n_outputs_ = 1 if binary else len(self.classes_)

    def _check_goes_on(self, y: Array) -> None:
        if self._labels != (type_of_target(y) == "multilabel-indicator"):
            raise OptionError("y changed between classes and a matrix of labels, expected the kind of the first fit.")
        if self._labels:
            if y.shape[1] != self.n_outputs_:
                raise OptionError(f"y has {y.shape[1]} labels, expected {self.n_outputs_} as in the first fit.")
            return
        unknown = np.setdiff1d(_column(y), self.classes_)
        if len(unknown):
            raise OptionError(f"y has the class {unknown.tolist()[0]!r}, expected one of {self.classes_.tolist()}.")

    def _encode(self, y: Array, dtype: Any) -> Array:
        if self._labels:
            return y.astype(dtype)
        index = np.searchsorted(self.classes_, _column(y, warn=True))
        return index.astype(dtype)[:, None] if self.n_outputs_ == 1 and len(self.classes_) == 2 else index

    def _make_loss(self) -> Loss:
        sigmoids = self._labels or len(self.classes_) == 2
        return BinaryCrossEntropy() if sigmoids else CrossEntropy()

    def _strata(self, y: Array) -> Array | None:
        return None if self._labels else _column(y)

    def predict(self, X: Any) -> Array:
        """Return the most probable class of every example, or its labels."""
        z = self._outputs(X)
        if self._labels:
            return (z > 0).astype(int)
        index = (z[:, 0] > 0).astype(int) if len(self.classes_) == 2 else z.argmax(axis=1)
        return self.classes_[index]

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of every class, (n, classes), or of every label, (n, labels)."""
        z = self._outputs(X)
        if self._labels:
            return sigmoid(z)
        if len(self.classes_) == 2:
            return np.hstack([sigmoid(-z), sigmoid(z)])
        return softmax(z)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of ``predict_proba``, exact where those would round to 0."""
        z = self._outputs(X)
        if self._labels:
            return -softplus(-z)
        if len(self.classes_) == 2:
            return np.hstack([-softplus(z), -softplus(-z)])
        return log_softmax(z)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class BackproofRegressor(RegressorMixin, MultiOutputMixin, NetworkEstimator):  # type: ignore[misc]
    r"""A neural network that predicts numbers, with scikit-learn's interface.

    The loss is half the squared error, summed over the outputs. Targets are taken as they are: scale them if they
    are far from unit size, as in ``TransformedTargetRegressor``.

    Math:
        1/2 \|z - y\|^2 + alpha / (2 batch) \|weights\|^2

    Shapes:
        X: (n, features)
        y: (n,) or (n, outputs)
        predict: like y

    Args, attributes: as in ``BackproofClassifier``, without classes; the validation score is R^2.
    """

    _metric = "r2"

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train for one epoch on these examples, from where the last call ended.

        Raises:
            ValueError: data do not fit, or ``early_stopping`` is on.
        """
        return self._partial_fit(X, y, sample_weight, None)

    def _learn_targets(self, y: Array, classes: Any = None) -> None:
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self._flat = y.ndim == 1

    def _check_goes_on(self, y: Array) -> None:
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if outputs != self.n_outputs_:
            raise OptionError(f"y has {outputs} outputs, expected {self.n_outputs_} as in the first fit.")

    def _encode(self, y: Array, dtype: Any) -> Array:
        return y.astype(dtype).reshape(len(y), -1)

    def _make_loss(self) -> Loss:
        return SquaredError()

    def predict(self, X: Any) -> Array:
        """Return the predicted numbers, in the shape of the targets of ``fit``."""
        z = self._outputs(X)
        return z[:, 0] if self._flat else z


def _column(y: Array, warn: bool = False) -> Array:
    """Return targets of shape (n,) or (n, 1) as (n,)."""
    if y.ndim == 2 and y.shape[1] == 1:
        if warn:
            warnings.warn(
                "A column-vector y was passed when a 1d array was expected; it is read as y.ravel().",
                DataConversionWarning,
                stacklevel=4,
            )
        return y[:, 0]
    return y
