"""What users and their type checkers see of the package."""

import subprocess
import sys
from pathlib import Path

import backproof as bp

GOOD = """
import backproof as bp
from backproof import BackproofClassifier, Linear, Model, Network, Tanh, jacobian, value_and_gradient

net: Network = bp.Network([bp.Linear(3, 4), Tanh()])
"""


def checked(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run mypy as a strict user would."""
    (folder / "user.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), "user.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_every_listed_name_can_be_had() -> None:
    assert len(dir(bp)) > 100
    for name in dir(bp):
        assert getattr(bp, name) is not None


def test_a_strict_type_checker_sees_the_names(tmp_path: Path) -> None:
    result = checked(GOOD, tmp_path)
    assert result.returncode == 0, result.stdout


def test_a_strict_type_checker_sees_a_misspelled_name(tmp_path: Path) -> None:
    result = checked(GOOD + "\nbp.Lineaar(3, 4)\n", tmp_path)
    assert result.returncode == 1
    assert "Lineaar" in result.stdout
