"""Whether Jacobians have the shapes that their layer promises: a mistake in a layer is named where it is made."""

import math
from collections.abc import Mapping
from typing import Any

from ..errors import ShapeError
from ..operators import Operator
from .base import Layer, Linearization, Shape
from .combinators import Chain, Shared
from .composed import Branches, Repeated, Steps


def verify(layer: Layer, step: Linearization, shape: Shape, place: str = "") -> None:
    """Raise unless y, A and every B of a linearization fit the layer's ``output_shape`` and ``parameter_shapes``.

    Args:
        layer: the layer; combinators are entered, so that the layer inside is named.
        step: its linearization.
        shape: the shape of one input.
        place: where in the network the layer stands, as in ``"2.0"``.

    Raises:
        ShapeError: something does not fit, or B lacks a parameter or has an unknown one; the message names the layer.
    """
    if isinstance(layer, Chain) and isinstance(step, Steps):
        for index, (part, inner) in enumerate(zip(layer.layers, step, strict=True)):
            verify(part, inner, shape, f"{place}.{index}" if place else f"{index}")
            shape = tuple(inner.output.shape[1:])
    elif isinstance(layer, Shared) and isinstance(step, Repeated):
        verify(layer.inner, step.steps[0], shape, f"{place}.0")
    elif isinstance(step, Branches):
        for index, (part, inner) in enumerate(zip(layer.parts, step.steps, strict=True)):  # type: ignore[attr-defined]
            verify(part, inner, shape, f"{place}.{index}")
    else:
        _verify_one(f"layer {place}, {layer.label}" if place else layer.label, layer, step, shape)


def _verify_one(who: str, layer: Layer, step: Linearization, shape: Shape) -> None:
    promised, came = layer.output_shape(shape), tuple(step.output.shape[1:])
    if came != promised:
        raise ShapeError(f"{who}: its output has shape (batch, {_list(came)}), expected (batch, {_list(promised)}).")
    m, shapes = math.prod(promised), layer.parameter_shapes
    _verify_shape(who, "A", step.A, (m, math.prod(shape)))
    if step.B.keys() != shapes.keys():
        raise ShapeError(f"{who}: {names_differ(step.B, shapes)}")
    for name, B in step.B.items():
        _verify_shape(who, f"B[{name!r}]", B, (m, math.prod(shapes[name])))


def _verify_shape(who: str, what: str, operator: Any, expected: tuple[int, int]) -> None:
    if not isinstance(operator, Operator):
        raise ShapeError(f"{who}: {what} is {type(operator).__name__}, expected an operator, as in Dense(array).")
    if tuple(operator.shape) != expected:
        raise ShapeError(f"{who}: {what} has shape {tuple(operator.shape)}, expected {expected}: output by input size.")


def names_differ(came: Mapping[str, Any] | set[str], expected: Mapping[str, Any]) -> str:
    """Return the sentence that says which parameters have no B, and which B belong to no parameter."""
    missing = [repr(name) for name in expected if name not in came]
    extra = [repr(name) for name in came if name not in expected]
    parts = [f"no B for parameter {', '.join(missing)}"] * bool(missing)
    parts += [f"a B for {', '.join(extra)}, which is no parameter"] * bool(extra)
    return f"the Jacobians have {' and '.join(parts)}; expected one B for every name in parameter_shapes."


def _list(shape: Shape) -> str:
    return ", ".join(map(str, shape))
