"""The watch over a page in a browser sees what it is there to see."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browsing import Watch, chromium, flat_formulas, opened, overflow, serious

WORD = "<!doctype html><html lang=en><title>t</title><main><h1>t</h1>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as made:
        yield made


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("<img alt='' src='https://example.invalid/a.png'>", "asked for"),
        ("<link rel=stylesheet href='other.css'>", "asked for"),
        ("<script>console.error('no')</script>", "reported"),
        ("<script>throw Error('no')</script>", "reported"),
    ],
)
def test_the_watch_sees_requests_and_errors(browser: Any, tmp_path: Path, fault: str, complaint: str) -> None:
    path = tmp_path / "faulty.html"
    path.write_text(WORD + fault)
    with pytest.raises(AssertionError, match=complaint), opened(browser, path) as page:
        page.wait_for_timeout(50)


def test_the_watch_sees_nothing_in_a_sound_page(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "sound.html"
    path.write_text(WORD)
    with opened(browser, path) as page:
        page.wait_for_timeout(50)


def test_formulas_without_size_pages_too_wide_and_text_too_pale_are_seen(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "faulty.html"
    path.write_text(f"{WORD}<math></math><p style='width:5000px;color:#ccc;background:#fff'>pale</p>")
    with opened(browser, path) as page:
        assert len(flat_formulas(page)) == 1
        assert overflow(page) > 1000
        assert [finding.partition(":")[0] for finding in serious(page)] == ["color-contrast"]


def test_a_watch_complains_only_of_what_it_saw() -> None:
    Watch("file:///a").check()
    with pytest.raises(AssertionError, match="asked for"):
        Watch("file:///a", ["https://b"]).check()
