"""The recursion of the theorem: vector first, prefix shared.

    delta_{l-1} = delta_l A_l ,    d loss / d theta_l = delta_l B_l ,    l = L, ..., 1

A step is one layer's linearization: an object with ``backward(delta, gradient, input_too, tally, place)`` that
does the two products for that layer (``layers/base.py``). Chains inside combinators run through here as well.
"""

from collections.abc import MutableMapping, Sequence
from typing import Any, Protocol

from .tally import Tally


class Step(Protocol):
    """One linearized layer of a chain."""

    def backward(
        self, delta: Any, gradient: MutableMapping[str, Any], input_too: bool, tally: Tally | None, place: str
    ) -> Any:
        """Write delta_l B_l into ``gradient`` and return delta_l A_l, or None if not ``input_too``."""


def backpropagate(
    steps: Sequence[Step],
    delta: Any,
    gradients: Sequence[MutableMapping[str, Any]],
    input_too: bool = True,
    tally: Tally | None = None,
    place: str = "",
) -> Any:
    """Run the recursion from the last step to the first and return delta_0.

    Args:
        steps: the linearized layers, first to last.
        delta: delta_L = d loss / d x_L, shape (batch, n_L).
        gradients: per step, where each parameter's gradient is added up.
        input_too: whether delta_0 is wanted; without it the first layer's product with A is left out.
        tally: counts the multiplications if given.
        place: name of the chain inside a larger network, for the tally.
    """
    for index in reversed(range(len(steps))):
        wanted = input_too or index > 0
        delta = steps[index].backward(delta, gradients[index], wanted, tally, f"{place}{index}")
    return delta
