"""The door of every quantity: the network at one point, checked for what would make its derivatives mean nothing."""

import warnings
from typing import Any

import numpy as np

from ..arrays import Array, is_complex, is_traced, namespace, plain
from ..errors import CoupledBatchError, DtypeError, KinkWarning, OptionError, ShapeError
from ..layers import Steps, leaves
from ..network import Network
from ..parameters import Parameters

__all__ = [
    "KinkWatch", "linearized", "require_columns", "require_data", "require_parameters", "require_uncoupled",
]  # fmt: skip


def linearized(who: str, net: Network, theta: Parameters, x: Array, *, alone: bool = True) -> Steps:
    """Return the layers' linearizations at (theta, x), after the checks that every quantity makes.

    Args:
        who: the function that asks, for messages.
        alone: whether every example needs a Jacobian of its own.

    Raises:
        CoupledBatchError: a layer couples the examples, and ``alone`` was asked for; the message names it.

    Warns:
        KinkWarning: an entry lies exactly on a kink of a layer; once, with the count.
    """
    if alone:
        require_uncoupled(net, who)
    steps = net.linearize(theta, x)
    watch = KinkWatch(who)
    watch.see(net, steps, x)
    watch.warn()
    return steps


def require_uncoupled(net: Network, who: str) -> None:
    """Raise CoupledBatchError if a layer lets the examples of a batch depend on one another."""
    for index, layer in enumerate(net):
        if layer.coupled:
            raise CoupledBatchError(
                f"{who}: layer {index}, {layer.label} couples the examples of a batch, so no example has a Jacobian "
                "of its own; expected layers that act on each example alone."
            )


def require_parameters(who: str, net: Network) -> None:
    """Raise OptionError if the network has no parameters to take derivatives in."""
    if not net.layout.size:
        raise OptionError(f"{who}: the network has no parameters, expected a layer with some, such as Linear.")


def require_data(who: str, x: Any, y: Any) -> tuple[Any, Any]:
    """Return x and y as arrays; a list of targets becomes one.

    Raises:
        DtypeError: x is no array, or y neither an array nor a list of numbers; or one of them is masked.
        ShapeError: they are not as many examples, at least one.
    """
    if not getattr(x, "shape", ()):
        raise DtypeError(
            f"{who}: x is of type {type(x).__name__}, expected an array of examples; convert it, as in "
            "np.asarray(x, 'float32')."
        )
    count = _count(y)
    if count is None:
        raise DtypeError(f"{who}: y is of type {type(y).__name__}, expected an array of targets, one per example.")
    if not x.shape[0]:
        raise ShapeError(f"{who}: x has no examples, expected at least one.")
    if count != x.shape[0]:
        raise ShapeError(f"{who}: y has {count:,} targets, expected {x.shape[0]:,}, one per example of x.")
    return plain(x, f"{who}: x"), plain(_targets(who, y), f"{who}: y")


def _targets(who: str, y: Any) -> Any:
    if hasattr(y, "shape"):
        return y
    try:
        return np.asarray(y)
    except ValueError:
        raise DtypeError(f"{who}: y is a list whose entries differ in shape, expected an array of targets.") from None


def _count(y: Any) -> int | None:
    """Return how many targets there are, None if they are no array or list."""
    shape = getattr(y, "shape", None)
    if shape is None:
        return len(y) if hasattr(y, "__len__") else None
    return shape[0] if shape else None


def require_columns(who: str, v: Any, size: int) -> Array:
    """Return v, parameters or an array, as an array (P,) or (P, k).

    Raises:
        DtypeError: it is no array, or a masked one.
        ShapeError: it has another shape, or no columns.
    """
    vector: Any = v.vector if isinstance(v, Parameters) else v
    if not hasattr(vector, "shape"):
        raise DtypeError(f"{who} @ v: v is of type {type(v).__name__}, expected an array or parameters.")
    shape = tuple(vector.shape)
    if len(shape) not in (1, 2) or shape[0] != size or 0 in shape[1:]:
        raise ShapeError(f"{who} @ v: got shape {shape}, expected ({size},) or ({size}, k) with k at least 1.")
    return plain(vector, f"{who} @ v: v")


class KinkWatch:
    """Counts entries that lie exactly on a kink, over any number of batches, and warns once.

    Attributes:
        who: the function that asks, for the message.
        counts: entries on a kink by layer.
        done: whether a whole pass over the data has been counted; later passes are not.
    """

    def __init__(self, who: str) -> None:
        self.who = who
        self.counts: dict[str, int] = {}
        self.done = False

    def see(self, net: Network, steps: Steps, x: Array) -> None:
        """Count the entries of one batch."""
        if self.done or is_traced(x):
            return
        for name, layer, entries, _ in leaves(net.chain, steps, x):
            on_kink = layer.kinks(namespace(entries).real(entries) if is_complex(entries) else entries)
            count = 0 if on_kink is None else int(namespace(x).count_nonzero(on_kink))
            if count:
                label = f"layer {name}, {layer.label}"
                self.counts[label] = self.counts.get(label, 0) + count

    def warn(self) -> None:
        """Warn of what was counted, once."""
        if not self.done and self.counts:
            where = "; ".join(f"{count:,} at {label}" for label, count in self.counts.items())
            warnings.warn(
                f"{self.who}: {sum(self.counts.values()):,} entries lie exactly on a kink, where there is no "
                f"derivative ({where}); the value PyTorch takes is used.",
                KinkWarning,
                stacklevel=4,
            )
        self.done = True
