"""Which kind of subject came, and the problem that it is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import OptionError
from .jax_subjects import is_jax, jax_problem
from .plain import plain_problem
from .problems import Problem
from .torch_subjects import is_torch, torch_problem


def problem_of(
    subject: Any,
    inputs: tuple[Any, ...],
    given: Mapping[str, Callable[..., Any] | None],
    names: Sequence[str] | None = None,
) -> Problem:
    """Return the problem that a function, of whatever library, is at its inputs.

    Raises:
        OptionError: there is no such kind of subject.
    """
    if isinstance(subject, tuple) and len(subject) == 2 and all(map(callable, subject)):
        return plain_problem(subject[0], inputs, {"jacobian": subject[1]}, names)
    if not callable(subject):
        raise OptionError(f"check: {subject!r:.60} came, expected a function, a layer, a loss or a network.")
    if not any(given.values()):
        if is_torch(subject, inputs):
            return torch_problem(subject, inputs, names)
        if is_jax(subject, inputs):
            return jax_problem(subject, inputs, names)
    return plain_problem(subject, inputs, given, names)
