"""The process of one candidate: it pins itself, prepares, and times blocks of steps when it is asked to.

    python -m benchmarks.worker DESCRIPTOR CORE "module:function"

The parent sends (request, argument) through the connection and gets ("ok", answer), ("unavailable", reason) or
("error", traceback) back.
"""

import contextlib
import gc
import importlib
import os
import resource
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from .claims import Prepared, UnavailableError


def pin(core: int | None) -> None:
    """Keep this process on one core and, where that is permitted, ahead of others."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    with contextlib.suppress(OSError):
        os.nice(-5)


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes.

    ``getrusage`` alone will not do on Linux: its maximum starts at the parent's size.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def processor_time() -> float:
    """Return the seconds that all threads of this process and its ended children have run."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


CLOCKS = {"wall": perf_counter, "cpu": processor_time}


def time_block(step: Callable[[], Any], repeats: int, clock: Callable[[], float] = perf_counter) -> float:
    """Return the seconds of one step, the mean over a block."""
    times = range(repeats)
    start = clock()
    for _ in times:
        step()
    return (clock() - start) / repeats


def repeats_for(step: Callable[[], Any], seconds: float, clock: Callable[[], float] = perf_counter) -> int:
    """Return how many steps make a block of about ``seconds``, after warming up."""
    repeats = 1
    while True:
        taken = time_block(step, repeats, clock) * repeats
        if taken >= seconds / 2:
            return max(1, round(repeats * seconds / taken))
        repeats *= 2


class Worker:
    """Answers the parent's requests, one method each."""

    def __init__(self, prepare: str) -> None:
        self.where = prepare
        self.prepared: Prepared | None = None
        self.repeats = 1
        self.imported = 0
        self.clock: Callable[[], float] = perf_counter

    def prepare(self, case: Any) -> Any:
        """Build the problem and return the numbers that one piece of work gives."""
        module, function = self.where.split(":")
        candidate = getattr(importlib.import_module(module), function)
        self.imported = peak_memory()
        self.prepared = candidate(case)
        return dict(self.prepared.numbers())

    def calibrate(self, settings: tuple[float, str]) -> int:
        """Choose the clock, and the number of steps in a block of about so many seconds; return the number."""
        assert self.prepared is not None
        # What the libraries made at import is not searched again by every collection in a timed block.
        gc.collect()
        gc.freeze()
        self.clock = CLOCKS[settings[1]]
        self.repeats = repeats_for(self.prepared.step, settings[0], self.clock)
        return self.repeats

    def block(self, _: Any) -> float:
        """Time one block and return the seconds of one step."""
        assert self.prepared is not None
        return time_block(self.prepared.step, self.repeats, self.clock)

    def memory(self, _: Any) -> tuple[int, int]:
        """Return the peak resident size in bytes, now and after the imports."""
        return peak_memory(), self.imported


def answer(worker: Worker, request: str, argument: Any) -> tuple[str, Any]:
    """Return the reply to one request."""
    try:
        return "ok", getattr(worker, request)(argument)
    except (UnavailableError, ImportError) as error:
        return "unavailable", f"{error}" or type(error).__name__
    except Exception:
        return "error", traceback.format_exc()


def serve(connection: "Connection[Any, Any]", worker: Worker) -> None:
    """Answer until the parent closes the connection."""
    with contextlib.suppress(EOFError):
        while True:
            connection.send(answer(worker, *connection.recv()))


if __name__ == "__main__":
    descriptor, core, prepare = sys.argv[1:]
    pin(int(core) if core != "-" else None)
    serve(Connection(int(descriptor)), Worker(prepare))
