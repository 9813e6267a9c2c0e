"""scikit-learn's MLPClassifier: the inside of its training loop, and ``partial_fit``.

The inside is called exactly as ``_fit_stochastic`` calls it, on arrays made beforehand, without the checks and
the bookkeeping around it; ``partial_fit`` is what its users call.
"""

import warnings
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from ..claims import Case, Prepared, UnavailableError
from ..problem import LEARNING_RATE, STEPS, Problem, build, flat


def _model(problem: Problem) -> MLPClassifier:
    """Return a classifier with the problem's weights, which has not taken a step yet."""
    sizes = [weight.shape[0] for weight in problem.weights]
    model = MLPClassifier(
        hidden_layer_sizes=tuple(sizes[:-1]),
        activation=problem.activation,
        solver="adam",
        alpha=0.0,
        learning_rate_init=LEARNING_RATE,
        batch_size=problem.x.shape[0],
        shuffle=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.partial_fit(problem.x, problem.y, classes=np.arange(sizes[-1]))
    if not hasattr(model, "_backprop") or not hasattr(model, "_optimizer"):
        raise UnavailableError("this release of scikit-learn has other internals")
    for coefficients, weight in zip(model.coefs_, problem.weights, strict=True):
        coefficients[...] = weight.T
    for intercepts, bias in zip(model.intercepts_, problem.biases, strict=True):
        intercepts[...] = bias
    model._optimizer = type(model._optimizer)(model.coefs_ + model.intercepts_, LEARNING_RATE)
    return model


def _flat(coefficients: Any, intercepts: Any) -> Any:
    return flat([np.ascontiguousarray(part.T) for part in coefficients], intercepts)


def _backprop(model: MLPClassifier, problem: Problem) -> Any:
    """Return a function that calls ``_backprop`` on arrays made once."""
    targets = model._label_binarizer.transform(problem.y).astype(bool)
    x, layers = problem.x, len(problem.weights)
    activations, deltas = [x] + [None] * layers, [None] * layers
    coefficients = [np.empty_like(part) for part in model.coefs_]
    intercepts = [np.empty_like(part) for part in model.intercepts_]
    return lambda: model._backprop(x, targets, None, activations, deltas, coefficients, intercepts)


def gradient(case: Case) -> Prepared:
    problem = build(case)
    step = _backprop(_model(problem), problem)

    def numbers() -> dict[str, Any]:
        loss, *gradient = step()
        return {"loss": loss, "gradient": _flat(*gradient)}

    return Prepared(step, numbers)


def _prepared(model: MLPClassifier, problem: Problem, step: Any) -> Prepared:
    def numbers() -> dict[str, Any]:
        for _ in range(STEPS):
            loss = step()
        parameters = _flat(model.coefs_, model.intercepts_)
        return {"loss": loss, "parameters": parameters, "update": parameters - problem.vector}

    return Prepared(step, numbers)


def adam_loop(case: Case) -> Prepared:
    problem = build(case)
    model = _model(problem)
    backprop, parameters = _backprop(model, problem), model.coefs_ + model.intercepts_

    def step() -> Any:
        loss, coefficients, intercepts = backprop()
        model._optimizer.update_params(parameters, coefficients + intercepts)
        return loss

    return _prepared(model, problem, step)


def adam_partial_fit(case: Case) -> Prepared:
    problem = build(case)
    model = _model(problem)
    # Without these the curve would grow, and a warning would be raised after ten steps without progress.
    model.n_iter_no_change = np.inf

    def step() -> Any:
        model.partial_fit(problem.x, problem.y)
        return model.loss_

    return _prepared(model, problem, step)
