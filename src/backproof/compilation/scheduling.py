"""When to compute what: a derivative that is made of values kept anyway is computed where delta meets it."""

from collections.abc import Mapping

from .program import BINARY, UNARY, Statement, Trace, Value

__all__ = ["delay"]

SLACK = 8
"""By how many statements the life of an operand may be prolonged."""


def delay(trace: Trace) -> Trace:
    """Move elementwise statements down to where they are first used, if their operands live until then anyway.

    Less memory is then needed between the forward and the backward pass, and the numbers are still in the cache.
    """
    uses = _uses(trace)
    makers = {s.target: number for number, s in enumerate(trace.statements)}
    moved: dict[int, list[int]] = {}
    gone: set[int] = set()
    for number in reversed(range(len(trace.statements))):
        s = trace.statements[number]
        first = min(uses.get(s.target, [number]))
        if number in gone or first <= number + SLACK or not _elementwise(s):
            continue
        cone = _cone(number, first, trace, uses, makers)
        if cone is not None and not gone.intersection(cone):
            moved.setdefault(first, []).append(number)
            moved[first][-1:] = sorted(cone)
            gone.update(cone)
    kept = []
    for number, s in enumerate(trace.statements):
        kept += [trace.statements[early] for early in sorted(moved.get(number, ()))]
        kept += [] if number in gone else [s]
    return trace.with_statements(kept)


def _elementwise(s: Statement) -> bool:
    return s.operation in UNARY or s.operation in BINARY or s.operation in ("where", "astype")


def _uses(trace: Trace) -> dict[Value, list[int]]:
    """Return the numbers of the statements that use a value; outputs are used after all."""
    uses: dict[Value, list[int]] = {}
    for number, s in enumerate(trace.statements):
        for value in s.values():
            uses.setdefault(value, []).append(number)
    for value in trace.outputs.values():
        uses.setdefault(value, []).append(len(trace.statements))
    return uses


def _cone(
    number: int, where: int, trace: Trace, uses: Mapping[Value, list[int]], makers: Mapping[Value, int]
) -> set[int] | None:
    """Return the statements that move with one to ``where``: those whose results serve it alone. None: it stays."""
    cone = {number}
    for value in trace.statements[number].values():
        maker = makers.get(value)
        if maker is None or max(u for u in uses[value] if u != number or len(uses[value]) == 1) >= where - SLACK:
            continue
        if len(set(uses[value])) > 1 or not _elementwise(trace.statements[maker]):
            return None
        more = _cone(maker, where, trace, uses, makers)
        if more is None:
            return None
        cone |= more
    return cone
