"""Dynamic programming over all bracketings of a chain, all intervals of one length at a time.

What an interval (i, j) is split into is read from two tables: by start and length for the left parts, by end and
length for the right ones. Then the parts of all intervals of one length are slices, and nothing is gathered.
"""

from typing import Any

import numpy as np

from .structures import Intervals, Part, pair_cost


class Table:
    """Numbers of all intervals, (K, K), readable as left parts and as right parts of the intervals of a length."""

    def __init__(self, square: Any) -> None:
        count = len(square)
        here, more = np.arange(count)[:, None], np.arange(count)[None, :]
        self.starts = square[here, np.minimum(here + more, count - 1)]
        self.ends = square[np.maximum(here - more, 0), here]

    def whole(self, length: int) -> Any:
        """Return the numbers of the intervals of a length themselves, (intervals, 1)."""
        return self.starts[: len(self.starts) - length + 1, length - 1, None]

    def left(self, length: int) -> Any:
        """Return the numbers of the left parts, (intervals, length - 1), the shortest first."""
        return self.starts[: len(self.starts) - length + 1, : length - 1]

    def right(self, length: int) -> Any:
        """Return the numbers of the right parts that go with ``left``."""
        return self.ends[length - 1 :, : length - 1][:, ::-1]

    def fill(self, length: int, values: Any) -> None:
        """Set the numbers of the intervals of a length."""
        self.starts[: len(values), length - 1] = values
        self.ends[length - 1 :, length - 1] = values


def cheapest_splits(intervals: Intervals, memory: int | None) -> Any:
    """Return, for every interval (i, j), the last factor of the left part in the cheapest bracketing; else None.

    None if no bracketing keeps all results but the last one within ``memory`` bytes.
    """
    count = intervals.count
    best, size, shared = Table(np.zeros((count, count))), Table(intervals.bytes), Table(intervals.shared)
    parts = [Table(array) for array in intervals.part]
    splits = np.zeros((count, count), dtype=np.int64)
    for length in range(2, count + 1):
        left, right = Part(*(t.left(length) for t in parts)), Part(*(t.right(length) for t in parts))
        m, n = intervals.rows[: count - length + 1, None], intervals.columns[length - 1 :, None]
        cost = pair_cost(left, right, m, n) * np.where(shared.whole(length), 1, intervals.batch)
        cost += best.left(length)
        cost += best.right(length)
        choice = cost.argmin(axis=1)
        first = np.arange(len(cost))
        splits[first, first + length - 1] = first + choice
        value = cost[first, choice]
        if memory is not None and length < count:
            value = np.where(size.whole(length)[:, 0] > memory, np.inf, value)
        best.fill(length, value)
    return splits if np.isfinite(best.whole(count)).all() else None


def least_memory(intervals: Intervals) -> int:
    """Return the least bytes that the largest result on the way must take, whatever the order."""
    count = intervals.count
    size, held = Table(intervals.bytes), Table(np.zeros((count, count), dtype=np.int64))
    for length in range(2, count):
        inner = np.maximum(held.left(length), held.right(length)).min(axis=1)
        held.fill(length, np.maximum(inner, size.whole(length)[:, 0]))
    return int(np.maximum(held.left(count), held.right(count)).min()) if count > 1 else 0
