"""Whether a file can be written, asked before the work and not after it."""

import os
import sys
import tempfile
from pathlib import Path

from ..errors import DataError, ModelFileError


def check_writable(path: Path, what: str, error: type[ModelFileError] | type[DataError] = ModelFileError) -> None:
    """Check that a file can be written at ``path``, by writing an empty one beside it and removing it.

    Raises:
        BackproofError: of the class ``error``: it cannot; the message says why.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise error(f"cannot write {what} {str(path)!r}: it is a folder; give a file name")
    if target.exists() and not os.access(target, os.W_OK):
        raise error(f"cannot write {what} {str(path)!r}: the file is write-protected")
    if target.exists() and not target.is_file():
        return
    try:
        with tempfile.TemporaryFile(dir=target.parent, prefix=".backproof-") as file:
            file.write(b"?")
            file.flush()
    except FileNotFoundError as problem:
        if target.parent.is_dir():
            raise error(f"cannot write {what} {str(path)!r}: the folder takes no new files") from problem
        raise error(f"cannot write {what} {str(path)!r}: the folder {str(target.parent)!r} does not exist") from problem
    except OSError as problem:
        raise error(f"cannot write {what} {str(path)!r}: {problem.strerror or problem}") from problem


def check_separate(path: Path, what: str, *others: str | os.PathLike[str] | None) -> None:
    """Check that writing ``path`` does not replace one of the other files; ``-`` is standard input.

    Raises:
        DataError: it is one of them.
    """
    for other in others:
        if other is not None and _is_same(path, os.fspath(other)):
            name = "standard input" if os.fspath(other) == "-" else repr(os.fspath(other))
            raise DataError(f"cannot write {what} {str(path)!r}: it would replace {name}; give another name")


def _is_same(path: Path, other: str) -> bool:
    """Tell whether two names are of one ordinary file, which is there or will be."""
    try:
        if other == "-":
            same = sys.stdin is not None and os.path.samestat(os.stat(path), os.fstat(sys.stdin.fileno()))
        else:
            same = os.path.samefile(path, other)
        return same and path.is_file()
    except (OSError, ValueError):  # one of them is not there, or standard input is no file
        return not path.exists() and os.path.realpath(path) == os.path.realpath(other)


def make_folder(path: Path) -> None:
    """Make the folder that ``path`` is to stand in.

    Raises:
        ModelFileError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ModelFileError(f"cannot make the folder {str(path.parent)!r}: {problem.strerror or problem}") from problem
