r"""A derivation as LaTeX: a fragment for a document of one's own, or a complete article for pdflatex.

Formulas come from the expression tree (``typeset.py``), long ones in several lines (``breaking.py``). Small matrices
are written out, of large ones a heat map is drawn with their shape, structure and norm. All text is escaped, so that
names from the user's file are printed and not obeyed.
"""

import re
from collections.abc import Iterator

import numpy as np

from ..display import latex_escape, latex_number
from .breaking import display
from .expressions import Annotated, Equation, Expression, Number, Numbers, Partial
from .figures import Figure
from .heatmaps import heat_map
from .language import say, structure
from .lines import Derivation, Fold, LayerFacts, Line, Section, Words
from .naming import Names
from .pieces import number
from .preamble import ARTICLE, DEFINITIONS, PACKAGES
from .typeset import inline, typeset

__all__ = ["article", "fragment"]

BESIDE = 21.5
"""Width of a formula, in em, up to which its reason stands beside it."""
_MARK = re.compile(r"\[U\+E000\](\d+)\[U\+E001\]")
"""Where a formula stands in a sentence: two characters that no name has, as they come out of escaping."""
_END = r"\mbox{}\par"
_HEADINGS = ("section", "subsection", "subsubsection", "paragraph")


def article(derivation: Derivation) -> str:
    """Return a complete article."""
    title = latex_escape(derivation.say(derivation.title))
    parts = {"packages": PACKAGES, "definitions": DEFINITIONS, "title": title, "body": _body(derivation)}
    return ARTICLE.format_map(parts)


def fragment(derivation: Derivation) -> str:
    r"""Return what stands between ``\begin{document}`` and ``\end{document}``, with the commands it needs before it."""
    needed = "\n".join(f"% {line}" for line in PACKAGES.strip().splitlines())
    return f"% Packages that the preamble has to load:\n{needed}\n{DEFINITIONS}\n{_body(derivation)}"


def _body(derivation: Derivation) -> str:
    writer = _Writer(derivation)
    told = [line for section in derivation.sections for line in writer.section(section, 0)]
    return "\n".join([*writer.overview(), *told, *writer.list_of_sources()]) + "\n"


class _Writer:
    """Writes one derivation, in its language."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.sources: list[str] = []

    # -- words ------------------------------------------------------------------------------------------------

    def say(self, sentence: Words) -> str:
        """Return a sentence, escaped, its formulas typeset."""
        formulas: list[str] = []

        def mark(formula: Expression) -> str:
            formulas.append(inline(formula))
            return f"\ue000{len(formulas) - 1}\ue001"

        said = latex_escape(say(sentence, self.derivation.choices.language, mark))
        return _MARK.sub(lambda found: _formula(found, formulas), said)

    # -- the network at a glance --------------------------------------------------------------------------------

    def overview(self) -> Iterator[str]:
        """Yield a table of the layers; of a deep network its beginning and its end."""
        layers = self.derivation.network.layers
        yield r"\begin{center}\small"
        yield r"\begin{tabular}{@{}rllllr@{}}\toprule"
        yield self._heading()
        for facts in layers if len(layers) <= 12 else layers[:3]:
            yield self._row(facts)
        if len(layers) > 12:
            yield r"\multicolumn{6}{c}{$\vdots$} \\"
            yield from (self._row(facts) for facts in layers[-2:])
        yield r"\bottomrule\end{tabular}\end{center}"

    def _heading(self) -> str:
        """Return the heads of the columns; a notation with two letters for states has no common name for them."""
        notation = self.derivation.choices.notation
        names = Names(notation)
        function, jacobian, theta = (inline(symbol("l")) for symbol in (names.function, names.A, names.theta))
        maps = r"x_{l-1} \to x_l" if notation == "ours" else r"\cdot \to \cdot"
        return rf"$l$ & {function} & ${maps}$ & {jacobian} & & $\dim$ {theta} \\ \midrule"

    def _row(self, facts: LayerFacts) -> str:
        maps = rf"${_sizes(facts.input_shape)} \to {_sizes(facts.output_shape)}$"
        jacobian = f"{inline(facts.jacobian_symbol)}: ${_sizes(facts.jacobian.shape)}$"
        count = sum(int(np.prod(shape)) for shape in facts.parameters.values())
        name = " ".join(facts.label.split())
        cells = (
            str(facts.index), latex_escape(name if len(name) <= 36 else f"{name[:33]}..."), maps, jacobian,
            self.say(structure(facts.jacobian.structure)), f"{count:,}" if count else "",
        )  # fmt: skip
        return " & ".join(cells) + r" \\"

    # -- sections -----------------------------------------------------------------------------------------------

    def section(self, section: Section, depth: int) -> Iterator[str]:
        """Yield a section and those inside it."""
        heading = _HEADINGS[min(depth, len(_HEADINGS) - 1)]
        # A paragraph's heading runs into the text unless a line ends after it.
        yield f"\n\\{heading}{{{self.say(section.title)}}}{_END * (heading == 'paragraph')}\n"
        for item in section.items:
            if isinstance(item, Section):
                yield from self.section(item, depth + 1)
            elif isinstance(item, Fold):
                yield f"\\bpfold{{{self.say(item.reason)}}}\n"
            else:
                yield from self.line(item)

    def line(self, line: Line) -> Iterator[str]:
        """Yield a line: why, the formula, and the numbers."""
        source = self.source(line)
        reason = "" if line.reason is None else self.say(line.reason)
        if line.expression is None:
            yield f"\\bpsay{{{reason}}}{{{source}}}\n"
            return
        figure = None if line.figure is None or line.figure.structure == "identity" else line.figure
        small = figure is not None and figure.small
        # A gradient is a row, but is shown in the shape of its parameter: then it stands for itself.
        beside = small and figure is not None and figure.shape == line.shape
        formula = _with_numbers(line.expression, figure) if beside else line.expression
        command = "bpline" if typeset(formula).width <= BESIDE else "bplines"
        yield f"\\{command}{{{reason}}}{{{source}}}{{{_shape(line)}}}{{%\n{display(formula)}%\n}}"
        if figure is not None and not beside:
            yield self.figure(line.expression, figure)
        yield ""

    def source(self, line: Line) -> str:
        """Return the number of a line's source in the list at the end, empty for our own steps."""
        source = latex_escape(self.derivation.source(line))
        if source and source not in self.sources:
            self.sources.append(source)
        return str(self.sources.index(source) + 1) if source else ""

    def list_of_sources(self) -> Iterator[str]:
        """Yield the sources by the numbers that stand beside the lines."""
        if self.sources:
            yield r"\par\bigskip\hrule\medskip\noindent"
            yield from (rf"\bpentry{{{number}}}{{{source}}}" for number, source in enumerate(self.sources, 1))

    def figure(self, expression: Expression, figure: Figure) -> str:
        """Return a matrix as a picture, or as numbers if it is small, with what it is."""
        left = expression.sides[0] if isinstance(expression, Equation) else expression
        left = left.operand if isinstance(left, Annotated) else left
        symbol = _slashed(left)
        facts = (
            rf"${symbol}$: ${_sizes(figure.shape)}$, {self.say(structure(figure.structure))}",
            rf"$\lVert {symbol} \rVert_F = {latex_number(figure.norm())}$",
            rf"${100 * figure.nonzero():.3g}\,\% \ne 0$",
        )
        caption = r" \\ ".join(facts)
        if figure.small:
            return f"\\bpfigure{{$\\displaystyle {typeset(Numbers(figure.array())).tex}$}}{{{facts[0]}}}"
        return f"\\bpfigure{{{heat_map(figure.heat(40))}}}{{{caption}}}"


def _formula(found: re.Match[str], formulas: list[str]) -> str:
    """Return the formula for a mark; what merely looks like one, in a user's name, stays."""
    index = int(found[1])
    return formulas[index] if index < len(formulas) else found[0]


def _with_numbers(expression: Expression, figure: Figure | None) -> Expression:
    """Return an equation with the numbers of its left side as its last one, unless they stand there already."""
    sides = expression.sides if isinstance(expression, Equation) else (expression,)
    if figure is None or any(isinstance(side, Number | Numbers) for side in sides):
        return expression
    relation = expression.relation if isinstance(expression, Equation) else "="
    return Equation((*sides, Numbers(figure.array())), relation)


def _slashed(expression: Expression) -> str:
    """Return a symbol for a line of text, a derivative with a slash."""
    if isinstance(expression, Partial):
        return rf"\partial {typeset(expression.of).tex} / \partial {typeset(expression.by).tex}"
    return typeset(expression).tex


def _shape(line: Line) -> str:
    return "" if line.shape is None else f"${_sizes(line.shape)}$"


def _sizes(shape: tuple[int, ...]) -> str:
    return r" \times ".join(number(length).tex for length in shape) or "1"
