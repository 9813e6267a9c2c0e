"""A thousand damaged model files: an error in one line or a model that runs, and never more memory than allowed."""

import copy
import json
import random
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.errors import ModelFileError
from backproof.model import Model
from backproof.tensors import ALLOWANCE

FILES = 1000
WORKING_ROOM = 2**18
"""Bytes that reading a small file may take beside twice its length: the interpreter's own objects."""

CALLS = 100_000
"""Function calls that reading one file may take; a loop that a number in the file drives would exceed it."""

STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3.5, 1e308, -1e-308, 2**31, 2**47, 10**17, "", "Linear", "Tanh", "float32", "\0",
    "é", [], {}, [[]], [0], [-1, 2], [2**40, 2**40], {"layer": "Tanh"}, {"layer": "Shared", "times": 10**9}, [{}] * 20,
    {"layer": "Residual", "inner": {"layer": "Residual", "inner": {"layer": "Linear"}}}, "x" * 5000,
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "whole.bp"
    net = bp.Network(
        [
            bp.LayerNorm(20),
            bp.Residual([bp.Linear(20, 20), bp.GELU(), bp.Dropout(0.1)]),
            bp.Shared(bp.Chain((bp.Linear(20, 20), bp.Tanh())), 2),
            bp.Concatenate((bp.AugmentedLinear(20, 4), bp.Hardtanh(-0.5, 0.5))),
            bp.Reshape((2, 12)),
            bp.Flatten(),
            bp.Linear(24, 500),
            bp.Sum((bp.LeakyReLU(0.1), bp.Softplus())),
            bp.Linear(500, 3, initialization="he"),
        ]
    )
    preparation = {"feature_names": [f"f{i}" for i in range(20)], "class_names": ["a", "b", "c"]}
    arrays = {"mean": np.zeros(20), "scale": np.ones(20)}
    about = {"seed": 0, "history": [{"epoch": i, "loss": 1 / (i + 1)} for i in range(10)]}
    Model(net, net.initialize(0), bp.CrossEntropy(), (20,), preparation, arrays, about).save(path)
    return path.read_bytes()


# -- mutations: (generator, bytes) -> bytes -------------------------------------------------------------------


def header_end(data: bytes) -> int:
    return 8 + int.from_bytes(data[:8], "little")


def flip_anywhere(draw: random.Random, data: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 8, 64])):
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def flip_in_the_header(draw: random.Random, data: bytes) -> bytes:
    end = header_end(data)
    return flip_anywhere(draw, data[:end]) + data[end:]


def flip_in_the_length(draw: random.Random, data: bytes) -> bytes:
    return flip_anywhere(draw, data[:8]) + data[8:]


def truncate(draw: random.Random, data: bytes) -> bytes:
    return data[: draw.randrange(draw.choice([9, header_end(data), len(data)]))]


def extend(draw: random.Random, data: bytes) -> bytes:
    return data + draw.randbytes(draw.choice([1, 8, 4000]))


def move_a_piece(draw: random.Random, data: bytes) -> bytes:
    start, length, to = draw.randrange(len(data)), draw.choice([1, 4, 100]), draw.randrange(len(data))
    piece, rest = data[start : start + length], data[:start] + data[start + length :]
    return rest[:to] + piece * draw.choice([0, 1, 2]) + rest[to:]


def overwrite_digits(draw: random.Random, data: bytes) -> bytes:
    end = header_end(data)
    digits = [i for i in range(8, end) if data[i : i + 1].isdigit()]
    damaged = bytearray(data)
    for place in draw.sample(digits, draw.choice([1, 2, 10])):
        damaged[place] = draw.choice(b"0123456789-.e")
    return bytes(damaged)


def with_header(data: bytes, table: Any, size: int | None = None) -> bytes:
    header = json.dumps(table).encode()
    return (len(header) if size is None else size).to_bytes(8, "little") + header + data[header_end(data) :]


def change_a_value(draw: random.Random, value: Any) -> Any:
    """Return a JSON value in which something, somewhere, has been replaced, removed or repeated."""
    if isinstance(value, dict | list) and value and draw.random() < 0.85:
        changed = copy.copy(value)
        key = draw.choice(list(value)) if isinstance(value, dict) else draw.randrange(len(value))
        act = draw.random()
        if act < 0.1:
            del changed[key]
        elif act < 0.15 and isinstance(changed, list):
            changed.insert(key, changed[key])
        else:
            changed[key] = change_a_value(draw, value[key])
        return changed
    return draw.choice(STRANGE)


def change_the_table(draw: random.Random, data: bytes) -> bytes:
    return with_header(data, change_a_value(draw, json.loads(data[8 : header_end(data)])))


def change_the_description(draw: random.Random, data: bytes) -> bytes:
    table = json.loads(data[8 : header_end(data)])
    described = json.loads(table["__metadata__"]["backproof"])
    for _ in range(draw.choice([1, 1, 3])):
        part = draw.choice([*described, "network", "network", "network"])
        described[part] = change_a_value(draw, described[part])
    table["__metadata__"]["backproof"] = json.dumps(described)
    return with_header(data, table)


def bury_the_network(draw: random.Random, data: bytes) -> bytes:
    table = json.loads(data[8 : header_end(data)])
    described = json.loads(table["__metadata__"]["backproof"])
    text = json.dumps({**described, "network": "HERE"})
    depth = draw.choice([10, 70, 400, 5000])
    opening, closing = draw.choice([("[", "]"), ('[{"layer":"Residual","inner":', "}]")])
    table["__metadata__"]["backproof"] = text.replace('"HERE"', opening * depth + "1" + closing * depth)
    return with_header(data, table)


MUTATIONS: list[Callable[[random.Random, bytes], bytes]] = [
    flip_anywhere, flip_in_the_header, flip_in_the_length, truncate, extend, move_a_piece, overwrite_digits,
    change_the_table, change_the_description, change_the_description, change_the_description, bury_the_network,
]  # fmt: skip


def loaded(path: Path) -> tuple[Model | ModelFileError, int, int]:
    """Return what loading gives, the peak of memory, and how many calls it took."""
    calls = 0

    def count(*_: Any) -> None:
        nonlocal calls
        calls += 1

    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    sys.setprofile(count)
    try:
        result: Model | ModelFileError = Model.load(path)
    except ModelFileError as error:
        result = error.with_traceback(None)
    finally:
        sys.setprofile(None)
    return result, tracemalloc.get_traced_memory()[1] - before, calls


def test_a_thousand_damaged_files_are_refused_or_run(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "damaged.bp"
    path.write_bytes(whole)
    tracemalloc.start()
    try:
        result, peak, calls = loaded(path)
        assert isinstance(result, Model)
        assert len(whole) < peak < 2 * len(whole) + WORKING_ROOM
        kept = numbers(result)
        refused = 0
        for seed in range(FILES):
            draw = random.Random(seed)
            damaged = MUTATIONS[seed % len(MUTATIONS)](draw, whole)
            path.write_bytes(damaged)
            result, peak, calls = loaded(path)
            assert peak <= 2 * len(damaged) + WORKING_ROOM, seed
            assert calls <= CALLS, seed
            refused += isinstance(result, ModelFileError)
            check(result, path, seed)
            if isinstance(result, Model):
                assert numbers(result) == kept, seed
    finally:
        tracemalloc.stop()
    assert FILES * 0.5 < refused < FILES


def numbers(model: Model) -> dict[str, bytes]:
    """Return the bytes of every array of a model."""
    return {name: array.tobytes() for name, array in {**model.theta, **model.preparation_arrays}.items()}


def test_no_flipped_bit_of_the_numbers_is_taken_for_a_number(tmp_path: Path, whole: bytes) -> None:
    path, draw = tmp_path / "flipped.bp", random.Random(0)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[draw.randrange(header_end(whole), len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=r"flipped\.bp: is damaged: its numbers do not match their checksum"):
            Model.load(path)


def check(result: Model | ModelFileError, path: Path, seed: int) -> None:
    if isinstance(result, ModelFileError):
        text = str(result)
        assert text.startswith(f"{path}: "), seed
        assert text.isprintable(), seed
        assert len(text) < 600 + len(str(path)), seed
        return
    x = np.zeros((2, *result.input_shape), result.theta.vector.dtype)
    with np.errstate(all="ignore"):
        assert result.network.forward(result.theta, x).shape == (2, *result.output_shape), seed


def test_a_large_model_is_read_without_a_second_copy(tmp_path: Path) -> None:
    net = bp.Network([bp.Linear(2000, 1000)])
    path = tmp_path / "large.bp"
    Model(net, net.initialize(0), bp.SquaredError(), (2000,)).save(path)
    tracemalloc.start()
    try:
        result, peak, _ = loaded(path)
    finally:
        tracemalloc.stop()
    assert isinstance(result, Model)
    assert path.stat().st_size < peak < 1.5 * path.stat().st_size


def refused_within_the_allowance(path: Path, header: bytes) -> None:
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    tracemalloc.start()
    try:
        result, peak, calls = loaded(path)
    finally:
        tracemalloc.stop()
    assert isinstance(result, ModelFileError)
    assert peak <= 2 * len(header) + ALLOWANCE
    assert calls <= CALLS + 4 * len(header)


UNITS = {
    "lists": "[],",
    "tables": "{},",
    "pairs": '{"a":0},',
    "texts": '"a%",',
    "empty texts": '"",',
    "digits": "0,",
    "fractions": "0.5,",
    "buried lists": "[[[[]]]],",
    "buried tables": '{"a":' * 50 + "0" + "}" * 50 + ",",
    "letters": '"\\u0100",',
    "layers": '{"layer":"Tanh"},',
}


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
@pytest.mark.parametrize("size", [20_000, 72_000, 200_000, 1_000_000, 8_000_000])
@pytest.mark.parametrize("place", ["header", "network", "about"])
def test_a_file_full_of_small_values_takes_no_more_memory_than_promised(
    tmp_path: Path, unit: str, size: int, place: str
) -> None:
    values = "[" + unit * (size // len(unit)) + "0]"
    table = {"format": "backproof model", "version": 1, "network": [], "loss": {}, "input_shape": [2]}
    if place == "header":
        text = '{"__metadata__":{"a":"b"},"x":' + values + "}"
    else:
        described = json.dumps({**table, "preparation": {}, "about": {}, place: "HERE"}).replace('"HERE"', values)
        text = json.dumps({"__metadata__": {"backproof": described}})
    refused_within_the_allowance(tmp_path / "full.bp", text.encode())


@pytest.mark.parametrize("size", [50_000, 500_000, 1_000_000, 2_000_000, 4_000_000])
@pytest.mark.parametrize("sign", ["", "é", "Ā", "😀"])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("escaped", [True, False])
def test_a_file_with_a_long_text_takes_no_more_memory_than_promised(
    tmp_path: Path, size: int, sign: str, depth: int, escaped: bool
) -> None:
    text = sign + "a" * size + sign
    if depth == 2:
        text = json.dumps({"about": {"text": text}}, ensure_ascii=escaped)
    header = json.dumps({"__metadata__": {"backproof": text}}, ensure_ascii=escaped).encode()
    refused_within_the_allowance(tmp_path / "long.bp", header)


def test_a_network_of_a_thousand_layers_and_a_long_history_come_back(tmp_path: Path) -> None:
    net = bp.Network([layer for _ in range(1024) for layer in (bp.Linear(2, 2), bp.Tanh())])
    preparation = {"feature_names": [f"größe {i} 😀" for i in range(1000)]}
    about = {"history": [{"epoch": i, "loss": 1 / (i + 1), "validation_loss": 0.1, "metric": 0.3} for i in range(1000)]}
    Model(net, net.initialize(0), bp.SquaredError(), (2,), preparation, {}, about).save(tmp_path / "deep.bp")
    model = Model.load(tmp_path / "deep.bp")
    assert (model.network, model.preparation, model.about) == (net, preparation, about)
