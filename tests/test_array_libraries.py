"""Every formula is written once: other array libraries give NumPy's numbers, in their own arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import array_api_strict
import jax
import numpy as np
import pytest
import torch

import backproof as bp
from backproof.arrays import to_numpy
from backproof.operators import OPERATORS, Operator
from cases import LAYER_CASES, LOSS_CASES, OPERATOR_CASES, Maker
from networks import Drawn, draw_network
from oracles import agree, point

jax.config.update("jax_enable_x64", True)


@dataclass(frozen=True)
class Library:
    """How a NumPy array becomes one of the library, and what its arrays are."""

    name: str
    convert: Callable[[Any], Any]
    kind: type

    def __repr__(self) -> str:
        return self.name


ELSEWHERE = array_api_strict.Device("device1")
"""A device whose arrays mix with no others: an array made without a device would be found out."""
LIBRARIES = (
    Library(
        "array-api-strict",
        lambda a: array_api_strict.asarray(a, device=ELSEWHERE),
        array_api_strict._array_object.Array,
    ),
    Library("torch", torch.tensor, torch.Tensor),
    Library("jax", jax.numpy.asarray, jax.Array),
)
JAX = LIBRARIES[2]
"""It compiles every operation for every shape: it gets fewer of them here, and whole programs in one test."""
every_library = pytest.mark.parametrize("library", LIBRARIES, ids=repr)


def same(library: Library, came: Any, expected: Any, what: str, rtol: float = 1e-12) -> None:
    """Assert the library's own array, of the dtype and with the numbers expected."""
    assert isinstance(came, library.kind), f"{what}: {type(came)}"
    assert library is not LIBRARIES[0] or came.device == ELSEWHERE, f"{what}: on {came.device}"
    array = to_numpy(came)
    assert array.dtype == np.asarray(expected).dtype, f"{what}: dtype {array.dtype}"
    agree(array, expected, rtol, f"{library.name}: {what}")


@pytest.mark.parametrize(
    ("library", "dtype"),
    [(library, dtype) for library in LIBRARIES for dtype in ("float64", "float32")[: 1 if library is JAX else 2]],
)
@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer))
def test_every_layer_gives_numpys_numbers(case: Any, dtype: str, library: Library) -> None:
    for places in ((), (2,)) if case.axes and library is not JAX else ((),):
        layer, theta, x = point(case, 4, 3, 2, places, dtype=dtype)
        there, moved = {name: library.convert(array) for name, array in theta.items()}, library.convert(x)
        step, expected = layer.linearize(there, moved), layer.linearize(theta, x)
        rtol = 1e-12 if dtype == "float64" else 1e-5
        same(library, layer.forward(there, moved), expected.output, "forward", rtol)
        same(library, step.output, expected.output, "output", rtol)
        delta = np.random.default_rng(1).normal(size=(2, expected.A.shape[0])).astype(dtype)
        same(library, step.A.pull(library.convert(delta)), expected.A.pull(delta), "delta A", rtol)
        for name, B in expected.B.items():
            same(library, step.B[name].pull_sum(library.convert(delta)), B.pull_sum(delta), f"delta B[{name}]", rtol)
        if library is JAX:
            continue
        same(library, step.A.dense(moved), expected.A.dense(x), "A", rtol)
        v = np.random.default_rng(2).normal(size=(2, expected.A.shape[1])).astype(dtype)
        same(library, step.A.push(library.convert(v)), expected.A.push(v), "A v", rtol)
        for name, B in expected.B.items():
            same(library, step.B[name].dense(moved), B.dense(x), f"B[{name}]", rtol)


@every_library
@pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: repr(case.loss))
def test_every_loss_gives_numpys_numbers(case: Any, library: Library) -> None:
    g = np.random.default_rng(0)
    z, y, w = g.normal(size=(3, 4)), case.targets(g, 3, 4), g.random(3)
    for weights in (w,) if library is JAX else (None, w):
        moved = None if weights is None else library.convert(weights)
        value, delta = case.loss.value_and_gradient(library.convert(z), library.convert(y), moved)
        expected, gradient = case.loss.value_and_gradient(z, y, weights)
        same(library, value, expected, "value")
        same(library, delta, gradient, "gradient")
        if library is JAX:
            continue
        same(library, case.loss.value(library.convert(z), library.convert(y), moved), expected, "value alone")
        hessian = case.loss.hessian(library.convert(z), library.convert(y), moved)
        same(library, hessian.dense(), case.loss.hessian(z, y, weights).dense(), "Hessian")


@pytest.mark.parametrize("library", LIBRARIES[:2], ids=repr)
@pytest.mark.parametrize("number", range(len(OPERATOR_CASES)), ids=lambda i: f"{i}-{OPERATOR_CASES[i][0]}")
def test_every_operator_gives_numpys_numbers(number: int, library: Library) -> None:
    build = OPERATOR_CASES[number][1]
    for mode in ("shared", "each", "mixed"):
        for shape in ((4, 4), (2, 6), (6, 2)):
            here, there = build(Maker(mode), *shape), build(Maker(mode, convert=library.convert), *shape)
            if here is not None:
                _same_operator(library, here, there)


def _same_operator(library: Library, here: Operator, there: Operator) -> None:
    g, (m, n) = np.random.default_rng(3), here.shape
    u, rows, v = g.normal(size=(3, m)), g.normal(size=(3, 2, m)), g.normal(size=(3, n))
    same(library, there.pull(library.convert(u)), here.pull(u), f"{here!r}.pull")
    same(library, there.pull(library.convert(rows)), here.pull(rows), f"{here!r}.pull of rows")
    same(library, there.pull_sum(library.convert(u)), here.pull_sum(u), f"{here!r}.pull_sum")
    same(library, there.push(library.convert(v)), here.push(v), f"{here!r}.push")
    same(library, there.dense(library.convert(u)), here.dense(u), f"{here!r}.dense")


@pytest.mark.parametrize("library", LIBRARIES[:2], ids=repr)
@pytest.mark.parametrize("left", sorted(OPERATORS))
def test_every_product_gives_numpys_numbers(left: str, library: Library) -> None:
    like = library.convert(np.ones(1))
    for name, first in OPERATOR_CASES:
        for _, second in OPERATOR_CASES if name == left else ():
            for mode, (m, k, n) in (("each", (4, 4, 4)), ("mixed", (2, 4, 6))):
                pairs = []
                for convert in (np.asarray, library.convert):
                    maker = Maker(mode, convert=convert)
                    pairs.append((first(maker, m, k), second(maker, k, n)))
                (a, b), (c, d) = pairs
                if a is not None and b is not None:
                    same(library, (c @ d).dense(like), (a @ b).dense(np.ones(1)), f"{a!r} @ {b!r}")


@every_library
def test_gradients_are_numpys(library: Library) -> None:
    for seed in (8,) if library is JAX else range(12):
        _same_gradients(draw_network(seed, 1 + seed % 6, 1 + seed % 3), library)


def _same_gradients(drawn: Drawn, library: Library) -> None:
    theta = drawn.net.initialize(0, like=library.convert(np.zeros(1)))
    assert isinstance(theta.vector, library.kind)
    theta, x, y = (
        theta.with_vector(library.convert(drawn.theta.vector)),
        library.convert(drawn.x),
        library.convert(drawn.y),
    )
    for order in (bp.value_and_gradient, bp.algorithm_1, bp.naive_product):
        value, gradient = order(drawn.net, theta, x, y, drawn.loss)
        expected, numbers = order(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss)
        same(library, value, expected, "loss", 1e-11)
        same(library, gradient.vector, numbers.vector, f"{order.__name__} of {drawn.net}", 1e-11)
    by_x = bp.input_gradient(drawn.net, theta, x, y, drawn.loss)
    same(
        library, by_x, bp.input_gradient(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss), "input gradient", 1e-11
    )


@every_library
def test_parameters_are_named_views_in_every_library(library: Library) -> None:
    net = bp.Network([bp.Linear(3, 2), bp.LayerNorm(2)])
    here = net.initialize(5, dtype="float64")
    there = net.initialize(5, like=library.convert(np.zeros(1)))
    assert list(there) == list(here) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    for name in here:
        same(library, there[name], here[name], name)
    again = net.parameters({name: there[name] for name in there})
    same(library, again.vector, here.vector, "vector")
    copy = there.copy()
    same(library, copy.vector, here.vector, "copy")
    half = library.convert(np.zeros(1, np.float32)).dtype
    same(library, there.astype(half).vector, here.vector.astype(np.float32), "astype")


def test_torch_runs_under_inference_mode_and_writes_through_views() -> None:
    net = bp.Network([bp.Linear(3, 2), bp.Tanh()])
    with torch.inference_mode():
        theta = net.initialize(0, like=torch.zeros(1))
        gradient = bp.gradient(net, theta, torch.ones(2, 3), torch.ones(2, 2), bp.SquaredError())
        theta["0.bias"].fill_(7)
    assert theta.vector[-2:].tolist() == [7, 7]
    assert not gradient.vector.requires_grad


@pytest.mark.parametrize("seed", [4, 9])
def test_jax_compiles_the_whole_gradient(seed: int) -> None:
    drawn = draw_network(seed, 4)

    @jax.jit
    def run(vector: Any, x: Any) -> Any:
        theta, y = drawn.theta.with_vector(vector), jax.numpy.asarray(drawn.y)
        value, gradient = bp.value_and_gradient(drawn.net, theta, x, y, drawn.loss)
        return value, gradient.vector

    value, vector = run(drawn.theta.vector, drawn.x)
    expected, gradient = bp.value_and_gradient(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss)
    agree(value, expected, 1e-12, "loss")
    agree(vector, gradient.vector, 1e-11, "gradient")


def test_jax_may_hold_the_input_constant_inside_a_transformation() -> None:
    net, x, y = bp.Network([bp.Linear(2, 3)]), jax.numpy.ones((2, 2)), jax.numpy.array([0, 2])
    theta = net.initialize(0, like=x)
    value, gradient = bp.value_and_gradient(net, theta, x, y, bp.CrossEntropy())

    def loss(vector: Any) -> Any:
        return bp.CrossEntropy().value(net.forward(theta.with_vector(vector), x), y)

    traced, by_jax = jax.value_and_grad(loss)(theta.vector)
    agree(traced, value, 1e-12, "loss")
    agree(by_jax, gradient.vector, 1e-12, "gradient")


@every_library
def test_nan_and_wrong_targets_are_refused_as_on_numpy(library: Library) -> None:
    net = bp.Network([bp.Linear(2, 3), bp.Tanh()])
    theta = net.initialize(0, like=library.convert(np.zeros(1)))
    x, y = np.ones((2, 2)), np.array([0, 1])
    with pytest.raises(bp.errors.DataError, match="example 1 has class index 3, expected 0 to 2"):
        bp.value_and_gradient(net, theta, library.convert(x), library.convert(np.array([0, 3])), bp.CrossEntropy())
    with pytest.raises(bp.errors.DataError, match=r"example 0, output 0 has target 2.0, expected 0 to 1"):
        bp.value_and_gradient(
            net, theta, library.convert(x), library.convert(2 * np.ones((2, 3))), bp.BinaryCrossEntropy()
        )
    x[1, 0] = np.nan
    for activation in (bp.Tanh(), bp.ReLU(), bp.ELU()):
        net = bp.Network([bp.Linear(2, 3), activation])
        with pytest.raises(bp.errors.NonFiniteError, match=r"the input holds nan at \(1, 0\)"):
            bp.value_and_gradient(net, theta, library.convert(x), library.convert(y), bp.CrossEntropy())


QUANTITIES: dict[str, Callable[..., Any]] = {
    "jacobian": lambda net, theta, x, y, u: bp.jacobian(net, theta, x).dense(),
    "by a parameter": lambda net, theta, x, y, u: bp.jacobian(net, theta, x, "0.weight").dense(),
    "dense_jacobian": lambda net, theta, x, y, u: bp.dense_jacobian(net, theta, x),
    "jvp": lambda net, theta, x, y, u: bp.jvp(net, theta, x, x, theta),
    "vjp": lambda net, theta, x, y, u: bp.vjp(net, theta, x)[1](u),
    "jacfwd": lambda net, theta, x, y, u: bp.jacfwd(net, theta, x),
    "jacrev": lambda net, theta, x, y, u: bp.jacrev(net, theta, x),
    "per-example gradients": lambda net, theta, x, y, u: bp.per_example_gradients(
        net, theta, x, y, bp.CrossEntropy()
    ).vector(),
    "clipped": lambda net, theta, x, y, u: bp.clipped_gradient(net, theta, x, y, bp.CrossEntropy(), 0.1),
    "statistics": lambda net, theta, x, y, u: bp.gradient_statistics(net, theta, x, y, bp.CrossEntropy()).mean,
    "ntk": lambda net, theta, x, y, u: bp.ntk(net, theta, x),
    "ntk in blocks": lambda net, theta, x, y, u: bp.ntk(net, theta, x, block=2),
    "ggn": lambda net, theta, x, y, u: bp.ggn(net, theta, x, y, bp.CrossEntropy()) @ theta,
    "ggn diagonal": lambda net, theta, x, y, u: bp.ggn(net, theta, x, y, bp.CrossEntropy()).diagonal(),
    "ggn block": lambda net, theta, x, y, u: bp.ggn(net, theta, x, y, bp.CrossEntropy()).block("0.weight"),
    "fisher": lambda net, theta, x, y, u: bp.fisher(net, theta, x, y, bp.CrossEntropy(), kind="sampled") @ theta,
    "affine": lambda net, theta, x, y, u: bp.local_affine(net, theta, x)(x),
    "interval": lambda net, theta, x, y, u: bp.prediction_interval(net, theta, x, 0.1).upper,
}


def _numbers(result: Any) -> list[Any]:
    if isinstance(result, tuple):
        return [number for part in result for number in _numbers(part)]
    return [result.vector if isinstance(result, bp.Parameters) else result]


def _mixed_network() -> Any:
    return bp.Network([bp.Linear(3, 4), bp.GELU(), bp.Residual([bp.LayerNorm(4), bp.Linear(4, 4)]), bp.Linear(4, 3)])


def _point() -> tuple[Any, ...]:
    g, net = np.random.default_rng(0), _mixed_network()
    return net, net.initialize(0, "float64"), g.normal(size=(3, 3)), np.array([0, 2, 1]), g.normal(size=(3, 3))


@every_library
def test_every_quantity_is_numpys_in_the_librarys_own_arrays(library: Library) -> None:
    net, theta, *arrays = _point()
    there = [theta.with_vector(library.convert(theta.vector)), *map(library.convert, arrays)]
    for name, quantity in QUANTITIES.items() if library is not JAX else list(QUANTITIES.items())[3:5]:
        expected = _numbers(quantity(net, theta, *arrays))
        for came, number in zip(_numbers(quantity(net, *there)), expected, strict=True):
            same(library, came, number, name, 1e-11)


@pytest.mark.parametrize("library", LIBRARIES[:2], ids=repr)
def test_numbers_for_people_come_from_every_library(library: Library) -> None:
    net, theta, x, y, _ = _point()
    there, moved = theta.with_vector(library.convert(theta.vector)), library.convert(x)
    spectrum, expected = bp.spectrum(net, there, moved), bp.spectrum(net, theta, x)
    for layer, other in zip(spectrum.layers, expected.layers, strict=True):
        agree(layer.product, other.product, 1e-11, "singular values")
    matrix = bp.ggn(net, there, moved, library.convert(y), bp.CrossEntropy())
    numpys = bp.ggn(net, theta, x, y, bp.CrossEntropy())
    agree(matrix.trace(), numpys.trace(), 1e-11, "trace")
    agree(matrix.scipy() @ theta.vector, numpys @ theta.vector, 1e-11, "scipy")
    operator = bp.jacobian(net, there, moved)
    agree(operator.scipy(1) @ x[0], bp.jacobian(net, theta, x).dense()[1] @ x[0], 1e-11, "one example in scipy")


def test_tensors_that_require_gradients_are_taken_and_nothing_is_recorded() -> None:
    net, theta, x, y, u = _point()
    vector = torch.tensor(theta.vector, requires_grad=True)
    there, tensors = theta.with_vector(vector), [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in (x, y, u)]
    results = {name: _numbers(quantity(net, there, *tensors)) for name, quantity in QUANTITIES.items() if name != "ggn"}
    results["gradient"] = _numbers(bp.value_and_gradient(net, there, *tensors[:2], bp.CrossEntropy()))
    results["forward"] = [net.forward(there, tensors[0])]
    results["loss"] = [bp.CrossEntropy().value(tensors[2], tensors[1])]
    results["layer"] = [bp.Linear(3, 4).forward({n: there[f"0.{n}"] for n in ("weight", "bias")}, tensors[0])]
    for name, tensors in results.items():
        assert not any(tensor.requires_grad for tensor in tensors), name
    with torch.no_grad():
        vector.add_(1)
    assert torch.equal(there["0.weight"].flatten(), vector[:12])


def test_results_may_be_used_in_autograd_afterwards() -> None:
    net, theta, x, y, _ = _point()
    _, gradient = bp.value_and_gradient(
        net, theta.with_vector(torch.tensor(theta.vector)), torch.tensor(x), torch.tensor(y), bp.CrossEntropy()
    )
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    (scale * gradient.vector).sum().backward()
    agree(scale.grad, gradient.vector.sum(), 1e-14, "derivative")


def test_no_array_is_made_on_another_device_than_the_inputs() -> None:
    # PyTorch's meta device has shapes and no numbers, and mixes with no other.
    meta = torch.device("meta")
    for case in LAYER_CASES:
        layer = case.layer
        theta = {name: torch.empty(shape, device=meta) for name, shape in layer.parameter_shapes.items()}
        step = layer.linearize(theta, torch.empty(2, *case.shape, device=meta))
        assert step.output.device == meta, repr(layer)
        delta = torch.empty(2, step.A.shape[0], device=meta)
        assert step.A.pull(delta).device == meta, repr(layer)
        assert all(B.pull_sum(delta).device == meta for B in step.B.values()), repr(layer)
    assert _mixed_network().initialize(0, like=torch.empty(1, device=meta)).vector.device == meta


@pytest.mark.parametrize("library", LIBRARIES, ids=repr)
def test_mixed_libraries_and_dtypes_are_refused_by_name(library: Library) -> None:
    net = bp.Network([bp.Linear(2, 3)])
    theta = net.initialize(0, like=library.convert(np.zeros(1)))
    with pytest.raises(bp.errors.DtypeError, match=r"input of numpy, theta of .*, expected one library"):
        net.forward(theta, np.ones((2, 2)))
    z, u = library.convert(np.ones((2, 3))), np.ones((2, 3))
    with pytest.raises(bp.errors.DtypeError, match=r"CrossEntropy: targets of numpy, outputs of .*, expected one lib"):
        bp.CrossEntropy().value(z, np.array([0, 1]))
    with pytest.raises(bp.errors.DtypeError, match="SquaredError: targets of numpy"):
        bp.SquaredError().value(z, u)
    with pytest.raises(bp.errors.DtypeError, match="SquaredError: weights of numpy"):
        bp.SquaredError().value(z, z, weights=np.ones(2))
    with pytest.raises(bp.errors.DtypeError, match="SquaredError: targets of type list"):
        bp.SquaredError().value(z, [[1.0, 2.0, 3.0]] * 2)
    with pytest.raises(bp.errors.DtypeError, match="jvp: dx of numpy"):
        bp.jvp(net, theta, library.convert(np.ones((2, 2))), np.ones((2, 2)))
    with pytest.raises(bp.errors.DtypeError, match="vjp: u of numpy"):
        bp.vjp(net, theta, library.convert(np.ones((2, 2))))[1](u)
    with pytest.raises(bp.errors.DtypeError, match=r"input of .*, theta of numpy, expected one library"):
        net.forward(net.initialize(), library.convert(np.ones((2, 2), np.float32)))
    with pytest.raises(bp.errors.DtypeError, match="input has dtype float32, theta float64"):
        net.forward(theta, library.convert(np.ones((2, 2), np.float32)))
    with pytest.raises(bp.errors.DtypeError, match="input has dtype int64"):
        net.forward(theta, library.convert(np.ones((2, 2), np.int64)))


def test_mixed_devices_are_refused_by_name() -> None:
    net = bp.Network([bp.Linear(2, 3)])
    theta = net.initialize(0, like=array_api_strict.zeros(1, device=ELSEWHERE))
    with pytest.raises(bp.errors.DtypeError, match=r"input on device .*CPU_DEVICE.*, theta on .*device1"):
        net.forward(theta, array_api_strict.ones((2, 2)))
    x = array_api_strict.ones((2, 2), device=ELSEWHERE)
    with pytest.raises(bp.errors.DtypeError, match=r"targets on device .*CPU_DEVICE.*, outputs on .*device1"):
        bp.value_and_gradient(net, theta, x, array_api_strict.asarray([0, 1]), bp.CrossEntropy())
    with pytest.raises(bp.errors.DtypeError, match="input on device meta, theta on cpu, expected one device"):
        net.forward(net.initialize(0, like=torch.zeros(1)), torch.zeros(2, 2, device="meta"))


@pytest.mark.parametrize("kind", [list, np.asarray])
def test_lists_are_taken_for_numpys_arrays(kind: Any) -> None:
    z = np.ones((2, 3))
    assert bp.CrossEntropy().value(z, kind([0, 2])) == bp.CrossEntropy().value(z, np.array([0, 2]))


def test_a_layer_refuses_parameters_of_another_library() -> None:
    theta = {"weight": np.ones((3, 2)), "bias": np.ones(3)}
    with pytest.raises(bp.errors.DtypeError, match=r"Linear\(2 -> 3\): parameter 'weight' of numpy, input of torch"):
        bp.Linear(2, 3).forward(theta, torch.ones(1, 2, dtype=torch.float64))
