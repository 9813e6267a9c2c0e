"""``backproof prove``: the file, the words, and what happens without Coq."""

import json
from pathlib import Path
from typing import Any

import pytest

from backproof.cli.application import run
from backproof.proving import Checked, certificate

TABLE = "a,b,y\n" + "".join(f"{i % 7},{i * i % 5},{i % 3}.5\n" for i in range(40))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model file with a ReLU, and the table it takes."""
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(TABLE)
    path = "a model; it's odd.backproof"
    options = ["--target", "y", "--hidden", "3", "--activation", "relu", "--epochs", "1", "-q", "-o", path]
    assert run(["train", "table.csv", *options]) == 0
    return Path(path)


def prove(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run(["prove", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_proved_model_is_reported_in_words(
    model: Path, capsys: pytest.CaptureFixture[str], development: Path
) -> None:
    code, out, _ = prove(capsys, model, "-o", "proof of model.v", "--data", "table.csv")
    assert code == 0
    assert "Proved: Coq accepts proof of model.v" in out
    assert "for all weights" in out
    assert "wherever no input of layer 1, ReLU(), is 0" in out
    assert "On the data: proved in ball arithmetic, the conditions hold for all 40 examples." in out
    assert Path("proof of model.v").read_text().startswith("(* Backpropagation")


def test_without_coq_the_file_is_written_with_the_line_that_would_check_it(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    code, out, _ = prove(capsys, model, "-o", "model.v")
    assert code == 0
    line = (
        "apt-get install coq libcoq-mathcomp-analysis && backproof prove 'a model; it'\"'\"'s odd.backproof' -o model.v"
    )
    assert line in out
    assert "Proved" not in out
    assert Path("model.v").exists()
    code, out, _ = prove(capsys, model, "-o", "model.v", "--json")
    assert code == 0
    assert json.loads(out)["checked"] is False
    assert line in json.loads(out)["reason"]


def test_json_has_statement_conditions_and_findings(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = prove(capsys, model, "-o", "model.v", "--no-check", "--json", "--data", "table.csv")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["conditions"] == ["no input of layer 1, ReLU(), is 0"]
    assert told["conditions_on_data"]["hold"] is True
    assert told["unproved"] == []
    assert told["checked"] is False


def test_a_certificate_that_coq_refuses_is_an_error(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "check_text", lambda *_: Checked(False, 1.0, (), "Coq did not accept it: no"))
    monkeypatch.setattr("backproof.proving.coq", lambda: "coqc")
    code, _, err = prove(capsys, model, "-o", "model.v")
    assert code == 1
    assert err.splitlines()[-1] == "backproof: error: model.v: Coq did not accept it: no"


@pytest.mark.parametrize("output", [".", "missing/model.v"])
def test_a_place_that_cannot_be_written_is_said_at_once(
    output: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = prove(capsys, model, "-o", output)
    assert code == 1
    assert "cannot write the certificate" in err


def test_a_certificate_does_not_replace_what_it_is_made_from(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = model.read_bytes()
    for arguments in ((model, "-o", model), (model, "-o", "table.csv", "--data", "table.csv")):
        code, _, err = prove(capsys, *arguments, "--no-check")
        assert code == 1
        assert "it would replace" in err
    assert model.read_bytes() == before
    assert Path("table.csv").read_text() == TABLE
