"""Compiled for PyTorch, every layer, loss and network gives the numbers of the ordinary formulas."""

import threading
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import backproof as bp
from backproof.compilation.compiled import compile
from backproof.compilation.torch_fusion import fused
from cases import LAYER_CASES, LOSS_CASES
from networks import draw_network
from oracles import agree

RTOL = {"float64": 1e-12, "float32": 1e-5}


def tensors(*arrays: Any, dtype: str = "float64") -> list[Any]:
    return [torch.tensor(a.astype(dtype) if a.dtype.kind == "f" else a) for a in map(np.asarray, arrays)]


def same(net: Any, loss: Any, theta: Any, x: Any, y: Any, dtype: str, weights: Any = None) -> Any:
    """Assert that program and formulas agree, at the first call and at the next ones."""
    program = compile(net, loss=loss, library="torch", dtype=dtype, input_shape=tuple(x.shape[1:]))
    assert program.compiled, program.reason
    vector, x, y = tensors(theta.vector, x, y, dtype=dtype)
    theta = theta.with_vector(vector)
    w = None if weights is None else tensors(weights, dtype=dtype)[0]
    value, gradient = bp.value_and_gradient(net, theta, x, y, loss, weights=w)
    for _ in range(2):
        for out in (None, theta.copy()):
            mine, vector = program(theta, x, y, weights=w, out=out)
            agree(mine, value, RTOL[dtype], f"loss of {net}")
            agree(vector.vector, gradient.vector, RTOL[dtype], f"gradient of {net}")
            assert not mine.is_inference()
            assert not vector.vector.is_inference()
            assert mine.dtype == vector.vector.dtype == theta.vector.dtype
    return program


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer))
def test_every_layer_gives_the_formulas_numbers(case: Any, dtype: str) -> None:
    if getattr(case.layer, "step", None) is not None:
        pytest.skip("a mask is drawn by the ordinary formulas alone")
    g, net = np.random.default_rng(0), bp.Network([case.layer])
    theta = net.initialize(0, "float64")
    theta = theta.with_vector(theta.vector + 0.3 * g.normal(size=theta.vector.shape))
    for batch in (1, 3):
        x = g.normal(size=(batch, *case.shape))
        size = int(np.prod(net.output_shape(case.shape)))
        same(net, bp.SquaredError(), theta, x, g.normal(size=(batch, size)), dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: repr(case.loss))
def test_every_loss_gives_the_formulas_numbers(case: Any, dtype: str) -> None:
    g, net = np.random.default_rng(0), bp.Network([bp.Linear(3, 4), bp.LogSoftmax()])
    theta = net.initialize(1, "float64")
    x, y = g.normal(size=(5, 3)), case.targets(g, 5, 4)
    same(net, case.loss, theta, x, y, dtype)
    same(net, case.loss, theta, x, y, dtype, weights=g.random(5))


@pytest.mark.parametrize("seed", range(34))
def test_random_networks_give_the_formulas_numbers(seed: int) -> None:
    for number in range(3):
        drawn = draw_network(100 * seed + number, 1 + (seed + number) % 5, 1 + seed % 4, (2,) if number == 2 else ())
        if "step=" not in repr(drawn.net):
            dtype = "float64" if number else "float32"
            same(drawn.net, drawn.loss, drawn.theta, drawn.x, drawn.y, dtype)


def _digits() -> tuple[Any, ...]:
    g = np.random.default_rng(0)
    net = bp.Network([bp.Linear(20, 16), bp.ReLU(), bp.Linear(16, 12), bp.Tanh(), bp.Linear(12, 10)])
    theta = net.initialize(0, like=torch.zeros(1))
    return net, theta, *tensors(g.normal(size=(6, 20)), g.integers(0, 10, 6), dtype="float32")


def test_pytorchs_own_calls_are_found() -> None:
    net, theta, x, y = _digits()
    program = compile(net, loss=bp.CrossEntropy(), library="torch")
    program(theta, x, y)
    for call in ("addmm(", "threshold_backward(", "tanh_backward(", "(log_softmax, ", "gather(", "out=gW1"):
        assert call in program.source, call
    assert "amax(" not in program.source
    operations = {s.operation for s in fused(program.trace).statements}
    assert {"affine", "relu_backward", "tanh_backward", "log_softmax"} <= operations


@pytest.mark.parametrize("n", [63, 64, 200])
def test_short_rows_have_the_same_softmax_by_way_of_columns(n: int) -> None:
    g, net = np.random.default_rng(0), bp.Network([bp.Linear(3, 10)])
    same(net, bp.CrossEntropy(), net.initialize(0, "float64"), g.normal(size=(n, 3)), g.integers(0, 10, n), "float64")
    net = bp.Network([bp.Linear(3, 10), bp.Softmax(), bp.Linear(10, 2)])
    same(net, bp.SquaredError(), net.initialize(0, "float64"), g.normal(size=(n, 3)), g.normal(size=(n, 2)), "float64")


def test_large_products_are_onednns_and_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backproof.compilation.torch_fusion.LARGE", 2**24)
    net = bp.Network([bp.Linear(600, 300), bp.ReLU(), bp.Linear(300, 300), bp.Tanh(), bp.Linear(300, 5)])
    g = np.random.default_rng(0)
    theta, x, y = net.initialize(0, "float64"), g.normal(size=(400, 600)), g.integers(0, 5, 400)
    small = compile(net, loss=bp.CrossEntropy(), library="torch")
    large = compile(net, loss=bp.CrossEntropy(), library="torch", batch=400)
    assert "linear_pointwise" not in small.source
    assert large.source.count("linear_pointwise") == 3 * torch.backends.mkldnn.is_available()
    same(net, bp.CrossEntropy(), theta, x, y, "float32")
    same(net, bp.CrossEntropy(), theta, x, y, "float64")


def test_batches_of_any_size_share_one_source() -> None:
    net, theta, _, _ = _digits()
    program, g = compile(net, loss=bp.CrossEntropy(), library="torch"), np.random.default_rng(1)
    for n in (7, 3, 1, 64, 7, 2, 30):
        x, y = tensors(g.normal(size=(n, 20)), g.integers(0, 10, n), dtype="float32")
        for _ in range(2):
            value, gradient = program(theta, x, y)
            expected, vector = bp.value_and_gradient(net, theta, x, y, bp.CrossEntropy())
            agree(value, expected, 1e-5, "loss")
            agree(gradient.vector, vector.vector, 1e-5, "gradient")


def test_gradients_returned_are_not_written_again() -> None:
    net, theta, x, y = _digits()
    program = compile(net, loss=bp.CrossEntropy(), library="torch")
    program(theta, x, y)
    loss, first = program(theta, x, y)
    kept, value = first.vector.clone(), loss.item()
    program(theta, x + 1, y)
    assert torch.equal(first.vector, kept)
    assert loss.item() == value


def test_a_step_on_theta_is_seen_and_results_enter_autograd() -> None:
    net, theta, x, y = _digits()
    program = compile(net, loss=bp.CrossEntropy(), library="torch")
    program(theta, x, y)
    before, gradient = program(theta, x, y)
    theta.vector.sub_(0.1 * gradient.vector)
    assert program(theta, x, y)[0] < before
    scale = torch.ones((), requires_grad=True)
    (scale * gradient.vector).square().sum().backward()
    (scale * gradient["0.weight"]).square().sum().backward()
    assert not gradient["0.weight"].is_inference()
    assert scale.grad is not None


def test_tensors_that_require_gradients_are_taken() -> None:
    net, theta, x, y = _digits()
    program = compile(net, loss=bp.CrossEntropy(), library="torch")
    moved = theta.with_vector(theta.vector.clone().requires_grad_())
    for _ in range(2):
        value, gradient = program(moved, x.clone().requires_grad_(), y)
    assert not value.requires_grad
    assert not gradient.vector.requires_grad
    agree(gradient.vector, program(theta, x, y)[1].vector, 1e-6, "gradient")


def test_wrong_arguments_are_refused_as_by_the_formulas() -> None:
    net, theta, x, y = _digits()
    program = compile(net, loss=bp.CrossEntropy(), library="torch")
    for _ in range(2):
        with pytest.raises(bp.errors.DataError, match="example 0 has class index 10, expected 0 to 9"):
            program(theta, x, y * 0 + 10)
        with pytest.raises(bp.errors.DataError, match="example 0 has class index -1"):
            program(theta, x, y * 0 - 1)
        with pytest.raises(bp.errors.NonFiniteError, match="the input holds nan"):
            program(theta, x * float("nan"), y)
        with pytest.raises(bp.errors.DtypeError, match="input of numpy, theta of torch"):
            program(theta, x.numpy(), y)
        with pytest.raises(bp.errors.DtypeError, match="targets of numpy, outputs of torch"):
            program(theta, x, y.numpy())
        with pytest.raises(bp.errors.DtypeError, match="input on device meta, theta on cpu"):
            program(theta, x.to("meta"), y.to("meta"))
        with pytest.raises(bp.errors.DtypeError, match="targets on device meta, outputs on cpu"):
            program(theta, x, y.to("meta"))
        with pytest.raises(bp.errors.DtypeError, match="input of torch, theta of numpy"):
            program(net.initialize(0), x, y)
        with pytest.raises(bp.errors.OptionError, match="out is for NumPy and PyTorch"):
            program(theta, x, y, out=theta)
        program(theta, x, y)


def test_targets_out_of_range_are_refused_by_every_check() -> None:
    net = bp.Network([bp.Linear(3, 2)])
    theta, x = net.initialize(0, like=torch.zeros(1)), torch.ones(2, 3)
    program = compile(net, loss=bp.BinaryCrossEntropy(), library="torch")
    program(theta, x, torch.ones(2, 2))
    with pytest.raises(bp.errors.DataError, match=r"has target 2\.0, expected 0 to 1"):
        program(theta, x, 2 * torch.ones(2, 2))


def test_threads_may_share_a_program() -> None:
    net, theta, x, y = _digits()
    program = compile(net, loss=bp.CrossEntropy(), library="torch")
    expected = [bp.gradient(net, theta, x + i, y, bp.CrossEntropy()).vector for i in range(4)]
    wrong: list[str] = []

    def work(i: int) -> None:
        found = [program(theta, x + i, y)[1].vector for _ in range(30)]
        wrong.extend(f"thread {i}" for v in found if not torch.allclose(v, expected[i], rtol=1e-4, atol=1e-6))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_memory_is_made_on_the_device_of_the_inputs() -> None:
    # The meta device has shapes and no numbers, so that the run ends where the loss is looked at.
    net, _, x, _ = _digits()
    theta = net.initialize(0, like=torch.zeros(1, device="meta"))
    program = compile(net, loss=bp.SquaredError(), library="torch")
    found = program._variant((20,), ("float32", (10,)), 6, False)
    with pytest.raises(RuntimeError, match="meta"):
        found.run(theta, x.to("meta"), torch.zeros(6, 10, device="meta"), None, None)
    assert found.run._state.own.vector.device.type == "meta"


def test_a_layer_that_cannot_be_traced_falls_back_with_one_warning() -> None:
    class Own(bp.layers.Elementwise):
        def function(self, x: Any) -> Any:
            return x * 2 if float(x[0, 0]) > 0 else x

        def derivative(self, x: Any, y: Any) -> Any:
            return x * 0 + (2 if float(x[0, 0]) > 0 else 1)

    net = bp.Network([bp.Linear(3, 2), Own()])
    with pytest.warns(UserWarning, match=r"layer 1, Own\(\)"):
        program = compile(net, loss=bp.SquaredError(), library="torch")
    theta = net.initialize(0, like=torch.zeros(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, _ = program(theta, torch.ones(2, 3), torch.ones(2, 2))
    assert not program.compiled
    expected = bp.value_and_gradient(net, theta, torch.ones(2, 3), torch.ones(2, 2), bp.SquaredError())[0]
    agree(value, expected, 1e-6, "loss")


@pytest.mark.parametrize("layer", [bp.Softmax(), bp.LogSoftmax()])
@pytest.mark.parametrize("loss", [bp.CrossEntropy(), bp.SquaredError()])
def test_narrow_softmaxes_of_one_width_have_room_for_their_own_rows(layer: Any, loss: Any) -> None:
    net = bp.Network([bp.Reshape((2, 3)), layer, bp.Flatten(), bp.Linear(6, 3), layer])
    theta, g = net.initialize(0, "float64"), np.random.default_rng(0)
    for batch in (3, 32, 64, 70):
        y = g.integers(3, size=batch) if isinstance(loss, bp.CrossEntropy) else g.normal(size=(batch, 3))
        same(net, loss, theta, g.normal(size=(batch, 6)), y, "float64")
