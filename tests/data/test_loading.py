from pathlib import Path

import numpy as np
import polars
import pytest

from backproof.data import BUILTIN, Schema, load, load_features, load_labelled
from backproof.errors import BackproofError, DataError, OptionError

CSV = "height,kind,age\n1.75,cat,31\n1.6,dog,42\n"
SCHEMA = Schema(("age", "height"), (2,), ("kind",), (), ("cat", "dog"))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    path.write_text(CSV)
    return path


@pytest.mark.parametrize("word", sorted(BUILTIN))
def test_built_in_data_are_real_and_named(word: str) -> None:
    data = load(word)
    assert len(data) > 100
    assert len(data.feature_names) == data.x.shape[1]
    assert data.task == ("classification" if BUILTIN[word] == "class" else "regression")


def test_digits_are_pixels_from_0_to_16() -> None:
    data = load("digits")
    assert (data.x.dtype, data.x.shape, int(np.max(data.x[:]))) == (np.uint8, (1797, 64), 16)
    assert data.class_names == tuple("0123456789")


def test_built_in_classes_can_be_regressed() -> None:
    assert load("digits", task="regression").task == "regression"


def test_a_missing_file_has_the_nearest_name(tmp_path: Path, table: Path) -> None:
    with pytest.raises(DataError, match=r"Did you mean 'new\.csv'\?"):
        load(tmp_path / "nev.csv", target="kind")
    with pytest.raises(DataError, match=r"Did you mean 'digits'\?"):
        load("digit")
    with pytest.raises(DataError, match="no file or folder"):
        load(tmp_path / "no" / "where.csv")


def test_a_folder_without_data_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected train-images-idx3-ubyte"):
        load(tmp_path)


def test_a_single_row_is_enough_to_predict_or_if_asked_for(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("age,height\n31,1.75\n")
    np.testing.assert_array_equal(load_features(tmp_path / "one.csv", SCHEMA), [[31, 1.75]])
    (tmp_path / "one.csv").write_text("a,t\n31,1.75\n")
    assert len(load(tmp_path / "one.csv", target="t", minimum_rows=1)) == 1


def test_columns_are_matched_by_name_and_others_ignored(table: Path) -> None:
    np.testing.assert_array_equal(load_features(table, SCHEMA), [[31, 1.75], [42, 1.6]])
    np.testing.assert_array_equal(load_features(table, Schema(("height", "age"), (2,))), [[1.75, 31], [1.6, 42]])
    data = load_labelled(table, SCHEMA)
    np.testing.assert_array_equal(data.y, [0, 1])
    assert data.schema == SCHEMA


def test_missing_columns_are_named_with_the_nearest(table: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'aged'\. Did you mean 'age'\?"):
        load_features(table, Schema(("aged", "height"), (2,)))
    with pytest.raises(DataError, match=r"no columns 'aged', 'heights'\."):
        load_features(table, Schema(("aged", "heights"), (2,)))
    with pytest.raises(DataError, match="no column 'species'"):
        load_labelled(table, Schema(("age",), (1,), ("species",), (), ("cat", "dog")))


def test_an_unknown_class_has_its_row_and_the_nearest(table: Path) -> None:
    with pytest.raises(DataError, match=r"row 3, column 'kind': unknown class 'dog'\. Did you mean 'dogs'\?"):
        load_labelled(table, Schema(("age",), (1,), ("kind",), (), ("cat", "dogs")))


def test_class_order_is_the_models_not_the_files(table: Path) -> None:
    data = load_labelled(table, Schema(("age",), (1,), ("kind",), (), ("dog", "bird", "cat")))
    np.testing.assert_array_equal(data.y, [2, 0])


def test_number_classes_match_however_they_are_typed(tmp_path: Path) -> None:
    schema = Schema(("a",), (1,), ("t",), (), ("0", "10"))
    (tmp_path / "d.csv").write_text("a,t\n1,10\n2,0\n")
    polars.DataFrame({"a": [1, 2], "t": [10.0, 0.0]}).write_parquet(tmp_path / "d.parquet")
    np.savez(tmp_path / "d.npz", x=np.ones((2, 1)), y=np.array([10, 0], dtype=np.int8))
    for name in ("d.csv", "d.parquet", "d.npz"):
        np.testing.assert_array_equal(load_labelled(tmp_path / name, schema).y, [1, 0])


def test_a_model_without_column_names_takes_columns_in_order(table: Path) -> None:
    np.testing.assert_array_equal(load_features(table, Schema((), (2,), ("kind",))), [[1.75, 31], [1.6, 42]])
    assert load_features(table, Schema((), (2, 1), ("kind",))).shape == (2, 2, 1)
    with pytest.raises(DataError, match="2 columns, the model expects 5"):
        load_features(table, Schema((), (5,), ("kind",)))


def test_arrays_are_matched_by_shape(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.ones((3, 2)), y=np.array([[1.0], [2.0], [3.0]]))
    assert load_features(tmp_path / "d.npz", SCHEMA).shape == (3, 2)
    with pytest.raises(DataError, match=r"examples of shape \(2,\), the model expects \(4,\)"):
        load_features(tmp_path / "d.npz", Schema((), (4,)))
    np.testing.assert_array_equal(load_labelled(tmp_path / "d.npz", Schema((), (2,), ("y",))).y, [1, 2, 3])
    with pytest.raises(DataError, match=r"targets of shape \(\), the model expects \(2,\)"):
        load_labelled(tmp_path / "d.npz", Schema((), (2,), ("y",), (2,)))
    np.savez(tmp_path / "d.npz", x=np.ones((3, 2)))
    with pytest.raises(DataError, match="no targets to compare"):
        load_labelled(tmp_path / "d.npz", Schema((), (2,), ("y",)))


@pytest.mark.parametrize("word", ["iris", "digits", "diabetes"])
def test_built_in_data_can_be_loaded_for_a_model_trained_on_them(word: str) -> None:
    data = load(word)
    again = load_labelled(word, data.schema)
    np.testing.assert_array_equal(again.y, data.y)
    np.testing.assert_array_equal(again.x[:], data.x[:])


def test_several_targets_are_loaded_in_the_models_order(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,b,c\n1,2,3\n4,5,6\n")
    data = load_labelled(tmp_path / "d.csv", Schema(("b",), (1,), ("c", "a"), (2,)))
    np.testing.assert_array_equal(data.y, [[3, 1], [6, 4]])
    single = load_labelled(tmp_path / "d.csv", Schema(("b",), (1,), ("c",), ()))
    np.testing.assert_array_equal(single.y, [3, 6])


def test_an_unknown_built_in_word_is_refused_with_the_nearest() -> None:
    from backproof.data.builtin import read_builtin

    with pytest.raises(OptionError, match="Did you mean 'wine'"):
        read_builtin("wines")
    assert issubclass(OptionError, BackproofError)
