"""What a benchmark consists of: cases, and candidates that do the same work on each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Case = Mapping[str, Any]
"""Plain data from which every candidate builds the same problem."""


class UnavailableError(Exception):
    """A candidate cannot run here; the message says why. It is reported and does not stop the benchmark."""


class DisagreementError(Exception):
    """Two candidates compute different numbers, so that comparing their times would mean nothing."""


@dataclass(frozen=True)
class Prepared:
    """A candidate that is ready to be timed.

    Attributes:
        step: does the work once; nothing of it may still be running when it returns.
        numbers: gives what the work computes, as NumPy arrays by name; called once, before the timing.
    """

    step: Callable[[], Any]
    numbers: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class Candidate:
    """One way to do the work.

    Attributes:
        name: what tables call it.
        prepare: ``"module:function"``, a function of a case that returns a ``Prepared``; it runs in a process of
            its own, so a library that cannot be imported makes only this candidate unavailable.
    """

    name: str
    prepare: str


@dataclass(frozen=True)
class Claim:
    """One table: every candidate on every case.

    Attributes:
        name: of the result files.
        title: of the table.
        candidates: ours first; the others' times are divided by its time.
        cases: by the name of the row.
        tolerance: largest relative difference (in the Euclidean norm) of two candidates' numbers.
        only: candidates by the name of the row, where not all take part.
        notes: sentences printed under the table.
        rounds: smallest number of timed blocks of every candidate, None for the runner's own.
    """

    name: str
    title: str
    candidates: tuple[Candidate, ...]
    cases: Mapping[str, Case]
    tolerance: Mapping[str, float] = field(default_factory=dict)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rounds: int | None = None

    def candidates_for(self, case: str) -> tuple[Candidate, ...]:
        """Return the candidates that take part in a row."""
        names = self.only.get(case)
        return tuple(c for c in self.candidates if names is None or c.name in names)
