"""The page in a real browser: complete in itself, walked by mouse and keyboard, fit for phone and print."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import backproof as bp
from backproof.derivation import explain
from backproof.derivation.pages import Extras, frame, html, pictures
from browsing import PHONE, chromium, flat_formulas, opened, overflow, pale, screenshot, serious
from explained import derivation

NAMES = ("small", "images", "deep")
CONTRAST = (
    "header",
    "nav",
    "#network",
    "#layer-1",
    ".card:first-child",
    ".track",
    ".controls",
    ".steps > li.now",
    "#training",
)
"""One place of every kind; in all places the rule of contrast takes a minute."""

COLOUR = "name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    history = [{"epoch": i, "loss": 2 * 0.8**i, "validation_loss": 2 * 0.8**i + 0.1} for i in range(1, 30)]
    made = {}
    for name in NAMES:
        made[name] = folder / f"{name}.html"
        html(derivation(name), made[name], Extras(history=history, image=(8, 8) if name == "images" else None))
    return made


@pytest.fixture(scope="module")
def calm(browser: Any, files: dict[str, Path]) -> Iterator[Callable[[str], Any]]:
    """Yield what gives a wide page at its first step, without motion: opened once, and watched until the last test."""
    with ExitStack() as stack:
        pages: dict[str, Any] = {}

        def give(name: str) -> Any:
            if name not in pages:
                options = {"reduced_motion": "reduce", "viewport": {"width": 1300, "height": 1000}}
                pages[name] = stack.enter_context(opened(browser, files[name], **options))
            page = pages[name]
            page.emulate_media(media="screen", color_scheme="light", reduced_motion="reduce")
            page.mouse.move(0, 0)
            page.evaluate("document.activeElement.blur(); document.querySelector('[data-step=first]').click()")
            return page

        yield give


def now(page: Any) -> str:
    """Return the text of the step that is shown."""
    return str(page.locator(".steps > li.now").inner_text())


def step(page: Any, count: int = 1) -> None:
    page.evaluate("count => { while (count--) document.querySelector('[data-step=next]').click(); }", count)


def ink_below(braced: Any) -> float:
    """Return how wide the ink is at the lower end of an element, where its brace is: its box does not say."""
    with Image.open(io.BytesIO(braced.screenshot())) as picture:
        grey = np.asarray(picture.convert("L"))[-4:]
    inked = np.flatnonzero((grey < 160).any(axis=0))
    return float(inked.max() - inked.min() + 1)


def steps(page: Any) -> int:
    return int(page.locator(".steps > li").count())


# -- whole pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_from_a_file_asks_for_nothing_and_sets_every_formula(
    browser: Any, files: dict[str, Path], name: str
) -> None:
    with opened(browser, files[name], viewport={"width": 1200, "height": 900}) as page:
        assert page.locator("math").count() > 20
        assert flat_formulas(page) == []
        loaded = "[...document.fonts].some(f => f.family.includes('Backproof Math') && f.status === 'loaded')"
        assert page.evaluate(loaded)
        screenshot(page, f"{name}-wide", full_page=True)


def test_brackets_and_braces_stretch(calm: Callable[[str], Any]) -> None:
    page = calm("small")
    size = """(element) => { const box = element.getBoundingClientRect(); return [box.width, box.height]; }"""
    matrix = page.locator("#layers .typeset math").first
    bracket = matrix.locator("mo").first.evaluate(size)
    digit = matrix.locator("mn").first.evaluate(size)
    assert bracket[1] > 3 * digit[1]
    braced = page.locator("#gradient munder > munder").last
    assert ink_below(braced) > 0.8 * braced.evaluate(size)[0]


@pytest.mark.parametrize("name", ["small", "images"])
def test_headings_go_down_one_level_at_a_time_and_every_drawing_has_a_name(
    calm: Callable[[str], Any], name: str
) -> None:
    page = calm(name)
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    drawings = page.locator("canvas, svg[role=img]").evaluate_all("all => all.map(e => e.getAttribute('aria-label'))")
    assert len(drawings) > 3
    assert all(drawings)
    assert page.locator("table.entries:not([role=table])").count() == 0


def test_without_a_script_the_formulas_and_all_steps_stand_there_and_no_dead_buttons(
    browser: Any, files: dict[str, Path]
) -> None:
    with opened(browser, files["small"], java_script_enabled=False) as page:
        shown = page.locator(".steps > li")
        assert shown.count() == 7
        assert all(shown.nth(i).is_visible() for i in range(7))
        assert page.locator("main math").first.bounding_box()["height"] > 5
        assert "Scripts are off" in page.locator("header").inner_text()
        assert not page.locator("button").first.is_visible()
        assert not page.locator("canvas").first.is_visible()


@pytest.mark.parametrize("name", NAMES)
def test_a_phone_need_not_scroll_sideways_and_wide_formulas_scroll_in_their_place(
    browser: Any, files: dict[str, Path], name: str
) -> None:
    with opened(browser, files[name], viewport=PHONE, has_touch=True, is_mobile=True, reduced_motion="reduce") as page:
        assert overflow(page) <= 0
        screenshot(page, f"{name}-phone", full_page=True)
        for _ in range(steps(page) - 1):
            step(page)
            assert overflow(page) <= 0
        wide = page.locator(".scroll").evaluate_all(
            "boxes => boxes.filter(box => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1)"
            ".map(box => [box.tabIndex, box.getAttribute('role'), Boolean(box.getAttribute('aria-label'))])"
        )
        assert wide
        assert all(found == [0, "group", True] for found in wide)
        narrow = page.locator(".scroll").evaluate_all(
            "boxes => boxes.filter(box => box.checkVisibility() && box.scrollWidth <= box.clientWidth)"
            ".filter(box => box.hasAttribute('tabindex') || box.ariaLabel?.startsWith('Formula')).length"
        )
        assert narrow == 0


@pytest.mark.parametrize("name", ["small", "images"])
def test_the_accessibility_rules_find_nothing_serious_by_day_and_by_night(
    calm: Callable[[str], Any], name: str
) -> None:
    page = calm(name)
    step(page, steps(page) - 1)
    assert serious(page, contrast_in=CONTRAST) == []
    page.emulate_media(color_scheme="dark")
    assert pale(page, CONTRAST) == []
    screenshot(page, f"{name}-dark", full_page=True)


def test_in_print_all_steps_are_there_and_no_buttons(calm: Callable[[str], Any]) -> None:
    page = calm("small")
    page.emulate_media(media="print")
    assert not page.locator(".controls").is_visible()
    assert page.locator(".steps > li").evaluate_all("steps => steps.map(s => s.checkVisibility())") == [True] * 7
    assert flat_formulas(page) == []
    assert page.pdf(format="A4").startswith(b"%PDF")
    screenshot(page, "small-print", full_page=True)


PAPER = {"width": 673, "height": 1000}
"""What the margins leave of A4."""
TOO_WIDE = """() => [...document.querySelectorAll(".scroll")].filter((box) => box.scrollWidth > box.clientWidth + 1)
    .map((box) => `${box.scrollWidth} in ${box.clientWidth}: ${box.innerText.slice(0, 80)}`)"""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page of rows and tables as wide as tables get, and of a long formula with numbers."""
    net = bp.Network([bp.Linear(16, 31), bp.LayerNorm(31), bp.Linear(31, 31), bp.Tanh(), bp.Linear(31, 3)])
    x, y = np.random.default_rng(0).normal(size=(2, 16)), np.array([0, 1])
    made = explain(net, net.initialize(0, "float64"), x, y, bp.CrossEntropy())
    path = tmp_path_factory.mktemp("wide") / "page.html"
    html(made, path)
    return path


def test_on_paper_nothing_is_wider_than_the_page(browser: Any, wide: Path) -> None:
    with opened(browser, wide, viewport=PAPER) as page:
        assert page.evaluate(TOO_WIDE), "on a screen of this width some of it scrolls"
        page.emulate_media(media="print")
        assert page.evaluate(TOO_WIDE) == []
        smallest = page.locator("table.entries").evaluate_all(
            "all => Math.min(...all.map(t => parseFloat(getComputedStyle(t).fontSize)))"
        )
        assert smallest > 3.5


def test_printed_at_once_nothing_fades_in_and_the_colour_scales_keep_their_colours(
    browser: Any, files: dict[str, Path]
) -> None:
    style = "(element, name) => getComputedStyle(element).getPropertyValue(name)"
    with opened(browser, files["small"], viewport=PAPER) as page:
        first = page.locator(".steps > li.now > .equation").first
        assert first.evaluate(style, "animation-name") == "enter"
        page.emulate_media(media="print")
        assert first.evaluate(style, "animation-name") == "none"
        assert page.locator(".scale .bar").first.evaluate(style, "print-color-adjust") == "exact"


def test_a_sign_stays_with_what_follows_it_where_a_product_takes_several_lines(browser: Any, wide: Path) -> None:
    apart = """() => [...document.querySelectorAll(".equation .sign")].filter((sign) => sign.checkVisibility())
        .filter((sign) => { const [a, b] = [sign, sign.nextElementSibling].map((one) => one.getBoundingClientRect());
            return !(b.left > a.left && b.top < a.bottom && b.bottom > a.top); }).length"""
    with opened(browser, wide, viewport=PAPER) as page:
        page.emulate_media(media="print")
        assert page.locator(".equation .sign").count() > 10
        assert page.evaluate(apart) == 0


# -- the walk -------------------------------------------------------------------------------------------------


def test_the_walk_goes_forward_and_back_by_mouse_and_shows_another_picture_at_every_step(
    calm: Callable[[str], Any],
) -> None:
    page = calm("images")
    count = steps(page)
    assert count == 2 * 3 + 1
    seen, pictures = [now(page)], [page.locator(".steps").screenshot()]
    for _ in range(count - 1):
        page.click("[data-step=next]")
        seen.append(now(page))
        pictures.append(page.locator(".steps").screenshot())
    assert len(set(seen)) == len(set(pictures)) == count
    assert [text.split()[0] for text in seen] == ["Forward"] * 3 + ["The"] + ["Backward"] * 3
    page.click("[data-step=previous]")
    assert now(page) == seen[-2]
    page.click("[data-step=first]")
    assert now(page) == seen[0]
    assert "Step 1 of 7" in page.locator(".status").inner_text()
    assert page.locator("[data-step=previous]").get_attribute("aria-disabled") == "true"


def test_the_walk_goes_by_the_keyboard_from_any_place_inside_it(calm: Callable[[str], Any]) -> None:
    page = calm("small")
    page.locator("[data-step=next]").focus()
    first = now(page)
    page.keyboard.press("Enter")
    second = now(page)
    page.keyboard.press("ArrowRight")
    third = now(page)
    assert len({first, second, third}) == 3
    page.keyboard.press("ArrowLeft")
    assert now(page) == second
    page.keyboard.press("End")
    assert now(page).startswith("Backward through layer 1")
    page.keyboard.press("ArrowRight")
    assert now(page).startswith("Backward through layer 1")
    page.keyboard.press("Home")
    assert now(page) == first
    assert page.evaluate("document.activeElement.dataset.step") == "next"


def test_the_gradient_falls_out_at_every_layer_with_parameters(calm: Callable[[str], Any]) -> None:
    page = calm("small")
    fallen = page.locator(".steps > li").evaluate_all("steps => steps.map(s => s.querySelectorAll('.falls').length)")
    assert fallen == [0, 0, 0, 0, 2, 0, 2]


def test_motion_stops_for_those_who_ask(browser: Any, files: dict[str, Path]) -> None:
    name = "getComputedStyle(document.querySelector('.steps > li.now > .equation')).animationName"
    with opened(browser, files["small"]) as page:
        assert page.evaluate(name) != "none"
    with opened(browser, files["small"], reduced_motion="reduce") as page:
        assert page.evaluate(name) == "none"


# -- entries --------------------------------------------------------------------------------------------------


def entries(page: Any, part: str) -> Any:
    """Return the numbers of a part of the first product of the step that is shown."""
    cells = page.locator(".steps > li.now [data-product]").first.locator(f"[data-part={part}] [data-entry]")
    found = cells.evaluate_all("cells => cells.map(c => [c.dataset.entry, Number(c.dataset.value), c.className])")
    return [(tuple(map(int, place.split(","))), value, mark) for place, value, mark in found]


def test_an_entry_shows_the_row_and_the_column_that_made_it(calm: Callable[[str], Any]) -> None:
    page = calm("small")
    step(page, 4)
    product = page.locator(".steps > li.now [data-product]").first
    product.locator("[data-part=result] [data-entry='0,2']").hover()
    left, right, result = (entries(page, part) for part in ("left", "right", "result"))
    assert [place for place, _, mark in left if mark == "lit"] == [(0, 0), (0, 1), (0, 2)]
    assert [place for place, _, mark in right if mark == "lit"] == [(0, 2), (1, 2), (2, 2)]
    assert [place for place, _, mark in result if mark == "made"] == [(0, 2)]
    made = sum(a[1] * b[1] for a, b in zip(left, [entry for entry in right if entry[0][1] == 2], strict=True))
    assert made == pytest.approx(result[2][1], rel=1e-4)
    assert "Entry (1, 3) = " in page.locator(".steps > li.now .readout").first.inner_text()
    screenshot(page, "small-entry")
    page.mouse.move(0, 0)
    assert not page.locator(".lit").count()


def test_entries_are_reached_and_left_with_the_arrow_keys(calm: Callable[[str], Any]) -> None:
    page = calm("small")
    step(page, 4)
    shown = now(page)
    first = page.locator(".steps > li.now [data-part=result] [data-entry='0,0']").first
    assert first.get_attribute("tabindex") == "0"
    first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.entry") == "0,1"
    assert [mark for _, _, mark in entries(page, "result")][:2] == ["", "made"]
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.dataset.entry") == "0,1"
    assert now(page).startswith(shown.splitlines()[0])


def test_a_heat_map_answers_to_pointer_and_keys_and_to_the_colours_of_the_night(calm: Callable[[str], Any]) -> None:
    page = calm("images")
    step(page, 4)
    pixels = "canvas => canvas.toDataURL()"
    product = page.locator(".steps > li.now [data-product]").first
    result, right = (product.locator(f"[data-part={part}] canvas") for part in ("result", "right"))
    calm = right.evaluate(pixels)
    result.hover()
    pointed = right.evaluate(pixels)
    readout = page.locator(".steps > li.now .readout").first
    told = readout.inner_text()
    assert pointed != calm
    assert re.match(r"Entry \(1, 1[67]\) ≈ ", told)
    result.focus()
    page.keyboard.press("ArrowRight")
    assert readout.inner_text() != told
    page.mouse.move(0, 0)
    page.locator("[data-step=previous]").focus()
    assert right.evaluate(pixels) == calm
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(50)
    assert right.evaluate(pixels) != calm


def test_a_heat_map_paints_the_numbers_it_stands_for(calm: Callable[[str], Any]) -> None:
    known = derivation("images").network
    image = np.asarray(known.input).reshape(8, 8)
    row, column = np.unravel_index(np.abs(image).argmax(), image.shape)
    page = calm("images")
    canvas = page.locator("#network canvas").first
    inside = """(canvas, [i, j]) => { const pen = canvas.getContext("2d");
        const [x, y] = [(j + 0.5) * canvas.width / 8, (i + 0.5) * canvas.height / 8];
        return [...pen.getImageData(x, y, 1, 1).data]; }"""
    strongest = canvas.evaluate(inside, [int(row), int(column)])[:3]
    name = "--warm" if image[row, column] > 0 else "--cold"
    wanted = page.evaluate(COLOUR, name)
    assert strongest == [int(wanted[i : i + 2], 16) for i in (1, 3, 5)]


def test_cells_that_stand_for_several_entries_are_not_summed(browser: Any, tmp_path: Path) -> None:
    net = bp.Network([bp.Linear(130, 3)])
    x, y = np.linspace(-1, 1, 130)[None], np.array([1])
    html(explain(net, net.initialize(0, "float64"), x, y, bp.CrossEntropy()), tmp_path / "page.html")
    with opened(browser, tmp_path / "page.html", reduced_motion="reduce") as page:
        step(page, 2)
        page.locator(".steps > li.now [data-part=result] canvas").first.hover()
        told = page.locator(".steps > li.now .readout").first.inner_text()
        assert re.fullmatch(r"Entry \(1, \d+\) ≈ [−.\de]+; the largest of its cell; .*", told)


def test_the_legend_deepens_as_the_cells_do(calm: Callable[[str], Any]) -> None:
    page = calm("images")
    with Image.open(io.BytesIO(page.locator(".card .bar").first.screenshot())) as picture:
        row = np.asarray(picture.convert("RGB"), dtype=float)[picture.height // 2]
    cold, zero = (
        np.array([int(page.evaluate(COLOUR, name)[i : i + 2], 16) for i in (1, 3, 5)]) for name in ("--cold", "--zero")
    )
    quarter = row[round(0.375 * (len(row) - 1))]  # a quarter of the way from zero to the coldest, whose root is a half
    assert np.abs(quarter - (cold + zero) / 2).max() < 12


def test_a_page_works_whose_matrices_are_too_large_to_be_drawn(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "DRAWN", 4)
    html(derivation("small"), tmp_path / "page.html")
    with opened(browser, tmp_path / "page.html") as page:
        step(page, 6)
        assert now(page).count("too large to be drawn") >= 3


# -- notebooks ------------------------------------------------------------------------------------------------


def test_in_a_notebook_the_page_stays_in_its_frame(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "notebook.html"
    path.write_text(
        f"<!doctype html><html lang=en><title>n</title><h1>A notebook</h1>{frame(derivation('small'))}", "utf-8"
    )
    with opened(browser, path) as page:
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).letterSpacing") == "normal"
        inside = page.frames[1]
        inside.locator("math").first.wait_for()
        assert flat_formulas(inside) == []
        inside.click("[data-step=next]")
        assert "Step 2 of 7" in inside.locator(".status").inner_text()
