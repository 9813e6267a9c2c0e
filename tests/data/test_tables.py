import io
import sys
from pathlib import Path

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.data import load
from backproof.data.tables import read_csv
from backproof.errors import BackproofError, DataError, NonFiniteError, OptionError

GOOD = "age,height,kind\n31,1.75,cat\n42,1.6,dog\n"


@pytest.fixture
def csv(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(content: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_csv_file_becomes_features_and_named_classes(csv) -> None:  # type: ignore[no-untyped-def]
    data = load(csv(GOOD), target="kind")
    np.testing.assert_array_equal(data.x, [[31, 1.75], [42, 1.6]])
    np.testing.assert_array_equal(data.y, [0, 1])
    assert (data.feature_names, data.target_names) == (("age", "height"), ("kind",))
    assert (data.class_names, data.task, data.name) == (("cat", "dog"), "classification", "data.csv")


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        "\ufeff" + GOOD,
        GOOD.rstrip(),
        GOOD + "\n\n",
        GOOD.replace("\n42", "\n\n\n42"),
        GOOD.replace(",", " , "),
        GOOD.replace("cat", '"cat"').replace("age", '"age"'),
    ],
    ids=["semicolon", "tab", "crlf", "cr", "bom", "no-end", "blank-end", "blank-within", "spaces", "quotes"],
)
def test_the_usual_spellings_of_a_table_read_the_same(csv, content: str) -> None:  # type: ignore[no-untyped-def]
    data = load(csv(content), target="kind")
    np.testing.assert_array_equal(data.x, [[31, 1.75], [42, 1.6]])
    assert data.class_names == ("cat", "dog")
    assert data.feature_names == ("age", "height")


def test_quoted_separators_and_line_ends_are_text(csv) -> None:  # type: ignore[no-untyped-def]
    data = load(csv('"a,b;c;d",kind\n1,"x\n,y"\n2,"say ""z"""\n'), target="kind")
    assert data.class_names == ('say "z"', "x\n,y")
    assert data.feature_names == ("a,b;c;d",)


BAD = [
    ("", "file is empty"),
    (" \n\n", "file is empty"),
    ("age,kind\n", "no data row"),
    ("age,kind\n1,cat\n", "1 row of data, expected at least 2"),
    ("kind\ncat\ndog\n", "no feature column is left"),
    ("age,age,kind\n1,2,cat\n3,4,dog\n", "row 1: duplicate column names 'age'"),
    (",,\n1,2,cat\n", "row 1 is empty"),
    (",age,kind\n0,1,cat\n1,2,dog\n", "column 1 has no name"),
    ("age,kind\n1,cat\n2\n", "row 3: 1 fields, expected 2"),
    ("age,kind\n1,cat\n2,dog,3\n", "row 3: 3 fields, expected 2"),
    ('age,kind\n1,cat\n2,"dog\n', "row 3: unexpected end of data"),
    ("age,kind\n1,cat\nabc,dog\n", "row 3, column 'age': 'abc' is not a number"),
    ("age,kind\n1,cat\n\nabc,dog\n", "row 4, column 'age': 'abc' is not a number"),
    ("age,kind\nu,cat\nv,dog\nw,dog\n", r"row 2, column 'age': 'u' is not a number \(and 2 more"),
    ("age;kind\n1;cat\n2,5;dog\n", "row 3, column 'age': '2,5' is not a number; write a decimal point: 2.5"),
    ("age,kind\n1,cat\n,dog\n", "row 3, column 'age': the cell is empty"),
    ("age,kind\n1,cat\n  ,dog\n", "row 3, column 'age': the cell is empty"),
    ("age,kind\n1,cat\n2,\n", "row 3, column 'kind': the cell is empty"),
    ("age,kind\n1,cat\nN/A,dog\n", "row 3, column 'age': the value is missing"),
    ("age,kind\n1,1.5\n2,NA\n", "row 3, column 'kind': the value is missing"),
    ("age,kind\n1,cat\nnan,dog\n", "row 3, column 'age': nan is not a finite number"),
    ("age,kind\n1,cat\n-inf,dog\n", "row 3, column 'age': -inf is not a finite number"),
    ("age,kind\n1,cat\n1e999,dog\n", "row 3, column 'age': 1e999 is not a finite number"),
    ("age,kind\n1,1.5\n2,inf\n", "row 3, column 'kind': inf is not a finite number"),
    ("age,kind\n1,cat\n2,cat\n", "every row is of the class 'cat'"),
    (b"age,kind\n1,cat\n2,caf\xe9\n", "row 3: byte 0xe9 is not UTF-8"),
    (GOOD.encode("utf-16"), "UTF-16"),
    (b"\x00\x01\x02", "binary data"),
    ("1,2,3\n4,5,6\n7,8,9\n", r"no column 'kind'.*\(row 1 is read as the header\)"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_a_bad_table_is_one_line_with_its_place(csv, content: str | bytes, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((DataError, NonFiniteError), match=message) as caught:
        load(csv(content), target="kind")
    assert str(caught.value).startswith("data.csv")
    assert "\n" not in str(caught.value)


def test_a_missing_target_has_the_nearest_name_and_the_list(csv) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=r"no column 'knd'\. Did you mean 'kind'\? Columns: 'age', 'height', 'kind'"):
        load(csv(GOOD), target="knd")
    with pytest.raises(DataError, match="which column is the target"):
        load(csv(GOOD))


def test_a_long_list_of_columns_is_cut_short(csv) -> None:  # type: ignore[no-untyped-def]
    header = ",".join(f"c{i}" for i in range(1000))
    with pytest.raises(DataError, match="and 992 more") as caught:
        load(csv(f"{header}\n{header}\n{header}\n"), target="zzz")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("cells", "task", "classes", "targets"),
    [
        (["10", "9", "10"], "auto", ("9", "10"), [1, 0, 1]),
        (["10", "9", "10"], "regression", None, [10, 9, 10]),
        (["1.5", "2", "3"], "auto", None, [1.5, 2, 3]),
        (["10.5", "9", "9.0"], "classification", ("9", "10.5"), [1, 0, 0]),
        (["007", "7", "7"], "auto", ("007", "7"), [0, 1, 1]),
        (["True", "False", "True"], "auto", ("False", "True"), [1, 0, 1]),
        ([str(i) for i in range(21)], "auto", None, list(range(21))),
        ([str(i) for i in range(20)], "auto", tuple(map(str, range(20))), list(range(20))),
        ([str(i % 50) for i in range(500)], "auto", tuple(map(str, range(50))), [i % 50 for i in range(500)]),
    ],
)
def test_the_task_follows_from_the_target_unless_it_is_given(  # type: ignore[no-untyped-def]
    csv, cells: list[str], task, classes: tuple[str, ...] | None, targets: list[float]
) -> None:
    data = load(csv("x,t\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))), target="t", task=task)
    assert data.class_names == classes
    np.testing.assert_array_equal(data.y, targets)
    assert data.y.dtype == (np.float64 if classes is None else np.int64)


def test_text_targets_cannot_be_regressed_and_say_where(csv) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="row 3, column 'kind': 'x' is not a number"):
        load(csv("age,kind\n1,2\n2,x\n"), target="kind", task="regression")


def test_one_text_among_numbers_to_predict_is_named_and_not_taken_for_a_class(csv) -> None:  # type: ignore[no-untyped-def]
    prices = [f"{100 + i}.5" for i in range(40)]
    prices[6] = "cheap"
    path = csv("age,price\n" + "".join(f"{i},{price}\n" for i, price in enumerate(prices)))
    with pytest.raises(DataError, match=r"data\.csv, row 8, column 'price': 'cheap' is not a number.*classification"):
        load(path, target="price")
    with pytest.raises(DataError, match=r"data\.csv, row 8, column 'price': 'cheap' is not a number"):
        load(path, target="price", task="regression")
    assert load(path, target="price", task="classification").task == "classification"


def test_a_word_among_a_few_numbers_is_a_class(csv) -> None:  # type: ignore[no-untyped-def]
    kinds = [str(i % 10) for i in range(60)] + ["none of these"]
    data = load(csv("age,kind\n" + "".join(f"{i},{kind}\n" for i, kind in enumerate(kinds))), target="kind")
    assert data.class_names is not None
    assert len(data.class_names) == 11


def test_several_targets_are_a_regression(csv) -> None:  # type: ignore[no-untyped-def]
    path = csv("a,b,c\n1,2,3\n4,5,6\n")
    data = load(path, target=["c", "a"])
    np.testing.assert_array_equal(data.y, [[3, 1], [6, 4]])
    assert (data.target_names, data.feature_names) == (("c", "a"), ("b",))
    with pytest.raises(DataError, match="2 targets, expected one for classification"):
        load(path, target=["c", "a"], task="classification")


def test_features_can_be_named_or_dropped(csv) -> None:  # type: ignore[no-untyped-def]
    path = csv("id,a,b,t\nx,1,2,0\ny,3,4,1\n")
    np.testing.assert_array_equal(load(path, target="t", drop=["id"]).x, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(load(path, target="t", features=["b", "a"]).x, [[2, 1], [4, 3]])
    np.testing.assert_array_equal(load(path, target="t", features="b").x, [[2], [4]])
    with pytest.raises(DataError, match="no column 'c'"):
        load(path, target="t", features=["c"])
    with pytest.raises(DataError, match="named as a feature and as the target"):
        load(path, target="t", features=["a", "t"])
    with pytest.raises(DataError, match="no column 'idd'"):
        load(path, target="t", drop=["idd"])


def test_an_unknown_task_is_refused(csv) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(OptionError, match="task 'guess'"):
        load(csv(GOOD), target="kind", task="guess")


def test_standard_input_is_a_csv_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    data = load("-", target="kind")
    assert (len(data), data.name) == (2, "standard input")


@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1))
def test_every_float_comes_back_exactly(rows: list[list[float]]) -> None:
    text = "a,b\n" + "".join(f"{a!r},{b!r}\n" for a, b in rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        values = read_csv(None, "standard input").matrix(["a", "b"])
    np.testing.assert_array_equal(values, rows)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_table_or_one_line(content: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a,b\n" + content)))
        try:
            read_csv(None, "standard input").matrix(["a", "b"])
        except BackproofError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017


def test_parquet_columns_keep_their_kinds(tmp_path: Path) -> None:
    frame = polars.DataFrame({"n": [1, 2, 3], "f": [0.5, 1.5, 2.5], "b": [True, False, True], "t": ["u", "v", "u"]})
    frame = frame.with_columns(c=polars.col("t").cast(polars.Categorical))
    frame.write_parquet(tmp_path / "d.parquet")
    data = load(tmp_path / "d.parquet", target="t", drop=["c"])
    np.testing.assert_array_equal(data.x, [[1, 0.5, 1], [2, 1.5, 0], [3, 2.5, 1]])
    assert data.class_names == ("u", "v")
    assert load(tmp_path / "d.parquet", target="c", drop=["t"]).class_names == ("u", "v")
    assert load(tmp_path / "d.parquet", target="b", drop=["t", "c"]).class_names == ("false", "true")
    assert load(tmp_path / "d.parquet", target="f", drop=["t", "c"]).task == "regression"
    assert load(tmp_path / "d.parquet", target="n", drop=["t", "c"]).class_names == ("1", "2", "3")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1.0, None]}, "row 2, column 'a': the cell is empty"),
        ({"a": [None, None]}, "row 1, column 'a': the cell is empty"),
        ({"a": [1.0, float("nan")]}, "row 2, column 'a': nan is not a finite number"),
        ({"a": ["1", "x"]}, "row 2, column 'a': 'x' is not a number"),
        ({"a": [[1.0], [2.0]]}, r"column 'a': holds List\(Float64\), expected numbers or text"),
    ],
)
def test_a_bad_parquet_cell_is_named(tmp_path: Path, columns: dict[str, list[object]], message: str) -> None:
    polars.DataFrame({**columns, "t": ["u", "v"]}).write_parquet(tmp_path / "d.parquet")
    with pytest.raises((DataError, NonFiniteError), match=message):
        load(tmp_path / "d.parquet", target="t")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", GOOD.encode()])
def test_a_damaged_parquet_file_is_one_line(csv, content: bytes) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=r"d\.parquet: not readable as Parquet"):
        load(csv(content, "d.parquet"), target="t")


def test_a_panic_of_the_parquet_reader_is_an_error(csv, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    def panic(*_: object, **__: object) -> None:
        raise polars.exceptions.PanicException("index out of range\nbacktrace")

    monkeypatch.setattr(polars, "read_parquet", panic)
    with pytest.raises(DataError, match=r"not readable as Parquet: index out of range$"):
        load(csv(b"", "d.parquet"), target="t")


def test_missing_polars_is_said_with_the_install_line(csv, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match=r"pip install 'backproof\[data\]'"):
        load(csv(GOOD), target="kind")
