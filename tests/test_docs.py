"""Every Python block in the README and the docs runs, and prints what the text block after it says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[str, str]]:
    return [(match["kind"], match["body"]) for match in BLOCK.finditer(text)]


def run_page(text: str, name: str) -> int:
    """Run the Python blocks of a page in one namespace; compare output where a text block follows. Count them."""
    found, scope = blocks(text), {"__name__": name}
    for index, (kind, body) in enumerate(found):
        if kind != "python":
            continue
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(body, f"{name}, block {index}", "exec"), scope)
        if index + 1 < len(found) and found[index + 1][0] == "text":
            assert output.getvalue().strip() == found[index + 1][1].strip(), f"{name}, block {index}"
    return sum(kind == "python" for kind, _ in found)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_code_on_the_page_runs_and_prints_what_is_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    run_page(page.read_text(), page.name)


def test_readme_has_code():
    assert run_page((ROOT / "README.md").read_text(), "README.md") >= 5


def test_a_page_with_wrong_output_is_caught():
    with pytest.raises(AssertionError):
        run_page("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n", "planted")


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_to_files(page: Path):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target} does not exist"
