"""Programs as data: values, statements, and the straight line they make.

A ``Trace`` is what the ordinary formulas did, one statement an operation, in terms of the batch size n. Passes turn
a trace into another; a lowering turns it into source for one array library. ``OPERATIONS`` lists what a statement
may do: a lowering has one rule for each.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .sizes import Guard, Ratio, Size, evaluate, text

__all__ = ["OPERATIONS", "VIEWS", "Lowered", "Statement", "Trace", "Value"]

UNARY = frozenset(
    {"negative", "abs", "exp", "expm1", "log", "log1p", "sqrt", "tanh", "sin", "cos", "erfc", "logical_not", "isfinite"}
)
BINARY = frozenset(
    {
        "add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "greater", "greater_equal", "less",
        "less_equal", "equal", "not_equal", "logical_and", "logical_or",
    }
)  # fmt: skip
VIEWS = frozenset({"reshape", "index", "permute", "broadcast"})
"""Operations that only look at their operand in another way."""

OPERATIONS: Mapping[str, str] = {
    **dict.fromkeys(sorted(UNARY), "elementwise, one operand"),
    **dict.fromkeys(sorted(BINARY), "elementwise, two operands, broadcast; a number takes the array's dtype"),
    "where": "operands condition, yes, no",
    "astype": "to the target's dtype",
    "copy": "the same numbers in memory of their own",
    "sum": "attributes axis (tuple), keepdims",
    "max": "attributes axis (tuple), keepdims",
    "min": "attributes axis (tuple), keepdims",
    "any": "over everything, a scalar",
    "all": "over everything, a scalar",
    "matmul": "the array API's matmul, two operands of two axes or more",
    "reshape": "row-major, to the target's shape",
    "index": "attribute key: a tuple of slices, integers and None, no Ellipsis",
    "permute": "attribute axes",
    "broadcast": "to the target's shape",
    "full": "no operand; attribute value; the target's shape and dtype",
    "concat": "attribute axis",
    "stack": "attribute axis",
    "take": "operands array, indices (n-dimensional integers); attribute axis",
    "take_along_axis": "operands array, indices; attribute axis",
    "one_hot": "operand class indices (n,); attribute classes: (n, classes) of the target's dtype",
    "pick": "operands array (n, k) and class indices (n,): entry of each row, (n, 1)",
    "subtract_one_hot": "operands array (n, k) and class indices (n,): the array less a one in each row",
    "check": "operand bad (bool array): the targets are refused if any is true; no meaning as a value",
    "check_classes": "operand class indices (n,): refused unless 0 <= index < attribute classes",
}
"""What a statement may do."""


class Value:
    """An array of the program: its shape in terms of n, its dtype, and its name from the mathematics.

    Attributes:
        name: as in ``x1``, ``delta2``, ``gW1``; unique within a finished trace.
        shape: integers and multiples of n.
        dtype: a NumPy dtype.
        kind: ``"input"``, ``"parameter"``, ``"constant"`` or ``"computed"``.
        data: the numbers of a constant (a NumPy array), else None.
    """

    __slots__ = ("data", "dtype", "kind", "name", "shape")

    def __init__(self, name: str, shape: tuple[Any, ...], dtype: Any, kind: str = "computed", data: Any = None) -> None:
        self.name, self.shape, self.dtype, self.kind, self.data = name, shape, dtype, kind, data

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def bytes(self, n: int) -> int:
        """Return how much memory the numbers take for a batch of n."""
        size = int(self.dtype.itemsize)
        for length in evaluate(self.shape, n):
            size *= length
        return size

    def __repr__(self) -> str:
        return f"{self.name}: {self.dtype}{text(self.shape)}"


@dataclass(frozen=True, slots=True)
class Statement:
    """``target = operation(operands)``, and what that is in the mathematics.

    Attributes:
        target: what is computed.
        operation: one of ``OPERATIONS``.
        operands: values and numbers.
        attributes: settings of the operation, plain data.
        equation: what it belongs to, as in ``"delta_2 = delta_3 A_3"``.
        layer: where, as in ``"layer 2, Tanh()"``; ``"loss, CrossEntropy"``.
    """

    target: Value
    operation: str
    operands: tuple[Any, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    equation: str = ""
    layer: str = ""

    @property
    def shape(self) -> tuple[Any, ...]:
        """The target's shape."""
        return self.target.shape

    @property
    def dtype(self) -> Any:
        """The target's dtype."""
        return self.target.dtype

    def values(self) -> Iterator[Value]:
        """Yield the operands that are values."""
        for operand in self.operands:
            if isinstance(operand, Value):
                yield operand

    def substituted(self, table: Mapping[Value, Any]) -> "Statement":
        """Return the statement with operands exchanged."""
        if not any(operand in table for operand in self.values()):
            return self
        operands = tuple(table.get(o, o) if isinstance(o, Value) else o for o in self.operands)
        return replace(self, operands=operands)

    def __str__(self) -> str:
        parts = [operand.name if isinstance(operand, Value) else text(operand) for operand in self.operands]
        parts += [f"{key}={_plain(value)}" for key, value in self.attributes.items()]
        return f"{self.target.name} = {self.operation}({', '.join(parts)})"


def _plain(value: Any) -> str:
    return text(value) if isinstance(value, tuple | Size | Ratio) else repr(value)


@dataclass(frozen=True)
class Trace:
    """The straight line: what the formulas did, from the inputs to loss and gradient.

    Attributes:
        inputs: ``x``, ``y`` and, with example weights, ``weights``, by name.
        parameters: by their names in theta, in order; of the shapes the network gives them.
        statements: in order.
        outputs: ``"loss"`` (shape ()), and the gradient of every parameter under its name, flat (p,).
        guards: which batch sizes n this trace is for.
        batch: the batch size if the trace is of one alone, else None.
    """

    inputs: Mapping[str, Value]
    parameters: Mapping[str, Value]
    statements: tuple[Statement, ...]
    outputs: Mapping[str, Value]
    guards: frozenset[Guard] = frozenset()
    batch: int | None = None

    def serves(self, n: int) -> bool:
        """Whether the trace may be run on a batch of n."""
        return n > 0 and (self.batch is None or n == self.batch) and all(guard.holds(n) for guard in self.guards)

    def with_statements(self, statements: list[Statement], table: Mapping[Value, Value] | None = None) -> "Trace":
        """Return the trace with other statements, its outputs exchanged by ``table``."""
        table = table or {}
        outputs = {name: table.get(value, value) for name, value in self.outputs.items()}
        return replace(self, statements=tuple(statements), outputs=outputs)


@dataclass(frozen=True)
class Lowered:
    """What a lowering makes of a trace for one library.

    Attributes:
        source: the program's text.
        run: ``run(theta, x, y, out)`` to (loss, gradient as Parameters); arguments are checked before.
        memory: the bytes of all buffers for a batch of n; None where the library plans them itself.
    """

    source: str
    run: Any
    memory: Any = None
