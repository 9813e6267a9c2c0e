import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.candidates import ours
from benchmarks.claims import Candidate, Claim
from benchmarks.harness import ROOT, Settings, measure
from benchmarks.problem import build, dense

from benchmarks import __main__ as command
from benchmarks import adam, gradients

QUICK = Settings(rounds=1, block=0.0001, core=None)
TOY = Claim(
    "toy",
    "A toy",
    (Candidate("a", "tests.benchmarks.toys:doubled"), Candidate("b", "tests.benchmarks.toys:times_two")),
    {"first row": {"x": 1.0}, "second row": {"x": 2.0}},
)


class ToyScript:
    CLAIM = TOY

    @staticmethod
    def extra(rows: Any) -> str:
        return f"{len(rows)} rows"


@pytest.mark.parametrize("name", command.SCRIPTS)
def test_every_candidate_of_every_claim_names_a_function_that_exists(name: str) -> None:
    claim = command.SCRIPTS[name].CLAIM
    for candidate in claim.candidates:
        module, function = candidate.prepare.split(":")
        tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", command.SCRIPTS)
def test_names_of_claims_and_candidates_are_unique_and_the_first_is_ours(name: str) -> None:
    claim = command.SCRIPTS[name].CLAIM
    names = [candidate.name for candidate in claim.candidates]
    assert len(set(names)) == len(names)
    assert "backproof" in names[0]
    assert claim.name == name


@pytest.mark.parametrize(
    ("claim", "case"),
    [
        (gradients.CLAIM, dense((5, 4, 3), 6, "tanh")),
        (gradients.CLAIM, dense((5, 4, 3), 1, "relu")),
        (adam.CLAIM, dense((5, 4, 3), 6, "relu")),
    ],
    ids=["gradients", "gradients of one example", "adam"],
)
@pytest.mark.slow
def test_all_libraries_agree_on_a_tiny_case(claim: Claim, case: Any) -> None:
    candidates = tuple(c for c in claim.candidates if "compiled" not in c.name)
    row = measure(replace(claim, candidates=candidates, cases={"tiny": case}), "tiny", QUICK)
    assert claim.candidates[0].name in row.timings
    assert set(row.timings) | set(row.unavailable) == {c.name for c in candidates}


def test_problem_is_the_same_every_time_and_float32() -> None:
    case = dense((5, 4, 3), 6, "tanh")
    first, second = build(case), build(case)
    assert np.array_equal(first.vector, second.vector)
    assert np.array_equal(first.x, second.x)
    assert first.vector.dtype == first.x.dtype == np.float32
    assert first.vector.shape == (5 * 4 + 4 + 4 * 3 + 3,)
    assert first.x.shape == (6, 5)
    assert first.y.min() >= 0
    assert first.y.max() <= 2


def test_weights_of_deep_tanh_networks_are_orthogonal() -> None:
    weight = build(dense((8, 8, 3), 2, "tanh")).weights[0]
    assert np.allclose(weight @ weight.T, np.eye(8), atol=1e-6)


def test_numbers_of_ours_are_those_of_its_step() -> None:
    prepared = ours.gradient(dense((5, 4, 3), 6, "relu"))
    value, gradient = prepared.step()
    numbers = prepared.numbers()
    assert numbers["loss"] == value
    assert np.array_equal(numbers["gradient"], gradient.vector)


def test_command_writes_both_result_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "SCRIPTS", {"toy": ToyScript})
    command.main(["toy", "--rounds", "1", "--block", "0.0005", "--core", "-1", "--output", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.json", "toy.md"]
    assert "2 rows" in (tmp_path / "toy.md").read_text()
    assert [row["case"] for row in json.loads((tmp_path / "toy.json").read_text())["rows"]] == list(TOY.cases)
    assert "first row: a " in capsys.readouterr().err


def test_command_for_some_rows_prints_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "SCRIPTS", {"toy": ToyScript})
    command.main(["--case", "second", "--rounds", "1", "--block", "0.0005", "--core", "-1", "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "| second row |" in printed
    assert "| first row |" not in printed
    assert not list(tmp_path.iterdir())


def test_command_names_an_unknown_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.arguments(["gradient"])
    assert "no benchmark is called gradient; there are gradients, adam, depth, import_time" in capsys.readouterr().err
