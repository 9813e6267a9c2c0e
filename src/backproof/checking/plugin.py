"""A fixture for pytest: ``check_derivative`` is ``assert_derivative``, wherever backproof is installed."""

from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")  # type: ignore[untyped-decorator]
def check_derivative() -> Callable[..., None]:
    """Return ``assert_derivative``: it raises AssertionError with the report unless a derivative is right."""
    # Imported when it is used: every run of pytest loads this file.
    from .checker import assert_derivative

    return assert_derivative
