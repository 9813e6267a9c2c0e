"""Errors that name an example by its place in the data, not in the batch it was shuffled into."""

import re
from collections.abc import Callable
from typing import TypeVar

from ..errors import BackproofError

_PLACE = re.compile(
    r"(?P<array>^(?:the input|layer .*: its output) holds \S+ at \()(?P<row>\d+)(?P<rest>[^)]*\))"
    r"|(?P<target>^\w+: example )(?P<number>\d+)"
)

Kind = TypeVar("Kind", bound=BackproofError)


def renamed(error: Kind, prefix: str, place: Callable[[int], int]) -> Kind:
    """Return the error with ``prefix`` before it and the rows of its batch as examples of the data.

    Args:
        error: of one batch.
        prefix: where it arose.
        place: from the row of the batch to the number of the example.
    """

    def words(found: re.Match[str]) -> str:
        if found["target"] is not None:
            return f"{found['target']}{place(int(found['number']))}"
        row = place(int(found["row"]))
        return f"{found['array']}{row}{found['rest']} in example {row}"

    return type(error)(f"{prefix}: {_PLACE.sub(words, str(error), count=1)}")
