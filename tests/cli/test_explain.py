"""``backproof explain``: text, page and article of a model, and what bad input gets."""

import re
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof import Model
from backproof.cli import explanation
from backproof.errors import ShapeError

Run = Callable[..., Any]


def test_a_model_alone_is_explained_as_text_at_a_random_example(cli: Run, model: Path) -> None:
    found = cli("explain", model)
    assert found.code == 0
    assert "The composition" in found.out
    assert "induction" in found.out
    assert "random example" in found.err


def test_the_numbers_are_those_of_the_row_asked_for(cli: Run, model: Path, table: Path) -> None:
    texts = [cli("explain", model, table, "--example", row).out for row in (3, 4)]
    assert texts[0] != texts[1]
    assert cli("explain", model, table, "--example", 3).out == texts[0]


def test_the_example_is_called_by_its_row_wherever_it_is_named(cli: Run, model: Path, table: Path) -> None:
    told = cli("explain", model, table, "--example", 12, "--batch", 2).out
    assert set(re.findall(r"example (\d+)", told)) == {"12"}


@pytest.mark.parametrize(
    ("ending", "start"), [(".html", "<!doctype html>"), (".tex", r"\documentclass"), (".txt", "Backpropagation")]
)
def test_the_ending_decides_the_format_and_an_option_overrules_it(
    cli: Run, model: Path, table: Path, tmp_path: Path, ending: str, start: str
) -> None:
    first, second = tmp_path / f"made{ending}", tmp_path / "made.dat"
    assert cli("explain", model, table, "-o", first).code == 0
    kind = {".html": "html", ".tex": "latex", ".txt": "text"}[ending]
    assert cli("explain", model, table, "--format", kind, "-o", second).code == 0
    assert start in first.read_text("utf-8")[:2000]
    assert first.read_text("utf-8") == second.read_text("utf-8")


def test_the_page_shows_the_training_and_the_flow_of_gradients(
    cli: Run, model: Path, table: Path, tmp_path: Path
) -> None:
    cli("explain", model, table, "-o", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "<title>Backpropagation in trees.backproof</title>" in text
    assert text.count('<svg class="plot"') == 2


def test_the_page_stands_without_singular_values_that_do_not_fit(
    cli: Run, model: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: Any) -> Any:
        raise ShapeError("too large")

    monkeypatch.setattr(explanation, "spectrum", refused)
    assert cli("explain", model, table, "-o", tmp_path / "page.html").code == 0
    assert (tmp_path / "page.html").read_text("utf-8").count('<svg class="plot"') == 1


def test_a_history_that_is_none_is_left_out(model: Path) -> None:
    loaded = Model.load(model)
    for history in ("all", [{"epoch": "<b>", "loss": 1.0}], [{"epoch": 1}], [3], None):
        assert explanation._epochs({**loaded.about, "history": history}) == []
    assert len(explanation._epochs(loaded.about)) == 30


def test_choices_change_what_is_told(cli: Run, model: Path) -> None:
    plain = cli("explain", model).out
    for option, value in (("--detail", "outline"), ("--vec", "column"), ("--notation", "O")):
        assert cli("explain", model, option, value).out != plain


def test_rows_without_a_target_end_with_the_layers(cli: Run, model: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("x,y\n1,2\n3,4\n")
    found = cli("explain", model, rows)
    assert found.code == 0, found.err
    assert "no loss" in found.err
    assert "induction proof" not in found.out


def test_an_image_is_shown_as_one(cli: Run, tmp_path: Path) -> None:
    path, page = tmp_path / "digits.backproof", tmp_path / "digits.html"
    cli("train", "digits", "--hidden", "8", "--epochs", 1, "-q", "-o", path)
    assert cli("explain", path, "digits", "--example", 7, "-o", page).code == 0
    text = page.read_text("utf-8")
    assert "the input as an image: 8 × 8" in text or 'aria-label="the input as an image' in text
    assert "example 7" in text


def test_open_shows_the_file_that_was_written(
    cli: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(seen.append(address)))
    found = cli("explain", model, "-o", tmp_path / "page.html", "--open")
    assert seen == [(tmp_path / "page.html").as_uri()]
    assert "open" in found.err
    assert "yourself" in found.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--open"], "give its name, as in -o page.html --open"),
        (["-o", "page.pdf"], "expected .html, .tex or .txt"),
        (["--format", "pdf"], "unknown format 'pdf'"),
        (["--notation", "Q"], "Known: D, O, ours"),
        (["--vec", "diagonal"], "Known: column, row"),
        (["--detail", "ful"], "Did you mean 'full'?"),
        (["-o", "no/page.html"], "does not exist"),
        (["--example", "0"], "--example speaks of DATA"),
        (["--batch", "8"], "--batch speaks of DATA"),
        (["--feature", "x"], "--feature speaks of DATA"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_in_one_line(
    cli: Run, model: Path, arguments: list[str], words: str
) -> None:
    assert words in cli("explain", model, *arguments).error


def test_a_row_that_is_not_there_is_refused(cli: Run, model: Path, table: Path) -> None:
    assert "expected a row from 0 to" in cli("explain", model, table, "--example", 100_000).error
    assert "expected a row from 0 to" in cli("explain", model, table, "--example", -1).error


def test_nothing_is_written_over_the_model_or_the_data(cli: Run, model: Path, table: Path) -> None:
    assert "would replace" in cli("explain", model, table, "--format", "html", "-o", model).error
    assert "would replace" in cli("explain", model, table, "--format", "html", "-o", table).error


def test_the_batch_form_is_written_for_as_many_rows_as_asked(cli: Run, model: Path, table: Path) -> None:
    assert "5 examples" in cli("explain", model, table, "--batch", 5).out


def test_a_class_name_of_foreign_origin_is_escaped_in_the_page(cli: Run, tmp_path: Path) -> None:
    path, made, page = tmp_path / "<i>.csv", tmp_path / "m.backproof", tmp_path / "page.html"
    values = np.random.default_rng(0).normal(size=(30, 2))
    rows = [f"{a:.3f},{b:.3f},{'<b>one</b>' if a > 0 else '<b>two</b>'}" for a, b in values]
    path.write_text("\n".join(["<u>,y,kind", *rows]))
    cli("train", path, "--target", "kind", "--epochs", 2, "-q", "-o", made)
    assert cli("explain", made, path, "-o", page).code == 0
    text = page.read_text("utf-8")
    assert not [tag for tag in ("<b>", "<u>", "<i>") if tag in text]
    assert "&lt;b&gt;" in text
