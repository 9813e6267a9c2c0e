"""What a matrix looks like on the page: typeset where it is small, then a table, then a heat map."""

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from ..figures import Figure, figure
from .heat import CELLS, Heat, heat
from .numerals import entries, entry

TYPESET, TABLE = 8, 31
"""The most rows and columns of a matrix that is typeset, and of one that is a table; a larger one is painted."""


@final
@dataclass(frozen=True)
class Picture:
    """A matrix on the page.

    Attributes:
        kind: ``"typeset"``, ``"table"`` or ``"canvas"``.
        rows, columns: of the matrix.
        name: its formula, as MathML, or empty.
        label: what it is, in words, for those who do not see it.
        note: its shape, structure and size in one line.
        part: ``"left"``, ``"right"`` or ``"result"`` of a product, else empty.
        cells: rows of (text, value); empty for a canvas.
        heat: key of the heat map's bytes; empty unless painted.
        scale: the largest magnitude, as text; of a canvas.
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


@final
class Gallery:
    """Makes the pictures of one page, and keeps the bytes of the heat maps, each once.

    Attributes:
        heats: the heat maps by key.
    """

    def __init__(self) -> None:
        self.heats: dict[str, dict[str, Any]] = {}
        self._keys: dict[Heat, str] = {}

    def matrix(
        self, values: Figure | Any, label: str, name: str = "", part: str = "", structure: str | None = None
    ) -> Picture:
        """Return the picture of a figure, or of an array, of which a vector is taken as one row.

        Args:
            values: the matrix of one example.
            label: what it is, in words.
            name: its formula as MathML.
            part: of a product, else empty.
            structure: said in the note instead of the figure's own; empty to say none.
        """
        made = values if isinstance(values, Figure) else figure(np.atleast_2d(np.asarray(values, dtype=np.float64)))
        m, n = made.shape
        said = made.structure if structure is None else structure
        note = ", ".join(word for word in (f"{m} × {n}", said, f"norm {entry(made.norm())}") if word)
        label = f"{label}: {note}"
        if max(m, n) > TABLE:
            painted = heat(made.heat(CELLS), m, n)
            return Picture("canvas", m, n, name, label, note, part, [], self._keep(painted), entry(painted.scale),
                           _reduction(painted))  # fmt: skip
        array = made.array()
        cells = [
            [(text, f"{float(x):.6g}") for text, x in zip(texts, line, strict=True)]
            for texts, line in zip(entries(array), array, strict=True)
        ]
        kind = "typeset" if max(m, n) <= TYPESET else "table"
        return Picture(kind, m, n, name, label, note, part, cells)

    def image(self, values: Any, shape: tuple[int, int], label: str, name: str = "") -> Picture:
        """Return a vector as an image: always painted."""
        painted = heat(np.asarray(values, dtype=np.float64).reshape(shape), *shape)
        return Picture("canvas", *shape, name, label, f"{shape[0]} × {shape[1]}", "", [], self._keep(painted),
                       entry(painted.scale))  # fmt: skip

    def _keep(self, painted: Heat) -> str:
        key = self._keys.setdefault(painted, f"h{len(self._keys)}")
        self.heats[key] = painted.plain()
        return key


def _reduction(painted: Heat) -> str:
    if not painted.reduced:
        return ""
    across, down = -(-painted.columns // painted.width), -(-painted.rows // painted.height)
    return f"each cell shows the largest of up to {down} × {across} entries"
