"""What ``import backproof`` costs: fresh interpreters, in turn with ``import numpy``.

Our names are loaded when they are first used, so the import alone would flatter us: a second candidate loads
what a first gradient needs.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from .claims import Candidate, Case, Claim, Prepared
from .harness import Row
from .report import ratio

OURS, USED, NUMPY, BARE = "import backproof", "backproof, names loaded", "import numpy", "no import"
FIRST, COMPILED = "a first gradient", "a first compiled gradient"
NAMES = ("Network", "Linear", "ReLU", "CrossEntropy", "value_and_gradient")
GRADIENT = """
import numpy as np
from backproof import CrossEntropy, Linear, Network, ReLU, {name}
net = Network([Linear(64, 32), ReLU(), Linear(32, 10)])
theta, x, y = net.initialize(0), np.ones((32, 64), np.float32), np.zeros(32, np.int64)
{call}"""


def _fresh(code: str) -> Prepared:
    command = [sys.executable, "-P", "-c", code]
    # An installed package has its bytecode, so ours is kept too; it is written by the steps before the timing.
    cache = os.path.join(tempfile.gettempdir(), "backproof-benchmarks-bytecode")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return Prepared(lambda: subprocess.run(command, check=True, env={**kept, "PYTHONPYCACHEPREFIX": cache}), dict)


def backproof(case: Case) -> Prepared:
    return _fresh("import backproof")


def used(case: Case) -> Prepared:
    return _fresh(f"from backproof import {', '.join(NAMES)}")


def first(case: Case) -> Prepared:
    return _fresh(
        GRADIENT.format(name="value_and_gradient", call="value_and_gradient(net, theta, x, y, CrossEntropy())")
    )


def compiled(case: Case) -> Prepared:
    return _fresh(GRADIENT.format(name="compile", call="compile(net, loss=CrossEntropy())(theta, x, y)"))


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
        Candidate(FIRST, "benchmarks.import_time:first"),
        Candidate(COMPILED, "benchmarks.import_time:compiled"),
        Candidate(NUMPY, "benchmarks.import_time:numpy"),
        Candidate(BARE, "benchmarks.import_time:bare"),
    ),
    cases={"a fresh interpreter": {}},
    notes=(
        "The whole life of a process, interpreter start included.",
        "The first gradient is that of 64-32-10 ReLU at batch 32, the network made in the same process.",
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
            (FIRST, "with a first gradient", ""),
            (COMPILED, "with a first compiled one", ""),
        )
        if name in median
    ]
    return "; ".join(parts) + "."
