"""Full Jacobians: structured operators first, multiplied out in the cheapest order when asked."""

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array, is_numpy, namespace, to_numpy
from ..chain import Plan, plan
from ..errors import OptionError, ShapeError
from ..layers import Steps
from ..network import Network
from ..operators import ANY, PRODUCTS, Operator, Rule, multiply, product_of
from ..parameters import Parameters
from .memory import budget, itemsize, read_rows, require_dense, require_examples, require_fit
from .parameter_jacobian import ParameterJacobian, parameter_jacobian
from .points import KinkWatch, linearized, require_uncoupled

__all__ = ["Jacobian", "dense_jacobian", "jacobian"]


@dataclass(frozen=True, eq=False, repr=False)
class Jacobian(Operator):
    r"""d x_j / d x_i = A_j ... A_{i+1}: a product of operators, and the plan that multiplies it out.

    Shapes:
        shape: (m, n)
        dense(): (batch, m, n)
        dense(shaped=True): (batch, \*out_shape, \*in_shape)

    Attributes:
        factors: A_j, ..., A_{i+1}.
        out_shape: of one example of x_j.
        in_shape: of one example of x_i.
        examples: number of examples.
    """

    factors: tuple[Operator, ...]
    out_shape: tuple[int, ...]
    in_shape: tuple[int, ...]
    examples: int
    example: Array = field(repr=False)
    structure: ClassVar[str] = "product"

    @functools.cached_property
    def plan(self) -> Plan:
        """The cheapest order of multiplication."""
        return self.planned()

    def planned(self, memory: int | None = None) -> Plan:
        """Return the cheapest order in which no result on the way takes more than ``memory`` bytes."""
        return plan(self.factors, batch=self.examples, itemsize=itemsize(self.example), memory=memory)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of one example's matrix."""
        return (math.prod(self.out_shape), math.prod(self.in_shape))

    @property
    def batch(self) -> int | None:
        """Number of examples, or None if all have the same Jacobian."""
        return self._product.batch

    @property
    def like(self) -> Array:
        """An array of the library and dtype."""
        return self.example

    @property
    def pull_cost(self) -> int:
        """Multiplications of one row times the product, factor by factor."""
        return self._product.pull_cost

    @functools.cached_property
    def _product(self) -> Operator:
        return product_of(list(self.factors))

    def _pull(self, u: Array) -> Array:
        return self._product._pull(u)

    def transpose(self) -> Operator:
        """Return the transposed product."""
        return self._product.transpose()

    def evaluate(self, memory: int | None = None) -> Operator:
        """Multiply the factors in the planned order; the result keeps whatever structure is left."""
        return _execute(self.planned(memory) if memory else self.plan, self.factors)

    def factored(self) -> tuple[Operator, Operator]:
        """Return (left, right) with J = left right, cut at the narrowest place and multiplied out on each side.

        For a network with a bottleneck of r units these are m x r and r x n, which is all there is to know of J.
        """
        inner = [left.shape[1] for left in self.factors[:-1]]
        if not inner:
            raise OptionError("Jacobian.factored: there is a single factor, expected two or more to cut between.")
        cut = inner.index(min(inner)) + 1
        sides = (self.factors[:cut], self.factors[cut:])
        left, right = (
            _execute(plan(side, batch=self.examples, itemsize=itemsize(self.example)), side) for side in sides
        )
        return left, right

    def dense(self, like: Array | None = None, *, memory: int | None = None, shaped: bool = False) -> Array:
        """Return the matrices of all examples, (batch, m, n), multiplied out in the planned order.

        Args:
            like: ignored; the factors hold arrays.
            memory: bytes that no single result may exceed, the final one included; without it, only the final one is
                held against half of the machine's memory.
            shaped: return (batch, \\*out_shape, \\*in_shape).

        Raises:
            OptionError: the result does not fit; the message says what does.
        """
        m, n = self.shape
        require_dense(self, self.examples, "factored() keeps it as two thin factors", memory)
        matrix = self.evaluate(memory).dense(self.example)
        xp = namespace(matrix)
        if matrix.shape != (self.examples, m, n):
            matrix = xp.broadcast_to(matrix, (self.examples, m, n))
        return xp.reshape(matrix, (self.examples, *self.out_shape, *self.in_shape)) if shaped else matrix

    def _shown(self) -> Operator:
        return self._product


def _execute(order: Plan, factors: Sequence[Operator]) -> Operator:
    """Run a plan: one multiplication a step, by the table where a structure is kept, else row by row."""
    slots = list(factors)
    for step in order.steps:
        left, right = slots[step.left], slots[step.right]
        if step.structure == "dense":
            slots.append(_dense_rule(left, right).apply(left, right))
        else:
            slots.append(multiply(left, right))
    return slots[-1]


def _dense_rule(left: Operator, right: Operator) -> Rule:
    """Return the rule for a dense product: by rows, or by columns where the right factor is dense already.

    Two dense factors cost the same either way; the one that is shared is to stand still, so that all examples' rows
    or columns pass it in one large product.
    """
    by_rows, by_columns = PRODUCTS[ANY, ANY], PRODUCTS[ANY, "dense"]
    if right.structure != "dense":
        return by_rows
    return by_rows if left.structure == "dense" and (left.batch is not None or right.batch is None) else by_columns


def jacobian(net: Network, theta: Parameters, x: Array, wrt: Any = "input") -> Jacobian | ParameterJacobian:
    r"""Return a Jacobian of the network as a structured operator, one matrix per example.

    Math:
        wrt="input":       d x_L / d x_0 = A_L ... A_1
        wrt=i:             d x_L / d x_i = A_L ... A_{i+1}
        wrt=(i, j):        d x_j / d x_i = A_j ... A_{i+1}
        wrt="parameters":  [G_1 B_1 ... G_L B_L],   G_l = A_L ... A_{l+1}, the blocks kept as Kronecker products
        wrt="0.weight":    the block of one parameter
        wrt="0":           the blocks of one layer

    Shapes:
        x: (batch, \*input_shape)

    Returns:
        ``Jacobian`` between states x_i, x_j; ``ParameterJacobian`` for parameters.

    Raises:
        OptionError: no such layer or parameter.
        CoupledBatchError: a layer couples the examples; the message names it.

    Warns:
        KinkWarning: an entry lies exactly on a kink of a layer.

    Source: docs/mathematics.md, "Quantities".
    """
    return _jacobian(net, linearized("jacobian", net, theta, x), x, wrt)


def _jacobian(net: Network, steps: Steps, x: Array, wrt: Any) -> Jacobian | ParameterJacobian:
    if isinstance(wrt, str) and wrt != "input":
        return parameter_jacobian(net, steps, x, wrt)
    first, last = _states(wrt, len(net))
    states = [x, *(step.output for step in steps)]
    return Jacobian(
        factors=tuple(steps[index].A for index in reversed(range(first, last))),
        out_shape=tuple(states[last].shape[1:]),
        in_shape=tuple(states[first].shape[1:]),
        examples=x.shape[0],
        example=x,
    )


def _states(wrt: Any, count: int) -> tuple[int, int]:
    """Return (i, j) for d x_j / d x_i."""
    given = (0, count) if isinstance(wrt, str) else wrt if isinstance(wrt, tuple | list) else (wrt, count)
    pair = [_whole(index) for index in given]
    if not (len(pair) == 2 and 0 <= pair[0] < pair[1] <= count):
        raise OptionError(
            f"jacobian: wrt={wrt!r}, expected 'input', 'parameters', a parameter's name, a layer i or a pair "
            f"(i, j) with 0 <= i < j <= {count}."
        )
    return pair[0], pair[1]


def _whole(index: Any) -> int:
    """Return the index of a state, or -1 for what is none."""
    try:
        return -1 if isinstance(index, bool | np.bool_) else operator.index(index)
    except TypeError:
        return -1


def dense_jacobian(
    net: Network, theta: Parameters, x: Array, wrt: Any = "input", *, memory: int | None = None, out: Any = None
) -> Array:
    r"""Return the dense Jacobians of many examples, as many at a time as fit.

    Shapes:
        x: (batch, \*input_shape); a memory map is read chunk by chunk
        result: (batch, m, n)

    Args:
        net: the network.
        theta: its parameters.
        x: examples.
        wrt: as in ``jacobian``.
        memory: bytes that a chunk's results on the way may take; 1/16 of the machine's memory if not given.
        out: an array to write into, such as a memory map, for results larger than memory.

    Raises:
        OptionError: not even one example fits, or the result does not fit and there is no ``out``.
        DtypeError: ``x`` is no array.
        ShapeError: ``out`` has another shape.
        CoupledBatchError: a layer couples the examples; the message names it.

    Warns:
        KinkWarning: an entry lies exactly on a kink of a layer; once, with the count over all chunks.
    """
    require_examples("dense_jacobian", "x", x)
    require_uncoupled(net, "dense_jacobian")
    memory = budget() // 8 if memory is None else memory
    first, watch = read_rows(x, 0, 1, theta), KinkWatch("dense_jacobian")
    one = _jacobian(net, net.linearize(theta, first), first, wrt)
    shape = (x.shape[0], *one.shape)
    largest = one.plan.largest if isinstance(one, Jacobian) else 0
    each = max(math.prod(one.shape) * itemsize(theta.vector), largest)
    require_fit("dense_jacobian", "one example", each, "jacobian(...) keeps it factored", memory)
    if out is None:
        size = math.prod(shape) * itemsize(theta.vector)
        require_fit("dense_jacobian", f"the result {shape}", size, "give out=, a memory map to write into")
    elif tuple(out.shape) != shape:
        raise ShapeError(f"dense_jacobian: out has shape {tuple(out.shape)}, expected {shape}.")
    count = max(1, memory // max(1, each))

    def piece(start: int) -> Array:
        chunk = read_rows(x, start, count, theta)
        steps = net.linearize(theta, chunk)
        watch.see(net, steps, chunk)
        return _jacobian(net, steps, chunk, wrt).dense()

    starts = range(0, x.shape[0], count)
    if out is None and not is_numpy(theta.vector):
        out = namespace(theta.vector).concat([piece(start) for start in starts])
    else:
        out = np.empty(shape, theta.vector.dtype) if out is None else out
        for start in starts:
            out[start : start + count] = to_numpy(piece(start)) if is_numpy(out) else piece(start)
    watch.warn()
    return out
