"""Questions are written once, in Markdown with LaTeX formulas; a terminal gets them in plain letters."""

import re
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import Array
from ..display import matrix_latex

_SIGNS = {
    r"\times": "x", r"\otimes": "(x)", r"\odot": "*", r"\cdot": "·", r"\cdots": "...", r"\dots": "...", r"\top": "T",
    r"\partial": "d", r"\in": "in", r"\le": "<=", r"\ge": ">=", r"\sum": "sum", r"\to": "->", r"\,": " ", r"\;": " ",
    r"\quad": "  ", r"\mathbb": "", r"\mathrm": "", r"\operatorname": "", r"\left": "", r"\right": "", r"\text": "",
    r"\mathbf": " ", r"\bigl": "", r"\bigr": "", r"\circ": "o",
}  # fmt: skip
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|[,;])")
_FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")
_GROUP = re.compile(r"(?<![_^])\{([^{}]*)\}")
_SINGLE = re.compile(r"([_^])\{(\w|-?\d+)\}")
_ROOT = re.compile(r"\\sqrt\{([^{}]*)\}")


def plain(text: str) -> str:
    """Return Markdown with formulas as text for a terminal: ``$W^\\top x_{l-1}$`` as ``W^T x_{l-1}``."""
    parts = text.split("$")
    return (
        "".join(_formula(part) if index % 2 else part for index, part in enumerate(parts))
        .replace("  ", " ")
        .replace("**", "")
    )


def wrapped(text: str) -> str:
    """Return ``plain`` text in lines of a terminal."""
    return textwrap.fill(plain(text), 88, break_long_words=False, break_on_hyphens=False)


def _formula(tex: str) -> str:
    while _FRACTION.search(tex):
        tex = _FRACTION.sub(lambda m: f"{_group(m[1])}/{_group(m[2])}", tex)
    tex = _ROOT.sub(r"sqrt(\1)", _SINGLE.sub(r"\1\2", tex))
    tex = _COMMAND.sub(lambda m: _SIGNS.get(m[0], m[0][1:]), tex)
    return _GROUP.sub(r"\1", tex).replace("~", " ")


def _group(inner: str) -> str:
    return f"({inner})" if re.search(r"[+\- ]", inner.strip()) else inner


def numbers(array: Any) -> str:
    """Return an array as text that can be pasted into Python."""
    with np.printoptions(precision=4, suppress=True, floatmode="maxprec"):
        return np.array2string(np.asarray(array), separator=", ")


def listed(given: Mapping[str, Array]) -> str:
    """Return what is given as lines ``name = numbers``, for a terminal."""
    return "\n".join(
        f"    {name} = {numbers(array)}".replace("\n", "\n" + " " * (7 + len(name))) for name, array in given.items()
    )


def listed_latex(given: Mapping[str, Array]) -> str:
    """Return what is given as one line of formulas."""
    return r",\quad ".join(f"{_name(name)} = {_array(array)}" for name, array in given.items())


def _name(name: str) -> str:
    head, _, tail = name.partition("_")
    letter = rf"\{head}" if head in ("delta", "Delta", "theta") else head if len(head) == 1 else rf"\mathrm{{{head}}}"
    return f"{letter}_{{{tail}}}" if tail else letter


def _array(array: Any) -> str:
    values = np.asarray(array)
    if values.ndim == 0:
        return str(values)
    # A vector of the question is a column.
    return matrix_latex(values if values.ndim == 2 else values[:, None])
