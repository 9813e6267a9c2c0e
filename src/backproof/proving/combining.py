"""Layers made of layers, as the proof has them."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..layers import Chain, Concatenate, Layer, Product, Residual, Shared, Sum
from ..layers.base import Shape
from .parts import Part
from .words import listed
from .writing import Writer, Written

Rule = Callable[[Writer, Any, Shape, str], Part | None]
"""A writer, a layer, the shape of one example of its input, its place -> its part; None: no lemma fits."""


def combined_part(writer: Writer, layer: Layer, shape: Shape, place: str) -> Part | None:
    """Return a layer made of layers as the proof has it, None if there is no lemma about it."""
    rule = COMBINATORS.get(type(layer))
    return None if rule is None else rule(writer, layer, shape, place)


def _chain(writer: Writer, layer: Chain, shape: Shape, place: str) -> Part:
    return _block(writer, writer.network(layer.layers, shape, place))


def _block(writer: Writer, net: Written) -> Part:
    """Return a whole network as one layer; its parameter vector holds those of its layers."""
    network = f"network{net.place}"
    if not net.sizes:
        condition = f"conditions{net.place} x tt" if net.conditional else ""
        proof = f"function_block_correct (network{net.place}_correct{' _ _ c' if net.conditional else ' x tt'})"
        return writer.define(f"function_block {network}", proof, None, condition, net.first, net.place)
    views = f"(@views R {listed(net.sizes)} t)"
    given = " _ _ c" if net.conditional else f" x {views}"
    return writer.define(
        f"block {network}",
        f"block_correct (network{net.place}_correct{given})",
        f"({net.sizes[0]} + parameter_count {listed(net.sizes[1:])})%N",
        f"conditions{net.place} x {views}" if net.conditional else "",
        net.first,
        net.place,
    )


def _residual(writer: Writer, layer: Residual, shape: Shape, place: str) -> Part:
    inner = writer.part(layer.inner, shape, f"{place}_0")
    name = "residual_function" if inner.parameters is None else "residual"
    return _joined(writer, name, [inner], shape, place)


def _parallel(names: dict[tuple[bool, bool], str], commutes: bool) -> Rule:
    """Return the rule of branches side by side: two at a time, from the last."""

    def rule(writer: Writer, layer: Any, shape: Shape, place: str) -> Part:
        parts = [writer.part(branch, shape, f"{place}_{i}") for i, branch in enumerate(layer.branches)]
        result = parts.pop()
        while parts:
            pair = [parts.pop(), result]
            if commutes and pair[0].parameters is None:
                pair.reverse()
            name = names[pair[0].parameters is not None, pair[1].parameters is not None]
            result = _joined(writer, name, pair, shape, f"{place}_from{len(parts)}" if parts else place)
        return result

    return rule


def _joined(writer: Writer, name: str, parts: Sequence[Part], shape: Shape, place: str) -> Part:
    """Write a layer made of one part or two; two with parameters have them under each other in one vector."""
    sizes = [f"({part.parameters})" for part in parts if part.parameters is not None]
    own = ["t"] if len(sizes) == 1 else [f"(@{half}_of R {' '.join(sizes)} t)" for half in ("first", "second")]
    points = ["x" if part.parameters is None else f"x {own.pop(0)}" for part in parts]
    conditions = [f"({p.condition}) {point}" for p, point in zip(parts, points, strict=True) if p.condition]
    given = ["c"] if len(conditions) == 1 else ["(proj1 c)", "(proj2 c)"]
    proofs = [
        f"({part.correct} {point}{f' {given.pop(0)}' if part.condition else ''})"
        for part, point in zip(parts, points, strict=True)
    ]
    return writer.define(
        f"{name} {' '.join(f'({part.term})' for part in parts)}",
        f"{name}_correct {' '.join(proofs)}",
        None if not sizes else f"both {' '.join(sizes)}" if len(sizes) == 2 else sizes[0],
        " /\\ ".join(conditions),
        math.prod(shape) - 1,
        place,
    )


def _shared(writer: Writer, layer: Shared, shape: Shape, place: str) -> Part | None:
    if not layer.parameter_shapes:
        return None
    inner = writer.part(layer.inner, shape, f"{place}_0")
    n, times = math.prod(shape) - 1, layer.times
    term, correct = f"shared ({inner.term}) {times}", f"{inner.correct}"
    if not inner.condition:
        proof = f"@shared_correct_everywhere R {n} ({inner.parameters}) ({inner.term}) {times} x t ({correct})"
        return writer.define(term, proof, inner.parameters, "", n, place)
    proof = f"@shared_correct R {n} ({inner.parameters}) ({inner.term}) ({inner.condition}) {times} x t ({correct}) c"
    steps = f"at_every_step ({inner.term}) ({inner.condition}) {times} x t"
    return writer.define(term, proof, inner.parameters, steps, n, place)


_SUMS = {
    (True, True): "sum_layers",
    (True, False): "sum_layer_function",
    (False, False): "sum_functions",
}
_PRODUCTS = {
    (True, True): "product_layers",
    (True, False): "product_layer_function",
    (False, False): "product_functions",
}
_CONCATENATIONS = {
    (True, True): "concatenate",
    (True, False): "concatenate_layer_function",
    (False, True): "concatenate_function_layer",
    (False, False): "concatenate_functions",
}
"""By which of two branches have parameters."""

COMBINATORS: dict[type[Layer], Rule] = {
    Chain: _chain,
    Residual: _residual,
    Sum: _parallel(_SUMS, commutes=True),
    Product: _parallel(_PRODUCTS, commutes=True),
    Concatenate: _parallel(_CONCATENATIONS, commutes=False),
    Shared: _shared,
}
