"""What ``explain`` contains, in which order, what it folds, and what it refuses."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.chain import Tally
from backproof.derivation import Fold, Line, Section, discrepancies, explain, register_language, register_rule
from backproof.derivation.expressions import Annotated, Equation, Times
from backproof.derivation.language import LANGUAGES, say
from backproof.derivation.languages import english
from backproof.derivation.rules.registry import RULES, stated
from backproof.layers.elementwise import Elementwise
from backproof.operators import Dense, Diagonal, Identity, Kronecker

SECTIONS = ["composition", "layers", "gradient", "delta", "batch", "induction", "cost", "papers"]


def small(*layers: Any, width: int = 3, batch: int = 4) -> tuple[Any, ...]:
    g = np.random.default_rng(0)
    net = bp.Network(list(layers) or [bp.Linear(3, 4), bp.Tanh(), bp.Linear(4, 2)])
    theta, x = net.initialize(0, dtype="float64"), g.normal(size=(batch, width))
    return net, theta, x, g.normal(size=(batch, *net.output_shape((width,))))


def deep(blocks: int) -> tuple[Any, ...]:
    layers = [bp.Linear(10, 16), bp.Tanh(), *[bp.Linear(16, 16), bp.Tanh()] * blocks, bp.Linear(16, 4), bp.Softmax()]
    return small(*layers, width=10)


def every_item(section: Section) -> list[Any]:
    found: list[Any] = []
    for item in section.items:
        found += [item, *every_item(item)] if isinstance(item, Section) else [item]
    return found


def test_the_sections_come_in_the_promised_order() -> None:
    assert [section.name for section in explain(*small()).sections] == SECTIONS


def test_a_layer_is_derived_from_differential_over_vec_to_identification() -> None:
    layer = explain(*small()).sections[1].items[0]
    assert isinstance(layer, Section)
    keys = [item.reason.key for item in layer.items if isinstance(item, Line) and item.reason]
    expected = [
        "definition_affine", "product_rule", "vec_row", "vec_inserted", "identify_A", "identify_B", "identify_B",
        "theta_stacked", "B_row", "total_differential",
    ]  # fmt: skip
    assert keys == expected


def test_every_shape_stands_under_its_matrix() -> None:
    derivation = explain(*small())
    line = next(line for line in derivation.sections[2].lines() if isinstance(line.expression, Equation))
    assert isinstance(line.expression, Equation)
    product = line.expression.sides[1]
    assert isinstance(product, Times)
    shapes = [factor.shape for factor in product.factors if isinstance(factor, Annotated)]
    assert shapes == [(1, 2), (2, 4), (4, 4), (4, 16)]
    assert all(left[1] == right[0] for left, right in itertools.pairwise(shapes))


def test_the_induction_has_a_step_for_every_layer() -> None:
    induction = explain(*small(), detail="full").sections[5]
    keys = [line.reason.key for line in induction.lines() if line.reason]
    assert keys.count("induction_chain_rule") == 3
    assert [key for key in keys if key in ("induction_claim", "induction_base", "induction_conclusion")] == [
        "induction_claim", "induction_base", "induction_conclusion",
    ]  # fmt: skip


def test_the_costs_are_those_that_the_engine_counts() -> None:
    net, theta, x, y = small()
    loss, left, right = bp.SquaredError(), Tally(), Tally()
    bp.value_and_gradient(net, theta, x[:1], y[:1], loss, tally=left)
    bp.algorithm_1(net, theta, x[:1], y[:1], loss, tally=right)
    lines = {line.reason.key: line for line in explain(net, theta, x, y, loss).sections[6].lines() if line.reason}
    assert [float(v) for v in lines["cost_left"].evaluate()] == [left.total] * 3
    assert [float(v) for v in lines["cost_algorithm_1"].evaluate()] == [right.total] * 3
    assert [float(v) for v in lines["plan_right"].evaluate()] == [208.0] * 3  # 64 - 16 + 128 + 32, from the right
    best, other = (float(lines[key].evaluate()[0]) for key in ("plan_best", "plan_right"))
    assert best <= other


def test_the_numbers_of_the_example_stand_before_its_deltas() -> None:
    derivation = explain(*small(), example=1)
    section = next(s for s in every_item(derivation.sections[3]) if isinstance(s, Section) and s.name == "example")
    values = [line.evaluate()[0] for line in section.lines()]
    net, theta, x, y = small()
    states = [x[1:2], *(step.output for step in net.linearize(theta, x[1:2]))]
    for value, state in zip(values, states, strict=False):
        assert np.allclose(value, state.reshape(1, -1), rtol=1e-12, atol=0)
    assert np.allclose(values[-1], bp.SquaredError().value(states[-1], y[1:2]), rtol=1e-12)
    assert len(values) == len(states) + 2


def test_the_outline_defines_what_it_is_written_with() -> None:
    net, theta, x, _ = small(bp.Linear(3, 4), bp.LayerNorm(4), bp.Softmax())
    derivation = explain(net, theta, x, np.array([0, 1, 2, 3]), detail="outline")
    keys = [line.reason.key for line in derivation.lines() if line.reason]
    assert {"mean", "centred", "deviation", "normalised", "partition", "softmax_itself"} <= set(keys)
    assert not {"quotient_rule", "log_moves", "product_rule"} & set(keys)


@pytest.mark.parametrize("detail", ["outline", "standard"])
def test_fifty_layers_read_in_two_pages_and_say_what_is_folded(detail: str) -> None:
    derivation = explain(*deep(23), detail=detail)
    assert len(derivation.network.layers) == 50
    assert derivation.text(80).count("\n") < 200
    assert derivation.text(100).count("\n") < 175
    folds = [item for section in derivation.sections for item in every_item(section) if isinstance(item, Fold)]
    assert any((fold.first, fold.last) == (3, 48) for fold in folds)
    assert all(derivation.say(fold.reason)[:40] in derivation.text(200) for fold in folds)
    assert "layers 3 to 48: the same as layers 1 to 2" in derivation.text(200)


def test_a_fold_says_the_layers_that_it_hides() -> None:
    for section in explain(*deep(23)).sections:
        shown = [item.layer for item in section.items if isinstance(item, Section) and item.layer]
        folds = [item for item in section.items if isinstance(item, Fold)]
        if section.name == "layers":
            hidden = [layer for fold in folds for layer in range(fold.first, fold.last + 1)]
            assert sorted(shown + hidden) == list(range(1, 51))


def test_full_detail_folds_no_layer_of_twenty() -> None:
    derivation = explain(*deep(8), detail="full")
    layers = [item for item in derivation.sections[1].items if isinstance(item, Section)]
    assert len(layers) == 20
    assert not list(discrepancies(derivation))


def test_repeated_steps_and_places_are_said() -> None:
    text = explain(*small(bp.Shared([bp.Linear(3, 3), bp.Tanh()], 5))).text(120)
    assert "steps 2 to 5: the same" in text
    g = np.random.default_rng(0)
    net = bp.Network([bp.Linear(3, 2)])
    places = explain(net, net.initialize(dtype="float64"), g.normal(size=(2, 7, 3)), g.normal(size=(2, 7, 2)))
    assert "each of 7 places" in places.text(120)
    assert not list(discrepancies(places))


def test_without_targets_the_derivation_ends_with_the_layers_and_says_so() -> None:
    net, theta, x, _ = small()
    derivation = explain(net, theta, x)
    assert [section.name for section in derivation.sections] == ["composition", "layers", "gradient", "papers"]
    assert "No targets were given" in str(derivation)
    assert derivation.network.loss_value is None


def test_a_loss_that_was_not_given_is_chosen_and_named() -> None:
    net, theta, x, y = small()
    assert "SquaredError was taken" in str(explain(net, theta, x, y))
    assert "CrossEntropy was taken" in str(explain(net, theta, x, np.array([0, 1, 1, 0])))


def test_the_example_is_the_one_asked_for() -> None:
    net, theta, x, y = small()
    for example in range(4):
        facts = explain(net, theta, x, y, example=example).network
        assert (facts.input[:, 0] == x[example]).all()
        value, gradient = bp.value_and_gradient(
            net, theta, x[example : example + 1], y[example : example + 1], bp.SquaredError()
        )
        assert facts.loss_value == value
        assert (facts.layers[0].gradients["0.weight"] == gradient["0.weight"]).all()


@pytest.mark.parametrize(("example", "told", "silent"), [(1, 3, 4), ("batch", 4, 3)])
def test_numbers_are_told_of_one_example_or_of_the_batch(example: int | str, told: int, silent: int) -> None:
    derivation = explain(*small(), example=example)
    assert any(line.figure for line in derivation.sections[told].lines())
    assert not any(line.figure for line in derivation.sections[silent].lines())
    assert derivation.choices.batch == (example == "batch")
    assert not list(discrepancies(derivation))


def test_a_network_of_another_library_and_of_float32_is_told_in_float64() -> None:
    torch = pytest.importorskip("torch")
    net, _, x, y = small()
    theta = net.initialize(0)
    plain = explain(net, theta, x.astype("float32"), y.astype("float32"))
    other = net.parameters({name: torch.tensor(np.asarray(theta[name])) for name in theta})
    assert str(explain(net, other, torch.tensor(x.astype("float32")), torch.tensor(y.astype("float32")))) == str(plain)
    assert not list(discrepancies(plain))


# -- layers and losses of the user's own ----------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Tilt(bp.layers.Layer):
    """y = x times a vector of its own."""

    size: int

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"slope<b>": (self.size,)}

    def initialize(self, generator: Any) -> dict[str, Any]:
        return {"slope<b>": generator.normal(size=self.size)}

    def value(self, theta: Any, x: Any) -> Any:
        return x * theta["slope<b>"]

    def jacobians(self, theta: Any, x: Any, y: Any) -> Any:
        return Diagonal(theta["slope<b>"]), {"slope<b>": Diagonal(x)}


@dataclass(frozen=True, repr=False)
class Awkward(bp.layers.Layer):
    """Two parameters named like a state and a Jacobian."""

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"x": (3,), "A": (2, 3)}

    def initialize(self, generator: Any) -> dict[str, Any]:
        return {"x": generator.normal(size=3), "A": generator.normal(size=(2, 3))}

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (2,)

    def value(self, theta: Any, x: Any) -> Any:
        return (x * theta["x"]) @ theta["A"].T

    def jacobians(self, theta: Any, x: Any, y: Any) -> Any:
        rows = Dense((x * theta["x"])[:, None, :])
        B = {"x": Dense(theta["A"] * x[:, None, :]), "A": Kronecker(Identity(2), rows)}
        return Dense(theta["A"] * theta["x"]), B


class Cube(Elementwise):
    """y = x^3."""

    def function(self, x: Any) -> Any:
        return x * x * x

    def derivative(self, x: Any, y: Any) -> Any:
        return 3 * x * x


@dataclass(frozen=True, kw_only=True)
class Quartic(bp.losses.Loss):
    """sum (z - t)^4."""

    def _losses(self, z: Any, t: Any) -> Any:
        return ((z - t) ** 4).sum(1)

    def _gradient(self, z: Any, t: Any) -> Any:
        return 4 * (z - t) ** 3

    def _hessian(self, z: Any, t: Any, factor: Any) -> Any:
        return Dense(np.zeros((z.shape[1], z.shape[1])))


def test_a_layer_without_a_rule_states_its_jacobians_and_says_so() -> None:
    derivation = explain(*small(bp.Linear(3, 4), Tilt(4), Cube(), bp.Residual(Tilt(4))), Quartic(), detail="full")
    assert not list(discrepancies(derivation))
    text = str(derivation)
    assert "No symbolic derivation is registered for Tilt" in text
    assert "No symbolic derivation is registered for Quartic" in text


@pytest.mark.parametrize("vec", ["row", "column"])
@pytest.mark.parametrize("notation", ["ours", "D", "O"])
def test_parameters_named_like_the_derivations_own_quantities_are_told_apart(notation: str, vec: str) -> None:
    derivation = explain(*small(Awkward(), bp.Tanh()), detail="full", notation=notation, vec=vec)
    assert not list(discrepancies(derivation))


def test_a_registered_rule_is_used() -> None:
    called = []

    def rule(site: Any) -> Any:
        called.append(site.label)
        return stated(site)

    register_rule(Tilt, rule)
    try:
        explain(*small(Tilt(3)))
    finally:
        del RULES[Tilt]
    assert called == ["1"]


# -- words ----------------------------------------------------------------------------------------------------


def test_everything_said_has_words() -> None:
    for notation in ("ours", "D", "O"):
        derivation = explain(*small(), notation=notation, detail="full")
        for section in derivation.sections:
            for item in every_item(section):
                sentence = item.title if isinstance(item, Section) else item.reason
                assert derivation.say(sentence)
                if isinstance(item, Line):
                    assert bool(derivation.source(item)) == bool(item.source)


def test_another_language_is_a_table_and_what_it_lacks_is_english() -> None:
    register_language("xx", {"title_papers": "Wo die beiden Arbeiten stehen"}, {})
    try:
        text = str(explain(*small(), language="xx"))
    finally:
        del LANGUAGES["xx"]
    assert "Wo die beiden Arbeiten stehen" in text
    assert "The composition" in text


def test_no_template_is_left_over_or_unfilled() -> None:
    for key, template in english.REASONS.items():
        assert template.count("{") == template.count("}"), key
    with pytest.raises(bp.errors.OptionError, match="unknown reason"):
        say(bp.derivation.Words("titel"))


def test_the_papers_are_named_and_never_quoted_beyond_what_is_known() -> None:
    text = str(explain(*small()))
    assert "arXiv:2301.09977" in text
    assert "arXiv:2107.09384" in text
    assert "our own reconstruction" in text.replace("\n", " ")


# -- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"detail": "much"}, "unknown detail of explain 'much'"),
        ({"vec": "rows"}, "Did you mean 'row'"),
        ({"notation": "d"}, "Did you mean 'D'"),
        ({"language": "klingon"}, "unknown language"),
        ({"example": 4}, "expected a number from 0 to 3"),
        ({"example": -1}, "expected a number from 0 to 3"),
        ({"example": True}, "expected a number from 0 to 3"),
        ({"example": "all"}, "or 'batch'"),
        ({"example": np.array([1, 2])}, "or 'batch'"),
        ({"loss": bp.SquaredError}, r"write SquaredError\(\) with brackets"),
        ({"loss": "squared"}, "expected a loss object"),
        ({"y": None, "loss": bp.Huber()}, "came without targets, expected y as well"),
    ],
)
def test_what_does_not_fit_is_named(settings: dict[str, Any], message: str) -> None:
    net, theta, x, y = small()
    with pytest.raises(bp.errors.OptionError, match=message):
        explain(net, theta, x, **{"y": y, **settings})


def test_shapes_that_do_not_fit_are_named() -> None:
    net, theta, x, y = small()
    with pytest.raises(bp.errors.ShapeError, match="layer 0, Linear"):
        explain(net, theta, x[:, :2], y)
    with pytest.raises(bp.errors.ShapeError, match=r"targets have shape \(4, 1\), expected \(4, 2\)"):
        explain(net, theta, x, y[:, :1])
    with pytest.raises(bp.errors.OptionError, match="net is of type list, expected a Network"):
        explain([bp.Linear(3, 2)], theta, x, y)  # type: ignore[arg-type]
    with pytest.raises(bp.errors.ShapeError, match="targets"):
        explain(net, theta, x, y[:2], bp.SquaredError())
    with pytest.raises(bp.errors.ShapeError, match="expected one for each of the 4 examples"):
        explain(net, theta, x, y[:2], bp.SquaredError(), example=3)
    with pytest.raises(bp.errors.DtypeError, match="expected Parameters"):
        explain(net, {}, x, y)
    with pytest.raises(bp.errors.NonFiniteError, match="nan"):
        explain(net, theta, x * math.nan, y)


def test_an_empty_batch_is_refused() -> None:
    net, theta, x, y = small()
    with pytest.raises(bp.errors.ShapeError, match="no examples"):
        explain(net, theta, x[:0], y[:0])
