"""Writing a planned trace as PyTorch source: names, and in which of the program's functions each is made.

buffers(n, device)   memory and views of it, made once for every batch size and device
theta(views)         views of the parameters, made once for every theta
gradient(views)      views of the gradient
run(...)             the statements
"""

from typing import Any

import numpy as np

from .drafts import Draft, entry
from .planning import Plan
from .program import Trace, Value
from .sizes import Size, text

__all__ = ["Writer"]


class Writer(Draft):
    """The source under way.

    Attributes:
        fresh: values that are made anew in every run, since the call that makes them takes no memory for them.
    """

    keeps = True
    """Whether memory is kept from call to call."""

    def __init__(self, trace: Trace, plan: Plan, fresh: frozenset[Value]) -> None:
        super().__init__(trace, plan)
        self.fresh = fresh

    def name(self, operand: Any, like: Any = None) -> str:
        """Return the name of a value, or of a number beside an array of dtype ``like``."""
        if not isinstance(operand, Value):
            return self.number(operand, like)
        if operand.kind == "constant":
            return self._constant(operand)
        plain = operand in self._inputs or (operand.shape == () and operand not in self.plan.roots)
        section = self.section(operand)
        if not plain and section != "run" and operand.name not in self.sections[section]:
            self.line(section, operand.name, self._expression(operand))
        return self.view(operand) if section == "run" and operand in self._made else operand.name

    def number(self, number: Any, like: Any) -> str:
        """Return the name of a number as a tensor without axes, which PyTorch takes faster than Python's."""
        if isinstance(number, bool) or np.dtype(like).kind != "f":
            return repr(number)
        said = text(number)
        expression = f"number({said}, {np.dtype(like)})"
        for name, line in self.sections["buffers"].items():
            if line == f"{name} = {expression}":
                return name
        name = "per_example" if said == "1 / n" else f"k{len(self.sections['buffers'])}"
        return self.line("buffers", name, expression)

    def ones(self, length: Any, dtype: Any, value: int = 1) -> str:
        """Return the name of a vector of ones, or minus ones."""
        word = "ones" if value == 1 else "minus_ones"
        expression = f"full(({text(length)},), {value}, dtype={dtype}, device=device)"
        return self.room(f"{word}_{text(length).replace(' * ', '_')}", expression, length * np.dtype(dtype).itemsize)

    def turned(self, value: Value) -> str:
        """Return the name of a matrix's transpose."""
        made = self._made.get(value)
        if made is not None and made.operation == "permute":
            return self.name(made.operands[0])
        section = self.section(value)
        if section == "run":
            return f"{self.name(value)}.t()"
        return self.line(section, f"{value.name}_T", f"{self.name(value)}.t()")

    def section(self, value: Value) -> str:
        """Return the function in which a value's memory is made."""
        root = self.plan.roots.get(value, value)
        if root in self.fresh:
            return "run"
        if root in self._inputs:
            return "inputs"
        if root in self._parameters:
            return "theta"
        if root.shape == () and root not in self.plan.gradient:
            return "run"
        return "gradient" if root in self.plan.gradient else "buffers"

    def view(self, value: Value) -> str:
        """Return how a view looks at its operand."""
        s = self._made[value]
        (source,) = s.operands
        if s.operation == "permute":
            plain = source.ndim == 2
            return self.turned(source) if plain else f"{self.name(source)}.permute({text(s.attributes['axes'])})"
        if s.operation == "index":
            return f"{self.name(source)}[{', '.join(map(entry, s.attributes['key']))}]"
        shape = self.shape(s.shape) if self.section(value) in ("inputs", "run") else text(s.shape)
        return f"{self.name(source)}.{'expand' if s.operation == 'broadcast' else 'reshape'}({shape})"

    def shape(self, shape: tuple[Any, ...]) -> str:
        """Return a shape as it is said in ``run``, where n has to be looked up."""
        if any(isinstance(length, Size) for length in shape):
            self.line("inputs", "n", f"{self.trace.inputs['x'].name}.shape[0]")
        return text(shape)

    def _expression(self, value: Value) -> str:
        if value in self._made:
            return self.view(value)
        if value in self._parameters:
            return f"views[{self._parameters[value]!r}]"
        if value in self.plan.gradient:
            name = self.plan.gradient[value]
            own = self.trace.parameters[name].shape
            return f"views[{name!r}]" + ("" if own == value.shape else f".view({value.shape})")
        slot = self.plan.slot[value]
        memory = self.line("buffers", f"m{slot}", f"empty({text(self.plan.slots[slot])}, dtype=uint8, device=device)")
        return f"tensor_in({memory}, {value.dtype}, {text(value.shape)})"

    def _constant(self, value: Value) -> str:
        if value.shape == ():
            return self.number(value.data.item(), value.dtype)
        self.constants[f"{value.name}_numbers"] = value.data
        return self.line("buffers", value.name, f"from_numpy({value.name}_numbers).to(device)")
