"""Running pdflatex on an article and reading what it says and what stands on the pages."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pdf:
    """A compiled article.

    Attributes:
        path: of the PDF.
        log: what pdflatex says.
        pages: how many.
    """

    path: Path
    log: str
    pages: int

    def text(self) -> str:
        """Return the words on the pages."""
        run = subprocess.run(["pdftotext", "-layout", self.path, "-"], capture_output=True, text=True, check=True)
        return run.stdout

    def overfull(self) -> list[float]:
        """Return by how many points lines stick out of the text."""
        return [float(size) for size in re.findall(r"Overfull \\hbox \((\d+\.\d+)pt", self.log)]


def pdflatex(source: str, folder: Path, runs: int = 1) -> Pdf:
    """Compile an article; any error is a failure with its place."""
    (folder / "article.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "article.tex"]
    for _ in range(runs):
        run = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
        log = run.stdout.decode("latin-1")
        assert run.returncode == 0, log[log.find("\n!") :][:2000]
    found = re.search(r"Output written on article\.pdf \((\d+) page", log)
    assert found, log[-500:]
    return Pdf(folder / "article.pdf", log, int(found[1]))
