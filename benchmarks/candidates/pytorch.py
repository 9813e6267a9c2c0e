"""PyTorch: eager as users write it, eager by ``autograd.grad``, compiled, and its Adam."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ..claims import Case, Prepared, UnavailableError
from ..problem import LEARNING_RATE, STEPS, Problem, build

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


def _module(problem: Problem) -> nn.Sequential:
    torch.set_num_threads(1)
    layers: list[nn.Module] = []
    for weight, bias in zip(problem.weights, problem.biases, strict=True):
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
        layers += [linear, ACTIVATIONS[problem.activation]()]
    return nn.Sequential(*layers[:-1])


def _flat(tensors: Any) -> Any:
    return np.concatenate([tensor.detach().numpy().reshape(-1) for tensor in tensors])


def _batch(problem: Problem) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(problem.x), torch.from_numpy(problem.y)


def _backward(module: nn.Sequential, value_of: Callable[..., Any], x: Any, y: Any) -> Prepared:
    def step() -> Any:
        module.zero_grad(set_to_none=True)
        loss = value_of(x, y)
        loss.backward()
        return loss

    def numbers() -> dict[str, Any]:
        loss = step()
        return {"loss": loss.item(), "gradient": _flat(p.grad for p in module.parameters())}

    return Prepared(step, numbers)


def backward(case: Case) -> Prepared:
    problem = build(case)
    module = _module(problem)
    x, y = _batch(problem)
    return _backward(module, lambda x, y: nn.functional.cross_entropy(module(x), y), x, y)


def autograd(case: Case) -> Prepared:
    problem = build(case)
    module = _module(problem)
    parameters = list(module.parameters())
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    activation = {"relu": torch.relu, "tanh": torch.tanh}[problem.activation]
    x, y = _batch(problem)

    def step() -> Any:
        z = x
        for weight, bias in pairs[:-1]:
            z = activation(nn.functional.linear(z, weight, bias))
        loss = nn.functional.cross_entropy(nn.functional.linear(z, *pairs[-1]), y)
        return loss, torch.autograd.grad(loss, parameters)

    def numbers() -> dict[str, Any]:
        loss, gradient = step()
        return {"loss": loss.item(), "gradient": _flat(gradient)}

    return Prepared(step, numbers)


def compiled(case: Case) -> Prepared:
    problem = build(case)
    module = _module(problem)
    x, y = _batch(problem)
    value_of = torch.compile(lambda x, y: nn.functional.cross_entropy(module(x), y), fullgraph=True)
    try:
        value_of(x, y).backward()
    except Exception as error:
        raise UnavailableError(f"torch.compile: {str(error).strip().splitlines()[0]}") from error
    return _backward(module, value_of, x, y)


def _adam(case: Case, **options: Any) -> Prepared:
    problem = build(case)
    module = _module(problem)
    x, y = _batch(problem)
    try:
        optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, **options)
    except RuntimeError as error:
        raise UnavailableError(f"torch.optim.Adam({options}): {error}") from error

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(module(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def numbers() -> dict[str, Any]:
        for _ in range(STEPS):
            loss = step()
        parameters = _flat(module.parameters())
        return {"loss": loss.item(), "parameters": parameters, "update": parameters - problem.vector}

    return Prepared(step, numbers)


def adam(case: Case) -> Prepared:
    return _adam(case)


def adam_fused(case: Case) -> Prepared:
    return _adam(case, fused=True)
