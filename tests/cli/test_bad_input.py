"""Bad input: exit code 1 or 2, one line that says what and where, and nothing half-written."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof.files
from backproof.model import Model
from cli_tables import FAST, houses, irises

Run = Any
TRAIN = ("train", "t.csv", "--target", "y", *FAST, "-o", "m.bp")
NETWORK = ("train", "t.csv", "--target", "y", "-q", "-o", "m.bp", "--network", "n.toml")
GOOD = "a,b,y\n" + "".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(40))


def spoiled(row: int, old: str, new: str) -> str:
    lines = GOOD.splitlines()
    assert old in lines[row - 1]
    lines[row - 1] = lines[row - 1].replace(old, new, 1)
    return "\n".join(lines) + "\n"


def test_the_good_table_is_good(cli: Run) -> None:
    Path("t.csv").write_text(GOOD)
    assert cli(*TRAIN).code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["t.csv", "empty"]),
        ("a,b,y\n", ["t.csv", "no data row"]),
        ("a,b,y\n1,2,0\n", ["t.csv", "1 row of data", "at least 2"]),
        ("a,b,y\n1,2,0\n2,3,1\n", ["t.csv", "2"]),
        (GOOD.replace("a,b,y", "a,b,yy"), ["t.csv", "no column 'y'", "Did you mean 'yy'?"]),
        (spoiled(7, "5,", "five,"), ["t.csv, row 7, column 'a'", "'five' is not a number"]),
        (spoiled(8, "6,", ","), ["t.csv, row 8, column 'a'", "empty"]),
        (spoiled(8, "6,", "nan,"), ["t.csv, row 8, column 'a'"]),
        (spoiled(8, "6,", "inf,"), ["t.csv, row 8, column 'a'", "inf"]),
        (spoiled(8, "6,", "1e999,"), ["t.csv, row 8, column 'a'"]),
        (spoiled(9, "7,", "7,7,"), ["t.csv, row 9", "4 fields, expected 3"]),
        (spoiled(9, ",1", ","), ["t.csv, row 9, column 'y'", "empty"]),
        ("a,a,y\n1,2,0\n2,3,1\n", ["row 1", "duplicate", "'a'"]),
        ("a,b,y\n" + "1,2,0\n1,2,1\n" * 20, ["every feature is constant"]),
        ("a,b,y\n" + "".join(f"{i},1,5\n" for i in range(30)), ["every row is of the class '5'"]),
        ("a,b,y\n" + "".join(f"{i},1,{i == 3:d}\n" for i in range(30)), ["class '1' has 1 of the rows"]),
        ("\0\1\2", ["t.csv", "binary"]),
        ("a,b,y\n" + "1e300,1,0\n-1e300,2,1\n" * 20, ["too large to be scaled"]),
    ],
)
def test_a_bad_table_is_refused_in_one_line(cli: Run, text: str, words: list[str]) -> None:
    Path("t.csv").write_text(text)
    done = cli(*TRAIN)
    assert done.code == 1
    for word in words:
        assert word in done.error
    assert done.out == ""
    assert sorted(os.listdir()) == ["t.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--activation", "rlu"], ["unknown activation 'rlu'", "Did you mean 'ReLU'?"]),
        (["--optimizer", "adm"], ["Did you mean 'adam'?"]),
        (["--schedule", "cosin"], ["Did you mean 'cosine'?"]),
        (["--loss", "crossentropi"], ["Did you mean 'CrossEntropy'?"]),
        (["--loss", "SquaredError"], ["SquaredError does not fit classification", "expected CrossEntropy"]),
        (["--task", "regresion"], ["Did you mean 'regression'?"]),
        (["--dtype", "float16"], ["unknown dtype 'float16'"]),
        (["--hidden", "64,,32"], ["--hidden '64,,32'"]),
        (["--hidden", "0"], ["--hidden '0'"]),
        (["--hidden", "ten"], ["--hidden 'ten'"]),
        (["--dropout", "1"], ["p=1.0", "below 1"]),
        (["--epochs", "-1"], ["epochs=-1"]),
        (["--batch-size", "0"], ["batch_size=0"]),
        (["--learning-rate", "nan"], ["learning_rate"]),
        (["--clip-norm", "0"], ["clip_norm=0"]),
        (["--weight-decay", "-1"], ["weight_decay=-1"]),
        (["--patience", "0"], ["patience=0"]),
        (["--seed", "-1"], ["seed"]),
        (["--test", "1"], ["test share is 1"]),
        (["--test", "0.6", "--validation", "0.5"], ["leave nothing to train on"]),
        (["--target", "z"], ["no column 'z'"]),
        (["--drop", "q"], ["no column 'q'"]),
        (["--drop", "a", "--drop", "b"], ["no feature column is left"]),
        (["--network", "n.toml", "--hidden", "64,32"], ["--hidden does not go with --network"]),
        (["--network", "n.toml", "--activation", "tanh"], ["--hidden and --activation", "--network"]),
        (["-o", "no/such/folder/m.bp"], ["cannot write the model", "does not exist"]),
        (["-o", "."], ["cannot write the model", "folder"]),
        (["--checkpoint", "no/such/c"], ["cannot write the checkpoint", "does not exist"]),
    ],
)
def test_a_bad_option_is_refused_in_one_line(cli: Run, arguments: list[str], words: list[str]) -> None:
    Path("t.csv").write_text(GOOD)
    done = cli(*TRAIN, *arguments)
    assert done.code == 1
    for word in words:
        assert word in done.error
    assert sorted(os.listdir()) == ["t.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], ["No such command 'trian'", "train"]),
        (["train", "t.csv"], ["Missing option", "--output", "backproof train --help"]),
        (["train"], ["Missing argument"]),
        (["train", "t.csv", "-o", "m.bp", "--learning", "3"], ["--learning", "--learning-rate"]),
        (["train", "t.csv", "-o", "m.bp", "--epochs", "many"], ["--epochs"]),
        (["predict", "m.bp"], ["Missing argument"]),
    ],
)
def test_wrong_usage_has_exit_code_2(cli: Run, arguments: list[str], words: list[str]) -> None:
    done = cli(*arguments)
    assert done.code == 2
    for word in words:
        assert word in done.error


def test_errors_are_json_if_json_is_asked_for(cli: Run) -> None:
    for arguments, code, kind in [
        (["train", "nothing.csv", "-o", "m.bp", "--json"], 1, "DataError"),
        (["evaluate", "nothing.bp", "digits", "--json"], 1, "ModelFileError"),
        (["train", "digits", "--json"], 2, "UsageError"),
    ]:
        done = cli(*arguments)
        assert done.code == code
        assert set(json.loads(done.err)["error"]) == {"kind", "message"}
        assert json.loads(done.err)["error"]["kind"] == kind


def test_a_network_file_that_does_not_fit_names_the_layer(cli: Run) -> None:
    Path("t.csv").write_text(GOOD)
    Path("n.toml").write_text('layers = [{layer = "Linear", in_features = 3, out_features = 4}]')
    assert "n.toml, layer 0: Linear(3 -> 4): input has shape (batch, 2)" in cli(*NETWORK).error
    Path("n.toml").write_text('layers = [{layer = "Linear", out_features = 4}]')
    done = cli(*NETWORK)
    assert "the network has outputs of shape (4,), expected 2 for the 2 classes of t.csv" in done.error


def test_class_indices_out_of_range_are_named(cli: Run, model: Path) -> None:
    done = cli("evaluate", model, "-", stdin="x,y,kind\n1,2,oak\n1,3,birch\n")
    assert "standard input, row 3, column 'kind'" in done.error
    assert "unknown class 'birch'" in done.error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x\n1\n", ["no column 'y'"]),
        ("x,why\n1,2\n", ["no column 'y'"]),
        ("x,y\n1,two\n", ["row 2, column 'y'", "'two' is not a number"]),
        ("x,y\n1,nan\n", ["row 2, column 'y'"]),
        ("x,y\n1,1e39\n", ["column 'y'", "float32"]),
        ("x,y\n", ["no data row"]),
        ("", ["empty"]),
    ],
)
def test_predicting_from_a_bad_table_writes_nothing(cli: Run, model: Path, text: str, words: list[str]) -> None:
    before = sorted(os.listdir())
    for output in ([], ["-o", "p.csv"]):
        done = cli("predict", model, "-", *output, stdin=text)
        assert done.code == 1
        for word in words:
            assert word in done.error
        assert done.out == ""
        assert sorted(os.listdir()) == before


def test_a_model_of_one_shape_refuses_data_of_another(cli: Run, model: Path) -> None:
    np.savez("wide.npz", x=np.zeros((3, 5)))
    assert "examples of shape (5,), the model expects (2,)" in cli("predict", model, "wide.npz").error


def test_probabilities_of_numbers_are_refused(cli: Run) -> None:
    Path("h.csv").write_text(houses(60))
    assert cli("train", "h.csv", "--target", "price", *FAST, "-o", "h.bp").code == 0
    assert "predicts numbers" in cli("predict", "h.bp", "h.csv", "--probabilities").error


def test_a_model_file_that_is_damaged_is_named(cli: Run, model: Path, table: Path) -> None:
    whole = model.read_bytes()
    for damaged, words in [
        (whole[:-3], "truncated"),
        (whole[:100], "truncated"),
        (b"", "truncated: 0 bytes"),
        (whole.replace(b'\\"version\\": 1', b'\\"version\\": 2'), "version 2, expected 1"),
        (whole.replace(b'\\"layer\\": \\"Tanh\\"', b'\\"layer\\": \\"Tahn\\"'), "Did you mean 'Tanh'?"),
        (whole.replace(b'\\"elm\\"', b'\\"ash\\"'), "class names"),
        (whole.replace(b"CrossEntropy", b"CrossEntropx"), "unknown loss"),
        (table.read_bytes(), "no backproof model"),
    ]:
        assert damaged != whole
        Path("damaged.bp").write_bytes(damaged)
        for arguments in (
            ["predict", "damaged.bp", table],
            ["evaluate", "damaged.bp", table],
            ["summary", "damaged.bp"],
        ):
            if arguments[0] == "summary" and words == "class names":
                continue
            done = cli(*arguments)
            assert done.code == 1
            assert done.error.startswith("damaged.bp: ")
            assert words in done.error


def test_a_model_whose_preparation_was_exchanged_is_refused(cli: Run, model: Path, table: Path) -> None:
    honest = Model.load(model)
    for changes, words in [
        ({"preparation_arrays": {}}, "mean is nothing"),
        ({"preparation": {}}, "preparation: entries"),
        ({"preparation": {**honest.preparation, "class_names": ["a", "b"]}}, "outputs do not fit"),
        ({"preparation": {**honest.preparation, "dtype": "float64"}}, "prepared as float64"),
        ({"preparation": {**honest.preparation, "class_names": None, "target_names": []}}, "knows no target"),
    ]:
        parts = {name: getattr(honest, name) for name in ("network", "theta", "loss", "input_shape", "about")}
        kept = {"preparation": honest.preparation, "preparation_arrays": honest.preparation_arrays}
        Model(**{**parts, **kept, **changes}).save("forged.bp")
        done = cli("predict", "forged.bp", table)
        assert done.error.startswith("forged.bp: ")
        assert words in done.error


def test_a_checkpoint_of_another_training_is_refused(cli: Run) -> None:
    Path("t.csv").write_text(GOOD)
    assert cli(*TRAIN, "--checkpoint", "c").code == 0
    Path("m.bp").unlink()
    done = cli(*TRAIN, "--checkpoint", "c", "--resume", "--batch-size", 8)
    assert done.code == 1
    assert "c" in done.error
    assert not Path("m.bp").exists()


def test_a_training_that_diverges_names_the_step_and_keeps_the_old_model(cli: Run) -> None:
    Path("h.csv").write_text(houses(60))
    assert cli("train", "h.csv", "--target", "price", *FAST, "-o", "m.bp").code == 0
    old = Path("m.bp").read_bytes()
    done = cli(
        "train", "h.csv", "--target", "price", "--activation", "relu", "--optimizer", "sgd", "--learning-rate", 1e30,
        "--epochs", 50, "-q", "-o", "m.bp",
    )  # fmt: skip
    assert done.code == 1
    assert "step" in done.error
    assert "layer" in done.error
    assert Path("m.bp").read_bytes() == old


def test_a_write_protected_model_is_noticed_before_the_training(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("t.csv").write_text(GOOD)
    Path("m.bp").write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    monkeypatch.setattr("backproof.cli.work.load", lambda *a, **k: pytest.fail("the data were loaded first"))
    assert "write-protected" in cli(*TRAIN).error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_model(cli: Run, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    Path("t.csv").write_text(GOOD)
    assert cli(*TRAIN).code == 0
    old = Path("m.bp").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(backproof.files.os, "fsync", full)
    done = cli(*TRAIN)
    assert done.code == 1
    assert os.strerror(number) in done.error
    assert Path("m.bp").read_bytes() == old
    assert sorted(os.listdir()) == ["m.bp", "t.csv"]


def test_a_full_disk_leaves_no_half_predictions(
    cli: Run, model: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(os.listdir())
    monkeypatch.setattr(
        backproof.files.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device"))
    )
    assert "No space left" in cli("predict", model, table, "-o", "p.csv").error
    assert sorted(os.listdir()) == before


def test_a_network_beyond_the_memory_is_refused_before_anything_is_allocated(cli: Run) -> None:
    Path("t.csv").write_text(GOOD)
    for hidden in ("1000000000,1000000000", "2000000000"):
        assert "GiB" in cli(*TRAIN, "--hidden", hidden).error
    assert sorted(os.listdir()) == ["t.csv"]


def test_running_out_of_memory_is_one_line(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr("backproof.cli.work.load", full)
    assert cli(*TRAIN).error.startswith("out of memory: Unable to allocate 9 GiB")


def test_a_summary_needs_the_shape_of_an_example(cli: Run) -> None:
    Path("n.toml").write_text('layers = [{layer = "Linear", out_features = 4}]')
    assert "give it, as in --input 64" in cli("summary", "n.toml").error
    assert "--input 'big'" in cli("summary", "n.toml", "--input", "big").error
    Path("n.toml").write_text('layers = [{layer = "Linear"}]')
    assert "out_features is missing" in cli("summary", "n.toml", "--input", "4").error


def test_control_characters_of_a_file_do_not_reach_the_terminal(cli: Run) -> None:
    Path("t.csv").write_text(irises().replace("oak", "o\x1b[31mk").replace("kind", "y"))
    assert cli(*TRAIN[:3], "kind\x1b[31m", *TRAIN[4:]).error.isprintable()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "h.csv", "--target", "price", *FAST, "-o", "h.csv"], "it would replace 'h.csv'"),
        (["train", "h.csv", "--target", "price", *FAST, "-o", "./link.csv"], "it would replace 'h.csv'"),
        (["train", "h.csv", "--target", "price", *FAST, "-o", "n.bp", "--checkpoint", "h.csv"], "replace 'h.csv'"),
        (["train", "h.csv", "--target", "price", *FAST, "-o", "n.bp", "--checkpoint", "n.bp"], "replace 'n.bp'"),
        (["train", "h.csv", "--target", "price", *FAST, "-o", "x.npz"], "x.npz exists and is no backproof model"),
        (["train", "h.csv", "--target", "price", *FAST, "-o", "n.bp", "--checkpoint", "m.bp"], "no backproof checkp"),
        (["train", "h.csv", "--target", "price", *FAST, "-o", "-"], "a model is a file"),
        (["predict", "m.bp", "h.csv", "-o", "h.csv"], "it would replace 'h.csv'"),
        (["predict", "m.bp", "h.csv", "-o", "link.csv"], "it would replace 'h.csv'"),
        (["jacobian", "m.bp", "x.npz", "-o", "x.npz"], "it would replace 'x.npz'"),
    ],
)
def test_no_output_replaces_an_input_or_a_file_of_another_kind(cli: Run, arguments: list[str], words: str) -> None:
    Path("h.csv").write_text(houses())
    np.savez("x.npz", x=np.ones((3, 2)))
    assert cli("train", "h.csv", "--target", "price", *FAST, "-o", "m.bp").code == 0
    os.link("h.csv", "link.csv")
    before = {entry.name: entry.read_bytes() for entry in Path().iterdir()}
    done = cli(*arguments)
    assert done.code == 1
    assert words in done.error
    assert {entry.name: entry.read_bytes() for entry in Path().iterdir()} == before


def test_a_file_that_is_no_model_is_called_so(cli: Run, table: Path) -> None:
    assert "trees.csv: no backproof model or checkpoint" in cli("summary", table).error
    assert cli("train", table, "--target", "kind", *FAST, "--checkpoint", "c.bp", "-o", "m.bp").code == 0
    assert (
        "c.bp: the checkpoint of a training, no model; go on from it with train --resume"
        in cli("predict", "c.bp", table).error
    )
    assert cli("summary", "nope.toml").error == "no file 'nope.toml'."


def test_a_question_ends_without_a_full_stop(cli: Run) -> None:
    assert "?." not in cli("trian").error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--task", "regression", "--loss", "Poisson"],
            "t.csv, data row 3 (from 1, without a header), column 'y': the",
        ),
        (["--drop", "y"], "--drop y: it is the target"),
        (["--threads", "0"], "--threads is 0, expected at least 1"),
    ],
)
def test_what_the_target_does_not_allow_is_said_before_the_training(cli: Run, arguments: list[str], words: str) -> None:
    Path("t.csv").write_text("a,y\n" + "".join(f"{i},{-2 if i == 2 else i % 7 + i}\n" for i in range(40)))
    assert words in cli("train", "t.csv", "--target", "y", *arguments, *FAST, "-o", "m.bp").error
    assert not Path("m.bp").exists()


def test_options_are_checked_before_the_data_are_read(cli: Run) -> None:
    assert "--threads" in cli("train", "missing.csv", "--target", "y", "--threads", "0", "-o", "m.bp").error


def test_counts_taken_for_classes_are_told_of_the_task(cli: Run) -> None:
    Path("t.csv").write_text("a,y\n" + "".join(f"{i},{i % 5 if i else 11}\n" for i in range(40)))
    train = ("train", "t.csv", "--target", "y", *FAST, "-o", "m.bp")
    said = cli(*train).error
    assert "class '11' has 1 of the rows" in said
    assert "say --task regression if the target is a number" in said
    assert "stratify" not in said
    assert "--task regression" not in cli(*train, "--task", "classification").error
    assert cli(*train, "--task", "regression").code == 0


def test_a_misspelt_size_of_a_layer_is_named(cli: Run) -> None:
    Path("n.toml").write_text('layers = [{layer = "Linear", outfeatures = 8}, {layer = "Linear"}]')
    said = cli("summary", "n.toml", "--input", "4", "--outputs", "2").error
    assert "unknown setting of Linear 'outfeatures'" in said
    assert "Did you mean 'out_features'" in said
