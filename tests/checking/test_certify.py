"""What ``certify`` says of kinks, of wrong gradients, and of arguments it cannot take."""

import json
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest

import backproof as bp
from backproof.checking import certify
from backproof.errors import BackproofError, DtypeError, MissingExtraError, OptionError, ShapeError, UndecidedError

ERROR = bp.SquaredError()


def small(dtype: str = "float64", seed: int = 0) -> tuple[Any, Any, Any, Any]:
    """Return a network with its parameters, data and classes."""
    g = np.random.default_rng(seed)
    net = bp.Network([bp.Linear(3, 4), bp.Tanh(), bp.LayerNorm(4), bp.ReLU(), bp.Linear(4, 3)])
    return net, net.initialize(seed, dtype), g.normal(size=(2, 3)).astype(dtype), np.array([0, 2])


def scalar_network(*layers: Any, weights: Any) -> tuple[Any, Any]:
    net = bp.Network(layers)
    return net, net.initialize(dtype="float64").with_vector(np.array(weights, float))


def test_a_loss_and_gradient_worked_by_hand_are_enclosed_exactly() -> None:
    # y = 2 relu(x/2 + x/4 + 1) at x = 1: z = 7/4, y = 7/2, r = 7/2 - 1 = 5/2.
    net, theta = scalar_network(bp.Linear(2, 1), bp.ReLU(), bp.Linear(1, 1), weights=[0.5, 0.25, 1, 2, 0])
    bounds = certify(net, theta, np.ones((1, 2)), np.ones((1, 1)), loss=ERROR)
    assert bounds.loss.balls.item().arb == flint.arb(25) / 8
    expected = {"0.weight": [5, 5], "0.bias": [5], "2.weight": [35 / 8], "2.bias": [5 / 2]}
    for name, numbers in expected.items():
        assert bounds[name].lower.ravel().tolist() == bounds[name].upper.ravel().tolist() == numbers
        assert bounds[name].error.max() == 0
    assert bounds.input_gradient.lower.tolist() == [[2.5, 1.25]]
    assert bounds.output.upper.tolist() == [[3.5]]
    assert bounds.decided
    assert bounds.worst_ulps == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_errors_are_small_proven_and_measured_in_the_units_of_the_dtype(dtype: str) -> None:
    bounds = certify(*small(dtype), loss=bp.CrossEntropy())
    assert bounds.dtype == dtype
    assert bounds.decided
    assert 0 < bounds.worst_ulps < 1000
    for name, block in bounds.blocks.items():
        assert (block.lower <= block.upper).all(), name
        assert (block.least_error <= block.error).all()
        assert (block.error <= 1000 * np.finfo(dtype).eps * abs(block.middle).max()).all()
        assert block.computed.dtype == dtype


def test_exactly_on_a_kink_the_choice_of_pytorch_is_taken_and_said() -> None:
    net, theta = scalar_network(bp.Linear(1, 1), bp.ReLU(), bp.Linear(1, 1), weights=[1, -1, 1, 0])
    bounds = certify(net, theta, np.array([[1.0], [3.0]]), np.array([[1.0], [0.0]]), loss=ERROR)
    assert bounds.on_kinks == {"layer 1, ReLU()": 1}
    assert not bounds.undecided_kinks
    assert bounds.decided
    assert bounds["0.bias"].lower == bounds["0.bias"].upper == 1  # (0 + 2 * 1) / 2: none from the first example
    assert "1 input of layer 1, ReLU() exactly on a kink" in str(bounds)


def kinked() -> tuple[Any, Any]:
    """Return a network whose ReLU has the input tanh(x) - tanh(x), 0 in a way that no number of bits can tell."""
    net = bp.Network([bp.Linear(1, 2), bp.Tanh(), bp.Linear(2, 2), bp.ReLU(), bp.Linear(2, 1)])
    weights = [1, 1, 0, 0, 1, -1, 1, 0, 0, 0, 1, 1, 0]
    return net, net.initialize(dtype="float64").with_vector(np.array(weights, float))


def test_a_ball_that_holds_a_kink_gives_both_sides_and_is_reported() -> None:
    net, theta = kinked()
    x, y = np.array([[0.7]]), np.array([[5.0]])
    bounds = certify(net, theta, x, y, loss=ERROR, precision=100)
    assert bounds.undecided_kinks == {"layer 3, ReLU()": 1}
    assert not bounds.decided
    r = np.tanh(0.7) - 5
    entry = bounds["2.bias"]
    assert entry.lower[0] < r * (1 - 1e-12)  # the derivative of one side is r, that of the other 0
    assert entry.upper[0] > -1e-12
    assert entry.decided.tolist() == [False, True]
    assert bounds["4.weight"].decided[0].tolist() == [False, True]
    assert "1 input of layer 3, ReLU() not told from a kink at 100 bits" in str(bounds)
    assert "Not decided" in str(bounds)
    json.dumps(bounds.to_dict(), allow_nan=False)


def test_undecided_entries_remain_undecided_at_the_last_precision() -> None:
    net, theta = kinked()
    bounds = certify(net, theta, np.array([[0.7]]), np.array([[5.0]]), loss=ERROR)
    assert bounds.bits == 1280
    assert bounds.undecided_kinks == {"layer 3, ReLU()": 1}
    assert bounds["2.bias"].undecided == 1
    # What the kink does not reach is told at any precision, and the float is right about it.
    assert bounds["2.bias"].ulps[1] < 4


def test_bits_are_doubled_until_a_cancellation_is_seen_through() -> None:
    net, theta = scalar_network(bp.Linear(3, 1), bp.ReLU(), weights=[1e60, 1, -1e60, 0])
    x, y = np.ones((1, 3)), np.zeros((1, 1))
    few = certify(net, theta, x, y, loss=ERROR, precision=80)
    assert few.undecided_kinks == {"layer 1, ReLU()": 1}
    enough = certify(net, theta, x, y, loss=ERROR)
    assert enough.bits > 80
    assert not enough.undecided_kinks
    assert enough["0.bias"].lower == enough["0.bias"].upper == 1
    assert enough["0.bias"].computed == 0  # floating point took the ReLU for dead
    assert enough["0.bias"].error == 1


@pytest.mark.parametrize("steps", [-64, 8, 1000])
def test_a_gradient_moved_by_some_ulps_is_found_where_it_was_moved(steps: int) -> None:
    net, theta, x, y = small("float32")
    bounds = certify(net, theta, x, y, loss=bp.CrossEntropy())
    rounded = theta.with_vector(np.concatenate([bounds[name].middle.astype(np.float32).ravel() for name in theta]))
    sound = bounds.judge(rounded)
    assert sound.worst_ulps <= 0.51
    vector = rounded.vector.copy()
    place = rounded.layout.slices["4.weight"].start + 5
    vector[place] += steps * np.spacing(vector[place])
    moved = bounds.judge(rounded.with_vector(vector))
    assert moved["4.weight"].summary()["worst_at"] == [1, 1]
    assert abs(moved.worst_ulps - abs(steps)) < 1
    assert moved["4.weight"].least_error[1, 1] > (abs(steps) - 1) * moved["4.weight"].unit[1, 1]
    assert moved["0.weight"].summary() == sound["0.weight"].summary()


FAULTS = {
    "sign": lambda g: -g,
    "factor of the batch": lambda g: g * 2,
    "one per cent": lambda g: g * 1.01,
    "a millionth": lambda g: g * (1 + 1e-6),
    "shifted by one": lambda g: np.roll(g, 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_gradients_fall_outside_by_thousands_of_ulps(fault: str) -> None:
    net, theta, x, y = small()
    bounds = certify(net, theta, x, y, loss=bp.CrossEntropy())
    wrong = bounds.judge({name: FAULTS[fault](block.computed) for name, block in bounds.items()})
    right = bounds.judge(bp.gradient(net, theta, x, y, bp.CrossEntropy()))
    assert right.worst_ulps == bounds.worst_ulps < 1000
    for name in ("0.weight", "2.weight", "4.weight"):
        assert (wrong[name].least_error / wrong[name].unit).max() > 1e4, name


def test_the_gradient_of_pytorch_is_judged_beside_ours() -> None:
    torch = pytest.importorskip("torch")
    net, theta, x, y = small("float32")
    bounds = certify(net, theta, x, y, loss=bp.CrossEntropy())
    p = {name: torch.tensor(theta[name], requires_grad=True) for name in theta}
    h = torch.nn.functional.layer_norm(
        torch.tanh(torch.nn.functional.linear(torch.tensor(x), p["0.weight"], p["0.bias"])),
        (4,), p["2.weight"], p["2.bias"],
    )  # fmt: skip
    z = torch.nn.functional.linear(torch.relu(h), p["4.weight"], p["4.bias"])
    torch.nn.functional.cross_entropy(z, torch.tensor(y)).backward()
    assert bounds.judge({name: array.grad for name, array in p.items()}).worst_ulps < 1000


def test_parameters_and_inputs_of_pytorch_are_taken() -> None:
    torch = pytest.importorskip("torch")
    net, theta, x, y = small("float32")
    ours = certify(net, theta, x, y, loss=bp.CrossEntropy())
    theirs = certify(
        net, theta.with_vector(torch.tensor(theta.vector)), torch.tensor(x), torch.tensor(y), loss=bp.CrossEntropy()
    )
    assert (theirs.loss.lower, theirs.loss.upper) == (ours.loss.lower, ours.loss.upper)
    assert all((theirs[name].lower == ours[name].lower).all() for name in ours)
    assert theirs.worst_ulps < 1000


def test_targets_are_taken_in_the_dtype_of_theta() -> None:
    net, theta = scalar_network(bp.Linear(1, 1), weights=[1, 0])
    bounds = certify(net, theta.astype("float32"), np.ones((1, 1), "f4"), np.array([[0.1]]), loss=ERROR)
    exact = 1 - Fraction(float(np.float32(0.1)))
    assert Fraction(bounds["0.bias"].lower.item()) <= exact <= Fraction(bounds["0.bias"].upper.item())


def test_the_text_has_a_line_for_every_block_and_the_data_too() -> None:
    bounds = certify(*small(), loss=bp.CrossEntropy())
    lines = str(bounds).splitlines()
    assert lines[0] == "Exact loss and gradient enclosed at 80 bits; errors of float64 are proven bounds."
    firsts = [line.split("  ")[0] for line in lines]
    assert [name for name in firsts if name in bounds.blocks] == list(bounds.blocks)
    assert "None of the 8 inputs of layers with kinks is on a kink." in lines
    data = json.loads(json.dumps(bounds.to_dict(), allow_nan=False))
    assert list(data["blocks"]) == list(bounds.blocks)
    assert data["loss"]["lower"] <= bounds.loss.middle <= data["loss"]["upper"]
    assert data["blocks"]["0.weight"]["entries"] == 12
    assert data["kinks"] == {"examined": 8, "on": {}, "undecided": {}}
    assert repr(bounds) == "ErrorBounds(6 parameters, float64, 80 bits, decided=True)"


def test_relative_errors_are_bounds_too() -> None:
    bounds = certify(*small("float32"), loss=bp.CrossEntropy())
    for block in bounds.values():
        for ball, computed, relative in zip(
            block.balls.ravel(), block.computed.ravel(), block.relative.ravel(), strict=True
        ):
            exact = Fraction(*_ratio(ball.arb.mid()))
            if exact:
                assert abs(Fraction(float(computed)) - exact) <= abs(exact) * Fraction(relative)


def _ratio(exact: Any) -> tuple[int, int]:
    mantissa, exponent = (int(part) for part in exact.man_exp())
    return mantissa * 2 ** max(exponent, 0), 2 ** max(-exponent, 0)


def test_a_zero_without_error_has_no_error_of_any_kind() -> None:
    net, theta = scalar_network(bp.Linear(1, 1), bp.ReLU(), weights=[1, -5])
    summary = certify(net, theta, np.ones((1, 1)), np.ones((1, 1)), loss=ERROR)["0.weight"].summary()
    assert [summary[key] for key in ("worst_ulps", "worst_relative", "worst_scaled", "undecided")] == [0, 0, 0, 0]


def test_a_network_without_parameters_has_a_loss_and_an_input_gradient() -> None:
    net = bp.Network([bp.Tanh()])
    bounds = certify(net, net.initialize(dtype="float64"), np.ones((1, 1)), np.ones((1, 1)), loss=ERROR)
    assert not bounds.gradient
    assert bounds.decided
    assert bounds.worst_ulps == 0
    assert "input gradient" in str(bounds)


class Sorted(bp.layers.Elementwise):
    """A layer of one's own that asks a question of its numbers."""

    def function(self, x: Any) -> Any:
        return x if bool((x > 0).all()) else -x

    def derivative(self, x: Any, y: Any) -> Any:
        return np.ones_like(x)


def test_a_layer_that_asks_what_has_no_answer_is_refused() -> None:
    net = bp.Network([bp.Linear(1, 2), bp.Tanh(), bp.Linear(2, 1), Sorted()])
    theta = net.initialize(dtype="float64").with_vector(np.array([1, 1, 0, 0, 1, -1, 0], float))
    with pytest.raises(UndecidedError, match="1280 bits"):
        certify(net, theta, np.array([[0.7]]), np.array([[1.0]]), loss=ERROR)


def refused(error: type[BackproofError], match: str, **changes: Any) -> None:
    net, theta, x, y = small()
    arguments: dict[str, Any] = {"net": net, "theta": theta, "x": x, "y": y, "loss": bp.CrossEntropy(), **changes}
    with pytest.raises(error, match=match):
        certify(**arguments)


def test_what_cannot_be_certified_is_refused_in_words() -> None:
    _, theta, x, y = small()
    refused(DtypeError, "x has dtype complex128, expected float32 or float64", x=x.astype(complex))
    refused(DtypeError, "theta has dtype object", theta=theta.with_vector(theta.vector.astype(object)))
    refused(DtypeError, "one dtype", x=x.astype("float32"))
    refused(DtypeError, "expected an array", x=3.0)
    refused(DtypeError, "theta is of type dict, expected Parameters", theta={"0.weight": 1})
    refused(DtypeError, "theta is of type dict", theta={"0.weight": 1}, y=np.ones((2, 3)))
    refused(ShapeError, "y has 1 targets, expected 2", y=y[:1])
    refused(OptionError, "write CrossEntropy\\(\\) with brackets", loss=bp.CrossEntropy)
    for precision in (1, 2.5, True, "many"):
        refused(OptionError, "precision", precision=precision)


def test_layers_in_training_are_refused_by_name() -> None:
    net = bp.Network([bp.Linear(3, 3), bp.Residual([bp.Dropout(0.5), bp.Tanh()])])
    theta, x, y = net.initialize(dtype="float64"), np.ones((1, 3)), np.ones((1, 3))
    assert certify(net, theta, x, y, loss=ERROR).decided
    with pytest.raises(OptionError, match=r"layer 1, Residual.* acts as in training"):
        certify(net.training(0), theta, x, y, loss=ERROR)


def test_without_flint_the_install_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backproof.balls.flint_is_there", lambda: False)
    with pytest.raises(MissingExtraError, match="pip install 'backproof\\[exact\\]'"):
        certify(*small(), loss=bp.CrossEntropy())


def test_judging_refuses_what_is_no_gradient_of_the_network() -> None:
    net, theta, x, y = small()
    bounds = certify(net, theta, x, y, loss=bp.CrossEntropy())
    gradient = {name: block.computed for name, block in bounds.items()}
    with pytest.raises(ShapeError, match=r"expected \['0.bias'"):
        bounds.judge({"0.weight": gradient["0.weight"]})
    with pytest.raises(ShapeError, match="shape \\(3, 4\\), expected \\(4, 3\\)"):
        bounds.judge({**gradient, "0.weight": gradient["0.weight"].T})
    with pytest.raises(DtypeError, match="float16"):
        bounds.judge({**gradient, "0.weight": gradient["0.weight"].astype("float16")})
