import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from backproof.data import load, read_idx
from backproof.errors import DataError

# The element types of the format's description, most significant byte first.
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def encode(array: NDArray[np.generic], code: int = 8) -> bytes:
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(TYPES[code]).tobytes()


def fill(
    folder: Path, *, packed: bool, mark: str = "-", parts: tuple[str, ...] = ("train", "t10k")
) -> NDArray[np.uint8]:
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 3), dtype=np.uint8)
    for part in parts:
        for kind, array in (("images", images), ("labels", np.arange(20) % 5)):
            content = encode(array)
            name = f"{part}-{kind}{mark}idx{array.ndim}-ubyte"
            (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)
    return images


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mark", ["-", "."])
def test_a_folder_gives_training_and_test_part(tmp_path: Path, packed: bool, mark: str) -> None:
    images = fill(tmp_path, packed=packed, mark=mark)
    data = load(tmp_path)
    np.testing.assert_array_equal(data.x, images)
    np.testing.assert_array_equal(data.y, np.arange(20) % 5)
    assert (data.x.dtype, data.class_names) == (np.uint8, ("0", "1", "2", "3", "4"))
    assert data.test is not None
    np.testing.assert_array_equal(data.test.x, images)
    assert isinstance(data.x, np.memmap) is not packed


def test_a_plain_file_is_preferred_and_a_test_part_optional(tmp_path: Path) -> None:
    fill(tmp_path, packed=True, parts=("train",))
    fill(tmp_path, packed=False, parts=("train",))
    data = load(tmp_path)
    assert isinstance(data.x, np.memmap)
    assert data.test is None


@pytest.mark.parametrize("code", sorted(TYPES))
def test_every_element_type_is_read(tmp_path: Path, code: int) -> None:
    values = np.array([[1, 2, 3], [4, 5, 100]])
    (tmp_path / "a").write_bytes(encode(values, code))
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), values)
    assert read_idx(tmp_path / "a").dtype == TYPES[code]


GOOD = encode(np.arange(12).reshape(3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated: 0 bytes"),
        (GOOD[:3], "truncated: 3 bytes"),
        (GOOD[:7], "truncated inside the header of 2 sizes"),
        (GOOD[:-1], "truncated: 23 bytes, expected 24"),
        (GOOD + b"x", "longer than the 24 bytes"),
        (b"\x01" + GOOD[1:], "magic number 0x01000802"),
        (b"\0\0\x07\x02" + GOOD[4:], "magic number 0x00000702"),
        (b"\0\0\x08\0", "magic number 0x00000800"),
        (b"\0\0\x08\x04" + b"\xff" * 16, "truncated: 20 bytes, expected 3402823"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_damaged_file_says_what_is_wrong(tmp_path: Path, content: bytes, message: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    with pytest.raises(DataError, match=message):
        read_idx(path)


@pytest.mark.parametrize("keep", [1, 15, -1, -9])
def test_a_truncated_gzip_file_says_so(tmp_path: Path, keep: int) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(GOOD)[:keep])
    with pytest.raises(DataError, match="truncated"):
        read_idx(tmp_path / "a.gz")


def test_what_is_not_gzip_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(GOOD)
    with pytest.raises(DataError, match="damaged gzip"):
        read_idx(tmp_path / "a.gz")


@given(content=st.binary(max_size=60), start=st.sampled_from([b"", GOOD[:2], GOOD[:4], GOOD[:12]]))
def test_arbitrary_bytes_give_an_array_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(start + content)
    try:
        array = read_idx(path)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert array.nbytes <= len(start + content)


def test_labels_that_are_missing_or_too_few_are_named(tmp_path: Path) -> None:
    fill(tmp_path, packed=False, parts=("train",))
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(encode(np.arange(19)))
    with pytest.raises(DataError, match="20 images, but train-labels-idx1-ubyte has 19 labels"):
        load(tmp_path)
    labels.unlink()
    with pytest.raises(DataError, match="no train-labels"):
        load(tmp_path)


def test_a_test_label_that_training_lacks_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, packed=False)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(encode(np.full(20, 7)))
    with pytest.raises(DataError, match=r"test part, label\[0\]: unknown class '7'"):
        load(tmp_path)
