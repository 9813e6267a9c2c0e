"""A summary's shapes, structures and flops are those of the network it speaks of."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof.errors import ShapeError
from backproof.summaries import Summary, summary

PARTS = {
    "linear": bp.Linear(6, 6),
    "augmented": bp.AugmentedLinear(6, 6),
    "tanh": bp.Tanh(),
    "norm": bp.LayerNorm(6),
    "softmax": bp.Softmax(),
    "dropout": bp.Dropout(0.5),
    "residual": bp.Residual([bp.Linear(6, 6), bp.Tanh()]),
    "shared": bp.Shared(bp.Chain((bp.Linear(6, 6), bp.ReLU())), 3),
    "sum": bp.Sum((bp.Linear(6, 6), bp.Chain((bp.RMSNorm(6), bp.Linear(6, 6))))),
    "product": bp.Product((bp.Linear(6, 6), bp.Sigmoid())),
    "concatenate": bp.Concatenate((bp.Linear(6, 2), bp.Linear(6, 4))),
    "nested": bp.Shared(bp.Residual(bp.Product((bp.Linear(6, 6), bp.Shared(bp.Linear(6, 6), 2)))), 2),
}


@given(st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=5))
def test_backward_flops_are_twice_the_multiplications_that_backpropagation_counts(names: list[str]) -> None:
    net = bp.Network([PARTS[name] for name in names])
    theta, tally = net.initialize(0), bp.Tally()
    x = np.random.default_rng(0).normal(size=(1, 6)).astype("float32")
    bp.value_and_gradient(net, theta, x, np.zeros((1, 6), "float32"), bp.SquaredError(), tally=tally)
    assert summary(net, (6,)).backward == 2 * tally.total


@given(st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=4))
def test_rows_have_the_jacobians_of_the_layers(names: list[str]) -> None:
    net = bp.Network([PARTS[name] for name in names])
    theta = net.initialize(0)
    rows = [row for row in summary(net, (6,)).rows if row.depth == 0]
    steps = net.linearize(theta, np.ones((1, 6), "float32"))
    assert [row.jacobian for row in rows] == [step.A.shape for step in steps]
    assert sum(row.parameters for row in rows) == net.layout.size
    for row, layer, step in zip(rows, net, steps, strict=True):
        if not hasattr(layer, "parts"):
            assert row.structure == step.A.structure


def test_forward_flops_of_an_affine_layer_are_two_for_each_weight() -> None:
    made = summary(bp.Network([bp.Linear(784, 256), bp.ReLU(), bp.Linear(256, 10)]), (784,))
    assert [row.forward for row in made.rows] == [2 * 784 * 256, 2 * 256, 2 * 256 * 10]
    assert made.forward == sum(row.forward for row in made.rows)
    assert made.rows[0].backward == 2 * 784 * 256  # no delta A: nothing to learn stands before it


def test_parts_are_named_like_their_parameters() -> None:
    net = bp.Network([bp.Linear(6, 6), PARTS["shared"], PARTS["sum"]])
    rows = summary(net, (6,)).rows
    names = {row.name for row in rows}
    assert {name.rpartition(".")[0] for name in net.layout.shapes} <= names
    assert [(row.name, row.depth) for row in rows[:4]] == [("0", 0), ("1", 0), ("1.0", 1), ("1.0.0", 2)]
    assert rows[1].layer == "Shared x 3"


def test_a_layer_on_places_and_images_has_its_shapes() -> None:
    net = bp.Network([bp.Reshape((7, 112)), bp.Linear(112, 3), bp.Flatten(), bp.Linear(21, 10)])
    rows = summary(net, (28, 28)).rows
    assert [row.output_shape for row in rows] == [(7, 112), (7, 3), (21,), (10,)]
    assert rows[1].jacobian == (21, 784)
    assert rows[1].structure == "direct sum"


def test_it_costs_nothing_to_summarize_a_network_that_repeats_a_layer_a_million_times() -> None:
    made = summary(bp.Network([bp.Shared(bp.Linear(2, 2), 10**6), bp.Residual(bp.Shared(bp.Tanh(), 10**6))]), (2,))
    assert made.rows[0].forward == 8 * 10**6


def test_it_prints_as_a_table_and_goes_through_json() -> None:
    made = summary(bp.Network([bp.Linear(64, 32), bp.Tanh(), PARTS["tanh"], bp.Linear(32, 10)]), (64,))
    lines = str(made).splitlines()
    assert " ".join(lines[0].split()) == "layer input output parameters Jacobian structure forward backward"
    assert " ".join(lines[2].split()) == "0 Linear(64 -> 32) 64 32 2,080 32 x 64 dense 4,096 4,096"
    assert "parameters: 2,410 (9.64 kB in float32)" in lines
    assert json.loads(json.dumps(made.data()))["rows"][0]["jacobian"] == [32, 64]
    assert isinstance(made, Summary)


def test_a_layer_that_does_not_fit_is_named() -> None:
    with pytest.raises(ShapeError, match=r"layer 1, Linear\(5 -> 2\)"):
        summary(bp.Network([bp.Linear(4, 6), bp.Linear(5, 2)]), (4,))
