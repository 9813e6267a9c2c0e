"""What of the user's own words may stand in a certificate: a harmless few of them, and only in comments."""

import re

_LONGEST = 120


def comment(text: str) -> str:
    """Return a text that can stand inside a Coq comment and neither end it, nest one, nor open a string."""
    plain = re.sub(r"[^A-Za-z0-9_ .,:=\[\]()+-]", "?", text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 3]}..."


def listed(items: tuple[str, ...]) -> str:
    """Return a Coq list of natural numbers, each given as a number or a term."""
    numbers = [f"({item})%N" for item in items]
    return f"[:: {'; '.join(numbers)}]" if items else "(@nil nat)"


def dotted(place: str) -> str:
    """Return a place as parameter names have it: ``2.0`` for ``_2_0``."""
    return place.removeprefix("_").replace("_", ".")
