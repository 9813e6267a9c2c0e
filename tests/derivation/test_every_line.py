"""What a derivation prints is what is evaluated, and it is the engine's numbers."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.derivation import LOSS_RULES, RULES, Derivation, Line, discrepancies, explain
from backproof.derivation.expressions import Equation, Identity, Kronecker, Number, Partial, Power, Times, Transpose
from backproof.derivation.naming import LOSS, THETA
from backproof.derivation.rules import activations, affine, combinators, losses, softmax
from backproof.layers import LAYERS
from backproof.losses import LOSSES
from cases import LAYER_CASES, LOSS_CASES
from networks import Drawn, draw_network

MANNERS = [("ours", "row"), ("D", "column"), ("O", "row"), ("ours", "column"), ("D", "row"), ("O", "column")]
SEEDS = range(50)


def told(drawn: Drawn, notation: str = "ours", vec: str = "row", detail: str = "full", **more: Any) -> Derivation:
    """Explain a drawn network."""
    return explain(
        drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss, notation=notation, vec=vec, detail=detail, **more
    )


def wrong(derivation: Derivation) -> list[tuple[float, str]]:
    """Return the lines that do not hold, by their reasons."""
    return [
        (found.error, derivation.say(found.line.reason)) for found in discrepancies(derivation) if found.line.reason
    ]


def equations(derivation: Derivation) -> list[Line]:
    return [line for line in derivation.lines() if isinstance(line.expression, Equation)]


def drawn_for(seed: int) -> Drawn:
    """Return a network of depth 1 to 20; every fifth acts at places of its examples."""
    return draw_network(seed, 1 + seed % 20, batch=3, places=(2,) if seed % 5 == 4 else ())


@pytest.mark.parametrize("seed", SEEDS)
def test_every_printed_line_of_fifty_networks_holds_to_twelve_digits(seed: int) -> None:
    notation, vec = MANNERS[seed % 6]
    derivation = told(drawn_for(seed), notation, vec, example=seed % 3)
    assert len(equations(derivation)) >= 15
    assert len(equations(derivation)) == len([line for line in derivation.lines() if line.expression is not None])
    assert wrong(derivation) == []


@pytest.mark.parametrize(("notation", "vec"), MANNERS)
@pytest.mark.parametrize("seed", [3, 14, 19, 24, 31])
def test_every_notation_and_vec_holds_on_the_same_networks(seed: int, notation: str, vec: str) -> None:
    assert wrong(told(drawn_for(seed), notation, vec)) == []


@pytest.mark.parametrize("detail", ["outline", "standard"])
@pytest.mark.parametrize("seed", [5, 12, 19])
def test_less_detail_prints_a_part_of_the_same_lines(seed: int, detail: str) -> None:
    full, less = told(drawn_for(seed)), told(drawn_for(seed), detail=detail)
    whole = Counter(repr(line.expression) for line in equations(full))
    assert not Counter(repr(line.expression) for line in equations(less)) - whole
    assert len(equations(less)) < len(equations(full))


def test_the_fifty_networks_hold_every_layer() -> None:
    seen = set()

    def visit(facts: Any) -> None:
        seen.add(facts.name)
        for part in facts.parts:
            visit(part)

    for seed in SEEDS:
        for facts in told(drawn_for(seed), detail="outline").network.layers:
            visit(facts)
    assert seen == set(LAYERS)


@pytest.mark.parametrize("vec", ["row", "column"])
@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer)[:60])
def test_every_layer_by_itself_holds(case: Any, vec: str) -> None:
    notation = "D" if vec == "column" else "O"
    g = np.random.default_rng(7)
    for places in [(), (3,), (2, 2)] if case.axes else [()]:
        net = bp.Network([case.make(4, 3)])
        theta = net.initialize(1, dtype="float64")
        theta = theta.with_vector(theta.vector + 0.3 * g.normal(size=theta.vector.shape))
        x = g.normal(size=(2, *places, *case.example(4, 3)))
        y = g.normal(size=(2, int(np.prod(net.output_shape(x.shape[1:])))))
        assert wrong(explain(net, theta, x, y, bp.Huber(), detail="full", notation=notation, vec=vec)) == []


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: repr(case.loss))
def test_every_loss_holds(case: Any, reduction: str) -> None:
    g = np.random.default_rng(3)
    net = bp.Network([bp.Linear(3, 4), bp.Tanh()])
    settings = {**vars(case.loss), "reduction": reduction}
    loss = type(case.loss)(**settings)
    theta, x = net.initialize(0, dtype="float64"), g.normal(size=(5, 3))
    derivation = explain(net, theta, x, case.targets(g, 5, 4), loss, detail="full", example=2)
    assert wrong(derivation) == []


def test_logits_that_would_overflow_are_shifted() -> None:
    net = bp.Network([bp.Linear(2, 3, bias=False)])
    theta = net.parameters({"0.weight": np.array([[900.0, 1], [899, 2], [3, -800]])})
    derivation = explain(net, theta, np.ones((1, 2)), np.array([1]), bp.CrossEntropy(), detail="full")
    assert wrong(derivation) == []
    assert "shift" in str(derivation)


# -- against what knows nothing of the derivation -------------------------------------------------------------


def value_of(derivation: Derivation, left: Any) -> Any:
    """Return the right side of the line that says what ``left`` is."""
    for line in equations(derivation):
        assert isinstance(line.expression, Equation)
        if line.expression.sides[0] == left:
            return line.evaluate()[-1]
    raise AssertionError(f"no line for {left}")


@pytest.mark.parametrize("seed", [1, 4, 10, 17])
def test_the_gradient_is_that_of_another_library(seed: int) -> None:
    drawn = draw_network(seed, 4, batch=1)
    value, gradient, _ = drawn.torch_gradient()
    derivation = told(drawn)
    assert derivation.network.loss_value == pytest.approx(value, rel=1e-12)
    printed = value_of(derivation, Partial(LOSS, THETA))[0]
    assert np.abs(printed - gradient).max() <= 1e-11 * np.abs(gradient).max()


def _index(line: Line) -> str:
    assert isinstance(line.expression, Equation)
    return getattr(line.expression.sides[0], "subscript", "")


@pytest.mark.parametrize("vec", ["row", "column"])
def test_a_and_b_are_those_of_linearize(vec: str) -> None:
    g = np.random.default_rng(0)
    net = bp.Network([bp.Linear(3, 4), bp.LayerNorm(4), bp.Tanh(), bp.AugmentedLinear(4, 2)])
    theta, x = net.initialize(0, dtype="float64"), g.normal(size=(2, 3))
    derivation = explain(net, theta, x, detail="full", vec=vec)
    names = derivation.network.layers
    for facts, step in zip(names, net.linearize(theta, x[:1]), strict=True):
        dense = step.A.dense(x)
        assert np.abs(value_of(derivation, facts.jacobian_symbol) - dense.reshape(dense.shape[-2:])).max() < 1e-14
    weight = net.linearize(theta, x[:1])[0].B["weight"].dense()[0]
    order = np.arange(12).reshape(4, 3).reshape(-1, order="C" if vec == "row" else "F")
    printed = next(line for line in equations(derivation) if _index(line) == "1,W" and line.figure)
    assert (printed.evaluate()[-1] == weight[:, order]).all()


# -- planted faults -------------------------------------------------------------------------------------------


def fault_in(net: list[Any], loss: Any) -> list[tuple[float, str]]:
    g = np.random.default_rng(1)
    network = bp.Network(net)
    theta, x = network.initialize(0, dtype="float64"), g.normal(size=(2, 3))
    y = g.normal(size=(2, *network.output_shape((3,))))
    return wrong(explain(network, theta, x, y, loss, detail="full"))


def test_a_wrong_derivative_of_a_function_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    formula, _ = activations.ACTIVATIONS[bp.Tanh]
    wrong_slope = lambda layer, x, y: Power(y, 2)  # noqa: E731
    monkeypatch.setitem(activations.ACTIVATIONS, bp.Tanh, (formula, wrong_slope))
    assert len(fault_in([bp.Linear(3, 4), bp.Tanh()], bp.SquaredError())) >= 3


def test_kronecker_factors_in_the_wrong_order_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affine, "Kronecker", lambda left, right: Kronecker(right, left))
    found = fault_in([bp.Linear(3, 4)], bp.SquaredError())
    assert any("Jacobian in the parameters" in reason for _, reason in found)


def test_a_wrong_loss_rule_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = losses.LOSS_RULES[bp.SquaredError]

    def doubled(site: Any, writer: Any) -> Any:
        return Times((Number(2), rule(site, writer)))

    monkeypatch.setitem(losses.LOSS_RULES, bp.SquaredError, doubled)
    found = fault_in([bp.Linear(3, 4)], bp.SquaredError())
    assert len(found) == 2


def test_a_matrix_in_place_of_its_transpose_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax, "t", lambda operand: Transpose(Transpose(operand)))
    with pytest.raises(bp.errors.OptionError, match="product of"):
        fault_in([bp.LogSoftmax()], bp.SquaredError())


def test_a_forgotten_term_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combinators, "Identity", lambda size: Times((Number(0), Identity(size))))
    found = fault_in([bp.Residual([bp.Linear(3, 3), bp.Tanh()])], bp.SquaredError())
    assert found


def test_every_layer_and_every_loss_has_a_rule() -> None:
    assert set(LAYERS.values()) <= set(RULES)
    assert set(LOSSES.values()) == set(LOSS_RULES)
