import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.data import Dataset, Preparation, load, split
from backproof.data.moments import moments
from backproof.errors import DataError, DtypeError, ModelFileError, NonFiniteError, OptionError, ShapeError

RANDOM = np.random.default_rng(0)


def regression(x: Any = None, y: Any = None) -> Dataset:
    x = RANDOM.normal(3.0, [0.1, 10.0], (50, 2)) if x is None else x
    y = RANDOM.normal(7.0, 2.0, 50) if y is None else y
    return Dataset(x, y, ("a", "b") if np.shape(x)[1:] == (2,) else (), ("t",), name="d.csv")


def test_columns_get_mean_0_and_deviation_1() -> None:
    data = regression()
    result = Preparation.learn(data, dtype="float64").apply(data.x)
    np.testing.assert_allclose(result.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(result.std(axis=0), 1, rtol=1e-13)


@pytest.mark.parametrize("stored", ["float32", "float64", "int64", "uint8", "bool", "float16", ">f4"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_result_has_the_chosen_dtype_whatever_is_stored(stored: str, dtype: Any) -> None:
    x = RANDOM.integers(0, 2, (20, 3)).astype(stored)
    assert Preparation.learn(regression(x, np.arange(20.0)), dtype=dtype).apply(x).dtype == dtype


def test_only_the_training_part_is_learned_from() -> None:
    parts = split(load("iris"))
    preparation = Preparation.learn(parts.train)
    np.testing.assert_allclose(preparation.mean, np.mean(parts.train.x[:], axis=0))
    assert np.abs(preparation.mean - np.mean(load("iris").x[:], axis=0)).min() > 0


def test_late_digits_survive_a_large_offset_in_float32() -> None:
    x = 1.7e9 + np.arange(20.0)[:, None]
    result = Preparation.learn(regression(x, np.arange(20.0))).apply(x)
    np.testing.assert_allclose(result[:, 0], (np.arange(20) - 9.5) / np.std(np.arange(20)), rtol=1e-6)


def test_pixels_share_one_mean_and_one_scale() -> None:
    images = RANDOM.integers(0, 256, (30, 4, 4), dtype=np.uint8)
    preparation = Preparation.learn(Dataset(images))
    unit = images / 255
    assert preparation.mean.shape == ()
    np.testing.assert_allclose(preparation.apply(images), (unit - unit.mean()) / unit.std(), rtol=1e-5, atol=1e-6)


def test_without_standardisation_pixels_are_divided_by_255_and_numbers_left() -> None:
    images = RANDOM.integers(0, 256, (30, 5), dtype=np.uint8)
    np.testing.assert_allclose(
        Preparation.learn(Dataset(images), standardize=False).apply(images), images / 255, rtol=1e-6
    )
    data = regression()
    plain = Preparation.learn(data, standardize=False, standardize_target=False, dtype="float64")
    np.testing.assert_array_equal(plain.apply(data.x), data.x)
    np.testing.assert_array_equal(plain.apply_target(data.y), data.y)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e300, -3e-310])
def test_a_constant_column_is_kept_at_0_with_a_note(constant: float) -> None:
    x = np.column_stack([np.full(1000, constant), np.arange(1000.0)])
    preparation = Preparation.learn(regression(x, np.arange(1000.0)))
    result = preparation.apply(x)
    assert (result[:, 0] == 0).all()
    assert np.isfinite(result).all()
    assert len(preparation.notes) == 1
    assert "column 'a' is constant" in preparation.notes[0]


def test_many_constant_columns_are_one_note() -> None:
    x = np.ones((10, 300))
    x[:, 7] = np.arange(10)
    (note,) = Preparation.learn(regression(x, np.arange(10.0))).notes
    assert "and 291 more are constant" in note


def test_data_without_any_variation_are_refused() -> None:
    with pytest.raises(DataError, match=r"d\.csv: every feature is constant"):
        Preparation.learn(regression(np.ones((5, 2)), np.arange(5.0)))


def test_values_too_large_to_scale_are_refused() -> None:
    with pytest.raises(DataError, match=r"1\.0e\+300 are too large"):
        Preparation.learn(regression(np.array([[1.0, 1e300], [2.0, -1e300]]), np.arange(2.0)))


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_learning_from_numbers_that_are_not_finite_is_refused(standardize: bool, bad: float) -> None:
    x = RANDOM.normal(size=(50, 2))
    x[17, 1] = bad
    with pytest.raises(NonFiniteError, match=rf"d\.csv, x\[17, 1\] is {bad}"):
        Preparation.learn(regression(x, np.arange(50.0)), standardize=standardize)


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 50), st.booleans(), st.integers(0, 99))
def test_moments_in_blocks_are_those_of_the_whole(
    rows: int, columns: int, block: int, together: bool, seed: int
) -> None:
    x = np.random.default_rng(seed).normal(1e4, 1.0, (rows, columns))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backproof.data.dataset.BLOCK_ELEMENTS", block)
        seen = moments(x, "x", together=together)
    axis = None if together else 0
    np.testing.assert_allclose(seen.mean, x.mean(axis=axis), rtol=1e-14)
    np.testing.assert_allclose(seen.deviation, x.std(axis=axis), rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(seen.low, x.min(axis=axis))
    np.testing.assert_array_equal(seen.high, x.max(axis=axis))


@pytest.mark.parametrize("shape", [(50,), (50, 3)])
def test_regression_targets_are_scaled_and_come_back(shape: tuple[int, ...]) -> None:
    y = RANDOM.normal(100.0, 5.0, shape)
    preparation = Preparation.learn(regression(y=y), dtype="float64")
    scaled = preparation.apply_target(y)
    np.testing.assert_allclose(scaled.std(axis=0), 1)
    np.testing.assert_allclose(preparation.invert_target(scaled), y, rtol=1e-14)
    assert preparation.invert_target(scaled.astype(np.float32)).dtype == np.float32


def test_whole_numbers_predicted_come_back_unrounded() -> None:
    preparation = Preparation.learn(regression())
    for kind in (np.int64, np.uint8, bool):
        came = preparation.invert_target(np.array([1, 0], kind))
        assert came.dtype == np.float64
        np.testing.assert_allclose(came, preparation.invert_target(np.array([1.0, 0.0])), rtol=1e-15)


def test_classes_are_indices_in_and_names_out() -> None:
    preparation = Preparation.learn(load("iris"))
    np.testing.assert_array_equal(preparation.apply_target(np.array([2, 0], np.int32)), [2, 0])
    assert preparation.apply_target(np.array([2])).dtype == np.int64
    assert preparation.invert_target(np.array([2, 0])).tolist() == ["virginica", "setosa"]
    for method in (preparation.apply_target, preparation.invert_target):
        with pytest.raises(DataError, match="class index 3, expected 0 to 2"):
            method(np.array([0, 3]))
        with pytest.raises(DataError, match="class index -1"):
            method(np.array([-1, 2]))
        with pytest.raises(DataError, match="float64"):
            method(np.array([0.0]))


def test_examples_and_targets_of_another_kind_are_refused() -> None:
    preparation = Preparation.learn(regression())
    with pytest.raises(ShapeError, match=r"shape \(4, 3\), expected \(n, 2\)"):
        preparation.apply(np.ones((4, 3)))
    with pytest.raises(ShapeError, match=r"shape \(2,\), expected \(n, 2\)"):
        preparation.apply(np.ones(2))
    with pytest.raises(DtypeError, match="complex128"):
        preparation.apply(np.ones((4, 2), complex))
    for method, what in ((preparation.apply_target, "targets"), (preparation.invert_target, "predictions")):
        for kind in (complex, "U1"):
            with pytest.raises(DtypeError, match=f"{what} have dtype .*, expected real numbers"):
                method(np.ones(4, kind))
    with pytest.raises(ShapeError, match="targets have shape"):
        preparation.apply_target(np.ones((4, 2)))
    with pytest.raises(ShapeError, match="predictions have shape"):
        preparation.invert_target(np.ones((4, 2)))
    with pytest.raises(OptionError, match="float16"):
        Preparation.learn(regression(), dtype="float16")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="without targets"):
        Preparation.learn(Dataset(np.arange(6.0).reshape(3, 2))).apply_target(np.ones(3))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_applying_to_numbers_beyond_the_dtype_names_row_and_column(bad: float) -> None:
    preparation = Preparation.learn(regression())
    x = np.zeros((4, 2))
    x[2, 1] = bad
    with pytest.raises(NonFiniteError, match=r"examples\[2\], column 'b'"):
        preparation.apply(x)
    with pytest.raises(NonFiniteError, match="targets"):
        preparation.apply_target(np.array([0.0, bad]))


def test_no_rows_give_no_rows() -> None:
    assert Preparation.learn(regression()).apply(np.ones((0, 2))).shape == (0, 2)


PREPARED = [
    Preparation.learn(load("iris")),
    Preparation.learn(load("digits")),
    Preparation.learn(regression(), dtype="float64"),
    Preparation.learn(regression(y=RANDOM.normal(size=(50, 3)))),
    Preparation.learn(Dataset(np.arange(6.0).reshape(3, 2))),
    Preparation.learn(regression(np.column_stack([np.ones(9), np.arange(9.0)]), np.arange(9.0))),
]


@pytest.mark.parametrize("preparation", PREPARED, ids=["iris", "digits", "one", "three", "none", "note"])
def test_parts_through_json_give_the_same_preparation(preparation: Preparation) -> None:
    again = Preparation.from_parts(json.loads(json.dumps(preparation.describe())), preparation.arrays())
    assert (again.schema, again.dtype, again.notes) == (preparation.schema, preparation.dtype, preparation.notes)
    assert again.describe() == preparation.describe()
    for name, array in preparation.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)
        assert array.dtype == np.float64


HOSTILE: list[Callable[[dict[str, Any], dict[str, Any]], object]] = [
    lambda d, a: d.pop("dtype"),
    lambda d, a: d.update(extra=1),
    lambda d, a: d.update(dtype="int8"),
    lambda d, a: d.update(dtype=["float32"]),
    lambda d, a: d.update(feature_names="ab"),
    lambda d, a: d.update(feature_names=["a", 2]),
    lambda d, a: d.update(feature_names=["a"]),
    lambda d, a: d.update(example_shape=[]),
    lambda d, a: d.update(example_shape=[-2]),
    lambda d, a: d.update(example_shape=[2.0]),
    lambda d, a: d.update(example_shape=[True, 2]),
    lambda d, a: d.update(example_shape=[10**30]),
    lambda d, a: d.update(example_shape=None),
    lambda d, a: d.update(target_shape=[3]),
    lambda d, a: d.update(target_names={}),
    lambda d, a: d.update(class_names=[]),
    lambda d, a: d.update(class_names=["u", "u"]),
    lambda d, a: d.update(class_names=["u", "v"], target_names=[]),
    lambda d, a: d.update(class_names=["u", "v"], target_shape=[2]),
    lambda d, a: d.update(notes=[1]),
    lambda d, a: d.update(notes="x" * 10_000),
    lambda d, a: a.pop("mean"),
    lambda d, a: a.pop("target_scale"),
    lambda d, a: a.update(mean=[0.0, 0.0]),
    lambda d, a: a.update(mean=np.zeros(3)),
    lambda d, a: a.update(mean=np.zeros(())),
    lambda d, a: a.update(mean=np.zeros(2, np.float32)),
    lambda d, a: a.update(mean=np.array([0.0, np.nan])),
    lambda d, a: a.update(mean=np.array(["a", "b"], object)),
    lambda d, a: a.update(scale=np.zeros(2)),
    lambda d, a: a.update(scale=np.array([1.0, -1.0])),
    lambda d, a: a.update(target_scale=np.array(np.inf)),
]


@pytest.mark.parametrize("spoil", HOSTILE)
def test_hostile_parts_are_one_error(spoil: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    preparation = Preparation.learn(regression())
    description, arrays = preparation.describe(), preparation.arrays()
    spoil(description, arrays)
    with pytest.raises(ModelFileError) as caught:
        Preparation.from_parts(description, arrays)
    assert len(str(caught.value)) < 400


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PREPARED[0].describe()]), inner, max_size=8)
        ),
    )
)
def test_arbitrary_json_is_refused(description: Any) -> None:
    with pytest.raises(ModelFileError):
        Preparation.from_parts(description, {})
    with pytest.raises(ModelFileError):
        Preparation.from_parts(PREPARED[0].describe(), description)
