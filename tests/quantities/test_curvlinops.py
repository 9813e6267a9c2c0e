"""Gauss-Newton, empirical Fisher and Hessian beside curvlinops' reference implementations."""

import importlib
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import backproof as bp
from backproof import quantities as q
from oracles import agree
from torch_networks import Point, point

RTOL = 1e-9
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")


@pytest.fixture(scope="module")
def functorch() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependencies use names that PyTorch deprecates
        return importlib.import_module("curvlinops.examples.functorch")


def module_of(p: Point) -> torch.nn.Module:
    """Return the network as PyTorch's modules with the same parameters."""
    layers: list[torch.nn.Module] = []
    for index, layer in enumerate(p.net):
        if not isinstance(layer, bp.Linear):
            layers.append(getattr(torch.nn, type(layer).__name__)())
            continue
        linear = torch.nn.Linear(layer.in_features, layer.out_features, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(p.theta[f"{index}.weight"]))
            linear.bias.copy_(torch.from_numpy(p.theta[f"{index}.bias"]))
        layers.append(linear)
    return torch.nn.Sequential(*layers)


# Ours is half of PyTorch's sum of squares.
LOSSES = {
    "cross-entropy, mean": (bp.CrossEntropy(), torch.nn.CrossEntropyLoss(), 1),
    "cross-entropy, sum": (bp.CrossEntropy(reduction="sum"), torch.nn.CrossEntropyLoss(reduction="sum"), 1),
    "squares": (bp.SquaredError(reduction="sum"), torch.nn.MSELoss(reduction="sum"), 2),
    "binary": (bp.BinaryCrossEntropy(reduction="sum"), torch.nn.BCEWithLogitsLoss(reduction="sum"), 1),
}


@pytest.fixture(params=LOSSES)
def case(request: pytest.FixtureRequest) -> tuple[Point, tuple[Any, ...], float]:
    ours, theirs, factor = LOSSES[request.param]
    layers = [bp.Linear(4, 5), bp.Tanh(), bp.Linear(5, 4), bp.ReLU(), bp.Linear(4, 3)]
    p = point(layers, (4,), bp.CrossEntropy(), batch=7, seed=1).with_loss(ours)
    module = module_of(p)
    data = [(torch.tensor(p.x[:4]), torch.tensor(p.y[:4])), (torch.tensor(p.x[4:]), torch.tensor(p.y[4:]))]
    return p, (module, theirs, list(module.parameters()), data), factor


def test_gauss_newton_is_that_of_curvlinops(functorch: Any, case: Any) -> None:
    p, theirs, factor = case
    expected = functorch.functorch_ggn(*theirs).detach().numpy() / factor
    G = q.ggn(p.net, p.theta, p.x, p.y, p.loss, batch=3)
    agree(G @ np.eye(len(expected)), expected, RTOL, "ggn")
    agree(G.diagonal(), expected.diagonal(), RTOL, "its diagonal")
    F = q.fisher(p.net, p.theta, p.x, p.y, p.loss, batch=3)
    agree(F @ np.eye(len(expected)), expected, RTOL, "the true Fisher matrix")


def test_empirical_fisher_is_that_of_curvlinops(functorch: Any, case: Any) -> None:
    p, theirs, factor = case
    expected = functorch.functorch_empirical_fisher(*theirs).detach().numpy() / factor**2
    F = q.fisher(p.net, p.theta, p.x, p.y, p.loss, kind="empirical", batch=3)
    agree(F @ np.eye(len(expected)), expected, RTOL, "empirical Fisher")


def test_hessian_is_that_of_curvlinops(functorch: Any, case: Any) -> None:
    p, theirs, factor = case
    expected = functorch.functorch_hessian(*theirs).detach().numpy() / factor
    agree(q.hessian(p.net, p.theta, p.x, p.y, p.loss, batch=3).dense(), expected, RTOL, "Hessian")
