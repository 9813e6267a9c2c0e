"""What a certificate of errors holds: proven intervals, and how far computed numbers are from them."""

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import DtypeError, ShapeError
from ..parameters import Parameters

__all__ = ["Enclosure", "ErrorBounds"]

RESOLUTION = 1 / 16
"""An entry is decided if its interval is no wider than this part of a unit in the last place to either side."""


@final
@dataclass(frozen=True, eq=False)
class Enclosure:
    r"""An array whose exact entries are known to lie in intervals, beside its entries as computed.

    Errors are bounds from above: the distance of the computed number from the farthest point of the interval.

    Shapes:
        balls, computed, and all bounds: the same

    Attributes:
        balls: the intervals, as an array of ``backproof.balls.ball.Ball``.
        computed: the floating-point numbers.
    """

    balls: Any
    computed: Any

    @functools.cached_property
    def lower(self) -> Any:
        """Float64 numbers that the exact entries are not below."""
        from ..balls import bounds

        return bounds.lower(self.balls)

    @functools.cached_property
    def upper(self) -> Any:
        """Float64 numbers that the exact entries are not above."""
        from ..balls import bounds

        return bounds.upper(self.balls)

    @functools.cached_property
    def _middle_and_radius(self) -> tuple[Any, Any]:
        from ..balls import bounds

        return bounds.middle_and_radius(self.balls)

    @property
    def middle(self) -> Any:
        """The middles of the intervals, rounded to float64."""
        return self._middle_and_radius[0]

    @property
    def _nearest(self) -> Any:
        """Numbers that no exact entry is below in magnitude; 0 where the exact entry may be 0."""
        middle, radius = self._middle_and_radius
        size = np.abs(middle)
        # Roundings to float64 take less than this share away, but for numbers beyond its normal range.
        share = 1 - 2.0**-50
        normal = (size > 2.0**-1000) & np.isfinite(size)
        return np.where(normal, np.fmax(size * share - radius, 0.0) * share, 0.0)

    @functools.cached_property
    def _distance(self) -> tuple[Any, Any]:
        from ..balls import bounds

        return bounds.distance(self.balls, self.computed)

    @property
    def error(self) -> Any:
        """No computed entry is farther than this from the exact one."""
        return self._distance[1]

    @property
    def least_error(self) -> Any:
        """No computed entry is nearer than this to the exact one."""
        return self._distance[0]

    @functools.cached_property
    def unit(self) -> Any:
        """A unit in the last place: the gap between floats at the larger of the exact and the computed number."""
        size = np.fmax(np.abs(self.computed).astype(np.float64), np.abs(self.middle))
        limits = np.finfo(self.computed.dtype)
        return np.spacing(np.clip(size, limits.tiny, limits.max).astype(self.computed.dtype)).astype(np.float64)

    @property
    def ulps(self) -> Any:
        """The error in units in the last place."""
        return self.error / self.unit

    @functools.cached_property
    def relative(self) -> Any:
        """The error relative to the exact entry: 0 without error, infinite where the exact entry may be 0."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(self.error == 0, 0.0, self.error / self._nearest)

    @functools.cached_property
    def decided(self) -> Any:
        """Whether the interval is narrow enough to tell the error: a sixteenth of an ulp to either side."""
        # A radius is rounded up to a float64, of which the smallest is a whole unit at 0.
        smallest = np.finfo(np.float64).smallest_subnormal
        return self._middle_and_radius[1] <= np.maximum(RESOLUTION * self.unit, smallest)

    @property
    def undecided(self) -> int:
        """How many entries are not decided."""
        return int(np.count_nonzero(~self.decided))

    def with_computed(self, computed: Any) -> "Enclosure":
        """Return the same intervals beside other numbers."""
        return Enclosure(self.balls, computed)

    def summary(self) -> dict[str, Any]:
        """Return the numbers of one line of the table; None where no entry is decided, or where a bound is infinite.

        Worst and median are over the decided entries; relative errors are over those of them that are certainly not
        0. ``worst_scaled`` is the worst error relative to the largest entry.
        """
        decided = self.decided
        ulps, error = self.ulps[decided], self.error[decided]
        relative = self.relative[decided & ((self._nearest > 0) | (self.error == 0))]
        largest = np.max(np.abs(self.middle), initial=0.0, where=decided)
        at = np.unravel_index(int(np.argmax(np.where(decided, self.ulps, -1.0))), self.ulps.shape) if ulps.size else ()
        return {
            "entries": int(self.computed.size),
            "worst_ulps": _finite(np.max, ulps),
            "worst_at": [int(i) for i in at],
            "median_ulps": _finite(np.median, ulps),
            "worst_relative": _finite(np.max, relative),
            "median_relative": _finite(np.median, relative),
            "worst_scaled": _finite(np.max, error / largest if largest else error * np.where(error, np.inf, 1)),
            "undecided": self.undecided,
        }


def _finite(measure: Any, numbers: Any) -> float | None:
    """Return a measure of numbers, None if there are none or it is not finite."""
    value = float(measure(numbers)) if np.size(numbers) else math.inf
    return value if math.isfinite(value) else None


@final
@dataclass(frozen=True, eq=False)
class ErrorBounds(Mapping[str, Enclosure]):
    r"""Proven intervals for a loss and its gradient at floating-point inputs, and the proven errors of the floats.

    ``bounds["0.weight"]`` is the enclosure of one parameter's gradient. It prints itself.

    Attributes:
        loss: the loss, ().
        output: the network's output.
        input_gradient: d loss / d x.
        gradient: d loss / d theta, by parameter.
        bits: of the balls' middles.
        dtype: of the computed numbers.
        examined: inputs of layers with kinks that were looked at.
        on_kinks: how many of them are exactly on a kink, by layer; PyTorch's choice is taken there.
        undecided_kinks: how many may be on a kink and may not, by layer; both sides are in the intervals there.
    """

    loss: Enclosure
    output: Enclosure
    input_gradient: Enclosure
    gradient: Mapping[str, Enclosure]
    bits: int
    dtype: str
    examined: int
    on_kinks: Mapping[str, int]
    undecided_kinks: Mapping[str, int]

    def __getitem__(self, name: str) -> Enclosure:
        return self.gradient[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.gradient)

    def __len__(self) -> int:
        return len(self.gradient)

    @property
    def blocks(self) -> dict[str, Enclosure]:
        """Everything that is enclosed, by name: loss, output, input gradient, then the parameters."""
        first = {"loss": self.loss, "output": self.output, "input gradient": self.input_gradient}
        return {**first, **self.gradient}

    @property
    def decided(self) -> bool:
        """Whether every interval is narrow enough to tell the error."""
        return not any(block.undecided for block in self.blocks.values())

    @property
    def worst_ulps(self) -> float:
        """The largest error of an entry of the gradient, in ulps, over the decided entries; 0 if there are none."""
        found = (block.summary()["worst_ulps"] for block in self.gradient.values())
        return max((worst for worst in found if worst is not None), default=0.0)

    def judge(self, gradient: Parameters | Mapping[str, Array]) -> "ErrorBounds":
        """Return the bounds with another gradient in the place of the computed one, such as PyTorch's.

        Args:
            gradient: by parameter, float32 or float64.

        Raises:
            ShapeError: a parameter is missing, unknown, or has another shape.
            DtypeError: an array is neither float32 nor float64.
        """
        if set(gradient) != set(self.gradient):
            raise ShapeError(f"judge: got gradients of {sorted(gradient)}, expected {sorted(self.gradient)}.")
        judged = {name: block.with_computed(_floats(name, gradient[name], block)) for name, block in self.items()}
        dtype = str(np.result_type(*(block.computed for block in judged.values()))) if judged else self.dtype
        return ErrorBounds(
            self.loss, self.output, self.input_gradient, judged, self.bits, dtype, self.examined, self.on_kinks,
            self.undecided_kinks,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the intervals of single entries as plain data, for JSON."""
        return {
            "bits": self.bits,
            "dtype": self.dtype,
            "decided": self.decided,
            "loss": {
                "computed": float(self.loss.computed),
                "lower": _finite(np.min, self.loss.lower),
                "upper": _finite(np.max, self.loss.upper),
            },
            "kinks": {
                "examined": self.examined,
                "on": dict(self.on_kinks),
                "undecided": dict(self.undecided_kinks),
            },
            "blocks": {name: block.summary() for name, block in self.blocks.items()},
        }

    def __str__(self) -> str:
        from .certify_text import text

        return text(self)

    def __repr__(self) -> str:
        return f"ErrorBounds({len(self)} parameters, {self.dtype}, {self.bits} bits, decided={self.decided})"


def _floats(name: str, array: Any, block: Enclosure) -> Any:
    array = to_numpy(array)
    if array.dtype not in (np.float32, np.float64):
        raise DtypeError(f"judge: the gradient of {name!r} has dtype {array.dtype}, expected float32 or float64.")
    if array.shape != block.computed.shape:
        raise ShapeError(f"judge: the gradient of {name!r} has shape {array.shape}, expected {block.computed.shape}.")
    return array
