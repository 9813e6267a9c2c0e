"""Tables written whole or not at all: CSV, Parquet, NPZ, or CSV on standard output."""

import csv
import io
import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from backproof.errors import DataError, missing_extra
from backproof.files import atomic_write

_ROWS_AT_A_TIME = 10_000


def write_table(path: str | os.PathLike[str], columns: Mapping[str, Any]) -> None:
    """Write named columns to ``path`` as CSV, TSV, Parquet or NPZ by its ending; ``-``: CSV on stdout.

    Numbers are written with the digits that give the same number back. A file appears when it is complete.

    Shapes:
        columns: each (n,), all of one length

    Raises:
        DataError: no columns, columns of different length, an unknown ending, a file that cannot be written.
        MissingExtraError: Parquet without polars.
    """
    arrays = {str(name): np.asarray(values) for name, values in columns.items()}
    _check_columns(arrays)
    if os.fspath(path) == "-":
        _write_standard_output(arrays)
        return
    write = _writer(Path(path))
    with atomic_write(path) as handle:
        write(handle, arrays)


def _check_columns(arrays: dict[str, NDArray[Any]]) -> None:
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        found = ", ".join(f"{name}: {array.shape}" for name, array in arrays.items()) or "no columns"
        raise DataError(f"table to write: {found}; expected columns of one length")
    for name, array in arrays.items():
        if array.dtype.kind not in "buifU":
            raise DataError(f"table to write: column {name!r} has dtype {array.dtype}, expected numbers or text")


def _writer(path: Path) -> Callable[[BinaryIO, dict[str, NDArray[Any]]], None]:
    writers = {".csv": _write_csv, ".tsv": _write_tsv, ".npz": _write_npz, ".parquet": _write_parquet}
    if path.suffix.lower() not in writers:
        raise DataError(f"cannot write {str(path)!r}: unknown ending, expected one of {', '.join(writers)}")
    return writers[path.suffix.lower()]


def _write_standard_output(arrays: dict[str, NDArray[Any]]) -> None:
    try:
        sys.stdout.flush()
        _write_csv(sys.stdout.buffer, arrays)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError(f"cannot write to standard output: {error.strerror or error}") from error


def _write_csv(handle: BinaryIO, arrays: dict[str, NDArray[Any]], separator: str = ",") -> None:
    rows = len(next(iter(arrays.values())))
    _write_rows(handle, [list(arrays)], separator)
    for start in range(0, rows, _ROWS_AT_A_TIME):
        part = [array[start : start + _ROWS_AT_A_TIME].astype(str) for array in arrays.values()]
        _write_rows(handle, zip(*part, strict=True), separator)


def _write_rows(handle: BinaryIO, rows: Any, separator: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    handle.write(text.getvalue().encode())


def _write_tsv(handle: BinaryIO, arrays: dict[str, NDArray[Any]]) -> None:
    _write_csv(handle, arrays, "\t")


def _write_npz(handle: BinaryIO, arrays: dict[str, NDArray[Any]]) -> None:
    # numpy.savez takes the names as keyword arguments and so refuses a column called "file".
    with zipfile.ZipFile(handle, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _write_parquet(handle: BinaryIO, arrays: dict[str, NDArray[Any]]) -> None:
    try:
        import polars
    except ImportError as error:
        raise missing_extra("writing Parquet", "data") from error
    # Through memory, so that a full disk is met by our own write and keeps its reason.
    buffer = io.BytesIO()
    polars.DataFrame(arrays).write_parquet(buffer)
    handle.write(buffer.getbuffer())
