"""backproof on PyTorch tensors: the ordinary formulas, and the program compiled for them."""

from typing import Any

import torch

import backproof as bp

from ..claims import Case, Prepared
from ..problem import build
from .ours import _network


def _point(case: Case) -> tuple[Any, ...]:
    torch.set_num_threads(1)
    problem = build(case)
    net, theta = _network(problem)
    return (
        net,
        theta.with_vector(torch.from_numpy(theta.vector)),
        torch.from_numpy(problem.x),
        torch.from_numpy(problem.y),
    )


def _prepared(step: Any) -> Prepared:
    def numbers() -> dict[str, Any]:
        value, gradient = step()
        return {"loss": value.item(), "gradient": gradient.vector.numpy()}

    return Prepared(step, numbers)


def compiled(case: Case) -> Prepared:
    net, theta, x, y = _point(case)
    program = bp.compile(net, loss=bp.CrossEntropy(), library="torch")
    out = theta.copy()
    return _prepared(lambda: program(theta, x, y, out=out))


def fresh(case: Case) -> Prepared:
    net, theta, x, y = _point(case)
    program = bp.compile(net, loss=bp.CrossEntropy(), library="torch")
    return _prepared(lambda: program(theta, x, y))


def eager(case: Case) -> Prepared:
    net, theta, x, y = _point(case)
    return _prepared(lambda: bp.value_and_gradient(net, theta, x, y, bp.CrossEntropy()))


def module(case: Case) -> Prepared:
    """PyTorch's own loop, with ``BackproofModule`` in the place of the module."""
    net, theta, x, y = _point(case)
    inner = bp.BackproofModule(net, theta)

    def step() -> Any:
        inner.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(inner(x), y)
        loss.backward()
        return loss

    def numbers() -> dict[str, Any]:
        loss = step()
        parts = [p.grad.reshape(-1) for p in inner.parameters() if p.grad is not None]
        return {"loss": loss.item(), "gradient": torch.cat(parts).numpy()}

    return Prepared(step, numbers)
