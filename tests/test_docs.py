"""Every Python block in the README and the docs runs, and prints what the text block after it says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from backproof.layers import LAYERS

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


@pytest.fixture(autouse=True)
def registry_as_it_was():
    """Forget the layers that a page registers."""
    before = dict(LAYERS)
    yield
    LAYERS.clear()
    LAYERS.update(before)


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


def test_reference_is_what_the_docstrings_say():
    import importlib.util

    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs" / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "reference.md").read_text() == module.reference(), "run: make reference"


def test_every_place_in_the_code_that_the_mathematics_names_exists():
    import importlib

    page = (ROOT / "docs" / "mathematics.md").read_text()
    places = re.findall(r"`([\w/]+)\.py: (\w+)(?:\.(\w+))?`", page)
    assert len(places) > 40
    for path, name, method in places:
        module = importlib.import_module("backproof." + path.replace("/", "."))
        item = getattr(module, name)
        assert not method or hasattr(item, method), f"{path}.py has no {name}.{method}"


def test_every_layer_loss_and_structure_stands_on_the_mathematics_page_or_is_elementwise():
    from backproof.layers import LAYERS, Elementwise
    from backproof.losses import LOSSES
    from backproof.operators import OPERATORS

    page = (ROOT / "docs" / "mathematics.md").read_text()
    layers = [name for name, layer in LAYERS.items() if not issubclass(layer, Elementwise)]
    names = [*layers, *LOSSES, *(operator.__name__ for operator in OPERATORS.values())]
    aliases = {"Chain": "composition", "Reshape": "reshape", "Spread": "Stack"}
    missing = [name for name in names if aliases.get(name, name) not in page]
    assert not missing


def test_reference_has_every_public_name():
    import backproof as bp

    page = (ROOT / "docs" / "reference.md").read_text()
    names = {n for n in dir(bp) if n != "__version__" and n not in bp._MODULES}
    names |= set(bp.training.__all__) | set(bp.data.__all__)
    missing = sorted(name for name in names if f"### `{name}`" not in page and f"| `{name}` |" not in page)
    assert not missing


def test_tables_of_measured_times_are_those_of_the_result_files():
    results = "\n".join(path.read_text() for path in (ROOT / "benchmarks" / "results").glob("*.md")).splitlines()
    pages = "\n".join((ROOT / "docs" / name).read_text() for name in ("benchmarks.md", "measuring.md"))
    rows = [row for row in pages.splitlines() if row.startswith("|")]
    assert len(rows) > 25
    missing = [row for row in rows if row not in results]
    assert not missing
