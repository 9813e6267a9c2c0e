"""The few operations the array API standard lacks, and the rules about dtypes."""

import tracemalloc
from typing import Any

import array_api_strict
import jax
import numpy as np
import pytest
import torch

from backproof import arrays
from backproof.errors import DtypeError

LIBRARIES = [np.asarray, torch.tensor, array_api_strict.asarray]
every_library = pytest.mark.parametrize("convert", LIBRARIES, ids=["numpy", "torch", "array-api-strict"])


@every_library
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_sums_over_the_batch(convert: Any, batch: int) -> None:
    g = np.random.default_rng(0)
    u, x = g.normal(size=(batch, 3)), g.normal(size=(batch, 4))
    np.testing.assert_allclose(np.asarray(arrays.batch_sum(convert(u))), u.sum(0), rtol=1e-14)
    product = np.asarray(arrays.sum_of_outer_products(convert(u), convert(x)))
    np.testing.assert_allclose(product, np.einsum("bi,bj->ij", u, x), rtol=1e-13)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64", "object"])
def test_sums_are_written_into_out(batch: int, dtype: str) -> None:
    u, x = np.arange(batch * 2.0).reshape(batch, 2).astype(dtype), np.ones((batch, 3), dtype)
    row, matrix = np.empty(2, dtype), np.empty((2, 3), dtype)
    assert arrays.batch_sum(u, row) is row
    assert arrays.sum_of_outer_products(u, x, matrix) is matrix
    assert row.tolist() == u.sum(0).tolist()
    assert matrix.tolist() == (u.T @ x).tolist()


@every_library
@pytest.mark.parametrize("index", [[0, 2, 0], [[0, 2, 0], [1, 1, 2]]], ids=["shared", "each"])
def test_scatter_is_the_transpose_of_taking(convert: Any, index: Any) -> None:
    values, index = np.random.default_rng(0).normal(size=(2, 4, 3)), np.asarray(index)
    result = np.asarray(arrays.scatter_add(convert(values), convert(index), 5))
    expected = np.zeros((2, 4, 5))
    for b in range(2):
        for k in range(4):
            for i, j in enumerate(np.broadcast_to(index, (2, 3))[b]):
                expected[b, k, j] += values[b, k, i]
    np.testing.assert_allclose(result, expected, rtol=1e-14)


@every_library
def test_block_diagonal_places_its_blocks(convert: Any) -> None:
    blocks = np.arange(1.0, 13).reshape(2, 2, 3)
    result = np.asarray(arrays.block_diagonal(convert(blocks)))
    expected = np.zeros((4, 6))
    expected[:2, :3], expected[2:, 3:] = blocks
    np.testing.assert_array_equal(result, expected)


@every_library
def test_flatten_is_row_major_and_eye_has_the_dtype(convert: Any) -> None:
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    np.testing.assert_array_equal(np.asarray(arrays.flatten(convert(x))), x.reshape(2, 6))
    unit = np.asarray(arrays.eye(3, convert(x)))
    assert unit.dtype == np.float32
    np.testing.assert_array_equal(unit, np.eye(3))


def test_numpy_flattening_is_a_view() -> None:
    x = np.zeros((2, 3, 2))
    assert np.shares_memory(arrays.flatten(x), x)
    assert arrays.flatten(x[:, :, 0]).shape == (2, 3)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float16", "bool"])
@pytest.mark.parametrize("convert", LIBRARIES[:2], ids=["numpy", "torch"])
def test_dtypes_without_derivatives_are_refused_by_name(convert: Any, dtype: str) -> None:
    with pytest.raises(DtypeError, match=f"weights has dtype {dtype}, expected float32 or float64"):
        arrays.require_floating(convert(np.zeros(2, dtype)), "weights")


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble", "complex128", "object"])
def test_dtypes_that_carry_derivatives_pass(dtype: str) -> None:
    arrays.require_floating(np.zeros(2, dtype), "weights")


def test_libraries_are_told_apart_and_numbers_move_between_them() -> None:
    there = [np.ones(2), torch.ones(2), jax.numpy.ones(2), array_api_strict.ones(2)]
    assert [arrays.library(x) for x in there] == ["numpy", "torch", "jax", "array_api_strict"]
    for like in there:
        for x in there:
            moved = arrays.in_library_of(like, x)
            assert arrays.library(moved) == arrays.library(like)
            assert arrays.to_numpy(moved).tolist() == [1, 1]
    assert arrays.in_library_of(there[0], [1, 2]).tolist() == [1, 2]


def test_numbers_inside_a_jax_transformation_are_known_as_such() -> None:
    seen = []
    jax.jit(lambda x: seen.append((arrays.is_traced(x), arrays.library(x))) or x)(jax.numpy.ones(2))
    assert seen == [(True, "jax")]
    assert not arrays.is_traced(jax.numpy.ones(2))
    assert not arrays.is_traced(np.ones(2))


def test_ones_of_long_batches_are_not_kept() -> None:
    tracemalloc.start()
    try:
        for more in range(1, 4):
            u = np.ones((4 * arrays.KEPT_ONES + more, 1))
            assert arrays.batch_sum(u) == len(u)
        del u
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 8 * arrays.KEPT_ONES


def test_matrices_become_arrays_and_masked_arrays_are_refused() -> None:
    x = np.arange(4.0).reshape(2, 2)
    assert arrays.plain(x, "x") is arrays.detached(x) is x
    for taken in (arrays.plain(x.view(np.matrix), "x"), arrays.beside(x.view(np.matrix), x, "x", "theta")):
        assert type(taken) is np.ndarray
        np.testing.assert_array_equal(taken, x)
    for masked in (np.ma.masked_array(x, x > 2), np.ma.masked_array(x)):
        with pytest.raises(DtypeError, match=r"^net: x came as a masked array, expected one without a mask"):
            arrays.beside(masked, x, "net: x", "theta")
