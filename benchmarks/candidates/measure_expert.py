"""PyTorch by hand: no automatic differentiation, the formulas and the order of products chosen by an expert.

This is the upper bar: what the same mathematics costs when it is written out for one network.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..claims import Case, Prepared
from ..measuring import point
from .measure_torch import Network, _root


class Layers:
    """A forward pass: inputs of all layers, and the derivatives of the activations between them."""

    def __init__(self, f: Network, x: Any) -> None:
        self.weights, biases = f.theta[::2], f.theta[1::2]
        self.inputs, self.slopes = [x], []
        for weight, bias in zip(self.weights[:-1], biases[:-1], strict=True):
            y = f.activation(torch.addmm(bias, self.inputs[-1], weight.mT))
            self.slopes.append((y > 0).to(y.dtype) if f.activation is torch.relu else 1 - y * y)
            self.inputs.append(y)
        self.output = torch.addmm(biases[-1], self.inputs[-1], self.weights[-1].mT)

    def back(self, rows: Any, to: int = 0) -> Any:
        """Return what rows (batch, k, m) of the output are at the output of every layer, the last first."""
        found = [rows]
        for weight, slope in zip(reversed(self.weights[to + 1 :]), reversed(self.slopes[to:]), strict=True):
            rows = (rows @ weight) * slope[:, None, :]
            found.append(rows)
        return found


def _left_and_right(f: Network) -> tuple[Any, Any]:
    """Return the factors (batch, m, r) and (batch, r, n) of the Jacobian, cut at the narrowest state."""
    run = Layers(f, f.x)
    widths = [state.shape[1] for state in run.inputs]
    cut = int(np.argmin(widths[1:])) + 1
    right = run.weights[cut - 1][None]
    for weight, slope in zip(reversed(run.weights[: cut - 1]), reversed(run.slopes[: cut - 1]), strict=True):
        right = (right * slope[:, None, :]) @ weight
    left = (run.weights[cut].mT * run.slopes[cut - 1][:, :, None]) if cut else None
    for weight, slope in zip(run.weights[cut + 1 :], run.slopes[cut:], strict=True):
        left = (left * slope[:, None, :]) @ weight.mT
    return left.mT, right


def _jacobian(f: Network) -> Any:
    run = Layers(f, f.x)
    widths = [f.x.shape[1], *(weight.shape[0] for weight in run.weights)]
    if min(widths[1:-1]) < min(widths[0], widths[-1]):
        return torch.bmm(*(side.expand(len(f.x), -1, -1) for side in _left_and_right(f)))
    if widths[0] < widths[-1]:
        columns = run.weights[0].mT[None]
        for weight, slope in zip(run.weights[1:], run.slopes, strict=True):
            columns = (columns * slope[:, None, :]) @ weight.mT
        return columns.mT
    rows = run.weights[-1][None]
    for weight, slope in zip(reversed(run.weights[:-1]), reversed(run.slopes), strict=True):
        rows = (rows * slope[:, None, :]) @ weight
    return rows


def _delta(run: Layers, y: Any) -> Any:
    delta = torch.softmax(run.output, -1)
    delta[torch.arange(len(y)), y] -= 1
    return delta


def _norms(f: Network) -> Any:
    run = Layers(f, f.x)
    delta, squares = _delta(run, f.y), 0
    for index in reversed(range(len(run.weights))):
        squares = squares + delta.square().sum(1) * (run.inputs[index].square().sum(1) + 1)
        if index:
            delta = (delta @ run.weights[index]) * run.slopes[index - 1]
    return torch.sqrt(squares)


def _eye(run: Layers) -> Any:
    m = run.output.shape[1]
    return torch.eye(m).expand(len(run.output), m, m)


def _ntk(f: Network) -> Any:
    one, two = (Layers(f, x) for x in (f.first, f.second))
    kernel = 0
    for r, s, x, z in zip(
        one.back(_eye(one)), two.back(_eye(two)), reversed(one.inputs), reversed(two.inputs), strict=True
    ):
        gram = (r.reshape(-1, r.shape[2]) @ s.reshape(-1, s.shape[2]).mT).reshape(*r.shape[:2], *s.shape[:2])
        kernel = kernel + gram * (x @ z.mT + 1)[:, None, :, None]
    return kernel.transpose(1, 2)


def _diagonal(f: Network) -> Any:
    run = Layers(f, f.x)
    parts = []
    for rows, x in zip(run.back(_root(run.output)), reversed(run.inputs), strict=True):
        squares = rows.square().sum(1)
        parts = [(squares.mT @ x.square()).reshape(-1), squares.sum(0), *parts]
    return torch.cat(parts) / len(f.x)


def _product(f: Network) -> Any:
    run = Layers(f, f.x)
    tangent = None
    for index, weight in enumerate(run.weights):
        moved = torch.addmm(f.direction[2 * index + 1], run.inputs[index], f.direction[2 * index].mT)
        if tangent is not None:
            moved.addmm_(tangent, weight.mT)
        tangent = moved * run.slopes[index] if index < len(run.slopes) else moved
    s = torch.softmax(run.output, -1)
    delta = s * (tangent - (s * tangent).sum(1, keepdim=True)) / len(f.x)
    parts: list[Any] = []
    for index in reversed(range(len(run.weights))):
        parts = [(delta.mT @ run.inputs[index]).reshape(-1), delta.sum(0), *parts]
        if index:
            delta = (delta @ run.weights[index]) * run.slopes[index - 1]
    return torch.cat(parts)


WORK: dict[str, Callable[[Network], Any]] = {
    "jacobian": _jacobian, "factored": _left_and_right, "norms": _norms, "ntk": _ntk, "diagonal": _diagonal,
    "product": _product,
}  # fmt: skip


def prepare(case: Case) -> Prepared:
    f = Network(point(case))
    work = WORK[case["quantity"]]

    def step() -> Any:
        with torch.inference_mode():
            return work(f)

    def numbers() -> dict[str, Any]:
        found = step()
        return {"numbers": (torch.matmul(*found) if case["quantity"] == "factored" else found).numpy()}

    return Prepared(step, numbers)
