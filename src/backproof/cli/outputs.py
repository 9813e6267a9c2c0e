"""What a command may write over: nothing, an empty file, or an earlier result of its own."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Final

from ..errors import BackproofError, DataError, ModelFileError
from ..tensors import open_tensors, strict_json
from .paths import check_separate, check_writable

HEAD = 2**20
"""Bytes at the beginning of a text in which its mark is looked for."""


def check_output(path: Path, what: str, result: str, *inputs: str | PathLike[str] | None) -> None:
    """Check, before any work, that a result can be written at ``path`` and that nothing else is lost by it.

    Args:
        path: where.
        what: the result in the words of the error, such as ``the certificate``.
        result: its name in ``RESULTS``.
        inputs: files that the command reads.

    Raises:
        ModelFileError: a model or checkpoint cannot be written.
        DataError: another file cannot; or it would replace an input.
    """
    error = ModelFileError if result in _TENSORS else DataError
    check_writable(path, what, error)
    check_separate(path, what, *inputs)
    if path.is_file() and path.stat().st_size and not _recognized(path, result):
        raise error(f"cannot write {what}: {path} exists and is no {result}; give another name or remove it")


def _recognized(path: Path, result: str) -> bool:
    try:
        return RESULTS[result](path)
    except (BackproofError, OSError, ValueError, csv.Error, zipfile.BadZipFile):
        return False


def _tensors(format: str) -> Callable[[Path], bool]:
    """Return the test for a file of tensors that says it is of that format."""

    def test(path: Path) -> bool:
        with open_tensors(path) as file:
            described = strict_json(file.metadata.get("backproof", "null"), "the description")
        return isinstance(described, dict) and described.get("format") == format

    return test


def _text(start: str, *marks: str) -> Callable[[Path], bool]:
    """Return the test for a text that starts so, and has all the marks near its beginning."""

    def test(path: Path) -> bool:
        with path.open("rb") as file:
            head = file.read(HEAD).decode(errors="replace")
        return re.match(start, head) is not None and all(mark in head for mark in marks)

    return test


def _arrays(names: str) -> Callable[[Path], bool]:
    """Return the test for an NPZ file whose arrays all have such names."""
    return lambda path: _all_match(names, _keys(path))


def _keys(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as file:
        return [name.removesuffix(".npy") for name in file.namelist()]


def _predictions(path: Path) -> bool:
    """Whether all columns of a table, by its ending, are ones that ``predict`` writes."""
    if path.suffix.lower() == ".npz":
        columns = _keys(path)
    elif path.suffix.lower() == ".parquet":
        columns = _parquet_columns(path)
    else:
        with path.open("rb") as file:
            head = io.StringIO(file.read(HEAD).decode(errors="replace"), newline="")
        columns = next(csv.reader(head, delimiter="\t" if path.suffix.lower() == ".tsv" else ","), [])
    return _all_match(r"prediction( \d+)?|(predicted|probability) .*", columns)


def _parquet_columns(path: Path) -> list[str]:
    try:
        import polars
    except ImportError:
        # Without polars nothing is written: the command says so itself.
        return ["prediction"]
    try:
        return list(polars.read_parquet_schema(path))
    except polars.exceptions.PolarsError:
        return []


def _all_match(pattern: str, names: Iterable[str]) -> bool:
    found = list(names)
    return bool(found) and all(re.fullmatch(pattern, name, re.DOTALL) for name in found)


_TENSORS: Final = ("backproof model", "backproof checkpoint")

RESULTS: Mapping[str, Callable[[Path], bool]] = {
    **{format: _tensors(format) for format in _TENSORS},
    "table of backproof predict": _predictions,
    "certificate of backproof prove": _text(r"\(\* Backpropagation", "Written by backproof;"),
    "program of backproof write": _text(r'"""(Loss and gradient|Training|The Jacobian) of a network', "MODEL = "),
    "NPZ file of backproof write": _arrays("x|y"),
    "html of backproof explain": _text("<!doctype html>", '<meta name="generator" content="backproof">'),
    "latex of backproof explain": _text(r"\\documentclass", r"\providecommand{\bpline}"),
    "text of backproof explain": _text("Backpropagation in [^\n]*\n=+\n"),
    "page of backproof check": _text("<!DOCTYPE html>", '<main class="bp-check">'),
    "result of backproof jacobian": _arrays("jacobian"),
    "result of backproof spectrum": _arrays(r"(own|product) \d+"),
    "result of backproof ntk": _arrays("ntk"),
    "result of backproof ggn": _arrays("diagonal|eigenvalues"),
}
"""How a file is recognized as what a command writes."""
