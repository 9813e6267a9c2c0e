"""The recursion of the theorem as one step of PyTorch's autograd, so that training loops stay as they are."""

from typing import Any

import torch
from torch import nn

from ..arrays import detached, flatten
from ..errors import OptionError
from ..network import Network
from ..operators import Operator
from ..parameters import Parameters
from .conversion import from_torch, to_torch

__all__ = ["BackproofFunction", "BackproofModule"]


class BackproofFunction(torch.autograd.Function):  # type: ignore[misc]
    r"""``BackproofFunction.apply(net, x, *parameters)``: x_L, whose backward pass is our recursion.

    Math:
        delta_{l-1} = delta_l A_l ,    d loss / d theta_l = delta_l B_l ,    l = L, ..., 1

    PyTorch sees one step with its gradients in x and in every parameter. They cannot be differentiated once more.

    Shapes:
        x: (batch, \*input_shape)
        parameters: in the order and shapes of ``net.layout``

    Raises:
        OptionError: too many or too few parameters, or a second derivative is asked for.
    """

    @staticmethod
    def forward(ctx: Any, net: Network, x: Any, *parameters: Any) -> Any:
        """Return x_L, and keep the layers' linearizations."""
        if len(parameters) != len(net.layout.shapes):
            raise OptionError(
                f"BackproofFunction: {len(parameters)} parameters came, expected {len(net.layout.shapes)} in the order "
                f"{', '.join(net.layout.shapes)}."
            )
        theta = Parameters.of_arrays(net.layout, dict(zip(net.layout.shapes, map(detached, parameters), strict=True)))
        if not parameters:
            theta = Parameters(net.layout, torch.empty(0, dtype=x.dtype, device=x.device))
        ctx.steps, ctx.names = net.linearize(theta, x), list(net.layout.shapes)
        # Saved for PyTorch's own check that nobody writes into them before the backward pass.
        ctx.save_for_backward(x, *parameters)
        output = ctx.steps.output
        return output.clone() if output.data_ptr() == x.data_ptr() else output

    @staticmethod
    def backward(ctx: Any, delta: Any) -> tuple[Any, ...]:
        """Return delta A_L ... A_1, and delta B summed over the batch for every parameter."""
        if torch.is_grad_enabled():
            raise OptionError(
                "BackproofFunction: a second derivative is asked for (create_graph=True), expected first derivatives "
                "alone; backproof.hvp and backproof.hessian give second ones."
            )
        x, *parameters = ctx.saved_tensors
        blocks: dict[str, Any] = {}

        def add(name: str, B: Operator, delta: Any) -> None:
            part = B._pull_sum_into(delta, None)
            blocks[name] = blocks[name] + part if name in blocks else part

        back = ctx.steps.backward(flatten(delta), add, input_too=ctx.needs_input_grad[1])
        gradients = [blocks[name].view(p.shape) for name, p in zip(ctx.names, parameters, strict=True)]
        return None, None if back is None else back.view(x.shape), *gradients


class BackproofModule(nn.Module):  # type: ignore[misc]
    """A network as a PyTorch module whose backward pass is our recursion instead of autograd's.

    ``BackproofModule(module)`` takes the place of a module that ``from_torch`` takes, sharing its parameters;
    ``BackproofModule(net, theta)`` is made of a network. Parameters, their names in ``state_dict`` and their
    gradients are those of ``nn.Sequential``, so optimisers, schedules and checkpoints go on as before. In training
    mode, dropout draws its masks by the number of calls so far.

    Attributes:
        net: the network.
        calls: calls in training mode so far.
    """

    def __init__(self, net: Any, theta: Parameters | None = None) -> None:
        super().__init__()
        if theta is None:
            inner = net
            self.net, theta = from_torch(net)
        else:
            self.net = net
            inner = to_torch(net, theta)
        self.calls = 0
        parts = inner.named_children() if type(inner) is nn.Sequential else [("0", inner)]
        for name, part in parts:
            self.add_module(name, part)

    def forward(self, x: Any) -> Any:
        """Return x_L for every example."""
        net = self.net
        if self.training:
            net = net.training(self.calls)
            self.calls += 1
        return BackproofFunction.apply(net, x, *self.parameters())
