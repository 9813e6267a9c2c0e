"""The page as text: complete in itself, small, escaped, and refused with the line that mends it."""

import base64
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.derivation import LANGUAGES, explain, register_language
from backproof.derivation.expressions import Partial, Symbol
from backproof.derivation.figures import figure
from backproof.derivation.languages import english_page
from backproof.derivation.naming import Names
from backproof.derivation.pages import Extras, Table, font, frame, html, page, structures
from backproof.derivation.pages.formulas import Formulas
from backproof.derivation.pages.heat import CELLS, STEPS, ZERO, coarse, heat
from backproof.derivation.pages.held import held
from backproof.derivation.pages.numerals import entries, entry
from backproof.derivation.pages.pictures import DRAWN, TABLE, TYPESET, WHOLE, Gallery
from backproof.errors import DataError, MissingExtraError, OptionError
from explained import derivation
from networks import draw_network

SAY = Formulas(derivation("small").network).say
HOSTILE = "<img src=x onerror=alert(1)>\"'&</script><script>alert(2)</script>"


class Parsed(HTMLParser):
    """What a page holds: addresses it would load, elements opened and closed, scripts."""

    VOID = ("meta", "link", "img", "br", "hr", "input", "source")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.addresses += [str(values[name]) for name in ("src", "href") if name in values]
        self.handlers += [name for name in values if name.startswith("on")]
        self.ids += [str(values["id"])] if "id" in values else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class Named(bp.Tanh):
    """A layer whose label is of foreign origin."""

    @property
    def label(self) -> str:
        return HOSTILE


def hostile() -> Any:
    net = bp.Network([bp.Linear(3, 4), Named(), bp.Linear(4, 2)])
    x = np.array([[0.1, -0.2, 0.3]])
    return explain(net, net.initialize(0, "float64"), x, np.array([1]), bp.CrossEntropy())


# -- the whole ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["small", "images", "deep", "large"])
def test_a_page_is_well_formed_loads_nothing_and_stays_below_two_megabytes(name: str) -> None:
    text = page(derivation(name))
    parsed = Parsed(text)
    assert parsed.open == []
    assert {address[0] for address in parsed.addresses} == {"#"}
    assert {address[1:] for address in parsed.addresses} <= set(parsed.ids)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert "url(" not in text.replace("url(data:font/woff;base64,", "")
    assert len(text.encode()) < 2_000_000


def test_the_policy_allows_the_pages_own_script_alone() -> None:
    text = page(derivation("small"))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe" not in policy[1]
    assert "http" not in policy[1]


def test_names_of_any_origin_are_escaped_wherever_they_stand() -> None:
    table = Table("foreign", HOSTILE, [HOSTILE], [HOSTILE], [[HOSTILE]])
    history = [{"epoch": 1, "loss": 1.0, "validation_loss": None}]
    text = page(hostile(), Extras(HOSTILE, HOSTILE, [(HOSTILE, HOSTILE)], history=history, tables=[table]))
    parsed = Parsed(text)
    assert parsed.open == []
    assert parsed.handlers == []
    assert "img" not in parsed.tags
    assert parsed.tags.count("script") == 3
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_every_layer_is_linked_to_its_derivation() -> None:
    text = page(derivation("small"))
    for layer in (1, 2, 3):
        assert f'href="#layer-{layer}"' in text
        assert f'id="layer-{layer}"' in text


def test_a_deep_network_is_one_box_where_it_is_folded() -> None:
    text = page(derivation("deep"))
    assert text.count('class="folded"') == 1
    assert "layers 3–48" in text
    assert 'href="#layer-3"' not in text


def test_without_a_loss_the_walk_goes_forward_only() -> None:
    net = bp.Network([bp.Linear(3, 2), bp.Tanh()])
    text = page(explain(net, net.initialize(0, "float64"), np.ones((1, 3))))
    assert "Forward through layer 2" in text
    assert "Backward through" not in text


@pytest.mark.parametrize(
    "layers",
    [
        [bp.Residual([bp.Linear(4, 4), bp.Tanh()]), bp.LayerNorm(4), bp.Linear(4, 2)],
        [bp.Linear(4, 12), bp.Reshape((3, 4)), bp.LayerNorm(4), bp.Flatten(), bp.Linear(12, 2)],
        [bp.Concatenate([[bp.Linear(4, 2)], [bp.Tanh()]]), bp.RMSNorm(6), bp.ReLU(), bp.Linear(6, 2)],
        [bp.Shared([bp.Linear(4, 4), bp.Tanh()], times=3), bp.Linear(4, 2), bp.LogSoftmax()],
    ],
)
@pytest.mark.parametrize("notation", ["ours", "D", "O"])
def test_pages_are_made_for_all_kinds_of_layers_and_notations(layers: list[Any], notation: str) -> None:
    net = bp.Network(layers)
    x, y = np.array([[0.1, -0.4, 0.7, 1.2]]), np.array([1])
    text = page(explain(net, net.initialize(0, "float64"), x, y, bp.CrossEntropy(), notation=notation))
    assert Parsed(text).open == []
    assert text.count('class="steps"') == 1


@pytest.mark.parametrize("notation", ["ours", "D", "O"])
def test_every_symbol_of_a_layer_has_the_colour_of_its_role(notation: str) -> None:
    net = bp.Network([bp.Residual([bp.LayerNorm(4), bp.Linear(4, 4)]), bp.Linear(4, 2)])
    made = explain(
        net, net.initialize(0, "float64"), np.ones((1, 4)), np.array([1]), bp.CrossEntropy(), notation=notation
    )
    formulas, names = Formulas(made.network), Names(notation)
    for label in ("1.1.1", "1.1.2", "2"):
        assert 'class="role-B"' in formulas.print(names.B(label))
        assert 'class="role-A"' in formulas.print(names.A(label))
        assert 'class="role-theta"' in formulas.print(names.theta(label))
    assert 'class="role-theta"' in formulas.print(names.parameter("g", "1.1.1"))
    assert "role-" not in formulas.print(Symbol("A"))


def test_a_page_is_written_whole_and_is_the_text_returned(tmp_path: Path) -> None:
    text = derivation("small").html(tmp_path / "page.html", title="Mine")
    assert "<title>Mine</title>" in text
    assert (tmp_path / "page.html").read_text("utf-8") == text
    with pytest.raises(DataError, match="does not exist"):
        html(derivation("small"), tmp_path / "no" / "page.html")


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(OptionError, match=r"image is \(3, 3\), expected rows and columns for the 64 numbers"):
        page(derivation("images"), Extras(image=(3, 3)))


def test_a_frame_holds_the_page_and_no_style_of_it_outside() -> None:
    text = derivation("small")._repr_html_()
    parsed = Parsed(text)
    assert parsed.tags == ["iframe"]
    assert 'sandbox="allow-scripts"' in text


@pytest.mark.parametrize("absent", ["jinja2", "fontTools", "ziamath"])
def test_a_missing_package_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    font._cut.cache_clear()
    monkeypatch.setitem(sys.modules, absent, None)
    if absent == "ziamath":
        monkeypatch.setattr(font, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'backproof\[html\]'"):
        page(derivation("small"))
    assert "pip install" in frame(derivation("small"))
    assert "<pre>" in frame(derivation("small"))


def test_a_page_speaks_another_language_wherever_it_is_translated() -> None:
    translated = {key: f"#{key}#" for key in english_page.REASONS}
    register_language("yy", translated, {})
    try:
        net = bp.Network([bp.Linear(3, 2)])
        x, y = np.ones((1, 3)), np.array([1])
        text = page(explain(net, net.initialize(0, "float64"), x, y, bp.CrossEntropy(), language="yy"))
    finally:
        LANGUAGES.pop("yy")
    unused = {"image", "box_folded", "layers", "folded", "run", "backward_several", "target_long", "too_large"}
    unused |= {"reduced", "kronecker", "gradient_shape", "gradient_block", "norm"}
    unused |= {key.removeprefix("page_") for key in translated if key.startswith(("page_training", "page_flow"))}
    unused |= {"validation_loss", "epoch"}
    shown = {"structure_dense", "structure_kronecker", "structure_identity"}
    unused |= {key.removeprefix("page_") for key in translated if key.startswith("page_structure")} - shown
    silent = {key.removeprefix("page_") for key, value in translated.items() if value not in text}
    assert silent <= unused
    assert "Next step" not in text


# -- names ----------------------------------------------------------------------------------------------------


def residual(notation: str) -> Any:
    net = bp.Network([bp.Linear(3, 2), bp.Tanh(), bp.Residual(bp.Chain((bp.Linear(2, 2), bp.Tanh()))), bp.Linear(2, 2)])
    x, y = np.array([[0.5, -1.0, 2.0]]), np.array([1])
    return explain(net, net.initialize(3, "float64"), x, y, bp.CrossEntropy(), notation=notation)


@pytest.mark.parametrize("notation", ["ours", "D", "O"])
def test_layers_are_counted_from_one_everywhere_on_the_page(notation: str) -> None:
    text = re.sub(r"<(script|style).*?</\1>", "", page(residual(notation)), flags=re.DOTALL)
    assert not re.search(r"\d\.(weight|bias)", text)
    assert "theta" not in re.sub(r"role-theta|<[^>]*>", "", text)


def test_the_parameters_shown_are_those_of_the_notation() -> None:
    for notation, shapes in (("ours", [(2, 6), (2, 2)]), ("D", [(2, 6), (2, 2)]), ("O", [(2, 8)])):
        facts = residual(notation).network.layers[0]
        assert [one.block.shape for one in held(facts) if one.block] == shapes
        for one in held(facts):
            assert np.allclose(facts.delta @ one.block.array(), one.gradient.reshape(1, -1), rtol=1e-12)


def test_a_weight_with_its_bias_keeps_its_structure_and_its_entries_where_inputs_are_many() -> None:
    first = next(held(residual("O").network.layers[0]))
    assert first.block is not None
    assert first.block.structure == "kronecker"
    net = bp.Network([bp.Linear(3, 2), bp.Flatten(), bp.Linear(4, 1)])
    x = np.random.default_rng(0).normal(size=(1, 2, 3))
    known = explain(net, net.initialize(0, "float64"), x, np.zeros((1, 1)), bp.SquaredError(), notation="O").network
    one = next(held(known.layers[0]))
    assert one.block is not None
    assert one.block.shape == (4, 8)
    assert np.allclose(known.layers[0].delta @ one.block.array(), one.gradient.reshape(1, -1), rtol=1e-12)


def test_the_gradient_of_a_part_is_delta_times_the_derivative_of_the_whole_layer() -> None:
    facts = residual("ours").network.layers[2]
    inner = list(held(facts))
    assert [one.word for one in inner] == ["W₃.₁.₁", "b₃.₁.₁"]
    for one in inner:
        assert isinstance(one.jacobian, Partial)
        assert one.jacobian.of == facts.state_symbol
        assert one.block is not None
        assert np.allclose(facts.delta @ one.block.array(), one.gradient.reshape(1, -1), rtol=1e-12)


@pytest.mark.parametrize("notation", ["ours", "D", "O"])
def test_every_parameter_of_every_layer_has_a_place_on_the_page(notation: str) -> None:
    for seed in range(6):
        drawn = draw_network(seed, depth=6)
        known = explain(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss, notation=notation).network
        for facts in known.layers:
            shown = sum(one.gradient.size for one in held(facts))
            assert shown == sum(np.size(gradient) for gradient in facts.gradients.values())


# -- pictures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", structures._PATTERNS)
def test_every_structure_has_a_word_and_one_that_is_not_known_its_own_name(name: str) -> None:
    key = f"page_structure_{name.replace(' ', '_').replace('-', '_')}"
    assert structures.word(name, SAY) == english_page.REASONS[key]
    assert structures.word(name, lambda key: key).startswith("structure_")
    assert structures.word("woven", SAY) == "woven"


@pytest.mark.parametrize(
    ("size", "kind"), [(TYPESET, "typeset"), (TYPESET + 1, "table"), (TABLE, "table"), (TABLE + 1, "canvas")]
)
def test_a_matrix_is_typeset_then_a_table_then_painted(size: int, kind: str) -> None:
    for shape in ((size, 2), (2, size)):
        picture = Gallery(SAY).matrix(np.ones(shape), "ones")
        assert picture.kind == kind
        assert picture.note == f"{shape[0]} × {shape[1]}, dense, norm {entry(float(np.sqrt(2 * size)))}"


def test_a_matrix_too_large_to_be_drawn_says_so_and_is_not_multiplied_out() -> None:
    large = bp.operators.Identity(DRAWN)
    picture = Gallery(SAY).matrix(figure(large), "identity")
    assert picture.kind == "none"
    assert "too large to be drawn" in picture.note


def test_a_matrix_that_is_not_multiplied_out_at_once_has_the_same_heat_map() -> None:
    matrix = np.random.default_rng(0).normal(size=(224, 336))
    whole = Gallery(SAY)
    whole.matrix(matrix, "numbers")
    chunked = heat(figure(matrix).heat(CELLS), 224, 336)
    assert next(iter(whole.heats.values())) == chunked.plain()
    large = Gallery(SAY).matrix(figure(bp.operators.Identity(WHOLE // 1024)), "identity")
    assert large.kind == "canvas"
    assert large.note.endswith(f"norm {entry(float(np.sqrt(WHOLE // 1024)))}")


def test_the_bytes_of_a_heat_map_give_the_numbers_back() -> None:
    matrix = np.random.default_rng(0).normal(size=(40, 50))
    made = heat(matrix, 40, 50)
    steps = np.frombuffer(base64.b64decode(made.data), np.uint8).reshape(40, 50).astype(float)
    assert np.abs((steps - ZERO) / STEPS * made.scale - matrix).max() <= 0.51 * made.scale / STEPS
    assert not made.reduced
    assert json.dumps(made.plain())


def test_a_coarse_grid_keeps_the_largest_entry_of_every_block() -> None:
    matrix = np.diag(np.arange(1.0, 301.0)) * np.where(np.arange(300) % 2, -1, 1)
    grid = coarse(matrix)
    assert grid.shape == (CELLS, CELLS)
    assert (np.diag(grid) != 0).all()
    assert np.abs(grid).max() == 300
    assert coarse(matrix[:5, :7]).tolist() == matrix[:5, :7].tolist()


def test_the_same_heat_map_is_kept_once() -> None:
    gallery = Gallery(SAY)
    first, second = (gallery.matrix(np.eye(40), "identity") for _ in range(2))
    assert first.heat == second.heat
    assert len(gallery.heats) == 1


@pytest.mark.parametrize(
    ("matrix", "power", "expected"),
    [
        ([[1.0, -2.0, 30.0]], 0, [["1", "−2", "30"]]),
        ([[0.5, -0.25, 0.0]], 0, [["0.500", "−0.250", "0"]]),
        ([[123.456, -0.001, 0.0]], 0, [["123", "−0.001", "0"]]),
        ([[1.81, 0.0012, 0.0]], 0, [["1.81", "0.001", "0"]]),
        ([[0.123456, -0.00001]], 0, [["0.123", "−1e−5"]]),
        ([[1.5e-9, -4e-12]], -9, [["1.50", "−0.004"]]),
        ([[4e-310, 0.0]], -310, [["4.00", "0"]]),
        ([[2.5e7, 1e6 + 0.5]], 7, [["2.50", "0.10"]]),
        ([[0.0]], 0, [["0"]]),
    ],
)
def test_the_numbers_of_a_matrix_share_their_decimals(
    matrix: list[list[float]], power: int, expected: list[list[str]]
) -> None:
    assert entries(np.array(matrix)) == (power, expected)


# -- the font -------------------------------------------------------------------------------------------------


def test_the_font_keeps_its_mathematics_and_only_the_signs_asked_for() -> None:
    from fontTools.ttLib import TTFont

    data = re.search(r"base64,([^)]*)\)", font.face("∮"))
    assert data is not None
    with TTFont(io.BytesIO(base64.b64decode(data[1]))) as cut:
        signs = set(cut.getBestCmap())
        constructions = cut["MATH"].table.MathVariants.VertGlyphConstruction
        names = [str(record) for record in cut["name"].names if record.nameID == 13]
    assert constructions is not None
    assert ord("∮") in signs
    assert {ord(sign) for sign in "δ⊗∂⏟∑"} <= signs
    assert {0x1D434, 0x1D6FF} <= signs
    assert ord("ж") not in signs
    assert any("Open Font License" in name for name in names)


@pytest.mark.parametrize(("sign", "shown"), [("A", "𝐴"), ("z", "𝑧"), ("h", "ℎ"), ("δ", "𝛿"), ("Σ", "𝛴"), ("=", "=")])
def test_letters_are_shown_in_italics(sign: str, shown: str) -> None:
    assert font.italic(sign) == shown
