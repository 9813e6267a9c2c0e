"""What a training shows: lines without a terminal, a bar on one, events for programs, nothing when asked."""

import io
import json
import subprocess
import sys

import pytest
from rich.console import Console

import backproof as bp
from backproof.training import fit
from backproof.training.history import Epoch
from backproof.training.live import Live
from backproof.training.progress import Lines, display_for, duration
from training.problems import blobs, classifier, quick


def train(progress, **settings):
    net = classifier()
    return fit(
        net, net.initialize(0), *blobs(), bp.CrossEntropy(), quick(**settings),
        validation=blobs(30, seed=1), metric="accuracy", progress=progress,
    )  # fmt: skip


def test_without_a_terminal_plain_lines_go_to_standard_error(capfd):
    train(True)
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("epoch 1/4  loss ")
    assert lines[-1].startswith("epoch 4/4")
    for word in ("validation loss", "accuracy", "examples/s", "left"):
        assert all(word in line for line in lines)
    assert "\x1b" not in err


def test_silence_is_silent(capfd):
    train(False)
    assert capfd.readouterr() == ("", "")


def test_lines_are_not_written_more_often_than_the_pause_allows():
    file = io.StringIO()
    lines = Lines(100, 10, False, None, file, pause=1000.0)
    for number in range(1, 101):
        lines.epoch(Epoch(number, 0.5, None, None, 0.1))
    lines.stop("finished")
    assert [line.split()[1] for line in file.getvalue().splitlines()] == ["1/100", "100/100"]


def test_with_no_pause_every_epoch_has_its_line():
    file = io.StringIO()
    lines = Lines(5, 10, False, None, file, pause=0.0)
    for number in range(1, 6):
        lines.epoch(Epoch(number, 0.5, None, None, 0.1))
    lines.stop("early")
    assert len(file.getvalue().splitlines()) == 6
    assert file.getvalue().endswith("stopped early: no improvement\n")


def test_events_are_plain_data_that_tell_the_whole_training():
    events = []
    fitted = train(events.append)
    json.dumps(events)
    assert events[0] == {"event": "start", "epochs": 4, "examples": 90, "metric_name": "accuracy"}
    assert events[-1] == {"event": "stop", "stopped": "finished"}
    epochs = [event for event in events if event["event"] == "epoch"]
    assert [{**entry.describe(), "event": "epoch"} for entry in fitted.history] == epochs
    assert any(event["event"] == "step" and event["steps"] == 6 for event in events)


def test_the_live_display_shows_loss_metric_speed_and_time_left():
    file = io.StringIO()
    live = Live(3, 100, True, "accuracy", Console(file=file, force_terminal=True, width=120))
    with live as display:
        display.step(0, 1, 4, 20.0, 25)
        display.epoch(Epoch(1, 0.75, 0.5, 0.9, 0.1))
        display.step(1, 3, 4, 60.0, 25)
        display.epoch(Epoch(3, 0.25, 0.5, 0.95, 0.1))
        display.stop("interrupted")
    shown = file.getvalue()
    for word in ("2/3", "3/3", "loss 0.8", "loss 0.25", "accuracy 0.95", "examples/s", "left", "stopped: interrupted"):
        assert word in shown, word


def test_a_terminal_gets_the_live_display(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(display_for(True, 1, 1, False, None), Live)


def test_a_program_without_standard_error_trains(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert train(True).stopped == "finished"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1:00"), (125, "2:05"), (3725, "1:02:05")]
)
def test_durations_read_like_a_clock(seconds, words):
    assert duration(seconds) == words


def test_importing_training_loads_neither_rich_nor_scikit_learn():
    code = "import sys, backproof.training; print([m for m in ('rich', 'sklearn', 'safetensors') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"
