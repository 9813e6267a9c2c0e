from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.data import Dataset, Rows, Split, load, split
from backproof.errors import DataError, OptionError


def numbered(rows: int, classes: int = 0) -> Dataset:
    x = np.arange(rows * 2.0).reshape(rows, 2)
    names = tuple(map(str, range(classes))) or None
    return Dataset(x, np.arange(rows) % classes if classes else np.arange(float(rows)), class_names=names)


def rows_of(parts: Split) -> list[list[int]]:
    return [[] if part is None else (part.x[:, 0] / 2).astype(int).tolist() for part in parts]


@given(st.integers(12, 200), st.integers(0, 2**32), st.sampled_from([0, 2, 3]))
def test_parts_are_disjoint_complete_and_of_the_asked_size(rows: int, seed: int, classes: int) -> None:
    train, validation, test = rows_of(split(numbered(rows, classes), seed=seed))
    assert sorted(train + validation + test) == list(range(rows))
    assert (len(validation), len(test)) == (round(0.1 * rows), round(0.2 * rows))
    assert train == sorted(train)


def test_the_seed_decides() -> None:
    first, again, other = (rows_of(split(numbered(100), seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_parts_of_a_seed_stay_the_same_between_versions() -> None:
    assert rows_of(split(numbered(10), seed=0))[1:] == [[0], [1, 8]]
    assert rows_of(split(numbered(12, 3), seed=0))[1:] == [[1], [6, 8]]


@given(st.lists(st.integers(3, 60), min_size=2, max_size=5), st.integers(0, 100))
def test_every_class_has_its_share_of_every_part(counts: list[int], seed: int) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    data = Dataset(np.ones((len(y), 1)), y, class_names=tuple(map(str, range(len(counts)))))
    if round(0.1 * len(y)) == 0:
        return
    parts = split(data, seed=seed)
    assert set(parts.train.y) == set(y)
    assert parts.test is not None
    found = Counter(parts.test.y.tolist())
    cut = len(parts.test) / len(y)
    for index, count in enumerate(counts):
        assert abs(found[index] - cut * count) < 2


def test_digits_are_divided_in_equal_shares() -> None:
    data = load("digits")
    test = split(data).test
    assert test is not None
    np.testing.assert_allclose(np.bincount(test.y) / np.bincount(data.y), 0.2, atol=0.01)


def test_a_part_without_a_share_is_none() -> None:
    parts = split(numbered(10), validation=0, test=0)
    assert parts.validation is None
    assert parts.test is None
    assert len(parts.train) == 10


def test_a_test_part_that_came_with_the_data_stays() -> None:
    given_part = numbered(7)
    whole = numbered(50)
    data = Dataset(whole.x, whole.y, test=given_part)
    parts = split(data)
    assert parts.test is given_part
    assert parts.validation is not None
    assert (len(parts.train), len(parts.validation)) == (45, 5)


def test_rows_of_a_memory_map_are_not_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", numbered(20).x)
    data = Dataset(np.load(tmp_path / "x.npy", mmap_mode="r"), np.arange(20.0))
    parts = split(data)
    assert isinstance(parts.train.x, Rows)
    for part in parts:
        assert part is not None
        np.testing.assert_array_equal(part.x[:][:, 0] / 2, part.y)


def test_a_class_that_is_too_small_is_named() -> None:
    y = np.array([0] * 20 + [1] * 2)
    data = Dataset(np.ones((22, 1)), y, class_names=("many", "few"), name="d.csv")
    with pytest.raises(DataError, match=r"d\.csv: class 'few' has 2 of the rows, a split into 3 parts needs 3"):
        split(data)
    assert len(split(data, validation=0).train) == 18
    assert len(split(data, stratify=False).train) == 16


def test_a_class_that_training_would_lack_is_named() -> None:
    data = Dataset(np.ones((40, 1)), np.repeat([0, 1], [37, 3]), class_names=("many", "few"))
    with pytest.raises(DataError, match="no row of class 'few' falls into the training part"):
        [split(data, validation=0.45, test=0.5, seed=seed) for seed in range(50)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": 1.0}, "validation share is 1.0"),
        ({"test": -0.1}, "test share is -0.1"),
        ({"test": float("nan")}, "test share is nan"),
        ({"validation": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_impossible_shares_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        split(numbered(50), **options)  # type: ignore[arg-type]


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(DataError, match="2 rows are too few for a test part"):
        split(numbered(2))
    with pytest.raises(DataError, match="too few to leave any for training"):
        split(numbered(2), validation=0.45, test=0.5)
