"""One entry for every source of data: a word, a file, a folder or standard input."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backproof.data.arrays import Arrays, check_finite, check_numeric, read_npy, read_npy_folder, read_npz
from backproof.data.builtin import BUILTIN, read_builtin
from backproof.data.dataset import Dataset, Examples, Schema
from backproof.data.idx import is_idx_folder, read_idx_folder
from backproof.data.names import listed, nearest
from backproof.data.tables import Table, read_csv, read_parquet
from backproof.data.targets import TaskChoice, choose_task, encode_classes, encode_known, encode_numbers
from backproof.errors import DataError

Source = str | os.PathLike[str]


def load(
    source: Source,
    *,
    target: str | Sequence[str] | None = None,
    task: TaskChoice = "auto",
    features: str | Sequence[str] | None = None,
    drop: Sequence[str] = (),
    minimum_rows: int = 2,
) -> Dataset:
    """Load data to learn from.

    Args:
        source: a built-in word (``digits``, ``iris``, ``wine``, ``breast_cancer``, ``diabetes``), a CSV,
            NPZ, NPY or Parquet file, a folder of IDX or NPY files, or ``-`` for CSV on standard input.
        target: the column to predict, or several for regression; for NPZ the key of the targets, for NPY
            their file. Tables need it, other sources know theirs.
        task: ``"classification"``, ``"regression"``, or ``"auto"`` to decide by the targets.
        features: the columns to use, all others by default; for NPZ the key of the examples.
        drop: columns of a table to leave out, such as a row number.
        minimum_rows: fewer rows than this are an error.

    Returns:
        The data; ``test`` holds the test part of sources that have one. Tables are float64, arrays keep
        their type and, if they are not compressed, stay on the disk.

    Raises:
        DataError: unreadable or unusable, with file, row and column where there are any.
        NonFiniteError: NaN or infinity, with its place.
        MissingExtraError: the packages that read this source are not installed.
    """
    read = _read(source, _one(features), _one(target))
    _check_rows(read, minimum_rows)
    if isinstance(read, Table):
        targets = (target,) if isinstance(target, str) else tuple(target or ())
        return _from_table(read, targets, task, (features,) if isinstance(features, str) else features, drop)
    return _from_arrays(read, task)


def load_features(source: Source, schema: Schema, *, features: str | None = None) -> Examples:
    """Load the examples of a new source for a model: columns by name, in any order, others ignored.

    Raises:
        DataError: missing columns, with the nearest names; another shape than the model's examples.
        NonFiniteError: NaN or infinity, with its place.
    """
    read = _read(source, features, None)
    return _table_examples(read, schema) if isinstance(read, Table) else _array_examples(read, schema)


def load_labelled(source: Source, schema: Schema, *, features: str | None = None, target: str | None = None) -> Dataset:
    """Load examples with their targets for a model, in the model's columns and class order.

    ``features`` and ``target`` are for NPZ and NPY as in ``load``.

    Raises:
        DataError: as ``load_features``; a missing target; a class that the model does not know.
        NonFiniteError: NaN or infinity, with its place.
    """
    read = _read(source, features, target)
    if isinstance(read, Table):
        return _labelled_table(read, schema)
    test = None if read.test is None else _labelled_arrays(read.test, schema)
    data = _labelled_arrays(read, schema)
    return Dataset(data.x, data.y, *_names(schema), name=read.name, test=test)


def _read(source: Source, features: str | None, target: str | None) -> Table | Arrays:
    """Recognise the source and read it."""
    text = os.fspath(source)
    if text == "-":
        return read_csv(None, "standard input")
    if text in BUILTIN:
        return read_builtin(text)
    path = Path(text)
    if path.is_dir():
        return _read_folder(path)
    if not path.exists():
        raise DataError(f"no file or folder {text!r}.{_suggestion(path)} Built-in: {', '.join(sorted(BUILTIN))}.")
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz(path, path.name, features, target)
    if suffix == ".npy":
        return read_npy(path, path.name, target)
    return read_parquet(path, path.name) if suffix in {".parquet", ".pq"} else read_csv(path, path.name)


def _read_folder(path: Path) -> Arrays:
    name = path.name or str(path)
    if is_idx_folder(path):
        return read_idx_folder(path, name)
    if (path / "x.npy").exists():
        return read_npy_folder(path, name)
    raise DataError(f"folder {str(path)!r}: expected train-images-idx3-ubyte[.gz] with its labels, or x.npy with y.npy")


def _suggestion(path: Path) -> str:
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        beside = []
    return nearest(path.name, [*beside, *BUILTIN])


def _one(value: str | Sequence[str] | None) -> str | None:
    return value if isinstance(value, str) or value is None else (value[0] if len(value) == 1 else None)


def _check_rows(read: Table | Arrays, least: int) -> None:
    rows = len(read) if isinstance(read, Table) else (read.x.shape or (0,))[0]
    if rows < least:
        raise DataError(f"{read.name}: {rows} row{'s' * (rows != 1)} of data, expected at least {least}")


def _from_table(
    table: Table,
    targets: tuple[str, ...],
    task: TaskChoice,
    features: Sequence[str] | None,
    drop: Sequence[str],
) -> Dataset:
    columns = [column for column in table.columns if column]
    if not targets:
        raise DataError(f"{table.name}: which column is the target? Columns: {listed(columns)}")
    table.require([*targets, *drop, *(features or ())])
    both = [column for column in features or () if column in targets]
    if both:
        raise DataError(f"{table.name}: column {both[0]!r} is named as a feature and as the target")
    chosen = [column for column in features or table.columns if column not in (*targets, *drop)]
    if not chosen:
        raise DataError(f"{table.name}: no feature column is left beside the target {listed(targets)}")
    # The target first: with the wrong target named, its message is the more useful one.
    y, classes = _table_targets(table, targets, task)
    return Dataset(table.matrix(chosen), y, tuple(chosen), targets, classes, table.name)


def _table_targets(table: Table, targets: tuple[str, ...], task: TaskChoice) -> tuple[Any, tuple[str, ...] | None]:
    if len(targets) > 1:
        if task == "classification":
            raise DataError(f"{table.name}: {len(targets)} targets, expected one for classification")
        return table.matrix(targets), None
    column = targets[0]
    values = table.labels(column)
    if task == "auto" and values.dtype.kind == "U":
        table.refuse_stray_text(column)
    if choose_task(values, task) == "classification":
        return encode_classes(values, lambda row: table.where(row, column))
    return table.numbers(column), None


def _from_arrays(read: Arrays, task: TaskChoice) -> Dataset:
    _check_examples(read)
    if read.y is None:
        raise DataError(f"{read.name}: there are no targets (an array y, or y.npy beside x.npy)")
    values = _column_as_vector(read)
    if read.class_names is not None and task != "regression":
        y, classes = values, read.class_names
    elif choose_task(values, task) == "classification":
        y, classes = encode_classes(values, lambda row: f"{read.name}, {read.target_names[0]}[{row}]")
    else:
        y, classes = encode_numbers(values, lambda row: f"{read.name}, {read.target_names[0]}[{row}]"), None
    schema = Schema(read.feature_names, tuple(read.x.shape[1:]), read.target_names, tuple(y.shape[1:]), classes)
    test = _labelled_arrays(read.test, schema) if read.test is not None and read.test.y is not None else None
    return Dataset(read.x, y, *_names(schema), name=read.name, test=test)


def _check_examples(read: Arrays) -> None:
    check_numeric(read.x, f"{read.name}, x")
    check_finite(read.x, f"{read.name}, x")
    if read.y is not None and (not read.y.ndim or len(read.y) != read.x.shape[0]):
        raise DataError(f"{read.name}: {read.x.shape[0]} examples, but targets of shape {read.y.shape}")


def _column_as_vector(read: Arrays) -> Any:
    """Return the targets with a single column written as a vector."""
    values: Any = read.y
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _array_examples(read: Arrays, schema: Schema) -> Examples:
    _check_examples(read)
    if tuple(read.x.shape[1:]) != schema.example_shape:
        raise DataError(f"{read.name}: examples of shape {read.x.shape[1:]}, the model expects {schema.example_shape}")
    return read.x


def _table_examples(table: Table, schema: Schema) -> Examples:
    """Return the model's columns; a model without column names takes all but the target's, in their order."""
    if schema.feature_names:
        return table.matrix(schema.feature_names)
    columns = [column for column in table.columns if column not in schema.target_names]
    expected = int(np.prod(schema.example_shape, dtype=np.int64))
    if len(columns) != expected:
        raise DataError(
            f"{table.name}: {len(columns)} columns, the model expects {expected} (it knows no column names)"
        )
    return table.matrix(columns).reshape(-1, *schema.example_shape)


def _labelled_table(table: Table, schema: Schema) -> Dataset:
    table.require(schema.target_names)
    if schema.class_names is not None:
        column = schema.target_names[0]
        y: Any = encode_known(table.labels(column), schema.class_names, lambda row: table.where(row, column))
    else:
        y = table.matrix(schema.target_names)
        y = y if schema.target_shape else y[:, 0]
    return Dataset(_table_examples(table, schema), y, *_names(schema), name=table.name)


def _labelled_arrays(read: Arrays, schema: Schema) -> Dataset:
    x = _array_examples(read, schema)
    if read.y is None:
        raise DataError(f"{read.name}: there are no targets to compare with")
    values = _column_as_vector(read)

    def where(row: int) -> str:
        return f"{read.name}, {read.target_names[0]}[{row}]"

    if schema.class_names is None:
        y = encode_numbers(values, where)
        if tuple(y.shape[1:]) != schema.target_shape:
            raise DataError(f"{read.name}: targets of shape {y.shape[1:]}, the model expects {schema.target_shape}")
    else:
        # A source that names its classes numbers them; the model knows them by name.
        named = values if read.class_names is None else np.asarray(read.class_names)[values]
        y = encode_known(named, schema.class_names, where)
    return Dataset(x, y, *_names(schema), name=read.name)


def _names(schema: Schema) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...] | None]:
    return schema.feature_names, schema.target_names, schema.class_names
