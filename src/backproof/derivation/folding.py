"""What of a long network is written out: repeated blocks once, and of long recursions both ends."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

__all__ = ["Run", "ends", "runs"]

LONGEST_PERIOD = 12
"""The longest block whose repetitions are looked for."""


@dataclass(frozen=True)
class Run:
    """Neighbours that repeat the ones before them.

    Attributes:
        first, last: positions (from 0) that are folded, both included.
        period: how long the repeated block is; it stands before ``first``.
    """

    first: int
    last: int
    period: int


def runs(keys: Sequence[Hashable], least: int = 2) -> list[int | Run]:
    """Return positions to be written out, and runs of repetitions between them.

    Args:
        keys: equal for entries that read the same.
        least: how many positions a run must fold.
    """
    result: list[int | Run] = []
    place = 0
    while place < len(keys):
        period, repeats = max(
            ((p, _repeats(keys, place, p)) for p in range(1, LONGEST_PERIOD + 1)),
            key=lambda found: (found[0] * (found[1] - 1), -found[0]),
        )
        folded = period * (repeats - 1)
        if folded >= least:
            result += [*range(place, place + period), Run(place + period, place + period + folded - 1, period)]
            place += period + folded
        else:
            result.append(place)
            place += 1
    return result


def _repeats(keys: Sequence[Hashable], start: int, period: int) -> int:
    """Return how often the block of this length at ``start`` stands one after another."""
    block, count = keys[start : start + period], 1
    while len(block) == period and keys[start + count * period : start + (count + 1) * period] == block:
        count += 1
    return count


def ends(count: int, most: int, head: int = 3, tail: int = 3) -> list[int | Run]:
    """Return all positions, or beyond ``most`` those at both ends with a run of two or more between."""
    if count <= max(most, head + tail + 1):
        return list(range(count))
    return [*range(head), Run(head, count - tail - 1, 1), *range(count - tail, count)]
