"""Full Jacobians: structured operators first, multiplied out in the cheapest order when asked."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array, eye, is_numpy, namespace
from ..chain import Plan, plan
from ..errors import OptionError, unknown_name
from ..layers import Steps
from ..network import Network
from ..operators import ANY, PRODUCTS, Dense, Operator, Row, multiply, product_of
from ..operators import Sum as OperatorSum
from ..parameters import Parameters
from .blocks import parameter_blocks, require_uncoupled

__all__ = ["Jacobian", "jacobian"]


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
        return plan(self.factors, batch=self.examples, itemsize=_itemsize(self.example), memory=memory)

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
            _execute(plan(side, batch=self.examples, itemsize=_itemsize(self.example)), side) for side in sides
        )
        return left, right

    def dense(self, like: Array | None = None, *, memory: int | None = None, shaped: bool = False) -> Array:
        """Return the matrices of all examples, (batch, m, n), multiplied out in the planned order.

        Args:
            like: ignored; the factors hold arrays.
            memory: bytes that no single result may exceed, the final one included.
            shaped: return (batch, \\*out_shape, \\*in_shape).

        Raises:
            OptionError: the result does not fit; the message says what does.
        """
        m, n = self.shape
        size = self.examples * m * n * _itemsize(self.example)
        if memory is not None and size > memory:
            raise OptionError(
                f"Jacobian.dense: {self.examples} x {m} x {n} numbers take {size:,} bytes, more than {memory:,}; "
                "use factored(), or take fewer examples at a time."
            )
        matrix = self.evaluate(memory).dense(self.example)
        xp = namespace(matrix)
        matrix = xp.broadcast_to(matrix, (self.examples, m, n))
        return xp.reshape(matrix, (self.examples, *self.out_shape, *self.in_shape)) if shaped else matrix


def _itemsize(array: Array) -> int:
    return int(getattr(array.dtype, "itemsize", 8))


def _execute(order: Plan, factors: Sequence[Operator]) -> Operator:
    """Run a plan: one multiplication a step, by the table where a structure is kept, else row by row."""
    slots = list(factors)
    for step in order.steps:
        left, right = slots[step.left], slots[step.right]
        if step.structure == "dense":
            rule = PRODUCTS[ANY, "dense" if right.structure == "dense" else ANY]
            slots.append(rule.apply(left, right))
        else:
            slots.append(multiply(left, right))
    return slots[-1]


def jacobian(net: Network, theta: Parameters, x: Array, wrt: Any = "input") -> Any:
    r"""Return a Jacobian of the network as a structured operator, one matrix per example.

    Math:
        wrt="input":       d x_L / d x_0 = A_L ... A_1
        wrt=i:             d x_L / d x_i = A_L ... A_{i+1}
        wrt=(i, j):        d x_j / d x_i = A_j ... A_{i+1}
        wrt="parameters":  [G_1 B_1 ... G_L B_L],   G_l = A_L ... A_{l+1}, the blocks kept as Kronecker products
        wrt="0.weight":    the block of one parameter

    Shapes:
        x: (batch, \*input_shape)

    Returns:
        ``Jacobian`` between states x_i, x_j; ``Row`` or a block's own structure for parameters.

    Raises:
        OptionError: no such layer or parameter.
        CoupledBatchError: a layer couples the examples; the message names it.

    Source: MATH, "Quantities made of the same factors".
    """
    require_uncoupled(net, "jacobian")
    steps = net.linearize(theta, x)
    if isinstance(wrt, str) and wrt != "input":
        return _parameter_jacobian(net, steps, x, wrt)
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
    first, last = (0, count) if wrt == "input" else (wrt, count) if isinstance(wrt, int) else tuple(wrt)
    if not (0 <= first < last <= count):
        raise OptionError(
            f"jacobian: wrt={wrt!r}, expected 'input', 'parameters', a parameter's name, a layer i or a pair "
            f"(i, j) with 0 <= i < j <= {count}."
        )
    return first, last


def _parameter_jacobian(net: Network, steps: Steps, x: Array, wrt: str) -> Operator:
    if wrt != "parameters" and wrt not in net.layout.shapes:
        raise unknown_name("parameter", wrt, [*net.layout.shapes, "input", "parameters"])
    n, xp = math.prod(steps.output.shape[1:]), namespace(x)
    rows = xp.broadcast_to(eye(n, x)[None, :, :], (x.shape[0], n, n))
    blocks: dict[str, Operator] = {}
    for name, block in parameter_blocks(steps, rows).items():
        terms = [Dense(delta) @ B for B, delta in block.uses]
        blocks[name] = terms[0] if len(terms) == 1 else OperatorSum(tuple(terms))
    return blocks[wrt] if wrt != "parameters" else Row(tuple(blocks[name] for name in net.layout.shapes))


def dense_in_chunks(net: Network, theta: Parameters, x: Array, memory: int, wrt: Any = "input", out: Any = None) -> Any:
    """Return the dense Jacobians of many examples, a few at a time so that no step takes more than ``memory`` bytes.

    ``out`` may be an array (a memory map, say) to write into: (batch, m, n).

    Raises:
        OptionError: not even one example fits.
    """
    one = jacobian(net, theta, x[:1], wrt)
    per_example = max(math.prod(one.shape) * _itemsize(x), one.plan.largest if isinstance(one, Jacobian) else 0)
    count = memory // per_example
    if count < 1:
        raise OptionError(
            f"jacobian: one example takes {per_example:,} bytes, expected at most {memory:,}; "
            "keep it factored: jacobian(...).factored(), or use push and pull."
        )
    if out is None:
        if not is_numpy(x):
            pieces = [jacobian(net, theta, x[i : i + count], wrt).dense() for i in range(0, x.shape[0], count)]
            return namespace(x).concat(pieces)
        out = np.empty((x.shape[0], *one.shape), x.dtype)
    for start in range(0, x.shape[0], count):
        out[start : start + count] = jacobian(net, theta, x[start : start + count], wrt).dense()
    return out
