"""Every checker of derivatives on the corpus: which faults it misses, and which correct derivatives it accuses."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from .checkers_text import write
from .corpus import Case, cases
from .harness import ONE_THREAD, ROOT

OURS = "backproof.check"
DTYPES = ("float64", "float32", "bfloat16")
CORRECT = 1000
"""Seeds at which ours sees the correct versions."""
CORRECT_OF_PEERS = 20
FAULTY = 5
WORKERS = 2
KEPT = ROOT / "build" / "checkers.jsonl"
"""What is done of a run; remove it after a change of ``check``."""


@dataclass(frozen=True)
class Task:
    """One checker on one case in one dtype.

    Attributes:
        checker: its name.
        dtype: of the inputs.
        title: of the case.
        correct: seeds for the correct derivative.
        faulty: seeds for every fault.
    """

    checker: str
    dtype: str
    title: str
    correct: int
    faulty: int


@dataclass(frozen=True)
class Found:
    """What came of a task.

    Attributes:
        task: which.
        library: of the case.
        kinks: whether its inputs hold points on a kink.
        accused: seeds at which the correct derivative was rejected.
        runs: by fault, the number of seeds at which it shows.
        missed: by fault, the seeds at which it was accepted.
        named: by fault, at how many seeds the cause that was named is right; empty for the peers, who name none.
    """

    task: Task
    library: str
    kinks: bool
    accused: tuple[int, ...]
    runs: dict[str, int]
    missed: dict[str, tuple[int, ...]]
    named: dict[str, int]


def tasks(chosen: Iterable[Case], checkers: Sequence[str]) -> Iterator[Task]:
    """Yield what is to be done; bfloat16 is PyTorch's, and its faults are not counted: few digits, few tolerances."""
    for checker in checkers:
        for dtype in DTYPES if checker == OURS else DTYPES[:2]:
            for case in chosen:
                if dtype != "bfloat16" or case.library == "torch":
                    faulty = 0 if dtype == "bfloat16" else FAULTY
                    correct = CORRECT if checker == OURS else CORRECT_OF_PEERS
                    yield Task(checker, dtype, case.title, correct, faulty)


def verdict(task: Task, case: Case, fault: Any, seed: int) -> tuple[bool, Any]:
    """Return whether the checker accepts, and the cause that it names."""
    from .checkers_ours import checked
    from .checkers_peers import PEERS, accepts

    if task.checker == OURS:
        return checked(case, fault, seed, task.dtype)
    return accepts(PEERS[task.checker], case, fault, seed, task.dtype), None


def work(task: Task) -> Found:
    """Run one checker on one case."""
    from .checkers_views import visible

    case = next(case for case in cases() if case.title == task.title)
    accused = tuple(seed for seed in range(task.correct) if not verdict(task, case, None, seed)[0])
    runs, missed, named = {}, {}, {}
    for fault in case.faults:
        if task.dtype not in fault.dtypes or not task.faulty:
            continue
        seen = [seed for seed in range(task.faulty) if visible(case, fault, seed)]
        verdicts = {seed: verdict(task, case, fault, seed) for seed in seen}
        runs[fault.name] = len(seen)
        missed[fault.name] = tuple(seed for seed, (ok, _) in verdicts.items() if ok)
        if task.checker == OURS:
            named[fault.name] = sum(cause in fault.causes for _, cause in verdicts.values())
    forget()
    return Found(task, case.library, case.kinks, accused, runs, missed, named)


def forget() -> None:
    """Drop what JAX compiled; every call of an adapter compiles anew and would stay."""
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def run(todo: Sequence[Task], kept: Path = KEPT) -> list[dict[str, Any]]:
    """Do the tasks in processes of one thread each; what a run that was stopped has finished is not done again."""
    os.environ.update(ONE_THREAD)
    before = kept.read_text().splitlines() if kept.exists() else []
    done = {tuple(row["task"].values()): row for row in map(json.loads, before)}
    missing = [task for task in todo if astuple(task) not in done]
    kept.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool, kept.open("a") as file:
        for row in map(asdict, pool.map(work, missing)):
            done[tuple(row["task"].values())] = row
            print(json.dumps(row), file=file, flush=True)
            print(*row["task"].values(), "false alarms", len(row["accused"]), "missed", row["missed"], file=sys.stderr)
    return [done[astuple(task)] for task in todo]


def main(case: str | None, output: Path) -> None:
    """Run every checker on the cases whose title contains ``case``; write the result files if that is None."""
    from .checkers_peers import PEERS

    chosen = [c for c in cases() if case is None or case in c.title]
    if chosen:
        kept = KEPT if case is None else KEPT.with_name("checkers-some.jsonl")
        print(write(run(list(tasks(chosen, (OURS, *PEERS))), kept), output if case is None else None))
        kept.unlink()
