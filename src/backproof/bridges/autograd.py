"""The recursion of the theorem as one step of PyTorch's autograd, so that training loops stay as they are."""

from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from ..arrays import detached, dtype_name, flatten
from ..compilation.sizes import UntraceableError
from ..compilation.torch_splitting import Halves, halves
from ..errors import OptionError, ShapeError
from ..network import Network
from ..operators import Operator
from ..parameters import Parameters
from .conversion import from_torch, to_torch
from .table import children
from .wrapping import Wrapped

__all__ = ["BackproofFunction", "BackproofModule", "Compiled"]


class Compiled:
    """A network and the programs made of it so far, one for every kind of input.

    Attributes:
        net: the network.
        traceable: whether no layer has refused to be traced.
    """

    def __init__(self, net: Network) -> None:
        self.net, self.traceable = net, True
        self._made: dict[Any, list[Halves]] = {}

    def __reduce__(self) -> Any:
        """Copies and files hold the network; programs are made anew."""
        return Compiled, (self.net,)

    def halves(self, theta: Parameters, x: Any) -> Halves | None:
        """Return the program for inputs like x, None if a layer cannot be traced.

        Raises:
            ShapeError, DtypeError: x or theta does not fit, as ``Network.forward`` says.
        """
        key = (tuple(x.shape[1:]), x.dtype)
        made = self._made.get(key)
        if made is None or theta.like.dtype != x.dtype or theta.like.device != x.device:
            self.net.forward(theta, x)
            made = self._made.setdefault(key, [])
        found = next((program for program in made if program.trace.serves(x.shape[0])), None)
        if found is None and self.traceable:
            try:
                found = halves(self.net, key[0], dtype_name(x), x.shape[0])
                made.append(found)
            except UntraceableError:
                self.traceable = False
        return found


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
        ShapeError: a parameter has another shape than the network gives it.
    """

    @staticmethod
    def forward(ctx: Any, net: Any, x: Any, *parameters: Any) -> Any:
        """Return x_L, and keep what the backward pass needs."""
        compiled = net if isinstance(net, Compiled) else None
        net = compiled.net if compiled is not None else net
        if compiled is None or len(parameters) != len(net.layout.shapes):
            _require_parameters(net, parameters)
        theta = Parameters.of_arrays(net.layout, dict(zip(net.layout.shapes, map(detached, parameters), strict=True)))
        if not parameters:
            theta = Parameters(net.layout, torch.empty(0, dtype=x.dtype, device=x.device))
        # Saved for PyTorch's own check that nobody writes into them before the backward pass.
        ctx.save_for_backward(x, *parameters)
        ctx.program = compiled.halves(theta, x) if compiled is not None and not ctx.needs_input_grad[1] else None
        if ctx.program is not None:
            with _without_autocast(x):
                rows, ctx.kept = ctx.program.forward(detached(x), tuple(theta.values()))
            shape = (x.shape[0], *net.output_shape(tuple(x.shape[1:])))
            # A view could not be written into, as in-place activations do.
            return rows if rows.shape == shape else rows.reshape(shape).clone()
        with _without_autocast(x):
            ctx.steps, ctx.names = net.linearize(theta, x), list(net.layout.shapes)
        # The steps may need their own later.
        return ctx.steps.output.clone()

    @staticmethod
    def backward(ctx: Any, delta: Any) -> tuple[Any, ...]:
        """Return delta A_L ... A_1, and delta B summed over the batch for every parameter."""
        if torch.is_grad_enabled():
            raise OptionError(
                "BackproofFunction: a second derivative is asked for (create_graph=True), expected first derivatives "
                "alone; backproof.hvp and backproof.hessian give second ones."
            )
        with _without_autocast(delta):
            return BackproofFunction._pulled_back(ctx, delta)

    @staticmethod
    def _pulled_back(ctx: Any, delta: Any) -> tuple[Any, ...]:
        x, *parameters = ctx.saved_tensors
        if ctx.program is not None:
            return None, None, *ctx.program.backward(flatten(delta), x, parameters, ctx.kept)
        blocks: dict[str, Any] = {}

        def add(name: str, B: Operator, delta: Any) -> None:
            part = B._pull_sum_into(delta, None)
            blocks[name] = blocks[name] + part if name in blocks else part

        back = ctx.steps.backward(flatten(delta), add, input_too=ctx.needs_input_grad[1])
        gradients = [blocks[name].view(p.shape) for name, p in zip(ctx.names, parameters, strict=True)]
        return None, None if back is None else back.view(x.shape), *gradients


def _require_parameters(net: Network, parameters: Any) -> None:
    expected = net.layout.shapes
    if len(parameters) != len(expected):
        raise OptionError(
            f"BackproofFunction: {len(parameters)} parameters came, expected {len(expected)} in the order "
            f"{', '.join(expected)}."
        )
    for (name, shape), tensor in zip(expected.items(), parameters, strict=True):
        if tuple(tensor.shape) != shape:
            raise ShapeError(
                f"BackproofFunction: parameter {name!r} has shape {tuple(tensor.shape)}, expected {shape}; parameters "
                f"come in the order {', '.join(expected)}."
            )


def _without_autocast(x: Any) -> Any:
    """Return a context without autocasting: what is computed has the dtype of x and theta."""
    kind = x.device.type
    # Tensors without numbers, on the device meta, are known to no autocasting.
    autocast = kind != "meta" and torch.is_autocast_enabled(kind)
    return torch.autocast(kind, enabled=False) if autocast else nullcontext()


class BackproofModule(nn.Module):  # type: ignore[misc]
    """A network as a PyTorch module whose backward pass is our recursion instead of autograd's.

    ``BackproofModule(module)`` takes the place of a module that ``from_torch`` takes, sharing its parameters;
    ``BackproofModule(net, theta)`` is made of a network. Parameters, their names in ``state_dict`` and their
    gradients are those of ``nn.Sequential``, so optimisers, schedules and checkpoints go on as before.

    Settings of the modules may change, and each dropout acts in its own training mode, as in PyTorch. Masks are drawn
    by PyTorch's default generator for the CPU, one number a call, so ``torch.manual_seed`` repeats them; they are
    other masks than those of ``nn.Dropout``.

    Attributes:
        net: the network.

    Raises:
        OptionError: a module is no layer here, has hooks, or is not among those that were wrapped.
    """

    def __init__(self, net: Any, theta: Parameters | None = None) -> None:
        super().__init__()
        if theta is None:
            _require_module(net)
            inner = net
            self.net, theta = from_torch(net)
        else:
            self.net = net
            inner = to_torch(net, theta).train()
        self._wrapped = Wrapped(inner, theta.like.dtype)
        self._compiled = Compiled(self.net)
        self.training = inner.training
        parts = children(inner) if type(inner) is nn.Sequential else [("0", inner)]
        for name, part in parts:
            self.add_module(name, part)
        self._own = dict(self._modules)
        self._places = [
            (part, name) for part in self.modules() for name in part._parameters if part._parameters[name] is not None
        ]

    def forward(self, x: Any) -> Any:
        """Return x_L for every example."""
        parameters = [part._parameters.get(name) for part, name in self._places]
        wrapped = self._wrapped
        if wrapped.follow(getattr(parameters[0] if parameters else x, "dtype", wrapped.dtype)):
            self.net = wrapped.net
            self._compiled = Compiled(self.net)
        if self._modules != self._own:
            raise OptionError(
                "BackproofModule: modules were put into it or taken out, expected those that were wrapped; change the "
                "module itself and wrap it again."
            )
        # Masks differ from step to step; what holds some is evaluated by the formulas themselves.
        program = wrapped.acting.training(_drawn()) if wrapped.drops else self._compiled
        return BackproofFunction.apply(program, x, *parameters)


def _require_module(net: Any) -> None:
    if isinstance(net, Network):
        raise OptionError(
            "BackproofModule: a Network came without its parameters, expected BackproofModule(net, theta), with "
            "theta = net.initialize(0, like=torch.zeros(1)), or BackproofModule(module)."
        )


def _drawn() -> int:
    """Return a number of PyTorch's default generator, which stands for the masks of one call."""
    return int(torch.randint(2**63 - 1, ()))
