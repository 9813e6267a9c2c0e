"""Make docs/guide.ipynb from docs/guide.md; with ``--fill`` first write what the code prints into the page.

Text becomes Markdown cells, Python blocks become code cells with the text block after them as their output, and a
comment ``<!-- notebook: expression -->`` becomes a cell that shows the expression, which only a notebook can.
"""

import contextlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("guide.md")
NOTEBOOK = Path(__file__).with_name("guide.ipynb")
PIECE = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?:\n\n^```text\n(?P<text>.*?)^```$)?|^<!-- notebook: (?P<shown>.*?) -->$",
    re.MULTILINE | re.DOTALL,
)


def filled(page: str) -> str:
    """Return the page with every text block after a Python block replaced by what the code prints."""
    scope: dict[str, Any] = {"__name__": "guide"}

    def run(piece: re.Match[str]) -> str:
        if piece["code"] is None:
            return piece[0]
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(piece["code"], PAGE.name, "exec"), scope)
        said = "\n".join(line.rstrip() for line in output.getvalue().strip().splitlines())
        printed = f"\n\n```text\n{said}\n```" if said else ""
        return f"```python\n{piece['code']}```{printed}"

    return PIECE.sub(run, page)


def cells(page: str) -> list[dict[str, Any]]:
    """Return the cells of the notebook in order."""
    found: list[dict[str, Any]] = []
    end = 0
    for piece in PIECE.finditer(page):
        found += markdown(page[end : piece.start()])
        found.append(code(piece["shown"] or piece["code"], piece["text"]))
        end = piece.end()
    found += markdown(page[end:])
    return [{**cell, "id": f"cell-{index}"} for index, cell in enumerate(found)]


def markdown(text: str) -> list[dict[str, Any]]:
    """Return the text between two pieces of code, a cell for every heading."""
    parts = re.split(r"(?m)^(?=#+ )", text.strip())
    return [{"cell_type": "markdown", "metadata": {}, "source": lines(part)} for part in parts if part.strip()]


def code(source: str, output: str | None) -> dict[str, Any]:
    """Return a code cell with what it prints."""
    said = (
        [{"name": "stdout", "output_type": "stream", "text": lines(output, True)}] if output and output.strip() else []
    )
    return {
        "cell_type": "code", "execution_count": None, "metadata": {}, "source": lines(source), "outputs": said,
    }  # fmt: skip


def lines(text: str, last: bool = False) -> list[str]:
    """Return text as a notebook stores it: lines with their ends, the last one without unless it is printed."""
    kept = text.strip("\n").splitlines(keepends=True)
    return [*kept[:-1], kept[-1].rstrip("\n") + "\n" * last]


def notebook(page: str) -> str:
    """Return the notebook as text."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    whole = {"cells": cells(page), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    if "--fill" in sys.argv[1:]:
        PAGE.write_text(filled(PAGE.read_text()))
    NOTEBOOK.write_text(notebook(PAGE.read_text()))
