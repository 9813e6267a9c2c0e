"""The article of a derivation compiles, says what the derivation says, and obeys no name from a user's file."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.derivation import Derivation, Line, explain
from backproof.derivation.expressions import Equation, walk
from backproof.derivation.heatmaps import heat_map
from networks import draw_network
from typesetting import pdflatex


def digits() -> Derivation:
    data = bp.data.load("digits")
    x, y = data.x[:32].reshape(32, -1).astype("float64") / 16, data.y[:32]
    net = bp.Network([bp.Linear(64, 32), bp.Tanh(), bp.Linear(32, 10)])
    return explain(net, net.initialize(seed=0, dtype="float64"), x, y, bp.CrossEntropy())


def small(notation: str = "ours", vec: str = "row", detail: str = "standard") -> Derivation:
    net = bp.Network([bp.Linear(3, 4), bp.LayerNorm(4), bp.Residual(bp.Linear(4, 4)), bp.Softmax(), bp.Linear(4, 2)])
    x, y = np.random.default_rng(0).normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    theta = net.initialize(seed=1, dtype="float64")
    return explain(net, theta, x, y, bp.CrossEntropy(), notation=notation, vec=vec, detail=detail)


def deep() -> Derivation:
    net = bp.Network([layer for _ in range(25) for layer in (bp.Linear(6, 6), bp.ReLU())])
    x = np.random.default_rng(0).normal(size=(5, 6))
    return explain(net, net.initialize(seed=1, dtype="float64"), x, np.zeros((5, 6)), bp.SquaredError())


def test_the_article_of_the_digits_network_compiles(tmp_path: Path) -> None:
    pdf = pdflatex(digits().latex(), tmp_path)
    text = pdf.text()
    assert pdf.overfull() == []
    assert 4 <= pdf.pages <= 16
    for said in ("Linear(64 -> 32)", "32 × 2048", "64 → 32", "Jacobian", "10 × 320", "diagonal"):
        assert said in text, said
    assert re.search(r"^1\s+The composition", text, re.MULTILINE), "sections are not numbered"


@pytest.mark.parametrize(
    "build",
    [small, deep, lambda: small("D", "column", "full"), lambda: small("O", "row", "outline")],
    ids=["small", "deep", "D-column-full", "O-outline"],
)
def test_articles_of_all_notations_and_details_compile(build: Callable[[], Derivation], tmp_path: Path) -> None:
    pdf = pdflatex(build().latex(), tmp_path)
    assert pdf.overfull() == []


def test_the_article_of_fifty_layers_is_no_longer_than_four_pages(tmp_path: Path) -> None:
    pdf = pdflatex(deep().latex(), tmp_path)
    assert pdf.pages <= 4
    assert "plus" not in pdf.text()  # a heading's spacing that was printed


def test_random_networks_of_all_layers_compile(tmp_path: Path) -> None:
    pieces = []
    for seed in range(5):
        drawn = draw_network(seed, depth=2 * (1 + seed))
        source = explain(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss).latex()
        head, _, body = source.partition(r"\begin{document}")
        pieces.append(body.removesuffix("\n\\end{document}\n"))
    pdf = pdflatex(head + r"\begin{document}" + "\n".join(pieces) + "\n\\end{document}\n", tmp_path)
    assert pdf.overfull() == []


@pytest.mark.parametrize("notation", ["ours", "D", "O"])
def test_a_network_that_acts_at_places_compiles_in_every_notation(notation: str, tmp_path: Path) -> None:
    net = bp.Network([bp.Linear(3, 4), bp.Tanh(), bp.Flatten(), bp.Linear(8, 2)])
    x = np.random.default_rng(0).normal(size=(3, 2, 3))
    source = explain(net, net.initialize(0, dtype="float64"), x, np.zeros((3, 2)), notation=notation).latex()
    assert r"\widehat{\Delta}" in source
    assert pdflatex(source, tmp_path).overfull() == []


def test_the_table_of_layers_speaks_the_notation_of_the_derivation() -> None:
    heads = {n: small(n).latex().partition("toprule")[2].partition("midrule")[0] for n in ("ours", "D", "O")}
    assert r"$x_{l-1} \to x_l$ & $A_{l}$ & & $\dim$ $\theta_{l}$" in heads["ours"]
    assert r"$f_{l}$ & $\cdot \to \cdot$ & $J_{l}$" in heads["O"]
    assert r"$f^{[l]}$ & $\cdot \to \cdot$ & $J^{[l]}$ & & $\dim$ $\theta^{[l]}$" in heads["D"]
    assert "x_" not in heads["O"] + heads["D"]


def test_a_fragment_compiles_inside_another_document_as_often_as_it_is_included(tmp_path: Path) -> None:
    fragment = small().latex(fragment=True)
    packages = [line.removeprefix("% ") for line in fragment.splitlines() if line.startswith(r"% \usepackage")]
    assert packages
    assert r"\begin{document}" not in fragment
    frame = "\\documentclass{{report}}\n{}\n\\begin{{document}}\n\\chapter{{One}}\n{}\n{}\n\\end{{document}}\n"
    pdf = pdflatex(frame.format("\n".join(packages), fragment, fragment), tmp_path)
    assert pdf.pages > 3


def lines_of(derivation: Derivation) -> list[Line]:
    return [line for line in derivation.lines() if line.expression is not None]


def test_every_line_of_the_derivation_stands_in_the_article() -> None:
    derivation = small()
    source = derivation.latex()
    assert len(re.findall(r"^\\bplines?\{", source, re.MULTILINE)) == len(lines_of(derivation)) > 40


def test_numbers_are_set_equal_only_to_what_has_their_shape() -> None:
    derivation = small()
    blocks = re.findall(r"\\bplines?\{.*?\n\}\n", derivation.latex(), re.DOTALL)
    for line, block in zip(lines_of(derivation), blocks, strict=True):
        own = sum("Numbers" in type(node).__name__ for node in walk(line.expression))  # type: ignore[arg-type]
        added = block.count(r"\begin{array}{@{}r") - own
        assert added in (0, 1)
        if added:
            assert line.figure is not None
            assert isinstance(line.expression, Equation)
            assert line.figure.shape == line.shape


def test_small_matrices_are_written_out_and_large_ones_drawn() -> None:
    assert r"\bpheat" in digits().latex()
    derivation = small()
    numbers = next(line.figure.array() for line in lines_of(derivation) if line.figure and line.figure.shape == (4, 3))
    assert f"{numbers[0, 0]:.4g} & {numbers[0, 1]:.4g}" in derivation.latex()


HOSTILE = "\\input{/etc/passwd}$x_1^2$ 100% & #~ é ☃ \x00\n\n\\end{document}"


class Hostile(bp.Tanh):
    """A function whose name is an attack."""

    @property
    def label(self) -> str:
        return HOSTILE

    def __repr__(self) -> str:
        return HOSTILE


def test_hostile_names_are_printed_and_not_obeyed(tmp_path: Path) -> None:
    net = bp.Network([bp.Linear(2, 3), Hostile(), bp.Linear(3, 2)])
    x = np.ones((2, 2))
    derivation = explain(net, net.initialize(dtype="float64"), x, np.array([0, 1]), bp.CrossEntropy())
    pdf = pdflatex(derivation.latex(), tmp_path)
    text = pdf.text()
    assert "root:" not in text
    assert "/etc/passwd" in text
    assert pdf.pages > 2, "the document ended early"


def test_the_source_is_ascii_but_for_letters_of_names() -> None:
    assert digits().latex().replace("é", "").isascii()


def cells(picture: str) -> Any:
    """Return the shades of a heat map, read back from its source."""
    rows = picture.split("{%\n", 1)[1].rsplit("\\bpnl", 1)[0].split("\\bpnl\n")
    found = [re.findall(r"\\bp([pnz])\{(\d+)\}(?:\{(\d+)\})?", row) for row in rows]
    signs = {"p": 1, "n": -1}
    return np.array(
        [[s for k, a, b in row for s in ([0] * int(a) if k == "z" else [signs[k] * int(a)] * int(b))] for row in found]
    )


def test_a_heat_map_has_a_cell_for_every_entry_in_the_shade_of_its_size() -> None:
    matrix = np.array([[4.0, -4.0, 0.0], [1.0, 1.0, -1e-9], [np.nan, 0.0, 4.0]])
    assert cells(heat_map(matrix)).tolist() == [[6, -6, 0], [3, 3, 0], [0, 0, 6]]
    large = np.random.default_rng(0).normal(size=(40, 33))
    shades = cells(heat_map(large))
    assert shades.shape == large.shape
    assert (np.sign(shades) * np.sign(large) >= 0).all()
