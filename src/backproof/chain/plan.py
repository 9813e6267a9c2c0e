"""The cheapest order in which to multiply a chain of structured matrices, as plain data.

A product of K matrices has Catalan(K - 1) bracketings. Dynamic programming over the intervals (i, j) finds the
cheapest in O(K^3), because the structure of an interval's product does not depend on its bracketing: diagonal
times diagonal is diagonal, low rank stays low rank, anything else is dense.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import OptionError
from .search import cheapest_splits, least_memory
from .structures import Intervals, Matrix, Part, pair_cost


@dataclass(frozen=True)
class Multiplication:
    """One step of a plan: slot ``out`` = slot ``left`` times slot ``right``.

    Slots 0 .. K-1 are the factors, further slots the results in the order of the steps.

    Attributes:
        structure: of the result.
        shape: of the result, rows and columns.
        multiplications: scalar multiplications for the whole batch.
        bytes: memory of the result for the whole batch.
    """

    left: int
    right: int
    out: int
    structure: str
    shape: tuple[int, int]
    multiplications: int
    bytes: int


@dataclass(frozen=True)
class Plan:
    """An order of multiplication: what to multiply with what, and what that costs.

    Attributes:
        names: what the factors are called, left to right.
        steps: the multiplications in order.
        left_first: multiplications of the textbook order from the left (reverse mode).
        right_first: multiplications of the textbook order from the right (forward mode).
        batch: examples that per-example factors have.
    """

    names: tuple[str, ...]
    steps: tuple[Multiplication, ...]
    left_first: int
    right_first: int
    batch: int

    @property
    def multiplications(self) -> int:
        """Scalar multiplications of the whole plan."""
        return sum(step.multiplications for step in self.steps)

    @property
    def largest(self) -> int:
        """Bytes of the largest result on the way, the last one included."""
        return max((step.bytes for step in self.steps), default=0)

    @property
    def brackets(self) -> str:
        """The order as brackets, as in ``(A3 (A2 A1))``."""
        slots = list(self.names)
        for step in self.steps:
            slots.append(f"({slots[step.left]} {slots[step.right]})")
        return slots[-1]

    def _repr_html_(self) -> str:
        from .showing import plan_html

        return plan_html(self)

    def _repr_latex_(self) -> str | None:
        from .showing import brackets_latex

        return brackets_latex(self)

    def __str__(self) -> str:
        def against(other: int) -> str:
            return f"{other:,} ({other / self.multiplications:.1f} x)" if self.multiplications else f"{other:,}"

        return "\n".join(
            [
                f"order            {_shortened(self.brackets)}",
                f"multiplications  {self.multiplications:,}",
                f"left first       {against(self.left_first)}",
                f"right first      {against(self.right_first)}",
                f"largest result   {self.largest:,} bytes",
            ]
        )


def _shortened(brackets: str) -> str:
    return brackets if len(brackets) <= 100 else f"{brackets[:60]} ... {brackets[-36:]}"


def plan(
    factors: Sequence[Any],
    *,
    batch: int | None = None,
    itemsize: int = 4,
    memory: int | None = None,
    names: Sequence[str] | None = None,
) -> Plan:
    """Return the cheapest order for the product of ``factors``, left to right.

    Ties go to the leftmost split, so the same chain always gets the same plan.

    Args:
        factors: operators, or ``Matrix`` descriptions of them.
        batch: number of examples; taken from the operators if not given.
        itemsize: bytes of one number.
        memory: no result on the way (the last one excepted) may take more bytes than this.
        names: of the factors; A_K ... A_1 if not given.

    Raises:
        OptionError: neighbouring sizes differ, or no order fits into ``memory``; the message has the sizes.
    """
    matrices = tuple(factor if isinstance(factor, Matrix) else Matrix.of(factor) for factor in factors)
    batch = batch or next((f.batch for f in factors if getattr(f, "batch", None)), 1)
    return _plan(matrices, batch, itemsize, memory, tuple(names or ()))


@functools.lru_cache(maxsize=256)
def _plan(matrices: tuple[Matrix, ...], batch: int, itemsize: int, memory: int | None, names: tuple[str, ...]) -> Plan:
    """Plan once for every chain of the same structures and sizes."""
    _check(matrices)
    count = len(matrices)
    intervals = Intervals.of(matrices, batch, itemsize)
    splits = cheapest_splits(intervals, memory)
    if splits is None:
        raise OptionError(
            f"plan: no order keeps every result within {memory:,} bytes; the least that any order needs is "
            f"{least_memory(intervals):,}. Give more memory, fewer examples at a time, or keep the product factored."
        )
    steps = _steps(intervals, list(_by_table(splits, count)))
    left, right = (sum(_costs(intervals, list(order(count)))) for order in (_left_first, _right_first))
    return Plan(names or tuple(f"A{count - i}" for i in range(count)), steps, left, right, batch)


def _check(matrices: Sequence[Matrix]) -> None:
    if not matrices:
        raise OptionError("plan: no factors given, expected at least one.")
    for index, (left, right) in enumerate(itertools.pairwise(matrices)):
        if left.columns != right.rows:
            raise OptionError(
                f"plan: factor {index} has {left.columns} columns, the next {right.rows} rows, expected equal."
            )


Order = Iterator[tuple[int, int, int]]
Brackets = list[tuple[int, int, int]]
"""(first, middle, last): multiply the product of first..middle with that of middle+1..last; parts before wholes."""


def _by_table(splits: Any, count: int) -> Order:
    stack, order = [(0, count - 1)], []
    while stack:
        first, last = stack.pop()
        if first < last:
            middle = int(splits[first, last])
            order.append((first, middle, last))
            stack += [(first, middle), (middle + 1, last)]
    yield from reversed(order)


def _left_first(count: int) -> Order:
    return ((0, last - 1, last) for last in range(1, count))


def _right_first(count: int) -> Order:
    return ((first, first, count - 1) for first in reversed(range(count - 1)))


def _steps(intervals: Intervals, order: Brackets) -> tuple[Multiplication, ...]:
    slots = {(index, index): index for index in range(intervals.count)}
    steps = []
    for (first, middle, last), cost in zip(order, _costs(intervals, order), strict=True):
        slots[first, last] = out = len(slots)
        steps.append(
            Multiplication(
                left=slots[first, middle],
                right=slots[middle + 1, last],
                out=out,
                structure=intervals.structure(first, last),
                shape=(int(intervals.rows[first]), int(intervals.columns[last])),
                multiplications=cost,
                bytes=int(intervals.bytes[first, last]),
            )
        )
    return tuple(steps)


def _costs(intervals: Intervals, order: Brackets) -> list[int]:
    """Return the multiplications of every step for the whole batch."""
    if not order:
        return []
    first, middle, last = np.array(order).T
    left, right = (Part(*(array[where] for array in intervals.part)) for where in ((first, middle), (middle + 1, last)))
    cost = pair_cost(left, right, intervals.rows[first], intervals.columns[last])
    return [int(c) for c in cost * np.where(intervals.shared[first, last], 1, intervals.batch)]
