"""Which loss is which function of the proof."""

from dataclasses import dataclass
from typing import final

from ..losses import BinaryCrossEntropy, CrossEntropy, Loss, Poisson, SquaredError


@final
@dataclass(frozen=True)
class LossPart:
    """A loss as the proof has it, in a target y and an output z.

    Attributes:
        value: the loss.
        delta: its gradient in z, a row.
        lemma: that it is.
        target: what is asked of y; None for nothing.
        words: the same for people.
    """

    value: str
    delta: str
    lemma: str
    target: str | None = None
    words: str = "all targets y"


def loss_part(loss: Loss) -> LossPart | None:
    """Return a loss as the proof has it, None if there is no lemma about it."""
    return LOSS_PARTS.get(type(loss))


_CROSS_ENTROPY = LossPart(
    "cross_entropy y z",
    "(softmax_fun z - y)^T",
    "cross_entropy_gradient",
    r"\sum_i y i 0 = 1",
    "all target distributions y (one class, or weights that add up to 1)",
)
_SQUARED_ERROR = LossPart("squared_error y z", "(z - y)^T", "squared_error_gradient")
_BINARY = LossPart("binary_cross_entropy y z", r"\row_i (sigmoid (z i 0) - y i 0)", "binary_cross_entropy_gradient")
_POISSON = LossPart("poisson_loss y z", r"\row_i (expR (z i 0) - y i 0)", "poisson_loss_gradient")

LOSS_PARTS: dict[type[Loss], LossPart] = {
    CrossEntropy: _CROSS_ENTROPY,
    SquaredError: _SQUARED_ERROR,
    BinaryCrossEntropy: _BINARY,
    Poisson: _POISSON,
}
"""The losses with a lemma. Smoothing gives another distribution y, and a sum is N times a mean."""
