"""Running the command line, in this process or in one of its own, and small tables to run it on."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backproof.cli.application import run
from cli_tables import irises

Run = Callable[..., "Result"]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that a failure leaves, checked to be one."""
        lines = [line for line in self.err.splitlines() if line.startswith("backproof: error: ")]
        assert self.code != 0
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0].removeprefix("backproof: error: ")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Return a function that runs a command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def runner(*arguments: Any, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return runner


def command(*arguments: Any) -> list[str]:
    """Return the command line of a process of its own."""
    return [sys.executable, "-c", "from backproof.cli import main; main()", *map(str, arguments)]


def hear_interrupts() -> None:
    """Undo that a process started in the background is started deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Return a function that starts the command line as a process, after calling ``before`` in it."""

    def start(
        arguments: Sequence[Any], before: Callable[[], object] = lambda: None, **options: Any
    ) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80"}

        def prepared() -> None:
            hear_interrupts()
            before()

        return subprocess.Popen(
            command(*arguments),
            cwd=tmp_path,
            env=environment,
            preexec_fn=prepared,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    return start


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of trees: numbers x and y, a word kind."""
    path = tmp_path / "trees.csv"
    path.write_text(irises())
    return path


@pytest.fixture
def model(cli: Run, table: Path, tmp_path: Path) -> Path:
    """A small trained classifier of ``table``."""
    path = tmp_path / "trees.backproof"
    assert cli("train", table, "--target", "kind", "--epochs", 30, "--learning-rate", 0.03, "-q", "-o", path).code == 0
    return path
