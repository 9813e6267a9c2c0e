"""What the measuring commands write and print."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.cli.predictor import Predictor
from backproof.data import load_labelled

Run = Any
COMMANDS = ("jacobian", "spectrum", "ntk", "ggn")


def loaded(model: Path, table: Path) -> tuple[Any, Any, Any, Any, Any]:
    """Return network, parameters, prepared examples, classes and loss."""
    predictor = Predictor.load(model)
    data = load_labelled(str(table), predictor.preparation.schema)
    saved = predictor.model
    return saved.network, saved.theta, predictor.preparation.apply(np.asarray(data.x)), np.asarray(data.y), saved.loss


def test_jacobian_is_written_and_names_the_strongest_inputs(cli: Run, model: Path, table: Path) -> None:
    done = cli("jacobian", model, table, "-o", "j.npz", "--examples", 7)
    assert done.code == 0
    net, theta, x, _, _ = loaded(model, table)
    expected = np.asarray(bp.jacobian(net, theta, x[:7]).dense())
    np.testing.assert_array_equal(np.load("j.npz")["jacobian"], expected)
    lines = done.out.splitlines()
    assert lines[0].split()[0] == "output"
    assert [line.split()[0] for line in lines[1:4]] == ["ash", "elm", "oak"]
    strongest = abs(expected).mean(axis=0).argmax(axis=1)
    assert [line.split()[2] for line in lines[1:4]] == [("x", "y")[j] for j in strongest]
    assert "left first" in done.out
    assert "jacobian in j.npz" in done.err


def test_jacobian_in_parameters_takes_a_name(cli: Run, model: Path, table: Path) -> None:
    done = cli("jacobian", model, table, "-o", "j.npz", "--wrt", "0.bias", "--examples", 3, "--json")
    net, theta, x, _, _ = loaded(model, table)
    np.testing.assert_array_equal(np.load("j.npz")["jacobian"], bp.dense_jacobian(net, theta, x[:3], "0.bias"))
    size = theta["0.bias"].size
    assert json.loads(done.out) == {"arrays": "j.npz", "examples": 3, "shape": [3, size]}
    assert "Did you mean '0.bias'" in cli("jacobian", model, table, "-o", "j.npz", "--wrt", "0.bais").error


def test_spectrum_is_written_and_told_in_words(cli: Run, model: Path, table: Path) -> None:
    done = cli("spectrum", model, table, "-o", "s.npz", "--examples", 4)
    net, theta, x, _, _ = loaded(model, table)
    found = bp.spectrum(net, theta, x[:4])
    assert done.out.strip() == str(found)
    with np.load("s.npz") as arrays:
        assert len(arrays.files) == 2 * len(net)
        np.testing.assert_array_equal(arrays["product 0"], found.layers[0].product)
    assert json.loads(cli("spectrum", model, table, "-o", "s.npz", "--json").out)["verdict"].startswith("Gradients ")


@pytest.mark.parametrize("kind", ["full", "outputs", "trace"])
def test_kernel_is_written_with_the_eigenvalues_of_its_trace(cli: Run, model: Path, table: Path, kind: str) -> None:
    done = cli("ntk", model, table, "-o", "k.npz", "--kind", kind, "--examples", 9, "--json")
    net, theta, x, _, _ = loaded(model, table)
    np.testing.assert_array_equal(np.load("k.npz")["ntk"], bp.ntk(net, theta, x[:9], kind=kind))
    values = np.linalg.eigvalsh(bp.ntk(net, theta, x[:9], kind="trace").astype(float))[::-1]
    np.testing.assert_allclose(json.loads(done.out)["eigenvalues"], values[:6], rtol=1e-4, atol=1e-4 * values[0])
    assert "eigenvalue of the trace" in cli("ntk", model, table, "-o", "k.npz", "--kind", kind).out


def test_gauss_newton_diagonal_and_eigenvalues_are_written(cli: Run, model: Path, table: Path) -> None:
    done = cli("ggn", model, table, "-o", "g.npz")
    matrix = bp.ggn(*loaded(model, table))
    with np.load("g.npz") as arrays:
        np.testing.assert_array_equal(arrays["diagonal"], matrix.diagonal())
        np.testing.assert_allclose(arrays["eigenvalues"], matrix.eigenvalues(6), rtol=1e-3)
    assert [line.split()[0] for line in done.out.splitlines()[1:3]] == ["0.weight", "0.bias"]
    assert f"trace {matrix.diagonal().sum():.4g}; eigenvalues " in done.out
    facts = json.loads(cli("ggn", model, table, "-o", "g.npz", "--json", "--eigenvalues", 2).out)
    assert len(facts["eigenvalues"]) == 2
    assert facts["examples"] == 90


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_ending_folder_or_data_leave_one_line_and_no_file(
    cli: Run, model: Path, table: Path, command: str
) -> None:
    assert "unknown ending, expected .npz" in cli(command, model, table, "-o", "out.csv").error
    assert "does not exist" in cli(command, model, table, "-o", "nowhere/out.npz").error
    assert "standard input: no column" in cli(command, model, "-", "-o", "out.npz", stdin="a,b\n1,2\n").error
    assert not list(Path().glob("*out*"))
    assert cli(command, model, table).code == 2


def test_targets_are_needed_for_curvature_only(cli: Run, model: Path) -> None:
    rows = "x,y\n0.1,0.2\n3,0.1\n"
    assert cli("ntk", model, "-", "-o", "k.npz", stdin=rows).code == 0
    assert "kind" in cli("ggn", model, "-", "-o", "g.npz", stdin=rows).error
