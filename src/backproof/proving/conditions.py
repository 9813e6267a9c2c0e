"""Whether the open conditions of a certificate hold at a model's weights and given data."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import final

from ..arrays import Array
from ..balls import flint_is_there
from ..errors import DtypeError, UndecidedError
from ..network import Network
from ..options import check_whole
from ..parameters import Parameters
from ..quantities.points import KinkWatch

PIECE = 128
"""Examples that are on balls at a time."""

BITS = (80, 160, 640)
"""Precisions that are tried until every input is told from the kinks."""


@final
@dataclass(frozen=True)
class Checks:
    """How often an input of a layer lay where the layer has no derivative.

    On balls, intervals of real numbers rounded outwards, the finding is proved; in floating point, where rounding may
    hide a kink or make one, it is evidence.

    Attributes:
        examples: how many were evaluated.
        on_kinks: entries on a kink, by layer; empty if there were none.
        undecided: entries that balls could not tell from a kink, by layer.
        proved: how many of the examples, the first ones, were evaluated on balls.
    """

    examples: int
    on_kinks: dict[str, int]
    undecided: dict[str, int] = field(default_factory=dict)
    proved: int = 0

    @property
    def hold(self) -> bool:
        """Whether the conditions hold for all these examples."""
        return not self.on_kinks and not self.undecided

    def line(self) -> str:
        """Return the finding as one sentence."""
        how = f"{self._how()}, "
        if self.hold:
            return f"{how}the conditions hold for all {self.examples:,} examples."
        parts = []
        if self.on_kinks:
            parts.append(
                f"{_total(self.on_kinks)} entries of {self.examples:,} examples lie on a kink: {_list(self.on_kinks)}"
            )
        if self.undecided:
            parts.append(
                f"{_total(self.undecided)} entries of {self.examples:,} examples cannot be told from a kink at "
                f"{BITS[-1]} bits: {_list(self.undecided)}"
            )
        return f"{how}{', and '.join(parts)}."

    def _how(self) -> str:
        if not self.proved:
            return "evaluated in floating point"
        if self.proved == self.examples:
            return "proved in ball arithmetic"
        rest = self.examples - self.proved
        return f"proved in ball arithmetic for the first {self.proved:,} and in floating point for the other {rest:,}"


def _total(counts: dict[str, int]) -> str:
    return f"{sum(counts.values()):,}"


def _list(counts: dict[str, int]) -> str:
    return "; ".join(f"{count:,} at {layer}" for layer, count in counts.items())


def check_conditions(net: Network, theta: Parameters, batches: Iterable[Array], *, rigorous: int = 1000) -> Checks:
    """Evaluate the network on batches of examples and count inputs of layers that lie on a kink.

    The first examples are evaluated on balls, where python-flint is installed and every layer says where its kinks
    are: that proves the finding for them. The others are evaluated in floating point.

    Args:
        net: the network.
        theta: its parameters.
        batches: of examples.
        rigorous: how many of the first examples to evaluate on balls, which takes milliseconds for each.

    Raises:
        OptionError: ``rigorous`` is no whole number of at least 0.
        ShapeError, DtypeError: theta or a batch does not fit.
    """
    left = check_whole("check_conditions", "rigorous", rigorous, 0) if flint_is_there() else 0
    watch, tally, examples = KinkWatch("check_conditions"), _Proved(), 0
    for x in batches:
        steps, start, count = net.linearize(theta, x), 0, int(x.shape[0])
        while start < count and left:
            piece = x[start : start + min(PIECE, left)]
            if not tally.see(net, theta, piece):
                left = 0
                break
            start, left = start + int(piece.shape[0]), left - int(piece.shape[0])
        if start == 0:
            watch.see(net, steps, x)
        elif start < count:
            watch.see(net, net.linearize(theta, x[start:]), x[start:])
        examples += count
    _add(tally.on, watch.counts)
    return Checks(examples, tally.on, tally.undecided, tally.examples)


class _Proved:
    """What was found on balls."""

    def __init__(self) -> None:
        self.on: dict[str, int] = {}
        self.undecided: dict[str, int] = {}
        self.examples = 0

    def see(self, net: Network, theta: Parameters, x: Array) -> bool:
        """Evaluate some examples and return whether that was possible."""
        from ..balls.evaluation import kinks_of

        found = None
        for bits in BITS:
            try:
                found = kinks_of(net, theta, x, bits)
            except UndecidedError:
                continue
            except DtypeError:
                return False
            if not found.undecided:
                break
        if found is None or found.unknown:
            return False
        _add(self.on, found.on)
        _add(self.undecided, found.undecided)
        self.examples += int(x.shape[0])
        return True


def _add(counts: dict[str, int], more: dict[str, int]) -> None:
    for layer, count in more.items():
        counts[layer] = counts.get(layer, 0) + count
