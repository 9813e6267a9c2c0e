"""Parameters are one vector with named views."""

import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof.errors import OptionError, ShapeError
from backproof.parameters import Layout, Parameters

shapes = st.dictionaries(st.text("abc.", min_size=1), st.lists(st.integers(1, 4), max_size=3).map(tuple), max_size=5)


@given(shapes=shapes)
def test_views_cut_the_vector_in_order_without_gaps(shapes: Any) -> None:
    layout = Layout(shapes)
    theta = Parameters(layout, np.arange(layout.size, dtype=float))
    assert layout.size == sum(math.prod(shape) for shape in shapes.values())
    flat = [theta[name].reshape(-1) for name in theta]
    np.testing.assert_array_equal(np.concatenate([*flat, np.empty(0)]), theta.vector)
    assert {name: theta[name].shape for name in theta} == shapes
    assert {name: array.tolist() for name, array in theta.flat().items()} == {
        name: theta[name].reshape(-1).tolist() for name in theta
    }


def small(like: Any = None) -> Parameters:
    return bp.Network([bp.Linear(3, 2), bp.Residual(bp.Linear(2, 2, bias=False))]).initialize(0, like=like)


@pytest.mark.parametrize("like", [np.zeros(1), torch.zeros(1)], ids=["numpy", "torch"])
def test_writing_to_a_view_writes_to_the_vector_and_back(like: Any) -> None:
    theta = small(like)
    theta["0.bias"][1] = 5
    assert theta.vector[7] == 5
    theta.vector[0] = -3
    assert theta["0.weight"][0, 0] == -3


def test_names_are_layers_in_order_weight_before_bias() -> None:
    assert list(small()) == ["0.weight", "0.bias", "1.0.weight"]
    assert len(small()) == 3
    assert "0.bias" in small()
    assert "1.bias" not in small()
    assert small().layout.slices["0.bias"] == slice(6, 8)


def test_copy_astype_and_with_vector_leave_the_original_alone() -> None:
    theta = small()
    copy, wide, other = theta.copy(), theta.astype("float64"), theta.with_vector(np.zeros(12, np.float32))
    copy.vector[:] = 1
    wide["0.bias"][:] = 2
    assert (wide.vector.dtype, theta.vector.dtype) == (np.float64, np.float32)
    assert not np.any(theta.vector == 1)
    assert not np.any(theta["0.bias"] == 2)
    assert other["0.weight"].tolist() == np.zeros((2, 3)).tolist()


@pytest.mark.parametrize("like", [np.zeros(1), torch.zeros(1)], ids=["numpy", "torch"])
def test_equal_parameters_have_the_same_names_shapes_dtype_and_numbers(like: Any) -> None:
    theta = small(like)
    assert theta == theta.copy()
    other = theta.copy()
    other.vector[3] += 1
    assert theta != other
    assert theta != dict(theta)
    renamed = bp.Network([bp.Residual(bp.Linear(2, 2, bias=False)), bp.Linear(3, 2)]).initialize(0, like=like)
    assert theta != renamed.with_vector(theta.vector)
    assert small(np.zeros(1)) != small(torch.zeros(1))
    assert small() != small().astype("float64")
    with pytest.raises(TypeError, match="unhashable"):
        hash(theta)


def test_vector_is_replaced_by_making_other_parameters() -> None:
    theta = small()
    with pytest.raises(AttributeError):
        theta.vector = np.zeros(12, np.float32)  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(theta)) == theta


def test_wrong_lengths_and_names_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"the vector has shape \(3,\), expected \(12,\)"):
        small().with_vector(np.zeros(3))
    with pytest.raises(OptionError, match=r"unknown parameter '0.wieght'. Did you mean '0.weight'"):
        small()["0.wieght"]
    with pytest.raises(KeyError, match="Did you mean"):
        small()["0.wieght"]
    assert small().get("nothing") is None


def test_arrays_by_name_become_parameters() -> None:
    network = bp.Network([bp.Linear(2, 1)])
    theta = network.parameters({"0.bias": np.array([3.0]), "0.weight": np.array([[1.0, 2.0]])})
    assert theta.vector.tolist() == [1, 2, 3]
    with pytest.raises(ShapeError, match=r"'0.bias' is missing, expected shape"):
        network.parameters({"0.weight": np.ones((1, 2))})
    with pytest.raises(ShapeError, match=r"'0.weight' has shape \(2, 1\), expected shape \(1, 2\)"):
        network.parameters({"0.weight": np.ones((2, 1)), "0.bias": np.ones(1)})
    with pytest.raises(ShapeError, match=r"no parameter '1.weight'"):
        network.parameters({"1.weight": np.ones((2, 1))})


def test_repr_names_sizes_and_shortens_long_lists() -> None:
    assert repr(small()).splitlines() == [
        "Parameters(12 numbers, float32)", "  0.weight: 2 x 3", "  0.bias: 2", "  1.0.weight: 2 x 2",
    ]  # fmt: skip
    deep = bp.Network([bp.Linear(2, 2) for _ in range(20)]).initialize()
    assert len(repr(deep).splitlines()) == 14
    assert "... 28 more" in repr(deep)
