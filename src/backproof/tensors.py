"""Named arrays and a text in one file, in the safetensors format, read without trusting a byte of it.

The file is the length of its header (8 bytes, little-endian), the header (JSON: element type, shape and place of
every array, and a table of texts under ``__metadata__``), then the arrays' bytes without gaps. The reader allocates
nothing that the file's own length and a small fixed allowance do not account for, and never maps the file: a mapped
file that shrinks while it is read would end the process.
"""

import json
import math
import os
import stat
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, final

import numpy as np

from .errors import ModelFileError, printable
from .files import atomic_write

DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "U8": np.dtype("u1"),
}
"""Element types by the names the format gives them."""

ALLOWANCE = 12 * 2**20
"""Bytes that reading may take beside twice the file's length: a small file's description takes more than its text."""

COSTS = {b":": 200, b"{": 400, b",": 80, b"[": 80}
"""Bytes that parsing takes at most for each of these signs: a pair, a table or layer, an element, a list."""

CHECKSUM = "checksum"
"""The text under ``__metadata__`` that names and numbers must agree with, where a file has it."""

_LONGEST_NUMBER = 18
_CHUNK = 1 << 20
_DIGESTED = 1 << 16


@final
@dataclass(frozen=True)
class Entry:
    """One array of a file: element type, shape, and where its bytes lie behind the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


@final
@dataclass(frozen=True, eq=False)
class TensorFile:
    """An open file whose header has been checked: its arrays lie side by side and fill it exactly.

    Attributes:
        metadata: the texts under ``__metadata__``.
        entries: what arrays there are, by name.
    """

    metadata: Mapping[str, str]
    entries: Mapping[str, Entry]
    handle: BinaryIO
    offset: int

    def read_into(self, name: str, target: Any) -> None:
        """Read an array's bytes into ``target``, a contiguous NumPy array of its shape and type.

        Raises:
            ModelFileError: the file has become shorter.
        """
        entry = self.entries[name]
        self.handle.seek(self.offset + entry.start)
        _fill(self.handle, memoryview(target.reshape(-1)).cast("B"), repr(name))

    def read(self, name: str) -> Any:
        """Return an array of the file as a new NumPy array."""
        entry = self.entries[name]
        array = np.empty(entry.shape, entry.dtype)
        self.read_into(name, array)
        return array


def write_tensors(path: str | os.PathLike[str], metadata: Mapping[str, str], arrays: Mapping[str, Any]) -> None:
    """Write arrays and texts to ``path``, whole or not at all, with a checksum of the arrays.

    Raises:
        ModelFileError: an element type without a name in ``DTYPES``, a header beyond what ``open_tensors`` reads,
            or a file that cannot be written.
    """
    names = {dtype: name for name, dtype in DTYPES.items()}
    table: dict[str, Any] = {"__metadata__": dict(metadata)}
    sums, place = {}, 0
    for name, array in arrays.items():
        dtype = array.dtype.newbyteorder("<")
        if dtype not in names:
            raise ModelFileError(f"array {name!r} has dtype {array.dtype}, expected one of {_listed(names)}")
        table[name] = {
            "dtype": names[dtype],
            "shape": list(array.shape),
            "data_offsets": [place, place + array.nbytes],
        }
        sums[name] = zlib.crc32(_plain(array))
        place += array.nbytes
    table["__metadata__"][CHECKSUM] = _together(sums)
    header = json.dumps(table, separators=(",", ":"), allow_nan=False).encode()
    header += b" " * (-len(header) % 8)
    _check_header(header, 8 + len(header) + place)
    with atomic_write(path, ModelFileError) as handle:
        handle.write(len(header).to_bytes(8, "little") + header)
        for array in arrays.values():
            handle.write(_plain(array))


def _plain(array: Any) -> memoryview:
    """Return an array's bytes as the file has them."""
    plain: Any = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return memoryview(plain.reshape(-1)).cast("B")


def _together(sums: Mapping[str, int]) -> str:
    """Return one checksum of all arrays under their names, in whatever order the file has them."""
    return f"{zlib.crc32(json.dumps(sums, sort_keys=True).encode()):08x}"


@contextmanager
def open_tensors(path: str | os.PathLike[str]) -> Iterator[TensorFile]:
    """Open a file for reading and check its header.

    Raises:
        ModelFileError: it cannot be read, is truncated or damaged, or its arrays differ from their checksum; the
            message does not repeat the path.
    """
    with _opened(Path(path)) as handle:
        size = os.fstat(handle.fileno()).st_size
        raw = _header_bytes(handle, size)
        offset, text = 8 + len(raw), raw.decode("ascii")
        del raw
        header = strict_json(text, "the header")
        del text
        if not isinstance(header, dict):
            raise ModelFileError("the header is no table of arrays; expected a file in the safetensors format")
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(x, str) and x.isascii() for x in metadata.values()):
            raise ModelFileError("the header's __metadata__ is no table of texts in ASCII")
        entries = {name: _entry(name, value) for name, value in header.items()}
        del header
        _check_places(entries, size - offset)
        if metadata.get(CHECKSUM) is not None:
            _check_numbers(handle, offset, entries, metadata[CHECKSUM])
        yield TensorFile(metadata, entries, handle, offset)


def strict_json(text: str, what: str) -> Any:
    """Return the value of a JSON text: no repeated keys, NaN, infinity, or numbers of more than 18 digits.

    Raises:
        ModelFileError: something else than that; ``what`` says what it was meant to be.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_number, parse_int=_whole
        )
    except RecursionError:
        raise ModelFileError(f"{what} is nested too deeply") from None
    except ValueError as error:
        raise ModelFileError(f"{what} is not readable: {error}") from None


def _opened(path: Path) -> BinaryIO:
    try:
        # Opening a pipe would wait for a writer for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelFileError("it is not an ordinary file")
        return path.open("rb", buffering=0)
    except OSError as error:
        raise ModelFileError(f"cannot be read: {error.strerror or error}") from error


def _header_bytes(handle: BinaryIO, size: int) -> bytearray:
    if size < 10:
        raise ModelFileError(f"truncated: {size} bytes, expected a model file")
    length = int.from_bytes(handle.read(8), "little")
    if length > size - 8:
        if handle.read(1) != b"{":
            raise ModelFileError("no backproof model or checkpoint: it does not begin with a header")
        raise ModelFileError(
            f"truncated or not a model file: its header should have {length} bytes, the file has {size}"
        )
    raw = bytearray(length)
    _fill(handle, memoryview(raw), "the header")
    if not raw.isascii():
        # One letter beyond Latin would make every letter of the decoded text take four bytes.
        raise ModelFileError("the header holds bytes that are no ASCII, expected them escaped")
    _check_header(raw, size)
    return raw


def _fill(handle: BinaryIO, view: memoryview, what: str) -> None:
    while view:
        count = handle.readinto(view[:_CHUNK])  # type: ignore[attr-defined]
        if not count:
            raise ModelFileError(f"truncated inside {what}: the file became shorter while it was read")
        view = view[count:]


def _check_header(header: bytes | bytearray, size: int) -> None:
    """Bound what parsing the header can cost, before it is parsed."""
    # A text with an escaped letter may be held with four bytes a letter, twice while it grows.
    held = (8 if b"\\u" in header else 3) * len(header)
    cost = held + sum(header.count(sign) * price for sign, price in COSTS.items())
    if cost > ALLOWANCE + size:
        raise ModelFileError(
            f"the header of {len(header)} bytes would take up to {cost} bytes, expected at most {ALLOWANCE + size}: "
            "too many values or too long a text for a file of this size"
        )


def _entry(name: str, value: Any) -> Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise ModelFileError(f"array {name!r:.80}: expected dtype, shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ModelFileError(f"array {name!r:.80}: element type {dtype!r:.40}, expected one of {_listed(DTYPES)}")
    if not _sizes(shape) or len(shape) > 32 or 0 in shape or not _sizes(offsets) or len(offsets) != 2:
        raise ModelFileError(f"array {name!r:.80}: shape {shape!r:.60} at {offsets!r:.60} is impossible")
    start, stop = offsets
    if math.prod(shape) * DTYPES[dtype].itemsize != stop - start:
        raise ModelFileError(
            f"array {name!r:.80}: shape {shape!r:.60} of {dtype} does not fill its {stop - start} bytes"
        )
    return Entry(DTYPES[dtype], tuple(shape), start, stop)


def _check_places(entries: Mapping[str, Entry], size: int) -> None:
    place = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].start):
        if entry.start != place:
            raise ModelFileError(f"array {name!r:.80} starts at byte {entry.start}, expected {place}: overlap or gap")
        place = entry.stop
    if place != size:
        kind = "truncated" if place > size else "longer than its header says"
        raise ModelFileError(f"{kind}: the arrays take {place} bytes, the file has {size} for them")


def _check_numbers(handle: BinaryIO, offset: int, entries: Mapping[str, Entry], expected: str) -> None:
    """Pass through all arrays and compare them with their checksum."""
    sums = dict.fromkeys(entries, 0)
    block = bytearray(min(_DIGESTED, max((entry.stop - entry.start for entry in entries.values()), default=0)))
    for name, entry in entries.items():
        handle.seek(offset + entry.start)
        for place in range(entry.start, entry.stop, _DIGESTED):
            view = memoryview(block)[: min(_DIGESTED, entry.stop - place)]
            _fill(handle, view, repr(name))
            sums[name] = zlib.crc32(view, sums[name])
    if _together(sums) != expected:
        raise ModelFileError("is damaged: its numbers do not match their checksum")


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**48 for item in value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name stands there twice")
    return table


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"the number {text:.24}... is too long")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text:.24} is beyond float64")
    return value


def _listed(names: Any) -> str:
    return ", ".join(map(str, names))


def one_line(error: Exception) -> str:
    """Return an error's text without line breaks or control characters, whatever a file has put into it."""
    return printable(str(error) or type(error).__name__, 500)
