"""The recursion of the theorem: vector first, prefix shared.

    delta_{l-1} = delta_l A_l ,    d loss / d theta_l = delta_l B_l ,    l = L, ..., 1

A step is one layer's linearization; its ``backward`` (``layers/base.py``) does the two products for that layer.
Chains inside combinators run through here as well.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .tally import Tally


class Step(Protocol):
    """One linearized layer of a chain."""

    def backward(
        self, delta: Any, visit: Callable[[str, Any, Any], None], input_too: bool, tally: Tally | None, place: str
    ) -> Any:
        """Show delta_l and every B_l to ``visit`` and return delta_l A_l, or None if not ``input_too``."""


def backpropagate(
    steps: Sequence[Step],
    delta: Any,
    visit: Callable[[str, Any, Any], None],
    input_too: bool = True,
    tally: Tally | None = None,
    place: str = "",
) -> Any:
    """Run the recursion from the last step to the first and return delta_0.

    Args:
        steps: the linearized layers, first to last.
        delta: delta_L = d loss / d x_L, shape (batch, n_L), or k rows for every example, (batch, k, n_L).
        visit: called as ``visit(name, B, delta)`` where delta meets a parameter.
        input_too: whether delta_0 is wanted; without it the first layer's product with A is left out.
        tally: counts the multiplications if given.
        place: prefix of the chain's parameter names inside a larger network.
    """
    for index in reversed(range(len(steps))):
        delta = steps[index].backward(delta, visit, input_too or index > 0, tally, f"{place}{index}.")
    return delta
