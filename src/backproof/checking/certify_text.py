"""Error bounds in words and as a table."""

from collections.abc import Sequence
from typing import Any

from .certified import ErrorBounds

__all__ = ["text"]

_HEADINGS = ("block", "entries", "worst ulps", "at", "median", "worst relative", "median", "of largest", "undecided")


def text(bounds: ErrorBounds) -> str:
    """Return what was proved, block by block, and what could not be decided."""
    summaries = {name: block.summary() for name, block in bounds.blocks.items()}
    lines = [
        f"Exact loss and gradient enclosed at {bounds.bits} bits; errors of {bounds.dtype} are proven bounds.",
        _loss(bounds),
        "",
        *_table([_HEADINGS, *(_row(name, summary) for name, summary in summaries.items())]),
        "",
        *_kinks(bounds),
        *_undecided(summaries),
    ]
    return "\n".join(lines)


def _loss(bounds: ErrorBounds) -> str:
    low, high = float(bounds.loss.lower), float(bounds.loss.upper)
    return f"loss {bounds.loss.computed!s}, exactly between {low!r} and {high!r}"


def _row(name: str, summary: dict[str, Any]) -> tuple[str, ...]:
    at = ", ".join(map(str, summary["worst_at"]))
    return (
        name,
        f"{summary['entries']:,}",
        _number(summary, "worst_ulps", ".2f"),
        f"[{at}]" if at and summary["worst_ulps"] else "",
        _number(summary, "median_ulps", ".2f"),
        _number(summary, "worst_relative", ".1e"),
        _number(summary, "median_relative", ".1e"),
        _number(summary, "worst_scaled", ".1e"),
        f"{summary['undecided']:,}" if summary["undecided"] else "",
    )


def _number(summary: dict[str, Any], name: str, form: str) -> str:
    value = summary[name]
    if value is None:
        return "-" if summary["undecided"] or "relative" in name else "inf"
    return f"{value:.3g}" if form.endswith("f") and value >= 1000 else f"{value:{form}}" if value else "0"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    # A column that says nothing for any block is left out.
    kept = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in kept}
    return [
        "  ".join(f"{row[i]:<{widths[i]}}" if i == 0 else f"{row[i]:>{widths[i]}}" for i in kept).rstrip()
        for row in rows
    ]


def _kinks(bounds: ErrorBounds) -> list[str]:
    if not bounds.examined:
        return ["No layer has kinks."]
    lines = [
        f"{_entries(count)} of {layer} exactly on a kink, where there is no derivative; PyTorch's choice is taken."
        for layer, count in bounds.on_kinks.items()
    ]
    lines += [
        f"{_entries(count)} of {layer} not told from a kink at {bounds.bits} bits; the intervals hold both sides."
        for layer, count in bounds.undecided_kinks.items()
    ]
    return lines or [f"None of the {bounds.examined:,} inputs of layers with kinks is on a kink."]


def _entries(count: int) -> str:
    return f"{count:,} input{'s' * (count != 1)}"


def _undecided(summaries: dict[str, dict[str, Any]]) -> list[str]:
    found = {name: summary["undecided"] for name, summary in summaries.items() if summary["undecided"]}
    if not found:
        return ["Every entry is decided: its interval is narrower than an eighth of an ulp."]
    where = ", ".join(f"{count:,} of {name}" for name, count in found.items())
    return [f"Not decided, with intervals wider than an eighth of an ulp: {where}."]
