"""Gradient flow in numbers and words, linear regions, sketched intervals."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof import quantities as q
from backproof.errors import OptionError, ShapeError
from oracles import agree
from quantity_oracles import parts
from torch_networks import POINTS, point


def deep(scale: float, layers: int = 12) -> Any:
    """Return a deep linear network whose every weight has singular values ``scale``."""
    g = np.random.default_rng(0)
    net = bp.Network([bp.Linear(6, 6, bias=False) for _ in range(layers)])
    theta = net.initialize(0, "float64")
    for name in theta:
        theta[name][...] = scale * np.linalg.qr(g.normal(size=(6, 6)))[0]
    return net, theta, g.normal(size=(3, 6))


def test_vanishing_gradients_are_named_with_the_layer_where_they_vanish() -> None:
    found = q.spectrum(*deep(0.5))
    assert found.layers[0].gain == pytest.approx(0.5**12)
    # 0.5^k < 1e-3 from k = 10 layers on, counted from the output: layer 12 - 10 = 2.
    expected = r"Gradients vanish: .* below 0.001 at layer 2 \(Linear\(6 -> 6\)\), and reach layer 0 .* of 2.4e-04"
    assert_matches(found.verdict(), expected)


def test_exploding_gradients_are_named_with_the_layer_where_they_explode() -> None:
    found = q.spectrum(*deep(2.0))
    assert_matches(found.verdict(), r"Gradients explode: .* beyond 1000 at layer 2 .* factor of 4.1e\+03")
    assert found.layers[3].condition == pytest.approx(1.0)
    assert found.layers[3].norm == pytest.approx(2.0)


def assert_matches(text: str, pattern: str) -> None:
    import re

    assert re.search(pattern, text), text


def test_healthy_and_dead_networks_are_told_apart() -> None:
    assert q.spectrum(*deep(1.0)).verdict().startswith("Gradients pass: ")
    net = bp.Network([bp.Linear(3, 3), bp.ReLU(), bp.Linear(3, 2)])
    theta = net.initialize(0, "float64")
    theta["0.weight"][...], theta["0.bias"][...] = 0.0, -1.0
    dead = q.spectrum(net, theta, np.ones((2, 3)))
    assert "Layer 1 (ReLU()) passes nothing on: its Jacobian is 0." in dead.verdict()
    assert dead.layers[1].condition == np.inf
    assert "-inf" in str(dead)


def test_table_has_a_line_for_every_layer_and_ends_in_words() -> None:
    found = q.spectrum(*deep(0.5))
    lines = str(found).splitlines()
    assert lines[0].split() == ["layer", "A", "norm", "condition", "log-norm", "gain", "from", "output"]
    assert len(lines) == 1 + 12 + 2
    assert lines[1].split()[-4:] == ["0.5", "1", "-0.30", "0.000244"]
    assert lines[-1] == found.verdict()


def test_large_matrices_give_their_largest_singular_values_by_lanczos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["backproof.quantities.spectrum"], "FULL_SIZE", 64)
    g = np.random.default_rng(0)
    net = bp.Network([bp.Linear(300, 280), bp.Tanh(), bp.Linear(280, 290)])
    theta, x = net.initialize(0, "float64"), g.normal(size=(2, 300))
    found = q.spectrum(net, theta, x, count=4)
    whole = np.linalg.svd(np.asarray(q.jacobian(net, theta, x).dense()), compute_uv=False)
    assert not found.layers[0].complete
    agree(found.layers[0].product, whole[:, :4], 1e-9, "product")
    own = np.linalg.svd(theta["0.weight"], compute_uv=False)[None, :4]
    agree(found.layers[0].own, np.repeat(own, 2, axis=0), 1e-9, "weight")
    assert "condition" in str(found)


def scaled(size: int) -> Any:
    """Return a network of one diagonal matrix with condition 1e4 between a wide and a narrow layer, and examples."""
    net = bp.Network([bp.Linear(size, size, bias=False), bp.Tanh(), bp.Linear(size, size + 20, bias=False)])
    theta = net.initialize(0, "float64")
    theta["0.weight"][...] = np.diag(np.logspace(0, -4, size))
    return net, theta, np.random.default_rng(0).normal(size=(2, size))


@pytest.mark.parametrize("full_size", [1024, 64])
def test_gain_is_exact_and_condition_is_exact_or_not_given(full_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["backproof.quantities.spectrum"], "FULL_SIZE", full_size)
    net, theta, x = scaled(300)
    found = q.spectrum(net, theta, x)
    complete = full_size == 1024
    assert [layer.complete for layer in found.layers] == [complete, True, complete]  # a diagonal is always known
    assert [layer.product_complete for layer in found.layers] == [complete] * 3
    for layer in found.layers:
        J = np.asarray(q.jacobian(net, theta, x, layer.index).dense())
        agree(layer.rms, np.linalg.norm(J, axis=(1, 2)) / np.sqrt(300), 1e-9, layer.label)
        assert layer.gain == pytest.approx(np.exp(np.log(layer.rms).mean()))
    if complete:
        assert found.layers[0].condition == pytest.approx(1e4)
    else:
        assert np.isnan(found.layers[0].condition)
        assert [line.split()[-3] for line in str(found).splitlines()[1:4:2]] == ["-"] * 2
    assert found.layers[0].norm == pytest.approx(1.0)


def test_no_examples_have_no_spectrum() -> None:
    net, theta, x = deep(1.0)
    with pytest.raises(ShapeError, match=r"spectrum: x has shape \(0, 6\), no examples"):
        q.spectrum(net, theta, x[:0])


def test_plot_is_drawn_and_saved(tmp_path: Path) -> None:
    figure = q.spectrum(*deep(0.5)).plot(tmp_path / "flow.png")
    assert (tmp_path / "flow.png").read_bytes().startswith(b"\x89PNG")
    assert figure.axes[0].get_yscale() == "log"
    with pytest.raises(OptionError, match="count=0"):
        q.spectrum(*deep(0.5), count=0)


@given(st.integers(0, 1000))
def test_affine_map_is_exact_on_the_whole_linear_region(seed: int) -> None:
    layers = [bp.Linear(4, 8), bp.ReLU(), bp.Linear(8, 6), bp.Hardtanh(), bp.Linear(6, 2)]
    p = point(layers, (4,), bp.SquaredError(), seed=seed)
    found, direction = q.local_affine(*parts(p)), np.random.default_rng(seed).normal(size=p.x.shape)

    def pattern(x: Any) -> Any:
        outputs = [step.output for step in p.net.linearize(p.theta, x)]
        return [outputs[0] > 0, outputs[2] > -1, outputs[2] < 1]

    # Walk as far as no pre-activation changes sides: there the map and the network are one.
    for distance in 10.0 ** -np.arange(8):
        moved = p.x + distance * direction
        if all(np.array_equal(a, b) for a, b in zip(pattern(p.x), pattern(moved), strict=True)):
            agree(found(moved), p.net.forward(p.theta, moved), 1e-9, f"at a distance of {distance}")
            return
    raise AssertionError("no neighbour in the same region")


def test_sketched_deviations_tend_to_the_exact_ones() -> None:
    p = POINTS["tanh"]()
    diagonal = np.random.default_rng(0).random(p.theta.layout.size)
    for covariance in (0.4, diagonal):
        exact = q.prediction_interval(*parts(p), covariance)
        sketched = q.prediction_interval(*parts(p), covariance, sketch=3000, seed=1)
        assert np.max(np.abs(sketched.deviation / exact.deviation - 1)) < 5 / np.sqrt(2 * 3000)
        again = q.prediction_interval(*parts(p), covariance, sketch=3000, seed=1)
        np.testing.assert_array_equal(again.deviation, sketched.deviation)


def test_wrong_covariances_are_refused() -> None:
    p = POINTS["tanh"]()
    size = p.theta.layout.size
    with pytest.raises(ShapeError, match=rf"covariance has shape \(3,\), expected \({size},\)"):
        q.prediction_interval(*parts(p), np.ones(3))
    with pytest.raises(OptionError, match="a sketch needs the covariance as a number or a diagonal"):
        q.prediction_interval(*parts(p), np.eye(size), sketch=5)
    with pytest.raises(OptionError, match="sketch=0"):
        q.prediction_interval(*parts(p), 1.0, sketch=0)
