"""Checkpoints: a training goes on to the same bits, whatever happened, and refuses what is not its own."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import backproof as bp
from backproof.errors import ModelFileError, NonFiniteError
from backproof.training import SGD, Adam, Cosine, Momentum, checkpoint, fit
from training import killed
from training.problems import blobs, classifier, quick

LOSS = bp.CrossEntropy()


def run(path, epochs=4, resume=True, **change):
    x, y = blobs()
    net = change.pop("net", None) or classifier(dropout=0.2)
    call = {"x": x, "y": y, "loss": LOSS, "validation": blobs(40, seed=1), "metric": "accuracy", **change}
    settings = call.pop("settings", quick(epochs=epochs))
    return fit(net, net.initialize(0), settings=settings, checkpoint=path, resume=resume, **call)


def same(one, two):
    return (
        (one.theta.vector == two.theta.vector).all()
        and (one.best.vector == two.best.vector).all()
        and one.history.losses == two.history.losses
        and one.history.metrics == two.history.metrics
        and one.best_epoch == two.best_epoch
        and one.stopped == two.stopped
    )


def test_a_prolonged_training_equals_one_that_was_long_from_the_start(tmp_path):
    run(tmp_path / "c", epochs=3)
    assert same(run(tmp_path / "c", epochs=7), run(tmp_path / "other", epochs=7))


def test_a_finished_training_resumes_to_itself(tmp_path):
    first = run(tmp_path / "c")
    assert same(run(tmp_path / "c"), first)


def test_without_resume_a_training_starts_anew(tmp_path):
    first = run(tmp_path / "c", epochs=3)
    again = run(tmp_path / "c", epochs=3, resume=False)
    assert same(first, again)
    assert again.history[0].seconds != first.history[0].seconds


class Stop(Exception):
    """Ends a training from within."""


@pytest.mark.parametrize("after", [1, 3, 6, 7, 14])
def test_a_training_broken_within_an_epoch_goes_on_to_the_same_bits(tmp_path, after):
    calls = 0

    def prepare(batch):
        nonlocal calls
        calls += 1
        # The first calls are the checks of fit and the marks of its data.
        if calls > 12 + after:
            raise Stop
        return batch

    with pytest.raises(Stop):
        run(tmp_path / "c", prepare=prepare, checkpoint_seconds=0.0)
    assert same(run(tmp_path / "c"), run(tmp_path / "other"))


@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_reaches_the_bits_of_the_uninterrupted_run(tmp_path):
    chance = random.Random(7)
    path, result = tmp_path / "c.safetensors", tmp_path / "result.npz"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, killed.__file__, str(path), str(result)]
    places = []
    left = set()
    for _ in range(20):
        process = subprocess.Popen(command, env=environment)
        _wait_for_change(path, process)
        time.sleep(chance.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.wait()
        places.append(_place(path))
        left = set(os.listdir(tmp_path)) - {path.name}
        assert len(left) <= 1, "what an earlier process left was not removed"
    assert not result.exists(), "the training ended before it was killed for the last time"
    assert places == sorted(places)
    assert len(set(places)) > 10
    assert any(step for _, step in places)
    subprocess.run(command, env=environment, check=True)
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, result.name])
    whole = killed.train(None)
    with np.load(result) as reached:
        assert (reached["theta"] == whole.theta.vector).all()
        assert (reached["best"] == whole.best.vector).all()
        assert (reached["losses"] == whole.history.losses).all()


def _wait_for_change(path, process):
    """Wait until the process has written the checkpoint twice: it trains."""
    before, changes = _stamp(path), 0
    while changes < 2:
        assert process.poll() is None, "the training ended by itself"
        time.sleep(0.0005)
        now = _stamp(path)
        changes, before = changes + (now != before), now


def _stamp(path):
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _place(path):
    with safetensors.safe_open(path, framework="numpy") as file:
        record = json.loads(file.metadata()["backproof"])
        assert np.isfinite(file.get_tensor("vector")).all()
    return record["epoch"], record["step"]


def _changed_in_the_middle(array):
    changed = array.copy()
    changed[44] = (changed[44] + 1) % 3
    return changed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": quick(batch_size=8)}, "settings batch_size was 16, now it is 8"),
        ({"settings": quick(seed=3)}, "settings seed was 0, now it is 3"),
        ({"settings": quick(optimizer=Momentum(1e-2))}, "settings optimizer"),
        ({"settings": quick(optimizer=Adam(2e-2))}, "optimizer learning_rate was 0.01"),
        ({"settings": quick(schedule=Cosine())}, "schedule"),
        ({"net": classifier()}, "network"),
        (
            {"net": classifier(hidden=9, dropout=0.2)},
            r"the network differs: layer 0 was Linear\(5 -> 8\), now it is Linear\(5 -> 9\); use",
        ),
        ({"loss": bp.CrossEntropy(smoothing=0.1)}, "loss smoothing"),
        ({"x": blobs(80)[0], "y": blobs(80)[1]}, "data examples was 90, now it is 80"),
        ({"x": blobs(seed=5)[0]}, "data x checksum"),
        ({"x": _changed_in_the_middle(blobs()[0])}, "data x checksum"),
        ({"y": _changed_in_the_middle(blobs()[1])}, "data y checksum"),
        ({"weights": np.ones(90)}, "data weights checksum was None"),
        ({"validation": None, "metric": None}, "validation"),
        ({"metric": None}, "metric was 'accuracy', now it is None"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused_and_says_why(tmp_path, change, words):
    run(tmp_path / "c")
    before = (tmp_path / "c").read_bytes()
    with pytest.raises(ModelFileError, match=words) as caught:
        run(tmp_path / "c", **change)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "c").read_bytes() == before


def test_a_planned_schedule_cannot_be_prolonged(tmp_path):
    run(tmp_path / "c", settings=quick(epochs=2, schedule=Cosine()))
    with pytest.raises(ModelFileError, match="epochs was 2, now it is 4"):
        run(tmp_path / "c", settings=quick(epochs=4, schedule=Cosine()))


def rewritten(path, arrays=None, **record):
    """Write the checkpoint again with some parts replaced."""
    with safetensors.safe_open(path, framework="numpy") as file:
        old = json.loads(file.metadata()["backproof"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors.update(arrays or {})
    safetensors.numpy.save_file(tensors, path, {"backproof": json.dumps({**old, **record})})


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"version": 1}, "version 1, expected 2"),
        ({"format": "other"}, "not a checkpoint"),
        ({"epoch": -1}, "damaged"),
        ({"epoch": 10**9}, "damaged"),
        ({"step": 1.5}, "damaged"),
        ({"step": 99}, "damaged"),
        ({"loss_sum": float("nan")}, "damaged"),
        ({"arrays": {"history": np.zeros((3, 4))}}, "damaged"),
        ({"arrays": {"history": np.full((4, 4), np.nan)}}, "damaged.*not finite"),
        ({"arrays": {"history": np.full((4, 4), np.inf)}}, "damaged.*not finite"),
        ({"best_epoch": 77}, "damaged"),
        ({"identity": 3}, "another training"),
        ({"arrays": {"vector": np.zeros(3, "f")}}, "damaged"),
        ({"arrays": {"more": np.zeros(3, "f")}}, "damaged"),
        ({"arrays": {"vector": np.full(75, np.nan, "f")}}, "damaged.*not finite"),
        ({"arrays": {"moment.mean": np.zeros(75)}}, "damaged.*float64"),
    ],
)
def test_a_checkpoint_with_a_wrong_part_is_refused(tmp_path, record, words):
    run(tmp_path / "c")
    rewritten(tmp_path / "c", **record)
    with pytest.raises(ModelFileError, match=words) as caught:
        run(tmp_path / "c")
    assert "\n" not in str(caught.value)


def test_a_checkpoint_from_before_a_setting_existed_goes_on(tmp_path):
    run(tmp_path / "c", epochs=2)
    with safetensors.safe_open(tmp_path / "c", framework="numpy") as file:
        identity = json.loads(file.metadata()["backproof"])["identity"]
    for name in ("compile", "kernels"):
        identity["settings"].pop(name, None)
    rewritten(tmp_path / "c", identity=identity)
    assert same(run(tmp_path / "c"), run(tmp_path / "other"))


def test_mutated_checkpoints_give_one_error_or_load(tmp_path):
    run(tmp_path / "c", epochs=2)
    whole, chance = (tmp_path / "c").read_bytes(), random.Random(0)
    refused = []
    for number in range(150):
        data = bytearray(whole)
        if number % 3 == 0:
            data = data[: chance.randrange(len(data))]
        else:
            for _ in range(chance.randint(1, 4)):
                # Most of the file is numbers, where a changed bit changes little; the header is what matters.
                end = len(data) if number % 3 == 1 else 2000
                data[chance.randrange(end)] = chance.randrange(256)
        (tmp_path / "c").write_bytes(data)
        try:
            run(tmp_path / "c", epochs=2)
        except ModelFileError as error:
            refused.append(str(error))
    assert len(refused) > 75
    assert not [message for message in refused if "\n" in message]


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    for content in (b"", b"{}", b"\xff" * 100, b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "):
        (tmp_path / "c").write_bytes(content)
        with pytest.raises(ModelFileError):
            run(tmp_path / "c")
    with pytest.raises(ModelFileError, match="not a file"):
        run(tmp_path)


def test_an_unwritable_path_fails_before_training(tmp_path):
    seen = []
    with pytest.raises(ModelFileError, match="does not exist"):
        run(tmp_path / "missing" / "c", progress=seen.append)
    assert not [event for event in seen if event["event"] == "epoch"]


def test_diverging_leaves_the_last_good_checkpoint(tmp_path):
    net = bp.Network([bp.Linear(5, 4), bp.Linear(4, 5)])
    x, _ = blobs()
    settings = quick(epochs=100, optimizer=SGD(0.3))
    with pytest.raises(NonFiniteError):
        fit(
            net, net.initialize(0), 3 * x, x, bp.SquaredError(), settings,
            checkpoint=tmp_path / "c", checkpoint_seconds=0.0,
        )  # fmt: skip
    assert _place(tmp_path / "c") >= (0, 0)


def test_mapped_and_listed_data_are_the_same_data(tmp_path):
    x, y = blobs()
    np.save(tmp_path / "x.npy", x)
    run(tmp_path / "c", epochs=2)
    run(tmp_path / "c", epochs=3, x=np.load(tmp_path / "x.npy", mmap_mode="r"), y=y.tolist())


def test_of_large_mapped_data_a_sample_is_digested(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SMALL", 0)
    monkeypatch.setattr(checkpoint, "SAMPLE", 10)
    np.save(tmp_path / "x.npy", np.arange(95.0).reshape(95, 1))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.concatenate(list(checkpoint._sampled(mapped)))[:, 0].tolist() == list(range(0, 95, 9))
    assert np.concatenate(list(checkpoint._sampled(np.asarray(mapped)[:50])))[:, 0].tolist() == list(range(0, 50, 5))
    assert len(np.concatenate(list(checkpoint._sampled(mapped + 0)))) == 95


def test_names_as_targets_are_told_apart_by_their_letters():
    names = np.array(["a", "b"], dtype=object)
    assert checkpoint._checksum([names]) == checkpoint._checksum([np.array(["ab"[:1], "b"], dtype=object)])
    assert checkpoint._checksum([names]) != checkpoint._checksum([names[::-1]])


def test_a_checkpoint_that_shrinks_while_it_is_read_is_an_error(tmp_path, monkeypatch):
    run(tmp_path / "c")
    compare = checkpoint._compare

    def shrink(*arguments):
        os.truncate(tmp_path / "c", 1000)
        compare(*arguments)

    monkeypatch.setattr(checkpoint, "_compare", shrink)
    with pytest.raises(ModelFileError, match="damaged: truncated inside"):
        run(tmp_path / "c")


def test_no_flipped_bit_of_the_numbers_is_taken_for_a_number(tmp_path):
    run(tmp_path / "c")
    whole = (tmp_path / "c").read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    for place in range(start, len(whole), 97):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        (tmp_path / "c").write_bytes(damaged)
        with pytest.raises(ModelFileError, match="c' is damaged: its numbers do not match their checksum"):
            run(tmp_path / "c")
