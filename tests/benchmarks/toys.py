"""Candidates that take no time, for the tests of the harness; its workers import this module by name."""

import os
import sys

import numpy as np
from benchmarks.claims import Case, Prepared, UnavailableError


def doubled(case: Case) -> Prepared:
    x = np.full(3, case["x"])
    return Prepared(lambda: x + x, lambda: {"double": x + x})


def times_two(case: Case) -> Prepared:
    x = np.full(3, case["x"])
    return Prepared(lambda: 2 * x, lambda: {"double": 2 * x})


def tripled(case: Case) -> Prepared:
    x = np.full(3, case["x"])
    return Prepared(lambda: 3 * x, lambda: {"double": 3 * x})


def absent(case: Case) -> Prepared:
    raise UnavailableError("there is no such library")


def not_installed(case: Case) -> Prepared:
    import a_library_that_nobody_has  # type: ignore[import-not-found]

    return a_library_that_nobody_has.prepared  # type: ignore[no-any-return]


def broken(case: Case) -> Prepared:
    raise ZeroDivisionError("a fault of the candidate")


def crashing(case: Case) -> Prepared:
    sys.exit(7)


def surroundings(case: Case) -> Prepared:
    found = {
        "cores": np.array(sorted(os.sched_getaffinity(0))),
        "threads": np.array(int(os.environ["OMP_NUM_THREADS"])),
        "process": np.array(os.getpid()),
    }
    return Prepared(lambda: None, lambda: found)
