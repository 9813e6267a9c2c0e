"""Result files: Markdown for readers, JSON for machines, both written from the same rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .claims import Claim
from .harness import Row, Settings, Timing
from .machine import describe, sentence

CLOCKS = {"wall": "time", "cpu": "processor time"}
RESULTS = Path(__file__).resolve().parent / "results"


def seconds(value: float) -> str:
    """Return a duration with three digits and its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}" if value / size < 999.5 else f"{value / size:.0f} {unit}"
    return f"{value / 1e-9:.3g} ns"


def ratio(value: float | None) -> str:
    """Return a ratio with two decimals, a dash if there is none."""
    return "-" if value is None else f"{value:.2f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, the first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def ratios(claim: Claim, rows: Sequence[Row]) -> str:
    """Return the table of medians: ours as a time, the others as peer / ours."""
    ours, *peers = (candidate.name for candidate in claim.candidates)
    lines = []
    for row in rows:
        timing = row.timings.get(ours)
        lines.append(
            [
                row.case,
                seconds(timing.median) if timing else "-",
                *(ratio(row.ratio(peer, ours)) for peer in peers),
            ]
        )
    return table(["", ours, *(f"{peer} / ours" for peer in peers)], lines)


def details(rows: Sequence[Row]) -> str:
    """Return the table of every timing: median, minimum, quartiles, blocks and memory."""
    lines = []
    for row in rows:
        for name, timing in row.timings.items():
            spread = f"{seconds(timing.quantile(0.25))} - {seconds(timing.quantile(0.75))}"
            blocks = f"{len(timing.blocks)} x {timing.repeats}"
            memory = f"{timing.memory / 2**20:.0f} MiB"
            lines.append([row.case, name, seconds(timing.median), seconds(timing.minimum), spread, blocks, memory])
    return table(["", "candidate", "median", "minimum", "quartiles", "blocks x steps", "peak memory"], lines)


def missing(rows: Sequence[Row]) -> list[str]:
    """Return a line for every candidate that could not run, with its reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name, reason in row.unavailable.items():
            found.setdefault((name, reason.strip().splitlines()[0]), []).append(row.case)
    return [f"- {name}: not available in {', '.join(cases)}: {reason}" for (name, reason), cases in found.items()]


def markdown(claim: Claim, rows: Sequence[Row], settings: Settings, extra: str = "") -> str:
    """Return the whole report."""
    parts = [
        f"# {claim.title}",
        f"Median {CLOCKS[settings.clock]} of one step; a ratio above 1 means that ours is faster. One thread, "
        + ("not pinned" if settings.core is None else "all candidates pinned to the same core")
        + f", blocks of about {settings.block * 1000:.0f} ms in turn.",
        ratios(claim, rows),
        extra,
        "\n".join(f"- {note}" for note in claim.notes),
        "\n".join(missing(rows)),
        "## Every timing",
        details(rows),
        "## Machine",
        sentence(describe()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_data(claim: Claim, rows: Sequence[Row], settings: Settings) -> dict[str, Any]:
    """Return the rows as plain data, seconds and bytes."""
    ours = claim.candidates[0].name
    return {
        "claim": claim.name,
        "title": claim.title,
        "ours": ours,
        "clock": settings.clock,
        "block_seconds": settings.block,
        "machine": describe(),
        "rows": [
            {
                "case": row.case,
                "candidates": {name: _timing(row, name, timing, ours) for name, timing in row.timings.items()},
                "unavailable": dict(row.unavailable),
            }
            for row in rows
        ],
    }


def _timing(row: Row, name: str, timing: Timing, ours: str) -> dict[str, Any]:
    return {
        "median": timing.median,
        "minimum": timing.minimum,
        "quartiles": [timing.quantile(0.25), timing.quantile(0.75)],
        "blocks": len(timing.blocks),
        "steps_per_block": timing.repeats,
        "peak_memory": timing.memory,
        "memory_after_imports": timing.imported,
        "ratio": row.ratio(name, ours),
        "ratio_of_minima": row.ratio(name, ours, minimum=True),
    }


def write(claim: Claim, rows: Sequence[Row], settings: Settings, extra: str = "", folder: Path = RESULTS) -> None:
    """Write ``<claim>.md`` and ``<claim>.json`` into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{claim.name}.md").write_text(markdown(claim, rows, settings, extra), encoding="utf-8")
    data = json.dumps(as_data(claim, rows, settings), indent=1, ensure_ascii=False)
    (folder / f"{claim.name}.json").write_text(data + "\n", encoding="utf-8")
