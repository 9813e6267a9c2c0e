"""What comes at the edges of a quantity: indices, chunks, examples that are no array."""

import warnings
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof import quantities as q
from backproof.errors import DtypeError, KinkWarning, OptionError, ShapeError


def small() -> Any:
    """Return a network with a kink, its parameters and five examples, in float32."""
    net = bp.Network([bp.Linear(3, 4), bp.ReLU(), bp.Linear(4, 2)])
    return net, net.initialize(0, "float32"), np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


@pytest.mark.parametrize("block", [0, -1, 2.5, True, "all"])
def test_blocks_of_a_kernel_are_whole_and_positive(block: Any) -> None:
    with pytest.raises(OptionError, match=r"ntk: block=.*, expected a whole number of at least 1"):
        q.ntk(*small(), block=block)


def test_examples_in_a_list_are_refused_by_name() -> None:
    net, theta, x = small()
    with pytest.raises(DtypeError, match="ntk: x1 is of type list, expected an array"):
        q.ntk(net, theta, x.tolist())
    with pytest.raises(DtypeError, match="ntk: x2 is of type list, expected an array"):
        q.ntk(net, theta, x, x.tolist())
    with pytest.raises(DtypeError, match="dense_jacobian: x is of type list, expected an array"):
        q.dense_jacobian(net, theta, x.tolist())


@pytest.mark.parametrize("wrt", [np.int64(1), (np.int32(1), 3), [1, np.int64(3)]])
def test_states_are_named_by_any_whole_number(wrt: Any) -> None:
    net, theta, x = small()
    np.testing.assert_array_equal(q.jacobian(net, theta, x, wrt).dense(), q.jacobian(net, theta, x, 1).dense())


@pytest.mark.parametrize("wrt", [True, (True, 2), np.True_, 1.0, None, (0, 1, 2), -1, 3, (2, 1), ("0", 1)])
def test_what_names_no_state_is_refused(wrt: Any) -> None:
    net, theta, x = small()
    with pytest.raises(OptionError, match=r"jacobian: wrt=.*, expected 'input', 'parameters'"):
        q.jacobian(net, theta, x, wrt)


def test_kinks_of_all_chunks_are_counted_once_in_one_warning() -> None:
    net, theta, x = small()
    theta["0.bias"][...] = 0.0
    x[:] = 0.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        J = q.dense_jacobian(net, theta, x, memory=100)
    assert [warning.category for warning in caught] == [KinkWarning]
    assert str(caught[0].message).startswith("dense_jacobian: 20 entries lie exactly on a kink")
    assert J.shape == (5, 2, 3)


@pytest.mark.parametrize("sketch", [None, 3])
@pytest.mark.parametrize("covariance", [2, 2.0, np.float32(2), np.float64(2), np.full(26, 2.0)])
def test_deviations_keep_the_dtype_and_take_any_number(covariance: Any, sketch: int | None) -> None:
    net, theta, x = small()
    found = q.prediction_interval(net, theta, x, covariance, noise=0.1, sketch=sketch)
    assert found.deviation.dtype == found.lower.dtype == np.float32
    same = q.prediction_interval(net, theta, x, np.full(theta.layout.size, 2, "float32"), noise=0.1, sketch=sketch)
    np.testing.assert_allclose(found.deviation, same.deviation, rtol=1e-5)


@pytest.mark.parametrize("sketch", [None, 3])
@pytest.mark.parametrize("covariance", [[1.0], None, "a", -1.0, np.nan, True, 1j, np.full(26, -1.0), -np.eye(26)])
def test_what_is_no_covariance_is_refused(covariance: Any, sketch: int | None) -> None:
    net, theta, x = small()
    with pytest.raises(OptionError, match=r"prediction_interval: (the )?covariance.*expected"):
        q.prediction_interval(net, theta, x, covariance, sketch=sketch)


@pytest.mark.parametrize("sketch", [None, 3])
def test_covariances_of_another_shape_are_refused(sketch: int | None) -> None:
    net, theta, x = small()
    with pytest.raises(ShapeError, match=r"covariance has shape \(3,\), expected \(26,\) or \(26, 26\)"):
        q.prediction_interval(net, theta, x, np.ones(3), sketch=sketch)


def test_what_a_covariance_returns_is_checked() -> None:
    net, theta, x = small()
    with pytest.raises(ShapeError, match=r"returned shape \(3, 10\) for \(26, 10\)"):
        q.prediction_interval(net, theta, x, lambda v: v[:3])
    with pytest.raises(ShapeError, match=r"returned type NoneType for \(26, 10\)"):
        q.prediction_interval(net, theta, x, lambda v: None)


@pytest.mark.parametrize("setting", [{"sketch": 2.5}, {"sketch": True}, {"width": "a"}, {"noise": -1.0}])
def test_settings_of_an_interval_are_numbers_in_range(setting: Any) -> None:
    net, theta, x = small()
    with pytest.raises(OptionError, match=f"prediction_interval: {next(iter(setting))}=.*, expected"):
        q.prediction_interval(net, theta, x, 1.0, **setting)


def test_affine_maps_refuse_examples_of_another_width_or_number() -> None:
    net, theta, x = small()
    found = q.local_affine(net, theta, x)
    for wrong in (x[:, :2], x[:2]):
        with pytest.raises(ShapeError, match=r"AffineMap: x has shape .*, expected 5 examples of 3 entries each"):
            found(wrong)
    with pytest.raises(DtypeError, match="AffineMap: x is of type list"):
        found(x.tolist())


def test_the_map_of_one_example_takes_any_number_of_examples() -> None:
    net, theta, x = small()
    one = q.local_affine(net, theta, x[:1])
    np.testing.assert_allclose(one(x)[0], net.forward(theta, x[:1])[0], rtol=1e-5, atol=1e-6)
    assert one(x).shape == (5, 2)
