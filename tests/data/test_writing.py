import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.data import load_features, write_table
from backproof.data.dataset import Schema
from backproof.errors import DataError

COLUMNS = {
    "kind": np.array(["cat", 'a "dog", old']),
    "p": np.array([0.1, 1 / 3], np.float32),
    "q": np.array([1e-300, 2.0]),
    "file": np.array([1, 2]),
}


def test_a_csv_file_has_the_header_and_the_shortest_digits(tmp_path: Path) -> None:
    write_table(tmp_path / "p.csv", COLUMNS)
    text = (tmp_path / "p.csv").read_text()
    assert text == 'kind,p,q,file\ncat,0.1,1e-300,1\n"a ""dog"", old",0.33333334,2.0,2\n'
    write_table(tmp_path / "p.tsv", COLUMNS)
    assert (tmp_path / "p.tsv").read_text().startswith("kind\tp\tq\tfile\ncat\t0.1\t")


def test_standard_output_gets_the_same_csv(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_table("-", {"a": [1, 2]})
    assert capfdbinary.readouterr().out == b"a\n1\n2\n"


def test_npz_and_parquet_hold_the_columns(tmp_path: Path) -> None:
    write_table(tmp_path / "p.npz", COLUMNS)
    write_table(tmp_path / "p.parquet", COLUMNS)
    frame = polars.read_parquet(tmp_path / "p.parquet")
    with np.load(tmp_path / "p.npz") as archive:
        for name, column in COLUMNS.items():
            np.testing.assert_array_equal(archive[name], column)
            assert archive[name].dtype == column.dtype
            np.testing.assert_array_equal(frame[name].to_numpy(), column)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1))
def test_what_is_written_reads_back_to_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    path = tmp_path_factory.getbasetemp() / "bits.csv"
    write_table(path, {"a": values})
    np.testing.assert_array_equal(np.ravel(load_features(path, Schema(("a",), (1,)))[:]), values)


def test_many_rows_are_written_in_order(tmp_path: Path) -> None:
    write_table(tmp_path / "p.csv", {"a": np.arange(25_000)})
    assert (tmp_path / "p.csv").read_text() == "a\n" + "".join(f"{i}\n" for i in range(25_000))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "no columns"),
        ({"a": [1], "b": [1, 2]}, r"a: \(1,\), b: \(2,\); expected columns of one length"),
        ({"a": [[1], [2]]}, r"a: \(2, 1\)"),
        ({"a": 3}, r"a: \(\)"),
        ({"a": [object()]}, "column 'a' has dtype object"),
    ],
)
def test_columns_that_are_no_table_are_refused(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_table(tmp_path / "p.csv", columns)
    assert os.listdir(tmp_path) == []


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"unknown ending, expected one of \.csv, \.tsv, \.npz, \.parquet"):
        write_table(tmp_path / "p.xlsx", COLUMNS)


@pytest.mark.parametrize("name", ["p.csv", "p.npz", "p.parquet"])
def test_a_full_disk_leaves_the_old_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_bytes(b"old")

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DataError, match=rf"cannot write '.*{name}': No space left on device"):
        write_table(tmp_path / name, COLUMNS)
    assert (tmp_path / name).read_bytes() == b"old"
    assert os.listdir(tmp_path) == [name]


def test_an_unwritable_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot write '.*p\.csv': the folder '.*nowhere' does not exist"):
        write_table(tmp_path / "nowhere" / "p.csv", COLUMNS)
