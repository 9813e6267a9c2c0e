"""``backproof certify``: the bounds as a table and as data, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.checking import certify
from backproof.cli.predictor import Predictor, prepared_target
from backproof.data import load_labelled

Run = Any


def expected(model: Path, table: Path, rows: slice) -> Any:
    """Return the bounds that the command prints."""
    predictor = Predictor.load(model)
    data, saved = load_labelled(str(table), predictor.preparation.schema), predictor.model
    x = predictor.preparation.apply(np.asarray(data.x[rows]))
    y = prepared_target(predictor.preparation, saved.loss)(np.asarray(data.y[rows]))
    return certify(saved.network, saved.theta, x, y, loss=saved.loss)


def test_the_first_rows_are_certified(cli: Run, model: Path, table: Path) -> None:
    done = cli("certify", model, table, "--rows", 3)
    assert done.code == 0
    assert done.out.strip() == str(expected(model, table, slice(3)))
    assert "errors of float32 are proven bounds" in done.out
    assert "Every entry is decided" in done.out


def test_one_example_is_certified_as_json(cli: Run, model: Path, table: Path) -> None:
    done = cli("certify", model, table, "--example", 5, "--json", "--precision", 128)
    told = json.loads(done.out)
    assert (told["examples"], told["bits"], told["dtype"], told["decided"]) == (1, 128, "float32", True)
    bounds = expected(model, table, slice(5, 6))
    assert told["loss"]["lower"] <= float(bounds.loss.middle) <= told["loss"]["upper"]
    assert list(told["blocks"]) == list(bounds.blocks)


def test_targets_that_were_standardized_are_certified_so(cli: Run, tmp_path: Path) -> None:
    rows = "".join(f"{i},{(i * i) % 7},{1000 + 5 * i}\n" for i in range(30))
    Path("prices.csv").write_text(f"a,b,price\n{rows}")
    made = cli("train", "prices.csv", "--target", "price", "--hidden", 3, "--epochs", 5, "-q", "-o", "p.backproof")
    assert made.code == 0
    told = json.loads(cli("certify", "p.backproof", "prices.csv", "--json").out)
    assert told["examples"] == 10
    assert told["loss"]["computed"] < 10


def test_what_cannot_be_certified_is_said_in_one_line(
    cli: Run, model: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        "--example is 90, expected at most 89: there are 90 examples."
        in cli("certify", model, table, "--example", 90).error
    )
    assert cli("certify", model, table, "--rows", 0).code == 2
    assert cli("certify", model, table, "--precision", 1).code == 2
    assert "kind" in cli("certify", model, "-", stdin="x,y\n0.1,0.2\n").error
    monkeypatch.setattr("backproof.balls.flint_is_there", lambda: False)
    assert "pip install 'backproof[exact]'" in cli("certify", model, table).error
