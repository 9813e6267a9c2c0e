"""An exercise is asked for by its name; the errors of ``exercise`` are of the one tree."""

from typing import Any

import pytest

import backproof as bp
from backproof.errors import OptionError


@pytest.mark.parametrize("name", ["afine", None, ["affine"], 3])
def test_what_names_no_exercise_is_refused(name: Any) -> None:
    with pytest.raises(OptionError, match=r"unknown exercise .* Known: affine, "):
        bp.exercise(name)
