"""The oracle and the report of the demonstration."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import backproof as bp
from backproof.cli import demo
from backproof.cli.differences import compare, derivative
from backproof.cli.report import Shown, report
from backproof.cli.work import Request, work
from backproof.data import load
from backproof.summaries import summary


@pytest.mark.parametrize(
    ("f", "exact"),
    [
        (lambda t: math.exp(2 * t), 2.0),
        (lambda t: math.sin(5 * t) + 3, 5.0),
        (lambda t: t**3 + 7 * t, 7.0),
        (lambda t: 1.0, 0.0),
    ],
)
def test_extrapolated_differences_are_exact_to_twelve_digits(f: object, exact: float) -> None:
    assert derivative(f) == pytest.approx(exact, rel=1e-11, abs=1e-12)  # type: ignore[arg-type]


def test_the_gradient_agrees_and_a_wrong_one_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    net = bp.Network([bp.Linear(5, 7), bp.Tanh(), bp.Linear(7, 3)])
    theta, x = net.initialize(0), np.random.default_rng(0).normal(size=(6, 5))
    y = np.arange(6) % 3
    assert max(c.error for c in compare(net, theta, x, y, bp.CrossEntropy())) < 1e-10
    monkeypatch.setattr(bp.Tanh, "derivative", lambda self, x, y: 1 - y)
    assert max(c.error for c in compare(net, theta, x, y, bp.CrossEntropy())) > 1e-2


def test_every_compared_entry_is_named() -> None:
    net = bp.Network([bp.Linear(2, 2)])
    found = compare(net, net.initialize(0), np.ones((1, 2)), np.array([0]), bp.CrossEntropy(), directions=1, entries=99)
    names = {"random direction 0", "0.weight[0, 0]", "0.weight[0, 1]", "0.weight[1, 0]", "0.weight[1, 1]"}
    assert {c.direction for c in found} == names | {"0.bias[0]", "0.bias[1]"}


def test_the_report_escapes_names(tmp_path: Path) -> None:
    path = tmp_path / "<b>&.csv"
    path.write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(40)))
    asked = Request(str(path), tmp_path / "m.bp", ("y",), hidden=(4,), task="regression", quiet=True)
    outcome = work(replace(asked, hyperparameters={"epochs": 2}))
    shown = Shown(np.arange(40.0).reshape(-1, 1), np.arange(40.0) ** 2)
    text = report(outcome, shown, summary(outcome.model.network, (1,)), compare_one(outcome.model.network))
    assert "&lt;b&gt;&amp;.csv" in text
    assert "<b>" not in text
    assert text.count("<polyline points") == 4


def compare_one(net: bp.Network) -> list[object]:
    made = compare(net, net.initialize(0), np.ones((2, 1)), np.ones((2, 1)), bp.SquaredError(), directions=1, entries=2)
    return list(made)


def test_a_demonstration_that_falls_short_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "CHECKED", 4)
    assert demo.main(tmp_path, epochs=1) == 1
    assert "expected a test accuracy of 0.97" in capsys.readouterr().err


def test_the_report_says_what_errors_are_relative_to_and_draws_the_loss_in_powers_of_ten(tmp_path: Path) -> None:
    outcome = work(Request("iris", tmp_path / "m.bp", hidden=(4,), quiet=True, hyperparameters={"epochs": 3}))
    for factor, epoch in zip((1.0, 0.1, 0.01), outcome.model.about["history"], strict=True):
        epoch |= {"loss": factor, "validation_loss": 0.0}
    net, data = outcome.model.network, load("iris")
    made = compare(net, net.initialize(0), np.ones((2, 4)), np.array([0, 1]), bp.CrossEntropy(), directions=1)
    text = report(outcome, Shown(data.x, data.y, 7), summary(net, (4,)), made)
    assert "largest entry for a single entry" in " ".join(text.split())
    assert "example 7" in text
    curve = text.partition('aria-label="Loss by epoch')[2].partition('points="')[2].partition('"')[0]
    heights = [float(point.partition(",")[2]) for point in curve.split()]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.2)
    assert heights[1] > heights[0]
    assert all(f">{mark}</text>" in text for mark in ("1", "0.1", "0.01"))
