"""The table of products: every pair of structures, its numbers, its structure and its cost."""

from collections.abc import Callable, Iterator
from operator import matmul
from typing import Any

import numpy as np
import pytest

from backproof import operators as ops
from backproof.operators import OPERATORS, Operator, product_cost
from cases import OPERATOR_CASES, Maker
from numbers_that_count import counted, counting
from oracles import agree, check_product

STRUCTURES = sorted(OPERATORS)
SIZES = ((4, 4, 4), (2, 4, 6), (6, 2, 4), (4, 6, 2))
MODES = (("shared", "shared"), ("each", "each"), ("shared", "each"), ("each", "shared"), ("mixed", "mixed"))

every_pair = pytest.mark.parametrize("left", STRUCTURES)


def pairs(
    left: str, modes: Any, convert: Callable[[Any], Any] = lambda a: a, batch: int = 3
) -> Iterator[tuple[Operator, Operator]]:
    """Yield products of the cases of one structure with all others, in every size and mode."""
    for first_name, first in OPERATOR_CASES:
        for _, second in OPERATOR_CASES if first_name == left else ():
            for m, k, n in SIZES:
                for i, (a, b) in enumerate(modes):
                    one, two = first(Maker(a, batch, i, convert), m, k), second(Maker(b, batch, 9 + i, convert), k, n)
                    if one is not None and two is not None:
                        yield one, two


@every_pair
def test_products_have_the_entries_of_the_dense_product_and_the_structure_of_the_table(left: str) -> None:
    for one, two in pairs(left, MODES):
        check_product(one, two, np.ones(1))


@every_pair
def test_products_keep_float32(left: str) -> None:
    for one, two in pairs(left, MODES[1:3], lambda a: a.astype(np.float32)):
        check_product(one, two, np.ones(1, np.float32), rtol=1e-5)


@every_pair
def test_product_cost_is_the_multiplications_that_happen(left: str) -> None:
    for one, two in pairs(left, (MODES[0], MODES[1], MODES[4]), counted, batch=1):
        assert counting(matmul, one, two) == product_cost(one, two), f"{one!r} @ {two!r}"


@every_pair
def test_product_cost_bounds_the_multiplications_of_a_batch(left: str) -> None:
    for one, two in pairs(left, MODES[2:4], counted):
        assert counting(matmul, one, two) <= 3 * product_cost(one, two), f"{one!r} @ {two!r}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_factors_without_arrays_have_no_dtype_to_give(dtype: str) -> None:
    swap = ops.Selection(np.array([1, 0]), 2)
    for one, two in (
        (ops.DirectSum(swap, 2), ops.Selection(np.array([0, 2, 1, 3]), 4)),
        (ops.BlockDiagonal((swap, swap)), ops.DirectSum(swap, 2)),
    ):
        product = one @ two
        assert isinstance(product, ops.Product)
        u = np.arange(8, dtype=dtype).reshape(2, 4)
        assert product.pull(u).dtype == dtype
        agree(product.pull(u), u @ one.dense(u) @ two.dense(u), 1e-12, "rows")


def test_shared_factors_are_multiplied_once() -> None:
    a, b = ops.Dense(counted(np.ones((4, 5)))), ops.Dense(counted(np.ones((5, 6))))
    assert counting(matmul, a, b) == product_cost(a, b) == 120
    assert (a @ b).batch is None


def test_weight_jacobian_stays_factored() -> None:
    G, x = ops.Dense(np.ones((3, 2, 4))), ops.Dense(np.ones((3, 1, 5)))
    product = G @ ops.Kronecker(ops.Identity(4), x)
    assert isinstance(product, ops.Kronecker)
    assert product.left is G
    assert product.right is x


@pytest.mark.parametrize("structure", ["diagonal", "scaled identity", "low-rank update"])
def test_structure_is_cheaper_than_the_dense_product(structure: str) -> None:
    maker, n = Maker("each"), 32
    square = next(build for name, build in OPERATOR_CASES if name == structure)(maker, n, n)
    dense = ops.Dense(maker.array(n, n))
    assert square is not None
    assert product_cost(square, dense) < product_cost(dense, dense) == n**3
    assert product_cost(square, square) < product_cost(square, dense)
