"""What the writers of source share."""

from typing import Any

import numpy as np
import pytest

from backproof.compilation.drafts import entry

BOUNDS = (None, 0, 1, 3, 5, -1, -3)
SLICES = [slice(start, stop, step) for start in BOUNDS for stop in BOUNDS for step in (None, 1, 2, -1, -2)]


@pytest.mark.parametrize("key", [*SLICES, 2, None], ids=str)
def test_an_entry_of_an_index_is_said_so_that_it_picks_the_same(key: Any) -> None:
    x = np.arange(5)
    assert np.array_equal(eval(f"x[{entry(key)}]"), x[key])


def test_a_start_at_the_beginning_is_left_out_only_going_forward() -> None:
    assert [entry(slice(0, 3)), entry(slice(0, None, 2)), entry(slice(0, None, -1))] == [":3", "::2", "0::-1"]
