import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from backproof.data import Preparation, load, split
from backproof.errors import DataError, NonFiniteError

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = np.arange(40) % 4


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ({"x": X, "y": Y}, {}),
        ({"X": X, "Y": Y}, {}),
        ({"x_train": X, "y_train": Y, "other": X}, {}),
        ({"inputs": X, "kind": Y}, {"features": "inputs", "target": "kind"}),
        ({"x": X, "y": Y[:, None]}, {}),
        ({"x": X, "y": np.array(["0", "1", "2", "3"])[Y]}, {}),
        ({"x": X, "y": np.array([b"0", b"1", b"2", b"3"])[Y]}, {}),
    ],
)
def test_npz_arrays_are_found(tmp_path: Path, keys: dict[str, object], options: dict[str, str]) -> None:
    np.savez(tmp_path / "d.npz", **keys)  # type: ignore[arg-type]
    data = load(tmp_path / "d.npz", **options)  # type: ignore[arg-type]
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.y, Y)
    assert (data.class_names, data.x.dtype) == (("0", "1", "2", "3"), np.float32)


def test_npz_test_arrays_become_the_test_part(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=X, y_train=Y, x_test=X[:8], y_test=Y[:8])
    data = load(tmp_path / "d.npz")
    assert data.test is not None
    assert len(data.test) == 8
    assert data.test.class_names == data.class_names


def test_float_targets_are_a_regression(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X, y=X[:, :2])
    data = load(tmp_path / "d.npz")
    assert (data.task, data.schema.target_shape) == ("regression", (2,))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"a": X, "b": Y}, "no array 'x' for the examples; arrays: 'a', 'b'"),
        ({"x": X}, "no targets"),
        ({"x": X, "y": Y[:-1]}, r"40 examples, but targets of shape \(39,\)"),
        ({"x": X, "y": np.array(3)}, "40 examples, but targets of shape"),
        ({"x": X[:, 0], "y": Y}, r"shape \(40,\), expected \(rows, features"),
        ({"x": X[:1], "y": Y[:1]}, "1 row of data, expected at least 2"),
        ({"x": X[:0], "y": Y[:0]}, "0 rows of data"),
        ({"x": X[:, :0], "y": Y}, "there is nothing in it"),
        ({"x": X.astype(complex), "y": Y}, "dtype complex128, expected real numbers"),
        ({"x": X.astype(str), "y": Y}, "expected real numbers"),
        ({"x": X, "y": Y.astype(complex)}, "expected numbers for regression"),
        ({"x": X.astype(object), "y": Y}, "Python objects"),
        ({"x": X, "y": np.ones(40, int)}, "every row is of the class '1'"),
    ],
)
def test_unusable_arrays_are_refused(tmp_path: Path, keys: dict[str, object], message: str) -> None:
    np.savez(tmp_path / "d.npz", **keys)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=rf"d\.npz.*{message}"):
        load(tmp_path / "d.npz")


def test_a_misspelt_key_has_the_nearest_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X, labels=Y)
    with pytest.raises(DataError, match=r"no array 'label'\. Did you mean 'labels'\?"):
        load(tmp_path / "d.npz", target="label")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_has_its_index(tmp_path: Path, bad: float) -> None:
    x = X.copy()
    x[17, 2] = bad
    np.savez(tmp_path / "d.npz", x=x, y=Y)
    with pytest.raises(NonFiniteError, match=rf"d\.npz, x\[17, 2\] is {bad}"):
        load(tmp_path / "d.npz")
    y = Y.astype(float)
    y[3] = bad
    np.savez(tmp_path / "d.npz", x=X, y=y)
    with pytest.raises(NonFiniteError, match=rf"d\.npz, y\[3\]: the target is {bad}"):
        load(tmp_path / "d.npz")


def test_the_index_counts_from_the_start_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backproof.data.dataset.BLOCK_ELEMENTS", 6)
    x, y = X.copy(), X[:, 0].copy()
    x[17, 2] = np.nan
    np.savez(tmp_path / "d.npz", x=x, y=y)
    with pytest.raises(NonFiniteError, match=r"x\[17, 2\]"):
        load(tmp_path / "d.npz")
    y[23] = np.nan
    np.savez(tmp_path / "d.npz", x=X, y=y)
    with pytest.raises(NonFiniteError, match=r"y\[23\]"):
        load(tmp_path / "d.npz")


@pytest.mark.parametrize("name", ["d.npz", "x.npy"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x08\x00{'a':(((", b"junk"])
def test_a_damaged_file_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    np.save(tmp_path / "y.npy", Y)
    with pytest.raises(DataError, match="not readable as") as caught:
        load(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_npy_files_of_objects_or_another_format_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X.astype(object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        load(tmp_path / "x.npy")
    with (tmp_path / "d.npz").open("wb") as file:
        np.save(file, X)
    with pytest.raises(DataError, match="a single array"):
        load(tmp_path / "d.npz")


def test_a_truncated_npy_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-1])
    with pytest.raises(DataError, match="not readable as NPY"):
        load(tmp_path / "x.npy")


def test_npy_files_are_found_by_folder_by_neighbour_and_by_name(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    np.save(tmp_path / "t.npy", X[:, 0])
    np.save(tmp_path / "x_test.npy", X[:4])
    np.save(tmp_path / "y_test.npy", Y[:4])
    folder = load(tmp_path)
    assert folder.test is not None
    assert len(folder.test) == 4
    assert load(tmp_path / "x.npy").class_names == ("0", "1", "2", "3")
    assert load(tmp_path / "x.npy", target=str(tmp_path / "t.npy")).task == "regression"
    with pytest.raises(DataError, match="of targets; expected an NPY file"):
        load(tmp_path / "x.npy", target=str(tmp_path / "none.npy"))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_large_file_is_loaded_split_and_learned_from_without_being_read_whole(tmp_path: Path, dtype: str) -> None:
    rows, columns = 2_000, 16_384 // np.dtype(dtype).itemsize
    x = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=dtype, shape=(rows, columns))
    x[:] = np.arange(columns) % 200
    x[::2] += 1
    x.flush()
    size = x.nbytes
    del x
    np.save(tmp_path / "y.npy", np.arange(rows) % 2)
    tracemalloc.start()
    try:
        parts = split(load(tmp_path))
        preparation = Preparation.learn(parts.train)
        for batch, _ in parts.train.batches(16):
            preparation.apply(batch)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 32_768_000
    assert peak < size / 3, f"peak {peak} of a file of {size} bytes"
