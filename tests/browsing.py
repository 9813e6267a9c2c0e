"""A real browser, and a watch over what a page does in it: requests, errors, formulas without size."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCREENSHOTS = Path(__file__).parents[1] / "build" / "screenshots"
PHONE = {"width": 360, "height": 740}


@dataclass
class Watch:
    """What a page has asked of the world, and what went wrong in it.

    Attributes:
        allowed: the address of the page itself.
        requests: every other address it asked for.
        errors: what it wrote as an error to the console, and exceptions nobody caught.
    """

    allowed: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Fail if the page did anything that a page complete in itself does not do."""
        assert self.requests == [], f"the page asked for {self.requests}"
        assert self.errors == [], f"the page reported {self.errors}"

    def _request(self, request: Any) -> None:
        # The font lies in the page, as data: nothing is asked of anybody.
        if request.url != self.allowed and not request.url.startswith("data:"):
            self.requests.append(request.url)

    def _message(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser, and close it; without one the test fails, since it would otherwise show nothing."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    assert path is not None, "no chromium on the path: install it, as in apt-get install chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Any, file: Path, **options: Any) -> Iterator[Any]:
    """Yield a page opened from a file, and check at the end that it kept to itself."""
    context = browser.new_context(**options)
    try:
        page = context.new_page()
        page.set_default_timeout(20_000)
        watch = Watch(file.as_uri())
        page.on("request", watch._request)
        page.on("console", watch._message)
        page.on("pageerror", lambda error: watch.errors.append(str(error)))
        page.goto(file.as_uri())
        page.evaluate("document.fonts.ready")
        yield page
        watch.check()
    finally:
        context.close()


def screenshot(page: Any, name: str, **options: Any) -> Path:
    """Keep a picture of the page in ``build/screenshots``."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=str(path), **options)
    return path


def flat_formulas(page: Any) -> list[str]:
    """Return the formulas in sight that have no size: those the browser did not set."""
    found = page.evaluate(
        """() => [...document.querySelectorAll("math")].filter((math) => math.checkVisibility())
             .filter((math) => { const box = math.getBoundingClientRect(); return !(box.width > 0 && box.height > 0); })
             .map((math) => math.outerHTML.slice(0, 200))"""
    )
    return list(found)


def serious(page: Any, contrast_in: Sequence[str] = ("html",)) -> list[str]:
    """Return the serious and critical findings of axe-core on the page as it stands.

    The rule of contrast, which takes longest, looks only inside the elements that ``contrast_in`` selects.
    """
    from axe_playwright_python.sync_playwright import Axe

    rest = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": False}}}
    return [*_grave(Axe().run(page, options=rest)), *pale(page, contrast_in)]


def pale(page: Any, places: Sequence[str]) -> list[str]:
    """Return axe-core's findings of too little contrast inside the elements that ``places`` select."""
    from axe_playwright_python.sync_playwright import Axe

    only = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
    return _grave(Axe().run(page, context={"include": [[selector] for selector in places]}, options=only))


def _grave(found: Any) -> list[str]:
    grave = [finding for finding in found.response["violations"] if finding["impact"] in ("serious", "critical")]
    return [f"{finding['id']}: {finding['nodes'][0]['html'][:200]}" for finding in grave]


def overflow(page: Any) -> int:
    """Return by how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
