"""Sums of operators, and products left unevaluated."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

from ..arrays import Array
from ..errors import ShapeError
from .base import Operator, first_like
from .table import common_batch


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sum(Operator):
    """``A + B + ...``, kept as its terms."""

    terms: tuple[Operator, ...]
    structure: ClassVar[str] = "sum"

    @property
    def shape(self) -> tuple[int, int]:
        shapes = [term.shape for term in self.terms]
        if len(set(shapes)) != 1:
            raise ShapeError(f"Sum: the terms have shapes {shapes}, expected one shape for all.")
        return shapes[0]

    @property
    def batch(self) -> int | None:
        return common_batch(self.terms, "Sum")

    @property
    def like(self) -> Array | None:
        return first_like(self.terms)

    @property
    def pull_cost(self) -> int:
        return sum(term.pull_cost for term in self.terms)

    @property
    def dense_cost(self) -> int:
        return sum(term.dense_cost for term in self.terms)

    def _pull(self, u: Array) -> Array:
        pieces = [term._pull(u) for term in self.terms]
        return sum(pieces[1:], start=pieces[0])

    def _pull_sum(self, u: Array, out: Array | None) -> Array:
        pieces = [term._pull_sum(u, None) for term in self.terms]
        return sum(pieces[1:], start=pieces[0])

    def dense(self, like: Array | None = None) -> Array:
        like = like if self.like is None else self.like
        matrices = [term.dense(like) for term in self.terms]
        return sum(matrices[1:], start=matrices[0])

    def transpose(self) -> "Sum":
        return Sum(tuple(term.transpose() for term in self.terms))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Product(Operator):
    """``F_1 F_2 ... F_k``, kept as its factors; rows are pulled through from the left."""

    factors: tuple[Operator, ...]
    structure: ClassVar[str] = "product"

    @property
    def shape(self) -> tuple[int, int]:
        return (self.factors[0].shape[0], self.factors[-1].shape[1])

    @property
    def batch(self) -> int | None:
        return common_batch(self.factors, "Product")

    @property
    def like(self) -> Array | None:
        return first_like(self.factors)

    @property
    def pull_cost(self) -> int:
        return sum(factor.pull_cost for factor in self.factors)

    @property
    def dense_cost(self) -> int:
        rows, first = self.shape[0], self.factors[0]
        return first.dense_cost + rows * sum(factor.pull_cost for factor in self.factors[1:])

    def _pull(self, u: Array) -> Array:
        for factor in self.factors:
            u = factor._pull(u)
        return u

    def dense(self, like: Array | None = None) -> Array:
        matrix = self.factors[0].dense(like if self.like is None else self.like)
        rows = matrix if matrix.ndim == 3 else matrix[None, ...]
        for factor in self.factors[1:]:
            rows = factor._pull(rows)
        return rows[0, ...] if self.batch is None else rows

    def _pull_sum(self, u: Array, out: Array | None) -> Array:
        for factor in self.factors[:-1]:
            u = factor._pull(u)
        return self.factors[-1]._pull_sum(u, out)

    def transpose(self) -> "Product":
        return Product(tuple(factor.transpose() for factor in reversed(self.factors)))


def product_of(factors: list[Operator]) -> Operator:
    """Return the unevaluated product of ``factors``, flattened; a single factor is returned as it is.

    Raises:
        ShapeError: neighbouring factors do not fit.
    """
    flat = [f for factor in factors for f in (factor.factors if isinstance(factor, Product) else (factor,))]
    for left, right in itertools.pairwise(flat):
        if left.shape[1] != right.shape[0]:
            raise ShapeError(f"Product: {left!r} followed by {right!r}, expected columns = rows.")
    return flat[0] if len(flat) == 1 else Product(tuple(flat))
