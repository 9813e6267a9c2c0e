"""What the scikit-learn estimators share: parameters, training, outputs."""

import math
import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array
from ..errors import OptionError, missing_extra
from ..layers import Linear
from ..losses import Loss
from ..network import Network
from ..parameters import Parameters
from .evaluation import BATCH
from .examples import Batches
from .fitting import Run
from .optimizers import Memory
from .progress import Display, display_for
from .settings import Training
from .state import State
from .threads import limited_threads
from .wiring import as_network, perceptron, rate_schedule, solver_optimizer

try:
    from sklearn.base import BaseEstimator
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise missing_extra("backproof.training.estimators", "data") from error


class NetworkEstimator(BaseEstimator, ABC):  # type: ignore[misc]
    """A network with scikit-learn's parameters; a subclass says what the targets are."""

    _metric: ClassVar[str]
    _memory: Memory | None
    _epochs_done: int

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        network: Any = None,
        solver: Any = "adam",
        alpha: float = 1e-4,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 1e-3,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        clip_norm: float | None = None,
        dtype: Any = None,
        compile: bool = True,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.network = network
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.clip_norm = clip_norm
        self.dtype = dtype
        self.compile = compile

    # -- what a subclass gives ----------------------------------------------------------------------------

    @abstractmethod
    def _learn_targets(self, y: Array, classes: Any = None) -> None:
        """Set ``n_outputs_`` and what else is learned from the targets."""

    @abstractmethod
    def _encode(self, y: Array, dtype: Any) -> Array:
        """Return the targets as the loss takes them."""

    @abstractmethod
    def _make_loss(self) -> Loss:
        """Return the loss."""

    def _strata(self, y: Array) -> Array | None:
        """Return what the validation split keeps in proportion."""
        return None

    # -- fitting ------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train the network.

        Args:
            X: (n, features).
            y: (n,) or (n, outputs).
            sample_weight: (n,); their mean is one unit.

        Raises:
            ValueError: data or a parameter does not fit; all errors of this library here are ValueErrors.
        """
        goes_on = self.warm_start and hasattr(self, "parameters_")
        X, y, weights = self._data(X, y, sample_weight, reset=not goes_on)
        random = check_random_state(self.random_state)
        if not goes_on:
            self._start(X, y, random)
        self._check_goes_on(y)
        examples, held_out = self._split(X, y, weights, random)
        settings = self._settings(examples, random)
        state = State.start(self.parameters_, settings)
        display = display_for(bool(self.verbose), settings.epochs, len(examples), held_out is not None, self._metric)
        with limited_threads():
            stopped = self._run(examples, held_out, settings, display).complete(state)
        self._keep(state, goes_on)
        if stopped == "interrupted":
            warnings.warn("Training interrupted by the user.", stacklevel=2)
        elif stopped == "finished":
            warnings.warn(
                f"Maximum of {self.max_iter} epochs (max_iter) reached and the training has not converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Any:
        if self.early_stopping:
            raise OptionError("partial_fit: early_stopping=True needs all data at once, expected False.")
        first = not hasattr(self, "parameters_")
        X, y, weights = self._data(X, y, sample_weight, reset=first)
        random = check_random_state(self.random_state)
        if first:
            self._start(X, y, random, classes)
        self._check_goes_on(y)
        examples = Batches(X, self._encode(y, X.dtype), weights)
        done = self._epochs_done
        settings = replace(self._settings(examples, random), epochs=done + 1, patience=None)
        state = State.start(self.parameters_, settings)
        state.memory = state.memory if self._memory is None else self._memory
        state.epoch = done
        silent = Display(1, len(examples), False, None)
        with limited_threads():
            self._run(examples, None, settings, silent).complete(state)
        self._keep(state, goes_on=True)
        return self

    def _run(self, examples: Batches, held_out: Batches | None, settings: Training, display: Display) -> Run:
        metric = self._metric if held_out is not None else None
        return Run(self.network_, examples, held_out, self._make_loss(), settings, metric, None, display)

    def _data(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Array, Array, Array | None]:
        """Return checked inputs in the dtype of the training, targets and weights."""
        dtype = (np.float64, np.float32) if self.dtype is None else _dtype(self.dtype)
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=self._metric == "r2", dtype=dtype, reset=reset)
        if sample_weight is None:
            return X, y, None
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return X, y, weights

    def _start(self, X: Array, y: Array, random: Any, classes: Any = None) -> None:
        """Make network and starting parameters, and forget what an earlier fit has learned."""
        self._learn_targets(y, classes)
        features = X.shape[1]
        if self.network is None:
            self.network_ = perceptron(features, self.hidden_layer_sizes, self._net_outputs, self.activation)
        else:
            self.network_ = as_network(self.network, features, self._net_outputs)
        self.parameters_ = self.network_.initialize(int(random.randint(2**31 - 1)), X.dtype)
        self.n_layers_ = 1 + sum(bool(layer.parameter_shapes) for layer in self.network_)
        self.loss_curve_: list[float] = []
        self._memory = None
        self._epochs_done = 0
        self.n_iter_ = 0
        self.best_loss_: float | None = math.inf
        self.validation_scores_: list[float | None] | None = None
        self.best_validation_score_: float | None = None

    @property
    def _net_outputs(self) -> int:
        return self.n_outputs_  # type: ignore[no-any-return]

    def _check_goes_on(self, y: Array) -> None:
        """Raise if the targets differ in kind from those of the first fit."""

    def _split(self, X: Array, y: Array, weights: Array | None, random: Any) -> tuple[Batches, Batches | None]:
        if not self.early_stopping:
            return Batches(X, self._encode(y, X.dtype), weights), None
        share = self.validation_fraction
        if not (isinstance(share, Real) and 0 < share < 1):
            raise OptionError(f"validation_fraction={share!r:.60}, expected a number between 0 and 1.")
        train, held = train_test_split(
            np.arange(len(X)), test_size=float(share), random_state=random, stratify=self._strata(y)
        )
        if len(held) < 2:
            raise OptionError(
                f"early_stopping: validation_fraction={share} of {len(X)} examples leaves "
                f"{len(held)}, expected at least 2."
            )
        targets = self._encode(y, X.dtype)
        part = None if weights is None else weights[train]
        return Batches(X[train], targets[train], part), Batches(X[held], targets[held], who="validation data")

    def _settings(self, examples: Batches, random: Any) -> Training:
        count = len(examples)
        size = min(200, count) if self.batch_size == "auto" else min(_whole("batch_size", self.batch_size), count)
        mean_weight = 1.0 if examples.weights is None else float(examples.weights.mean())
        endless = self.n_iter_no_change == math.inf
        return Training(
            epochs=_whole("max_iter", self.max_iter),
            batch_size=size,
            optimizer=solver_optimizer(self),
            schedule=rate_schedule(self.learning_rate),
            weight_decay=_number("alpha", self.alpha) / (size * mean_weight),
            decayed="weights",
            clip_norm=self.clip_norm,
            patience=None if endless else _whole("n_iter_no_change", self.n_iter_no_change) + 1,
            tolerance=_number("tol", self.tol),
            seed=int(random.randint(2**31 - 1)),
            shuffle=bool(self.shuffle),
            compile=bool(self.compile),
        )

    def _keep(self, state: State, goes_on: bool) -> None:
        """Set the attributes that a fit leaves."""
        self.parameters_ = state.theta if state.best is None else state.theta.with_vector(state.best)
        self._memory = state.memory
        self._epochs_done = state.epoch
        self.n_iter_ = len(state.history)
        losses = [entry.loss for entry in state.history]
        self.loss_curve_ = [*self.loss_curve_, *losses] if goes_on else losses
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else math.nan
        self.best_loss_ = min(self.loss_curve_, default=math.nan) if not self.early_stopping else None
        if self.early_stopping:
            self.validation_scores_ = [entry.metric for entry in state.history]
            self.best_validation_score_ = max((s for s in self.validation_scores_ if s is not None), default=None)

    # -- outputs ------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """Return the network's outputs, (n, outputs)."""
        check_is_fitted(self)
        theta: Parameters = self.parameters_
        X = validate_data(self, X, dtype=theta.vector.dtype.type, reset=False)
        net: Network = self.network_
        parts = [net.forward(theta, X[start : start + BATCH]) for start in range(0, len(X), BATCH)]
        return np.concatenate(parts).reshape(len(X), -1)

    @property
    def coefs_(self) -> list[Array]:
        """The weights of the linear layers as (inputs, outputs), as MLPClassifier has them."""
        return [weight.T for weight in self._of_linear_layers("weight")]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of the linear layers."""
        return self._of_linear_layers("bias")

    def _of_linear_layers(self, name: str) -> list[Array]:
        if not hasattr(self, "network_"):
            raise AttributeError(f"{type(self).__name__} has no coefs_ and intercepts_ before fit.")
        linear = [index for index, layer in enumerate(self.network_) if isinstance(layer, Linear)]
        return [self.parameters_[f"{index}.{name}"] for index in linear if f"{index}.{name}" in self.parameters_]


def _dtype(dtype: Any) -> Any:
    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):  # whatever NumPy's reading of the description meets
        kind = np.dtype(object)
    if kind not in (np.dtype("float32"), np.dtype("float64")):
        raise OptionError(f"dtype={dtype!r:.60}, expected 'float32', 'float64' or None.")
    return kind.type


def _number(name: str, value: Any) -> float:
    if not (isinstance(value, Real) and 0 <= float(value) < math.inf):
        raise OptionError(f"{name}={value!r:.60}, expected a finite number of at least 0.")
    return float(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise OptionError(f"{name}={value!r}, expected a whole number of at least 1.")
    return int(value)
