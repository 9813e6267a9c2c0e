"""What ``import backproof`` costs: fresh interpreters, in turn with ``import numpy``.

Our names are loaded when they are first used, so the import alone would flatter us: a second candidate loads
what a first gradient needs.
"""

import subprocess
import sys
from collections.abc import Sequence

from .claims import Candidate, Case, Claim, Prepared
from .harness import Row
from .report import ratio

OURS, USED, NUMPY, BARE = "import backproof", "backproof, names loaded", "import numpy", "no import"
NAMES = ("Network", "Linear", "ReLU", "CrossEntropy", "value_and_gradient")


def _fresh(code: str) -> Prepared:
    command = [sys.executable, "-P", "-c", code]
    return Prepared(lambda: subprocess.run(command, check=True), dict)


def backproof(case: Case) -> Prepared:
    return _fresh("import backproof")


def used(case: Case) -> Prepared:
    return _fresh(f"from backproof import {', '.join(NAMES)}")


def numpy(case: Case) -> Prepared:
    return _fresh("import numpy")


def bare(case: Case) -> Prepared:
    return _fresh("pass")


CLAIM = Claim(
    name="import_time",
    title="Import time",
    candidates=(
        Candidate(OURS, "benchmarks.import_time:backproof"),
        Candidate(USED, "benchmarks.import_time:used"),
        Candidate(NUMPY, "benchmarks.import_time:numpy"),
        Candidate(BARE, "benchmarks.import_time:bare"),
    ),
    cases={"a fresh interpreter": {}},
    notes=(
        "The whole life of a process, interpreter start included.",
        f"Names loaded: from backproof import {', '.join(NAMES)}, which imports NumPy too.",
    ),
    rounds=21,
)


def extra(rows: Sequence[Row]) -> str:
    """Return the factors over NumPy: of whole processes, and of the imports alone."""
    median = {name: timing.median for name, timing in rows[0].timings.items()}
    numpy = median[NUMPY]
    parts = [
        f"{what} {ratio(median[name] / numpy)} times{so} "
        f"({ratio((median[name] - median[BARE]) / (numpy - median[BARE]))} times without the interpreter's start)"
        for name, what, so in (
            (OURS, "`import backproof` takes", " as long as `import numpy`"),
            (USED, "with its main names loaded", ""),
        )
    ]
    return "; ".join(parts) + "."
