"""NumPy files: NPZ archives, and NPY files that stay on the disk and are read as their rows are needed."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from backproof.data.dataset import Examples, blocks
from backproof.data.names import listed, nearest
from backproof.errors import DataError, NonFiniteError

X_KEYS = ("x", "X", "x_train", "X_train", "data", "images")
Y_KEYS = ("y", "Y", "y_train", "Y_train", "target", "labels")
TEST_KEYS = (("x_test", "X_test"), ("y_test", "Y_test"))


@final
@dataclass(frozen=True, eq=False)
class Arrays:
    """Examples and raw targets as a source without a table holds them.

    ``y`` has any type that targets may have: integers, numbers or text. ``target_names`` and
    ``class_names`` are what the source itself says about them, if anything.
    """

    name: str
    x: Examples
    y: NDArray[Any] | None = None
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ("y",)
    class_names: tuple[str, ...] | None = None
    test: "Arrays | None" = None


def read_npz(path: Path, name: str, features: str | None = None, target: str | None = None) -> Arrays:
    """Read an NPZ archive with the keys ``x`` and ``y``, their usual variants, or the ones named.

    ``x_test`` and ``y_test``, where there are any, become the test part. The arrays are read into memory as large as
    they unpack to, which in a compressed archive may be a thousand times the file: data files are the user's own.

    Raises:
        DataError: damaged, holding Python objects, or without the keys.
    """
    try:
        # Opened here because numpy.load leaves its own file open when the archive is damaged.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{name}: a single array (NPY), expected an archive; rename it to .npy")
            keys = list(archive.files)
            x_key = _key(keys, features, X_KEYS, name, "examples")
            y_key = _key(keys, target, Y_KEYS, name, "targets") if target else _first(keys, Y_KEYS)
            test_keys = [_first(keys, candidates) for candidates in TEST_KEYS]
            found = {key: archive[key] for key in (x_key, y_key, *test_keys) if key is not None}
    except DataError:
        raise
    except Exception as error:  # a damaged archive raises whatever its first unreadable part meets
        raise DataError(f"{name}: not readable as NPZ: {_why(error)}") from error
    names = (y_key or "y",)
    test = None
    if test_keys[0] is not None and x_key != test_keys[0]:
        test = Arrays(f"{name}, test part", found[test_keys[0]], found.get(test_keys[1] or ""), target_names=names)
    return Arrays(name, found[x_key], found[y_key] if y_key else None, target_names=names, test=test)


def read_npy(path: Path, name: str, target: str | None = None) -> Arrays:
    """Map ``x.npy`` and, beside it or where ``target`` says, the NPY file of the targets.

    Raises:
        DataError: damaged, truncated, or holding Python objects.
    """
    beside = path.with_name("y.npy")
    other = Path(target) if target else beside
    if target and not other.exists():
        raise DataError(f"{name}: no file {target!r} of targets; expected an NPY file")
    has_targets = other.exists() and other != path
    return Arrays(name, _mapped(path), _mapped(other) if has_targets else None)


def read_npy_folder(folder: Path, name: str) -> Arrays:
    """Map a folder of ``x.npy``, ``y.npy`` and, where they stand, ``x_test.npy`` and ``y_test.npy``."""
    test = None
    if (folder / "x_test.npy").exists():
        held_out = folder / "y_test.npy"
        targets = _mapped(held_out) if held_out.exists() else None
        test = Arrays(f"{name}, test part", _mapped(folder / "x_test.npy"), targets)
    main = read_npy(folder / "x.npy", name)
    return Arrays(name, main.x, main.y, test=test)


def check_numeric(x: Examples, label: str) -> None:
    """Check that ``x`` holds real numbers in rows.

    Raises:
        DataError: another element type, no row axis, or nothing in it.
    """
    if x.dtype.kind not in "buif":
        raise DataError(f"{label}: dtype {x.dtype}, expected real numbers")
    if len(x.shape) < 2:
        raise DataError(f"{label}: shape {tuple(x.shape)}, expected (rows, features ...); reshape to (rows, 1)")
    if 0 in x.shape:
        raise DataError(f"{label}: shape {tuple(x.shape)}: there is nothing in it")


def check_finite(x: Examples, label: str) -> None:
    """Pass through ``x`` once, block by block, and check that every number is finite.

    Raises:
        NonFiniteError: NaN or infinity, with the index of the first.
    """
    if x.dtype.kind != "f":
        return
    for start, block in blocks(x):
        finite = np.isfinite(block)
        if not finite.all():
            place = np.unravel_index(int(np.argmin(finite)), block.shape)
            index = ", ".join(str(int(i)) for i in (place[0] + start, *place[1:]))
            raise NonFiniteError(f"{label}[{index}] is {block[place]}, expected finite numbers; mend or drop the row")


def _mapped(path: Path) -> NDArray[Any]:
    """Map a NPY file without reading it."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # a damaged header raises whatever its evaluation meets
        raise DataError(f"{os.fspath(path)}: not readable as NPY: {_why(error)}") from error


def _key(keys: list[str], wanted: str | None, usual: tuple[str, ...], name: str, what: str) -> str:
    if wanted is not None:
        if wanted in keys:
            return wanted
        raise DataError(f"{name}: no array {wanted!r}.{nearest(wanted, keys)} Arrays: {listed(keys)}")
    found = _first(keys, usual) or (keys[0] if len(keys) == 1 else None)
    if found is None:
        raise DataError(f"{name}: no array {usual[0]!r} for the {what}; arrays: {listed(keys)}. Name the one to use")
    return found


def _first(keys: list[str], candidates: tuple[str, ...]) -> str | None:
    return next((key for key in candidates if key in keys), None)


def _why(error: Exception) -> str:
    """Return the first line of an error in words a reader of the file can use."""
    if isinstance(error, zipfile.BadZipFile | EOFError):
        return "the file is damaged or truncated"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error) or type(error).__name__
    if "allow_pickle" in text:
        return "not NumPy's format, or it holds Python objects, which are never read"
    return text.splitlines()[0]
