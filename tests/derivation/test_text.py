"""The derivation in a terminal."""

from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.derivation import explain
from backproof.derivation import expressions as e
from backproof.derivation.figures import Figure, figure
from backproof.derivation.folding import Run, ends, runs
from backproof.derivation.grids import grid
from backproof.derivation.textual import cells, inline
from backproof.display import number
from backproof.operators import Diagonal
from cases import OPERATOR_CASES, Maker
from networks import draw_network

x, W = e.Symbol("x", "1"), e.Symbol("W", "2", kind="matrix")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (x, "x₁"),
        (e.Symbol("x", "3.1", "(2)"), "x₃.₁⁽²⁾"),
        (e.Symbol("z", "", "[4]"), "z[4]"),
        (e.Symbol("B", "1,W"), "B₁ᵂ"),
        (e.Symbol("B", "1,slope"), "B₁_slope"),
        (e.Symbol("delta", "3"), "δ₃"),
        (e.Symbol("W", "1", accent="tilde"), "W\u0303₁"),
        (e.Times((W, x)), "W₂ x₁"),
        (e.Times((e.Times((W, W)), x)), "(W₂ W₂) x₁"),
        (e.Times((e.Plus((W, W)), x)), "(W₂ + W₂) x₁"),
        (e.Plus((x, e.Negative(x))), "x₁ − x₁"),
        (e.Negative(e.Plus((x, x))), "−(x₁ + x₁)"),
        (e.Transpose(e.Times((W, x))), "(W₂ x₁)ᵀ"),
        (e.Transpose(x), "x₁ᵀ"),
        (e.Transpose(e.Differential(x)), "(dx₁)ᵀ"),
        (e.Differential(e.Times((W, x))), "d(W₂ x₁)"),
        (e.Kronecker(e.Identity(4), e.Transpose(x)), "I₄ ⊗ x₁ᵀ"),
        (e.Times((e.Kronecker(e.Identity(4), x), e.Vec(W))), "(I₄ ⊗ x₁) vec(W₂)"),
        (e.Hadamard((x, x)), "x₁ ⊙ x₁"),
        (e.Times((e.Fraction(x, x), x)), "(x₁ / x₁) x₁"),
        (e.Fraction(e.Plus((x, x)), x), "(x₁ + x₁) / x₁"),
        (e.Power(x, 2), "x₁²"),
        (e.Power(e.Plus((x, x)), 3), "(x₁ + x₁)³"),
        (e.Apply("abs", x), "|x₁|"),
        (e.Apply("sigmoid", x), "σ(x₁)"),
        (e.Number(1234), "1,234"),
        (e.Times((e.Number(3), e.Number(4))), "3·4"),
        (e.Times((x, e.Number(-2))), "x₁ (-2)"),
        (e.BlockColumn((x, e.Number(1))), "(x₁; 1)"),
        (e.BlockRow((W,) * 9, (2, 1)), "[W₂ | W₂ | ⋯ | W₂]"),
        (e.Cases(((e.Compare(x, "<=", e.Number(0)), x),), e.Number(0)), "{x₁ if x₁ ≤ 0; 0 else}"),
        (e.Map(e.Composition((W, x)), (x,)), "(W₂ ∘ x₁)(x₁)"),
        (e.SumOver("i", 1, 3, x, (x, x, x)), "Σ(i=1..3) x₁"),
        (e.Partial(e.Symbol("loss"), x), "∂ℓ/∂x₁"),
        (e.Equation((x, e.Identity(2)), ":="), "x₁ ≔ I₂"),
        (e.Numbers(np.array([[1.0, 0.5], [0, -2]])), "[1 0.5; 0 −2]"),
        (e.Numbers(np.eye(5), (1, 1), (1, 1)), "[1 ⋯ 0; ⋯; 0 ⋯ 1]"),
    ],
    ids=str,
)
def test_a_formula_reads_in_one_line(expression: e.Expression, text: str) -> None:
    assert inline(expression) == text


def test_no_node_is_printed_as_code() -> None:
    for seed in (3, 11, 14):
        drawn = draw_network(seed, 6)
        derivation = explain(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss, detail="full", notation="O")
        for line in derivation.lines():
            if line.expression is not None:
                assert "(name=" not in inline(line.expression)


@pytest.mark.parametrize("width", [10, 40, 60, 80, 100, 132])
@pytest.mark.parametrize("notation", ["ours", "D", "O"])
def test_no_line_of_words_is_wider_than_the_terminal(width: int, notation: str) -> None:
    g = np.random.default_rng(0)
    net = bp.Network([bp.Linear(3, 12), bp.Tanh(), bp.Linear(12, 3), bp.Softmax()])
    theta, x = net.initialize(0), g.normal(size=(4, 3)).astype("float32")
    text = explain(net, theta, x, x, notation=notation, detail="full").text(width)
    wide = [line for line in text.split("\n") if cells(line) > max(40, width)]
    # A single sign, such as a Kronecker product, may be wider than a very narrow terminal.
    assert not wide or width < 60


def test_accents_take_no_room() -> None:
    assert cells("W\u0303₁") == 2


def test_shapes_stand_below_what_they_belong_to() -> None:
    g = np.random.default_rng(0)
    net = bp.Network([bp.Linear(3, 12), bp.Tanh(), bp.Linear(12, 5)])
    text = explain(net, net.initialize(0), g.normal(size=(4, 3)).astype("float32"), np.arange(4)).text(80)
    lines = text.split("\n")
    row = next(i for i, line in enumerate(lines) if line.strip().startswith("∂ℓ/∂θ₁ = "))
    for name, shape in (("A₃", "5×12"), ("A₂", "12×12"), ("B₁", "12×48")):
        end = lines[row].index(name) + len(name)
        assert abs(f"{lines[row + 1]} ".index(f" {shape} ") + len(shape) + 1 - end) <= len(shape)


def test_small_matrices_are_written_out_and_large_ones_are_measured() -> None:
    g = np.random.default_rng(0)
    net = bp.Network([bp.Linear(3, 4), bp.Linear(4, 30)])
    theta = net.initialize(0, dtype="float64")
    text = explain(net, theta, g.normal(size=(2, 3)), g.normal(size=(2, 30))).text(120)
    for value in theta["0.weight"].reshape(-1):
        assert number(value) in text
    assert f"norm {number(np.linalg.norm(theta['1.weight']))}" in text


def test_columns_of_a_matrix_are_aligned() -> None:
    assert grid(np.array([[1.0, -20.5], [300, 4]])) == ["⎡   1  −20.5 ⎤", "⎣ 300      4 ⎦"]
    assert grid(np.array([[1.0, 2]])) == ["[ 1  2 ]"]


def test_a_long_row_goes_on_in_the_next_line() -> None:
    net, g = bp.Network([bp.Linear(2, 10)]), np.random.default_rng(0)
    theta = net.initialize(0, dtype="float64")
    derivation = explain(net, theta, g.normal(size=(1, 2)), np.array([3]))
    for width in (60, 80):
        text = derivation.text(width)
        assert max(map(cells, text.splitlines())) <= width
        assert "yᵀ = [0 0 0 1 0 0 0 0 0 0]" in text
        for value in net.forward(theta, derivation.network.input.T)[0]:
            assert number(value) in text


def test_large_sizes_have_their_thousands_set_apart() -> None:
    net = bp.Network([bp.Linear(64, 50), bp.Tanh(), bp.Linear(50, 2)])
    text = explain(net, net.initialize(0), np.ones((1, 64)), np.array([1])).text(100)
    assert "[1 x 3,250]" in text
    assert "50×3,250" in text
    assert "3250" not in text


def test_a_title_is_wrapped_as_well() -> None:
    net = bp.Network([bp.Linear(1, 1)])
    text = explain(net, net.initialize(0), np.ones((1, 1)), np.ones((1, 1))).text(40)
    assert max(map(cells, text.splitlines())) <= 40


# -- figures --------------------------------------------------------------------------------------------------


def test_the_heat_map_of_a_matrix_too_large_to_be_read_shows_a_row_of_every_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = figure(Diagonal(np.arange(1.0, 201)[None, :]))
    whole = shown.heat(20)
    monkeypatch.setattr("backproof.derivation.figures._ALL", 1000)
    sampled = shown.heat(20)
    assert np.array_equal(whole != 0, np.eye(20, dtype=bool))
    assert np.array_equal(sampled, np.diag(np.arange(1.0, 201, 10)))


@pytest.mark.parametrize(("name", "build"), OPERATOR_CASES)
def test_a_figure_measures_the_dense_matrix(name: str, build: Any) -> None:
    for mode in ("shared", "each"):
        operator = build(Maker(mode, batch=1), 4, 4)
        if operator is None:
            continue
        found = figure(operator)
        dense = np.asarray(operator.dense()).reshape(4, 4)
        assert (found.array() == dense).all()
        assert found.norm() == pytest.approx(np.linalg.norm(dense))
        assert found.nonzero() == np.count_nonzero(dense) / 16
        assert (found.heat() == dense).all()


@pytest.mark.parametrize(("m", "n"), [(200, 30), (30, 200), (128, 128)])
def test_a_heat_map_keeps_the_largest_entries(m: int, n: int) -> None:
    matrix = np.random.default_rng(0).normal(size=(m, n))
    heat = figure(matrix).heat(64)
    assert heat.shape == (min(m, 64), min(n, 64))
    assert np.abs(heat).max() == np.abs(matrix).max()
    assert set(np.abs(heat).reshape(-1)) <= set(np.abs(matrix).reshape(-1))


def test_a_large_matrix_is_looked_at_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from backproof.derivation import figures

    matrix = np.random.default_rng(0).normal(size=(37, 20))
    whole = figure(matrix)
    monkeypatch.setattr(figures, "_CHUNK", 100)
    pieces = figure(matrix)
    assert pieces.norm() == pytest.approx(whole.norm(), rel=1e-14)
    assert (pieces.heat(8) == whole.heat(8)).all()
    assert isinstance(pieces, Figure)


# -- folding --------------------------------------------------------------------------------------------------


def test_runs_fold_the_longest_repetition() -> None:
    assert runs("abcdcdcdcde") == [0, 1, 2, 3, Run(4, 9, 2), 10]
    assert runs("aaaa") == [0, Run(1, 3, 1)]
    assert runs("abc") == [0, 1, 2]
    assert runs("") == []


def test_runs_hide_nothing_twice_and_nothing_unlike() -> None:
    g = np.random.default_rng(0)
    for _ in range(200):
        keys = "".join(g.choice(list("abc"), g.integers(1, 40)))
        seen: list[int] = []
        for piece in runs(keys):
            if isinstance(piece, Run):
                assert all(keys[i] == keys[i - piece.period] for i in range(piece.first, piece.last + 1))
                seen += range(piece.first, piece.last + 1)
            else:
                seen.append(piece)
        assert seen == list(range(len(keys)))


def test_ends_keep_both_ends() -> None:
    assert ends(4, 6) == [0, 1, 2, 3]
    assert ends(10, 6, 2, 3) == [0, 1, Run(2, 6, 1), 7, 8, 9]
