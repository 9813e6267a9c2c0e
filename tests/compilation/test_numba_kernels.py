"""Programs whose elementwise runs numba compiles give the numbers of the formulas, and the same errors."""

import re
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof import errors
from backproof.compilation import numba_expressions, numba_loops, numba_lowering
from cases import LAYER_CASES, LOSS_CASES, LayerCase, LossCase
from compilation.test_programs import TOLERANCE, difference, small
from networks import draw_network


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run kernels as the Python that they are: the same text, and nothing to wait for."""

    def plain(text: str) -> Any:
        words = {word: getattr(np, word) for word in ("exp", "expm1", "log", "log1p", "sqrt", "intp", "inf", "nan")}
        names = {**words, "f4": np.float32, "f8": np.float64}
        exec(text, names)
        return names["kernel"]

    monkeypatch.setattr(numba_lowering, "compiled", plain)


def program_for(net: Any, loss: Any, dtype: str, shape: Any = None) -> Any:
    return bp.compile(net, loss=loss, dtype=dtype, input_shape=shape, kernels="numba")


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("seed", range(100))
def test_random_networks_have_the_same_numbers(seed: int) -> None:
    drawn = draw_network(seed, depth=2 + seed % 4, places=(2,) * (seed % 3 == 2))
    for dtype, tolerance in TOLERANCE.items():
        theta, x = drawn.theta.astype(dtype), drawn.x.astype(dtype)
        y = drawn.y if drawn.y.dtype.kind == "i" else drawn.y.astype(dtype)
        program = program_for(drawn.net, drawn.loss, dtype, x.shape[1:])
        assert difference(program, drawn.net, theta, x, y, drawn.loss) <= tolerance
        assert difference(program, drawn.net, theta, x[:1], y[:1], drawn.loss) <= tolerance


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer)[:60])
def test_every_layer_has_the_same_numbers(case: LayerCase) -> None:
    net, g, loss = bp.Network([case.layer, bp.Flatten()]), np.random.default_rng(0), bp.SquaredError()
    theta = net.initialize(0, dtype="float64")
    theta.vector[:] += 0.3 * g.normal(size=theta.vector.shape)
    program = program_for(net, loss, "float64", case.shape)
    for n in (5, 1):
        x, y = g.normal(size=(n, *case.shape)), g.normal(size=(n, *net.output_shape(case.shape)))
        assert difference(program, net, theta, x, y, loss) <= 1e-12


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: repr(case.loss))
def test_every_loss_has_the_same_numbers_with_and_without_weights(case: LossCase, reduction: str) -> None:
    net, g, loss = bp.Network([bp.Linear(4, 5), bp.ReLU()]), np.random.default_rng(1), case.loss
    loss = replace(loss, reduction=reduction)
    theta, program = net.initialize(0, dtype="float64"), program_for(net, loss, "float64")
    for n in (7, 1, 257):
        x, y = g.normal(size=(n, 4)), case.targets(g, n, 5)
        assert difference(program, net, theta, x, y, loss) <= 1e-12
        assert difference(program, net, theta, x, y, loss, g.random(n)) <= 1e-12


@pytest.mark.parametrize(("dtype", "smoothing"), [("float32", 0.0), ("float64", 0.1)])
def test_compiled_kernels_have_the_same_numbers(dtype: str, smoothing: float) -> None:
    net, theta, x, y = small(dtype)
    loss = bp.CrossEntropy(smoothing=smoothing)
    program = program_for(net, loss, dtype)
    for times in (1, 40):
        many = np.tile(x, (times, 1)), np.tile(y, times)
        assert difference(program, net, theta, *many, loss) <= TOLERANCE[dtype]


def test_the_same_call_gives_the_same_bits_and_follows_parameters_changed_in_place() -> None:
    net, theta, x, y = small("float32")
    program, out = program_for(net, bp.CrossEntropy(), "float32"), theta.copy()
    loss, first = program(theta, x, y)
    again, gradient = program(theta, x, y, out=out)
    assert gradient is out
    assert loss == again
    assert isinstance(loss, np.float32)
    np.testing.assert_array_equal(first.vector, out.vector)
    theta.vector[:] *= 2
    assert difference(program, net, theta, x, y, bp.CrossEntropy()) <= 1e-5


def test_equal_kernels_are_compiled_once() -> None:
    layers = [part for _ in range(6) for part in (bp.Linear(8, 8), bp.ReLU())]
    source = program_for(bp.Network([*layers, bp.Linear(8, 3)]), bp.CrossEntropy(), "float32").source
    kernels = re.findall(r"^def (kernel_\d+)", source, re.M)
    calls = re.findall(r"^    (kernel_\d+)\(", source, re.M)
    assert set(calls) == set(kernels)
    assert len(calls) >= 14 > 2 * len(kernels)


def test_products_and_vectorised_functions_stay_with_numpy() -> None:
    net = bp.Network([bp.Linear(8, 8), bp.Tanh(), bp.Linear(8, 3)])
    source = program_for(net, bp.CrossEntropy(), "float32").source
    kernels, run = source.split("def buffers")[0], source.split("def run")[1]
    for call in ("    tanh(", "    exp(", "    dot(W1, "):
        assert call in run
        assert call.strip() not in kernels


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("bad", [3, -1, 2**40])
def test_wrong_targets_and_numbers_are_refused_as_the_formulas_refuse_them(bad: int) -> None:
    net, theta, x, y = small()
    program = program_for(net, bp.CrossEntropy(), "float64")
    program(theta, x, y)
    wrong = y.copy()
    wrong[2] = bad
    for arguments in ((theta, x, wrong), (theta, np.where(x == x[2, 2], np.nan, x), y)):
        with pytest.raises(errors.BackproofError) as raised:
            program(*arguments)
        with pytest.raises(errors.BackproofError) as expected:
            bp.value_and_gradient(net, *arguments, bp.CrossEntropy())
        assert str(raised.value) == str(expected.value)


def test_impossible_kernels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    net = small()[0]
    with pytest.raises(errors.OptionError, match="kernels='cuda', expected None or 'numba'"):
        bp.compile(net, loss=bp.CrossEntropy(), kernels="cuda")
    with pytest.raises(errors.OptionError, match="library='torch', expected library='numpy'"):
        bp.compile(net, loss=bp.CrossEntropy(), kernels="numba", library="torch")
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(errors.MissingExtraError, match=r"backproof\[numba\]"):
        bp.compile(net, loss=bp.CrossEntropy(), kernels="numba")


@pytest.mark.usefixtures("interpreted")
def test_a_wrong_expression_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(numba_expressions._CALLED, "maximum", "{0}")
    net, theta, x, y = small()
    assert difference(program_for(net, bp.CrossEntropy(), "float64"), net, theta, x, y, bp.CrossEntropy()) > 1e-3


@pytest.mark.usefixtures("interpreted")
def test_a_result_that_is_not_stored_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = numba_loops.Loop.stored
    monkeypatch.setattr(numba_loops.Loop, "stored", lambda self: stored(self)[-1:])
    seen = False
    for seed in range(12):
        drawn = draw_network(seed, depth=4)
        program = program_for(drawn.net, drawn.loss, "float64", drawn.x.shape[1:])
        seen |= difference(program, drawn.net, drawn.theta.astype("float64"), drawn.x, drawn.y, drawn.loss) > 1e-6
    assert seen
