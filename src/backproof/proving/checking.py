"""What Coq says of a certificate: whether it compiles, and what it rests on."""

import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import final

from .development import compiled_development, run

AXIOMS = ("propositional_extensionality", "functional_extensionality_dep", "constructive_indefinite_description")
"""MathComp Analysis' three classical axioms: a certificate rests on these and on nothing else."""


@final
@dataclass(frozen=True)
class Checked:
    """What Coq said of a certificate.

    Attributes:
        ok: it compiled, and rests on the three classical axioms alone.
        seconds: how long that took.
        assumptions: the axioms it rests on.
        message: why not, in one line; empty if ok.
    """

    ok: bool
    seconds: float
    assumptions: tuple[str, ...]
    message: str


def check_text(text: str, timeout: float) -> Checked:
    """Compile a certificate in a folder of its own, with a time limit, and read what it rests on.

    Raises:
        MissingExtraError: no Coq, or no MathComp Analysis.
        ProofError: the development is missing, or does not compile.
    """
    folder = compiled_development()
    started = time.monotonic()
    code, output = run_coq(folder, text, timeout)
    seconds = time.monotonic() - started
    assumptions = read_assumptions(output)
    if code is None:
        message = f"Coq had not finished after {timeout:g} s; give it more time"
    elif code:
        message = f"Coq did not accept it: {' '.join(output.split())[-400:]}"
    elif assumptions is None:
        message = "Coq did not say what it rests on"
    elif foreign := [name for name in assumptions if name not in AXIOMS]:
        message = f"it rests on {', '.join(foreign)}, which is none of {', '.join(AXIOMS)}"
    else:
        message = ""
    return Checked(not message, seconds, tuple(assumptions or ()), message)


def run_coq(folder: Path, text: str, timeout: float) -> tuple[int | None, str]:
    """Compile a text beside a compiled development; return the exit code (None: out of time) and the output."""
    with tempfile.TemporaryDirectory(prefix="backproof-") as scratch:
        # The file is called the same whatever the user calls it: coqc wants an identifier.
        (Path(scratch) / "statement.v").write_text(text)
        return run(["-Q", str(folder), "backproof", "-w", "none", "statement.v"], Path(scratch), timeout)


def read_assumptions(output: str) -> list[str] | None:
    """Return the axioms that ``Print Assumptions`` named, by their last names; None if it said nothing."""
    if "Closed under the global context" in output:
        return []
    if "Axioms:" not in output:
        return None
    found = re.findall(r"^([A-Za-z_][\w.']*)(?= :|$)", output.split("Axioms:")[-1], re.MULTILINE)
    return [name.split(".")[-1] for name in found]
