"""Every quantity on every kind of network beside PyTorch's autodiff in float64."""

import pytest

from quantity_oracles import CHECKS
from torch_networks import POINTS


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("check", CHECKS)
def test_quantity_is_what_torch_says(check: str, name: str) -> None:
    CHECKS[check](name)
