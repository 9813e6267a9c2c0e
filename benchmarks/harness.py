"""The harness: one pinned, single-threaded process a candidate, timed in turn, block by block.

Candidates are timed in rounds A B C A B C ... so that whatever else the machine does meets all of them alike.
Before the first block, every candidate's numbers are compared: a benchmark of wrong numbers stops.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .claims import Candidate, Case, Claim, DisagreementError, UnavailableError

ROOT = Path(__file__).resolve().parent.parent
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
}
PATIENCE = 600.0
"""Seconds after which a candidate that does not answer is unavailable."""


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        rounds: blocks of every candidate.
        block: seconds of a block, about.
        core: the core that all candidates are pinned to; None leaves them free.
        clock: ``"wall"``, or ``"cpu"``: the processor time of all threads, for a machine that others use too.
    """

    rounds: int = 9
    block: float = 0.03
    core: int | None = 0
    clock: str = "wall"


@dataclass(frozen=True)
class Timing:
    """The blocks of one candidate in one row: seconds of one step each, and memory in bytes.

    Attributes:
        memory: the peak resident size.
        imported: the resident size when the imports were done, before the problem was built.
    """

    blocks: tuple[float, ...]
    repeats: int
    memory: int
    imported: int = 0

    @property
    def working(self) -> int:
        """The peak less what the imports take."""
        return self.memory - self.imported

    def quantile(self, q: float) -> float:
        """Return the seconds below which a fraction q of the blocks lies."""
        return float(np.quantile(self.blocks, q))

    @property
    def median(self) -> float:
        """The middle block, seconds a step."""
        return self.quantile(0.5)

    @property
    def minimum(self) -> float:
        """The fastest block, seconds a step."""
        return min(self.blocks)


@dataclass(frozen=True)
class Row:
    """One case: the timing of every candidate that ran, and the reason for every one that did not."""

    case: str
    timings: Mapping[str, Timing]
    unavailable: Mapping[str, str]

    def ratio(self, peer: str, ours: str, minimum: bool = False) -> float | None:
        """Return peer / ours, by medians or by minima; above 1, ours is faster. None without both times."""
        if peer not in self.timings or ours not in self.timings:
            return None
        a, b = self.timings[peer], self.timings[ours]
        return a.minimum / b.minimum if minimum else a.median / b.median


class Process:
    """The parent's end of one worker."""

    def __init__(self, candidate: Candidate, core: int | None) -> None:
        self.name = candidate.name
        self._connection, theirs = Pipe()
        command = [sys.executable, "-m", "benchmarks.worker", str(theirs.fileno())]
        self._process = subprocess.Popen(
            [*command, "-" if core is None else str(core), candidate.prepare],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            pass_fds=(theirs.fileno(),),
            stdout=subprocess.DEVNULL,
        )
        theirs.close()

    def ask(self, request: str, argument: Any = None) -> Any:
        """Return the worker's answer.

        Raises:
            UnavailableError: the candidate cannot run here, or did not answer in time.
            RuntimeError: it failed; the message holds its traceback.
        """
        self._connection.send((request, argument))
        if not self._connection.poll(PATIENCE):
            raise UnavailableError(f"no answer to {request!r} within {PATIENCE:.0f} s")
        try:
            kind, answer = self._connection.recv()
        except EOFError:
            raise RuntimeError(f"{self.name}: the process ended, exit code {self._process.wait()}.") from None
        if kind == "unavailable":
            raise UnavailableError(answer)
        if kind == "error":
            raise RuntimeError(f"{self.name}: {answer}")
        return answer

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def difference(ours: Any, theirs: Any) -> float:
    """Return |a - b| / |b| in the Euclidean norm, in float64; infinite if the shapes differ."""
    a, b = (np.asarray(array, dtype=np.float64) for array in (theirs, ours))
    if a.shape != b.shape:
        return float("inf")
    scale = float(np.linalg.norm(b))
    apart = float(np.linalg.norm(a - b))
    return apart / scale if scale else apart


def require_agreement(claim: Claim, case: str, numbers: Mapping[str, Mapping[str, Any]], default: float = 1e-4) -> None:
    """Compare every candidate's numbers with the first one's.

    Raises:
        DisagreementError: some number is missing or differs by more than the tolerance, or is not finite.
    """
    reference, *others = numbers
    for other in others:
        if set(numbers[other]) != set(numbers[reference]):
            raise DisagreementError(
                f"{claim.name}, {case}: {other} gives {sorted(numbers[other])}, expected {sorted(numbers[reference])}."
            )
        for key, expected in numbers[reference].items():
            apart, allowed = difference(expected, numbers[other][key]), claim.tolerance.get(key, default)
            if not apart <= allowed:
                raise DisagreementError(
                    f"{claim.name}, {case}: {other} and {reference} differ in {key} by {apart:.1e} relative, "
                    f"expected at most {allowed:.0e}."
                )


def measure(claim: Claim, name: str, settings: Settings) -> Row:
    """Time all candidates of one row.

    Raises:
        DisagreementError: the candidates do not compute the same numbers.
    """
    unavailable: dict[str, str] = {}
    with ExitStack() as stack:
        running = _prepare(claim, name, claim.cases[name], settings, stack, unavailable)
        repeats = {process: process.ask("calibrate", (settings.block, settings.clock)) for process in running}
        blocks: dict[Process, list[float]] = {process: [] for process in running}
        for _ in range(max(settings.rounds, claim.rounds or 0)):
            for process in running:
                blocks[process].append(process.ask("block"))
        timings = {
            process.name: Timing(tuple(blocks[process]), repeats[process], *process.ask("memory"))
            for process in running
        }
    return Row(name, timings, unavailable)


def _prepare(
    claim: Claim,
    name: str,
    case: Case,
    settings: Settings,
    stack: ExitStack,
    unavailable: dict[str, str],
) -> list[Process]:
    numbers: dict[str, Mapping[str, Any]] = {}
    running = []
    for candidate in claim.candidates_for(name):
        process = stack.enter_context(Process(candidate, settings.core))
        try:
            numbers[candidate.name] = process.ask("prepare", case)
            running.append(process)
        except UnavailableError as error:
            unavailable[candidate.name] = str(error)
    if len(numbers) > 1:
        require_agreement(claim, name, numbers)
    return running


def run(claim: Claim, settings: Settings, cases: Iterable[str] | None = None, report: Any = None) -> list[Row]:
    """Measure the rows of a claim, all or some; ``report`` is called with each row as it is ready."""
    rows = []
    for name in claim.cases if cases is None else cases:
        rows.append(measure(claim, name, settings))
        if report is not None:
            report(rows[-1])
    return rows
