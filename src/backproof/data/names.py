"""Wording shared by the messages about data: nearest names and short lists."""

import difflib
from collections.abc import Iterable, Sequence

SHOWN = 8
"""Names listed in a message before the rest is only counted."""


def listed(names: Sequence[str]) -> str:
    """Return the names, quoted and separated by commas, a long list cut short."""
    shown = ", ".join(repr(name) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest known name, or an empty string."""
    lowered = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    return f" Did you mean {lowered[near[0]]!r}?" if near else ""
