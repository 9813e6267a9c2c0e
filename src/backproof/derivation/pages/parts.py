"""The parts of the page, each as plain data for its template."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ...errors import OptionError
from ...operators import Kronecker
from ..expressions import Equation, Expression, Symbol
from ..figures import Figure
from ..language import say
from ..lines import Derivation, Fold, LayerFacts, Line, Section, Words
from ..naming import Names
from ..typeset import typeset
from .chain import chain, runs
from .formulas import Formulas, signs
from .held import Held, held
from .pictures import FORMULA_LINE, WHOLE, Gallery, Picture, fit
from .plots import spectrum_curve, training_curve
from .structures import pattern, word
from .walk import walk

Part = dict[str, Any]


@final
@dataclass(frozen=True)
class Table:
    """A table for the end of the page; its words may be of any origin.

    Attributes:
        anchor: its place in the page, a plain word.
        title: its heading.
        paragraphs: what is said before it.
        headings: of the columns.
        rows: of cells.
        numbers: which columns (from 0) hold numbers.
    """

    anchor: str
    title: str
    paragraphs: Sequence[str]
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()

    def plain(self) -> Part:
        """Return the part of the page."""
        return {"kind": "table", **vars(self)}


def facts(derivation: Derivation, formulas: Formulas) -> list[tuple[str, str]]:
    """Return the numbers for the head of the page."""
    network, say = derivation.network, formulas.say
    made = [
        (say("fact_layers"), f"{len(network.layers)}"),
        (say("fact_parameters"), f"{network.parameters:,}"),
        (say("fact_input"), " × ".join(map(str, network.input_shape))),
        (say("fact_output"), " × ".join(map(str, network.output_shape))),
    ]
    if network.loss_value is not None:
        name = say("fact_loss", loss=network.loss.partition("(")[0])
        made.append((name, f"{network.loss_value:.4g}"))
    return made


def network(derivation: Derivation, formulas: Formulas, gallery: Gallery, image: tuple[int, int] | None) -> Part:
    """Return the picture of the chain, the example, and the key of the colours."""
    from markupsafe import Markup

    boxes = [
        {"drawing": Markup(box.drawing), "label": box.label, "target": box.target, "folded": box.folded}
        for box in chain(derivation, formulas.say)
    ]
    return {
        "kind": "network", "anchor": "network", "title": formulas.say("network"), "boxes": boxes,
        "example": _example(derivation, formulas, gallery, image), "said": _said(derivation, formulas),
        "key": _key(derivation, formulas),
    }  # fmt: skip


def _example(
    derivation: Derivation, formulas: Formulas, gallery: Gallery, image: tuple[int, int] | None
) -> list[Picture]:
    known = derivation.network
    shape = image or (known.input_shape if len(known.input_shape) == 2 else None)
    if shape is not None and (len(shape) != 2 or math.prod(shape) != np.size(known.input)):
        raise OptionError(f"image is {shape}, expected rows and columns for the {np.size(known.input)} numbers of x.")
    rows = [(known.input, formulas.say("input"), known.input_symbol)]
    if known.input_delta is not None:
        rows.append((known.input_delta, formulas.say("input_delta"), known.input_delta_symbol))
    if shape is None:
        return [gallery.matrix(np.reshape(x, (1, -1)), says, formulas.print(s), structure="") for x, says, s in rows]
    return [
        gallery.image(x, (shape[0], shape[1]), formulas.say("image", what=says), formulas.print(s))
        for x, says, s in rows
    ]


def _said(derivation: Derivation, formulas: Formulas) -> str:
    known, say = derivation.network, formulas.say
    told = [say("example_lead", example=known.example)]
    if known.target is not None:
        told.append(say("example_target", target=_plain(known.target, formulas)))
    if known.input_delta is not None:
        told.append(say("example_delta"))
    return " ".join(told)


def _plain(target: Any, formulas: Formulas) -> str:
    values = np.asarray(target).reshape(-1)
    shown = ", ".join(f"{value:.4g}" for value in values[:6])
    return shown if values.size <= 6 else formulas.say("target_long", count=values.size)


def _key(derivation: Derivation, formulas: Formulas) -> list[tuple[str, str, Any]]:
    last = derivation.network.layers[-1]
    names, place = Names(derivation.choices.notation), str(last.index)
    symbols: list[tuple[str, Expression]] = [
        ("x", last.state_symbol),
        ("A", last.jacobian_symbol),
        ("B", names.B(place)),
        *([("delta", last.delta_symbol)] if last.delta is not None else []),
        ("theta", names.theta(place)),
    ]
    return [(formulas.say(f"key_{role}"), role, formulas.print(symbol)) for role, symbol in symbols]


# -- what was derived -----------------------------------------------------------------------------------------


def derived(derivation: Derivation, section: Section, formulas: Formulas, gallery: Gallery) -> Part:
    """Return one section of the derivation."""
    made = _Derived(derivation, formulas, gallery)
    return {"kind": "derived", "anchor": section.name, "title": made.say(section.title), "runs": made.runs(section)}


@final
class _Derived:
    def __init__(self, derivation: Derivation, formulas: Formulas, gallery: Gallery) -> None:
        self.derivation, self.formulas, self.gallery = derivation, formulas, gallery

    def say(self, sentence: Words | None) -> Any:
        """Return a sentence, escaped, with its formulas set."""
        if sentence is None:
            return ""
        from markupsafe import Markup, escape

        formulas: list[Any] = []

        def show(expression: Expression) -> str:
            formulas.append(self.formulas.print(expression))
            return f"\ue000{len(formulas) - 1}\ue001"

        text = str(escape(signs(say(sentence, self.derivation.choices.language, show))))
        for place, formula in enumerate(formulas):
            text = text.replace(f"\ue000{place}\ue001", formula)
        return Markup(text)

    def runs(self, section: Section) -> list[dict[str, Any]]:
        """Return the items in order, neighbouring lines as one list."""
        made: list[dict[str, Any]] = []
        for item in section.items:
            if isinstance(item, Line):
                if not made or made[-1].get("lines") is None:
                    made.append({"lines": []})
                made[-1]["lines"].append(self.line(item))
            elif isinstance(item, Fold):
                made.append({"fold": self.say(item.reason)})
            else:
                anchor = f"layer-{item.layer}" if item.name == "layer" and section.name == "layers" else ""
                made.append({"anchor": anchor, "title": self.say(item.title), "runs": self.runs(item)})
        return made

    def line(self, line: Line) -> dict[str, Any]:
        """Return one line."""
        math = "" if line.expression is None else self.formulas.print(line.expression, block=True)
        said = self.say(line.reason)
        drawn, picture = line.figure, None
        if drawn is not None and drawn.structure != "identity":
            picture = self.gallery.matrix(drawn, self.formulas.say("numbers"), structure=_word(drawn))
        return {
            "math": math, "fit": _fit(line.expression), "reason": said, "source": self.derivation.source(line),
            "picture": picture,
        }  # fmt: skip


def _fit(expression: Expression | None) -> str:
    """Return the class by which paper sets a wide formula smaller; of three sides and more the widest decides."""
    if expression is None:
        return ""
    if not isinstance(expression, Equation) or len(expression.sides) < 3:
        return fit(typeset(expression).width, FORMULA_LINE)
    first, *others = (typeset(side).width for side in expression.sides)
    return fit(first + max(others), FORMULA_LINE)


def _word(drawn: Figure) -> str | None:
    """Return "" where a structure says nothing: of a vector, or how the numbers were put together; else None."""
    return "" if 1 in drawn.shape or drawn.structure == "product" else None


# -- pictures -------------------------------------------------------------------------------------------------


def jacobians(derivation: Derivation, formulas: Formulas, gallery: Gallery) -> Part:
    """Return a card for the Jacobian of every layer that is not folded."""
    cards = [_card(run[0], formulas, gallery) for run in runs(derivation) if len(run) == 1]
    return {"kind": "jacobians", "anchor": "jacobians", "title": formulas.say("jacobians"), "cards": cards}


def _card(facts: LayerFacts, formulas: Formulas, gallery: Gallery) -> dict[str, Any]:
    from markupsafe import Markup

    label = formulas.say("jacobian", layer=facts.index)
    blocks = [_block(one, one.block, formulas, gallery) for one in held(facts) if one.block is not None]
    return {
        "name": formulas.print(facts.jacobian_symbol),
        "label": formulas.say("layer", layer=facts.index, label=facts.label),
        "structure": word(facts.jacobian.structure, formulas.say),
        "pattern": Markup(pattern(facts.jacobian.structure)),
        "picture": gallery.matrix(facts.jacobian, label, painted=True),
        "blocks": blocks,
    }


def _block(one: Held, block: Figure, formulas: Formulas, gallery: Gallery) -> dict[str, Any]:
    """Return a parameter's Jacobian: drawn whole, or, where that is too large, the factor that repeats."""
    from markupsafe import Markup

    drawn, says = block, ""
    if block.size > WHOLE and isinstance(block.operator, Kronecker):
        drawn = Figure(block.operator.right)
        says = formulas.say("kronecker", size=f"{block.operator.left.shape[0]:,}")
    made: dict[str, Any] = {
        "pattern": Markup(pattern(block.structure)),
        "name": formulas.print(one.jacobian),
        "of": formulas.print(one.symbol) if isinstance(one.jacobian, Symbol) else "",
        "note": f"{block.shape[0]:,} × {block.shape[1]:,}, {word(block.structure, formulas.say)}",
        "says": says,
        "picture": None,
    }
    if drawn.size <= WHOLE and drawn.structure != "identity":
        made["picture"] = gallery.matrix(drawn, formulas.say("jacobian_in", name=one.word), painted=True)
    return made


def walked(derivation: Derivation, formulas: Formulas, gallery: Gallery) -> Part:
    """Return the walk forward and backward."""
    marks = [
        {"layer": run[-1].index, "text": f"{run[0].index}–{run[-1].index}" if len(run) > 1 else f"{run[0].index}"}
        for run in runs(derivation)
    ]
    steps = walk(derivation, formulas, gallery)
    if any(step.back for step in steps):
        marks.append({"layer": len(derivation.network.layers) + 1, "text": formulas.say("walk_loss")})
    return {"kind": "walk", "anchor": "walk", "title": formulas.say("walk"), "marks": marks, "steps": steps}


def training(history: Sequence[Mapping[str, Any]], formulas: Formulas) -> Iterator[Part]:
    """Yield the curve of a training, if there is one."""
    from markupsafe import Markup

    if history:
        say = formulas.say
        drawing = training_curve(history, say)
        told = [] if drawing else [say("training_none")]
        yield {"kind": "curve", "anchor": "training", "title": say("training"), "drawing": Markup(drawing),
               "caption": say("training_caption", epochs=history[-1]["epoch"]), "paragraphs": told}  # fmt: skip


def flow(spectrum: Any, formulas: Formulas) -> Iterator[Part]:
    """Yield the singular values by layer, if they are given."""
    from markupsafe import Markup

    if spectrum is not None:
        say = formulas.say
        drawing = Markup(spectrum_curve(spectrum, say))
        yield {"kind": "curve", "anchor": "flow", "title": say("flow"), "caption": say("flow_caption"),
               "drawing": drawing, "paragraphs": [spectrum.verdict()]}  # fmt: skip
