"""IDX files, the format of MNIST and its relatives: a magic number, the sizes, then the values.

A plain file is memory-mapped; a gzipped one is decompressed once, into memory.
"""

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.data.arrays import Arrays
from backproof.errors import DataError

TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
"""Element types by the third byte of the magic number; all are big-endian."""

_CHUNK = 1 << 22


def is_idx_folder(folder: Path) -> bool:
    """Tell whether the folder holds the images of an MNIST-like data set."""
    return _find(folder, ("train",), "images") is not None


def read_idx_folder(folder: Path, name: str) -> Arrays:
    """Read ``train-images-idx3-ubyte[.gz]`` and its labels, and ``t10k-`` (or ``test-``) as the test part.

    Raises:
        DataError: labels missing, images and labels of different number, or a damaged file.
    """
    train = _pair(folder, ("train",), name)
    has_test = _find(folder, ("t10k", "test"), "images") is not None
    test = _pair(folder, ("t10k", "test"), f"{name}, test part") if has_test else None
    return Arrays(train.name, train.x, train.y, target_names=("label",), test=test)


def read_idx(path: Path) -> NDArray[Any]:
    """Return the array of one IDX file, memory-mapped if it is not gzipped.

    Dtype: as stored; wider types than a byte stay big-endian.

    Raises:
        DataError: wrong magic number, element type or sizes, truncated or overlong, damaged gzip.
    """
    try:
        return _read_gzipped(path) if path.suffix == ".gz" else _map_plain(path)
    except EOFError as error:
        raise DataError(f"{path}: truncated: the compressed data end too early") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _pair(folder: Path, parts: tuple[str, ...], name: str) -> Arrays:
    images, labels = (_find(folder, parts, kind) for kind in ("images", "labels"))
    if images is None or labels is None:
        raise DataError(f"{folder}: no {parts[0]}-labels-idx1-ubyte[.gz] beside the images")
    x, y = read_idx(images), read_idx(labels)
    if y.ndim != 1 or y.dtype.kind not in "ui":
        raise DataError(f"{labels}: shape {y.shape} of {y.dtype}, expected one whole number a label")
    if len(x) != len(y):
        raise DataError(f"{images}: {len(x)} images, but {labels.name} has {len(y)} labels")
    return Arrays(name, x, np.asarray(y, dtype=np.int64), target_names=("label",))


def _find(folder: Path, parts: tuple[str, ...], kind: str) -> Path | None:
    """Return the file of a part, plain before gzipped; both spellings of the name are in use."""
    matches = [
        path for part in parts for mark in "-." for path in sorted(folder.glob(f"{part}-{kind}{mark}idx*-ubyte*"))
    ]
    return next((path for path in matches if path.suffix in {"", ".gz"} or "idx" in path.suffix), None)


def _map_plain(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        dtype, shape, offset = _header(file, path)
    expected = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
    _check_length(path, path.stat().st_size, expected)
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)


def _read_gzipped(path: Path) -> NDArray[Any]:
    with gzip.open(path, "rb") as file:
        dtype, shape, offset = _header(file, path)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        content = bytearray()
        # In pieces, so that a header that promises too much costs no memory.
        while len(content) <= size and (piece := file.read(min(_CHUNK, size + 1 - len(content)))):
            content += piece
    _check_length(path, offset + len(content), offset + size)
    return np.frombuffer(content, dtype).reshape(shape)


def _header(file: Any, path: Path) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Return element type, shape and the length of the header in bytes."""
    magic = file.read(4)
    if len(magic) < 4:
        raise DataError(f"{path}: truncated: {len(magic)} bytes, expected an IDX header")
    if magic[:2] != b"\0\0" or magic[2] not in TYPES or not magic[3]:
        raise DataError(f"{path}: magic number 0x{magic.hex()}, expected an IDX file (0x00000801 or 0x00000803)")
    axes = magic[3]
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise DataError(f"{path}: truncated inside the header of {axes} sizes")
    return TYPES[magic[2]], struct.unpack(f">{axes}I", sizes), 4 + 4 * axes


def _check_length(path: Path, found: int, expected: int) -> None:
    if found < expected:
        raise DataError(f"{path}: truncated: {found} bytes, expected {expected} by its header")
    if found > expected:
        raise DataError(f"{path}: longer than the {expected} bytes that its header says")
