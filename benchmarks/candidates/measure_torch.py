"""PyTorch's function transforms: generic automatic differentiation, eager and compiled.

The Jacobian by reverse and by forward mode over one example, mapped over the batch; everything in the parameters as
its documentation shows it: ``vmap(grad)`` for examples' gradients, ``vmap(jacrev)`` and a contraction for the kernel
and the Gauss-Newton diagonal, ``jvp`` and ``vjp`` for the Gauss-Newton product.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.func import grad, jacfwd, jacrev, jvp, vjp, vmap

from ..claims import Case, Prepared, UnavailableError
from ..measuring import Point, point

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class Network:
    """The network as a function of a list of parameters and one example, or a batch of them."""

    def __init__(self, at: Point) -> None:
        torch.set_num_threads(1)
        problem = at.problem
        pairs = zip(problem.weights, problem.biases, strict=True)
        self.theta = [torch.from_numpy(part) for pair in pairs for part in pair]
        self.x, self.y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
        self.first, self.second = torch.from_numpy(at.first), torch.from_numpy(at.second)
        sizes, shapes = [part.numel() for part in self.theta], [part.shape for part in self.theta]
        pieces = torch.from_numpy(at.direction).split(sizes)
        self.direction = [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
        self.activation = ACTIVATIONS[problem.activation]

    def __call__(self, theta: list[Any], x: Any) -> Any:
        *hidden, last = list(zip(theta[::2], theta[1::2], strict=True))
        for weight, bias in hidden:
            x = self.activation(torch.nn.functional.linear(x, weight, bias))
        return torch.nn.functional.linear(x, *last)

    def loss(self, theta: list[Any], x: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(self(theta, x), y)


def _flat(parts: Any) -> Any:
    return torch.cat([part.reshape(-1) for part in parts])


def _norms(f: Network) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def work(theta: Any, x: Any, y: Any) -> Any:
        gradients = vmap(grad(f.loss), (None, 0, 0))(theta, x, y)
        return torch.sqrt(sum(g.square().flatten(1).sum(1) for g in gradients))

    return work, (f.theta, f.x, f.y)


def _ntk(f: Network) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def work(theta: Any, first: Any, second: Any) -> Any:
        one, two = (vmap(jacrev(f), (None, 0))(theta, x) for x in (first, second))
        return sum(torch.einsum("aip,bjp->abij", a.flatten(2), b.flatten(2)) for a, b in zip(one, two, strict=True))

    return work, (f.theta, f.first, f.second)


def _root(z: Any) -> Any:
    """Return R with R^T R the Hessian of the cross-entropy: rows sqrt(s_i) (e_i - s)."""
    s = torch.softmax(z, -1)
    return torch.sqrt(s)[:, :, None] * (torch.eye(z.shape[1]) - s[:, None, :])


def _diagonal(f: Network) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def work(theta: Any, x: Any) -> Any:
        R = _root(f(theta, x))
        blocks = vmap(jacrev(f), (None, 0))(theta, x)
        return torch.cat([(R @ J.flatten(2)).square().sum((0, 1)) for J in blocks]) / len(x)

    return work, (f.theta, f.x)


def _product(f: Network) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    def work(theta: Any, x: Any, direction: Any) -> Any:
        z, moved = jvp(lambda t: f(t, x), (theta,), (direction,))
        s = torch.softmax(z, -1)
        cotangent = s * (moved - (s * moved).sum(-1, keepdim=True)) / len(x)
        _, pullback = vjp(lambda t: f(t, x), theta)
        return _flat(pullback(cotangent)[0])

    return work, (f.theta, f.x, f.direction)


def _jacobian(transform: Any) -> Callable[[Network], tuple[Callable[..., Any], tuple[Any, ...]]]:
    return lambda f: (vmap(transform(f, argnums=1), (None, 0)), (f.theta, f.x))


WORK: dict[str, Any] = {"norms": _norms, "ntk": _ntk, "diagonal": _diagonal, "product": _product}


def _prepare(case: Case, transform: Any, compiled: bool = False) -> Prepared:
    f = Network(point(case))
    work, arguments = WORK.get(case["quantity"], _jacobian(transform))(f)
    work = torch.compile(work) if compiled else work

    def step() -> Any:
        return work(*arguments)

    def numbers() -> dict[str, Any]:
        try:
            return {"numbers": step().detach().numpy()}
        except (torch._dynamo.exc.TorchDynamoException, NotImplementedError) as error:
            raise UnavailableError(f"torch.compile: {str(error).splitlines()[0]}") from error

    return Prepared(step, numbers)


def reverse(case: Case) -> Prepared:
    return _prepare(case, jacrev)


def forward(case: Case) -> Prepared:
    return _prepare(case, jacfwd)


def reverse_compiled(case: Case) -> Prepared:
    return _prepare(case, jacrev, compiled=True)


def forward_compiled(case: Case) -> Prepared:
    return _prepare(case, jacfwd, compiled=True)
