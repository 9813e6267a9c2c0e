"""Reports as text, JSON and HTML, and the fixture for pytest."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof import Report, check
from backproof.errors import DataError

X = np.random.default_rng(0).normal(size=(3, 4))
HOSTILE = "<script>alert('x')</script>"


def wrong(**options: Any) -> Report:
    return check(np.sin, X, vjp=lambda x, u: -u * np.cos(x), **options)


class Page(HTMLParser):
    """Collects tags and links, and sees that every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_text_has_verdict_entry_cause_and_a_map() -> None:
    lines = wrong().text().splitlines()
    assert lines[0] == "sin: WRONG: sign"
    assert "12 of 144 entries wrong" in lines[2]
    assert re.match(r"    worst at d y\[\d, \d\] / d \S+\[\d, \d\]: analytic \S+, numeric \S+, tolerance", lines[3])
    assert "likely cause: sign: multiplied by -1 it fits" in lines[4]
    picture = [line.strip() for line in lines[5:]]
    assert len(picture) == 12
    assert all(row[i] in "░▒▓█" and set(row[:i] + row[i + 1 :]) == {"·"} for i, row in enumerate(picture))


def test_a_right_report_is_short_and_true() -> None:
    report = check(np.sin, X, vjp=lambda x, u: u * np.cos(x))
    assert bool(report)
    assert str(report) == report.text()
    assert len(report.text().splitlines()) == 3
    assert report.cause is None


def test_the_report_is_plain_data() -> None:
    data = json.loads(json.dumps(wrong().to_dict(), allow_nan=False))
    assert data["ok"] is False
    assert data["cause"] == "sign"
    assert data["blocks"][0]["wrong"] == 12
    assert data["blocks"][0]["out_shape"] == [3, 4]


def test_data_without_numbers_are_none_and_not_nan() -> None:
    report = check(np.sin, X, vjp=lambda x, u: u * np.nan)
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_block_is_had_by_its_name() -> None:
    report = check(np.multiply, X, X, vjp=lambda a, b, u: (u * b, u * b), names=["a", "b"])
    assert report.block("a").ok
    assert not report.block("b").ok
    with pytest.raises(KeyError):
        report.block("c")


def test_the_page_stands_alone_and_escapes_every_name(tmp_path: Path) -> None:
    def function(x: Any) -> Any:
        return np.sin(x)

    function.__name__ = HOSTILE
    report = check(function, X, vjp=lambda x, u: -u * np.cos(x), names=[f'"{HOSTILE}'])
    text = report.html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == text
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    page = Page()
    page.feed(text)
    assert not page.open
    assert {"svg", "rect", "table", "main"} <= page.seen
    assert page.links == []


def test_a_page_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        wrong().html(tmp_path / "nowhere" / "report.html")


def test_a_notebook_shows_the_report() -> None:
    assert wrong()._repr_html_().startswith("<style>")


def test_the_fixture_fails_a_test_with_the_report(tmp_path: Path) -> None:
    (tmp_path / "test_sine.py").write_text(
        "import numpy as np\n"
        "def test_right(check_derivative):\n    check_derivative(np.sin, np.ones(3), jacobian=np.cos)\n"
        "def test_wrong(check_derivative):\n    check_derivative(np.sin, np.ones(3), jacobian=np.sin)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "test_sine.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1
    assert "1 failed, 1 passed" in run.stdout
    assert "sin: WRONG" in run.stdout
