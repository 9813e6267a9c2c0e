"""Every structure does what its dense matrix does, at the cost it claims."""

import operator as arithmetic
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof import operators as ops
from backproof.errors import DtypeError
from backproof.operators import OPERATORS, Operator
from cases import OPERATOR_CASES, Build, Maker
from numbers_that_count import Counted, counted, counting
from oracles import agree, check_operator

MODES = ("shared", "each", "mixed")
SHAPES = ((4, 4), (2, 6), (6, 2), (6, 4))

every_case = pytest.mark.parametrize(
    "build", [build for _, build in OPERATOR_CASES], ids=[f"{i}-{name}" for i, (name, _) in enumerate(OPERATOR_CASES)]
)


def built(build: Build, convert: Callable[[Any], Any] = lambda a: a, batch: int = 3) -> list[Operator]:
    """Return the case in every mode and shape it has."""
    makers = ((Maker(mode, batch, seed, convert), shape) for seed, mode in enumerate(MODES) for shape in SHAPES)
    operators = [build(maker, *shape) for maker, shape in makers]
    return [operator for operator in operators if operator is not None]


def test_every_structure_of_the_registry_has_a_case() -> None:
    assert {name for name, _ in OPERATOR_CASES} == set(OPERATORS)
    for name, build in OPERATOR_CASES:
        assert {operator.structure for operator in built(build)} == {name}


@every_case
@pytest.mark.parametrize("dtype", ["float64", "float32", "longdouble"])
def test_everything_agrees_with_the_dense_matrix(build: Build, dtype: str) -> None:
    def convert(array: Any) -> Any:
        return np.asarray(array, dtype)

    for operator in built(build, convert):
        check_operator(operator, convert, rtol=1e-5 if dtype == "float32" else 1e-12)


@every_case
@given(half=st.tuples(st.integers(1, 4), st.integers(1, 4)), mode=st.sampled_from(MODES), batch=st.integers(1, 3))
def test_random_shapes_agree_with_the_dense_matrix(build: Build, half: Any, mode: str, batch: int) -> None:
    operator = build(Maker(mode, batch, half[0]), 2 * half[0], 2 * half[1])
    if operator is not None:
        assert operator.shape == (2 * half[0], 2 * half[1])
        check_operator(operator, np.asarray, batch)


@every_case
def test_costs_are_the_multiplications_that_happen(build: Build) -> None:
    for operator in built(build, counted, batch=1):
        (m, n), who = operator.shape, f"{operator!r}"
        row, column = counted(np.ones((1, m))), counted(np.ones((1, n)))
        assert counting(operator.pull, row) == operator.pull_cost, f"{who}: pull"
        assert counting(operator.push, column) == operator.transpose().pull_cost, f"{who}: push"
        assert counting(operator.dense, row) == operator.dense_cost, f"{who}: dense"
        assert counting(operator.transpose().dense, row) == operator.transpose().dense_cost, f"{who}: dense"
        assert operator.transpose().pull_cost == operator.pull_cost, f"{who}: transposed"


@every_case
def test_pull_sum_costs_no_more_than_pulling_every_example(build: Build) -> None:
    for operator in built(build, counted):
        rows = counted(np.ones((3, operator.shape[0])))
        assert counting(operator.pull_sum, rows) <= 3 * operator.pull_cost, f"{operator!r}"


def test_counting_counts() -> None:
    a, b = counted(np.ones((2, 3))), counted(np.ones((3, 4)))
    assert counting(arithmetic.matmul, a, b) == 24
    assert counting(arithmetic.add, a, a) == 0
    assert counting(arithmetic.mul, 2, a) == 6
    assert isinstance((a @ b)[0, 0], Counted)


@every_case
def test_one_example_as_scipy_sees_it(build: Build) -> None:
    for operator in built(build):
        for example in (0, 2):
            matrix = operator.dense() if operator.batch is None else operator.dense()[example]
            linear, (m, n) = operator.scipy(example), operator.shape
            generator = np.random.default_rng(0)
            v, u = generator.normal(size=n), generator.normal(size=m)
            agree(linear @ v, matrix @ v, 1e-12, f"{operator!r}: matvec")
            agree(linear.H @ u, matrix.T @ u, 1e-12, f"{operator!r}: rmatvec")
            agree(linear @ np.eye(n), matrix, 1e-12, f"{operator!r}: matmat")
            agree(linear.H @ np.eye(m), matrix.T, 1e-12, f"{operator!r}: rmatmat")
            assert (linear.shape, linear.dtype) == ((m, n), matrix.dtype)


def test_scipy_keeps_float32_and_refuses_an_example_that_is_not_there() -> None:
    operator = ops.Diagonal(np.ones((2, 3), np.float32))
    assert operator.scipy(1).dtype == np.float32
    assert (operator.scipy(1) @ np.ones(3, np.float32)).dtype == np.float32
    with pytest.raises(bp.errors.ShapeError, match="no example 2, expected 0 to 1"):
        operator.scipy(2)


@every_case
def test_wrong_lengths_and_batches_are_refused_by_name(build: Build) -> None:
    for operator in built(build):
        m, n = operator.shape
        with pytest.raises(bp.errors.ShapeError, match=rf"pull: got shape \(3, {m + 1}\), expected \(batch, {m}\)"):
            operator.pull(np.ones((3, m + 1)))
        with pytest.raises(bp.errors.ShapeError, match=rf"push: got shape \(3, {n + 1}\), expected \(batch, {n}\)"):
            operator.push(np.ones((3, n + 1)))
        with pytest.raises(bp.errors.ShapeError, match=r"pull_sum: got shape \(3, 1, "):
            operator.pull_sum(np.ones((3, 1, m)))
        with pytest.raises(bp.errors.ShapeError, match="got shape"):
            operator.pull(np.ones(m))
        if operator.batch is not None:
            with pytest.raises(bp.errors.ShapeError, match="got a batch of 5, expected 3"):
                operator.pull(np.ones((5, m)))


@every_case
@pytest.mark.parametrize("mode", ["each", "mixed"])
def test_leading_axis_of_one_serves_every_example(build: Build, mode: str) -> None:
    g = np.random.default_rng(0)
    for mine, theirs in ((1, 5), (5, 1)):
        for shape in ((4, 4), (2, 6), (6, 2)):
            operator = build(Maker(mode, mine), *shape)
            if operator is None:
                continue
            u, v = g.normal(size=(theirs, 2, shape[0])), g.normal(size=(theirs, shape[1]))
            J = operator.dense(np.ones(1))
            J = J if J.ndim == 3 else J[None]
            agree(operator.pull(u), u @ J, 1e-12, f"rows of {operator!r}")
            agree(operator.pull(u[:, 0]), (u @ J)[:, 0], 1e-12, f"pull of {operator!r}")
            agree(operator.pull_sum(u[:, 0]), (u @ J)[:, 0].sum(0), 1e-12, f"pull_sum of {operator!r}")
            agree(operator.push(v), (J @ v[:, :, None])[:, :, 0], 1e-12, f"push of {operator!r}")


@every_case
def test_at_sign_is_push_from_the_right_and_pull_from_the_left(build: Build) -> None:
    operator = built(build)[0]
    m, n = operator.shape
    u, v = np.random.default_rng(0).normal(size=(3, m)), np.random.default_rng(1).normal(size=(3, n))
    np.testing.assert_array_equal(operator @ v, operator.push(v))
    np.testing.assert_array_equal(u @ operator, operator.pull(u))


def test_repr_says_shape_and_batch() -> None:
    assert repr(ops.Identity(3)) == "Identity(3 x 3, shared)"
    assert repr(ops.Dense(np.ones((5, 2, 3)))) == "Dense(2 x 3, batch 5)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda a, b: ops.Row((a, b)).shape, r"Row: the parts have \[2, 3\] rows"),
        (lambda a, b: ops.Column((a, ops.Dense(np.ones((2, 5))))).shape, r"Column: the parts have \[4, 5\] columns"),
        (lambda a, b: ops.Sum((a, b)).shape, r"Sum: the terms have shapes \[\(2, 4\), \(3, 4\)\]"),
        (lambda a, b: ops.product_of([a, b]), r"Product: Dense\(2 x 4, shared\) followed by Dense\(3 x 4, shared\)"),
        (lambda a, b: a @ b, r"dense \(2, 4\) @ dense \(3, 4\): the left matrix has 4 columns, the right one 3 rows"),
        (
            lambda a, b: ops.Dense(np.ones((2, 3, 3))) @ ops.Dense(np.ones((4, 3, 3))),
            r"dense @ dense: batch sizes \[2, 4\] differ",
        ),
        (
            lambda a, b: ops.Dense(np.ones((1, 3, 3))) @ ops.Diagonal(np.ones((4, 3))),
            r"batch sizes \[1, 4\] differ, .* A matrix for all examples has no batch axis",
        ),
        (
            lambda a, b: ops.Dense(np.ones(3)).pull(np.ones((2, 3))),
            r"Dense: matrix has shape \(3,\), expected \(m, n\)",
        ),
        (lambda a, b: ops.Selection(np.array([0, 3]), 3), "Selection: index holds 0 to 3, expected 0 to 2"),
        (lambda a, b: ops.Selection(np.array([-1]), 3), "Selection: index holds -1 to -1"),
        (lambda a, b: ops.Selection(np.array(1), 3), r"Selection: index has shape \(\), expected"),
        (lambda a, b: ops.DirectSum(ops.Diagonal(np.ones((5, 3))), 2), r"DirectSum: Diagonal.*batch 5\) at 2 places"),
        (lambda a, b: ops.Stack(a, 0), r"Stack: .* at 0 places, expected a batch"),
        (
            lambda a, b: ops.LowRankUpdate(ops.Identity(3), np.ones((3, 1)), np.ones((4, 1))),
            r"LowRankUpdate: U has shape \(3, 1\), V \(4, 1\), expected \(n, r\)",
        ),
        (lambda a, b: ops.LowRankUpdate(ops.Identity(3), np.ones(3), np.ones(3)), r"U has shape \(3,\)"),
        (lambda a, b: ops.LowRankUpdate(a, np.ones((2, 1)), np.ones((2, 1))), r"a base of n x n, which is Dense"),
    ],
)
def test_parts_that_do_not_fit_are_refused(make: Callable[[Any, Any], Any], message: str) -> None:
    with pytest.raises(bp.errors.ShapeError, match=message):
        make(ops.Dense(np.ones((2, 4))), ops.Dense(np.ones((3, 4))))


def test_product_of_flattens_products_and_leaves_one_factor_alone() -> None:
    a, b = ops.Dense(np.ones((2, 3))), ops.Identity(3)
    assert ops.product_of([a]) is a
    product = ops.product_of([ops.product_of([a, b]), b])
    assert isinstance(product, ops.Product)
    assert product.factors == (a, b, b)


@every_case
def test_the_sum_over_one_row_is_not_the_callers_array(build: Build) -> None:
    for operator in built(build, batch=1):
        u = np.ones((1, operator.shape[0]))
        operator.pull_sum(u)[...] = 7.0
        assert (u == 1).all(), f"{operator!r}"


@every_case
def test_rows_in_a_matrix_are_an_array_and_masked_ones_are_refused(build: Build) -> None:
    for operator in built(build):
        u, v = np.ones((3, operator.shape[0])), np.ones((3, operator.shape[1]))
        for ask, rows in ((operator.pull, u), (operator.push, v), (operator.pull_sum, u)):
            came = ask(rows.view(np.matrix))
            assert type(came) is np.ndarray
            np.testing.assert_array_equal(came, ask(rows))
            with pytest.raises(DtypeError, match="masked array, expected one without a mask"):
                ask(np.ma.masked_array(rows))
