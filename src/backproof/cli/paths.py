"""Whether a file can be written, asked before the work and not after it."""

import os
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
        raise error(f"cannot write {what} {str(path)!r}: the folder {str(target.parent)!r} does not exist") from problem
    except OSError as problem:
        raise error(f"cannot write {what} {str(path)!r}: {problem.strerror or problem}") from problem


def make_folder(path: Path) -> None:
    """Make the folder that ``path`` is to stand in.

    Raises:
        ModelFileError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ModelFileError(f"cannot make the folder {str(path.parent)!r}: {problem.strerror or problem}") from problem
