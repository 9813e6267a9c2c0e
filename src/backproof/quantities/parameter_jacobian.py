"""The Jacobian in the parameters: a row of blocks, each kept in its structure."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ..arrays import Array, eye, namespace
from ..errors import unknown_name
from ..layers import Steps
from ..network import Network
from ..operators import Dense, Operator, Row
from ..operators import Sum as OperatorSum
from .blocks import Block, parameter_blocks
from .memory import require_dense
from .points import require_parameters

__all__ = ["ParameterJacobian"]


@dataclass(frozen=True, eq=False, repr=False)
class ParameterJacobian(Operator):
    r"""[G_1 B_1 ... G_L B_L]: the Jacobian of the outputs in the parameters, block by block, each in its structure.

    For an affine layer the block of the weight is G_l (x) x^T: two factors of m n_l and n numbers for every example,
    never multiplied out unless ``dense`` is asked for.

    Shapes:
        shape: (m, P), or the size of the chosen parameters
        J[name]: an operator (m, p)
        dense(): (batch, m, P)

    Attributes:
        blocks: operators by the parameters' names, in the order of theta.
        examples: number of examples.
    """

    blocks: Mapping[str, Operator]
    examples: int
    example: Array = field(repr=False)
    structure: ClassVar[str] = "product"

    @functools.cached_property
    def _row(self) -> Row:
        return Row(tuple(self.blocks.values()))

    def __getitem__(self, name: str) -> Operator:
        if name not in self.blocks:
            raise unknown_name("parameter", name, self.blocks)
        return self.blocks[name]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of one example's matrix."""
        return self._row.shape

    @property
    def batch(self) -> int | None:
        """Number of examples, or None if all have the same Jacobian."""
        return self._row.batch

    @property
    def like(self) -> Array:
        """An array of the library and dtype."""
        return self.example

    @property
    def pull_cost(self) -> int:
        """Multiplications of one row times every block."""
        return self._row.pull_cost

    def _pull(self, u: Array) -> Array:
        return self._row._pull(u)

    def _shown(self) -> Operator:
        return self._row

    def transpose(self) -> Operator:
        """Return the transposed blocks, on top of one another."""
        return self._row.transpose()

    def dense(self, like: Array | None = None, *, memory: int | None = None) -> Array:
        """Return the matrices of all examples, (batch, m, P).

        Raises:
            OptionError: they do not fit into ``memory`` bytes (half of the machine's memory if not given).
        """
        require_dense(self, self.examples, "the blocks J[name] stay factored", memory)
        matrix = self._row.dense(self.example)
        return namespace(matrix).broadcast_to(matrix, (self.examples, *self.shape))


def parameter_jacobian(net: Network, steps: Steps, x: Array, wrt: str) -> ParameterJacobian:
    """Return the Jacobian in all parameters, those of one layer, or one; see ``jacobian``."""
    if wrt == "parameters":
        require_parameters("jacobian", net)
    chosen = list(net.layout.shapes) if wrt == "parameters" else net.layout.chosen(wrt)
    n, xp = math.prod(steps.output.shape[1:]), namespace(x)
    rows = xp.broadcast_to(eye(n, x)[None, :, :], (x.shape[0], n, n))
    blocks = parameter_blocks(steps, rows)
    return ParameterJacobian({name: _operator(blocks[name]) for name in chosen}, x.shape[0], x)


def _operator(block: Block) -> Operator:
    terms = [Dense(rows) @ B for B, rows in block.uses]
    return terms[0] if len(terms) == 1 else OperatorSum(tuple(terms))
