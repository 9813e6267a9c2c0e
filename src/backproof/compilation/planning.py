"""Where every value lies: memory is planned before the run, used again when a value is no longer needed.

A value is a number of its own (shape ()), a view of another value, or lies in a slot of memory or in the gradient.
Elementwise results take the place of an operand that is needed no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .program import BINARY, UNARY, VIEWS, Statement, Trace, Value
from .sizes import Size, evaluate

__all__ = ["Plan", "planned"]

LINE = 64
"""Bytes to which slots are aligned: a cache line."""


@dataclass(frozen=True)
class Plan:
    """The memory of a program.

    Attributes:
        slots: the bytes of every slot, some of them multiples of n.
        slot: which slot a value lies in.
        gradient: under which parameter's name a value lies in the gradient.
        roots: whose memory a view looks at (itself for all else).
        copies: reshapes that cannot be views.
    """

    slots: tuple[Any, ...]
    slot: Mapping[Value, int]
    gradient: Mapping[Value, str]
    roots: Mapping[Value, Value]
    copies: frozenset[Value]

    def memory(self, n: int) -> int:
        """Return the bytes of all slots for a batch of n."""
        return sum(-(-evaluate(size, n) // LINE) * LINE for size in self.slots)


def planned(trace: Trace) -> Plan:
    """Decide where every value of a trace lies."""
    roots, copies = _roots(trace)
    gradient = _gradient(trace, roots)
    deaths = _deaths(trace, roots)
    slots, slot = _slots(trace, roots, gradient, deaths)
    return Plan(tuple(slots), slot, gradient, roots, copies)


def _roots(trace: Trace) -> tuple[dict[Value, Value], frozenset[Value]]:
    """Return whose memory every value looks at, and which reshapes must copy."""
    roots: dict[Value, Value] = {}
    ragged: set[Value] = set()
    copies = set()
    for s in trace.statements:
        if s.operation not in VIEWS:
            continue
        (source,) = s.operands
        if s.operation == "reshape" and source in ragged:
            copies.add(s.target)
            continue
        if s.operation != "reshape":
            ragged.add(s.target)
        roots[s.target] = roots.get(source, source)
    return roots, frozenset(copies)


def _gradient(trace: Trace, roots: Mapping[Value, Value]) -> dict[Value, str]:
    return {roots.get(value, value): name for name, value in trace.outputs.items() if name != "loss"}


def _deaths(trace: Trace, roots: Mapping[Value, Value]) -> dict[Value, int]:
    """Return after which statement the memory of a value is needed no more."""
    deaths: dict[Value, int] = {}
    for number, s in enumerate(trace.statements):
        for value in (s.target, *s.values()):
            deaths[roots.get(value, value)] = number
    loss = trace.outputs["loss"]
    deaths[roots.get(loss, loss)] = len(trace.statements)
    return deaths


def may_overwrite(s: Statement) -> tuple[Any, ...]:
    """Return the operands whose memory the target of a statement may take."""
    if s.operation in UNARY or s.operation in BINARY:
        return s.operands
    if s.operation == "where":
        _, yes, no = s.operands
        return (no,) if no is not yes else ()
    return s.operands[:1] if s.operation == "subtract_one_hot" else ()


class _Slots:
    """Slots under way: their sizes, and which are free by size."""

    def __init__(self) -> None:
        self.sizes: list[Any] = []
        self.free: dict[tuple[bool, int], list[int]] = {}
        self.of: dict[Value, int] = {}

    def place(self, value: Value) -> None:
        """Give a value the smallest free slot that holds it, else the largest one made larger, else a new one."""
        need = size_of(value)
        grows, number = _kind(need)
        same = [size for kind, size in self.free if kind == grows]
        if not same:
            self.sizes.append(need)
            self.of[value] = len(self.sizes) - 1
            return
        best = min((size for size in same if size >= number), default=None) or max(same)
        slot = self._pop((grows, best))
        if best < number:
            self.sizes[slot] = need
        self.of[value] = slot

    def _pop(self, kind: tuple[bool, int]) -> int:
        slots = self.free[kind]
        slot = slots.pop()
        if not slots:
            del self.free[kind]
        return slot

    def release(self, value: Value) -> None:
        """Note that a value's slot is free again."""
        slot = self.of[value]
        self.free.setdefault(_kind(self.sizes[slot]), []).append(slot)


def size_of(value: Value) -> Any:
    """Return the bytes of a value, an integer or a multiple of n."""
    size: Any = int(value.dtype.itemsize)
    for length in value.shape:
        size = length * size
    return size


def _kind(size: Any) -> tuple[bool, int]:
    """Return whether a size grows with n, and its number."""
    return (True, size.factor) if isinstance(size, Size) else (False, size)


def _slots(
    trace: Trace, roots: Mapping[Value, Value], gradient: Mapping[Value, str], deaths: Mapping[Value, int]
) -> tuple[list[Any], dict[Value, int]]:
    slots = _Slots()
    dying: dict[int, list[Value]] = {}
    for value, number in deaths.items():
        dying.setdefault(number, []).append(value)
    for number, s in enumerate(trace.statements):
        gone = [value for value in dying.get(number, ()) if value in slots.of]
        if s.target not in roots and s.target.shape != () and s.target not in gradient:
            heir = next((o for o in may_overwrite(s) if o in gone and _alike(o, s, roots)), None)
            if heir is None:
                slots.place(s.target)
            else:
                slots.of[s.target] = slots.of[heir]
                gone.remove(heir)
            gone += [s.target] * (deaths[s.target] == number)
        for value in gone:
            slots.release(value)
    return slots.sizes, slots.of


def _alike(operand: Value, s: Statement, roots: Mapping[Value, Value]) -> bool:
    """Whether the operand has memory of the target's shape, and no other operand looks at it in another way."""
    views = [o for o in s.values() if o is not operand and roots.get(o, o) is operand]
    return operand.shape == s.shape and operand.dtype == s.dtype and not views
