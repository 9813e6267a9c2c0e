"""What the trace says, and what it cannot take."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.arrays import namespace
from backproof.compilation import OPERATIONS
from backproof.compilation.sizes import Guard, Size, UntraceableError
from backproof.compilation.symbols import Recorder, Symbol
from backproof.compilation.tracing import trace
from backproof.layers.elementwise import Elementwise
from backproof.operators import Diagonal
from cases import LAYER_CASES


class Branching(Elementwise):
    """Depends on the numbers."""

    def function(self, x: Any) -> Any:
        return x * 2 if (x > 0).any() else x

    def derivative(self, x: Any, y: Any) -> Any:
        return namespace(x).ones_like(x) * (2.0 if (x > 0).any() else 1.0)


class Counting(Elementwise):
    """Depends on the number of examples."""

    def function(self, x: Any) -> Any:
        return x * float(len(range(x.shape[0])))

    def derivative(self, x: Any, y: Any) -> Any:
        return namespace(x).ones_like(x) * float(len(range(x.shape[0])))


class Special(Elementwise):
    """Does otherwise for few examples."""

    def function(self, x: Any) -> Any:
        return x * (3.0 if x.shape[0] > 4 else 5.0)

    def derivative(self, x: Any, y: Any) -> Any:
        return namespace(x).ones_like(x) * (3.0 if x.shape[0] > 4 else 5.0)


def network(layer: Any) -> tuple[bp.Network, Any, Any, Any]:
    net, g = bp.Network([bp.Linear(3, 4), layer, bp.Linear(4, 2)]), np.random.default_rng(0)
    return net, net.initialize(0, dtype="float64"), g.normal(size=(6, 3)), g.normal(size=(6, 2))


def test_every_statement_is_tied_to_its_equation_and_layer() -> None:
    net = bp.Network([bp.Linear(3, 4), bp.Tanh(), bp.Residual([bp.Linear(4, 4), bp.ReLU()])])
    program = bp.compile(net, loss=bp.SquaredError())
    said = {s.target.name: (s.equation, s.layer) for s in program.trace.statements}
    assert said["x1"] == ("x_1 = f_1(x_0)", "layer 0, Linear(3 -> 4)")
    assert said["A2"] == ("A_2 = d x_2 / d x_1", "layer 1, Tanh()")
    assert said["delta1"] == ("delta_1 = delta_2 A_2", "layer 1, Tanh()")
    assert said["gW1"] == ("d loss / d W1 = delta_1 B[W1]", "layer 0, Linear(3 -> 4)")
    assert said["gW3_1_1"][1] == "layer 2.0.0, Linear(4 -> 4)"
    assert said["loss"][0] == "loss = SquaredError(x_3, y)"
    assert all(equation and layer for equation, layer in said.values())


def test_names_are_unique_and_operations_known() -> None:
    for case in LAYER_CASES:
        net = bp.Network([case.layer, bp.Flatten()])
        out = net.output_shape(case.shape)
        batch = 3 if type(case.layer).__name__ == "Dropout" else None
        made = trace(net, bp.SquaredError(), case.shape, ("float64", out), "float64", batch=batch)
        assert {s.operation for s in made.statements} <= set(OPERATIONS)
    program = bp.compile(bp.Network([bp.Linear(3, 4), bp.Tanh()] * 1 + [bp.Linear(4, 30)]), loss=bp.CrossEntropy())
    names = [s.target.name for s in program.trace.statements]
    assert len(set(names)) == len(names)


def test_a_layer_that_branches_on_numbers_is_named_with_its_line_and_evaluated_the_ordinary_way() -> None:
    net, theta, x, y = network(Branching())
    with pytest.warns(UserWarning, match=r"layer 1, Branching\(\): .*numbers.*test_tracing.py, line \d+") as caught:
        program = bp.compile(net, loss=bp.SquaredError(), dtype="float64")
    assert len(caught) == 1
    for _ in range(3):
        value, gradient = program(theta, x, y)
    assert not program.compiled
    line = int(re.search(r"line (\d+)", program.reason)[1])  # type: ignore[index]
    assert "(x > 0).any()" in Path(__file__).read_text().splitlines()[line - 1]
    expected, vector = bp.value_and_gradient(net, theta, x, y, bp.SquaredError())
    assert value == expected
    np.testing.assert_array_equal(gradient.vector, vector.vector)
    with pytest.raises(bp.errors.OptionError, match="Branching"):
        _ = program.source


@pytest.mark.parametrize("layer", [Counting(), Special()], ids=repr)
def test_a_layer_that_looks_at_the_batch_size_gets_programs_of_its_own(layer: Any) -> None:
    net, theta, x, y = network(layer)
    program = bp.compile(net, loss=bp.SquaredError(), dtype="float64")
    for n in (6, 2, 5, 1, 4):
        value, gradient = program(theta, x[:n], y[:n])
        expected, vector = bp.value_and_gradient(net, theta, x[:n], y[:n], bp.SquaredError())
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(gradient.vector, vector.vector, rtol=1e-11, atol=1e-13)
    assert program.compiled


class NumPyOwn(Elementwise):
    """Written with functions of NumPy itself."""

    def function(self, x: Any) -> Any:
        return np.square(np.tanh(x)) + np.arange(4.0) * len(x)

    def derivative(self, x: Any, y: Any) -> Any:
        return 2 * np.tanh(x) * (1 - np.tanh(x) ** 2)


class Widening(Elementwise):
    """Makes float64 of everything."""

    def function(self, x: Any) -> Any:
        return x * np.ones(4)

    def derivative(self, x: Any, y: Any) -> Any:
        return x * 0 + np.ones(4)


def test_elementwise_functions_of_numpy_itself_are_traced() -> None:
    net, theta, x, y = network(NumPyOwn())
    program = bp.compile(net, loss=bp.SquaredError(), dtype="float64")
    for n in (6, 2, 6):
        value, gradient = program(theta, x[:n], y[:n])
        expected, vector = bp.value_and_gradient(net, theta, x[:n], y[:n], bp.SquaredError())
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(gradient.vector, vector.vector, rtol=1e-11, atol=1e-13)
    assert program.compiled


def test_a_layer_that_changes_the_dtype_is_named_and_evaluated_the_ordinary_way() -> None:
    net, theta, x, y = network(Widening())
    theta, x, y = theta.astype("float32"), x.astype("float32"), y.astype("float32")
    with pytest.warns(UserWarning, match=r"layer 1, Widening\(\): x2 has dtype float64, expected float32"):
        program = bp.compile(net, loss=bp.SquaredError())
    value, gradient = program(theta, x, y)
    expected, vector = bp.value_and_gradient(net, theta, x, y, bp.SquaredError())
    assert value == expected
    np.testing.assert_array_equal(gradient.vector, vector.vector)


def test_a_transpose_has_the_axes_in_the_opposite_order() -> None:
    made = trace(bp.Network([bp.Flatten()]), bp.SquaredError(), (3, 5), ("float64", (15,)), "float64")
    assert Symbol(Recorder(), made.inputs["x"]).T.shape[:2] == (5, 3)


def test_guards_answer_as_a_large_batch_does() -> None:
    guards: set[Guard] = set()
    n = Size(1, guards)
    assert (n == 1, n > 7, n >= 3, n < 5, n <= 2) == (False, True, True, False, False)
    serves = [k for k in range(1, 12) if all(guard.holds(k) for guard in guards)]
    assert serves == list(range(8, 12))
    assert n * 6 // 3 == n * 2
    assert str(n * 6) == "6 * n"
    for asked in (lambda: range(n), lambda: n // 2, lambda: n + 1, lambda: float(1 / n)):  # type: ignore[arg-type]
        with pytest.raises(UntraceableError):
            asked()


@pytest.mark.parametrize(
    "asked",
    [
        bool, float, int, list, len, np.asarray, np.sum, np.floor, np.add.reduce,
        lambda x: x[0], lambda x: x[:2], lambda x: x.clip(0),
        lambda x: namespace(x).linalg, lambda x: x @ x, lambda x: x.__setitem__(0, 1), lambda x: x[x > 0],
        lambda x: namespace(x).reshape(x, (3, 5)), lambda x: x + namespace(x).ones((7, 3)), lambda x: x & x,
    ],
)  # fmt: skip
def test_what_needs_numbers_cannot_be_traced(asked: Any) -> None:
    net = bp.Network([bp.Linear(3, 3)])
    made = trace(net, bp.SquaredError(), (3,), ("float64", (3,)), "float64")
    with pytest.raises((UntraceableError, AttributeError, TypeError)):
        asked(Symbol(Recorder(), made.inputs["x"]))


def test_numbers_keep_the_dtype_of_arrays_and_numpy_numbers_their_own() -> None:
    recorder = Recorder()
    made = trace(bp.Network([bp.Linear(3, 3)]), bp.SquaredError(), (3,), ("float32", (3,)), "float32")
    x = Symbol(recorder, made.inputs["x"])
    dtypes = [(x * 2.5).dtype, (2 * x).dtype, (x / 3).dtype, (x * np.float64(2)).dtype, (x > 0).dtype]
    assert [str(dtype) for dtype in dtypes] == ["float32", "float32", "float32", "float64", "bool"]


@pytest.mark.parametrize("asked", [lambda x: namespace(x).sum(x, dtype=np.float64), lambda x: x.sum(dtype="float64")])
def test_a_sum_in_another_dtype_is_refused(asked: Any) -> None:
    made = trace(bp.Network([bp.Linear(3, 3)]), bp.SquaredError(), (3,), ("float32", (3,)), "float32")
    x = Symbol(Recorder(np.float32), made.inputs["x"])
    assert x.sum().dtype == np.float32
    with pytest.raises(UntraceableError, match="dtype=float64"):
        asked(x)


def test_a_wrong_jacobian_is_an_error_of_the_formulas_and_not_of_the_trace() -> None:
    class Wrong(Elementwise):
        def function(self, x: Any) -> Any:
            return x * 1.0

        def derivative(self, x: Any, y: Any) -> Any:
            return x

        def jacobians(self, theta: Any, x: Any, y: Any) -> Any:
            return Diagonal(x[:, :2]), {}

    net, theta, x, y = network(Wrong())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = bp.compile(net, loss=bp.SquaredError(), dtype="float64")
    with pytest.raises(bp.errors.ShapeError, match="layer 1, Wrong"):
        program(theta, x, y)
