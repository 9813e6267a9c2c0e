"""The student's guide and its notebook are one thing, and the notebook runs from its first cell to its last."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import backproof as bp

DOCS = Path(__file__).resolve().parents[1] / "docs"


def make_guide() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_guide", DOCS / "make_guide.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_notebook_is_the_page() -> None:
    page = (DOCS / "guide.md").read_text()
    assert (DOCS / "guide.ipynb").read_text() == make_guide().notebook(page), "run: docs/make_guide.py"


def test_a_page_that_changed_makes_another_notebook() -> None:
    page = (DOCS / "guide.md").read_text()
    assert make_guide().notebook(page.replace("bp.Tanh()", "bp.ReLU()")) != make_guide().notebook(page)


def test_code_text_and_displays_become_cells() -> None:
    page = "# One\ntext\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n<!-- notebook: 1 + 1 -->\n\nmore\n\n## Two\n"
    kinds = [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in make_guide().cells(page)]
    assert kinds == [
        ("markdown", "# One\ntext"), ("code", "print(1)"), ("code", "1 + 1"), ("markdown", "more"),
        ("markdown", "## Two"),
    ]  # fmt: skip
    assert make_guide().cells(page)[1]["outputs"][0]["text"] == ["1\n"]


def test_filling_writes_what_the_code_prints() -> None:
    page = "```python\nprint(2)\n```\n\n```text\n1\n```\n\nrest\n"
    assert make_guide().filled(page) == "```python\nprint(2)\n```\n\n```text\n2\n```\n\nrest\n"


def executed(notebook: Any, folder: Path) -> Any:
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    return client.execute()


def printed(cell: Any) -> str:
    return "".join(output["text"] for output in cell["outputs"] if output["output_type"] == "stream").strip()


@pytest.fixture
def notebook() -> Any:
    return nbformat.reads((DOCS / "guide.ipynb").read_text(), as_version=4)


def trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::PendingDeprecationWarning"
)
def test_the_notebook_runs_and_shows_what_the_page_shows(notebook: Any, tmp_path: Path) -> None:
    nbformat.validate(notebook)
    expected = [printed(cell) for cell in notebook.cells if cell.cell_type == "code"]
    done = executed(notebook, tmp_path)
    cells = [cell for cell in done.cells if cell.cell_type == "code"]
    assert [trimmed(printed(cell)) for cell in cells] == [trimmed(text) for text in expected]
    results = [output for cell in cells for output in cell["outputs"] if output["output_type"] == "execute_result"]
    displays = re.findall(r"<!-- notebook: ", (DOCS / "guide.md").read_text())
    assert len(results) == len(displays) >= 5
    assert all("text/html" in result["data"] or "text/markdown" in result["data"] for result in results)


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::PendingDeprecationWarning"
)
def test_a_notebook_that_fails_is_caught(tmp_path: Path) -> None:
    broken = nbformat.reads(make_guide().notebook("```python\nraise ValueError('planted')\n```\n"), as_version=4)
    with pytest.raises(CellExecutionError, match="planted"):
        executed(broken, tmp_path)


def test_the_notebook_holds_no_path_of_a_machine() -> None:
    text = (DOCS / "guide.ipynb").read_text()
    assert not re.search(r"/(home|root|work|tmp|Users)/", text)
    assert {cell["execution_count"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"} == {None}


def test_every_exercise_stands_on_its_page_and_in_the_guide() -> None:
    for page in ("exercises.md", "guide.md"):
        text = (DOCS / page).read_text()
        missing = [name for name in bp.EXERCISES if f"`{name}`" not in text]
        assert not missing, f"{page}: {missing}"
