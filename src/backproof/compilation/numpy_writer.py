"""Writing a planned trace as NumPy source: names, and in which of the program's functions each is made.

    buffers(n)        memory and views of it, made once for every batch size
    theta(views)      views of the parameters, made once for every theta
    run(...)          the statements

A trace may be written *turned*: matrices with a row for every example are then kept with a column for every example,
which BLAS multiplies faster while the batch is small.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .drafts import Draft, entry
from .planning import Plan
from .program import Statement, Trace, Value
from .sizes import Ratio, Size, text

__all__ = ["Writer"]


class Writer(Draft):
    """The source under way.

    Attributes:
        turned: whether matrices of examples are kept transposed.
        functions: that the source calls besides NumPy's, by name.
    """

    def __init__(self, trace: Trace, plan: Plan, turned: bool) -> None:
        super().__init__(trace, plan)
        self.turned = turned
        self.functions: dict[str, Any] = {}
        self._fresh = 0

    # -- names --------------------------------------------------------------------------------------------

    def name(self, operand: Any, like: Any = None) -> str:
        """Return the name of a value, or of a number beside an array of dtype ``like``."""
        if not isinstance(operand, Value):
            return self.number(operand, like)
        made = self._made.get(operand)
        if made is not None and made.operation == "permute" and operand.ndim == 2:
            return self.turned_name(made.operands[0])
        if operand.name not in self._known(operand):
            self._make(operand)
        return operand.name

    def turned_name(self, value: Value) -> str:
        """Return the name of a matrix's transpose."""
        made = self._made.get(value)
        if made is not None and made.operation == "permute" and value.ndim == 2:
            return self.name(made.operands[0])
        if value.ndim == 2 and self.is_turned(value):
            self.name(value)
            return f"{value.name}_T"
        return self.line(self.section(value), f"{value.name}_T", f"{self.name(value)}.T")

    def number(self, number: Any, like: Any) -> str:
        """Return the name of a number as an array without axes, which ufuncs take faster than Python's."""
        if isinstance(number, Ratio):
            name = f"r{abs(hash(number.numerator)) % 10**6}" if number.numerator != 1 else "per_example"
            return self.line("buffers", name, f"array({text(number)}, {np.dtype(like)})")
        if isinstance(number, bool) or np.dtype(like).kind != "f":
            return repr(number)
        for name, known in self.constants.items():
            if known.shape == () and known == number and known.dtype == like:
                return name
        return self.constant(f"k{len(self.constants)}", np.array(number, like))

    def constant(self, name: str, array: Any) -> str:
        """Keep an array for the source to refer to."""
        self.constants[name] = array
        return name

    def fresh(self, base: str) -> str:
        """Return a name that nothing has."""
        self._fresh += 1
        return f"{base}_part_{self._fresh}"

    def section(self, value: Value) -> str:
        """Return the function in which views of a value are made."""
        root = self.plan.roots.get(value, value)
        if root in self._inputs:
            return "inputs"
        if root in self._parameters:
            return "theta"
        return "gradient" if root in self.plan.gradient else "buffers"

    def is_turned(self, value: Value) -> bool:
        """Whether a value is kept as its transpose."""
        return self.turned and value in self.plan.slot and value.ndim == 2 and isinstance(value.shape[0], Size)

    def few(self, value: Value) -> bool:
        """Whether a matrix of examples is narrow enough for a copy to stay in the cache."""
        return value.ndim == 2 and isinstance(value.shape[1], int) and value.shape[1] <= 128

    def _known(self, value: Value) -> Any:
        if value in self._inputs or value.kind == "constant" or (value.shape == () and value not in self.plan.roots):
            return self._arguments(value)
        return self.sections[self.section(value)]

    def _arguments(self, value: Value) -> Any:
        if value.kind == "constant":
            self.constants.setdefault(value.name, value.data)
        return (value.name,)

    # -- memory and views ---------------------------------------------------------------------------------

    def _make(self, value: Value) -> None:
        section = self.section(value)
        if value in self._made:
            self.line(section, value.name, self._view(self._made[value]))
        elif value in self._parameters:
            self.line(section, value.name, f"views[{self._parameters[value]!r}]")
        elif value in self.plan.gradient:
            expression = f"views[{self.plan.gradient[value]!r}]"
            own = self.trace.parameters[self.plan.gradient[value]].shape
            self.line(section, value.name, expression if own == value.shape else f"{expression}.reshape({value.shape})")
        else:
            self._buffer(value)

    def _buffer(self, value: Value) -> None:
        slot, dtype = self.plan.slot[value], value.dtype
        memory = self.line("buffers", f"m{slot}", f"memory({text(self.plan.slots[slot])})")
        if self.is_turned(value):
            turned = f"{value.name}_T"
            self.line("buffers", turned, f"array_in({memory}, {dtype}, {text(value.shape[::-1])})")
            self.line("buffers", value.name, f"{turned}.T")
        else:
            self.line("buffers", value.name, f"array_in({memory}, {dtype}, {text(value.shape)})")

    def _view(self, s: Statement) -> str:
        (source,) = s.operands
        if s.operation == "permute":
            return f"{self.name(source)}.transpose({text(s.attributes['axes'])})"
        name = self.name(source)
        if s.operation == "index":
            return f"{name}[{', '.join(map(entry, s.attributes['key']))}]"
        if self.section(s.target) == "inputs" and any(isinstance(length, Size) for length in s.shape):
            self.line("inputs", "n", f"len({self.trace.inputs['x'].name})")
        if s.operation == "broadcast":
            return f"broadcast_to({name}, {text(s.shape)})"
        return f"{name}.reshape({text(s.shape)})"

    def flat(self, value: Value) -> str:
        """Return the name of a value's memory as one axis, in the order in which it lies there."""
        name = f"{value.name}_T" if self.is_turned(value) else value.name
        self.name(value)
        return self.line(self.section(value), f"{value.name}_flat", f"{name}.reshape(-1)")

    def ones(self, length: Any, dtype: Any) -> str:
        """Return the name of a vector of ones."""
        name = f"ones_{text(length).replace(' * ', '_')}"
        return self.room(name, f"ones({text(length)}, {dtype})", length * np.dtype(dtype).itemsize)


Rule = Callable[[Writer, Statement], list[str]]
