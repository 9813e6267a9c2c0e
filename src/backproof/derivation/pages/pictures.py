"""What a matrix looks like on the page: typeset where it is small, then a table, then a heat map."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from ..figures import Figure, figure
from .heat import CELLS, Heat, coarse, heat
from .numerals import entries, entry
from .structures import word

TYPESET, TABLE = 8, 31
"""The most rows and columns of a matrix that is typeset, and of one that is a table; a larger one is painted."""


WHOLE, DRAWN = 2**21, 2**25
"""Entries of the largest matrix that is multiplied out at once for a picture, and of the largest that is drawn."""


TABLE_LINE, FORMULA_LINE = 45.0, 38.0
"""Width of a line of paper, in em of a table's letters and of those of a formula, with room for an estimate's error."""


def fit(width: float, line: float) -> str:
    """Return the class by which paper sets something smaller that is so wide: ``fit-90`` to ``fit-20``, or none."""
    percent = int(10 * line / width) * 10 if width > line else 100
    return "" if percent >= 100 else f"fit-{max(20, percent)}"


@final
@dataclass(frozen=True)
class Picture:
    """A matrix on the page.

    Attributes:
        kind: ``"typeset"``, ``"table"``, ``"canvas"``, or ``"none"`` of a matrix too large to be drawn.
        rows, columns: of the matrix.
        name: its formula, as MathML, or empty.
        label: what it is, in words, for those who do not see it.
        note: its shape, structure and size in one line.
        part: ``"left"``, ``"right"`` or ``"result"`` of a product, else empty.
        cells: rows of (text, value); empty for a canvas.
        heat: key of the heat map's bytes; empty unless painted.
        scale: the largest magnitude, as text; of a canvas.
        power: of ten by which the cells' texts are to be multiplied.
        fit: the class that makes a table as narrow as paper, empty for one that is narrow enough.
        reduced: how a cell stands for several entries, in words; empty where it does not.
    """

    kind: str
    rows: int
    columns: int
    name: str
    label: str
    note: str
    part: str = ""
    cells: list[list[tuple[str, str]]] = field(default_factory=list)
    heat: str = ""
    scale: str = ""
    reduced: str = ""
    power: int = 0
    fit: str = ""


@final
class Gallery:
    """Makes the pictures of one page, and keeps the bytes of the heat maps, each once.

    Attributes:
        say: gives a sentence of the page by its key.
        heats: the heat maps by key.
    """

    def __init__(self, say: Callable[..., str]) -> None:
        self.say = say
        self.heats: dict[str, dict[str, Any]] = {}
        self._keys: dict[Heat, str] = {}

    def matrix(
        self,
        values: Figure | Any,
        label: str,
        name: str = "",
        part: str = "",
        structure: str | None = None,
        painted: bool = False,
    ) -> Picture:
        """Return the picture of a figure, or of an array, of which a vector is taken as one row.

        Args:
            values: the matrix of one example.
            label: what it is, in words.
            name: its formula as MathML.
            part: of a product, else empty.
            structure: said in the note instead of the figure's own; empty to say none.
            painted: as a heat map also where it is small.
        """
        made = values if isinstance(values, Figure) else figure(np.atleast_2d(np.asarray(values, dtype=np.float64)))
        m, n = made.shape
        words = [f"{m:,} × {n:,}", word(made.structure, self.say) if structure is None else structure]
        if made.size > DRAWN:
            note = ", ".join([*words, self.say("too_large")])
            return Picture("none", m, n, name, f"{label}: {note}", note)
        array = made.array() if made.size <= WHOLE else None
        norm = made.norm() if array is None else float(np.linalg.norm(array))
        note = ", ".join(one for one in (*words, self.say("norm", norm=entry(norm))) if one)
        if array is None or painted or max(m, n) > TABLE:
            cells_of = heat(made.heat(CELLS) if array is None else coarse(array), m, n)
            scale, reduced = entry(cells_of.scale), self._reduction(cells_of)
            return Picture(
                "canvas", m, n, name, f"{label}: {note}", note, part, [], self._keep(cells_of), scale, reduced
            )
        power, texts = entries(array)
        cells = [
            [(text, f"{float(x):.6g}") for text, x in zip(line, numbers, strict=True)]
            for line, numbers in zip(texts, array, strict=True)
        ]
        kind = "typeset" if max(m, n) <= TYPESET else "table"
        width = sum(0.57 * max(map(len, column)) + 1 for column in zip(*texts, strict=True)) + (5 if power else 0)
        made_fit = fit(width, TABLE_LINE) if kind == "table" and m > 1 else ""
        return Picture(kind, m, n, name, f"{label}: {note}", note, part, cells, power=power, fit=made_fit)

    def image(self, values: Any, shape: tuple[int, int], label: str, name: str = "") -> Picture:
        """Return a vector as an image: always painted."""
        painted = heat(np.asarray(values, dtype=np.float64).reshape(shape), *shape)
        return Picture("canvas", *shape, name, label, f"{shape[0]} × {shape[1]}", "", [], self._keep(painted),
                       entry(painted.scale))  # fmt: skip

    def _keep(self, painted: Heat) -> str:
        key = self._keys.setdefault(painted, f"h{len(self._keys)}")
        self.heats[key] = painted.plain()
        return key

    def _reduction(self, painted: Heat) -> str:
        if not painted.reduced:
            return ""
        across, down = -(-painted.columns // painted.width), -(-painted.rows // painted.height)
        return self.say("reduced", down=down, across=across)
