"""Words for people on standard error, data on standard output."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from ..errors import printable

LONGEST = 1000


def one_line(text: str) -> str:
    """Return a text without line breaks or control characters, cut short where it is very long."""
    return printable(" ".join(text.split()), LONGEST)


def status(text: str, quiet: bool = False) -> None:
    """Say something about the course of things."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def result(text: str) -> None:
    """Give a result, for a person or the next program in a pipeline."""
    print(text)


def json_result(data: Mapping[str, Any]) -> None:
    """Give a result as one JSON object."""
    print(json.dumps(data, allow_nan=False))
