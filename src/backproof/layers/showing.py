"""Networks and their linearizations as notebooks show them."""

import math
from collections.abc import Sequence

from ..display import caption, card, escape, folded, latex_escape, quantity, sizes, table
from ..operators import Operator
from ..operators.showing import first_examples, in_words
from .base import Layer, Linearization
from .composed import Steps


def layers_html(title: str, layers: Sequence[Layer]) -> str:
    """Return the layers in order with their parameters."""
    rows = [(index, _short(layer.label), _shapes(layer), quantity(_count(layer))) for index, layer in enumerate(layers)]
    total = sum(map(_count, layers))
    head = caption(title, f"{len(layers):,} layers", f"{quantity(total)} parameters", _span(layers))
    foot = ("", "", "", quantity(total))
    return card(head, table(("", "layer", "parameters", "numbers"), folded(rows), right=(0, 3), foot=foot))


def _span(layers: Sequence[Layer]) -> str:
    """Return the sizes from input to output where the layers say them."""
    first = next((layer.in_features for layer in layers[:1] if hasattr(layer, "in_features")), None)
    last = next((layer.out_features for layer in reversed(layers) if hasattr(layer, "out_features")), None)
    return f"{first} → {last}" if first and last else ""


def _count(layer: Layer) -> int:
    return sum(math.prod(shape) for shape in layer.parameter_shapes.values())


def _shapes(layer: Layer) -> str:
    named = [f"{name} {sizes(shape)}" for name, shape in layer.parameter_shapes.items()]
    return ", ".join(named if len(named) <= 6 else [*named[:3], "…", named[-1]])


def _short(label: str) -> str:
    label = " ".join(label.split())
    return label if len(label) <= 80 else f"{label[:76]} …"


def composition_latex(layers: Sequence[Layer]) -> str:
    r"""Return x_L = (f_L o ... o f_1)(x_0) with every layer's name below its function."""
    shown: list[int | None] = list(range(len(layers), 0, -1))
    if len(shown) > 6:
        shown = [*shown[:2], None, *shown[-2:]]
    names = r" \circ ".join(r"\cdots" if i is None else _function(i, layers[i - 1]) for i in shown)
    return rf"$\displaystyle x_{{{len(layers)}}} = \Bigl( {names} \Bigr)(x_0)$"


def _function(index: int, layer: Layer) -> str:
    return rf"\underset{{\text{{{latex_escape(_short(layer.label)[:40])}}}}}{{f_{{{index}}}}}"


def steps_html(step: Linearization) -> str:
    """Return the two Jacobians of a layer, or of every layer of a network, with shapes and structures."""
    steps = list(step) if isinstance(step, Steps) else [step]
    rows = [row for index, one in enumerate(steps) for row in _rows(str(index) if len(steps) > 1 else "", one)]
    title = f"Linearization of {len(steps):,} layers" if len(steps) > 1 else "Linearization"
    head = caption(title, f"output {sizes(step.output.shape)}, the first axis is the example")
    return card(head, table(("layer", "Jacobian", "shape", "structure", "for"), folded(rows, 60), raw=(1,)))


def _rows(place: str, step: Linearization) -> list[tuple[str, ...]]:
    blocks = [("A", step.A), *((f"B[{name}]", B) for name, B in step.B.items())]
    return [(place, f"<code>{escape(name)}</code>", sizes(J.shape), _words(J), _batch(J)) for name, J in blocks]


def _words(operator: Operator) -> str:
    return operator.structure if operator.batch == 0 else in_words(first_examples(operator))


def _batch(operator: Operator) -> str:
    return "the whole batch" if operator.batch is None else "each example"
