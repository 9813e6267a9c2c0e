"""Structured matrices: one per example of a batch, or one shared by all, never dense without need."""

from . import products as products
from .base import Operator
from .blocks import BlockDiagonal, Column, Row
from .dense import Dense
from .diagonal import Diagonal, Identity, ScaledIdentity
from .kronecker import Kronecker
from .low_rank import LowRankUpdate
from .places import DirectSum, Spread, Stack
from .selection import Selection
from .sums import Product, Sum, product_of
from .table import ANY, PRODUCTS, Rule, multiply, product_cost

OPERATORS: dict[str, type[Operator]] = {
    operator.structure: operator
    for operator in (
        BlockDiagonal, Column, Dense, Diagonal, DirectSum, Identity, Kronecker, LowRankUpdate, Product, Row,
        ScaledIdentity, Selection, Spread, Stack, Sum,
    )
}  # fmt: skip
"""Every structure by its name; a test proves that each has test cases."""

__all__ = [
    "ANY", "OPERATORS", "PRODUCTS", "BlockDiagonal", "Column", "Dense", "Diagonal", "DirectSum", "Identity",
    "Kronecker", "LowRankUpdate", "Operator", "Product", "Row", "Rule", "ScaledIdentity", "Selection", "Spread",
    "Stack", "Sum", "multiply", "product_cost", "product_of",
]  # fmt: skip
