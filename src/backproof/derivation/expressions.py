"""The expression tree: what a derivation prints is what it evaluates.

Every node is a small frozen dataclass. ``evaluate(expression, values)`` (``evaluation.py``) gives its number, vector
or matrix; renderers walk the same tree. Vectors are columns (n, 1), delta is a row (1, n), scalars have no axes.

Sums, products, compositions and blocks may be long: ``shown`` says how many operands a renderer writes out at the
head and at the tail, with dots between. Evaluation always takes all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from fractions import Fraction as Ratio
from typing import Any, ClassVar, Literal, TypeAlias

__all__ = [
    "FUNCTIONS", "Annotated", "Apply", "BlockColumn", "BlockDiagonal", "BlockRow", "Cases", "Compare", "Composition",
    "Diagonal", "Differential", "Equation", "Expression", "Fraction", "Hadamard", "Identity", "Kronecker", "Map",
    "Negative", "Number", "Numbers", "Ones", "Partial", "Plus", "Power", "SumOver", "Symbol", "Times", "Transpose",
    "Vec", "Zeros", "children", "visible", "walk",
]  # fmt: skip

Kind: TypeAlias = Literal["scalar", "vector", "row", "matrix", "function", "count"]
Shown: TypeAlias = tuple[int, int] | None
"""How many operands are written out at the head and at the tail; None writes all."""


@dataclass(frozen=True)
class Expression:
    """A node of the tree.

    Attributes:
        precedence: how tightly the node binds: 0 equation, 1 sum, 2 product, 3 prefix, 4 suffix, 5 atom. An operand
            that binds no tighter than its parent's operator stands in brackets; products inside products always do,
            since the order of multiplication is what costs.
    """

    precedence: ClassVar[int] = 5


# -- atoms ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Symbol(Expression):
    """A named quantity; its value is looked up.

    Attributes:
        name: a letter or Greek name, as in ``"x"``, ``"W"``, ``"delta"``, ``"theta"``; ``"loss"`` is the loss.
        subscript, superscript: written low and high, as in ``"3.1"`` and ``"(2)"``; empty for none.
        kind: what it stands for; vectors and matrices are set bold where that is the habit.
        accent: ``"tilde"`` for augmented quantities, ``"bar"`` for means, ``"hat"`` for rows at places, else empty.
    """

    name: str
    subscript: str = ""
    superscript: str = ""
    kind: Kind = "vector"
    accent: str = ""


@dataclass(frozen=True)
class Number(Expression):
    """A number written in the formula."""

    value: int | float | Ratio


@dataclass(frozen=True, eq=False)
class Numbers(Expression):
    """A small vector or matrix of numbers written in the formula.

    Attributes:
        array: (m, n).
        shown_rows, shown_columns: how many rows and columns are written out at each end, as ``shown`` elsewhere.
    """

    array: Any
    shown_rows: Shown = None
    shown_columns: Shown = None


@dataclass(frozen=True)
class Identity(Expression):
    """The n x n identity matrix."""

    size: int


@dataclass(frozen=True)
class Ones(Expression):
    """The column of n ones."""

    size: int


@dataclass(frozen=True)
class Zeros(Expression):
    """A matrix of zeros."""

    rows: int
    columns: int


@dataclass(frozen=True)
class Partial(Expression):
    """The Jacobian of one quantity with respect to another; its value is looked up."""

    of: Expression
    by: Expression


# -- one operand ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Negative(Expression):
    """Minus the operand."""

    operand: Expression
    precedence: ClassVar[int] = 1


@dataclass(frozen=True)
class Transpose(Expression):
    """The transposed operand."""

    operand: Expression
    precedence: ClassVar[int] = 4


@dataclass(frozen=True)
class Differential(Expression):
    """d of the operand. That of a symbol is looked up, any other is worked out by the rules of differentials."""

    operand: Expression
    precedence: ClassVar[int] = 3


@dataclass(frozen=True)
class Diagonal(Expression):
    """The diagonal matrix diag(v) of a vector."""

    operand: Expression


@dataclass(frozen=True)
class Vec(Expression):
    """A matrix as one column, its rows (``"row"``) or its columns (``"column"``) stacked."""

    operand: Expression
    order: str = "row"


@dataclass(frozen=True)
class Apply(Expression):
    """A known function of one number, applied to every entry; the names are ``FUNCTIONS``."""

    function: str
    argument: Expression


FUNCTIONS: tuple[str, ...] = (
    "exp", "expm1", "log", "sqrt", "abs", "sign", "tanh", "sin", "cos", "sigmoid", "softplus", "Phi", "phi",
)  # fmt: skip
"""Functions ``Apply`` knows; ``Phi`` and ``phi`` are the normal distribution function and density."""


@dataclass(frozen=True)
class Annotated(Expression):
    """An operand with its shape written under it."""

    operand: Expression
    shape: tuple[int, ...]

    @property
    def inner_precedence(self) -> int:
        """The precedence of what is annotated."""
        return self.operand.precedence


# -- two operands ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kronecker(Expression):
    """The Kronecker product."""

    left: Expression
    right: Expression
    precedence: ClassVar[int] = 2


@dataclass(frozen=True)
class Fraction(Expression):
    """Numerator over denominator, entry by entry; a scalar denominator divides every entry."""

    numerator: Expression
    denominator: Expression
    precedence: ClassVar[int] = 4


@dataclass(frozen=True)
class Power(Expression):
    """A power, entry by entry."""

    base: Expression
    exponent: int | Ratio
    precedence: ClassVar[int] = 4


@dataclass(frozen=True)
class Compare(Expression):
    """A condition, entry by entry: left ``<``, ``<=``, ``>``, ``>=``, ``=`` or ``!=`` right."""

    left: Expression
    relation: str
    right: Expression
    precedence: ClassVar[int] = 0


# -- any number of operands -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plus(Expression):
    """A sum; a ``Negative`` term is written with a minus."""

    terms: tuple[Expression, ...]
    shown: Shown = None
    precedence: ClassVar[int] = 1


@dataclass(frozen=True)
class Times(Expression):
    """A product of matrices, vectors and scalars, juxtaposed.

    A scalar may stand anywhere; numbers beside numbers are written with a dot between.
    """

    factors: tuple[Expression, ...]
    shown: Shown = None
    precedence: ClassVar[int] = 2


@dataclass(frozen=True)
class Hadamard(Expression):
    """The product entry by entry."""

    factors: tuple[Expression, ...]
    precedence: ClassVar[int] = 2


@dataclass(frozen=True)
class BlockRow(Expression):
    """Blocks side by side."""

    blocks: tuple[Expression, ...]
    shown: Shown = None


@dataclass(frozen=True)
class BlockColumn(Expression):
    """Blocks on top of one another."""

    blocks: tuple[Expression, ...]
    shown: Shown = None


@dataclass(frozen=True)
class BlockDiagonal(Expression):
    """Blocks along the diagonal, zero elsewhere."""

    blocks: tuple[Expression, ...]
    shown: Shown = None


@dataclass(frozen=True)
class Composition(Expression):
    """f o g o ...: functions, the last one applied first."""

    functions: tuple[Expression, ...]
    shown: Shown = None
    precedence: ClassVar[int] = 2


@dataclass(frozen=True)
class Map(Expression):
    """A named function, or a composition of some, of its arguments; the functions are looked up."""

    function: Expression
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Cases(Expression):
    """One expression or another, entry by entry.

    Attributes:
        branches: (condition, expression) pairs; the first condition that holds decides.
        otherwise: where none holds.
    """

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression


@dataclass(frozen=True)
class SumOver(Expression):
    """A sum written with an index.

    Attributes:
        index: the running letter.
        first, last: where it starts and ends.
        body: the general term, as it is written.
        terms: the terms themselves, which are what is evaluated.
    """

    index: str
    first: int
    last: int
    body: Expression
    terms: tuple[Expression, ...] = field(repr=False)
    precedence: ClassVar[int] = 1


@dataclass(frozen=True)
class Equation(Expression):
    """Two or more sides that are equal.

    Attributes:
        sides: left to right.
        relation: ``"="``, or ``":="`` where the left side is being named.
    """

    sides: tuple[Expression, ...]
    relation: str = "="
    precedence: ClassVar[int] = 0


# -- walking --------------------------------------------------------------------------------------------------


def children(expression: Expression) -> Iterator[Expression]:
    """Yield the operands of a node in order; of an indexed sum its general term and its terms."""
    for entry in fields(expression):
        yield from _expressions(getattr(expression, entry.name))


def _expressions(value: Any) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions(item)


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield a node and everything below it."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def visible(operands: tuple[Any, ...], shown: Shown) -> list[Any]:
    """Return the operands to be written, with one None where dots stand for the rest.

    Dots never stand for a single operand.
    """
    if shown is None or len(operands) <= sum(shown) + 1:
        return list(operands)
    head, tail = shown
    return [*operands[:head], None, *operands[len(operands) - tail :]]
