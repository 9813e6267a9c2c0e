"""A and B of every layer and combinator, against small steps and against PyTorch's autodiff."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof.layers import LAYERS
from cases import LAYER_CASES, LayerCase
from oracles import (
    TOLERANCE,
    agree,
    check_backward,
    check_layer_with_steps,
    check_layer_with_torch,
    compare_layer,
    per_example,
    point,
    torch_layer,
)  # fmt: skip

every_layer = pytest.mark.parametrize("case", LAYER_CASES, ids=[f"{i}-{c.layer!r}" for i, c in enumerate(LAYER_CASES)])


def sizes(case: LayerCase) -> Any:
    """Return n, m, batch and places; batch 1 is drawn often."""
    places = st.sampled_from([(), (), (2,), (2, 3)] if case.axes else [()])
    return st.tuples(st.integers(case.smallest, 5), st.integers(1, 4), st.sampled_from([1, 1, 2, 3]), places)


def test_every_layer_of_the_registry_has_a_case() -> None:
    assert {case.name for case in LAYER_CASES} == set(LAYERS)


@every_layer
@given(data=st.data())
def test_jacobians_are_those_of_pytorch(case: LayerCase, data: Any) -> None:
    check_layer_with_torch(case, *data.draw(sizes(case)), seed=data.draw(st.integers(0, 999)))


@every_layer
def test_float32_jacobians_are_those_of_pytorch_and_stay_float32(case: LayerCase) -> None:
    for batch, places in ((1, ()), (3, ()), (2, (2,) if case.axes else ())):
        check_layer_with_torch(case, 4, 3, batch, places, dtype="float32")


@every_layer
@given(data=st.data())
def test_jacobians_are_those_of_complex_steps(case: LayerCase, data: Any) -> None:
    check_layer_with_steps(case, "complex step", *data.draw(sizes(case)), seed=data.draw(st.integers(0, 999)))


@pytest.mark.parametrize("case", [c for c in LAYER_CASES if c.longdouble], ids=lambda c: repr(c.layer))
def test_jacobians_are_those_of_extrapolated_differences(case: LayerCase) -> None:
    for batch, places in ((1, ()), (2, (2,) if case.axes else ())):
        check_layer_with_steps(case, "differences", 4, 3, batch, places)


@pytest.mark.parametrize("case", [c for c in LAYER_CASES if c.kinks], ids=lambda c: repr(c.layer))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_derivative_at_a_kink_is_pytorchs_choice(case: LayerCase, dtype: str) -> None:
    x = np.array([case.kinks], dtype=dtype)
    compare_layer(case.layer, {}, x, torch_layer(case, {}, x), TOLERANCE[dtype])


def test_hardsigmoid_has_at_its_kinks_the_derivative_of_pytorchs_own() -> None:
    x = torch.tensor([-3.0, 3.0], dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(torch.nn.functional.hardsigmoid(x).sum(), x)
    at = x.detach().numpy()
    np.testing.assert_array_equal(bp.Hardsigmoid().derivative(at, at), expected.numpy())


@pytest.mark.parametrize("case", [c for c in LAYER_CASES if c.tails], ids=lambda c: repr(c.layer))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_jacobians_have_the_right_limits_at_ten_thousand(case: LayerCase, dtype: str) -> None:
    layer, theta, x = point(case, 4, 3, 3, dtype=dtype)
    large = np.sign(x) * np.asarray(1e4, dtype)
    large[1], large[2] = 1e4, -1e4
    large[0].reshape(-1)[0] = 1  # in one example large and small entries meet
    expected = torch_layer(case, theta, large)
    assert all(np.all(np.isfinite(part)) for part in (expected[0], expected[1], *expected[2].values()))
    step = layer.linearize(theta, large)
    agree(step.output, expected[0], TOLERANCE[dtype], "y")
    agree(per_example(step.A, 3, large), expected[1], TOLERANCE[dtype] * 10, "A")
    for name, B in step.B.items():
        agree(per_example(B, 3, large), expected[2][name], TOLERANCE[dtype] * 10, f"B[{name}]")
    check_backward(layer, theta, large, 1e-3)


@every_layer
@pytest.mark.parametrize("batch", [1, 2])
def test_nan_is_not_swallowed(case: LayerCase, batch: int) -> None:
    layer, theta, x = point(case, 4, 3, batch)
    x[0] = np.nan
    y = layer.forward(theta, x)
    assert np.isnan(y[0]).any(), f"{layer!r} turns NaN into {y[0]}"
    assert np.isfinite(y[1:]).all(), f"{layer!r} lets one example touch another"


@every_layer
def test_pure_function_leaves_its_arguments_alone(case: LayerCase) -> None:
    layer, theta, x = point(case, 4, 3, 2)
    before = {name: array.copy() for name, array in theta.items()}, x.copy()
    step = layer.linearize(theta, x)
    step.backward(np.ones((2, step.A.shape[0])), lambda name, B, delta: B.pull_sum(delta))
    np.testing.assert_array_equal(x, before[1])
    for name, array in theta.items():
        np.testing.assert_array_equal(array, before[0][name])


def test_extended_precision_reaches_the_result() -> None:
    third = np.longdouble(1) / 3
    for case in LAYER_CASES:
        if case.longdouble:
            layer, theta, x = point(case, 4, 3, 1)
            wide = {name: array.astype(np.longdouble) for name, array in theta.items()}
            assert layer.forward(wide, x.astype(np.longdouble) * third).dtype == np.longdouble, repr(layer)


def test_the_oracle_refuses_a_wrong_jacobian() -> None:
    case = next(case for case in LAYER_CASES if case.name == "Tanh")
    layer, theta, x = point(case, 3, 3, 2)
    y, A, B = torch_layer(case, theta, x)
    with pytest.raises(AssertionError, match="A: error"):
        compare_layer(layer, theta, x, (y, A * (1 + 1e-8), B), TOLERANCE["float64"])
    assert torch.get_default_dtype() == torch.float32


@every_layer
def test_a_batch_without_examples_keeps_its_shapes(case: LayerCase) -> None:
    layer, theta, x = point(case, 4, 3, 2)
    expected = layer.linearize(theta, x)
    assert layer.forward(theta, x[:0]).shape == (0, *expected.output.shape[1:])
    step = layer.linearize(theta, x[:0])
    assert step.A.shape == expected.A.shape
    assert step.output.shape == (0, *expected.output.shape[1:])


def test_leaky_relu_of_slope_one_has_no_kink() -> None:
    x = np.zeros((1, 2))
    assert bp.LeakyReLU(slope=1.0).kinks(x) is None
    assert bp.LeakyReLU(slope=0.5).kinks(x).all()
