"""backproof, as its documentation uses it."""

from typing import Any

import backproof as bp

from ..claims import Case, Prepared
from ..problem import LEARNING_RATE, STEPS, Problem, build

ACTIVATIONS = {"relu": bp.ReLU, "tanh": bp.Tanh}


def _network(problem: Problem) -> tuple[bp.Network, bp.Parameters]:
    layers: list[Any] = []
    for weight in problem.weights:
        layers += [bp.Linear(weight.shape[1], weight.shape[0]), ACTIVATIONS[problem.activation]()]
    net = bp.Network(layers[:-1])
    return net, bp.Parameters(net.layout, problem.vector)


def gradient(case: Case) -> Prepared:
    problem = build(case)
    net, theta = _network(problem)
    x, y, loss = problem.x, problem.y, bp.CrossEntropy()

    def step() -> Any:
        return bp.value_and_gradient(net, theta, x, y, loss)

    def numbers() -> dict[str, Any]:
        value, gradient = step()
        return {"loss": value, "gradient": gradient.vector}

    return Prepared(step, numbers)


def compiled(case: Case, kernels: str | None = None, reuse: bool = True) -> Prepared:
    problem = build(case)
    net, theta = _network(problem)
    x, y, out = problem.x, problem.y, theta.copy() if reuse else None
    program = bp.compile(net, loss=bp.CrossEntropy(), batch=len(x), kernels=kernels)

    def step() -> Any:
        return program(theta, x, y, out=out)

    def numbers() -> dict[str, Any]:
        value, gradient = step()
        return {"loss": value, "gradient": gradient.vector.copy()}

    return Prepared(step, numbers)


def numba(case: Case) -> Prepared:
    return compiled(case, "numba")


def fresh(case: Case) -> Prepared:
    return compiled(case, reuse=False)


def compiling(case: Case) -> Prepared:
    net, _ = _network(build(case))
    return Prepared(lambda: bp.compile(net, loss=bp.CrossEntropy(), batch=case["batch"]), dict)


def adam_numba(case: Case) -> Prepared:
    return adam(case, "numba")


def adam(case: Case, kernels: str | None = None) -> Prepared:
    from backproof.training import Adam

    problem = build(case)
    net, theta = _network(problem)
    x, y = problem.x, problem.y
    optimizer, out = Adam(), theta.copy()
    state = optimizer.start(theta.vector)
    program = bp.compile(net, loss=bp.CrossEntropy(), batch=len(x), kernels=kernels)

    def step() -> Any:
        value, gradient = program(theta, x, y, out=out)
        optimizer.step(theta.vector, gradient.vector, state, LEARNING_RATE, kernels=kernels)
        return value

    def numbers() -> dict[str, Any]:
        for _ in range(STEPS):
            value = step()
        return {"loss": value, "parameters": theta.vector.copy(), "update": theta.vector - problem.vector}

    return Prepared(step, numbers)
