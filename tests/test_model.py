"""Model files: what is saved comes back bit for bit, and what cannot come back is not saved."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

import backproof as bp
from backproof.errors import ModelFileError, OptionError
from backproof.layers import register
from backproof.model import APPLICATIONS, Model
from backproof.tensors import write_tensors

LAYERS = [
    bp.LayerNorm(6),
    bp.Residual([bp.Linear(6, 6), bp.Tanh(), bp.Dropout(0.25, seed=3)]),
    bp.Shared(bp.Chain((bp.Linear(6, 6, bias=False), bp.ELU(0.3))), 3),
    bp.Product((bp.Linear(6, 4), bp.Chain((bp.AugmentedLinear(6, 4), bp.Sigmoid())))),
    bp.Concatenate((bp.Linear(4, 2), bp.Hardtanh(-0.1, 1 / 3))),
    bp.Linear(6, 3),
]


def model(dtype: str = "float32", **changes: Any) -> Model:
    net = bp.Network(LAYERS)
    parts: dict[str, Any] = {
        "network": net,
        "theta": net.initialize(5, dtype),
        "loss": bp.CrossEntropy(smoothing=0.1),
        "input_shape": (6,),
        "preparation": {"names": ["a", "größe", "😀"], "deep": [[1, 2.5, None, True]]},
        "preparation_arrays": {"mean": np.linspace(0, 1, 6), "scale": np.array(2.0)},
        "about": {"seed": 5, "history": [0.1, 1 / 3]},
    }
    return Model(**{**parts, **changes})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loaded_model_predicts_the_same_bits(tmp_path: Path, dtype: str) -> None:
    saved = model(dtype)
    saved.save(tmp_path / "m.bp")
    loaded = Model.load(tmp_path / "m.bp")
    x = np.random.default_rng(0).normal(size=(50, 6)).astype(dtype)
    assert loaded.theta.vector.dtype == dtype
    assert loaded.network.forward(loaded.theta, x).tobytes() == saved.network.forward(saved.theta, x).tobytes()


def test_everything_else_comes_back_as_well(tmp_path: Path) -> None:
    saved = model()
    saved.save(tmp_path / "m.bp")
    loaded = Model.load(tmp_path / "m.bp")
    assert loaded.network == saved.network
    assert loaded.loss == saved.loss
    assert (loaded.input_shape, loaded.output_shape) == ((6,), (3,))
    assert (loaded.preparation, loaded.about) == (saved.preparation, saved.about)
    assert {k: v.tobytes() for k, v in loaded.preparation_arrays.items()} == {
        k: v.tobytes() for k, v in saved.preparation_arrays.items()
    }


def test_the_safetensors_library_reads_the_same_arrays(tmp_path: Path) -> None:
    saved = model()
    saved.save(tmp_path / "m.bp")
    arrays = safetensors.numpy.load_file(tmp_path / "m.bp")
    assert set(arrays) == {"preparation.mean", "preparation.scale", *(f"parameter.{name}" for name in saved.theta)}
    for name in saved.theta:
        np.testing.assert_array_equal(arrays[f"parameter.{name}"], saved.theta[name])


def test_a_file_that_the_safetensors_library_wrote_loads(tmp_path: Path) -> None:
    saved = model()
    saved.save(tmp_path / "m.bp")
    arrays = safetensors.numpy.load_file(tmp_path / "m.bp")
    with safetensors.safe_open(tmp_path / "m.bp", framework="numpy") as file:
        metadata = file.metadata()
    safetensors.numpy.save_file(arrays, tmp_path / "again.bp", metadata)
    assert Model.load(tmp_path / "again.bp").theta.vector.tobytes() == saved.theta.vector.tobytes()


def test_saving_the_same_model_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        model().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_parameters_of_another_library_are_saved_too(tmp_path: Path) -> None:
    saved = model()
    for trained in (False, True):
        vector = torch.from_numpy(saved.theta.vector.copy()).requires_grad_(trained)
        model(theta=saved.theta.with_vector(vector)).save(tmp_path / "m.bp")
        assert Model.load(tmp_path / "m.bp").theta.vector.tobytes() == saved.theta.vector.tobytes()


class Unregistered(bp.Elementwise):
    def function(self, x: Any) -> Any:
        return 2 * x

    def derivative(self, x: Any, y: Any) -> Any:
        return 0 * x + 2


def test_an_unregistered_layer_is_refused_and_a_registered_one_saved(tmp_path: Path) -> None:
    net = bp.Network([bp.Linear(6, 6), bp.Residual(Unregistered())])
    saved = model(network=net, theta=net.initialize(0))
    with pytest.raises(OptionError, match="layer Unregistered is not registered"):
        saved.save(tmp_path / "m.bp")
    assert not list(tmp_path.iterdir())
    register(Unregistered)
    try:
        saved.save(tmp_path / "m.bp")
        assert Model.load(tmp_path / "m.bp").network == net
    finally:
        del bp.LAYERS["Unregistered"]
    with pytest.raises(ModelFileError, match="layer 1: unknown layer 'Unregistered'"):
        Model.load(tmp_path / "m.bp")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"about": {"when": object()}}, "no plain data"),
        ({"about": {"loss": float("nan")}}, "no plain data"),
        ({"preparation_arrays": {"mean": np.zeros(3, "float32")}}, "'preparation.mean' has dtype float32"),
        ({"preparation_arrays": {"mean": np.array([np.inf])}}, "'preparation.mean' holds NaN or infinity"),
        ({"input_shape": (5,)}, r"layer 0, LayerNorm"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(bp.errors.BackproofError, match=message):
        model(**changes).save(tmp_path / "m.bp")
    assert not list(tmp_path.iterdir())


def test_parameters_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    saved = model()
    saved.theta["2.0.0.weight"][1, 1] = np.nan
    with pytest.raises(ModelFileError, match="NaN or infinity"):
        saved.save(tmp_path / "m.bp")


def test_an_unwritable_path_leaves_the_old_model(tmp_path: Path) -> None:
    model().save(tmp_path / "m.bp")
    before = (tmp_path / "m.bp").read_bytes()
    with pytest.raises(ModelFileError, match="does not exist"):
        model().save(tmp_path / "missing" / "m.bp")
    with pytest.raises(ModelFileError, match="folder"):
        model().save(tmp_path)
    assert (tmp_path / "m.bp").read_bytes() == before


# -- files that lie -------------------------------------------------------------------------------------------


def description(**changes: Any) -> dict[str, Any]:
    start = {
        "format": "backproof model",
        "version": 1,
        "network": [{"layer": "Linear", "in_features": 2, "out_features": 1}],
        "loss": {"loss": "SquaredError"},
        "input_shape": [2],
        "preparation": {},
        "about": {},
    }
    return {**start, **changes}


ARRAYS = {"parameter.0.weight": np.ones((1, 2), "float32"), "parameter.0.bias": np.zeros(1, "float32")}


def forged(path: Path, described: Any, arrays: dict[str, Any] | None = None) -> Path:
    text = described if isinstance(described, str) else json.dumps(described)
    write_tensors(path / "forged.bp", {"backproof": text}, ARRAYS if arrays is None else arrays)
    return path / "forged.bp"


def test_the_forged_file_is_fine_where_nothing_is_changed(tmp_path: Path) -> None:
    assert Model.load(forged(tmp_path, description())).theta["0.weight"].tolist() == [[1, 1]]


def nested(depth: int) -> Any:
    layer: Any = {"layer": "Tanh"}
    for _ in range(depth):
        layer = {"layer": "Residual", "inner": layer}
    return layer


def doubled(depth: int) -> Any:
    layer: Any = {"layer": "Flatten"}
    for _ in range(depth):
        layer = {"layer": "Chain", "layers": [{"layer": "Concatenate", "branches": [{"layer": "Tanh"}] * 2}, layer]}
    return layer


def repeated(*times: int) -> Any:
    layer: Any = {"layer": "Tanh"}
    for count in times:
        layer = {"layer": "Shared", "inner": layer, "times": count}
    return layer


LINEAR = {"layer": "Linear", "in_features": 2, "out_features": 1}
LIES = [
    ({"version": 2}, "version 2, expected 1"),
    ({"version": True}, "version True"),
    ({"version": None}, "version None"),
    ({"format": "zip"}, "none of a backproof model"),
    ({"more": 1}, "entries are"),
    ({"network": []}, "expected a list of layers"),
    ({"network": {"layer": "Tanh"}}, "expected a list of layers"),
    ({"network": [{"layer": "Lienar", "in_features": 2}]}, "layer 0: unknown layer 'Lienar'. Did you mean 'Linear'?"),
    ({"network": [{"layer": "x" * 3_000_000}]}, "layer 0: unknown layer"),
    ({"network": [{**LINEAR, "out_features": 10**8}]}, "parameter '0.weight' has shape"),
    ({"network": [{**LINEAR, "out_features": 10**17}]}, "outputs, expected at most"),
    ({"network": [{**LINEAR, "out_features": 10**12, "in_features": 10**12}]}, "Linear"),
    ({"network": [{**LINEAR, "out_features": -1}]}, "out_features=-1"),
    ({"network": [{**LINEAR, "out_features": 1.0}]}, "whole number"),
    ({"network": [{**LINEAR, "out_features": None}]}, "whole number"),
    ({"network": [{**LINEAR, "bias": "yes"}]}, "true or false"),
    ({"network": [{**LINEAR, "bais": True}]}, "Did you mean 'bias'?"),
    ({"network": [LINEAR, nested(70)]}, "inside one another"),
    ({"network": [LINEAR, {"layer": "Reshape", "target": [[[1]] * 3]}]}, "Reshape"),
    ({"network": [LINEAR, repeated(10**9)]}, "would apply 1000000001 layers"),
    ({"network": [LINEAR, repeated(1000, 1000, 1000)]}, "would apply"),
    ({"network": [LINEAR, doubled(31)]}, "outputs, expected at most"),
    ({"network": [LINEAR, {"layer": "Dropout", "seed": -1}]}, "seed=-1"),
    ({"network": [LINEAR, {"layer": "Chain", "layers": []}]}, "at least one"),
    ({"loss": "SquaredEror"}, "Did you mean 'SquaredError'?"),
    ({"loss": {"loss": "Huber", "width": -1}}, "width=-1"),
    ({"input_shape": [3]}, "layer 0, Linear"),
    ({"input_shape": []}, "input_shape"),
    ({"input_shape": [True]}, "input_shape"),
    ({"input_shape": [10**17]}, "input_shape"),
    ({"preparation": []}, "preparation is"),
    ({"about": None}, "about is"),
]


@pytest.mark.parametrize(("changes", "message"), LIES, ids=range(len(LIES)))
def test_a_description_that_lies_gives_one_line_with_the_path(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = forged(tmp_path, description(**changes))
    with pytest.raises(ModelFileError) as raised:
        Model.load(path)
    text = str(raised.value)
    assert text.startswith(f"{path}: ")
    assert message in text
    assert "\n" not in text
    assert len(text) < 600


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 200_000, "values"),
        ("[" * 20_000, "nested too deeply"),
        ('{"version": NaN}', "NaN is no number"),
        ('{"version": 1e999}', "beyond float64"),
        (f'{{"version": {"9" * 5000}}}', "too long"),
        ('{"version": 1, "version": 1}', "twice"),
        ("{", "not readable"),
        ("", "not readable"),
        ("3", "none of a backproof model"),
        (json.dumps(description())[:-1] + ', "a\\n\\u001b[31m\\ud800": 1}', "entries are"),
    ],
)
def test_a_description_that_is_no_honest_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "forged.bp"
    header = json.dumps({"__metadata__": {"backproof": text}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelFileError, match=message) as raised:
        Model.load(path)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"parameter.0.weight": np.ones((1, 2), "float32")}, "parameter '0.bias' is missing"),
        ({**ARRAYS, "parameter.1.weight": np.ones(1, "float32")}, "belongs to no layer"),
        ({**ARRAYS, "other": np.ones(1)}, "neither a parameter nor of the preparation"),
        ({**ARRAYS, "preparation.mean": np.ones(1, "float32")}, "neither a parameter nor of the preparation"),
        ({**ARRAYS, "preparation.mean": np.array([np.nan])}, "NaN or infinity"),
        ({**ARRAYS, "parameter.0.bias": np.array([np.nan], "float32")}, "parameter '0.bias' holds NaN or infinity"),
        ({**ARRAYS, "parameter.0.bias": np.zeros(1)}, "dtypes"),
        ({**ARRAYS, "parameter.0.bias": np.zeros(1, "int64")}, "dtypes"),
        ({**ARRAYS, "parameter.0.weight": np.zeros((2, 1), "float32")}, r"has shape \(2, 1\), expected shape \(1, 2\)"),
    ],
)
def test_arrays_that_do_not_fit_the_network_are_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        Model.load(forged(tmp_path, description(), arrays))


def raw_file(path: Path, table: dict[str, Any], data: bytes) -> Path:
    header = json.dumps({"__metadata__": {"backproof": json.dumps(description())}, **table}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


def entry(shape: Any, start: Any, stop: Any, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"parameter.0.weight": entry([1, 2], 0, 8), "parameter.0.bias": entry([1], 4, 8)}, "overlap or gap"),
        ({"parameter.0.weight": entry([1, 2], 0, 8), "parameter.0.bias": entry([1], 9, 13)}, "overlap or gap"),
        ({"parameter.0.weight": entry([1, 2], 0, 8)}, "longer than its header says"),
        ({"parameter.0.weight": entry([1, 4], 0, 16)}, "truncated"),
        ({"parameter.0.weight": entry([2**40, 2**7], 0, 12)}, "does not fill"),
        ({"parameter.0.weight": entry([2**48], 0, 12)}, "impossible"),
        ({"parameter.0.weight": entry([0, 3], 0, 0)}, "impossible"),
        ({"parameter.0.weight": entry([-1, -3], 0, 12)}, "impossible"),
        ({"parameter.0.weight": entry([1.0], 0, 12)}, "impossible"),
        ({"parameter.0.weight": entry([3], 12, 0)}, "does not fill"),
        ({"parameter.0.weight": entry([3], 0, 12, "F8_E4M3")}, "element type 'F8_E4M3'"),
        ({"parameter.0.weight": entry([3], 0, 12, ["F32"])}, "element type"),
        ({"parameter.0.weight": 3}, "expected dtype, shape and data_offsets"),
        ({"__metadata__": 3}, "no table of texts"),
        ({"__metadata__": {"a": 3}}, "no table of texts"),
        ({"__metadata__": {}, "a": entry([3], 0, 12)}, "not one of backproof's models"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, table: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        Model.load(raw_file(tmp_path / "m.bp", table, bytes(12)))


def test_things_that_are_no_model_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "text.csv").write_text("a,b\n1,2\n" * 10)
    (tmp_path / "header").write_bytes((2**63).to_bytes(8, "little") + b"{}")
    for name, message in [
        ("pipe", "not an ordinary file"),
        ("empty", "truncated: 0 bytes"),
        ("text.csv", "no backproof model or checkpoint"),
        ("header", "not a model file"),
        (".", "not an ordinary file"),
        ("missing", "No such file"),
    ]:
        with pytest.raises(ModelFileError, match=message):
            Model.load(tmp_path / name)


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    whole = forged(tmp_path, description()).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "short.bp").write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            Model.load(tmp_path / "short.bp")


def test_the_bound_on_repetition_leaves_room_for_long_sequences(tmp_path: Path) -> None:
    layer = repeated(APPLICATIONS - 1)
    assert Model.load(forged(tmp_path, description(network=[LINEAR, layer]))).network[1].times == APPLICATIONS - 1
