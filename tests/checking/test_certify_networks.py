"""The intervals of ``certify`` hold the gradient to fifty digits: 200 random networks of every layer and loss."""

from typing import Any

import flint
import mpmath
import numpy as np
import pytest

import backproof as bp
from backproof.checking.certify import certify
from backproof.layers import LAYERS
from backproof.losses import LOSSES
from cases import LAYER_CASES, LOSS_CASES
from digits import CONTEXT, differences, digits, loss_at

NETWORKS, PARTS = 200, 10
CASES = tuple(case for case in LAYER_CASES if getattr(case.layer, "step", None) is None)


def draw(seed: int) -> tuple[bp.Network, bp.Parameters, Any, Any, Any]:
    """Return a random network that has layer case number ``seed``, with data and loss case number ``seed``."""
    g = np.random.default_rng(seed)
    own, loss_case = CASES[seed % len(CASES)], LOSS_CASES[seed % len(LOSS_CASES)]
    n = int(g.integers(3, 5))
    shape = start = own.example(n, 3) if g.random() < 0.7 or not own.axes else (2, *own.example(n, 3))
    layers = [own.make(n, 3)]
    shape = layers[0].output_shape(shape)
    for _ in range(int(g.integers(0, 3))):
        case = CASES[g.integers(len(CASES))]
        if case.axes:
            layers.append(case.make(shape[-1], 3))
            shape = layers[-1].output_shape(shape)
    # With a layer in front there are parameters, and the layer of the case has an input that is no data.
    layers = [bp.Linear(start[-1], start[-1]), *layers, bp.Flatten()]
    net = bp.Network(layers)
    theta = net.initialize(seed, dtype="float64")
    theta = theta.with_vector(theta.vector + 0.3 * g.normal(size=theta.vector.shape))
    dtype = ("float32", "float64")[seed % 2]
    y = loss_case.targets(g, 2, int(np.prod(shape)))
    y = y if y.dtype.kind == "i" else y.astype(dtype)
    return net, theta.astype(dtype), g.normal(size=(2, *start)).astype(dtype), y, loss_case.loss


def holds(ball: Any, number: Any) -> bool:
    """Whether a ball holds a number that is known to fifty digits."""
    with flint.ctx.workprec(250):
        size = max(abs(number), mpmath.mpf(10) ** -40)
        exact = flint.arb(CONTEXT.nstr(number, 70), CONTEXT.nstr(size * mpmath.mpf(10) ** -50, 10))
        return bool(ball.arb.overlaps(exact))


def names(layer: Any) -> set[str]:
    return {type(layer).__name__}.union(*map(names, getattr(layer, "parts", ())))


@pytest.mark.parametrize("part", range(PARTS))
def test_intervals_hold_the_gradient_to_fifty_digits_and_are_narrow(part: int) -> None:
    for seed in range(part, NETWORKS, PARTS):
        net, theta, x, y, loss = draw(seed)
        bounds = certify(net, theta, x, y, loss=loss)
        assert bounds.decided
        g = np.random.default_rng(seed)
        entries, inputs = (g.choice(size, min(size, 5), replace=False) for size in (theta.vector.size, x.size))
        in_theta, in_x = differences(net, theta, x, y, loss, entries, inputs)
        flat = np.concatenate([np.ravel(bounds[name].balls) for name in theta])
        for j, number in zip(entries, in_theta, strict=True):
            assert holds(flat[j], number), f"network {seed}, entry {j}: {flat[j]} does not hold {number}"
        for j, number in zip(inputs, in_x, strict=True):
            assert holds(bounds.input_gradient.balls.flat[j], number), f"network {seed}, input {j}"
        theta_digits = theta.with_vector(digits(theta.vector))
        value = loss_at(net, theta_digits, digits(x), y if y.dtype.kind == "i" else digits(y), loss)
        assert holds(bounds.loss.balls.item(), value)


def test_networks_have_every_layer_and_every_loss() -> None:
    drawn = [draw(seed) for seed in range(NETWORKS)]
    assert set().union(*(names(net.chain) for net, *_ in drawn)) >= set(LAYERS)
    assert {type(loss).__name__ for *_, loss in drawn} == set(LOSSES)


def test_the_oracle_refuses_a_ball_moved_by_its_own_width() -> None:
    net, theta, x, y, loss = draw(0)
    bounds = certify(net, theta, x, y, loss=loss)
    (number,), _ = differences(net, theta, x, y, loss, [0], [])
    ball = bounds["0.weight"].balls.flat[0]
    assert holds(ball, number)
    with flint.ctx.workprec(200):
        moved = type(ball)(ball.arb + ball.arb.rad() * 3)
    assert not holds(moved, number)


def test_the_oracle_refuses_the_balls_of_a_wrong_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    net = bp.Network([bp.Linear(2, 2), bp.Tanh()])
    theta, x, y = net.initialize(dtype="float64"), np.array([[0.5, -1.0]]), np.array([[0.25, 0.5]])
    (number,), _ = differences(net, theta, x, y, bp.SquaredError(), [0], [])
    assert holds(certify(net, theta, x, y, loss=bp.SquaredError())["0.weight"].balls.flat[0], number)
    # Off by what float64 cannot see.
    monkeypatch.setattr(bp.Tanh, "derivative", lambda self, x, y: (1 - y * y) * (1 + x * 0 + 2.0**-60))
    assert not holds(certify(net, theta, x, y, loss=bp.SquaredError())["0.weight"].balls.flat[0], number)
