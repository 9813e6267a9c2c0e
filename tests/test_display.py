"""What notebooks show: numbers where they can be read, pictures where they cannot, and nothing unescaped."""

import base64
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import dataclass
from fractions import Fraction
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof import operators as ops
from backproof.display import heat_map, latex_escape, latex_number, matrix_latex, number, shrink
from backproof.operators.showing import first_examples, glance
from cases import LAYER_CASES, OPERATOR_CASES, Build, LayerCase, Maker
from oracles import point

every_case = pytest.mark.parametrize(
    "build", [build for _, build in OPERATOR_CASES], ids=[f"{i}-{name}" for i, (name, _) in enumerate(OPERATOR_CASES)]
)
VOID = {"img", "line", "polyline", "br"}


class Balanced(HTMLParser):
    """Reads HTML and complains of tags that are not closed, and of any that may run or load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag not in {"script", "iframe", "link", "object"}, tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in {"src", "href"} or value.startswith("data:image/png;base64,"), value
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(html: str) -> str:
    return " ".join(Balanced(html).words)


def numbers_in(html: str) -> list[float]:
    """Return the numbers of the table that stands for a small matrix."""
    return [float(text.replace("−", "-")) for text in re.findall(r"<td[^>]*>([^<]*)</td>", html)]


def pixels(html: str) -> Any:
    """Return the picture in HTML as (height, width, 4) numbers."""
    data = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])  # type: ignore[index]
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    start = data.index(b"IDAT")
    size = struct.unpack(">I", data[start - 4 : start])[0]
    lines = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + size]), np.uint8).reshape(height, 1 + 4 * width)
    return lines[:, 1:].reshape(height, width, 4)


def built(build: Build) -> list[ops.Operator]:
    shapes = ((4, 4), (2, 6), (6, 2), (6, 4))
    made = [build(Maker(mode, 3, 0, np.asarray), *shape) for mode in ("shared", "each", "mixed") for shape in shapes]
    return [operator for operator in made if operator is not None]


@every_case
def test_a_small_operator_shows_the_numbers_of_its_first_example(build: Build) -> None:
    for operator in built(build):
        dense = np.asarray(operator.dense(np.zeros(1)))
        one = dense if operator.batch is None else dense[0]
        html = operator._repr_html_()
        assert np.allclose(numbers_in(html), one.ravel(), rtol=1e-3, atol=0)
        assert f"{operator.shape[0]} × {operator.shape[1]}" in read(html)
        assert glance(operator).norm == pytest.approx(np.linalg.norm(one))
        assert not glance(operator).about


@every_case
def test_the_first_examples_of_an_operator_are_those_of_its_dense_matrix(build: Build) -> None:
    for operator in built(build):
        dense, like = np.asarray(operator.dense(np.zeros(1))), np.zeros(1)
        some = np.asarray(first_examples(operator, 2).dense(like))
        assert np.array_equal(some, dense if operator.batch is None else dense[:2])


def test_a_large_operator_is_a_picture_with_shape_structure_and_norm() -> None:
    matrix = np.zeros((40, 30))
    matrix[0, 0], matrix[39, 29] = 2.0, -1.0
    html = ops.Dense(matrix)._repr_html_()
    assert "40 × 30 · dense · shared by the batch · norm 2.236" in read(html)
    picture = pixels(html)
    assert picture.shape == (40, 30, 4)
    assert picture[0, 0].tolist() == [217, 95, 2, 255]
    assert picture[39, 29, 2] > 150  # blue
    assert picture[..., 3].astype(bool).sum() == 2, "zero is not transparent"


def test_a_picture_keeps_the_largest_entry_of_every_block() -> None:
    matrix = np.random.default_rng(0).normal(size=(200, 300))
    small = shrink(matrix, 64)
    assert small.shape == (64, 64)
    edges = [np.linspace(0, size, 65).astype(int) for size in matrix.shape]
    for i, j in ((0, 0), (13, 40), (63, 63)):
        block = matrix[edges[0][i] : edges[0][i + 1], edges[1][j] : edges[1][j + 1]]
        assert small[i, j] == block.ravel()[np.abs(block).argmax()]


def test_a_number_that_is_none_is_grey_and_said() -> None:
    matrix = np.zeros((20, 20))
    matrix[3, 4], matrix[5, 5] = np.nan, np.inf
    assert pixels(heat_map(matrix))[3, 4].tolist() == [128, 128, 128, 255]
    assert "nan" in read(ops.Dense(matrix[:4, :6])._repr_html_())


def test_a_huge_jacobian_of_a_large_batch_is_shown_in_little_memory() -> None:
    kronecker = ops.Kronecker(ops.Identity(256), ops.Dense(np.ones((500, 1, 784))))  # 800 GB dense
    chain = ops.Product((ops.Dense(np.ones((3000, 3000), np.float32)), ops.Diagonal(np.ones((50, 3000), np.float32))))
    tracemalloc.start()
    html, estimated = kronecker._repr_html_(), glance(chain)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6
    assert "64 of its 256 rows" in read(html)
    assert f"norm {number(np.sqrt(256 * 784))}" in read(html)
    assert estimated.about
    assert estimated.norm == pytest.approx(3000, rel=0.2)
    assert "norm ≈" in read(estimated.html())


def test_no_examples_are_no_error() -> None:
    assert "one per example · no examples" in read(ops.Diagonal(np.zeros((0, 3)))._repr_html_())


def test_exact_numbers_are_shown_exactly() -> None:
    matrix = np.array([[Fraction(1, 3), Fraction(-2)]])
    assert "1/3" in read(ops.Dense(matrix)._repr_html_())
    assert r"\frac{1}{3} & -2" in (ops.Dense(matrix)._repr_latex_() or "")


def test_arrays_of_pytorch_are_shown() -> None:
    import torch

    net = bp.Network([bp.Linear(2, 3), bp.Tanh()])
    theta = net.initialize(like=torch.zeros(1, dtype=torch.float64))
    step = net.linearize(theta, torch.ones(4, 2, dtype=torch.float64))[0]
    expected = step.B["weight"].dense()[0].numpy().ravel()
    assert np.allclose(numbers_in(step.B["weight"]._repr_html_()), expected, rtol=1e-3)
    assert "6 numbers" not in read(theta._repr_html_())
    assert "0.weight" in read(theta._repr_html_())


# -- networks, parameters, plans, measurements ----------------------------------------------------------------


def small() -> tuple[bp.Network, bp.Parameters, Any, Any]:
    net = bp.Network([bp.Linear(4, 6), bp.Tanh(), bp.LayerNorm(6), bp.Residual(bp.Linear(6, 6)), bp.Linear(6, 3)])
    g = np.random.default_rng(0)
    return net, net.initialize(0, dtype="float64"), g.normal(size=(5, 4)), g.integers(0, 3, 5)


def shown() -> dict[str, Any]:
    net, theta, x, y = small()
    loss, tally = bp.CrossEntropy(), bp.Tally()
    gradient = bp.value_and_gradient(net, theta, x, y, loss, tally=tally)[1]
    steps = net.linearize(theta, x)
    return {
        "Network": net, "Parameters": theta, "gradient": gradient, "Steps": steps, "Closed": steps[0],
        "Branches": steps[3], "Jacobian": bp.jacobian(net, theta, x), "Tally": tally,
        "ParameterJacobian": bp.jacobian(net, theta, x, "parameters"), "Plan": bp.jacobian(net, theta, x).plan,
        "Summary": bp.summary(net, (4,)), "Spectrum": bp.spectrum(net, theta, x),
        "AffineMap": bp.local_affine(net, theta, x), "Hessian": bp.hessian(net, theta, x, y, loss),
        "PredictionInterval": bp.prediction_interval(net, theta, x, 0.1),
        "PerExampleGradients": bp.per_example_gradients(net, theta, x, y, loss),
        "GradientStatistics": bp.gradient_statistics(net, theta, x, y, loss), "GGN": bp.ggn(net, theta, x, y, loss),
    }  # fmt: skip


SAID = {
    "Network": ("LayerNorm(6)", "4 → 3", "weight 6 × 4", "105"),
    "Parameters": ("0.weight", "3.0.bias", "float64"),
    "gradient": ("4.weight", "3 × 6"),
    "Steps": ("identity 6 × 6 ⊗ dense 1 × 4", "diagonal + rank 2", "sum of 2: identity, dense"),
    "Closed": ("6 × 24", "each example"),
    "Branches": ("B[0.weight]", "6 × 36"),
    "Jacobian": ("3 × 4", "product of 5: dense, sum, low-rank update, diagonal, dense"),
    "Tally": ("delta B[4.weight]", "total"),
    "ParameterJacobian": ("3 × 105", "norm"),
    "Plan": ("left first", "right first", "(A5 A4)"),
    "Summary": ("3.0 Linear(6 -> 6)", "parameters: 105"),
    "Spectrum": ("gain from output", "Gradients pass"),
    "AffineMap": ("slope", "3 × 4"),
    "Hessian": ("105 × 105", "dense()"),
    "PredictionInterval": ("deviation", "5 examples"),
    "PerExampleGradients": ("median", "together"),
    "GradientStatistics": ("signal_to_noise",),
    "GGN": ("105 × 105", "kfac()"),
}


def test_everything_a_notebook_may_hold_shows_itself() -> None:
    things = shown()
    assert set(things) == set(SAID)
    for name, thing in things.items():
        words = " ".join(read(thing._repr_html_()).split())
        for said in SAID[name]:
            assert said in words, f"{name}: {said!r} is not in {words}"


def test_displays_take_the_colours_of_the_page() -> None:
    for name, thing in shown().items():
        styles = " ".join(re.findall(r'style="([^"]*)"', thing._repr_html_()))
        assert set(re.findall(r"background:(\w+)", styles)) <= {"transparent"}, name
        assert set(re.findall(r"(?<![\w-])color:(\w+)", styles)) <= {"inherit"}, name


def test_a_plan_is_typeset_with_its_brackets() -> None:
    net, theta, x, _ = small()
    plan = bp.jacobian(net, theta, x).plan
    text = (plan._repr_latex_() or "").replace(r"\left(", "(").replace(r"\right)", ")").strip("$")
    assert f"({text})" == plan.brackets.replace("A5", "A_{5}").replace("A4", "A_{4}").replace("A3", "A_{3}").replace(
        "A2", "A_{2}"
    ).replace("A1", "A_{1}")
    assert bp.plan([ops.Identity(3)] * 20)._repr_latex_() is None


def test_a_small_matrix_is_typeset_and_a_large_one_is_not() -> None:
    assert ops.Dense(np.array([[1.0, -2e-9], [0.5, 3.0]]))._repr_latex_() == (
        r"$\displaystyle \underset{2 \times 2}{\begin{pmatrix} 1 & -2 \cdot 10^{-9} \\ 0.5 & 3 \end{pmatrix}}$"
    )
    assert ops.Identity(9)._repr_latex_() is None
    assert matrix_latex(np.arange(2)) == r"\begin{pmatrix} 0 & 1 \end{pmatrix}"


def test_a_deep_network_folds_its_middle() -> None:
    net = bp.Network([layer for _ in range(100) for layer in (bp.Linear(3, 3), bp.Tanh())])
    words = read(net._repr_html_())
    assert "162 more" in words
    assert words.count("Linear(3 -&gt; 3)") + words.count("Linear(3 -> 3)") < 30
    assert r"\cdots" in net._repr_latex_()
    assert "more" in read(net.initialize()._repr_html_())


# -- names from files -------------------------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\\input{/etc/passwd}$x_1^2$ 100% & #~"


@dataclass(frozen=True, repr=False)
class Hostile(bp.Layer):
    """A layer whose names are an attack."""

    n: int

    @property
    def label(self) -> str:
        return HOSTILE

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {HOSTILE: (self.n,)}

    def value(self, theta: Any, x: Any) -> Any:
        return x + theta[HOSTILE]

    def jacobians(self, theta: Any, x: Any, y: Any) -> tuple[ops.Operator, dict[str, ops.Operator]]:
        return ops.Identity(self.n), {HOSTILE: ops.Identity(self.n)}


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    net = bp.Network([Hostile(3)])
    theta = net.parameters({f"0.{HOSTILE}": np.ones(3)})
    x, y = np.ones((2, 3)), np.ones((2, 3))
    tally = bp.Tally()
    bp.value_and_gradient(net, theta, x, y, bp.SquaredError(), tally=tally)
    things = (net, theta, net.linearize(theta, x), bp.summary(net, (3,)), bp.spectrum(net, theta, x), tally)
    for thing in things:
        assert "<script>alert(1)" in read(thing._repr_html_()), type(thing).__name__
    latex = net._repr_latex_()
    assert "\\input" not in latex
    assert "<script" not in latex


def test_latex_escapes_what_means_something_to_it() -> None:
    assert latex_escape("a_b%{}\\") == r"a\_b\%\{\}\textbackslash{}"
    assert latex_escape("é\n☃\x07") == "é [U+2603][U+0007]"


@pytest.mark.parametrize(
    ("value", "html", "latex"),
    [
        (0.78645, "0.7864", "0.7864"),
        (-0.0, "0", "0"),
        (-1.5e-7, "−1.5e−07", r"-1.5 \cdot 10^{-7}"),
        (float("inf"), "inf", r"\infty"),
        (float("nan"), "nan", r"\mathrm{nan}"),
        (Fraction(-1, 3), "−1/3", r"-\frac{1}{3}"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: Any, html: str, latex: str) -> None:
    assert number(value) == html
    assert latex_number(value) == latex


def test_a_display_imports_nothing_heavy() -> None:
    heavy = ("torch", "jax", "scipy", "sklearn", "matplotlib", "IPython", "jinja2", "rich")
    code = f"""
import sys, numpy as np, backproof as bp
net = bp.Network([bp.Linear(3, 4), bp.Tanh()])
theta = net.initialize()
assert "backproof.display" not in sys.modules
for thing in (net, theta, net.linearize(theta, np.ones((2, 3), np.float32))[0].A):
    thing._repr_html_()
print(*[name for name in {heavy} if name in sys.modules])"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer))
def test_every_layer_shows_itself_alone_and_in_a_network(case: LayerCase) -> None:
    layer, theta, x = point(case, 4, 3, 2)
    read(layer.linearize(theta, x)._repr_html_())
    assert type(layer).__name__ in read(bp.Network([layer])._repr_html_())
