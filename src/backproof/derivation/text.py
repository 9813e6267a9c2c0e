"""The derivation for a terminal: Unicode formulas in one line, matrices in brackets, folded to the width."""

import textwrap
from collections.abc import Iterator

from ..display import number, quantity
from .figures import Figure
from .grids import grid
from .language import structure
from .lines import Derivation, Fold, Line, Section, words
from .textual import cells, inline, pieces

__all__ = ["inline", "render"]

NARROWEST = 40
_INDENT = "    "


def render(derivation: Derivation, width: int = 80) -> str:
    """Return the derivation as lines of at most ``width`` columns, 40 at least.

    Args:
        derivation: what is printed.
        width: columns of the terminal.
    """
    width = max(NARROWEST, width)
    title = derivation.say(derivation.title)
    lines = [*textwrap.wrap(title, width), "=" * min(width, len(title))]
    for place, section in enumerate(derivation.sections, 1):
        lines += ["", *_section(derivation, section, width, f"{place}. ", 0)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _section(derivation: Derivation, section: Section, width: int, number: str, depth: int) -> Iterator[str]:
    title = number + derivation.say(section.title)
    yield from textwrap.wrap(title, width)
    if not depth:
        yield "-" * min(width, len(title))
    for item in section.items:
        if isinstance(item, Section):
            yield from _section(derivation, item, width, "", depth + 1)
        elif isinstance(item, Fold):
            yield from textwrap.wrap(f"[{derivation.say(item.reason)}]", width, subsequent_indent=" ")
        else:
            yield from _line(derivation, item, width)


def _line(derivation: Derivation, line: Line, width: int) -> Iterator[str]:
    """Yield a formula with its reason beside it where there is room, else below, and its numbers."""
    reason = "" if line.reason is None else derivation.say(line.reason)
    if line.expression is None:
        yield from textwrap.wrap(reason, width)
        return
    shown = derivation.choices.detail != "outline" and line.figure is not None
    numbers = _numbers(line.figure, width) if shown and line.figure is not None else []
    if shown and not numbers and line.figure is not None:
        reason += _facts(derivation, line.figure)
    formula = _folded(pieces(line.expression), width)
    shape = "" if line.shape in (None, (1, 1)) else " x ".join(map(quantity, line.shape or ()))
    note = f"[{shape}] {reason}" if shape else reason
    last = formula[-1]
    if cells(last) + cells(note) + 4 <= width:
        yield from formula[:-1]
        yield last + " " * (width - cells(last) - cells(note)) + note
    else:
        yield from formula
        yield from textwrap.wrap(note, width, initial_indent=_INDENT * 2, subsequent_indent=_INDENT * 2)
    yield from numbers


def _folded(parts: list[list[str]], width: int) -> list[str]:
    """Return a formula in lines: broken between pieces where it is too long, shapes under what they annotate."""
    rows: list[str] = []
    tops, bottoms = _INDENT, ""
    for top, *below in parts:
        if cells(tops) + cells(top) > width and tops.strip():
            rows += _rows(tops, bottoms)
            tops, bottoms = _INDENT * 2, ""
        if below:
            bottoms = bottoms.ljust(cells(tops)) + below[0]
        tops += top
    return rows + _rows(tops, bottoms)


def _rows(top: str, bottom: str) -> list[str]:
    return [top.rstrip(), bottom.rstrip()] if bottom.strip() else [top.rstrip()]


def _numbers(figure: Figure, width: int) -> list[str]:
    """Return the rows of a matrix that is small and has something to say, else none."""
    if not figure.small or figure.structure == "identity":
        return []
    written, room = grid(figure.array()), width - 2 * len(_INDENT)
    if len(written) == 1:
        written = textwrap.wrap(written[0], room, subsequent_indent="  ")
    return [_INDENT * 2 + row for row in written] if max(map(len, written)) <= room else []


def _facts(derivation: Derivation, figure: Figure) -> str:
    """Return what there is to say of a matrix that is not written out."""
    if figure.structure == "identity":
        return ""
    share = figure.nonzero()
    plain = figure.structure in ("dense", "row", "column")
    facts = [] if plain else [derivation.say(structure(figure.structure))]
    facts.append(derivation.say(words("figure_norm", norm=number(figure.norm()))))
    if share <= 0.995:
        facts.append(derivation.say(words("figure_share", share=f"{100 * share:.2g}")))
    return f"; {', '.join(facts)}"
