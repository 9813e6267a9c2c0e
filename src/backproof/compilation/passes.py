"""Passes: each turns a trace into one that computes the same with less work."""

from collections.abc import Callable, Iterable
from typing import Any

from .program import VIEWS, Statement, Trace, Value
from .rules import Definitions, Rewritten, rewritten
from .scheduling import delay

__all__ = ["PASSES", "deduplicate", "delay", "named", "optimized", "remove_dead", "separate_outputs", "simplify"]

Pass = Callable[[Trace], Trace]


def simplify(trace: Trace) -> Trace:
    """Apply the rules of ``rules.py`` to every statement: what needs no work becomes a view or vanishes."""
    definitions, table, kept = Definitions(), dict[Value, Any](), list[Statement]()
    for statement in trace.statements:
        result: Rewritten = statement.substituted(table)
        while isinstance(result, Statement):
            better = rewritten(result, definitions)
            if better is None:
                break
            for extra in better.before:
                definitions.add(extra)
                kept.append(extra)
            result = better.result
        if isinstance(result, Statement):
            definitions.add(result)
            kept.append(result)
        else:
            table[statement.target] = result
    return trace.with_statements(kept, table)


def deduplicate(trace: Trace) -> Trace:
    """Compute equal statements once."""
    seen, table, kept = dict[Any, Value](), dict[Value, Any](), list[Statement]()
    for statement in trace.statements:
        statement = statement.substituted(table)
        key = _key(statement)
        first = seen.setdefault(key, statement.target)
        if first is statement.target:
            kept.append(statement)
        else:
            table[statement.target] = first
            _keep_better_name(first, statement.target)
    return trace.with_statements(kept, table)


def _key(statement: Statement) -> Any:
    operands = tuple(_identity(operand) for operand in statement.operands)
    attributes = tuple(sorted((key, _hashable(value)) for key, value in statement.attributes.items()))
    return statement.operation, operands, attributes, statement.shape, statement.dtype


def _identity(operand: Any) -> Any:
    if not isinstance(operand, Value):
        return type(operand), operand
    if operand.data is not None and operand.data.size <= 16:
        return operand.data.shape, str(operand.data.dtype), operand.data.tobytes()
    return operand


def _hashable(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_hashable(entry) for entry in value)
    return (value.start, value.stop, value.step) if isinstance(value, slice) else (type(value), value)


def _keep_better_name(first: Value, other: Value) -> None:
    """Let a value that has a name of its own in the mathematics keep it."""
    if first.name.endswith("_") and not other.name.endswith("_"):
        first.name = other.name


def remove_dead(trace: Trace) -> Trace:
    """Leave out what neither loss nor gradient nor a check needs."""
    wanted = set(trace.outputs.values())
    kept = []
    for statement in reversed(trace.statements):
        if statement.target in wanted or statement.operation in ("check", "check_classes"):
            wanted.update(statement.values())
            kept.append(statement)
    return trace.with_statements(kept[::-1])


def separate_outputs(trace: Trace) -> Trace:
    """Copy what is not a result of its own: two outputs of one value, or an output that is an input or constant."""
    sources = {s.target: s for s in trace.statements}
    taken, extra, table = set[Value](), list[Statement](), dict[str, Value]()
    for name, value in trace.outputs.items():
        root = value
        while root in sources and sources[root].operation == "reshape":
            root = sources[root].operands[0]
        made = root in sources and sources[root].operation not in ("permute", "index", "broadcast")
        if name != "loss" and (root in taken or not made):
            copy = Value(value.name + "_", value.shape, value.dtype)
            source = sources.get(value)
            equation, layer = (source.equation, source.layer) if source else ("", "")
            extra.append(Statement(copy, "copy", (value,), {}, equation, layer))
            table[name] = copy
        taken.add(root)
    outputs = {name: table.get(name, value) for name, value in trace.outputs.items()}
    return Trace(trace.inputs, trace.parameters, (*trace.statements, *extra), outputs, trace.guards, trace.batch)


def named(trace: Trace) -> Trace:
    """Give every value a name of its own: ``x1``, and on the way to it ``x1a``, ``x1b``, ..."""
    used = {value.name for value in (*trace.inputs.values(), *trace.parameters.values())}
    made = {s.target: s for s in trace.statements}
    for name, value in trace.outputs.items():
        if name not in trace.parameters:
            continue
        root, word = value, f"g{trace.parameters[name].name}"
        while root in made and made[root].operation == "reshape" and root.shape != trace.parameters[name].shape:
            root = made[root].operands[0]
        value.name, root.name = f"{word}_", word
    for value in _values(trace):
        base, number = value.name.rstrip("_"), 0
        candidate = base if not value.name.endswith("_") else f"{base}a"
        while candidate in used:
            number += 1
            candidate = f"{base}{_letters(number)}"
        value.name = candidate
        used.add(candidate)
    return trace


def _values(trace: Trace) -> Iterable[Value]:
    """Yield computed values, those with a name of their own first, then constants."""
    computed = [statement.target for statement in trace.statements]
    constants = {v: None for s in trace.statements for v in s.values() if v.kind == "constant"}
    yield from (value for value in computed if not value.name.endswith("_"))
    looked = {statement.target for statement in trace.statements if statement.operation in VIEWS}
    yield from (value for value in computed if value.name.endswith("_") and value not in looked)
    yield from (value for value in computed if value.name.endswith("_") and value in looked)
    for value in constants:
        value.name = "c_"
        yield value


def _letters(number: int) -> str:
    word = ""
    while True:
        word = chr(ord("a") + number % 26) + word
        number = number // 26 - 1
        if number < 0:
            return word


PASSES: tuple[Pass, ...] = (simplify, deduplicate, remove_dead, delay, separate_outputs, named)
"""What every trace goes through, in order."""


def optimized(trace: Trace, passes: Iterable[Pass] = PASSES) -> Trace:
    """Return the trace after all passes."""
    for step in passes:
        trace = step(trace)
    return trace
