"""The line on the training page, run as it stands on 60,000 real images."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "training.md"
ACCURACY = 0.89


def line_on_the_page() -> list[str]:
    """Return the first shell command of the page as words, without the program's name."""
    block = re.search(r"```sh\n(backproof train .*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    return shlex.split(block[1].replace("\\\n", " "))[1:]


@pytest.mark.slow
def test_fashion_mnist_trains_by_the_line_on_the_page(tmp_path: Path) -> None:
    words = line_on_the_page()
    folder = Path(words[1])
    if not folder.exists():
        assert not os.environ.get("CI"), f"{folder} is absent: install dataset-fashion-mnist"
        pytest.skip("dataset-fashion-mnist is not installed")
    done = subprocess.run(
        [sys.executable, "-c", "from backproof.cli import main; main()", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    said = re.search(r"test accuracy (0\.\d+)", done.stdout + done.stderr)
    assert said is not None, done.stderr
    assert float(said[1]) >= ACCURACY, said[0]
    assert said[0] in PAGE.read_text(), f"the page says another accuracy than {said[0]}"
    assert (tmp_path / words[words.index("-o") + 1]).exists()
