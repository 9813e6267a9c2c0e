"""Which kind of subject came, and the problem that it is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import OptionError
from .plain import plain_problem
from .problems import Problem


def problem_of(
    subject: Any,
    inputs: tuple[Any, ...],
    given: Mapping[str, Callable[..., Any] | None],
    theta: Any = None,
    y: Any = None,
    loss: Any = None,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> Problem:
    """Return the problem that a subject with its inputs is.

    Raises:
        OptionError: there is no such kind of subject.
    """
    if isinstance(subject, tuple) and len(subject) == 2 and all(map(callable, subject)):
        return plain_problem(subject[0], inputs, {"jacobian": subject[1]}, names)
    if callable(subject):
        return plain_problem(subject, inputs, given, names)
    raise OptionError(f"check: {subject!r:.60} came, expected a function, a layer, a loss or a network.")
