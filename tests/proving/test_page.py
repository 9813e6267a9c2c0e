"""The pages about the proof say what the Coq sources say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROOF = ROOT / "proof"
PAGES = [ROOT / "docs" / "proof.md", ROOT / "docs" / "mathematics.md"]
PLACE = re.compile(r"`(\w+)\.v: (\w+)`")
STATED = re.compile(r"^\s*(?:Theorem|Lemma|Corollary|Definition|Fixpoint|Inductive|Fact) (\w+)", re.MULTILINE)


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_statement_that_a_page_names_stands_in_its_file(page: Path) -> None:
    places = PLACE.findall(page.read_text())
    assert len(places) > 20
    for file, name in places:
        assert name in STATED.findall((PROOF / f"{file}.v").read_text()), f"{file}.v states no {name}"


def test_coq_shown_on_the_page_is_in_the_sources_word_for_word() -> None:
    sources = squeezed(" ".join(path.read_text() for path in sorted(PROOF.glob("*.v"))))
    shown = re.findall(r"^```coq\n(.*?)^```$", PAGES[0].read_text(), re.MULTILINE | re.DOTALL)
    assert len(shown) >= 8
    for block in shown:
        assert squeezed(block) in sources, block


def test_files_named_on_the_page_exist() -> None:
    for name in re.findall(r"`((?:proof|tests|src)/[\w/.]*)`", PAGES[0].read_text()):
        assert (ROOT / name).exists(), name


def test_python_places_on_the_page_exist() -> None:
    import importlib

    for path, name, method in re.findall(r"`([\w/]+)\.py: (\w+)(?:\.(\w+))?`", PAGES[0].read_text()):
        item = getattr(importlib.import_module("backproof." + path.replace("/", ".")), name)
        assert not method or hasattr(item, method)
