"""The same formulas on fractions, where a gradient is exact, and on balls, which enclose the true one."""

from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest

import backproof as bp
from cases import LAYER_CASES
from oracles import agree, point


def fractions(array: Any) -> Any:
    """Return small fractions near the given numbers."""
    return np.frompyfunc(lambda value: Fraction(round(float(value) * 16), 16), 1, 1)(np.asarray(array)) + 0


def balls(array: Any) -> Any:
    """Return balls of radius zero."""
    return np.frompyfunc(lambda value: flint.arb(float(value)), 1, 1)(np.asarray(array)) + 0


def piecewise_linear() -> bp.Network:
    return bp.Network(
        [
            bp.Linear(3, 4),
            bp.ReLU(),
            bp.Residual([bp.Linear(4, 4), bp.LeakyReLU(Fraction(1, 3))]),  # type: ignore[arg-type]
            bp.Sum((bp.Linear(4, 2), [bp.AugmentedLinear(4, 2), bp.Hardtanh(-2.0, 2.0)])),
            bp.Concatenate((bp.ReLU6(), bp.Softshrink(Fraction(1, 4)))),  # type: ignore[arg-type],
        ]
    )


def exact_difference(loss_at: Any, vector: Any, j: int, h: Fraction = Fraction(1, 10**9)) -> Fraction:
    """Return the central difference, exact where the loss is a parabola along this coordinate."""
    e = np.array([Fraction(int(i == j)) for i in range(len(vector))])
    difference: Fraction = (loss_at(vector + e * h) - loss_at(vector - e * h)) / (2 * h)
    return difference


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradient_of_a_piecewise_linear_network_is_exact_on_fractions(reduction: str) -> None:
    net, g, loss = piecewise_linear(), np.random.default_rng(0), bp.SquaredError(reduction=reduction)
    vector, x, y = (fractions(g.normal(size=shape)) for shape in (net.layout.size, (3, 3), (3, 4)))
    theta = net.initialize().with_vector(vector)
    value, gradient = bp.value_and_gradient(net, theta, x, y, loss)

    def loss_at(moved: Any) -> Any:
        return loss.value(net.forward(theta.with_vector(moved), x), y)

    assert isinstance(value, Fraction)
    assert {type(entry) for entry in gradient.vector} == {Fraction}
    expected = [exact_difference(loss_at, vector, j) for j in range(len(vector))]
    assert gradient.vector.tolist() == expected
    assert sum(entry != 0 for entry in expected) > len(expected) / 2
    for order in (bp.algorithm_1, bp.naive_product):
        assert order(net, theta, x, y, loss)[1].vector.tolist() == expected


def test_gradient_worked_by_hand() -> None:
    # y = W2 relu(W1 x + b1) + b2 at x = (1, 2): z = (1/2, -1), h = (1/2, 0), y = 1, r = y - 3 = -2.
    net = bp.Network([bp.Linear(2, 2), bp.ReLU(), bp.Linear(2, 1)])
    vector = np.array([Fraction(s) for s in ("1/2", "1/2", "-1", "1/2", "-1", "-1", "2", "5", "0")])
    theta = net.initialize().with_vector(vector)
    x, y = np.array([[Fraction(1), Fraction(2)]]), np.array([[Fraction(3)]])
    value, gradient = bp.value_and_gradient(net, theta, x, y, bp.SquaredError())
    assert value == Fraction(2)
    assert gradient["2.weight"].tolist() == [[-1, 0]]
    assert gradient["2.bias"].tolist() == [-2]
    assert gradient["0.weight"].tolist() == [[-4, -8], [0, 0]]
    assert gradient["0.bias"].tolist() == [-4, 0]


def smooth() -> bp.Network:
    return bp.Network(
        [bp.Linear(3, 4), bp.Tanh(), bp.LayerNorm(4), bp.Residual([bp.Linear(4, 4), bp.Sigmoid()]), bp.Softmax()]
    )


@pytest.mark.parametrize("loss", [bp.SquaredError(), bp.CrossEntropy(smoothing=0.1)], ids=repr)
def test_balls_enclose_the_gradient_and_are_narrow(loss: Any) -> None:
    net, g = smooth(), np.random.default_rng(1)
    theta, x = net.initialize(0, dtype="float64"), g.normal(size=(2, 3))
    y = np.array([1, 3]) if isinstance(loss, bp.CrossEntropy) else g.normal(size=(2, 4))
    targets = y if y.dtype.kind == "i" else balls(y)
    value, gradient = bp.value_and_gradient(net, theta, x, y, loss)
    enclosed, box = bp.value_and_gradient(net, theta.with_vector(balls(theta.vector)), balls(x), targets, loss)
    assert {type(ball) for ball in box.vector} == {flint.arb}
    assert max(float(ball.rad()) for ball in (*box.vector, enclosed)) < 1e-11
    agree([float(ball.mid()) for ball in box.vector], gradient.vector, 1e-12, "gradient")
    agree(float(enclosed.mid()), value, 1e-12, "loss")


def test_more_bits_narrow_the_balls_around_the_same_gradient() -> None:
    net, g = smooth(), np.random.default_rng(1)
    theta, x, y = net.initialize(0, dtype="float64"), g.normal(size=(2, 3)), g.normal(size=(2, 4))
    boxes = []
    for bits in (53, 200):
        with flint.ctx.workprec(bits):
            arguments = theta.with_vector(balls(theta.vector)), balls(x), balls(y)
            boxes.append(bp.gradient(net, *arguments, bp.SquaredError()).vector)
    assert max(float(ball.rad()) for ball in boxes[1]) < 1e-50
    assert all(wide.overlaps(narrow) for wide, narrow in zip(*boxes, strict=True))


@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer))
def test_every_layer_runs_on_balls(case: Any) -> None:
    layer, theta, x = point(case, 4, 3, 2)
    step = layer.linearize({name: balls(array) for name, array in theta.items()}, balls(x))
    expected = layer.linearize(theta, x)
    middle = np.frompyfunc(lambda ball: float(flint.arb(ball).mid()), 1, 1)
    agree(middle(step.output).astype(float), expected.output, 1e-12, "y")
    agree(middle(step.A.dense(step.output)).astype(float), expected.A.dense(x), 1e-12, "A")
    for name, B in step.B.items():
        agree(middle(B.dense(step.output)).astype(float), expected.B[name].dense(x), 1e-12, f"B[{name}]")
