"""Networks from files: sizes that follow are filled in, errors name the layer."""

from pathlib import Path
from typing import Any

import pytest

import backproof as bp
from backproof.cli.networks import hidden_network, read_network
from backproof.errors import BackproofError

FILE = """
[[layers]]
layer = "LayerNorm"

[[layers]]
layer = "Linear"
out_features = 16
initialization = "he"

[[layers]]
layer = "Residual"
inner = [{ layer = "Linear" }, { layer = "GELU" }, { layer = "Linear", bias = false }]

[[layers]]
layer = "Shared"
times = 3
inner = { layer = "Chain", layers = [{ layer = "Linear" }, { layer = "Tanh" }] }

[[layers]]
layer = "Concatenate"
branches = [{ layer = "Linear", out_features = 4 }, { layer = "Tanh" }]

[[layers]]
layer = "Dropout"
p = 0.1

[[layers]]
layer = "Product"
branches = [{ layer = "Linear" }, [{ layer = "AugmentedLinear" }, { layer = "Sigmoid" }]]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "net.toml"
    path.write_text(text)
    return path


def test_sizes_that_follow_from_the_data_are_filled_in(tmp_path: Path) -> None:
    text = FILE.replace('inner = [{ layer = "Linear" },', 'inner = [{ layer = "Linear", out_features = 16 },')
    text = text.replace('layers = [{ layer = "Linear" },', 'layers = [{ layer = "Linear", out_features = 16 },')
    net = read_network(written(tmp_path, text), (5,), 3)
    assert net == bp.Network(
        [
            bp.LayerNorm(5),
            bp.Linear(5, 16, initialization="he"),
            bp.Residual([bp.Linear(16, 16), bp.GELU(), bp.Linear(16, 16, bias=False)]),
            bp.Shared(bp.Chain((bp.Linear(16, 16), bp.Tanh())), 3),
            bp.Concatenate((bp.Linear(16, 4), bp.Tanh())),
            bp.Dropout(0.1),
            bp.Product((bp.Linear(20, 3), bp.Chain((bp.AugmentedLinear(20, 3), bp.Sigmoid())))),
        ]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[layers]]\nlayer = "Lienar"', "net.toml, layer 0: unknown layer 'Lienar'. Did you mean 'Linear'?"),
        ('[[layers]]\nlayer = "Tanh"\n[[layers]]\nlayer = "Linear"\nouts = 3', "layer 1: unknown setting of Linear"),
        ('[[layers]]\nlayer = "Linear"\nbais = true', "Did you mean 'bias'?"),
        ('[[layers]]\nlayer = "Linear"\n[[layers]]\nlayer = "Linear"', "layer 0: Linear: out_features is missing"),
        ('[[layers]]\nlayer = "Linear"\nout_features = "many"', "layer 0: Linear: out_features='many'"),
        ('[[layers]]\nlayer = "Linear"\nin_features = 7', "layer 0: Linear(7 -> 3): input has shape (batch, 5)"),
        (
            '[[layers]]\nlayer = "Residual"\ninner = [{layer = "Tahn"}]',
            "layers[0].inner.layers[0]: unknown layer 'Tahn'",
        ),
        ('[[layers]]\nlayer = "Sum"\nbranches = [{layer = "Tanh"}, {layer = "Rlu"}]', "layers[0].branches[1]: unknown"),
        ('[[layers]]\nlayer = "Sum"\nbranches = [{layer = "Tanh"}]', "two or more"),
        ('[[layers]]\nlayer = "Sum"\nbranches = 3', "layer 0: Sum: branches=3"),
        ('[[layers]]\nlayer = "Residual"', "layer 0: Residual: settings {} do not fit: 'inner' left out."),
        (
            'layers = [{layer = "Tanh"}, {layer = "Chain", layers = [{layer = "Tanh"}, {layer = "Dropout", p = 2.0}]}]',
            "net.toml, layers[1].layers[1]: ",
        ),
        ('[[layers]]\nlayer = "Residual"\ninner = 3', "expected a table with a name in 'layer'"),
        ('[[layers]]\nlayer = "Shared"\ninner = {layer = "Tanh"}\ntimes = 0', "times=0"),
        ("[[layers]]\nout_features = 3", "layer 0: {'out_features': 3}: expected a table with a name in 'layer'"),
        ("layers = [3]", "layer 0: 3: expected a table"),
        ("layers = 3", "no [[layers]] tables"),
        ("", "no [[layers]] tables"),
        ("[[layer]]\nlayer = 'Tanh'", "unknown entry of net.toml 'layer'. Did you mean 'layers'?"),
        ("[[layers", "net.toml is no TOML"),
        ("layers = " + "[" * 5000, "too deeply"),
    ],
)
def test_an_error_names_the_file_and_the_layer(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BackproofError) as raised:
        read_network(written(tmp_path, text), (5,), 3)
    assert message in str(raised.value)


def test_the_last_size_is_filled_in_before_layers_that_keep_it(tmp_path: Path) -> None:
    text = 'layers = [{layer = "Linear"}, {layer = "Residual", inner = {layer = "Linear"}}, {layer = "Tanh"}]'
    net = read_network(written(tmp_path, text), (5,), 3)
    assert net == bp.Network([bp.Linear(5, 3), bp.Residual(bp.Linear(3, 3)), bp.Tanh()])


def test_layers_are_known_in_any_case(tmp_path: Path) -> None:
    net = read_network(written(tmp_path, 'layers = [{layer = "linear"}, {layer = "tanh"}]'), (5,), 3)
    assert net == bp.Network([bp.Linear(5, 3), bp.Tanh()])


def test_layers_buried_in_one_another_are_refused(tmp_path: Path) -> None:
    text = '[[layers]]\nlayer = "Residual"\ninner = ' + '{layer = "Residual", inner = ' * 70 + "3" + "}" * 70
    with pytest.raises(BackproofError, match=r"layers\[0\]\.inner\.inner"):
        read_network(written(tmp_path, text), (5,), 3)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackproofError, match=r"missing\.toml: cannot be read"):
        read_network(tmp_path / "missing.toml", (5,), 3)


def test_hidden_layers_start_as_their_activation_likes() -> None:
    net = hidden_network((8, 4), "RELU", (2, 3), 2, dropout=0.5, seed=7)
    kinds = [type(layer).__name__ for layer in net]
    assert kinds == ["Flatten", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert net.output_shape((2, 3)) == (2,)
    seeds: list[Any] = [layer.seed for layer in net if isinstance(layer, bp.Dropout)]
    assert seeds == [7, 8]
    starts = [layer.initialization for layer in net if isinstance(layer, bp.Linear)]
    assert starts == ["he", "he", "glorot"]


def test_an_activation_must_be_elementwise() -> None:
    with pytest.raises(BackproofError, match="unknown activation 'Flatten'"):
        hidden_network((8,), "Flatten", (2,), 2)
