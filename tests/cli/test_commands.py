"""What the commands give, in this process."""

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars
import pytest
import threadpoolctl

import backproof as bp
from backproof.cli import work
from backproof.cli.predictor import Predictor
from backproof.cli.scoring import score
from backproof.data import load, split
from backproof.model import Model
from cli_tables import FAST, houses, irises

Run = Any


def test_training_on_digits_reaches_the_accuracy_and_says_split_and_seed(cli: Run) -> None:
    done = cli("train", "digits", "-o", "digits.backproof", "--epochs", 15, "--learning-rate", 0.003)
    assert done.code == 0
    assert "split: 1,258 training, 180 validation, 359 test; seed 0" in done.err
    words = done.out.split()
    assert words[:2] == ["test", "accuracy"]
    assert float(words[2].rstrip(",")) >= 0.97
    assert done.out.splitlines()[-1] == "model digits.backproof"
    assert not Path("digits.backproof.checkpoint").exists()


def test_json_gives_one_object_with_the_score_and_where_it_comes_from(cli: Run, table: Path) -> None:
    done = cli("train", table, "--target", "kind", *FAST, "--json", "-o", "m.bp", "--seed", 4)
    data = json.loads(done.out)
    assert data["seed"] == 4
    assert data["split"] == {"training": 63, "validation": 9, "test": 18}
    assert set(data["test"]) == {"examples", "loss", "accuracy"}
    assert len(data["history"]) == 3
    assert done.err == ""


def test_equal_commands_give_equal_files(cli: Run, table: Path) -> None:
    for name in ("a.bp", "b.bp"):
        assert cli("train", table, "--target", "kind", *FAST, "-o", name, "--dropout", 0.2).code == 0
    assert Path("a.bp").read_bytes() == Path("b.bp").read_bytes()


def test_resuming_a_finished_part_gives_the_file_of_the_whole(cli: Run, table: Path) -> None:
    common = ["train", table, "--target", "kind", "--hidden", 8, "-q", "--checkpoint", "c.bp"]
    assert cli(*common, "--epochs", 6, "-o", "whole.bp").code == 0
    Path("c.bp").unlink()
    assert cli(*common, "--epochs", 2, "-o", "part.bp").code == 0
    assert cli(*common, "--epochs", 6, "-o", "resumed.bp", "--resume").code == 0
    assert Path("c.bp").exists()
    assert Path("whole.bp").read_bytes() == Path("resumed.bp").read_bytes()


def test_a_checkpoint_that_is_missing_or_in_the_way_is_mentioned(cli: Run, table: Path) -> None:
    common = ["train", table, "--target", "kind", "--hidden", 8, "--epochs", 1, "--checkpoint", "c.bp", "-o", "m.bp"]
    assert "the checkpoint c.bp is not there, so the training starts anew" in cli(*common, "--resume", "-q").err
    assert "the checkpoint c.bp is replaced; --resume would go on from it" in cli(*common).err
    assert "the checkpoint" not in cli(*common, "--resume").err


def test_predictions_have_class_names_and_probabilities_that_add_up(cli: Run, model: Path, table: Path) -> None:
    done = cli("predict", model, table, "--probabilities")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    names = ["ash", "elm", "oak"]
    assert list(rows[0]) == ["prediction", *(f"probability {name}" for name in names)]
    chances = np.array([[float(row[f"probability {name}"]) for name in names] for row in rows])
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    assert [names[i] for i in chances.argmax(axis=1)] == [row["prediction"] for row in rows]
    truth = [row["kind"] for row in csv.DictReader(io.StringIO(table.read_text()))]
    assert np.mean([row["prediction"] == kind for row, kind in zip(rows, truth, strict=True)]) > 0.9


def test_columns_are_found_by_name_and_no_target_is_needed(cli: Run, model: Path) -> None:
    straight = cli("predict", model, "-", stdin="x,y\n0.1,0.2\n3.1,0\n")
    shuffled = cli("predict", model, "-", stdin="other,y,x\nfoo,0.2,0.1\nbar,0,3.1\n")
    assert straight.out == shuffled.out
    assert straight.code == 0


def test_predictions_go_to_a_file_of_the_kind_that_its_ending_says(cli: Run, model: Path, table: Path) -> None:
    done = cli("predict", model, table, "-o", "p.npz")
    assert done.out == ""
    assert "90 predictions in p.npz" in done.err
    assert np.load("p.npz")["prediction"].shape == (90,)
    assert json.loads(cli("predict", model, table, "-o", "p.csv", "--json").out) == {
        "predictions": "p.csv",
        "examples": 90,
    }


def test_regression_is_in_the_units_of_the_data(cli: Run) -> None:
    Path("h.csv").write_text(houses(300))
    done = cli("train", "h.csv", "--target", "price", "--hidden", "16", "--epochs", 60, "-q", "--json", "-o", "h.bp")
    score = json.loads(done.out)["test"]
    assert score["r2"] > 0.95
    assert 1_000 < score["rmse"] < 60_000
    predicted = list(csv.DictReader(io.StringIO(cli("predict", "h.bp", "h.csv").out)))
    assert 50_000 < np.mean([float(row["prediction"]) for row in predicted]) < 900_000
    judged = cli("evaluate", "h.bp", "h.csv", "--json")
    truth = np.array([float(row["price"]) for row in csv.DictReader(io.StringIO(houses(300)))])
    made = np.array([float(row["prediction"]) for row in predicted])
    rmse = float(np.sqrt(np.mean((truth - made) ** 2)))
    assert json.loads(judged.out)["rmse"] == pytest.approx(rmse, rel=1e-3)


def test_several_targets_are_predicted_under_their_names(cli: Run) -> None:
    Path("h.csv").write_text(houses(60))
    done = cli("train", "h.csv", "--target", "price", "--target", "rooms", *FAST, "-o", "h.bp")
    assert done.code == 0
    header = cli("predict", "h.bp", "h.csv").out.splitlines()[0]
    assert header == "predicted price,predicted rooms"
    assert cli("evaluate", "h.bp", "h.csv").out.startswith("h.csv: R2 ")


@pytest.mark.parametrize(
    ("loss", "target", "rows"),
    [("huber", "price", houses(60)), ("poisson", "rooms", houses(60)), ("squared-error", "price", houses(60))],
)
def test_every_loss_for_numbers_trains_and_predicts(cli: Run, loss: str, target: str, rows: str) -> None:
    Path("h.csv").write_text(rows)
    assert (
        cli("train", "h.csv", "--target", target, "--task", "regression", "--loss", loss, *FAST, "-o", "h.bp").code == 0
    )
    predicted = [float(line) for line in cli("predict", "h.bp", "h.csv").out.splitlines()[1:]]
    assert len(predicted) == 60
    assert loss != "poisson" or min(predicted) > 0
    assert cli("evaluate", "h.bp", "h.csv").code == 0


def test_binary_cross_entropy_has_one_output_and_two_probabilities(cli: Run) -> None:
    done = cli("train", "breast_cancer", "--loss", "binary-cross-entropy", "--epochs", 5, "-q", "-o", "b.bp")
    assert done.code == 0
    assert Model.load("b.bp").output_shape == (1,)
    rows = list(csv.DictReader(io.StringIO(cli("predict", "b.bp", "breast_cancer", "--probabilities").out)))
    assert len(rows[0]) == 3
    for row in rows:
        likely = max((key for key in row if key != "prediction"), key=lambda key: float(row[key]))
        assert likely == f"probability {row['prediction']}"
    accuracy = json.loads(cli("evaluate", "b.bp", "breast_cancer", "--json").out)["accuracy"]
    assert accuracy > 0.9


def test_a_confusion_table_adds_up_to_the_accuracy(cli: Run, model: Path, table: Path) -> None:
    judged = json.loads(cli("evaluate", model, table, "--json").out)
    counts = np.array(judged["confusion"])
    assert counts.sum() == 90
    assert np.trace(counts) / 90 == judged["accuracy"]
    assert counts.sum(axis=1).tolist() == [30, 30, 30]
    lines = cli("evaluate", model, table).out.splitlines()
    assert lines[1].split() == ["true", "\\", "predicted", "ash", "elm", "oak", "recall"]


def test_evaluating_on_the_data_of_the_training_says_so(cli: Run, model: Path, table: Path) -> None:
    assert "these rows include that part" in cli("evaluate", model, table).err
    Path("new.csv").write_text(irises(30, seed=1))
    assert "include" not in cli("evaluate", model, "new.csv").err


def test_evaluation_does_not_depend_on_the_order_of_columns_and_classes(cli: Run, model: Path, table: Path) -> None:
    rows = list(csv.reader(io.StringIO(table.read_text())))
    turned = "\n".join(",".join(row[::-1]) for row in [rows[0], *reversed(rows[1:])]) + "\n"
    first, second = cli("evaluate", model, table, "--json"), cli("evaluate", model, "-", "--json", stdin=turned)
    assert json.loads(first.out)["confusion"] == json.loads(second.out)["confusion"]


def test_npz_npy_and_parquet_train_like_the_table(cli: Run, table: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    x = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    y = np.array([row["kind"] for row in rows])
    np.savez("trees.npz", x=x, y=y)
    Path("folder").mkdir()
    np.save("folder/x.npy", x)
    np.save("folder/y.npy", y)
    polars.read_csv(table).write_parquet("trees.parquet")
    scores = []
    for arguments in (
        [table, "--target", "kind"],
        ["trees.npz"],
        ["folder/x.npy"],
        ["folder"],
        ["trees.parquet", "--target", "kind"],
    ):
        done = cli("train", *arguments, *FAST, "--json", "-o", "m.bp")
        assert done.code == 0, done.err
        scores.append(json.loads(done.out)["test"])
    assert all(score == scores[0] for score in scores)


def test_images_with_a_test_part_of_their_own_are_judged_on_it(cli: Run) -> None:
    random = np.random.default_rng(0)
    Path("images").mkdir()
    for part, count in (("train", 80), ("t10k", 30)):
        labels = (np.arange(count) % 2).astype(np.uint8)
        pixels = random.integers(0, 100, (count, 4, 4)).astype(np.uint8) + 100 * labels[:, None, None]
        head = bytes([0, 0, 8, 3]) + b"".join(size.to_bytes(4, "big") for size in (count, 4, 4))
        Path(f"images/{part}-images-idx3-ubyte").write_bytes(head + pixels.astype(np.uint8).tobytes())
        Path(f"images/{part}-labels-idx1-ubyte").write_bytes(
            bytes([0, 0, 8, 1]) + count.to_bytes(4, "big") + labels.tobytes()
        )
    done = cli("train", "images", "--hidden", 4, "--epochs", 10, "-o", "i.bp", "--test", 0.5)
    assert "split: 72 training, 8 validation, 30 test (the test part came with the data); seed 0" in done.err
    assert "network: Flatten() -> Linear(16 -> 4)" in done.err
    judged = json.loads(cli("evaluate", "i.bp", "images", "--json").out)
    assert judged["examples"] == 30
    assert judged["accuracy"] > 0.9


def test_a_summary_of_a_model_and_of_a_network_file_agree(cli: Run, model: Path) -> None:
    pairs = [f'{{layer="Linear", out_features={size}}}, {{layer="Tanh"}}' for size in (64, 32)]
    Path("n.toml").write_text(f'layers = [{", ".join(pairs)}, {{layer="Linear"}}]')
    of_model = cli("summary", model)
    of_file = cli("summary", "n.toml", "--input", 2, "--outputs", 3)
    assert of_model.out == of_file.out
    assert "low-rank" not in of_model.out
    assert json.loads(cli("summary", model, "--json").out)["parameters"] == 3 * 64 + 65 * 32 + 33 * 3


def test_without_test_and_validation_part_all_rows_train(cli: Run, table: Path) -> None:
    done = cli("train", table, "--target", "kind", *FAST, "--test", 0, "--validation", 0, "-o", "m.bp")
    assert done.out.splitlines() == ["no test part", "model m.bp"]


def test_features_can_be_chosen_and_dropped(cli: Run, table: Path) -> None:
    for arguments in (["--feature", "x"], ["--drop", "y"]):
        assert cli("train", table, "--target", "kind", *arguments, *FAST, "-o", "m.bp").code == 0
        assert Model.load("m.bp").input_shape == (1,)


def test_float64_and_zero_hidden_layers_make_a_linear_model(cli: Run, table: Path) -> None:
    done = cli("train", table, "--target", "kind", "--hidden", "", "--dtype", "float64", "--epochs", 2, "-o", "m.bp")
    assert done.code == 0
    loaded = Model.load("m.bp")
    assert [type(layer) for layer in loaded.network] == [bp.Linear]
    assert loaded.theta.vector.dtype == np.float64


def test_constant_columns_are_said_and_kept(cli: Run) -> None:
    rows = houses(60).splitlines()
    Path("h.csv").write_text("\n".join([f"{rows[0]},flat", *(f"{row},1" for row in rows[1:])]))
    done = cli("train", "h.csv", "--target", "price", "--epochs", 2, "-o", "h.bp")
    assert done.code == 0
    assert "note: h.csv: column 'flat' is constant" in done.err


def test_the_test_part_is_judged_with_the_threads_of_the_training(
    cli: Run, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, score = [], work.score

    def judged(*arguments: Any) -> Any:
        seen.append({pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"})
        return score(*arguments)

    monkeypatch.setattr(work, "score", judged)
    with threadpoolctl.threadpool_limits(2):
        assert cli("train", table, "--target", "kind", "--epochs", 1, "-q", "-o", "m.bp").code == 0
    assert seen == [{1}]


def test_the_model_of_a_long_training_keeps_a_part_of_its_history(
    cli: Run, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "EPOCHS_KEPT", 4)
    assert cli("train", table, "--target", "kind", "--epochs", 10, "-q", "-o", "m.bp").code == 0
    about = Model.load("m.bp").about
    epochs = [entry["epoch"] for entry in about["history"]]
    assert epochs == sorted({3, 6, 9, 10, about["best_epoch"]})
    assert about["epochs"] == 10


def test_small_probabilities_of_two_classes_keep_their_digits() -> None:
    kept = SimpleNamespace(loss=bp.BinaryCrossEntropy())
    z = np.array([[50.0], [-50.0], [0.0]])
    both = Predictor(kept, None).probabilities(z)  # type: ignore[arg-type]
    np.testing.assert_allclose(both[:, 0], [np.exp(-50.0), 1, 0.5], rtol=1e-15)
    np.testing.assert_allclose(both[:, 1], [1, np.exp(-50.0), 0.5], rtol=1e-15)


@pytest.mark.parametrize("loss", ["SquaredError", "Huber", "Poisson"])
def test_the_validation_score_is_what_evaluate_says_of_the_same_rows(cli: Run, tmp_path: Path, loss: str) -> None:
    random = np.random.default_rng(0)
    a = random.standard_normal(300)
    rows = [f"{x:.6f},{y}" for x, y in zip(a, random.poisson(np.exp(1 + 0.5 * a)), strict=True)]
    (tmp_path / "counts.csv").write_text("\n".join(["a,y", *rows]) + "\n")
    options = ("--target", "y", "--task", "regression", "--loss", loss, "--epochs", "8", "-q", "-o", "c.backproof")
    assert cli("train", "counts.csv", *options).code == 0
    predictor = Predictor.load(tmp_path / "c.backproof")
    data = load(str(tmp_path / "counts.csv"), target=("y",), task="regression")
    held_out = split(data, validation=0.1, test=0.2, seed=0).validation
    assert held_out is not None
    about = predictor.model.about
    kept = next(epoch for epoch in about["history"] if epoch["epoch"] == about["best_epoch"])
    assert kept["metric"] == pytest.approx(score(predictor, held_out).r2, abs=1e-4)
