"""What comes at the edges of a quantity: indices, chunks, examples that are no array."""

import warnings
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof import quantities as q
from backproof.errors import DtypeError, KinkWarning, NonFiniteError, OptionError, ShapeError


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


# -- what a method is given ------------------------------------------------------------------------------------

LOSS = bp.SquaredError()
OVER_DATA: dict[str, Any] = {
    "hessian": q.hessian, "ggn": q.ggn, "fisher": q.fisher,
    "empirical": lambda *given: q.fisher(*given, kind="empirical"),
}  # fmt: skip


def smooth(dtype: str = "float64") -> Any:
    """Return a network without kinks, its parameters, five examples and targets."""
    net, g = bp.Network([bp.Linear(3, 4), bp.Tanh(), bp.Linear(4, 2)]), np.random.default_rng(0)
    return net, net.initialize(0, dtype), g.normal(size=(5, 3)).astype(dtype), g.normal(size=(5, 2)).astype(dtype)


@pytest.mark.parametrize("who", OVER_DATA)
def test_targets_may_be_a_list_of_numbers(who: str) -> None:
    net, theta, x, y = smooth()
    v = np.arange(float(net.layout.size))
    expected = OVER_DATA[who](net, theta, x, y, LOSS) @ v
    np.testing.assert_array_equal(OVER_DATA[who](net, theta, x, y.tolist(), LOSS) @ v, expected)
    with pytest.raises(DtypeError, match=r"y is a list whose entries differ in shape"):
        OVER_DATA[who](net, theta, x, [[1.0, 2.0]] * 4 + [[1.0]], LOSS)


@pytest.mark.parametrize("who", OVER_DATA)
def test_products_with_curvature_have_the_dtype_of_the_parameters(who: str) -> None:
    net, theta, x, y = smooth("float32")
    matrix, ones = OVER_DATA[who](net, theta, x, y, LOSS), np.ones(net.layout.size, "float32")
    for dtype in ("float64", "int64", "bool"):
        product = matrix @ ones.astype(dtype)
        assert product.dtype == np.float32
        np.testing.assert_allclose(product, matrix @ ones, rtol=1e-6)
    for v in (ones.astype(complex), ones.astype("U1")):
        with pytest.raises(DtypeError, match=r"v has dtype .*, expected real numbers"):
            matrix @ v


@pytest.mark.parametrize("who", OVER_DATA)
def test_curvature_over_matrices_is_that_over_arrays_and_masked_arrays_are_refused(who: str) -> None:
    (net, theta, x, y), ask = smooth(), OVER_DATA[who]
    v = np.arange(2.0 * net.layout.size).reshape(-1, 2)
    product = ask(net, theta, x.view(np.matrix), y.view(np.matrix), LOSS) @ v.view(np.matrix)
    assert type(product) is np.ndarray
    np.testing.assert_array_equal(product, ask(net, theta, x, y, LOSS) @ v)
    for given in ((np.ma.masked_array(x), y), (x, np.ma.masked_array(y))):
        with pytest.raises(DtypeError, match="came as a masked array"):
            ask(net, theta, *given, LOSS)
    with pytest.raises(DtypeError, match="@ v: v came as a masked array"):
        ask(net, theta, x, y, LOSS) @ np.ma.masked_array(v)


def test_masked_examples_of_a_kernel_are_refused() -> None:
    net, theta, x, _ = smooth()
    with pytest.raises(DtypeError, match="ntk: x2 came as a masked array"):
        q.ntk(net, theta, x, np.ma.masked_array(x, x > 0), block=2)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e300])
def test_hessian_times_a_direction_is_linear_in_its_length(size: float) -> None:
    net, theta, x, y = smooth()
    v = np.random.default_rng(1).normal(size=net.layout.size)
    H = q.hessian(net, theta, x, y, LOSS)
    np.testing.assert_allclose((H @ (v * size)) / size, H @ v, rtol=1e-12)


def test_hessian_takes_a_long_direction_in_float32() -> None:
    net, theta, x, y = smooth("float32")
    ones = np.ones(net.layout.size, "float32")
    H = q.hessian(net, theta, x, y, LOSS)
    np.testing.assert_allclose((H @ (ones * np.float32(1e20))) / np.float32(1e20), H @ ones, rtol=1e-5)


def test_weights_of_a_sum_of_gradients_are_one_per_example() -> None:
    gradients = q.per_example_gradients(*smooth("float32"), LOSS)
    weights = np.arange(5)
    total = gradients.weighted_sum(weights)
    assert total.dtype == np.float32
    np.testing.assert_allclose(total, weights @ gradients.vector(), rtol=1e-5, atol=1e-6)
    for shape in ((1,), (4,), (5, 1), ()):
        with pytest.raises(ShapeError, match=r"weights have shape .*, expected \(5,\), one per example"):
            gradients.weighted_sum(np.ones(shape))
    with pytest.raises(DtypeError, match="weights have dtype complex128, expected real numbers"):
        gradients.weighted_sum(np.ones(5, complex))


@pytest.mark.parametrize("kind", [None, ["full"], "ful"])
def test_kinds_are_words(kind: Any) -> None:
    net, theta, x, y = smooth()
    with pytest.raises(OptionError, match=r"unknown kernel .* Known: full, outputs, trace"):
        q.ntk(net, theta, x, kind=kind)
    with pytest.raises(OptionError, match=r"unknown kind of Fisher matrix .* Known: empirical"):
        q.fisher(net, theta, x, y, LOSS, kind=kind)


@pytest.mark.parametrize("kind", ["full", "outputs", "trace"])
def test_kernel_of_no_examples_is_empty(kind: str) -> None:
    net, theta, x, _ = smooth()
    assert q.ntk(net, theta, x[:0], kind=kind).shape == q.ntk(net, theta, x, kind=kind)[:0, :0].shape


def test_norms_beyond_the_dtype_are_an_error_that_names_the_layer() -> None:
    net = bp.Network([bp.Linear(1, 1), bp.Linear(1, 1)])
    theta, x, y = net.initialize(0), np.array([[1], [1e18]], "float32"), np.zeros((2, 1), "float32")
    with pytest.raises(
        NonFiniteError, match=r"layer 0, Linear\(1 -> 1\).*example 1 in '0.weight' has the squared norm inf"
    ):
        q.clipped_gradient(net, theta, x, y, LOSS, 1.0)
    wide = q.clipped_gradient(net, theta.astype("float64"), x.astype("float64"), y.astype("float64"), LOSS, 1.0)
    assert np.isfinite(wide[1]).all()
    theta["1.bias"][...] = np.nan
    with pytest.raises(NonFiniteError, match=r"parameter '1.bias' holds nan"):
        q.clipped_gradient(net, theta, y, y, LOSS, 1.0)
