"""A command writes over its own results, and over nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from backproof.cli.outputs import RESULTS, check_output
from backproof.errors import BackproofError
from cli_tables import FAST, irises

Run = Any
CHECKED = "def square(x):\n    return x * x\n\n\ndef square_jacobian(x):\n    return 2 * x.reshape(1, 1)\n"

COMMANDS: dict[str, tuple[str, ...]] = {
    "m.bp": ("train", "t.csv", "--target", "kind", *FAST, "-o"),
    "p.csv": ("predict", "m.bp", "t.csv", "--probabilities", "-o"),
    "p.tsv": ("predict", "m.bp", "t.csv", "-o"),
    "p.npz": ("predict", "m.bp", "t.csv", "-o"),
    "p.parquet": ("predict", "m.bp", "t.csv", "--probabilities", "-o"),
    "c.v": ("prove", "m.bp", "--no-check", "-o"),
    "w.py": ("write", "m.bp", "--data", "t.csv", "-o"),
    "train.py": ("write", "m.bp", "--library", "torch", "--what", "train", "-o"),
    "jacobian.py": ("write", "m.bp", "--library", "jax", "--what", "jacobian", "-o"),
    "e.html": ("explain", "m.bp", "-o"),
    "e.tex": ("explain", "m.bp", "--detail", "outline", "-o"),
    "e.txt": ("explain", "m.bp", "-o"),
    "check.html": ("check", "f.py::square", "--input", "1", "--html"),
    "j.npz": ("jacobian", "m.bp", "t.csv", "-o"),
    "s.npz": ("spectrum", "m.bp", "t.csv", "-o"),
    "k.npz": ("ntk", "m.bp", "t.csv", "-o"),
    "g.npz": ("ggn", "m.bp", "t.csv", "-o"),
}
"""A command for every result, to be ended by the name of its file."""

OF = {
    "backproof model": "m.bp",
    "backproof checkpoint": "m.checkpoint",
    "certificate of backproof prove": "c.v",
    "NPZ file of backproof write": "w.npz",
    "html of backproof explain": "e.html",
    "latex of backproof explain": "e.tex",
    "text of backproof explain": "e.txt",
    "page of backproof check": "check.html",
    "result of backproof jacobian": "j.npz",
    "result of backproof spectrum": "s.npz",
    "result of backproof ntk": "k.npz",
    "result of backproof ggn": "g.npz",
}
SEVERAL = {
    "table of backproof predict": {"p.csv", "p.tsv", "p.npz", "p.parquet"},
    "program of backproof write": {"w.py", "train.py", "jacobian.py"},
}


@pytest.fixture
def written(cli: Run, tmp_path: Path) -> Run:
    """Return the command line in a folder with one of every result."""
    Path("t.csv").write_text(irises())
    Path("f.py").write_text(CHECKED)
    assert cli(*COMMANDS["m.bp"], "m.bp", "--checkpoint", "m.checkpoint").code == 0
    for name, arguments in COMMANDS.items():
        done = cli(*arguments, name)
        assert done.code == 0, done.err
    return cli


def refused(result: str) -> Iterator[str]:
    """Yield the files that may not be replaced by the result."""
    for path in sorted(Path().iterdir()):
        try:
            check_output(path, "it", result)
        except BackproofError as error:
            if f"exists and is no {result}; give another name or remove it" in str(error):
                yield path.name


def test_every_result_replaces_its_like_and_nothing_else(written: Run) -> None:
    assert set(RESULTS) == set(OF) | set(SEVERAL)
    everything = {path.name for path in Path().iterdir()}
    for result in RESULTS:
        own = SEVERAL.get(result) or {OF[result]}
        assert everything - set(refused(result)) == own
    for name, arguments in COMMANDS.items():
        assert written(*arguments, name).code == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_replaces_a_file_of_the_users(cli: Run, name: str) -> None:
    Path("t.csv").write_text(irises())
    Path("f.py").write_text(CHECKED)
    assert cli(*COMMANDS["m.bp"], "m.bp").code == 0
    path = Path(f"mine{Path(name).suffix}")
    if path.suffix == ".npz":
        np.savez(path, x=np.ones(3), target=np.ones(3))
    elif path.suffix == ".parquet":
        polars.DataFrame({"price": [1.0], "prediction": [2.0]}).write_parquet(path)
    else:
        path.write_text("price,area\n1,2\n")
    before = path.read_bytes()
    done = cli(*COMMANDS[name], path.name)
    assert done.code == (2 if name == "check.html" else 1)
    assert "exists and is no" in done.error
    assert path.read_bytes() == before


def test_the_examples_beside_a_program_are_looked_at_before_it_is_written(cli: Run) -> None:
    Path("t.csv").write_text(irises())
    assert cli(*COMMANDS["m.bp"], "m.bp").code == 0
    np.savez("w.npz", mine=np.ones(3))
    assert "w.npz exists and is no NPZ file of backproof write" in cli(*COMMANDS["w.py"], "w.py").error
    assert not Path("w.py").exists()


def test_an_empty_file_may_be_written(cli: Run) -> None:
    Path("t.csv").write_text(irises())
    Path("m.bp").touch()
    assert cli(*COMMANDS["m.bp"], "m.bp").code == 0


def test_a_certificate_is_a_file_of_coq(cli: Run, model: Path) -> None:
    assert "expected a name that ends in .v" in cli("prove", model, "--no-check", "-o", "iris.txt").error
    assert not Path("iris.txt").exists()
