"""What a check found: the verdict, every block, and the same as text, JSON and HTML."""

import math
import os
from dataclasses import dataclass, field
from typing import Any, final

from .causes import Cause
from .heat import text_map

__all__ = ["Report"]


@final
@dataclass(frozen=True)
class Block:
    r"""The derivative in one argument, by one of the given derivatives.

    Attributes:
        name: of the argument.
        route: ``"jacobian"``, ``"vjp"``, ``"jvp"`` or ``"gradient"``.
        ok: whether every entry is right.
        relative_error: the largest error, relative to the largest entry of its row.
        index: (index in the output, index in the argument) of the worst entry; None without entries.
        analytic: the worst entry as given.
        numeric: the worst entry by the oracle.
        tolerance: how far the two may be apart.
        wrong: number of wrong entries; of probes that differ where ``probed``.
        entries: number of entries compared; of probes where ``probed``.
        kinks: number of entries on a kink.
        cause: the likely cause, None where the block is right.
        detail: what was tried to find it, in words.
        residual: worst relative error left after the correction; None without one.
        out_shape: of the function's value.
        in_shape: of the argument.
        heat: errors in tolerances, as decimal logarithms, thinned to a small picture: rows of numbers or None.
        probed: whether random probes stand for the entries.
        undecided: number of entries that the oracle cannot tell, for its own error is as large as they are.
        parts: shapes of the outputs where there are several, of which ``out_shape`` is the length in all.
        faint: number of entries that are right, and zero to rounding; the relative error leaves them out.
    """

    name: str
    route: str
    ok: bool
    relative_error: float
    index: tuple[tuple[int, ...], tuple[int, ...]] | None
    analytic: float
    numeric: float
    tolerance: float
    wrong: int
    entries: int
    kinks: int
    cause: Cause | None
    detail: str
    residual: float | None
    out_shape: tuple[int, ...]
    in_shape: tuple[int, ...]
    heat: tuple[tuple[float | None, ...], ...] = ()
    probed: bool = False
    undecided: int = 0
    faint: int = 0
    parts: tuple[tuple[int, ...], ...] = ()

    @property
    def entry(self) -> str:
        """The worst entry in words: ``d y[0, 2] / d x[1]``; of several outputs ``d (output 1)[0, 2] / d x[1]``."""
        if self.index is None:
            return f"d y / d {self.name}"
        output, inside = self.index
        where = "y"
        if self.parts:
            place, output = _part(self.parts, output[0])
            where = f"(output {place})"
        return f"d {where}{_spoken(output)} / d {self.name}{_spoken(inside)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the block as plain data for JSON, in which NaN and infinity are None."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        data["cause"] = None if self.cause is None else str(self.cause)
        data = {name: _finite(value) for name, value in data.items()}
        data["entry"] = self.entry
        return data


@final
@dataclass(frozen=True)
class Report:
    """The verdict on a derivative; it prints itself.

    Attributes:
        ok: whether the derivative is right and nothing about the function makes that meaningless.
        cause: the likely cause, None where it is right.
        title: what was checked.
        oracle: what it was compared with, in words.
        blocks: one for every argument and given derivative.
        problems: what is wrong with the function or its derivative as such, in words.
        notes: what else the reader should know.
        layer: of a network, the layer at fault, as ``"1.0"``; None if there is none.
        missed: probability at most that random probes missed a fault of the size the text names; None if every
            entry was compared.
        factor: the report on the layer at fault alone.
    """

    ok: bool
    cause: Cause | None
    title: str
    oracle: str
    blocks: tuple[Block, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    layer: str | None = None
    missed: float | None = None
    factor: "Report | None" = field(default=None)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def verdict(self) -> str:
        """``"right"``, ``"wrong"``, or ``"undecided"`` where nothing is seen to be wrong and not all can be told."""
        if self.ok:
            return "right"
        doubts = {block.cause for block in self.blocks if not block.ok}
        return "undecided" if doubts == {Cause.UNDECIDED} and not self.problems else "wrong"

    def __str__(self) -> str:
        return self.text()

    def block(self, name: str) -> Block:
        """Return the first wrong block of an argument, else its first block.

        Raises:
            KeyError: there is none of this name.
        """
        found = sorted((b for b in self.blocks if b.name == name), key=lambda b: b.ok)
        if not found:
            raise KeyError(name)
        return found[0]

    def text(self) -> str:
        """Return the report for a terminal."""
        verdict = "right" if self.ok else self.verdict.upper()
        cause = "" if self.cause is None or self.verdict == "undecided" else f": {self.cause}"
        lines = [f"{self.title}: {verdict}{cause}", f"  compared with {self.oracle}"]
        if self.layer is not None:
            lines.append(f"  the layer at fault: {self.layer}")
        lines += [f"  ! {problem}" for problem in self.problems]
        for block in self.blocks:
            lines += _block_lines(block)
        lines += [f"  note: {note}" for note in self.notes]
        if self.factor is not None:
            lines += ["", *self.factor.text().splitlines()]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        return {
            "ok": self.ok,
            "verdict": self.verdict,
            "cause": None if self.cause is None else str(self.cause),
            "title": self.title,
            "oracle": self.oracle,
            "problems": list(self.problems),
            "notes": list(self.notes),
            "layer": self.layer,
            "missed": self.missed,
            "factor": None if self.factor is None else self.factor.to_dict(),
            "blocks": [block.to_dict() for block in self.blocks],
        }

    def html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the report as a self-contained page, written to ``path`` if it is given.

        Raises:
            DataError: the file cannot be written.
        """
        from .pages import page

        text = page(self)
        if path is not None:
            from ..files import atomic_write

            with atomic_write(path) as file:
                file.write(text.encode())
        return text

    def _repr_html_(self) -> str:
        from .pages import fragment

        return fragment(self)


def _block_lines(block: Block) -> list[str]:
    """Return one line for a right block; for a wrong one the worst entry, the cause and the heat map."""
    head = f"  {block.name} ({block.route})"
    kinks = f", {block.kinks} on a kink" if block.kinks else ""
    if block.ok:
        faint = f", {block.faint} of {block.entries} entries zero to rounding" if block.faint else ""
        return [f"{head}: right, largest relative error {block.relative_error:.1e}{faint}{kinks}"]
    if block.cause == Cause.UNDECIDED:
        return [f"{head}: undecided, {block.detail}", f"    {_worst(block)}"]
    what = "probes" if block.probed else "entries"
    if not block.wrong:
        return [
            f"{head}: wrong, though {block.entries} {what} compared one by one are right{kinks}",
            f"    likely cause: {block.cause}: {block.detail}",
        ]
    lines = [f"{head}: {block.wrong} of {block.entries} {what} wrong, relative error {block.relative_error:.1e}{kinks}"]
    if block.index is not None:
        lines.append(f"    {_worst(block)}")
    left = "" if block.residual is None else f" (then within {block.residual:.1e})"
    if block.cause is not None:
        detail = f": {block.detail}{left}" if block.detail else ""
        lines.append(f"    likely cause: {block.cause}{detail}")
    return lines + [f"    {line}" for line in text_map(block.heat)]


def _spoken(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def _part(parts: tuple[tuple[int, ...], ...], flat: int) -> tuple[int, tuple[int, ...]]:
    """Return which output an entry of the one vector lies in, and its index there."""
    for place, shape in enumerate(parts):
        if flat < math.prod(shape):
            index = []
            for size in reversed(shape):
                flat, rest = divmod(flat, size)
                index.append(rest)
            return place, tuple(reversed(index))
        flat -= math.prod(shape)
    return len(parts), (flat,)


def _worst(block: Block) -> str:
    return (
        f"worst at {block.entry}: analytic {block.analytic:.6g}, numeric {block.numeric:.6g}, "
        f"tolerance {block.tolerance:.1e}"
    )


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, tuple):
        return [_finite(entry) for entry in value]
    return value
