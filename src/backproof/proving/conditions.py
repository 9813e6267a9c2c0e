"""Whether the open conditions of a certificate hold at a model's weights and given data."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from ..arrays import Array
from ..network import Network
from ..parameters import Parameters
from ..quantities.points import KinkWatch


@final
@dataclass(frozen=True)
class Checks:
    """How often an input of a layer lay exactly where the layer has no derivative.

    Evaluated in floating point, so rounding may hide a kink or make one; it is evidence, not part of the proof.

    Attributes:
        examples: how many were evaluated.
        on_kinks: entries on a kink, by layer; empty if there were none.
    """

    examples: int
    on_kinks: dict[str, int]

    @property
    def hold(self) -> bool:
        """Whether the conditions hold for all these examples."""
        return not self.on_kinks

    def line(self) -> str:
        """Return the finding as one sentence."""
        if self.hold:
            return f"evaluated in floating point, the conditions hold for all {self.examples:,} examples."
        where = "; ".join(f"{count:,} at {layer}" for layer, count in self.on_kinks.items())
        count = f"{sum(self.on_kinks.values()):,}"
        return f"evaluated in floating point, {count} entries of {self.examples:,} examples lie on a kink: {where}."


def check_conditions(net: Network, theta: Parameters, batches: Iterable[Array]) -> Checks:
    """Evaluate the network on batches of examples and count entries that lie exactly on a kink.

    Raises:
        ShapeError, DtypeError: theta or a batch does not fit.
    """
    watch, examples = KinkWatch("check_conditions"), 0
    for x in batches:
        watch.see(net, net.linearize(theta, x), x)
        examples += int(x.shape[0])
    return Checks(examples, dict(watch.counts))
