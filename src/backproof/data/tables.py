"""Tables with named columns, from CSV text and Parquet; an error about a cell says its row and column."""

import csv
import io
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from backproof.data.names import listed, nearest
from backproof.errors import DataError, NonFiniteError, missing_extra

SEPARATORS = ",;\t"

STRAY, MANY = 0.1, 20
"""A share of text up to the first among numbers with more distinct values than the second is a mistake."""

MISSING_WORDS = frozenset({"na", "n/a", "nan", "null", "none", "?", "-", "missing", "#n/a"})
"""What people write into a cell that holds nothing."""


@final
@dataclass(frozen=True, eq=False)
class Table:
    """Columns of text or numbers under their names, and the row number that a person sees for each row.

    ``frame`` is a polars data frame. Rows are counted from 1 in the file, so that the first data row of a
    CSV file, whose header is row 1, is row 2.
    """

    name: str
    columns: tuple[str, ...]
    frame: Any
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, row: int, column: str) -> str:
        """Return the words for one cell: file, row and column."""
        return f"{self.name}, row {self.rows[row]}, column {column!r}"

    def require(self, names: Sequence[str]) -> None:
        """Check that all the columns are there.

        Raises:
            DataError: some are missing; the message has the nearest name and the list of columns.
        """
        absent = [name for name in names if name not in self.columns]
        if not absent:
            return
        what = f"no column {absent[0]!r}" if len(absent) == 1 else f"no columns {listed(absent)}"
        known = [name for name in self.columns if name]
        hint = nearest(absent[0], known)
        header = " (row 1 is read as the header)" if all(map(_looks_numeric, known)) else ""
        raise DataError(f"{self.name}: {what}.{hint} Columns: {listed(known)}{header}.")

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return a column as float64.

        Raises:
            DataError: a cell that is empty or not a number, with its row and what came.
            NonFiniteError: NaN or infinity, with its row.
        """
        cells = self._cells(column)
        values = _cast(cells, "Float64")
        bad = values.is_null()
        if bad.any():
            self._refuse_cell(column, cells, bad)
        numbers: NDArray[np.float64] = values.to_numpy()
        finite = np.isfinite(numbers)
        if not finite.all():
            row = int(np.argmin(finite))
            raise NonFiniteError(
                f"{self.where(row, column)}: {cells[row]} is not a finite number{_others(np.sum(~finite))}; "
                "fill the cell or delete the row"
            )
        return numbers

    def matrix(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """Return columns as one float64 array (rows, columns); errors as ``numbers``."""
        self.require(columns)
        if "" in columns:
            place = self.columns.index("") + 1
            raise DataError(
                f"{self.name}: column {place} has no name in the header (a row index?); name it or delete it"
            )
        values = np.empty((len(self), len(columns)))
        for place, column in enumerate(columns):
            values[:, place] = self.numbers(column)
        return values

    def labels(self, column: str) -> NDArray[Any]:
        """Return a column as int64 if all cells are whole numbers, float64 if all are numbers, else as text.

        Raises:
            DataError: an empty cell, or a word for a missing value among numbers, with its row.
        """
        cells = self._cells(column)
        texts = _cast(cells, "String")
        empty = texts.is_null() | (texts == "")
        if empty.any():
            self._refuse_cell(column, cells, empty)
        whole = _cast(texts, "Int64")
        # A leading zero or sign is part of a name: the class "007" is not the number 7.
        if not whole.is_null().any():
            same = (_cast(whole, "String") == texts).all()
            return np.asarray(whole.to_numpy() if same else texts.to_list())
        fractions = _cast(texts, "Float64")
        words = fractions.is_null()
        if not words.any():
            return np.asarray(fractions.to_numpy())
        missing = words & texts.str.to_lowercase().is_in(list(MISSING_WORDS))
        if not words.all() and (missing == words).all():
            self._refuse_cell(column, texts, missing)
        return np.asarray(texts.to_list())

    def refuse_stray_text(self, column: str) -> None:
        """Refuse a column that is numbers but for a few cells: their text would make every number a class.

        Raises:
            DataError: nine cells of ten or more are numbers, with many distinct values; it names the first that is not.
        """
        cells = self._cells(column)
        numbers = _cast(cells, "Float64")
        words = numbers.is_null()
        distinct = numbers.drop_nulls().n_unique()
        if words.any() and words.mean() <= STRAY and distinct > min(MANY, len(self) // 2):
            row = int(words.arg_max())
            raise DataError(
                f"{self.where(row, column)}: {cells[row]!r} is not a number{_others(words.sum())}, all other targets "
                "are; mend the cell, or take the targets as labels (--task classification)"
            )

    def _cells(self, column: str) -> Any:
        """Return the column, text stripped, categories as text; refuse what is neither text nor number."""
        self.require([column])
        cells = self.frame.get_column(column)
        kind = str(cells.dtype.base_type())
        if kind in {"Categorical", "Enum"}:
            cells = _cast(cells, "String")
        elif kind not in {"String", "Null", "Boolean"} and not cells.dtype.is_numeric():
            raise DataError(f"{self.name}, column {column!r}: holds {cells.dtype}, expected numbers or text")
        return cells.str.strip_chars() if str(cells.dtype) == "String" else cells

    def _refuse_cell(self, column: str, cells: Any, bad: Any) -> None:
        row = int(bad.arg_max())
        place, others, cell = self.where(row, column), _others(bad.sum()), cells[row]
        if cell is None or cell == "":
            raise DataError(f"{place}: the cell is empty{others}; fill it or delete the row")
        if cell.lower() in MISSING_WORDS:
            raise DataError(f"{place}: the value is missing ({cell!r}){others}; fill it or delete the row")
        mend = "encode text as numbers or leave the column out"
        if cell.count(",") == 1 and _looks_numeric(cell.replace(",", ".")):
            mend = f"write a decimal point: {cell.replace(',', '.')}"
        raise DataError(f"{place}: {cell!r} is not a number{others}; {mend}")


def read_csv(source: Path | None, name: str) -> Table:
    """Read a CSV file, or standard input for None; the header is row 1, the separator ``,`` ``;`` or tab.

    Raises:
        DataError: unreadable, empty, not UTF-8, ragged rows, duplicate column names, no data rows.
        MissingExtraError: polars is not installed.
    """
    polars = _polars()
    raw = _raw(source, name)
    separator = _separator(raw)
    try:
        frame = polars.read_csv(io.BytesIO(raw), has_header=False, infer_schema=False, separator=separator)
    except polars.exceptions.PolarsError as error:
        _diagnose(raw, separator, name)
        raise DataError(f"{name}: not readable as CSV: {str(error).splitlines()[0]}") from error
    columns = _header(frame.row(0), name)
    frame.columns = [column or f"\0{place}" for place, column in enumerate(columns)]
    blank = frame.select(polars.all_horizontal(polars.all().is_null())).to_series().to_numpy()
    keep = np.flatnonzero(~blank)[1:]
    if not len(keep):
        raise DataError(f"{name}: there is a header but no data row below it")
    # A row with too few fields reads as one with empty cells at its end.
    if frame[:, -1].null_count() > np.sum(blank):
        _diagnose(raw, separator, name)
    return Table(name, columns, frame[keep], keep + 1)


def read_parquet(path: Path, name: str) -> Table:
    """Read a Parquet file; its rows are counted from 1.

    Raises:
        DataError: damaged, or without rows or columns.
        MissingExtraError: polars is not installed.
    """
    polars = _polars()
    raw = _bytes(path, name)
    try:
        with _silent_stderr():
            frame = polars.read_parquet(io.BytesIO(raw))
    # A damaged file raises whatever its first unreadable part meets, a panic of the reader included.
    except (Exception, polars.exceptions.PanicException) as error:
        raise DataError(f"{name}: not readable as Parquet: {str(error).splitlines()[0]}") from error
    if not frame.height or not frame.width:
        raise DataError(f"{name}: the table has {frame.height} rows and {frame.width} columns")
    return Table(name, tuple(frame.columns), frame, np.arange(1, frame.height + 1))


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard what is written to the process's standard error.

    The reader is native code that prints a panic and its backtrace there before it raises; what went wrong is said
    in the one line of the exception.
    """
    try:
        kept = os.dup(2)
    except OSError:  # it is closed: nothing can be printed
        yield
        return
    try:
        sys.stderr.flush()
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 2)
        os.close(sink)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _polars() -> Any:
    try:
        import polars
    except ImportError as error:
        raise missing_extra("reading tables", "data") from error
    return polars


def _cast(cells: Any, dtype: str) -> Any:
    return cells.cast(getattr(_polars(), dtype), strict=False)


def _bytes(path: Path | None, name: str) -> bytes:
    # A process that is started with standard input closed has none.
    if path is None and sys.stdin is None:
        raise DataError(f"{name}: it is closed; redirect a file into it or name the file")
    try:
        return sys.stdin.buffer.read() if path is None else path.read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error


def _raw(source: Path | None, name: str) -> bytes:
    """Return the bytes of a CSV file, or say what they are instead."""
    raw = _bytes(source, name)
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{name}: the text is UTF-16; save it as UTF-8")
    if b"\0" in raw:
        raise DataError(f"{name}: binary data, expected CSV text (other formats go by .npz, .npy, .parquet)")
    if not raw.strip():
        raise DataError(f"{name}: the file is empty; expected a header and rows")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    return raw if b"\n" in raw else raw.replace(b"\r", b"\n")


def _separator(raw: bytes) -> str:
    """Return the separator that the header line uses most, outside quotes."""
    line = raw.lstrip().partition(b"\n")[0].decode("utf-8", "replace")
    outside = "".join(line.split('"')[::2])
    return max(SEPARATORS, key=outside.count)


def _header(cells: Sequence[str | None], name: str) -> tuple[str, ...]:
    columns = tuple((cell or "").strip() for cell in cells)
    if not any(columns):
        raise DataError(f"{name}: row 1 is empty, expected the column names")
    twice = [column for column, count in Counter(columns).items() if column and count > 1]
    if twice:
        raise DataError(f"{name}, row 1: duplicate column names {listed(twice)}; rename them")
    return columns


def _diagnose(raw: bytes, separator: str, name: str) -> None:
    """Raise the error with the row of the first ragged row or unreadable byte, if that is what is wrong."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise DataError(f"{name}, row {row}: byte {raw[error.start]:#04x} is not UTF-8; save it as UTF-8") from error
    records = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    expected, row = 0, 0
    try:
        for row, record in enumerate(records, start=1):
            expected = expected or len(record)
            if record and len(record) != expected:
                raise DataError(f"{name}, row {row}: {len(record)} fields, expected {expected} as in the header")
    except csv.Error as error:
        raise DataError(f"{name}, row {row + 1}: {error} (an unclosed quote?)") from error


def _looks_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _others(count: int) -> str:
    """Say how many further cells of the column have the same fault."""
    return f" (and {count - 1} more in this column)" if count > 1 else ""
