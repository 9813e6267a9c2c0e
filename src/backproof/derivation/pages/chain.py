"""The network as a row of boxes: one a layer, with the sizes that go in and out, and the loss at the end."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import final

from ..lines import Derivation, Fold, LayerFacts, Section
from .structures import graph, word

WIDTH, HEIGHT = 152, 122
"""Of one box with the arrow before it."""

_LEFT, _RIGHT, _MIDDLE, _HALF = 42, 148, 56, 34


@final
@dataclass(frozen=True)
class Box:
    """One box of the chain.

    Attributes:
        drawing: its SVG, in which every name is escaped.
        label: the same in words.
        target: of the link, or empty.
        folded: whether it stands for several layers.
    """

    drawing: str
    label: str
    target: str
    folded: bool = False


def folds(derivation: Derivation) -> list[Fold]:
    """Return the folds of the network's own layers."""
    parts = (section for section in derivation.sections if section.name == "layers")
    return [item for section in parts for item in section.items if isinstance(item, Fold)]


def derived(derivation: Derivation) -> dict[int, Section]:
    """Return the sections of layers by the layer's number."""
    found: dict[int, Section] = {}
    for section in derivation.sections:
        for item in section.items:
            if isinstance(item, Section) and item.name == "layer":
                found.setdefault(item.layer, item)
    return found


def runs(derivation: Derivation) -> list[tuple[LayerFacts, ...]]:
    """Return the layers in order, those that are folded together as one run."""
    layers = derivation.network.layers
    starts = {fold.first: fold.last for fold in folds(derivation)}
    made: list[tuple[LayerFacts, ...]] = []
    at = 0
    while at < len(layers):
        end = max(at + 1, min(starts.get(at + 1, at + 1), len(layers)))
        made.append(layers[at:end])
        at = end
    return made


def chain(derivation: Derivation, say: Callable[..., str]) -> list[Box]:
    """Return the boxes from the input to the loss."""
    network, anchors = derivation.network, derived(derivation)
    largest = max(math.prod(facts.output_shape) for facts in network.layers)
    largest = max(largest, math.prod(network.input_shape))
    boxes = [
        _single(run[0], largest, run[0].index in anchors, say) if len(run) == 1 else _several(run, say)
        for run in runs(derivation)
    ]
    if network.loss:
        value = "" if network.loss_value is None else f"{network.loss_value:.4g}"
        inside = _rectangle() + _text(_MIDDLE + 4, _word(network.loss)) + _text(_HALF + 74, value, "detail")
        size = "×".join(map(str, network.output_shape))
        boxes.append(Box(_svg(size, inside), say("box_loss", loss=network.loss, value=value), ""))
    return boxes


def _single(facts: LayerFacts, largest: int, linked: bool, say: Callable[..., str]) -> Box:
    m, n = facts.jacobian.shape
    drawn = graph(facts.name, 60, 62, 70, 20)
    name = _text(_MIDDLE - 8 if drawn else _MIDDLE + 4, _word(facts.name))
    structure = word(facts.jacobian.structure, say)
    detail = _text(_HALF + 82, f"{m}×{n} {structure}", "detail")
    inside = _trapezoid(n, m, largest) + name + drawn + detail
    label = say("box", layer=facts.index, label=facts.label, n=n, m=m, structure=structure)
    return Box(_svg(_size(facts.input_shape), inside), label, f"layer-{facts.index}" if linked else "")


def _several(run: Sequence[LayerFacts], say: Callable[..., str]) -> Box:
    first, last = run[0].index, run[-1].index
    inside = (
        _rectangle()
        + _text(_MIDDLE - 3, say("layers", first=first, last=last))
        + _text(_MIDDLE + 13, say("folded"), "detail")
    )
    label = say("box_folded", first=first, last=last)
    return Box(_svg(_size(run[0].input_shape), inside), label, "", True)


def _svg(size: str, inside: str) -> str:
    arrow = (
        f'<path class="arrow" d="M2 {_MIDDLE} H{_LEFT - 7}"/><path class="tip" d="M{_LEFT - 2} {_MIDDLE} l-8 -4 v8 z"/>'
    )
    above = f'<text class="size" x="{_LEFT / 2 - 1}" y="{_MIDDLE - 8}">{escape(size)}</text>'
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">'
    return f"{head}{arrow}{above}{inside}</svg>"


def _size(shape: tuple[int, ...]) -> str:
    text = "×".join(map(str, shape))
    return text if len(text) <= 9 else f"{math.prod(shape)}"


def _word(name: str) -> str:
    word = name.partition("(")[0]
    return word if len(word) <= 14 else f"{word[:13]}…"


def _text(y: float, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{(_LEFT + _RIGHT) / 2}" y="{y}">{escape(text)}</text>'


def _rectangle() -> str:
    size = f'width="{_RIGHT - _LEFT}" height="{2 * _HALF - 12}"'
    return f'<rect class="box" x="{_LEFT}" y="{_MIDDLE - _HALF + 6}" {size} rx="5"/>'


def _trapezoid(inputs: int, outputs: int, largest: int) -> str:
    """Return a box that is as high on either side as there are numbers, by their logarithm."""

    def half(count: int) -> float:
        return 17 + (_HALF + 10 - 17) * math.log1p(count) / math.log1p(largest)

    a, b = half(inputs), half(outputs)
    corners = (
        f"{_LEFT},{_MIDDLE - a:.1f} {_RIGHT},{_MIDDLE - b:.1f} {_RIGHT},{_MIDDLE + b:.1f} {_LEFT},{_MIDDLE + a:.1f}"
    )
    return f'<polygon class="box" stroke-linejoin="round" points="{corners}"/>'
