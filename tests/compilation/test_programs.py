"""A compiled program gives the numbers and the errors of the ordinary formulas."""

import copy
import gc
import linecache
import pickle
import threading
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
import torch

import backproof as bp
from backproof import errors
from backproof.compilation import Program, compiled, passes, planning
from backproof.compilation.program import Statement, Trace
from cases import LAYER_CASES, LOSS_CASES, LayerCase, LossCase
from networks import draw_network

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def difference(program: Any, net: Any, theta: Any, x: Any, y: Any, loss: Any, weights: Any = None) -> float:
    """Return the largest relative difference of loss and gradient between the program and the formulas."""
    value, gradient = program(theta, x, y, weights=weights)
    expected, vector = bp.value_and_gradient(net, theta, x, y, loss, weights=weights)
    assert gradient.vector.dtype == value.dtype == x.dtype
    scale = max(np.abs(vector.vector).max(initial=0), np.finfo(x.dtype).tiny)
    apart = np.abs(gradient.vector - vector.vector).max(initial=0) / scale
    return float(max(apart, abs(value - expected) / max(abs(expected), 1e-30)))


@pytest.mark.parametrize("seed", range(100))
def test_random_networks_have_the_same_numbers(seed: int) -> None:
    drawn = draw_network(seed, depth=2 + seed % 4, places=(2,) * (seed % 3 == 2))
    for dtype, tolerance in TOLERANCE.items():
        theta, x = drawn.theta.astype(dtype), drawn.x.astype(dtype)
        y = drawn.y if drawn.y.dtype.kind == "i" else drawn.y.astype(dtype)
        program = bp.compile(drawn.net, loss=drawn.loss, dtype=dtype, input_shape=x.shape[1:])
        assert program.compiled, program.reason
        assert difference(program, drawn.net, theta, x, y, drawn.loss) <= tolerance
        assert difference(program, drawn.net, theta, x[:1], y[:1], drawn.loss) <= tolerance


@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer)[:60])
def test_every_layer_has_the_same_numbers_for_every_kind_of_batch(case: LayerCase) -> None:
    net, g = bp.Network([case.layer, bp.Flatten()]), np.random.default_rng(0)
    theta = net.initialize(0, dtype="float64")
    theta.vector[:] += 0.3 * g.normal(size=theta.vector.shape)
    loss = bp.SquaredError()
    program = bp.compile(net, loss=loss, dtype="float64", input_shape=case.shape)
    for n in (5, 1, 300):
        x, y = g.normal(size=(n, *case.shape)), g.normal(size=(n, *net.output_shape(case.shape)))
        assert difference(program, net, theta, x, y, loss) <= 1e-12
    assert program.compiled


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: repr(case.loss))
def test_every_loss_has_the_same_numbers_with_and_without_weights(case: LossCase, reduction: str) -> None:
    net, g, loss = bp.Network([bp.Linear(4, 5), bp.Tanh()]), np.random.default_rng(1), case.loss
    loss = replace(loss, reduction=reduction)
    theta = net.initialize(0, dtype="float64")
    program = bp.compile(net, loss=loss, dtype="float64")
    for n in (7, 1, 300):
        x, y = g.normal(size=(n, 4)), case.targets(g, n, 5)
        assert difference(program, net, theta, x, y, loss) <= 1e-12
        assert difference(program, net, theta, x, y, loss, g.random(n)) <= 1e-12


def small(dtype: str = "float64") -> tuple[bp.Network, bp.Parameters, Any, Any]:
    net, g = bp.Network([bp.Linear(6, 5), bp.ReLU(), bp.Linear(5, 3)]), np.random.default_rng(2)
    return net, net.initialize(0, dtype=dtype), g.normal(size=(8, 6)).astype(dtype), g.integers(0, 3, 8)


def test_a_program_follows_parameters_changed_in_place_and_writes_where_it_is_told() -> None:
    net, theta, x, y = small()
    program, loss, out = bp.compile(net, loss=bp.CrossEntropy(), dtype="float64"), bp.CrossEntropy(), theta.copy()
    for step in range(3):
        value, gradient = program(theta, x, y, out=out)
        expected, vector = bp.value_and_gradient(net, theta, x, y, loss)
        assert gradient is out
        np.testing.assert_allclose(out.vector, vector.vector, rtol=1e-12, atol=1e-14)
        assert value == pytest.approx(expected, rel=1e-12)
        theta.vector[:] -= 0.1 * out.vector
        x, y = (x, y) if step else (x[:5], y[:5])


def test_results_of_different_calls_share_no_memory() -> None:
    net, theta, x, y = small()
    program = bp.compile(net, loss=bp.CrossEntropy(), dtype="float64")
    first = program(theta, x, y)[1]
    kept = first.vector.copy()
    program(theta, x + 1, y)
    np.testing.assert_array_equal(first.vector, kept)


def test_class_indices_of_every_integer_dtype_are_taken() -> None:
    net, theta, x, y = small()
    program = bp.compile(net, loss=bp.CrossEntropy(), dtype="float64")
    expected = program(theta, x, y)[1].vector
    for dtype in ("int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"):
        np.testing.assert_array_equal(program(theta, x, y.astype(dtype))[1].vector, expected)


@pytest.mark.parametrize("settings", [{}, {"kernels": "numba"}, {"library": "torch"}, {"library": "jax"}], ids=str)
@pytest.mark.parametrize("loss", [bp.CrossEntropy(), bp.CrossEntropy(smoothing=0.1)], ids=repr)
@pytest.mark.parametrize(("kind", "classes"), [("int8", 300), ("uint8", 256), ("uint16", 300)])
def test_class_indices_in_too_narrow_a_dtype_are_taken_and_refused_like_others(
    settings: Any, loss: Any, kind: str, classes: int
) -> None:
    net = bp.Network([bp.Linear(4, classes)])
    library = {"torch": torch.tensor, "jax": jax.numpy.asarray}.get(settings.get("library"), np.asarray)
    numpys, x = net.initialize(0), np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    theta = numpys.with_vector(library(numpys.vector))
    program, y = bp.compile(net, loss=loss, **settings), np.array([5, 127, min(255, np.iinfo(kind).max)], kind)
    expected, vector = bp.value_and_gradient(net, numpys, x, y.astype("int64"), loss)
    for _ in range(2):
        value, gradient = program(theta, library(x), library(y))
        assert float(value) == pytest.approx(float(expected), rel=1e-5)
        np.testing.assert_allclose(gradient.vector, vector.vector, rtol=1e-4, atol=1e-6)
    assert program.compiled
    if kind != "uint8":
        wrong = np.array([0, 1, -1 if kind == "int8" else classes], kind)
        with pytest.raises(errors.DataError, match=f"example 2 has class index {wrong[2]}, expected 0"):
            program(theta, library(x), library(wrong))


def test_inputs_may_lie_in_memory_in_any_way() -> None:
    net, theta, x, y = small()
    program, loss = bp.compile(net, loss=bp.CrossEntropy(), dtype="float64"), bp.CrossEntropy()
    wide = np.repeat(np.repeat(x, 2, axis=1), 2, axis=0)
    for array in (np.asfortranarray(x), wide[::2, ::2], x[::-1]):
        assert difference(program, net, theta, array, y, loss) <= 1e-12


def test_threads_call_one_program_at_the_same_time() -> None:
    net, theta, x, y = small()
    program = bp.compile(net, loss=bp.CrossEntropy(), dtype="float64")
    points = [theta.with_vector(theta.vector * (1 + i)) for i in range(4)]
    expected = [program(point, x, y)[1].vector.copy() for point in points]
    wrong: list[bool] = []

    def work(i: int) -> None:
        wrong.extend(not np.array_equal(program(points[i], x, y)[1].vector, expected[i]) for _ in range(200))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 800


@pytest.mark.parametrize("made", [copy.copy, copy.deepcopy, lambda program: pickle.loads(pickle.dumps(program))])
def test_a_copy_of_a_program_computes_the_same(made: Any) -> None:
    net, theta, x, y = small()
    program = bp.compile(net, loss=bp.CrossEntropy(), dtype="float64", batch=8)
    expected = program(theta, x, y)[1].vector
    again = made(program)
    np.testing.assert_array_equal(again(theta, x, y)[1].vector, expected)
    assert again.source == program.source


def count_ordinary_runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with every run of the ordinary formulas."""
    runs: list[int] = []

    def counted(*arguments: Any, **keywords: Any) -> Any:
        runs.append(1)
        return bp.value_and_gradient(*arguments, **keywords)

    monkeypatch.setattr(compiled, "value_and_gradient", counted)
    return runs


def test_parameters_of_an_equal_network_are_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    net, _, x, y = small()
    theta = small()[1]
    program, runs = bp.compile(net, loss=bp.CrossEntropy(), dtype="float64"), count_ordinary_runs(monkeypatch)
    values = [program(theta, x, y)[0] for _ in range(4)]
    assert len(runs) == 1
    assert len(set(values)) == 1


def test_what_is_not_compiled_runs_the_ordinary_way_once_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    class Branching(bp.Elementwise):
        def function(self, x: Any) -> Any:
            return x if x.sum() > 0 else -x

        def derivative(self, x: Any, y: Any) -> Any:
            return x * 0 + (1 if x.sum() > 0 else -1)

    _, _, x, y = small()
    net = bp.Network([bp.Linear(6, 3), Branching()])
    theta = net.initialize(0, "float64")
    program, runs = Program.quiet(net, bp.CrossEntropy(), "float64"), count_ordinary_runs(monkeypatch)
    for _ in range(5):
        program(theta, x, y)
    assert len(runs) == 5


def test_a_program_made_without_a_shape_shows_itself_after_a_call() -> None:
    net = bp.Network([bp.Tanh()])
    program, x = bp.compile(net, loss=bp.SquaredError(), dtype="float64"), np.ones((2, 3))
    with pytest.raises(errors.OptionError, match="give input_shape=, or call it once"):
        _ = program.source
    program(net.initialize(0, "float64"), x, x)
    assert "def run" in program.source


def test_text_for_tracebacks_goes_with_its_program() -> None:
    net, theta, x, y = small()
    before = len(linecache.cache)
    for _ in range(3):
        bp.compile(net, loss=bp.CrossEntropy(), dtype="float64")(theta, x, y)
        gc.collect()
    assert len(linecache.cache) <= before + 1


# -- errors --------------------------------------------------------------------------------------------------


def refused(call: Any) -> Exception:
    with np.errstate(all="ignore"), pytest.raises(errors.BackproofError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda theta, x, y: (theta, x, np.where(np.arange(8) == 3, 3, y)),
        lambda theta, x, y: (theta, x, np.where(np.arange(8) == 3, -1, y)),
        lambda theta, x, y: (theta, np.where(x > 1, np.nan, x), y),
        lambda theta, x, y: (theta.with_vector(theta.vector * np.inf), x, y),
        lambda theta, x, y: (theta.with_vector(theta.vector * 1e200), x, y),
        lambda theta, x, y: (theta, x[:, :5], y),
        lambda theta, x, y: (theta, x, y[:7]),
        lambda theta, x, y: (theta, x.astype("float32"), y),
        lambda theta, x, y: (theta, x[:0], y[:0]),
        lambda theta, x, y: (theta, x, y.astype(float)),
        lambda theta, x, y: (theta.vector, x, y),
        lambda theta, x, y: (bp.Network([bp.Linear(6, 3)]).initialize(0, "float64"), x, y),
        lambda theta, x, y: (theta, x.tolist(), y),
    ],
)
def test_bad_arguments_give_the_errors_of_the_formulas(spoil: Any, warm: bool) -> None:
    net, theta, x, y = small()
    program = bp.compile(net, loss=bp.CrossEntropy(), dtype="float64")
    if warm:
        program(theta, x, y)
    bad = spoil(theta, x, y)
    expected = refused(lambda: bp.value_and_gradient(net, *bad, bp.CrossEntropy()))
    came = refused(lambda: program(*bad))
    assert (type(came), str(came)) == (type(expected), str(expected))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, 0.0, "short"])
def test_bad_weights_give_the_errors_of_the_formulas_and_others_are_converted(bad: Any) -> None:
    net, theta, x, y = small()
    program, loss = bp.compile(net, loss=bp.CrossEntropy(), dtype="float64"), bp.CrossEntropy()
    good = np.arange(8.0)
    spoiled = good[:7] if bad == "short" else np.where(np.arange(8) == 3, bad, good) if bad else good * 0
    for array in (good, good.astype("float32"), good.astype(int)):
        assert difference(program, net, theta, x, y, loss, array) <= 1e-12
    expected = refused(lambda: bp.value_and_gradient(net, theta, x, y, loss, weights=spoiled))
    came = refused(lambda: program(theta, x, y, weights=spoiled))
    assert (type(came), str(came)) == (type(expected), str(expected))


def test_out_that_cannot_take_the_gradient_is_refused_at_every_call() -> None:
    net, theta, x, y = small()
    program = bp.compile(net, loss=bp.CrossEntropy(), dtype="float64")
    for _ in range(2):
        program(theta, x, y)
        for wrong in (theta, 5, theta.vector, theta.astype("float32")):
            assert "out must be other parameters" in str(refused(lambda: program(theta, x, y, out=wrong)))  # noqa: B023


def test_two_dtypes_are_named() -> None:
    net, theta, x, y = small()
    program = bp.compile(net, loss=bp.CrossEntropy(), dtype="float32")
    message = str(refused(lambda: program(theta, x, y)))
    assert "float64" in message
    assert "float32" in message


def test_impossible_options_are_refused() -> None:
    net = small()[0]
    for options in (
        {"library": "cupy"}, {"batch": 0}, {"batch": True}, {"dtype": "int8"}, {"dtype": "x"}, {"input_shape": 6},
        {"input_shape": "6"},
    ):  # fmt: skip
        refused(lambda options=options: bp.compile(net, loss=bp.CrossEntropy(), **options))
    assert "net is 3, expected a Network" in str(refused(lambda: bp.compile(3, loss=bp.CrossEntropy())))  # type: ignore[arg-type]
    assert "write CrossEntropy()" in str(refused(lambda: bp.compile(net, loss=bp.CrossEntropy)))  # type: ignore[arg-type]
    assert "Linear(6 -> 5)" in str(refused(lambda: bp.compile(net, loss=bp.CrossEntropy(), input_shape=(4,))))


# -- planted faults ------------------------------------------------------------------------------------------


def spoiled_operand(trace: Trace) -> Trace:
    """Exchange the operands of the last difference: a corrupted pass."""
    statements = list(trace.statements)
    at = max(i for i, s in enumerate(statements) if s.operation == "subtract")
    statements[at] = replace(statements[at], operands=statements[at].operands[::-1])
    return replace(trace, statements=tuple(statements))


def lost_statement(trace: Trace) -> Trace:
    """Take a derivative's mask for a value: a corrupted simplification."""

    def kept(s: Statement) -> Statement:
        return replace(s, operation="greater_equal") if s.operation == "greater" else s

    return replace(trace, statements=tuple(kept(s) for s in trace.statements))


@pytest.mark.parametrize("fault", [spoiled_operand, lost_statement])
def test_a_corrupted_pass_is_seen(fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    net, theta, x, y = small()
    x[:4] = 0
    theta["0.bias"][:] = 0
    assert difference(Program.quiet(net, bp.CrossEntropy(), "float64"), net, theta, x, y, bp.CrossEntropy()) <= 1e-12
    monkeypatch.setattr(passes.optimized, "__defaults__", ((*passes.PASSES, fault),))
    program = Program.quiet(net, bp.CrossEntropy(), "float64")
    assert difference(program, net, theta, x, y, bp.CrossEntropy()) > 1e-6


def test_memory_given_away_too_early_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    net, theta, x, y = small()
    deaths = planning._deaths

    def early(trace: Trace, roots: Any) -> Any:
        return {value: number - 3 for value, number in deaths(trace, roots).items()}

    monkeypatch.setattr(planning, "_deaths", early)
    program = Program.quiet(net, bp.CrossEntropy(), "float64")
    assert difference(program, net, theta, x, y, bp.CrossEntropy()) > 1e-6
