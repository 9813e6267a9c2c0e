"""Which kind of subject came, and the problem that it is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import OptionError
from .arguments import title_of
from .jax_subjects import is_jax, jax_problem
from .plain import plain_problem
from .problems import Problem
from .torch_subjects import applied, is_torch, torch_problem


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
    subject = applied(subject)
    derivatives = [kind for kind, derivative in given.items() if derivative is not None]
    if derivatives and is_torch(subject, ()):
        raise OptionError(
            f"check: {derivatives[0]}= came for {title_of(subject)}, which brings its own derivative; leave it out."
        )
    if not derivatives:
        if isinstance(subject, type) and not is_torch(subject, ()):
            raise OptionError(
                f"check: the class {title_of(subject)} came, expected an object: {title_of(subject)}(...)."
            )
        if is_torch(subject, inputs):
            return torch_problem(subject, inputs, names)
        if is_jax(subject, inputs):
            return jax_problem(subject, inputs, names)
    return plain_problem(subject, inputs, given, names)
