"""Coq for the tests: never skipped in continuous integration."""

import os
from pathlib import Path

import pytest

from backproof.errors import MissingExtraError
from backproof.proving import compiled_development

EVERYTHING = ("certificate", "parts", "rational", "assumptions")


@pytest.fixture(scope="session")
def development() -> Path:
    """The folder of the compiled proof; the first test that asks for it may have to compile it."""
    try:
        return compiled_development(EVERYTHING)
    except MissingExtraError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
