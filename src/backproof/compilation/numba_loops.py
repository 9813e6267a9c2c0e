"""Loops over planned memory: runs of elementwise statements and short reductions, written as one function for numba.

A run is cut into loops. Statements of one shape share a loop; what only they need stays in a register and is never
stored. Loops follow the order of memory, so that they can be vectorised.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .numba_expressions import ACCUMULATED, access, expression, plain
from .numpy_writer import Writer
from .planning import Plan
from .program import VIEWS, Statement, Trace, Value

__all__ = ["Loop", "Run", "uses"]

REDUCTIONS = frozenset({"sum", "max", "pick"})


def uses(trace: Trace, plan: Plan) -> dict[Value, set[Any]]:
    """Return which statements read a value, itself or through a view; None stands for the caller."""
    found: dict[Value, set[Any]] = {}
    for s in trace.statements:
        if s.operation not in VIEWS or s.target in plan.copies:
            for value in s.values():
                found.setdefault(value, set()).add(s.target)
                found.setdefault(plan.roots.get(value, value), set()).add(s.target)
    for value in trace.outputs.values():
        found.setdefault(value, set()).add(None)
        found.setdefault(plan.roots.get(value, value), set()).add(None)
    return found


class Loop:
    """Statements that are computed entry by entry together, or one reduction.

    Attributes:
        statements: in order.
        turned: whether memory holds a column for every example.
    """

    def __init__(self, w: Writer, first: Statement, readers: Mapping[Value, set[Any]]) -> None:
        self.w, self.statements, self.readers = w, [first], readers
        self.turned = w.is_turned(first.operands[0] if first.operation in REDUCTIONS else first.target)

    def take(self, s: Statement) -> bool:
        """Let a statement join if it can be computed in the same loop."""
        (first, *_), target = self.statements, s.target
        if first.operation in REDUCTIONS or s.operation in REDUCTIONS or target.shape != first.shape:
            return False
        if self.w.is_turned(target) != self.turned:
            return False
        self.statements.append(s)
        if target.shape == () or not self._clash():
            return True
        self.statements.pop()
        return False

    def stored(self) -> list[Value]:
        """Return the results that others need."""
        own = {s.target for s in self.statements}
        return [s.target for s in self.statements if self.readers.get(s.target, set()) - own]

    def loaded(self) -> list[Value]:
        """Return the values that are read from memory."""
        own = {s.target for s in self.statements}
        return [v for s in self.statements for v in s.values() if v not in own and v.shape != ()]

    def _clash(self) -> bool:
        """Whether memory is written that another entry of the loop still reads, since slots are used again."""
        roots, slot = self.w.plan.roots, self.w.plan.slot
        own = {s.target for s in self.statements}
        seen: dict[int, set[Any]] = {}
        for value in self.loaded():
            root = roots.get(value, value)
            if root in own:
                return True
            if root in slot:
                seen.setdefault(slot[root], set()).add(value if value in roots else (value.shape, value.dtype))
        for value in self.stored():
            if value in slot:
                places = seen.setdefault(slot[value], set())
                places.add((value.shape, value.dtype))
                if len(places) > 1:
                    return True
        return False

    def flat(self) -> bool:
        """Whether memory may be walked through as one axis."""
        own = {s.target for s in self.statements}
        shape = self.statements[0].shape
        return all(s.operation != "subtract_one_hot" for s in self.statements) and all(
            v in own or (v.shape == shape and self.w.is_own(v) and self.w.is_turned(v) == self.turned)
            for v in (*self.loaded(), *self.stored())
        )


class Run:
    """Consecutive statements, their loops, and the function under way.

    Attributes:
        loops: in order.
        lines: of the function's body.
        arguments: what the function is called with: its name there by the name in the program.
        scalars: numbers that were computed, and the variables that hold them.
    """

    def __init__(self, w: Writer, statements: Iterable[Statement], readers: Mapping[Value, set[Any]]) -> None:
        self.w, self.readers = w, readers
        self.loops: list[Loop] = []
        for s in statements:
            if not self.loops or not self.loops[-1].take(s):
                self.loops.append(Loop(w, s, readers))
        self.lines: list[str] = []
        self.arguments: dict[str, str] = {}
        self.results: list[tuple[str, str]] = []
        self.scalars: dict[Value, str] = {}
        self._places: dict[Any, str] = {}
        self._registers = 0

    def written(self) -> str:
        """Return the function's text; it is the same for runs that differ in names alone."""
        for loop in self.loops:
            if loop.statements[0].operation in REDUCTIONS:
                self._reduction(loop)
            elif loop.statements[0].shape == ():
                self._numbers(loop)
            else:
                self._loop(loop)
        self._keep_numbers()
        head = f"def kernel({', '.join(self.arguments.values())}):"
        return "\n".join([head, *(f"    {line}" for line in self.lines)]) + "\n"

    # -- what loops refer to ------------------------------------------------------------------------------

    def argument(self, name: str) -> str:
        """Return how the function calls an array or number of the program."""
        return self.arguments.setdefault(name, f"a{len(self.arguments)}")

    def array(self, value: Value, form: str) -> str:
        """Return the argument that is a value's memory, ``"flat"``, ``"turned"`` or ``"rows"``.

        Values that lie in the same place are one argument: the compiler then sees that they do not overlap otherwise.
        """
        slot = self.w.plan.slot.get(value)
        place = (value if slot is None else slot, form if value.ndim == 2 or form == "flat" else "", value.shape)
        key = (*place, value.dtype)
        if key not in self._places:
            self._places[key] = self.argument(self._name(value, form))
        return self._places[key]

    def _name(self, value: Value, form: str) -> str:
        if form == "flat":
            return self.w.flat(value)
        return self.w.turned_name(value) if form == "turned" and value.ndim == 2 else self.w.name(value)

    def number(self, operand: Any, dtype: Any) -> str:
        """Return a number: computed here, known, or given by the program."""
        if isinstance(operand, Value):
            if operand in self.scalars:
                return self.scalars[operand]
            name = self.argument(self.w.name(operand))
            return name if operand.kind == "computed" else f"{name}[()]"
        if isinstance(operand, int | float):
            return plain(operand, dtype)
        return f"{self.argument(self.w.number(operand, dtype))}[()]"

    # -- loops --------------------------------------------------------------------------------------------

    def _loop(self, loop: Loop) -> None:
        form = "flat" if loop.flat() else "turned" if loop.turned else "rows"
        stored = loop.stored()
        whole = self.array(stored[0], form)
        two = form != "flat" and stored[0].ndim == 2
        self.lines.append(f"for i in range({whole}.{'size' if form == 'flat' else 'shape[0]'}):")
        if two:
            self.lines.append(f"    for j in range({whole}.shape[1]):")
        margin = "        " if two else "    "
        row, column = ("j", "i") if form == "turned" and two else ("i", "j")
        known: dict[Any, str] = {}
        for s in loop.statements:
            operands = [self._operand(o, s, form, known, margin) for o in s.operands]
            if s.operation == "subtract_one_hot":
                operands[1] = f"intp({self.array(s.operands[1], 'rows')}[{row}]) == {column}"
            known[s.target] = self._register()
            self.lines.append(f"{margin}{known[s.target]} = {expression(s, operands)}")
            if s.target in stored:
                place = f"{self.array(s.target, form)}[{access(s.target, form)}]"
                self.lines.append(f"{margin}{place} = {known[s.target]}")

    def _operand(self, operand: Any, s: Statement, form: str, known: dict[Any, str], margin: str) -> str:
        if not isinstance(operand, Value) or operand.shape == ():
            return self.number(operand, _floating(s))
        if operand.dtype.kind in "iu":
            return ""
        if operand not in known:
            place = f"{self.array(operand, form)}[{access(operand, form)}]"
            known[operand] = self._register()
            self.lines.append(f"{margin}{known[operand]} = {place}")
        return known[operand]

    def _register(self) -> str:
        # One name, one type: numba would widen a name that is used for two.
        self._registers += 1
        return f"t{self._registers}"

    def _numbers(self, loop: Loop) -> None:
        for s in loop.statements:
            operands = [self.number(o, _floating(s)) for o in s.operands]
            self.scalars[s.target] = f"s{len(self.scalars)}"
            self.lines.append(f"{self.scalars[s.target]} = {expression(s, operands)}")

    def _reduction(self, loop: Loop) -> None:
        (s,) = loop.statements
        source, form = s.operands[0], "turned" if loop.turned else "rows"
        if s.shape == ():
            kept = self.scalars[s.target] = f"s{len(self.scalars)}"
            a = self.array(source, "flat")
            self.lines += [
                "total = f8(0.0)",
                f"for i in range({a}.size):",
                f"    total += {a}[i]",
                f"{kept} = {_type(s)}(total)",
            ]
            return
        a, out = self.array(source, form), self.array(s.target, form)
        row, column = (1, 0) if loop.turned else (0, 1)
        index = "j, i" if loop.turned else "i, j"
        if s.operation == "sum" and s.attributes["axis"] == (0,):
            self.lines += [
                f"for j in range({a}.shape[{column}]):",
                "    total = f8(0.0)",
                f"    for i in range({a}.shape[{row}]):",
                f"        total += {a}[{index}]",
                f"    {out}[j] = total",
            ]
            return
        place = f"{out}[{'i' if s.target.ndim == 1 else '0, i' if loop.turned else 'i, 0'}]"
        first = index.replace("j", "0")
        if s.operation == "pick":
            y = self.array(s.operands[1], "rows")
            # The targets were checked; a thread that changes them meanwhile must not reach other memory.
            self.lines += [
                f"for i in range({a}.shape[{row}]):",
                f"    j = min(max(intp({y}[i]), 0), {a}.shape[{column}] - 1)",
                f"    {place} = {a}[{index}]",
            ]
            return
        self.lines += [
            f"for i in range({a}.shape[{row}]):",
            f"    {place} = {a}[{first}]",
        ]
        over = [f"for j in range(1, {a}.shape[{column}]):", f"for i in range({a}.shape[{row}]):"]
        over = over if loop.turned else over[::-1]
        self.lines += [
            over[0],
            f"    {over[1]}",
            f"        u, v = {place}, {a}[{index}]",
            f"        {place} = {ACCUMULATED[s.operation]}",
        ]

    def _keep_numbers(self) -> None:
        """Store numbers that are needed outside where the program reads them."""
        own = {s.target for loop in self.loops for s in loop.statements}
        for value, name in self.scalars.items():
            if self.readers.get(value, set()) - own:
                kept = self.w.room(f"{value.name}_kept", f"zeros(1, {value.dtype})", value.dtype.itemsize)
                self.lines.append(f"{self.argument(kept)}[0] = {name}")
                self.results.append((value.name, kept))


def _type(s: Statement) -> str:
    return f"f{s.dtype.itemsize}"


def _floating(s: Statement) -> Any:
    return next((v.dtype for v in s.values() if v.dtype.kind == "f"), np.dtype("float64"))
