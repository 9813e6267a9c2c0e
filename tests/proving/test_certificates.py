"""Certificates: what they say, that Coq accepts them, and that nobody's words get into them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.errors import CoupledBatchError, DataError, OptionError, ShapeError
from backproof.layers import Elementwise
from backproof.proving import AXIOMS, Certificate, certify_network, check_conditions
from backproof.proving.checking import check_text
from backproof.proving.combining import COMBINATORS
from backproof.proving.losses import LOSS_PARTS
from backproof.proving.parts import LEAVES
from cases import LAYER_CASES

L = bp.Linear
TIME = 300.0


def digits() -> Certificate:
    return certify_network(bp.Network([L(64, 32), bp.Tanh(), L(32, 10)]), (64,), bp.CrossEntropy())


def deep() -> Certificate:
    layers = [layer for _ in range(50) for layer in (L(20, 20), bp.Tanh())]
    return certify_network(bp.Network(layers), (20,), bp.SquaredError())


def residual() -> Certificate:
    smooth = bp.Residual([bp.LayerNorm(20), L(20, 20), bp.Tanh()])
    kinked = bp.Residual([L(20, 20), bp.ReLU(), bp.Residual([L(20, 20), bp.Hardtanh()])])
    net = bp.Network([bp.Flatten(), L(64, 20), smooth, kinked, bp.Residual(bp.Tanh()), L(20, 10)])
    return certify_network(net, (8, 8), bp.CrossEntropy(smoothing=0.1))


def every_leaf() -> Certificate:
    layers = [
        L(6, 8), bp.LeakyReLU(0.1), bp.AugmentedLinear(8, 8), bp.Sigmoid(), L(8, 8, bias=False),
        bp.AugmentedLinear(8, 8, bias=False), bp.SiLU(), bp.Softplus(), bp.Hardtanh(), bp.ReLU(), bp.ReLU6(),
        bp.LayerNorm(8), bp.LayerNorm(8, bias=False), bp.LayerNorm(8, gain=False, bias=False), bp.RMSNorm(8),
        bp.RMSNorm(8, gain=False), bp.Softmax(), bp.LogSoftmax(), bp.Reshape((2, 4)), bp.Dropout(), bp.Tanh(),
        bp.Flatten(),
    ]  # fmt: skip
    assert {type(layer) for layer in layers} == set(LEAVES)
    return certify_network(bp.Network(layers), (6,), bp.BinaryCrossEntropy())


def every_combinator() -> Certificate:
    layers = [
        bp.Sum((L(6, 6), bp.Tanh(), [L(6, 6), bp.ReLU()])),
        bp.Product((bp.Sigmoid(), L(6, 6), [bp.ReLU(), bp.Tanh()])),
        bp.Concatenate((bp.Tanh(), L(6, 3), [bp.LeakyReLU(), bp.Sigmoid()])),
        bp.Shared([L(15, 15), bp.ReLU()], 4),
        [bp.Shared(L(15, 15), 3), bp.Concatenate((bp.Tanh(), bp.Sigmoid()))],
        bp.Concatenate((L(30, 2), L(30, 3))),
        bp.Product((L(5, 5), L(5, 5))),
        bp.Product((bp.Tanh(), bp.Tanh())),
        bp.Sum((bp.Tanh(), bp.Sigmoid())),
        bp.Residual([bp.Residual([L(5, 5), bp.ReLU()]), bp.Sigmoid()]),
    ]
    certificate = certify_network(bp.Network(layers), (6,), bp.Poisson())
    for name in ("sum_layer_function", "product_layers", "concatenate_function_layer", "shared", "block"):
        assert name in certificate.text
    return certificate


@dataclass(frozen=True, repr=False)
class Doubling(Elementwise):
    note: str = ""

    def function(self, x: Any) -> Any:
        return x + x

    def derivative(self, x: Any, y: Any) -> Any:
        return x * 0 + 2


HOSTILE = [
    "*) Axiom oops : False. (*",
    '" *) Axiom oops : False. (* "',
    "(* (* (*",
    '"',
    "x). Qed. Axiom oops : False. Lemma y : (True",
    'Load "/etc/passwd".\n\nFail idtac.',
    "∀ ﷽ \x00 \x1b[31m \\",
    "Section" * 300,
]


def hostile(words: str) -> Certificate:
    """Return the certificate of a network whose layer is called by the given words, and says them."""
    kind = type("Doubling", (Doubling,), {})
    kind.__name__ = words.replace("\x00", "")
    loss_kind = type("Loss", (bp.Huber,), {})
    loss_kind.__name__ = words.replace("\x00", "")
    return certify_network(bp.Network([L(3, 2), kind(note=words), L(2, 2)]), (3,), loss_kind())


def without_lemmas() -> Certificate:
    layers = [
        L(6, 8), bp.GELU(), Doubling(HOSTILE[1]), bp.Residual([L(8, 8), bp.SELU(), Doubling()]),
        bp.Shared(bp.Tanh(), 3), bp.Reshape((2, 4)), bp.LayerNorm(4), bp.Softmax(), bp.Flatten(),
    ]  # fmt: skip
    return certify_network(bp.Network(layers), (6,), bp.Huber())


def leaves_in_combinators() -> Certificate:
    """Layers whose size is a bare number, and one without a lemma, directly inside combinators."""
    layers = [
        bp.Residual([bp.RMSNorm(3)]), bp.Residual(bp.RMSNorm(3)), bp.Sum((Doubling(), L(3, 3))), L(3, 2),
        bp.LayerNorm(2, eps=0.0),
    ]  # fmt: skip
    return certify_network(bp.Network(layers), (3,), bp.SquaredError())


CASES = [
    digits,
    residual,
    every_leaf,
    every_combinator,
    without_lemmas,
    leaves_in_combinators,
    lambda: hostile(HOSTILE[1]),
]
NAMES = ["digits", "residual", "every_leaf", "every_combinator", "without_lemmas", "leaves_in_combinators", "hostile"]


@pytest.mark.slow
@pytest.mark.parametrize("make", [*CASES, deep], ids=[*NAMES, "deep"])
def test_coq_accepts_the_certificate_and_it_rests_on_three_axioms(make: Any, development: Path) -> None:
    certificate = make()
    checked = certificate.check(TIME)
    assert checked.ok, checked.message
    assert set(checked.assumptions) <= set(AXIOMS)


def test_a_certificate_that_states_a_wrong_gradient_is_refused(development: Path) -> None:
    text = certify_network(bp.Network([L(3, 2)]), (3,), bp.SquaredError()).text
    wrong = text.replace("(z - y)^T", "(y - z)^T")
    assert wrong != text
    checked = check_text(wrong, TIME)
    assert not checked.ok
    assert "Coq did not accept it" in checked.message


def test_a_certificate_that_rests_on_an_axiom_of_its_own_is_refused(development: Path) -> None:
    text = certify_network(bp.Network([L(3, 2)]), (3,), bp.SquaredError()).text
    cheat = text.replace("Section Certificate.", "Axiom cheat : forall P : Prop, P.\nSection Certificate.")
    cheat = re.sub(r"(Lemma target_gradient.*?\nProof\.).*?Qed\.", r"\1 exact: cheat. Qed.", cheat, flags=re.DOTALL)
    checked = check_text(cheat, TIME)
    assert not checked.ok
    assert "rests on cheat" in checked.message


def test_a_check_that_takes_too_long_is_stopped_and_says_so(development: Path) -> None:
    checked = digits().check(0.2)
    assert not checked.ok
    assert "had not finished after 0.2 s" in checked.message


def words_of(text: str) -> str:
    """Return a file without its comments, checked to be balanced and free of strings."""
    assert '"' not in text
    while "(*" in text:
        shorter = re.sub(r"\(\*(?:(?!\(\*|\*\)).)*\*\)", "", text, flags=re.DOTALL)
        assert shorter != text
        text = shorter
    assert "*)" not in text
    return text


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_in_comments_and_change_nothing_outside(words: str) -> None:
    certificate = hostile(words)
    assert certificate.text.isascii()
    assert words_of(certificate.text) == words_of(hostile("Innocent").text)
    assert len(certificate.unproved) == 2


def test_a_class_that_takes_the_name_of_a_layer_is_not_taken_for_it() -> None:
    impostor = type("Tanh", (Doubling,), {})
    derived = type("Tanh", (bp.Tanh,), {})
    for kind in (impostor, derived):
        certificate = certify_network(bp.Network([L(3, 2), kind()]), (3,), bp.SquaredError())
        assert len(certificate.unproved) == 1
        assert "tanh_function" not in words_of(certificate.text)


@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer))
def test_every_layer_has_a_certificate_or_is_named_as_unproved(case: Any) -> None:
    certificate = certify_network(bp.Network([case.layer]), case.shape, bp.SquaredError())
    words_of(certificate.text)
    if type(case.layer) not in {*LEAVES, *COMBINATORS}:
        assert len(certificate.unproved) == 1
        assert type(case.layer).__name__ in certificate.unproved[0]
        assert "assumes" in certificate.statement_in_words


def test_losses_without_a_lemma_are_named() -> None:
    for name, loss in bp.LOSSES.items():
        certificate = certify_network(bp.Network([L(3, 2)]), (3,), loss())
        assert certificate.unproved == (() if loss in LOSS_PARTS else (f"the loss, {name}",))


def test_statement_conditions_and_settings_are_told() -> None:
    net = bp.Network([L(3, 4), bp.LeakyReLU(0.2), L(4, 1)])
    certificate = certify_network(net, (3,), bp.SquaredError())
    assert certificate.conditions == ("no input of layer 1, LeakyReLU(slope=0.2), is 0",)
    assert certificate.settings == ("slope_1 = 0.2",)
    assert "for all weights, every slope_1" in certificate.statement_in_words
    assert "wherever no input of layer 1" in certificate.statement_in_words


def test_smooth_networks_ask_for_nothing() -> None:
    certificate = digits()
    assert certificate.conditions == certificate.unproved == certificate.settings == ()
    assert "everywhere_correct" in certificate.text
    assert "conditions" not in words_of(certificate.text)


def test_a_layer_of_which_nothing_is_known_is_assumed_right_only_where_it_has_a_derivative() -> None:
    for layer in (Doubling(), bp.LayerNorm(3, eps=0.0), bp.RMSNorm(3, eps=0.0)):
        certificate = certify_network(bp.Network([layer]), (3,), bp.SquaredError())
        assert certificate.unproved
        assert any("no derivative" in condition for condition in certificate.conditions), layer


def test_conditions_are_evaluated_on_data() -> None:
    net = bp.Network([bp.ReLU(), L(2, 2), bp.Residual([bp.ReLU()])])
    vector = np.array([1.0, 0, 0, 1, 0, 0])
    theta = net.initialize(dtype="float64").with_vector(vector)
    away, on = np.array([[1.0, 2.0], [3.0, 1.0]]), np.array([[1.0, 0.0]])
    assert check_conditions(net, theta, [away]).hold
    found = check_conditions(net, theta, [away, on])
    assert not found.hold
    assert found.examples == 3
    assert found.on_kinks == {"layer 0, ReLU()": 1, "layer 2.0.0, ReLU()": 1}
    assert "2 entries of 3 examples lie on a kink" in found.line()


def test_networks_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ShapeError, match="layer 0"):
        certify_network(bp.Network([L(3, 2)]), (4,), bp.SquaredError())
    with pytest.raises(OptionError, match="expected at least 1 entry"):
        certify_network(bp.Network([bp.Tanh()]), (0,), bp.SquaredError())
    coupled = type("Coupled", (Doubling,), {"coupled": True})
    with pytest.raises(CoupledBatchError, match="certify_network"):
        certify_network(bp.Network([coupled()]), (3,), bp.SquaredError())


def test_a_certificate_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    certificate = digits()
    certificate.write(tmp_path / "not an identifier; rm -rf.v")
    assert (tmp_path / "not an identifier; rm -rf.v").read_text() == certificate.text
    with pytest.raises(DataError, match="cannot write"):
        certificate.write(tmp_path / "missing" / "certificate.v")
