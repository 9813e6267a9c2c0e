"""What a writer of source keeps, whatever the library: lines by the function they stand in, each name made once."""

from typing import Any

from .planning import Plan
from .program import Trace, Value

__all__ = ["Draft", "entry"]


class Draft:
    """The source under way.

    Attributes:
        trace, plan: what is written.
        sections: lines by the function they stand in and the name they make.
        constants: arrays and numbers that the source refers to, by name.
        extra: bytes of what is kept besides the slots.
    """

    def __init__(self, trace: Trace, plan: Plan) -> None:
        self.trace, self.plan = trace, plan
        self.sections: dict[str, dict[str, str]] = {"buffers": {}, "theta": {}, "gradient": {}, "inputs": {}}
        self.constants: dict[str, Any] = {}
        self.extra: list[Any] = []
        self._made = {s.target: s for s in trace.statements if s.target in plan.roots}
        self._parameters = {value: name for name, value in trace.parameters.items()}
        self._inputs = set(trace.inputs.values())

    def line(self, section: str, name: str, expression: str) -> str:
        """Write down once how a name is made, and return it."""
        self.sections[section].setdefault(name, f"{name} = {expression}")
        return name

    def room(self, name: str, expression: str, size: Any) -> str:
        """Keep an array beside the slots, of so many bytes."""
        if name not in self.sections["buffers"]:
            self.extra.append(size)
        return self.line("buffers", name, expression)

    def is_own(self, value: Any) -> bool:
        """Whether a value has memory of its own, without gaps, that the program keeps."""
        return isinstance(value, Value) and (value in self.plan.slot or value in self.plan.gradient)


def entry(key: Any) -> str:
    """Return one entry of an index as it is said."""
    if not isinstance(key, slice):
        return repr(key)
    # Going backwards, a start at 0 is not what one left out is.
    start = "" if key.start is None or (key.start == 0 and (key.step or 1) > 0) else str(key.start)
    stop = "" if key.stop is None else str(key.stop)
    return f"{start}:{stop}" + (f":{key.step}" if key.step not in (None, 1) else "")
