"""Words for people on standard error, data on standard output."""

import json
import sys
from collections.abc import Mapping
from typing import Any

LONGEST = 1000


def one_line(text: str) -> str:
    """Return a text without line breaks or control characters, cut short where it is very long."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 3]}..."


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
