"""``backproof write``: a program on standard output or in a file, with its examples beside it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Run = Any


@pytest.fixture
def digits(cli: Run) -> Run:
    """Return the command line in a folder with a model of digits."""
    assert cli("train", "digits", "--hidden", "16", "--epochs", "2", "-o", "digits.backproof").code == 0
    return cli


def test_the_program_finds_its_examples_and_agrees_with_evaluate(digits: Run, tmp_path: Path) -> None:
    written = digits("write", "digits.backproof", "--data", "digits", "-o", "program.py")
    assert (written.code, written.out) == (0, "")
    assert "lines in program.py, examples in program.npz" in written.err
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    judged = json.loads(digits("evaluate", "digits.backproof", "digits", "--json").out)
    assert float(done.stdout.split()[1].rstrip(",")) == pytest.approx(judged["loss"], rel=1e-4)


def test_without_a_file_it_is_printed(digits: Run) -> None:
    written = digits("write", "digits.backproof", "--library", "torch", "--what", "jacobian")
    assert written.out.startswith('"""The Jacobian of a network, multiplied out in the cheapest order, in PyTorch')
    compile(written.out, "written.py", "exec")
    assert json.loads(digits("write", "digits.backproof", "--json").out)["source"].startswith('"""Loss and gradient')


def test_examples_are_limited_to_those_asked_for(digits: Run, tmp_path: Path) -> None:
    digits("write", "digits.backproof", "--data", "digits", "--examples", "7", "-o", "program.py")
    with np.load(tmp_path / "program.npz") as file:
        assert file["x"].shape == (7, 64)
        assert file["y"].shape == (7,)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--library", "tensorflow"), "unknown library 'tensorflow'"),
        (("--what", "hessian"), "unknown purpose 'hessian'"),
        (("--data", "digits"), "name the program with -o"),
        (("-o", "digits.backproof"), "it would replace 'digits.backproof'"),
        (("-o", "nowhere/program.py"), "the folder"),
        (("--data", "digits", "-o", "program.npz"), "end its name in .py"),
    ],
)
def test_mistakes_are_said_in_one_line(digits: Run, arguments: tuple[str, ...], words: str) -> None:
    assert words in digits("write", "digits.backproof", *arguments).error


def test_nothing_is_written_when_the_data_cannot_be_read(digits: Run, tmp_path: Path) -> None:
    assert digits("write", "digits.backproof", "-o", "program.py").code == 0
    before = (tmp_path / "program.py").read_text()
    assert digits("write", "digits.backproof", "--data", "missing.csv", "-o", "program.py").code == 1
    assert (tmp_path / "program.py").read_text() == before
    assert not (tmp_path / "program.npz").exists()


def test_model_and_examples_are_found_from_wherever_it_is_run(digits: Run, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "sub", target_is_directory=True)
    for model in ("digits.backproof", tmp_path / "digits.backproof"):
        assert digits("write", model, "--data", "digits", "-o", "link/p.py").code == 0
        run = [sys.executable, str(tmp_path / "sub" / "p.py")]
        done = subprocess.run(run, cwd=tmp_path / "elsewhere", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("loss ")


def test_a_program_needs_numpy_alone(digits: Run, tmp_path: Path) -> None:
    assert digits("write", "digits.backproof", "--data", "digits", "-o", "p.py").code == 0
    runner = (
        "import importlib.metadata, runpy, sys\n"
        "names = importlib.metadata.packages_distributions()\n"
        "sys.modules.update({name: None for name in names if name != 'numpy'})\n"
        "runpy.run_path('p.py', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", runner], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("loss ")
