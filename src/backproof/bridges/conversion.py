"""A PyTorch module as a network and back: both keep their parameters in one and the same vector."""

from typing import Any

import torch
from torch import nn

from ..arrays import detached, dtype_name, library, require_floating, to_numpy
from ..errors import DtypeError, OptionError
from ..layers import Layer
from ..network import Network
from ..parameters import Layout, Parameters
from .table import PAIRS, Reading, children, pair_of_layer, pair_of_module

__all__ = ["from_torch", "read", "to_torch"]


def from_torch(module: Any, *, like: Any = None) -> tuple[Network, Parameters]:
    """Return a PyTorch module as (network, parameters), sharing its weights.

    The module's parameters become views of one vector, which is ``theta.vector``: an optimiser's step on the module is
    seen in theta, and the other way round, as long as neither is moved to another device or dtype. The parameter
    objects stay the same ones, so an optimiser that holds them goes on as before.

    Names are the indices of the layers, as in ``nn.Sequential``: ``"0.weight"``, ``"2.0.bias"``. A module that is no
    ``nn.Sequential`` becomes a network of one layer. Dropout acts in ``net.training(step)``, whatever the mode of the
    module.

    Args:
        module: an ``nn.Sequential``, nested as you like, of modules that are layers here: ``Linear``, ``LayerNorm``,
            ``RMSNorm``, ``Dropout``, ``Flatten``, ``Unflatten``, ``Identity``, ``Softmax`` and the activations.
        like: a tensor whose dtype and device theta takes where the module has no parameters, which have their own.

    Raises:
        OptionError: a module is no layer here, has hooks, or uses a parameter of another; the message names it.
        DtypeError: the parameters differ in dtype or device, or are not float32 or float64.
    """
    if not isinstance(module, nn.Module):
        raise OptionError(f"from_torch: {module!r:.60} came, expected a torch.nn.Module such as nn.Sequential.")
    like = torch.empty(0) if like is None else like
    require_floating(like, "from_torch: like")
    like = next(module.parameters(), like)
    net = read(module, Reading(like.dtype))
    own = [tensor for _, part in _inside(module) for tensor in _tensors(part)]
    return net, Parameters(net.layout, _one_vector(net.layout, own, like))


def read(module: Any, reading: Reading) -> Network:
    """Return a module as a network, without its parameters.

    Raises:
        OptionError: a module is no layer here or has hooks; the message names it.
    """
    _refuse_hooks(module, "the module")
    inside = _inside(module)
    if not inside:
        raise OptionError("from_torch: the module is empty, expected at least one module in it.")
    return Network([_layer(part, name, reading) for name, part in inside])


def _inside(module: Any) -> list[tuple[str, Any]]:
    """Return the modules that become the layers of a network, with their names."""
    return children(module) if type(module) is nn.Sequential else [("0", module)]


def _layer(module: Any, name: str, reading: Reading) -> Layer:
    pair = pair_of_module(module)
    if pair is None:
        known = ", ".join(sorted({pair.module.__name__ for pair in PAIRS}))
        raise OptionError(
            f"from_torch: {name}, {type(module).__name__}, is no layer here, expected one of {known}. A subclass may "
            "compute anything; write it as a layer, see docs/extending.md."
        )
    _refuse_hooks(module, name)
    parts = [_layer(part, f"{name}.{inner}", reading) for inner, part in children(module)]
    if type(module) is nn.Sequential and not parts:
        raise OptionError(f"from_torch: {name}, Sequential, is empty, expected at least one module in it.")
    return pair.read(module, parts, reading)


def _refuse_hooks(module: Any, name: str) -> None:
    for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
        if getattr(module, kind):
            raise OptionError(
                f"from_torch: {name}, {type(module).__name__}, has hooks, which would not run; remove them."
            )
    if "forward" in vars(module):
        raise OptionError(
            f"from_torch: {name}, {type(module).__name__}, has a forward of its own, which would not run; remove it."
        )


def _tensors(module: Any) -> list[Any]:
    """Return the parameters in the order of the layer's own: weight before bias, parts in order."""
    found = [p for p in (module._parameters.get(name) for name in ("weight", "bias")) if p is not None]
    return found + [tensor for _, part in children(module) for tensor in _tensors(part)]


def _one_vector(layout: Layout, tensors: list[Any], like: Any) -> Any:
    """Return the vector whose views the parameters are, or make it and the parameters its views."""
    if not tensors:
        return torch.empty(0, dtype=like.dtype, device=like.device)
    first, names = tensors[0], list(layout.shapes)
    for index, tensor in enumerate(tensors):
        require_floating(tensor, f"from_torch: parameter {names[index]!r}")
        for what in ("dtype", "device"):
            if getattr(tensor, what) != getattr(first, what):
                raise DtypeError(
                    f"from_torch: parameter {names[index]!r} has {what} {getattr(tensor, what)}, {names[0]!r} "
                    f"{getattr(first, what)}, expected one {what}."
                )
        earlier = next((i for i in range(index) if tensors[i] is tensor), None)
        if earlier is not None:
            raise OptionError(
                f"from_torch: {names[index]!r} is the parameter {names[earlier]!r} once more, expected parameters of "
                "its own for every module; for one layer repeated there is Shared."
            )
    vector = _common_vector(layout, tensors)
    return vector if vector is not None else _gathered(layout, tensors)


def _common_vector(layout: Layout, tensors: list[Any]) -> Any:
    """Return the vector that the parameters are views of already, side by side in order; None if they are not."""
    first = tensors[0]
    storage, start = first.untyped_storage(), first.storage_offset()
    for tensor, where in zip(tensors, layout.slices.values(), strict=True):
        same = tensor.untyped_storage().data_ptr() == storage.data_ptr()
        if not (same and tensor.is_contiguous() and tensor.storage_offset() == start + where.start):
            return None
    return torch.empty(0, dtype=first.dtype, device=first.device).set_(storage, start, (layout.size,), (1,))


def _gathered(layout: Layout, tensors: list[Any]) -> Any:
    vector = torch.empty(layout.size, dtype=tensors[0].dtype, device=tensors[0].device)
    for tensor, where in zip(tensors, layout.slices.values(), strict=True):
        view = vector[where].view(tensor.shape)
        view.copy_(tensor.detach())
        tensor.data = view
    return vector


def to_torch(net: Network, theta: Parameters) -> Any:
    """Return the network as an ``nn.Sequential`` whose parameters are views of ``theta.vector``.

    Weights are shared with PyTorch's and NumPy's parameters, and copied from JAX's, which cannot be written. The
    module is in evaluation mode, as the network is: ``module.train()`` switches its dropout on.

    Raises:
        OptionError: a layer has no module in PyTorch; the message names it.
    """
    vector = _tensor(theta)
    layers = [_module(layer, str(index)) for index, layer in enumerate(net)]
    module = nn.Sequential(*layers)
    where = iter(theta.layout.slices.values())
    _fill(module, vector, where)
    return module.eval()


def _tensor(theta: Parameters) -> Any:
    if library(theta.like) == "torch":
        return detached(theta.vector)
    require_floating(theta.like, "to_torch: theta")
    if dtype_name(theta.like) not in ("float32", "float64"):
        raise DtypeError(f"to_torch: theta has dtype {dtype_name(theta.like)}, expected float32 or float64.")
    numbers = to_numpy(theta.vector)
    return torch.from_numpy(numbers if numbers.flags.writeable else numbers.copy())


def _module(layer: Layer, name: str) -> Any:
    pair = pair_of_layer(layer)
    if pair is None:
        raise OptionError(f"to_torch: layer {name}, {layer.label}, has no module in PyTorch.")
    parts: Any = getattr(layer, "parts", ())
    return pair.write(layer, [_module(part, f"{name}.{index}") for index, part in enumerate(parts)])


def _fill(module: Any, vector: Any, where: Any) -> None:
    """Give every parameter its part of the vector, in order."""
    for name in ("weight", "bias"):
        empty = module._parameters.get(name)
        if empty is not None:
            setattr(module, name, nn.Parameter(vector[next(where)].view(empty.shape)))
    for _, part in children(module):
        _fill(part, vector, where)
