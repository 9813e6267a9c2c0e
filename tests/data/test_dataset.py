from pathlib import Path

import numpy as np
import pytest

from backproof.data import Dataset, Rows
from backproof.errors import DataError, ShapeError


def small(**changes: object) -> Dataset:
    parts = {"x": np.arange(12.0).reshape(6, 2), "y": np.array([0, 1, 0, 1, 0, 1]), "class_names": ("no", "yes")}
    return Dataset(**{**parts, **changes})  # type: ignore[arg-type]


def test_the_task_follows_from_the_targets() -> None:
    assert small().task == "classification"
    assert small(y=np.arange(6.0), class_names=None).task == "regression"
    assert small(y=None, class_names=None).task is None


def test_schema_has_the_shapes_and_names() -> None:
    data = small(y=np.ones((6, 3)), class_names=None, feature_names=("a", "b"), target_names=("u", "v", "w"))
    schema = data.schema
    assert (schema.example_shape, schema.target_shape) == ((2,), (3,))
    assert (schema.feature_names, schema.target_names) == (("a", "b"), ("u", "v", "w"))


def test_batches_cover_all_rows_once_in_the_given_order() -> None:
    order = np.array([5, 3, 1, 0, 2, 4])
    batches = list(small().batches(4, order=order))
    assert [len(x) for x, _ in batches] == [4, 2]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), small().x[order])
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches if y is not None]), small().y[order])
    np.testing.assert_array_equal(np.concatenate([x for x, _ in small().batches(5)]), small().x)


def test_taken_rows_of_taken_rows_are_the_right_ones(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(6, 2))
    data = small(x=np.load(tmp_path / "x.npy", mmap_mode="r"))
    twice = data.take([5, 3, 1]).take([2, 0])
    assert isinstance(twice.x, Rows)
    assert isinstance(twice.x.source, np.memmap)
    assert len(twice.x) == 2
    np.testing.assert_array_equal(twice.x[:], [[2, 3], [10, 11]])
    np.testing.assert_array_equal(twice.y, [1, 1])


def test_a_view_of_a_memory_map_is_still_taken_lazily(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((6, 2)))
    view = np.asarray(np.load(tmp_path / "x.npy", mmap_mode="r"))[1:].reshape(5, 2, 1)
    assert isinstance(Dataset(view).take([0, 1]).x, Rows)
    assert isinstance(Dataset(np.zeros((5, 2))).take([0, 1]).x, np.ndarray)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x": np.arange(6.0)}, ShapeError, r"x has shape \(6,\), expected \(rows, features"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, DataError, "at least one row"),
        ({"x": np.zeros((6, 0))}, DataError, "one feature"),
        ({"y": np.zeros(5, int)}, ShapeError, "6 examples but 5 targets"),
        ({"feature_names": ("a",)}, ShapeError, "1 feature names"),
        ({"y": np.array([0, 1, 2, 0, 0, 0])}, DataError, "class index 2, expected 0 to 1"),
        ({"y": np.array([0, -1, 1, 0, 0, 0])}, DataError, "class index -1, expected 0 to 1"),
        ({"y": np.zeros(6)}, DataError, "float64"),
        ({"y": np.zeros(6, int), "class_names": None}, DataError, "expected floating"),
        ({"class_names": ("a", "a")}, DataError, "each once"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        small(**changes)


@pytest.mark.parametrize("indices", [[6], [-1], [0.5], [[0, 1]]])
def test_impossible_row_numbers_are_refused(indices: list[object]) -> None:
    with pytest.raises(ShapeError, match="row numbers"):
        small().take(indices)


def test_an_empty_choice_of_rows_is_refused() -> None:
    with pytest.raises(DataError, match="at least one row"):
        small().take(np.zeros(0, int))


def test_a_batch_size_below_one_is_refused() -> None:
    with pytest.raises(ShapeError, match="batch size 0"):
        list(small().batches(0))
