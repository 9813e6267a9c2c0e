"""Conditions at data: proved on balls where that can be, evaluated in floating point where not."""

from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.errors import OptionError
from backproof.layers import Elementwise
from backproof.proving import check_conditions


def relu(*weights: float) -> tuple[bp.Network, bp.Parameters]:
    net = bp.Network([bp.Linear(len(weights) - 1, 1), bp.ReLU()])
    return net, net.initialize(dtype="float64").with_vector(np.array(weights, float))


def test_conditions_that_hold_are_proved() -> None:
    found = check_conditions(*relu(1, 0), [np.ones((300, 1)), -np.ones((7, 1))])
    assert found.hold
    assert found.proved == found.examples == 307
    assert found.line() == "proved in ball arithmetic, the conditions hold for all 307 examples."


def test_examples_beyond_those_asked_for_are_evaluated_in_floating_point() -> None:
    batches = [np.ones((3, 1)), np.array([[1.0], [0.0], [0.0]])]
    found = check_conditions(*relu(1, 0), batches, rigorous=5)
    assert (found.examples, found.proved) == (6, 5)
    assert found.on_kinks == {"layer 1, ReLU()": 2}
    assert found.line() == (
        "proved in ball arithmetic for the first 5 and in floating point for the other 1, "
        "2 entries of 6 examples lie on a kink: 2 at layer 1, ReLU()."
    )


def test_a_kink_that_rounding_makes_is_no_kink() -> None:
    # 1e60 + 1 - 1e60 is 1, and 0 in floating point.
    net, theta = relu(1e60, 1, -1e60, 0)
    x = np.ones((1, 3))
    assert check_conditions(net, theta, [x]).hold
    assert not check_conditions(net, theta, [x], rigorous=0).hold


def test_a_kink_that_rounding_hides_is_found() -> None:
    # 0.1 + 0.2 - 0.1 - 0.2 is 0; floating point has 3e-17, or another number in another order.
    net, theta = relu(0.1, 0.2, -0.1, -0.2, 0)
    x = np.array([[1.0, 1.0, 1.0, 1.0]])
    found = check_conditions(net, theta, [x])
    assert found.on_kinks == {"layer 1, ReLU()": 1}
    assert found.proved == 1


def test_what_balls_cannot_tell_from_a_kink_is_said() -> None:
    net = bp.Network([bp.Linear(1, 2), bp.Tanh(), bp.Linear(2, 1), bp.ReLU()])
    theta = net.initialize(dtype="float64").with_vector(np.array([1, 1, 0, 0, 1, -1, 0], float))
    found = check_conditions(net, theta, [np.array([[0.7]])])
    assert not found.hold
    assert found.undecided == {"layer 3, ReLU()": 1}
    assert "1 entries of 1 examples cannot be told from a kink at 640 bits: 1 at layer 3, ReLU()" in found.line()


@pytest.mark.parametrize("layer", [bp.LayerNorm(2, eps=0.0), bp.RMSNorm(2, eps=0.0)])
def test_a_division_by_zero_is_not_proved_away(layer: Any) -> None:
    net = bp.Network([layer])
    theta = net.initialize(dtype="float64")
    assert check_conditions(net, theta, [np.array([[1.0, 3.0]])]).hold
    with np.errstate(all="ignore"):
        found = check_conditions(net, theta, [np.array([[0.0, 0.0]])])
    assert found.undecided == {f"layer 0, {layer!r}": 2}


class Mine(Elementwise):
    """A layer that does not say where its kinks are."""

    def function(self, x: Any) -> Any:
        return 2 * x

    def derivative(self, x: Any, y: Any) -> Any:
        return 2 * np.ones_like(x)


class Floats(Mine):
    """A layer for floats alone."""

    def function(self, x: Any) -> Any:
        return np.float64(2) * x.astype(float)


@pytest.mark.parametrize("layer", [Mine(), Floats()])
def test_nothing_is_proved_of_layers_that_do_not_say_where_their_kinks_are(layer: Any) -> None:
    net = bp.Network([layer, bp.ReLU()])
    found = check_conditions(net, net.initialize(dtype="float64"), [np.array([[1.0], [0.0]])])
    assert found.proved == 0
    assert found.on_kinks == {"layer 1, ReLU()": 1}
    assert found.line().startswith("evaluated in floating point, ")


def test_without_flint_conditions_are_evaluated_in_floating_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backproof.proving.conditions.flint_is_there", lambda: False)
    found = check_conditions(*relu(1, 0), [np.ones((3, 1))])
    assert found.proved == 0
    assert found.line() == "evaluated in floating point, the conditions hold for all 3 examples."


def test_a_number_of_examples_that_is_none_is_refused() -> None:
    with pytest.raises(OptionError, match="check_conditions: rigorous=-1"):
        check_conditions(*relu(1, 0), [np.ones((3, 1))], rigorous=-1)
