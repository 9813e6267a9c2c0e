"""The command line as a process: pipelines, exit codes, signals, full disks."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import polars
import pytest

from backproof.cli.work import Request
from backproof.model import Model
from cli_tables import irises

# JAX, loaded by other tests of the same process, warns of every fork; these forks run another program at once.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork")

Start = Callable[..., "subprocess.Popen[bytes]"]
LONG = ("train", "digits", "--epochs", "100000", "-o", "m.bp")


def finished(process: "subprocess.Popen[bytes]", stdin: bytes | None = None) -> tuple[int, str, str]:
    out, err = process.communicate(stdin, timeout=120)
    assert b"Traceback" not in (err or b"")
    return process.returncode, (out or b"").decode(), (err or b"").decode()


def test_a_pipeline_trains_and_predicts(process: Start, table: Path, tmp_path: Path) -> None:
    arguments = ["train", "-", "--target", "kind", "--epochs", "3", "-o", "m.bp"]
    code, out, err = finished(process(arguments, stdin=subprocess.PIPE), table.read_bytes())
    assert code == 0
    assert out.splitlines()[-1] == "model m.bp"
    assert "split: " in err
    with table.open("rb") as rows, (tmp_path / "out.csv").open("wb") as written:
        code, _, err = finished(process(["predict", "m.bp", "-"], stdin=rows, stdout=written))
    assert (code, err) == (0, "")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 91


def test_help_and_version_are_complete_and_fine(process: Start) -> None:
    for arguments, words in [
        (["--help"], ["train", "predict", "evaluate", "summary", "Exit codes"]),
        (["train", "--help"], ["backproof train digits -o digits.backproof", "--network", "--resume", "--json"]),
        (["predict", "--help"], ["--probabilities", "< new.csv"]),
        (["evaluate", "--help"], ["confusion table"]),
        (["summary", "--help"], ["--input 28x28"]),
        (["--version"], ["backproof 0.1.0"]),
    ]:
        code, out, err = finished(process(arguments))
        assert (code, err) == (0, "")
        for word in words:
            assert word in out
        assert max(map(len, out.splitlines())) <= 120


def test_no_arguments_show_the_help_and_are_wrong_usage(process: Start) -> None:
    code, out, err = finished(process([]))
    assert (code, out) == (2, "")
    assert "Usage: backproof" in err


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[bytes]", pause: float = 0.02) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(pause)


def test_ctrl_c_keeps_the_best_model_and_the_state_to_go_on_from(process: Start, tmp_path: Path) -> None:
    running = process(LONG)
    checkpoint = tmp_path / "m.bp.checkpoint"
    wait_for(checkpoint.exists, running)
    running.send_signal(signal.SIGINT)
    code, out, err = finished(running)
    assert code == 130
    assert "--resume goes on" in err
    assert out.splitlines()[-1] == "model m.bp"
    assert checkpoint.exists()
    reached = len(Model.load(tmp_path / "m.bp").about["history"])
    arguments = [*LONG[:3], str(reached + 3), *LONG[4:], "--resume", "-q"]
    assert finished(process(arguments))[0] == 0
    assert len(Model.load(tmp_path / "m.bp").about["history"]) == reached + 3
    assert not checkpoint.exists()


def test_a_killed_training_leaves_the_old_model_and_nothing_half_written(process: Start, tmp_path: Path) -> None:
    assert finished(process([*LONG[:3], "1", *LONG[4:], "-q"]))[0] == 0
    old = (tmp_path / "m.bp").read_bytes()
    running = process(LONG)
    wait_for((tmp_path / "m.bp.checkpoint").exists, running)
    running.kill()
    running.communicate()
    assert (tmp_path / "m.bp").read_bytes() == old
    code, _, _ = finished(process([*LONG[:3], "0", *LONG[4:]]))
    assert code == 0
    assert Model.load(tmp_path / "m.bp").about["history"] == []
    assert os.listdir(tmp_path) == ["m.bp"]


def test_ctrl_c_leaves_the_model_of_a_finished_training_alone(process: Start, tmp_path: Path) -> None:
    assert finished(process([*LONG[:3], "1", *LONG[4:], "-q"]))[0] == 0
    before = (tmp_path / "m.bp").read_bytes()
    running = process(LONG)
    wait_for((tmp_path / "m.bp.checkpoint").exists, running)
    running.send_signal(signal.SIGINT)
    code, out, _ = finished(running)
    assert code == 130
    assert out.splitlines()[-1] == "model m.bp left as it was"
    assert (tmp_path / "m.bp").read_bytes() == before


def changed_twice(path: Path) -> Callable[[], bool]:
    """Return a condition: the file has been replaced twice since now, so a process is training."""
    seen: set[tuple[int, int] | None] = set()

    def condition() -> bool:
        with suppress(FileNotFoundError):
            status = path.stat()
            seen.add((status.st_ino, status.st_mtime_ns))
        return len(seen) > 2

    condition()
    return condition


@pytest.mark.slow
def test_a_training_killed_twenty_times_reaches_the_same_file(process: Start, tmp_path: Path) -> None:
    (tmp_path / "trees.csv").write_text(irises(200))
    arguments = ["train", "trees.csv", "--target", "kind", "--epochs", "600", "-q", "--dropout", "0.1"]
    assert finished(process([*arguments, "-o", "whole.bp"]))[0] == 0
    folder, draw = {"trees.csv", "whole.bp", "killed.bp.checkpoint"}, random.Random(0)
    for _ in range(20):
        running = process([*arguments, "-o", "killed.bp", "--resume"])
        wait_for(changed_twice(tmp_path / "killed.bp.checkpoint"), running, 0.001)
        time.sleep(draw.uniform(0, 0.01))
        running.kill()
        running.communicate()
        assert len(set(os.listdir(tmp_path)) - folder) <= 1, "what an earlier process left was not removed"
    assert not (tmp_path / "killed.bp").exists(), "the training ended before it was killed for the last time"
    assert finished(process([*arguments, "-o", "killed.bp", "--resume"]))[0] == 0
    assert (tmp_path / "killed.bp").read_bytes() == (tmp_path / "whole.bp").read_bytes()
    assert set(os.listdir(tmp_path)) == {"trees.csv", "whole.bp", "killed.bp"}


def test_a_damaged_parquet_file_is_one_line_even_if_its_reader_panics(process: Start, tmp_path: Path) -> None:
    columns = {"a": [float(i) for i in range(50)], "b": [f"x{i % 7}" for i in range(50)], "t": ["u", "v"] * 25}
    polars.DataFrame(columns).write_parquet(tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(panicking(whole))
    code, out, err = finished(process(["train", "t.parquet", "--target", "t", "-o", "m.bp"]))
    assert (code, out) == (1, "")
    assert err.startswith("backproof: error: t.parquet: not readable as Parquet")
    assert err.count("\n") == 1


def panicking(whole: bytes) -> bytes:
    """Return a damaged Parquet file at which the reader panics, not merely refuses."""
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        for seed in range(3000):
            draw, damaged = random.Random(seed), bytearray(whole)
            for _ in range(3):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            try:
                polars.read_parquet(io.BytesIO(damaged))
            except polars.exceptions.PanicException:
                return bytes(damaged)
            except Exception:  # an ordinary refusal
                continue
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
    raise AssertionError("no damage makes this release of polars panic")


def test_a_reader_that_leaves_early_is_no_error(process: Start, model: Path, tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text(irises(200_000))
    running = process(["predict", model, "long.csv", "--probabilities"])
    assert running.stdout is not None
    assert running.stdout.readline().startswith(b"prediction")
    running.stdout.close()
    assert running.stderr is not None
    err = running.stderr.read()
    assert running.wait(timeout=60) == 141
    assert err == b""
    running.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("verb", ["predict", "evaluate", "summary", "explain"])
def test_a_full_standard_output_is_one_line(process: Start, model: Path, table: Path, verb: str) -> None:
    with open("/dev/full", "wb") as full:
        arguments = [verb, model, *([table] if verb != "summary" else [])]
        code, _, err = finished(process(arguments, stdout=full))
    assert code == 1
    assert [line for line in err.splitlines() if not line.startswith("note")] == [err.splitlines()[-1]]
    assert "cannot write to standard output: No space left on device" in err


def test_ctrl_c_while_the_modules_are_imported_is_one_line(process: Start) -> None:
    broken = "import sys, types; sys.modules['backproof.cli.application'] = Interrupting('application')"
    script = (
        "import types\n"
        "class Interrupting(types.ModuleType):\n"
        "    def __getattr__(self, name):\n"
        "        raise KeyboardInterrupt\n"
        f"{broken}\n"
        "from backproof.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "backproof: error: interrupted\n")


def limit_files() -> None:
    import resource  # not on Windows

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


def test_a_disk_that_fills_up_while_writing_leaves_nothing(process: Start, table: Path, tmp_path: Path) -> None:
    before = sorted(os.listdir(tmp_path))
    arguments = ["train", "trees.csv", "--target", "kind", "--epochs", "2", "-q", "-o", "m.bp"]
    code, out, err = finished(process(arguments, before=limit_files))
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "File too large" in err
    assert sorted(os.listdir(tmp_path)) == before


def test_starting_up_does_not_load_the_heavy_packages() -> None:
    heavy = {"polars", "sklearn", "scipy", "torch", "jax", "safetensors", "rich"}
    code = (
        "import sys, backproof.cli.application as a; a.application(); "
        f"print(sorted(set(m.split('.')[0] for m in sys.modules) & {heavy!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_checkpoint_stands_beside_the_model() -> None:
    for path in ("m.bp", "folder/m", "."):
        assert Request("digits", Path(path)).checkpoint_path == Path(f"{path}.checkpoint")


def test_the_demonstration_reports_accuracy_and_gradient(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "backproof.cli.demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "digits: 1,258 training, 180 validation, 359 test; seed 0"
    assert float(lines[1].split()[2].rstrip(",")) >= 0.97
    assert "worst relative error" in lines[3]
    page = (tmp_path / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "://" not in page
    made, checked = (
        page.partition(f'<section id="{name}"')[2].partition("</section>")[0] for name in ("summary", "check")
    )
    assert (made.count("<tr>"), checked.count("<tr>")) == (1 + 5, 1 + 32)
    assert page.count('class="chain"') == page.count('class="steps"') == 1


def test_a_closed_standard_input_is_one_line(process: Start, model: Path) -> None:
    code, out, err = finished(process(["predict", model, "-"], stdin=None, before=lambda: os.close(0)))
    assert (code, out) == (1, "")
    assert err == "backproof: error: standard input: it is closed; redirect a file into it or name the file\n"


def test_predictions_do_not_replace_the_table_that_is_redirected_in(process: Start, model: Path, table: Path) -> None:
    before = table.read_bytes()
    with table.open("rb") as rows:
        code, _, err = finished(process(["predict", model, "-", "-o", table], stdin=rows))
    assert code == 1
    assert "it would replace standard input" in err
    assert table.read_bytes() == before


def test_the_package_itself_can_be_run() -> None:
    done = subprocess.run([sys.executable, "-m", "backproof", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("backproof ")
