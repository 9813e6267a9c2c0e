"""From a trace to lines of source: what is used once moves into the line that uses it, what remains gets a name."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..passes import deduplicate, optimized, remove_dead, simplify
from ..program import VIEWS, Statement, Trace, Value
from ..sizes import text
from .expressions import Source, atom
from .idioms import Idiom, number

__all__ = ["WIDTH", "Line", "lines"]

WIDTH = 88
"""The longest line, as formatters have it."""

_LONGEST = 56
_SHORT_VIEW = 24


@dataclass(frozen=True)
class Line:
    """One line of a program.

    Attributes:
        code: the statement.
        comment: its equation and shape.
        layer: the layer it belongs to.
        equation: what it computes, which several lines may share.
        sizes: whether the batch size n occurs in it.
    """

    code: str
    comment: str
    layer: str
    equation: str
    sizes: bool


def lines(trace: Trace, idiom: Idiom) -> tuple[list[Line], dict[str, str]]:
    """Return a trace's lines, and the name of each of its outputs.

    Raises:
        OptionError: an operation or constant cannot be said in the library; the message names its layer.
    """
    # The second time, views of what the first has put in vanish.
    shorter = optimized(trace, (simplify, simplify, deduplicate, remove_dead))
    return _Writer(_shaped(shorter), idiom).written()


def _shaped(trace: Trace) -> Trace:
    """Give gradients the shapes of their parameters, in which most are computed before they are flattened."""
    made = {s.target: s for s in trace.statements}
    outputs, extra = dict(trace.outputs), []
    for name, value in trace.outputs.items():
        if name not in trace.parameters or value.shape == trace.parameters[name].shape:
            continue
        flat, shape = made.get(value), trace.parameters[name].shape
        if flat is not None and flat.operation == "reshape" and flat.operands[0].shape == shape:
            outputs[name] = flat.operands[0]
        else:
            outputs[name] = Value(value.name, shape, value.dtype)
            context = (flat.equation, flat.layer) if flat is not None else ("", "")
            extra.append(Statement(outputs[name], "reshape", (value,), {}, *context))
    shaped = Trace(trace.inputs, trace.parameters, (*trace.statements, *extra), outputs, trace.guards, trace.batch)
    return remove_dead(shaped)


class _Writer:
    """Writes the statements of one trace down in one idiom."""

    def __init__(self, trace: Trace, idiom: Idiom) -> None:
        self.trace, self.idiom = trace, idiom
        self.made = {s.target: s for s in trace.statements}
        self.uses = Counter(v for s in trace.statements for v in s.values())
        self.uses.update(trace.outputs.values())
        self.users: dict[Value, Statement] = {v: s for s in trace.statements for v in s.values()}
        self.texts: dict[Value, Source] = {}
        self.taken = {v.name for v in (*trace.inputs.values(), *trace.parameters.values())} | {"n", "theta"}
        self.own = {v: f"g{trace.parameters[k].name}" for k, v in trace.outputs.items() if k in trace.parameters}

    def written(self) -> tuple[list[Line], dict[str, str]]:
        """Return the lines and the outputs' names."""
        found = [line for s in self.trace.statements for line in self._line(s)]
        return found, {name: self._operand(value).text for name, value in self.trace.outputs.items()}

    def _line(self, s: Statement) -> Iterator[Line]:
        if s.operation in ("check", "check_classes"):
            yield from self._check(s)
            return
        s = self._unshaped(s)
        said = self.idiom.said(s, tuple(self._operand(operand) for operand in s.operands))
        if self._inlined(s, said):
            self.texts[s.target] = said
            return
        name = self._name(s)
        if said.text == name:
            return
        self.texts[s.target] = Source(name)
        yield self._commented(name, said.text, s)

    def _unshaped(self, s: Statement) -> Statement:
        """Return a sum of all entries as that of the array before it was given another shape."""
        inner = self.made.get(s.operands[0]) if s.operation == "sum" and s.shape == () else None
        if inner is None or inner.operation != "reshape" or s.attributes.get("keepdims"):
            return s
        axes = tuple(range(inner.operands[0].ndim))
        return replace(s, operands=inner.operands, attributes={"axis": axes, "keepdims": False})

    def _commented(self, name: str, said: str, s: Statement) -> Line:
        """Return a line with what it computes; the way to a result has the shape alone."""
        shape = text(s.shape) if s.shape else "a number"
        derivative = re.fullmatch(r"A([\d_]*?)(\d+)", name)
        if derivative:
            place, last = derivative[1], int(derivative[2])
            equation = f"A_{place}{last} = d x_{place}{last} / d x_{place}{last - 1}, diagonal"
        else:
            label = s.layer.partition(", ")[2]
            applied = re.sub(r"= f_[\d_]+\(", lambda _: f"= {label}(", s.equation)
            if name.startswith("delta") and s.equation.startswith("loss"):
                applied = f"delta_{name.removeprefix('delta')} = d loss / d x_{name.removeprefix('delta')}"
            equation = "" if self._temporary(s.target) and s.target not in self.own else applied
        comment = f"{equation}: {shape}" if equation else shape
        return Line(f"{name} = {said}", comment, s.layer, s.equation, bool(re.search(r"\bn\b", said)))

    def _operand(self, operand: Any) -> Source:
        if not isinstance(operand, Value):
            return number(operand)
        if operand in self.texts:
            return self.texts[operand]
        if operand.kind == "constant":
            self.texts[operand] = self.idiom.constant(operand)
            return self.texts[operand]
        return Source(operand.name)

    def _inlined(self, s: Statement, said: Source) -> bool:
        """Whether a statement moves into those that use its target."""
        value = s.target
        if value in self.trace.outputs.values() or not self._temporary(value):
            return False
        if s.operation in VIEWS and len(said.text) <= _SHORT_VIEW:
            return True
        if self.uses[value] > 1 or value not in self.users or len(said.text) > _LONGEST:
            return False
        user = self.users[value]
        return user.operation in ("check", "check_classes") or user.equation == s.equation

    @staticmethod
    def _temporary(value: Value) -> bool:
        return value.name.endswith("_") or value.name in ("l", "v")

    def _name(self, s: Statement) -> str:
        """Return a new name: its own in the mathematics, ``A2`` for a layer's derivative, else one after those."""
        value = s.target
        if value in self.own:
            return self._free(self.own[value], numbered=False)
        if not self._temporary(value):
            return self._free(value.name, numbered=False)
        match = re.fullmatch(r"(?:x|a)([\d_]*\d)_", value.name)
        if match and self._multiplies_delta(value):
            return self._free(f"A{match[1]}", numbered=False)
        return self._free({"l": "t", "v": "t"}.get(value.name, value.name.rstrip("_")), numbered=True)

    def _multiplies_delta(self, value: Value) -> bool:
        user = self.users.get(value)
        return user is not None and user.operation == "multiply" and user.equation.startswith(("delta_", "J"))

    def _free(self, base: str, numbered: bool) -> str:
        """Return ``base`` or, if that is taken or numbers are wanted, base with the first free letter."""
        candidates = (f"{base}{letter}" for letter in _letters())
        name = next(c for c in candidates if c not in self.taken) if numbered or base in self.taken else base
        self.taken.add(name)
        return name

    def _check(self, s: Statement) -> Iterator[Line]:
        """Yield the refusal of targets; a traced function of JAX cannot refuse."""
        if self.idiom.library == "jax":
            return
        operand = self._operand(s.operands[0])
        if s.operation == "check_classes":
            bad = f"{atom(operand)}.min() < 0 or {atom(operand)}.max() >= {s.attributes['classes']}"
            message = f"y has a class outside of 0, ..., {s.attributes['classes'] - 1}"
        else:
            bad, message = f"{atom(operand)}.any()", "y has a target that the loss does not take"
        yield Line(f"if {bad}:\n    raise ValueError({message!r})".replace("'", '"'), "", s.layer, s.equation, False)


def _letters() -> Iterator[str]:
    yield from "abcdefghijklmnopqrstuvwxyz"
    yield from (f"{first}{second}" for first in "abcdefghijklmnopqrstuvwxyz" for second in "abcdefghijklmnopqrstuvwxyz")
