"""A network composes its layers, names its parameters, and refuses what does not fit at its door."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof.errors import DtypeError, NonFiniteError, OptionError, ShapeError
from backproof.layers import LAYERS, describe, layer_from
from cases import LAYER_CASES
from networks import draw_network
from oracles import agree, point


def net() -> bp.Network:
    return bp.Network([bp.Linear(3, 4), bp.Tanh(), bp.Residual([bp.Linear(4, 4), bp.ReLU()]), bp.Linear(4, 2)])


@given(seed=st.integers(0, 999), depth=st.integers(1, 6))
def test_forward_is_the_composition_of_the_layers(seed: int, depth: int) -> None:
    drawn = draw_network(seed, depth)
    x = drawn.x
    for index, layer in enumerate(drawn.net):
        own = {name: drawn.theta[f"{index}.{name}"] for name in layer.parameter_shapes}
        x = layer.forward(own, x)
    np.testing.assert_array_equal(drawn.net.forward(drawn.theta, drawn.x), x)
    np.testing.assert_array_equal(drawn.net(drawn.theta, drawn.x), x)
    assert drawn.net.output_shape(drawn.x.shape[1:]) == x.shape[1:]


@given(seed=st.integers(0, 999), depth=st.integers(1, 6))
def test_jacobian_of_the_whole_is_the_product_of_the_layers(seed: int, depth: int) -> None:
    drawn = draw_network(seed, depth)
    steps = drawn.net.linearize(drawn.theta, drawn.x)
    product = np.eye(drawn.x[0].size)
    for step in steps:
        product = step.A.dense(drawn.x) @ product
    whole = steps.A.dense(drawn.x)
    agree(
        np.broadcast_to(whole, (2, *whole.shape[-2:])), np.broadcast_to(product, (2, *product.shape[-2:])), 1e-11, "A"
    )
    pairs = drawn.net.jacobians(drawn.theta, drawn.x)
    assert [(a.shape, list(b)) for a, b in pairs] == [(s.A.shape, list(s.B)) for s in steps]
    assert list(steps.B) == list(drawn.theta)


@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer))
def test_every_layer_survives_its_description_in_json(case: Any) -> None:
    layer = case.layer
    again = layer_from(json.loads(json.dumps(describe(layer))))
    assert again == layer
    assert hash(again) == hash(layer)
    assert repr(again) == repr(layer)
    network = bp.Network([layer])
    assert bp.Network.from_description(json.loads(json.dumps(network.describe()))) == network


def test_same_seed_gives_the_same_bits_and_a_longer_network_starts_like_a_shorter_one() -> None:
    first, second = net().initialize(7).vector, net().initialize(7).vector
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    assert not np.array_equal(first, net().initialize(8).vector)
    longer = bp.Network([*net().layers, bp.Linear(2, 2)]).initialize(7).vector
    np.testing.assert_array_equal(longer[: len(first)], first)
    np.testing.assert_array_equal(net().initialize(7, dtype="float64").vector.astype(np.float32), first)


@pytest.mark.parametrize(("name", "width"), [("uniform", 1 / 8), ("glorot", (6 / 96) ** 0.5), ("he", (6 / 64) ** 0.5)])
def test_weights_start_uniform_in_the_stated_width(name: str, width: float) -> None:
    theta = bp.Network([bp.Linear(64, 32, initialization=name)]).initialize(0, dtype="float64")
    weight = theta["0.weight"]
    assert 0.97 * width < np.abs(weight).max() <= width
    agree(weight.std(), width / 3**0.5, 0.05, "standard deviation")
    assert np.abs(theta["0.bias"]).max() <= 1 / 8


def test_augmented_layer_has_the_numbers_of_the_plain_one() -> None:
    plain, augmented = bp.Network([bp.Linear(5, 3)]), bp.Network([bp.AugmentedLinear(5, 3)])
    a, b = plain.initialize(3, dtype="float64"), augmented.initialize(3, dtype="float64")
    np.testing.assert_array_equal(np.c_[a["0.weight"], a["0.bias"]], b["0.weight"])
    x, y = np.random.default_rng(0).normal(size=(4, 5)), np.ones((4, 3))
    agree(augmented(b, x), plain(a, x), 1e-14, "y")
    one, two = bp.gradient(plain, a, x, y, bp.SquaredError()), bp.gradient(augmented, b, x, y, bp.SquaredError())
    agree(two["0.weight"], np.c_[one["0.weight"], one["0.bias"]], 1e-13, "gradient")


def test_dropout_draws_by_seed_step_and_place_and_rests_in_evaluation() -> None:
    network = bp.Network([bp.Dropout(0.4), bp.Residual(bp.Dropout(0.4)), bp.Dropout(0.4)])
    theta, x = network.initialize(), np.ones((50, 40), np.float32)
    np.testing.assert_array_equal(network(theta, x), 2 * x)
    one, again, two = (network.training(step)(theta, x) for step in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, two)
    first, _, last = (layer.forward({}, x) for layer in network.training(1))
    assert not np.array_equal(first, last)
    agree(np.mean(first == 0), 0.4, 0.05, "share of zeros")
    agree(first.max(), 1 / 0.6, 1e-6, "scale")
    assert net().training(3).layers == net().layers


BAD_SHAPES = [
    (net(), (2, 5), r"layer 0, Linear\(3 -> 4\): input has shape \(batch, 5\), expected \(batch, 3\)"),
    (bp.Network([bp.Linear(3, 4), bp.Linear(5, 2)]), (2, 3), r"layer 1, Linear\(5 -> 2\): .* shape \(batch, 4\)"),
    (bp.Network([bp.Linear(3, 4), bp.LayerNorm(5)]), (2, 3), r"layer 1, LayerNorm\(5\): input has shape \(batch, 4\)"),
    (bp.Network([bp.Tanh(), bp.RMSNorm(5)]), (2, 3), r"layer 1, RMSNorm\(5\): .* expected \(batch, ..., 5\)"),
    (bp.Network([bp.Residual(bp.Linear(3, 4))]), (2, 3), r"layer 0, Residual.*turns shape \(3,\) into \(4,\)"),
    (bp.Network([bp.Shared(bp.Linear(3, 4), 2)]), (2, 3), r"layer 0, Shared.*turns shape \(3,\) into \(4,\)"),
    (bp.Network([bp.Sum((bp.Linear(3, 4), bp.Tanh()))]), (2, 3), r"layer 0, Sum: the branches give shapes \[\(4,\), "),
    (
        bp.Network([bp.Product((bp.Tanh(), [bp.Tanh(), bp.Linear(4, 3)]))]), (2, 3),
        r"layer 0, Product, branch 1, layer 1, Linear\(4 -> 3\): input has shape \(batch, 3\), expected \(batch, 4\)",
    ),
    (bp.Network([bp.Reshape((2, 2))]), (2, 3), r"layer 0, Reshape\(\(2, 2\)\): input has shape \(batch, 3\), expected"),
    (net(), (3,), r"input has shape \(3,\), expected a batch axis first"),
    (net(), (2, 4, 5), r"layer 0, Linear\(3 -> 4\): input has shape \(batch, 4, 5\), expected \(batch, ..., 3\)"),
]  # fmt: skip


@pytest.mark.parametrize(("network", "shape", "message"), BAD_SHAPES, ids=range(len(BAD_SHAPES)))
def test_wrong_shape_names_the_layer_what_came_and_what_was_expected(network: Any, shape: Any, message: str) -> None:
    theta = network.initialize()
    for run in (network.forward, network.linearize):
        with pytest.raises(ShapeError, match=message) as caught:
            run(theta, np.ones(shape, np.float32))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("int64", "input has dtype int64, expected float32 or float64; convert it"),
        ("float16", "input has dtype float16, expected float32 or float64; convert it"),
        ("bool", "input has dtype bool, expected float32 or float64"),
        ("float64", "input has dtype float64, theta float32, expected one dtype; convert one, as in x.astype"),
    ],
)
def test_wrong_dtype_is_refused_by_name(dtype: str, message: str) -> None:
    network = net()
    with pytest.raises(DtypeError, match=message):
        network.forward(network.initialize(), np.ones((2, 3), dtype))


@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer))
def test_every_layer_alone_checks_dtype_batch_and_parameters(case: Any) -> None:
    layer, theta, x = point(case, 4, 3, 2)
    with pytest.raises(DtypeError, match="input has dtype int64"):
        layer.forward(theta, np.ones(x.shape, np.int64))
    with pytest.raises(ShapeError, match="expected a batch axis first"):
        layer.linearize(theta, x.reshape(-1))
    for name, array in theta.items():
        with pytest.raises(ShapeError, match="is missing, expected shape"):
            layer.forward({key: value for key, value in theta.items() if key != name}, x)
        with pytest.raises(ShapeError, match=r"has shape .*, expected"):
            layer.forward({**theta, name: np.ones((*array.shape, 1))}, x)


def test_parameters_of_another_network_are_refused_and_the_difference_named() -> None:
    network, x = net(), np.ones((2, 3), np.float32)
    wider = bp.Network([bp.Linear(3, 5), bp.Tanh()]).initialize()
    with pytest.raises(ShapeError, match=r"theta\['0.weight'\] has shape \(5, 3\), expected \(4, 3\)"):
        network.forward(wider, x)
    shorter = bp.Network(net().layers[:2]).initialize()
    with pytest.raises(ShapeError, match=r"theta has no parameter '2.0.0.weight'"):
        network.forward(shorter, x)
    longer = bp.Network([*net().layers, bp.Linear(2, 1)]).initialize()
    with pytest.raises(ShapeError, match=r"parameters \['4.bias', '4.weight'\] that the network has not"):
        network.forward(longer, x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bp.Network([]), "no layers given"),
        (lambda: bp.Network([bp.Linear(2, 2), "Tanh"]), "'Tanh' is a str, expected a layer"),
        (lambda: bp.Network([np.tanh]), "expected a layer or a list of layers"),
        (lambda: bp.Linear(0, 2), "in_features=0, expected a whole number of at least 1"),
        (lambda: bp.Linear(2, 2.5), "out_features=2.5"),  # type: ignore[arg-type]
        (lambda: bp.Linear(True, 2), "in_features=True"),
        (lambda: bp.Linear(2, 2, initialization="glorott"), "unknown initialization 'glorott'. Did you mean 'glorot'"),
        (lambda: bp.LayerNorm(0), "features=0"),
        (lambda: bp.LayerNorm(3, eps=-1), "eps=-1"),
        (lambda: bp.Hardtanh(1, 1), "expected low < high"),
        (lambda: bp.Dropout(1.0), "p=1.0, expected a number at least 0 and below 1"),
        (lambda: bp.Dropout(seed=-1), "seed=-1"),
        (lambda: bp.Reshape((-1, -1)), "at most one -1"),
        (lambda: bp.Reshape((0,)), "sizes of at least 1"),
        (lambda: bp.Shared(bp.Tanh(), 0), "times=0"),
        (lambda: bp.Shared(bp.Tanh(), True), "times=True, expected a whole number of at least 1"),
        (lambda: bp.LayerNorm(True), "features=True, expected a whole number"),
        (lambda: bp.LayerNorm(3, eps="x"), "LayerNorm: eps='x', expected a number at least 0"),  # type: ignore[arg-type]
        (lambda: bp.Dropout(p="a"), "Dropout: p='a', expected a number"),  # type: ignore[arg-type]
        (lambda: bp.Dropout(p=True), "Dropout: p=True, expected a number"),
        (lambda: bp.Reshape(5), "Reshape: target=5, expected a tuple of sizes"),  # type: ignore[arg-type]
        (lambda: bp.Reshape((2.5,)), "target=2.5, expected a whole"),  # type: ignore[arg-type]
        (lambda: bp.CELU(alpha=0), "CELU: alpha=0, expected a number above 0"),
        (lambda: bp.Softplus(beta=0), "Softplus: beta=0, expected a number above 0"),
        (lambda: bp.ELU(alpha=float("nan")), "ELU: alpha=nan, expected a finite number"),
        (lambda: bp.Hardtanh("a", "b"), "Hardtanh: low='a', expected a finite number"),  # type: ignore[arg-type]
        (lambda: bp.Softshrink(-1), "width=-1, expected a number at least 0"),
        (lambda: bp.Network(5), "Network: 5 came, expected a list of layers"),  # type: ignore[arg-type]
        (lambda: bp.Network(bp.Tanh()), r"Network: Tanh\(\) came, expected a list"),  # type: ignore[arg-type]
        (lambda: net().initialize(seed=-1), "Network.initialize: seed=-1, expected a whole number of at least 0"),
        (lambda: net().initialize(seed="a"), "Network.initialize: seed='a'"),  # type: ignore[arg-type]
        (lambda: bp.Sum((bp.Tanh(),)), "1 branches given, expected two or more"),
        (lambda: layer_from({"layer": "Tahn"}), "unknown layer 'Tahn'. Did you mean 'Tanh'"),
        (lambda: layer_from({"layer": "Linear", "in_feature": 3}), "Did you mean 'in_features'"),
        (lambda: layer_from({"layer": "Tanh", "x": 3}), "Tanh has no settings, got 'x'"),
        (lambda: layer_from({"layer": "Linear", "in_features": "3", "out_features": 2}), "in_features='3', expected a"),
        (lambda: layer_from({"layer": "Linear", "in_features": 3}), "Linear: settings"),
        (lambda: layer_from({"layer": "ELU", "alpha": float("inf")}), "alpha=inf, expected a finite number"),
        (lambda: layer_from("Tanh"), "expected a table with a name in 'layer'"),
        (lambda: bp.Network.from_description([{"layer": "Tanh"}, {"layer": "Reul"}]), "layer 1: unknown layer 'Reul'"),
        (lambda: bp.Network.from_description({}), "expected a list of layers"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_numpys_numbers_are_taken_and_kept_as_pythons() -> None:
    y = np.array([0, 2, 1])
    network = bp.Network([
        bp.Linear(np.int32(3), y.max() + 1), bp.LayerNorm(np.uint8(3), eps=np.float32(0.5)), bp.Reshape(np.array([3])),
        bp.Shared(bp.ELU(np.float64(2)), np.int16(2)), bp.Dropout(np.float32(0.25), np.int64(1)),
    ])  # fmt: skip
    assert bp.Network.from_description(json.loads(json.dumps(network.describe()))) == network
    assert repr(network[0]) == "Linear(3, 3)"
    np.testing.assert_array_equal(network.initialize(np.int64(7)).vector, network.initialize(7).vector)


def test_arguments_that_are_no_arrays_or_parameters_are_refused_with_the_way_out() -> None:
    network, x = net(), np.ones((2, 3), np.float32)
    theta = network.initialize()
    with pytest.raises(DtypeError, match=r"input is of type list, expected an array; convert it, as in np.asarray"):
        network(theta, [[1.0, 2.0, 3.0]])
    with pytest.raises(DtypeError, match=r"theta is of type dict, expected Parameters, as net.parameters\(arrays\)"):
        network(dict(theta), x)  # type: ignore[arg-type]
    with pytest.raises(
        DtypeError, match=r"theta is of type ndarray, expected Parameters, as .* theta.with_vector\(v\)"
    ):
        network.linearize(theta.vector, x)
    for dtype in ("foo", "int32", "float16"):
        with pytest.raises(DtypeError, match=r"Network.initialize.*expected .*float32.* or .*float64"):
            network.initialize(dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_output_that_is_not_finite_is_traced_to_where_it_arises(dtype: str) -> None:
    network, x = net(), np.ones((2, 3), dtype)
    theta = network.initialize(0, dtype=dtype)
    x[1, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"the input holds nan at \(1, 2\), expected finite numbers"):
        network(theta, x)
    x[1, 2] = 1
    theta["3.bias"][1] = -np.inf
    with pytest.raises(NonFiniteError, match=r"parameter '3.bias' holds -inf at \(1,\)"):
        network(theta, x)
    theta["3.bias"][1] = theta["3.weight"][1, 0] = np.finfo(dtype).max
    theta["2.0.0.bias"][:] = 100
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError, match=r"layer 3, Linear\(4 -> 2\): its output holds"):
        network(theta, x)


def test_starting_values_that_a_layer_forgets_or_misshapes_name_the_layer() -> None:
    class Odd(bp.Linear):
        """A linear layer whose start is cut short."""

        def initialize(self, generator: Any) -> dict[str, Any]:
            start = super().initialize(generator)
            return {"weight": start["weight"].T, "bias": start["bias"]} if self.bias else {}

    with pytest.raises(ShapeError, match=r"layer 1, Odd\(3 -> 2\): initialize gave values of shape \(3, 2\) for '1.w"):
        bp.Network([bp.Tanh(), Odd(3, 2)]).initialize()
    with pytest.raises(ShapeError, match=r"layer 0, Odd\(3 -> 2\): initialize gave no values for '0.weight', expected"):
        bp.Network([Odd(3, 2, bias=False)]).initialize()


def test_user_registers_an_elementwise_layer_in_a_few_lines() -> None:
    class Cube(bp.Elementwise):
        """``y = x^3``."""

        def function(self, x: Any) -> Any:
            return x * x * x

        def derivative(self, x: Any, y: Any) -> Any:
            return 3 * x * x

    try:
        assert bp.register(Cube) is Cube
        network = bp.Network([bp.Linear(2, 3), Cube()])
        assert bp.Network.from_description(network.describe()) == network
        theta, x = network.initialize(0, dtype="float64"), np.ones((2, 2))
        z = x @ theta["0.weight"].T + theta["0.bias"]
        gradient = bp.gradient(network, theta, x, np.zeros((2, 3)), bp.SquaredError(reduction="sum"))
        agree(gradient["0.bias"], (3 * z**5).sum(0), 1e-13, "gradient")
        with pytest.raises(OptionError, match="a layer named 'Cube' exists already"):
            bp.register(type("Cube", (bp.Elementwise,), {}))
    finally:
        LAYERS.pop("Cube", None)


def test_networks_are_values() -> None:
    assert net() == net()
    assert hash(net()) == hash(net())
    assert net() != bp.Network([bp.Tanh()])
    assert (len(net()), net()[1]) == (4, bp.Tanh())
    assert repr(bp.Network([bp.Linear(2, 3), bp.LeakyReLU(0.5)])) == (
        "Network([\n    Linear(2, 3),\n    LeakyReLU(slope=0.5),\n])"
    )
