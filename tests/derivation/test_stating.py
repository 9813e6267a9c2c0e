"""What a derivation says of its own conditions: kinks, modes, counts, what is left out."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.derivation import Derivation, discrepancies, explain, register_language
from backproof.derivation.expressions import Equation, Fraction, Hadamard, Number, Symbol, Vec, walk
from backproof.derivation.language import LANGUAGES, say
from backproof.derivation.lines import words
from backproof.derivation.textual import inline
from backproof.operators import Dense, Identity, Kronecker
from networks import draw_network


def told(layers: list[Any], x: Any, detail: str = "standard", loss: Any = None, y: Any = None) -> Derivation:
    """Explain a network whose parameters are drawn, at these examples."""
    net, x = bp.Network(layers), np.asarray(x, float)
    y = np.zeros((len(x), *net.output_shape(x.shape[1:]))) if y is None else y
    return explain(net, net.initialize(0, dtype="float64"), x, y, loss or bp.SquaredError(), detail=detail)


def said(derivation: Derivation) -> str:
    """Return the whole text in one line."""
    return " ".join(derivation.text(200).split())


def keys(derivation: Derivation) -> list[str]:
    return [line.reason.key for line in derivation.lines() if line.reason]


# -- kinks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("detail", ["outline", "standard", "full"])
@pytest.mark.parametrize(
    ("layer", "x", "entries"),
    [
        (bp.ReLU(), [0, 1, 0], "entries 1, 3"),
        (bp.ReLU6(), [1, 6, 7], "entry 2"),
        (bp.Threshold(), [1, 2, 0], "entry 3"),
    ],
)
def test_an_example_on_a_kink_is_told_with_the_layer_and_the_entries(
    layer: Any, x: list[float], entries: str, detail: str
) -> None:
    derivation = told([layer, bp.Linear(3, 2)], [x, [1, 2, 3]], detail)
    text = said(derivation)
    assert f"layer 1, {layer.label}, {entries} of x₀" in text
    assert "with the layer's own choice at the kinks" in text
    assert "It does not hold here, since the example lies on kinks of layer 1:" in text
    assert "1 of the 2 examples lies exactly on a kink" in text
    assert not list(discrepancies(derivation))


def test_kinks_inside_combinators_and_repetitions_are_told() -> None:
    inside = bp.Residual([bp.Linear(2, 2, bias=False), bp.ReLU()])
    text = said(told([bp.Linear(2, 2, bias=False), bp.Shared(inside, 2)], np.zeros((1, 2))))
    assert "layer 2.1.1.2, ReLU(), entries 1, 2 of x₂.₁.₁.₁⁽¹⁾" in text
    assert "layer 2.1.1.2, ReLU(), entries 1, 2 of x₂.₁.₁.₁⁽²⁾" in text


def test_many_kinks_are_counted_and_not_listed() -> None:
    text = said(told([bp.ReLU()] * 12, np.zeros((1, 20))))
    assert "entries 1, 2, 3, 4, 5, 6, 7, 8 and 12 more of x₀" in text
    assert "and 6 more layers" in text


@pytest.mark.parametrize(("layer", "holds"), [(bp.ReLU(), "induction_holds"), (bp.Tanh(), "induction_smooth")])
def test_off_the_kinks_the_hypothesis_of_the_induction_stands_and_is_said_to_hold(layer: Any, holds: str) -> None:
    found = keys(told([bp.Linear(2, 2), layer], [[0.3, -0.4]]))
    assert "induction_hypothesis" in found
    assert holds in found
    assert not {"kinks_met", "induction_fails", "batch_kinks", "identify_A_kink"} & set(found)


# -- examples with several axes -------------------------------------------------------------------------------


@pytest.mark.parametrize("detail", ["outline", "standard", "full"])
@pytest.mark.parametrize(("notation", "vec"), [("ours", "row"), ("D", "column"), ("O", "column")])
def test_every_hat_of_the_batch_form_is_explained_once(notation: str, vec: str, detail: str) -> None:
    net = bp.Network([bp.Linear(3, 4), bp.Linear(4, 4), bp.Tanh(), bp.Flatten(), bp.Linear(8, 2)])
    x = np.random.default_rng(0).normal(size=(3, 2, 3))
    theta = net.initialize(0, dtype="float64")
    derivation = explain(net, theta, x, np.ones((3, 2)), detail=detail, notation=notation, vec=vec)
    used: set[Symbol] = set()
    explained: list[Symbol] = []
    for line in derivation.sections[4].lines():
        if isinstance(line.expression, Equation):
            hats = {s for s in walk(line.expression) if isinstance(s, Symbol) and s.accent == "hat" and s.kind != "row"}
            used |= {s for s in hats if "{" not in s.superscript}
            if any(isinstance(node, Vec) for node in walk(line.expression)):
                explained += hats
    assert len(used) >= 3
    assert sorted(map(repr, explained)) == sorted(map(repr, used))
    assert not list(discrepancies(derivation))
    assert "a row of 4 for each of the 2 places of every example, 6 in all" in said(derivation)


def test_a_row_of_the_sum_over_places_wears_the_hat_too() -> None:
    text = said(told([bp.Linear(3, 2)], np.ones((2, 2, 3))))
    assert "Σ(i=1..4) δ̂₁{i}ᵀ x̂₀{i}ᵀ = Δ̂₁ᵀ X̂₀" in text


# -- costs ----------------------------------------------------------------------------------------------------


def costs(derivation: Derivation) -> dict[str, float]:
    """Return the counts of the section on cost by the keys of their reasons."""
    lines = [line for line in derivation.sections[6].lines() if line.reason and line.expression is not None]
    return {
        line.reason.key: float(line.evaluate()[0]) for line in lines if line.reason and "_order" not in line.reason.key
    }


@pytest.mark.parametrize("seed", range(24))
def test_sharing_the_prefix_never_costs_more_than_sharing_nothing(seed: int) -> None:
    drawn = draw_network(seed, 1 + seed % 8, batch=1)
    derivation = explain(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss)
    if (found := costs(derivation)) or drawn.net.layout.size:
        assert found["cost_left"] <= found["cost_apart"]
        assert found["plan_best"] <= min(found["plan_left"], found["plan_right"])
    assert not list(discrepancies(derivation))


def test_what_no_parameter_needs_is_not_counted() -> None:
    derivation = told([bp.Tanh(), bp.Linear(3, 2)], np.ones((1, 3)))
    # delta times I (x) x^T is 2 x 3 multiplications; [D] does them for two rows and then multiplies by delta.
    assert costs(derivation)["cost_left"] == costs(derivation)["cost_apart"] == 6
    assert costs(derivation)["cost_algorithm_1"] == 2 * 6 + 2 * 6 + 2 * 2
    assert "Layer 2 is the first with parameters" in said(derivation)
    assert not list(discrepancies(derivation))


@pytest.mark.parametrize("n", [2, 3, 7])
def test_of_equal_orders_the_one_from_the_left_is_the_cheapest(n: int) -> None:
    derivation = told([bp.Linear(n, n), bp.Linear(n, n), bp.Linear(n, 1)], np.ones((1, n)))
    lines = {line.reason.key: line for line in derivation.sections[6].lines() if line.reason}
    assert costs(derivation)["plan_left"] == costs(derivation)["plan_best"]
    assert inline(lines["plan_order"].expression.sides[1]) == "((δ₃ A₃) A₂) B₁"  # type: ignore[union-attr]


def test_without_parameters_nothing_is_multiplied_out_and_nothing_is_promised() -> None:
    derivation = told([bp.Tanh(), bp.Softmax()], np.ones((1, 3)))
    text = said(derivation)
    assert "No layer has parameters, so there is no gradient in parameters" in text
    assert "c_left" not in text


# -- networks without parameters, layers without a rule -------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "conclusion"),
    [
        ([bp.Tanh(), bp.Softmax()], "no layer has parameters, and in the input the gradient is the product below."),
        ([bp.Tanh(), bp.Linear(3, 2)], "and the gradient is the product below."),
        ([bp.Linear(3, 3), bp.Linear(3, 2)], "is the product below; for the other layers with parameters likewise."),
    ],
)
def test_the_conclusion_speaks_of_a_product_that_stands_below(layers: list[Any], conclusion: str) -> None:
    derivation = told(layers, np.ones((1, 3)))
    assert conclusion in said(derivation)
    last = list(derivation.sections[5].lines())[-1]
    assert last.reason is not None
    assert last.reason.key in ("gradient_product", "gradient_input_alone")
    assert not list(discrepancies(derivation))


@dataclass(frozen=True, repr=False)
class Mixing(bp.layers.Layer):
    """y = W x by its value and its two Jacobians alone."""

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"kernel": (2, 3)}

    def initialize(self, generator: Any) -> dict[str, Any]:
        return {"kernel": generator.normal(size=(2, 3))}

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (2,)

    def value(self, theta: Any, x: Any) -> Any:
        return x @ theta["kernel"].T

    def jacobians(self, theta: Any, x: Any, y: Any) -> Any:
        return Dense(theta["kernel"]), {"kernel": Kronecker(Identity(2), Dense(x[:, None, :]))}


@pytest.mark.parametrize("detail", ["outline", "standard", "full"])
def test_the_jacobians_that_a_layer_of_your_own_gives_are_shown_with_their_numbers(detail: str) -> None:
    derivation = told([Mixing(), bp.Tanh()], [[1.0, 2, 3]], detail)
    lines = {line.reason.key: line for line in derivation.sections[1].lines() if line.reason}
    kernel = bp.Network([Mixing()]).initialize(0, dtype="float64")["0.kernel"]
    assert (lines["given_A"].figure.array() == kernel).all()  # type: ignore[union-attr]
    assert (lines["given_B"].figure.array() == np.kron(np.eye(2), [[1, 2, 3]])).all()  # type: ignore[union-attr]
    assert not list(discrepancies(derivation))


# -- structures -----------------------------------------------------------------------------------------------


def test_the_jacobians_at_one_place_keep_their_structure() -> None:
    derivation = told([bp.Linear(3, 2), bp.LayerNorm(2)], np.random.default_rng(0).normal(size=(2, 4, 3)))
    lines = [line for line in derivation.sections[1].lines() if isinstance(line.expression, Equation) and line.figure]
    found = {inline(line.expression).split(" = ")[0]: line.figure.structure for line in lines if line.figure}
    assert found["B₁,₁ᵂ"] == "kronecker"
    assert found["B₁,₁ᵇ"] == "identity"
    assert found["B₂,₁ᵍ"] == "diagonal"
    assert found["B₂,₁ᵇ"] == "identity"


def test_no_structure_reads_as_a_shape() -> None:
    derivation = told([bp.Concatenate([bp.Linear(3, 2), bp.Tanh()]), bp.Residual(bp.Linear(5, 5))], np.ones((1, 3)))
    page = derivation.html()
    assert "(stacked blocks)" in page
    assert "(sum of matrices)" in page
    assert "column matrix" not in page
    assert "sum matrix" not in page
    article = derivation.latex()
    assert "& stacked blocks &" in article
    assert "& sum of matrices &" in article


# -- modes and counts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("detail", ["outline", "standard", "full"])
@pytest.mark.parametrize("y", [np.array([1, 0]), np.array([[0.5, 0.25, 0.25], [0, 0, 1.0]])])
def test_a_smoothed_target_is_derived_from_the_given_one(y: Any, detail: str) -> None:
    derivation = told([bp.Linear(2, 3)], np.ones((2, 2)), detail, bp.CrossEntropy(smoothing=0.1), y)
    line = next(line for line in derivation.lines() if line.reason and line.reason.key == "loss_smoothing")
    target, formula = line.evaluate()
    given = np.eye(3)[y[0]] if y.ndim == 1 else y[0]
    assert np.allclose(target[:, 0], 0.9 * given + 0.1 / 3, rtol=1e-12, atol=0)
    assert np.allclose(formula, target, rtol=1e-12, atol=0)
    assert "label smoothing 0.1" in said(derivation)
    assert not list(discrepancies(derivation))
    if detail != "outline":
        assert "the target, smoothed by the loss" in said(derivation)


def test_without_smoothing_there_is_no_word_of_it() -> None:
    derivation = told([bp.Linear(2, 3)], np.ones((2, 2)), loss=bp.CrossEntropy(), y=np.array([1, 0]))
    assert "smooth" not in said(derivation)


@pytest.mark.parametrize("detail", ["outline", "standard", "full"])
def test_dropout_says_that_it_is_evaluated(detail: str) -> None:
    derivation = told([bp.Linear(2, 3), bp.Dropout(0.5)], np.ones((2, 2)), detail)
    assert "evaluation, as after training: nothing is dropped" in said(derivation)
    assert not list(discrepancies(derivation))
    net = bp.Network([bp.Linear(2, 3), bp.Dropout(0.5)])
    training = explain(net.training(1), net.initialize(0, dtype="float64"), np.ones((2, 2)), np.ones((2, 3)))
    assert "evaluation" not in said(training)


def test_one_is_spoken_of_in_the_singular() -> None:
    text = said(told([bp.Linear(1, 1, bias=False)], np.ones((1, 1))))
    assert "in this network of one function" in text
    assert "The batch form, 1 example -" in text
    assert "One row for the one example: capital letters" in text
    assert "1 to 1, 1 parameter " in text
    assert "first, 1 row, and" in text
    assert not re.search(r"\b1 (functions|examples|parameters|rows|places|numbers|times|layers|entries)\b", text)
    assert "each of 1 place of the example by itself, on 1 number;" in said(told([bp.Linear(1, 2)], np.ones((1, 1, 1))))
    assert "[step 2: the same" in said(told([bp.Shared(bp.Linear(2, 2), 2)], np.ones((1, 2))))


def test_many_are_spoken_of_in_the_plural() -> None:
    text = said(told([bp.Linear(2, 3), bp.Tanh()], np.ones((3, 2))))
    assert "in this network of 2 functions" in text
    assert "The batch form, 3 examples at once" in text
    assert "One row for each of the 3 examples: capital letters" in text
    assert "2 to 3, 9 parameters" in text
    assert "first, 3 rows, and" in text
    assert "[steps 2 to 3: the same" in said(told([bp.Shared(bp.Linear(2, 2), 3)], np.ones((1, 2))))


@pytest.mark.parametrize("layer", [bp.Softplus(), bp.CELU(), bp.ELU(), bp.Softshrink(1), bp.LeakyReLU(1)])
def test_no_formula_divides_or_multiplies_by_one(layer: Any) -> None:
    derivation = told([bp.Linear(2, 2), layer], np.ones((1, 2)), "full")
    for line in derivation.sections[1].lines():
        for node in walk(line.expression) if line.expression else ():
            assert not (isinstance(node, Fraction) and node.denominator == Number(1)), inline(node)
            assert not (isinstance(node, Hadamard) and Number(1) in node.factors), inline(node)


def test_a_number_picks_its_word() -> None:
    register_language("xx", {"title_papers": "{count} {count:Blatt|Blätter}, {name}"}, {})
    try:
        found = [
            say(words("title_papers", count=count, name=(words("mean"), Symbol("x"))), "xx") for count in (0, 1, 2)
        ]
    finally:
        del LANGUAGES["xx"]
    assert found == ["0 Blätter, the mean; x", "1 Blatt, the mean; x", "2 Blätter, the mean; x"]
