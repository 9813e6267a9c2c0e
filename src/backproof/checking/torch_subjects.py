"""Subjects of PyTorch: ``autograd.Function`` classes, modules, and functions of tensors with custom rules inside."""

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..arrays import dtype_name
from ..errors import DtypeError, OptionError, missing_extra
from .arguments import argument_names, title_of
from .problems import NATIVE, Points, Problem, Raw, Route, Value, from_pushes
from .structures import Structure, flat
from .tensors import like_tensor


def is_torch(subject: Any, inputs: Sequence[Any]) -> bool:
    """Whether subject or inputs are PyTorch's; PyTorch is not imported for it."""
    kinds = subject.__mro__ if isinstance(subject, type) else type(subject).__mro__
    if any(kind.__module__.startswith("torch.") for kind in kinds):
        return True
    return any(type(value).__module__.split(".")[0] == "torch" for value in inputs)


def torch_problem(subject: Any, inputs: tuple[Any, ...], names: Sequence[str] | None = None) -> Problem:
    """Return the problem of a PyTorch subject: every floating input and every parameter is an argument.

    Raises:
        DtypeError: nothing in it can carry a gradient.
        MissingExtraError: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise missing_extra("checking a PyTorch subject", "torch") from error
    module = isinstance(subject, torch.nn.Module)
    function = isinstance(subject, type) and issubclass(subject, torch.autograd.Function)
    labels = argument_names(_signature(subject, module, function), len(inputs), names)
    tensors = dict(enumerate(inputs))
    places: list[Any] = [i for i, v in tensors.items() if isinstance(v, torch.Tensor) and v.is_floating_point()]
    found = [labels[i] for i in places]
    if module:
        parameters = {name: p for name, p in subject.named_parameters() if p.requires_grad}
        tensors, places, found = tensors | parameters, places + list(parameters), found + list(parameters)
    if not places:
        came = ", ".join(f"{name}: {_kind(value)}" for name, value in zip(labels, inputs, strict=True)) or "none"
        raise DtypeError(
            f"check: no input of {title_of(subject)} is a floating tensor ({came}); convert one, as in "
            "torch.as_tensor(x, dtype=torch.float64)."
        )
    own = torch.autograd.Function
    if function and {subject.backward, subject.vjp, subject.jvp} == {own.backward, own.vjp, own.jvp}:
        raise OptionError(f"check: {title_of(subject)} came without a derivative, expected a backward or a jvp in it.")
    values = [tensors[place].detach() for place in places]
    for label, value in zip(found, values, strict=True):
        if value.is_meta:
            raise DtypeError(f"check: {label} is on the meta device and holds no numbers; move it, as in x.to('cpu').")
    call = _Call(subject, inputs, tuple(places), tuple(values), module, function)
    routes = [Route("vjp", call.dense, pull=call.pull, changes=functools.partial(call.changes, found))]
    if function and subject.jvp is not torch.autograd.Function.jvp:
        routes.append(Route("jvp", from_pushes(call.push), push=call.push))
    return Problem(
        title_of(subject),
        tuple(found),
        tuple(np.asarray(value.cpu().double().numpy()) for value in values),
        tuple(dtype_name(value) for value in values),
        call.evaluate,
        tuple(routes),
        complex_steps=True,
    )


def _kind(value: Any) -> str:
    dtype = getattr(value, "dtype", None)
    return type(value).__name__ if dtype is None else f"{type(value).__name__} of {dtype}"


def applied(subject: Any) -> Any:
    """Return the ``autograd.Function`` class whose ``apply`` came, anything else as it is."""
    owner = getattr(subject, "__self__", None)
    named = getattr(subject, "__name__", "") == "apply" and isinstance(owner, type) and is_torch(owner, ())
    return owner if named else subject


def _signature(subject: Any, module: bool, function: bool) -> Any:
    if module:
        return subject.forward
    if not function:
        return subject
    import torch

    if subject.setup_context is not torch.autograd.Function.setup_context:
        return subject.forward
    # Without setup_context, forward's first argument is the context.
    return functools.partial(subject.forward, None)


@final
@dataclass(frozen=True)
class _Call:
    """The calls of a subject: points in float64 to tensors and back."""

    subject: Any
    inputs: tuple[Any, ...]
    places: tuple[Any, ...]
    values: tuple[Any, ...]
    module: bool
    function: bool

    def tensors(self, points: Points, precision: str) -> list[Any]:
        """Return fresh leaf tensors at the points."""
        return [like_tensor(value, point, precision) for point, value in zip(points, self.values, strict=True)]

    def call(self, tensors: Sequence[Any], precision: str) -> Any:
        """Return what the subject gives for these tensors."""
        import torch

        given = dict(zip(self.places, tensors, strict=True))
        inputs = [given.get(i, self._other(v, precision)) for i, v in enumerate(self.inputs)]
        if self.function:
            return flat(self.subject.apply(*inputs))
        if not self.module:
            return flat(self.subject(*inputs))
        state = {name: self._other(b.detach().clone(), precision) for name, b in self.subject.named_buffers()}
        state |= {name: p for name, p in given.items() if isinstance(name, str)}
        fixed = {n: p for n, p in self.subject.named_parameters() if n not in state}
        state |= {n: self._other(p.detach().clone(), precision) for n, p in fixed.items()}
        return flat(torch.func.functional_call(self.subject, state, tuple(inputs)))

    def _other(self, value: Any, precision: str) -> Any:
        import torch

        if not isinstance(value, torch.Tensor):
            return value
        return value.double() if precision != NATIVE and value.is_floating_point() else value.clone()

    def evaluate(self, points: Points, precision: str) -> Value:
        """Return the value of the subject, without gradients."""
        import torch

        with torch.no_grad():
            tensors = self.tensors(points, precision)
            before = [tensor.clone() for tensor in tensors]
            result = self.call(tensors, precision)
            structure = Structure.of(result)
            numbers, dtype = structure.join(result, "the function's value")
        moved = {
            index: tensor
            for index, (tensor, old) in enumerate(zip(tensors, before, strict=True))
            if precision == NATIVE and not torch.equal(tensor, old)
        }
        changed = {i: tensor.cpu().double().numpy() for i, tensor in moved.items() if not _returned(tensor, result)}
        return Value(np.array(numbers), dtype, changed, tuple(i for i in moved if i not in changed), structure.parts)

    def dense(self, points: Points, precision: str) -> list[Raw | None]:
        """Return the Jacobian in every argument, by a backward pass for every entry of the output."""
        leaves, outputs, structure = self._graph(points, precision)
        m = int(np.prod(structure.shape, dtype=int))
        rows = [self._backward(leaves, outputs, structure, u.reshape(structure.shape)) for u in np.eye(m)]
        found: list[Raw | None] = []
        for index, leaf in enumerate(leaves):
            given = [row[index] for row in rows]
            if all(grad is None for grad in given):
                found.append(None)
                continue
            shape = next(tuple(grad.shape) for grad in given if grad is not None)
            arrays = [np.zeros(shape) if grad is None else grad.detach().cpu().double().numpy() for grad in given]
            found.append(Raw(np.stack(arrays), dtype_name(leaf)))
        return found

    def pull(self, points: Points, precision: str, u: Any) -> list[Any]:
        """Return the cotangents of all arguments, with their dtypes' names."""
        leaves, outputs, structure = self._graph(points, precision)
        grads = self._backward(leaves, outputs, structure, u)
        return [
            None if grad is None else (grad.detach().cpu().double().numpy(), dtype_name(leaf))
            for grad, leaf in zip(grads, leaves, strict=True)
        ]

    def push(self, points: Points, precision: str, tangents: Points) -> Any:
        """Return the output's tangent by forward mode."""
        import torch.autograd.forward_ad as forward_ad

        with forward_ad.dual_level(), warnings.catch_warnings():
            # PyTorch itself warns when forward mode is first used.
            warnings.simplefilter("ignore", DeprecationWarning)
            tensors = self.tensors(points, precision)
            moves = self.tensors(tangents, precision)
            duals = [forward_ad.make_dual(x, v) for x, v in zip(tensors, moves, strict=True)]
            result = self.call(duals, precision)
            structure = Structure.of(result)
            outputs = [result] if structure.single else list(result)
            found = [forward_ad.unpack_dual(y) for y in outputs]
            moved = [f.primal.new_zeros(f.primal.shape) if f.tangent is None else f.tangent for f in found]
            return structure.join(moved[0] if structure.single else tuple(moved), "the jvp")

    def changes(self, names: Sequence[str], points: Points, precision: str) -> list[str]:
        """Return what a backward pass changes in place: its arguments by name, or its cotangent."""
        import torch

        with torch.enable_grad():
            leaves = [tensor.requires_grad_() for tensor in self.tensors(points, precision)]
            given = [leaf.clone() for leaf in leaves]
            result = self.call(given, precision)
        outputs = [y for y in (result if isinstance(result, tuple | list) else (result,)) if _carries(y)]
        if not outputs:
            return []
        before, cotangents = [tensor.detach().clone() for tensor in given], [torch.ones_like(y) for y in outputs]
        try:
            torch.autograd.grad(outputs, leaves, cotangents, allow_unused=True)
        except RuntimeError:
            # What PyTorch refuses is told by the pass that is compared.
            return []
        found = [f"its argument {n!r}" for n, a, b in zip(names, given, before, strict=True) if not _same(a, b)]
        return found + ["its cotangent"] * any(bool((u != 1).any()) for u in cotangents)

    def _graph(self, points: Points, precision: str) -> tuple[list[Any], list[Any], Structure]:
        import torch

        with torch.enable_grad():
            leaves = [tensor.requires_grad_() for tensor in self.tensors(points, precision)]
            # A function that works in place may not have the leaves themselves.
            result = self.call([leaf.clone() for leaf in leaves], precision)
        structure = Structure.of(result)
        outputs = [result] if structure.single else [y for y in result if y is not None and y.is_floating_point()]
        return leaves, outputs, structure

    def _backward(self, leaves: list[Any], outputs: list[Any], structure: Structure, u: Any) -> Sequence[Any]:
        import torch

        pieces = Structure(structure.shapes, single=False).split(u, np.array)
        pairs = [
            (y, torch.tensor(piece, device=y.device).to(y.dtype))
            for y, piece in zip(outputs, pieces, strict=True)
            if y.requires_grad
        ]
        if not pairs:
            return [None] * len(leaves)
        tops, cotangents = zip(*pairs, strict=True)
        try:
            return torch.autograd.grad(tops, leaves, cotangents, retain_graph=True, allow_unused=True)  # type: ignore[no-any-return]
        except RuntimeError as error:
            if not self.function or "invalid gradient" not in str(error):
                raise
            # PyTorch refuses the shape; the node itself still says what the backward gave.
            given = self.subject.backward(tops[0].grad_fn, *cotangents)
            given = given if isinstance(given, tuple) else (given,)
            return [given[place] for place in self.places]


def _carries(output: Any) -> bool:
    """Whether an output has a gradient."""
    return bool(getattr(output, "requires_grad", False))


def _same(one: Any, other: Any) -> bool:
    """Whether two tensors hold the same numbers, NaN for NaN."""
    return bool(((one == other) | (one != one)).all())


def _returned(tensor: Any, result: Any) -> bool:
    """Whether a changed tensor is an output, which is how a function says that it works in place."""
    outputs = result if isinstance(result, tuple | list) else (result,)
    return any(y is tensor or (hasattr(y, "data_ptr") and y.data_ptr() == tensor.data_ptr()) for y in outputs)
