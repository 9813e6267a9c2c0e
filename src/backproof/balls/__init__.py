"""Ball arithmetic: the library's own formulas on real intervals that hold the exact result.

Needs python-flint; ``require_flint`` says how to install it. ``arithmetic.py`` has the numbers and their arrays,
``evaluation.py`` runs a network on them.
"""

import importlib.util

from ..errors import missing_extra


def flint_is_there() -> bool:
    """Whether python-flint is installed."""
    return importlib.util.find_spec("flint") is not None


def require_flint(who: str) -> None:
    """Raise MissingExtraError, with the install line, if python-flint is not installed."""
    if not flint_is_there():
        raise missing_extra(who, "exact")
