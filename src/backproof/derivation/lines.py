"""A derivation as data: sections of lines, each with its expression, shape, numbers, reason and source.

Renderers see this data alone. Everything said in words is a ``Words``: a key into the language file with arguments;
``Derivation.say`` gives the sentence. Nothing here is escaped: names come from the user's network.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from .expressions import Equation, Expression, Symbol
from .figures import Figure

__all__ = ["Choices", "Derivation", "Fold", "LayerFacts", "Line", "NetworkFacts", "Section", "Words", "words"]

Shape = tuple[int, ...]


@final
@dataclass(frozen=True)
class Words:
    """A sentence, as a key into the language file and what fills its places.

    Attributes:
        key: of the template.
        arguments: by the name of the place; a ``Words`` or an ``Expression`` is said first, several in a tuple one
            after the other. A whole number fills ``{count}`` and picks a word in ``{count:one|many}``.
    """

    key: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def words(key: str, **arguments: Any) -> Words:
    """Return ``Words`` with these arguments."""
    return Words(key, arguments)


@final
@dataclass(frozen=True)
class Line:
    """One line: a formula, or a sentence alone, with what goes with it.

    Attributes:
        expression: what is printed and evaluated; None for a sentence alone.
        reason: why it holds, or the sentence itself.
        shape: of the value, (rows, columns); None where there is nothing to size.
        figure: the numbers of the quantity on the left, to be shown in full or as a heat map; None for none.
        source: key into the language file's sources, as in ``"theorem"``; empty for our own step.
        level: 1 outline, 2 standard, 3 full: the least detail that prints the line.
        values: what the symbols stand for.
    """

    expression: Expression | None
    reason: Words | None = None
    shape: Shape | None = None
    figure: Figure | None = None
    source: str = ""
    level: int = 2
    values: Mapping[Expression, Any] = field(default_factory=dict, repr=False, compare=False)

    def evaluate(self) -> list[Any]:
        """Return the value of every side of the equation, as NumPy arrays; of a formula its one value."""
        from .evaluation import evaluate

        if self.expression is None:
            return []
        sides = self.expression.sides if isinstance(self.expression, Equation) else (self.expression,)
        # Of cases all branches are evaluated, also where an exponential overflows that is not chosen.
        with np.errstate(all="ignore"):
            return [evaluate(side, self.values) for side in sides]


@final
@dataclass(frozen=True)
class Fold:
    """What is left out, and where to read the same.

    Attributes:
        first, last: layers (from 1) that are not written out, both included.
        reason: the sentence that says so.
    """

    first: int
    last: int
    reason: Words


@final
@dataclass(frozen=True)
class Section:
    """A titled part: lines, folds and further sections in reading order.

    Attributes:
        name: what the section is for, the same in every language: ``"composition"``, ``"layers"``, ``"layer"``,
            ``"gradient"``, ``"delta"``, ``"batch"``, ``"induction"``, ``"cost"``, ``"papers"``.
        title: its heading.
        items: what it holds.
        layer: the layer (from 1) that a section ``"layer"`` derives, else 0.
    """

    name: str
    title: Words
    items: "tuple[Line | Fold | Section, ...]"
    layer: int = 0

    def lines(self) -> Iterator[Line]:
        """Yield the lines of this section and those inside it, in order."""
        for item in self.items:
            if isinstance(item, Line):
                yield item
            elif isinstance(item, Section):
                yield from item.lines()


@final
@dataclass(frozen=True, eq=False)
class LayerFacts:
    """A layer at the example: its shapes, symbols and numbers.

    Attributes:
        index: from 1, among the layers it stands beside.
        name: its class.
        label: as errors and tables name it, with its settings.
        place: prefix of its parameters' names, as in ``"2.0"``.
        input_shape, output_shape: of one example.
        parameters: shape by full name, as in ``"2.0.weight"``.
        state_symbol, jacobian_symbol, delta_symbol: x_l, A_l and delta_l as the derivation writes them.
        state: x_l, (m, 1).
        delta: delta_l, (1, m); None where the loss does not reach or is not given.
        jacobian: A_l.
        blocks: B by full parameter name, columns in row-major order whatever vec is printed.
        gradients: d loss / d parameter by full name, in the parameter's shape; empty without a loss.
        parameter_symbols: by full parameter name, the symbol of the printed parameter that holds it, and that of its B.
        parts: of a combinator, else empty. Their deltas are the ones that reach them.
    """

    index: int
    name: str
    label: str
    place: str
    input_shape: Shape
    output_shape: Shape
    parameters: Mapping[str, Shape]
    state_symbol: Symbol
    jacobian_symbol: Symbol
    delta_symbol: Symbol
    state: Any
    delta: Any
    jacobian: Figure
    blocks: Mapping[str, Figure]
    gradients: Mapping[str, Any]
    parameter_symbols: Mapping[str, tuple[Symbol, Symbol]]
    parts: "tuple[LayerFacts, ...]" = ()


@final
@dataclass(frozen=True, eq=False)
class NetworkFacts:
    """The network at the example.

    Attributes:
        layers: in order.
        input_shape, output_shape: of one example.
        parameters: how many numbers theta has.
        input_symbol, input_delta_symbol: x_0 and delta_0 as the derivation writes them.
        input: x_0 of the example, (n, 1).
        input_delta: delta_0, (1, n), or None.
        loss: the loss as errors name it, empty without one.
        loss_value: of the example, or None.
        target: y of the example as it was given, or None.
        examples: how many examples came.
        example: which one the numbers are of, from 0.
    """

    layers: tuple[LayerFacts, ...]
    input_shape: Shape
    output_shape: Shape
    parameters: int
    input_symbol: Symbol
    input_delta_symbol: Symbol
    input: Any
    input_delta: Any
    loss: str
    loss_value: float | None
    target: Any
    examples: int
    example: int


@final
@dataclass(frozen=True)
class Choices:
    """How the derivation is told.

    Attributes:
        detail: ``"outline"``, ``"standard"`` or ``"full"``.
        vec: ``"row"`` or ``"column"`` stacking.
        notation: ``"ours"``, ``"D"`` or ``"O"``.
        batch: whether deltas and gradients are shown as numbers for the whole batch instead of one example.
        language: of the words.
    """

    detail: str = "standard"
    vec: str = "row"
    notation: str = "ours"
    batch: bool = False
    language: str = "en"


@final
@dataclass(frozen=True, eq=False, repr=False)
class Derivation:
    """The derivation of one network at one point: sections in reading order, and the facts behind them.

    Attributes:
        title: the heading of the whole.
        sections: composition, layers, gradient, delta, batch, induction, cost, papers; those that need a loss are
            absent without one.
        choices: how it is told.
        network: the layers with their shapes and numbers.
    """

    title: Words
    sections: tuple[Section, ...]
    choices: Choices
    network: NetworkFacts

    def lines(self) -> Iterator[Line]:
        """Yield all lines in reading order."""
        for section in self.sections:
            yield from section.lines()

    def say(self, sentence: Words) -> str:
        """Return a sentence in the derivation's language."""
        from .language import say

        return say(sentence, self.choices.language)

    def source(self, line: Line) -> str:
        """Return where a line comes from, in words; empty for our own steps."""
        from .language import source

        return source(line.source, self.choices.language)

    def text(self, width: int = 80) -> str:
        """Return the derivation for a terminal of this many columns."""
        from .text import render

        return render(self, width)

    def latex(self, fragment: bool = False) -> str:
        r"""Return the derivation as an article for pdflatex.

        Args:
            fragment: return only what stands between ``\begin{document}`` and ``\end{document}``; its first lines say
                which packages it needs.
        """
        from . import latex

        return latex.fragment(self) if fragment else latex.article(self)

    def html(
        self,
        path: "str | os.PathLike[str] | None" = None,
        *,
        title: str = "",
        image: tuple[int, int] | None = None,
        history: Sequence[Mapping[str, Any]] = (),
        spectrum: Any = None,
    ) -> str:
        """Return the derivation as one page that needs nothing but a browser; write it to ``path`` if one is given.

        Args:
            path: where the file shall stand.
            title: instead of the derivation's own.
            image: rows and columns, where the input is an image.
            history: the epochs of a training, each with ``epoch``, ``loss`` and ``validation_loss``.
            spectrum: the singular values of the layers, as ``backproof.spectrum`` gives them.

        Raises:
            MissingExtraError: the packages of the extra ``html`` are not installed.
            DataError: the file cannot be written.
            OptionError: the image's sizes are not those of the input.
        """
        from .pages import Extras, html

        return html(self, path, Extras(title=title, image=image, history=history, spectrum=spectrum))

    def _repr_html_(self) -> str:
        from .pages import frame

        return frame(self)

    def __str__(self) -> str:
        return self.text()
