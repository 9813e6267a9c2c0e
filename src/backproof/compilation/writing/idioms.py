"""How each operation of a program is said in NumPy, PyTorch and JAX: one rule an operation, one table a library."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import OptionError, unknown_name
from ..drafts import entry
from ..program import Statement, Value
from ..sizes import Ratio, Size, text
from .expressions import PRODUCT, Source, atom, infix, prefix

__all__ = ["IDIOMS", "Idiom", "idiom"]

_INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "greater": ">", "greater_equal": ">=", "less": "<",
    "less_equal": "<=", "equal": "==", "not_equal": "!=", "logical_and": "&", "logical_or": "|", "matmul": "@",
}  # fmt: skip
_LONGEST_CONSTANT = 64


@dataclass(frozen=True)
class Idiom:
    """What sets a library's way of saying things apart.

    Attributes:
        library: ``"numpy"``, ``"torch"`` or ``"jax"``.
        module: the name that its functions are called by.
        axis, axes, keepdims: the names of those arguments.
        names: functions that have another name there.
        cast: the method that changes the dtype.
        device: the argument that places a new array, if there are devices.
        rules: operations said in a way of their own.
    """

    library: str
    module: str
    axis: str = "axis"
    keepdims: str = "keepdims"
    names: Mapping[str, str] = field(default_factory=dict)
    cast: str = "astype"
    device: str = ""
    rules: Mapping[str, "Rule"] = field(default_factory=dict)

    def said(self, statement: Statement, operands: tuple[Source, ...]) -> Source:
        """Return a statement's right side, given those of its operands.

        Raises:
            OptionError: there is no way of saying it; the message names the operation and its layer.
        """
        operation = statement.operation
        rule = self.rules.get(operation) or _RULES.get(operation)
        if rule is not None:
            return rule(self, statement, operands)
        if operation in _INFIX:
            return infix(operands[0], _INFIX[operation], operands[1])
        return self.call(operation, *operands)

    def call(self, function: str, *operands: Source, tail: str = "") -> Source:
        """Return a call of one of the library's functions."""
        name = self.names.get(function, f"{self.module}.{function}")
        return Source(f"{name}({', '.join(operand.text for operand in operands)}{tail})")

    def dtype(self, dtype: Any) -> str:
        """Return a dtype's name, as in ``np.float32``."""
        name = np.dtype(dtype).name
        return f"{self.module}.{'bool_' if name == 'bool' and self.module != 'torch' else name}"

    def made(self, function: str, arguments: str, dtype: Any) -> Source:
        """Return a call that makes an array from nothing."""
        return Source(f"{self.module}.{function}({arguments}, dtype={self.dtype(dtype)}{self.device})")

    def constant(self, value: Value) -> Source:
        """Return a constant's numbers.

        Raises:
            OptionError: there are too many of them to be written out.
        """
        data = np.asarray(value.data)
        plain = self._plain(data.squeeze())
        if plain is None:
            raise OptionError(
                f"write: a constant of shape {data.shape} would be written out, expected at most {_LONGEST_CONSTANT} "
                f"numbers."
            )
        key = _inserted(data.squeeze().shape, data.shape)
        return plain if key is None else Source(f"{plain.text}[{key}]")

    def _plain(self, data: Any) -> Source | None:
        """Return a constant without axes of length one; None if it is neither regular nor short."""
        if data.ndim == 1 and data.size > 2 and np.array_equal(data, np.arange(data.size)):
            return self.made("arange", str(data.size), data.dtype)
        if data.ndim == 2 and data.shape[0] == data.shape[1] and np.array_equal(data, np.eye(len(data))):
            return self.made("eye", str(len(data)), data.dtype)
        if data.size and (data == data.flat[0]).all():
            return self.made("full", f"{data.shape}, {data.flat[0].item()!r}", data.dtype)
        if data.size > _LONGEST_CONSTANT:
            return None
        return self.made("tensor" if self.module == "torch" else "array", repr(data.tolist()), data.dtype)


Rule = Callable[[Idiom, Statement, tuple[Source, ...]], Source]


def number(operand: Any) -> Source:
    """Return a number, a size or a ratio as source."""
    if isinstance(operand, Ratio):
        return Source(text(operand), PRODUCT)
    if isinstance(operand, Size):
        return Source(text(operand), PRODUCT if " " in text(operand) else 9)
    if isinstance(operand, float) and not math.isfinite(operand):
        return Source(f'float("{operand}")')
    return Source(repr(operand), 9 if not isinstance(operand, int | float) or operand >= 0 else 7)


# -- elementwise ---------------------------------------------------------------------------------------------


def _scaled(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    """A product with 1 / n is a quotient by n."""
    for at, operand in enumerate(s.operands):
        if isinstance(operand, Ratio) and operand.numerator == 1:
            return infix(operands[1 - at], "/", number(operand.size))
    return infix(operands[0], "*", operands[1])


def _negative(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return prefix("-", operands[0])


def _inverted(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return prefix("~", operands[0])


def _absolute(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return Source(f"abs({operands[0].text})")


def _cast(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return Source(f"{atom(operands[0])}.{self.cast}({self.dtype(s.dtype)})")


def _same(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return operands[0]


def _bounded(method: str) -> Rule:
    """PyTorch's maximum takes arrays alone; with a number it is a clamp."""

    def rule(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
        for at, operand in enumerate(s.operands):
            if not isinstance(operand, Value):
                return Source(f"{atom(operands[1 - at])}.clamp({method}={operands[at].text})")
        return self.call("maximum" if method == "min" else "minimum", *operands)

    return rule


# -- along axes ----------------------------------------------------------------------------------------------


def _reduced(name: str) -> Rule:
    def rule(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
        method = self.names.get(f".{name}", name)
        axes, keep = s.attributes.get("axis", ()), s.attributes.get("keepdims", False)
        source = s.operands[0]
        if len(axes) == source.ndim and not keep:
            return Source(f"{atom(operands[0])}.{method}()")
        axis = axes[0] if len(axes) == 1 else axes
        kept = f", {self.keepdims}=True" if keep else ""
        return Source(f"{atom(operands[0])}.{method}({self.axis}={axis}{kept})")

    return rule


def _whole(name: str) -> Rule:
    return lambda self, s, operands: Source(f"{atom(operands[0])}.{name}()")


def _joined(function: str) -> Rule:
    def rule(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
        listed = ", ".join(operand.text for operand in operands)
        name = self.names.get(function, f"{self.module}.{function}")
        return Source(f"{name}([{listed}], {self.axis}={s.attributes['axis']})")

    return rule


# -- views ---------------------------------------------------------------------------------------------------


def _reshape(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    if len(s.shape) == 2 and 1 in s.shape and text(s.operands[0].shape) == text(s.shape[::-1]):
        return Source(f"{atom(operands[0])}.T")
    key = _inserted(s.operands[0].shape, s.shape)
    if key is not None:
        return Source(f"{atom(operands[0])}[{key}]")
    dropped = _inserted(s.shape, s.operands[0].shape)
    if dropped is not None:
        return Source(f"{atom(operands[0])}[{dropped.replace('None', '0')}]")
    shape = ", ".join(text(length) for length in s.shape)
    return Source(f"{atom(operands[0])}.reshape({shape if s.shape else '()'})")


def _inserted(shape: tuple[Any, ...], wanted: tuple[Any, ...]) -> str | None:
    """Return the key that inserts axes of length one to bring one shape to another; None if that is not it."""
    entries, rest = [], list(shape)
    for length in wanted:
        if rest and text(rest[0]) == text(length):
            entries.append(":")
            rest.pop(0)
        elif isinstance(length, int) and length == 1:
            entries.append("None")
        else:
            return None
    if rest or "None" not in entries:
        return None
    return ", ".join(_trimmed(entries))


def _trimmed(entries: list[str]) -> list[str]:
    while len(entries) > 1 and entries[-1] == ":":
        entries = entries[:-1]
    return entries


def _index(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    entries = _trimmed([entry(key) for key in s.attributes["key"]])
    return Source(f"{atom(operands[0])}[{', '.join(entries)}]")


def _permute(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    axes, plain = s.attributes["axes"], tuple(range(len(s.attributes["axes"])))
    if axes == (*plain[:-2], plain[-1], plain[-2]):
        return Source(f"{atom(operands[0])}.{'T' if len(axes) == 2 else 'mT'}")
    method = "permute" if self.module == "torch" else "transpose"
    return Source(f"{atom(operands[0])}.{method}({', '.join(map(str, axes))})")


def _broadcast(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return self.call("broadcast_to", *operands, tail=f", {text(s.shape)}")


def _full(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    value = s.attributes["value"]
    name = {0: "zeros", 1: "ones"}.get(value if not isinstance(value, bool) else -1)
    return self.made(name or "full", text(s.shape) if name else f"{text(s.shape)}, {value!r}", s.dtype)


# -- entries of rows -----------------------------------------------------------------------------------------


def _take(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    entries = [*[":"] * s.attributes["axis"], operands[1].text]
    return Source(f"{atom(operands[0])}[{', '.join(entries)}]")


def _take_along(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return self.call("take_along_axis", *operands, tail=f", {self.axis}={s.attributes['axis']}")


def _pick(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    column = Source(f"{atom(operands[1])}[:, None]")
    return self.call("take_along_axis", operands[0], column, tail=f", {self.axis}=1")


def _hot(self: Idiom, classes: int, dtype: Any, index: Source) -> Source:
    return Source(f"{self.made('eye', str(classes), dtype).text}[{index.text}]")


def _one_hot(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return _hot(self, s.attributes["classes"], s.dtype, operands[0])


def _minus_one_hot(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    return infix(operands[0], "-", _hot(self, s.shape[-1], s.dtype, operands[1]))


def _scatter_add(self: Idiom, s: Statement, operands: tuple[Source, ...]) -> Source:
    """The transpose of taking entries, as a product with rows of zeros that have a one."""
    return infix(operands[0], "@", _hot(self, s.attributes["size"], s.dtype, operands[1]))


_RULES: dict[str, Rule] = {
    "multiply": _scaled, "negative": _negative, "logical_not": _inverted, "abs": _absolute, "astype": _cast,
    "copy": _same, "sum": _reduced("sum"), "max": _reduced("max"), "min": _reduced("min"),
    "any": _whole("any"), "all": _whole("all"), "concat": _joined("concatenate"), "stack": _joined("stack"),
    "reshape": _reshape, "index": _index, "permute": _permute, "broadcast": _broadcast, "full": _full, "take": _take,
    "take_along_axis": _take_along, "pick": _pick, "one_hot": _one_hot, "subtract_one_hot": _minus_one_hot,
    "scatter_add": _scatter_add,
}  # fmt: skip

IDIOMS: Mapping[str, Idiom] = {
    "numpy": Idiom("numpy", "np", names={"erfc": "erfc"}),
    "torch": Idiom(
        "torch", "torch", axis="dim", keepdims="keepdim", cast="to", device=", device=x0.device",
        names={".max": "amax", ".min": "amin", "concatenate": "torch.cat", "take_along_axis": "torch.take_along_dim",
               "power": "torch.pow"},
        rules={"maximum": _bounded("min"), "minimum": _bounded("max")},
    ),
    "jax": Idiom("jax", "jnp", names={"erfc": "jax.scipy.special.erfc"}),
}  # fmt: skip
"""The libraries a program can be written for."""


def idiom(library: Any) -> Idiom:
    """Return a library's idiom.

    Raises:
        OptionError: no idiom of that name; the message has those there are.
    """
    if library not in IDIOMS:
        raise unknown_name("library", str(library), IDIOMS)
    return IDIOMS[library]
