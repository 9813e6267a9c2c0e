"""The oracle's Jacobian of a problem: the best method that the subject allows, checked against another one."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from .oracles import FIRST_STEP, Slope, complex_step, kinks_at, noise_of, richardson, safely
from .problems import COMPLEX, DOUBLE, Points, Problem, epsilon

SPACINGS = (2.0**-46, 2.0**-38, 16 * 2.0**-23)
"""Relative spacings at which noise is looked for: that of float64, and of float32 hidden inside."""

REACHES = (1.0, 1.0, 2.0, 2.0**10, 2.0**20, 2.0**30)
"""How many natural steps away an oracle is tried where differences tell nothing at the point itself."""

SMALL = 2.0**-10
"""Natural steps up to this size may drown in the rounding of a value of usual size."""

FARTHER = (2.0**10, 2.0**20, 2.0**30, 2.0**40)
"""How many of them a larger step has."""


@final
@dataclass(frozen=True)
class Measured:
    """The oracle's block of one argument, each (m, n).

    Attributes:
        value: the derivative.
        error: an estimate of how far it may be off.
        kink: entries on a kink.
        low: one-sided slopes there, the smaller.
        high: the larger.
    """

    value: Any
    error: Any
    kink: Any
    low: Any
    high: Any

    @property
    def row_scale(self) -> Any:
        """The largest entry of every row, (m, 1)."""
        finite = np.where(np.isfinite(self.value), np.abs(self.value), 0)
        return np.max(finite, axis=1, keepdims=True, initial=0.0)


class Oracle:
    """The oracle of a problem at its point, in one precision.

    Args:
        problem: what is checked.
        precision: ``"double"`` where the subject takes float64, else ``"native"``.
        wanted: ``"auto"``, ``"complex"``, ``"differences"`` or ``"autodiff"``.
        seed: of the random directions.
    """

    def __init__(self, problem: Problem, precision: str, wanted: str = "auto", seed: int = 0) -> None:
        self.problem, self.precision = problem, precision
        self.random = np.random.default_rng(seed)
        self.points = problem.points
        value = problem.evaluate(self.points, precision)
        self.parts = value.parts
        self.center, self.out_shape, self.dtype = value.numbers.reshape(-1), value.numbers.shape, value.dtype
        spacing = 2.0**-52 if precision == DOUBLE else problem.native_epsilon
        self.moved = spacing
        self.scales = [scales_of(point) for point in self.points]
        self.noise = 2 * max(spacing, epsilon(value.dtype)) * np.abs(self.center)
        self._noisy = False
        self.method = self._choose(wanted)

    # -- directions ---------------------------------------------------------------------------------------

    def along(self, direction: Points, precision: str | None = None) -> Callable[[Any], Any]:
        """Return t -> the output (m,) at the point moved by t along the direction."""
        used = precision or self.precision

        def f(t: Any) -> Any:
            moved = [point + t * v if v is not None else point for point, v in zip(self.points, direction, strict=True)]
            return self.problem.evaluate(moved, used).numbers.reshape(-1)

        return f

    def column(self, block: int, entry: int) -> list[Any]:
        """Return the direction that moves one entry of one argument by its own scale."""
        direction: list[Any] = [None] * len(self.points)
        v = np.zeros(self.points[block].size)
        v[entry] = self.scales[block].reshape(-1)[entry]
        direction[block] = v.reshape(self.points[block].shape)
        return direction

    def place(self, block: int, row: int, column: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return where an entry of an argument's Jacobian is: (index in the output, index in the argument)."""
        output, inside = np.unravel_index(row, self.out_shape), np.unravel_index(column, self.points[block].shape)
        return tuple(map(int, output)), tuple(map(int, inside))

    def rounding(self, block: int) -> Any:
        """Return the rounding of the function's value per natural step in an argument, (m, n)."""
        return 2.0**-52 * np.abs(self.center)[:, None] / self.scales[block].reshape(1, -1)

    def noise_per_step(self, block: int) -> Any:
        """Return the noise of the function's value per natural step in an argument, (m, n)."""
        self.measure_noise()
        return self.noise[:, None] / self.scales[block].reshape(1, -1)

    def variation(self, block: int) -> Any:
        """Return how much the value changes in a quarter of a natural step, as a slope, (m, n); at minima, too."""
        columns = []
        for entry in range(self.points[block].size):
            f, scale = self.along(self.column(block, entry)), self.scales[block].reshape(-1)[entry]
            ends = [np.abs(safely(f, t, self.center) - self.center) for t in (FIRST_STEP, -FIRST_STEP)]
            change = np.fmax(*ends) / (FIRST_STEP * scale)
            columns.append(np.where(np.isfinite(change), change, 0))
        return np.stack(columns, axis=1) if columns else np.zeros((self.center.size, 0))

    def random_direction(self) -> list[Any]:
        """Return a direction in which every entry moves by about its own scale, no two alike: ties come apart."""
        return [s * self.random.normal(size=s.shape) for s in self.scales]

    def measure_noise(self) -> None:
        """Raise the estimate of the noise of the function's values to what is seen."""
        if self._noisy:
            return
        self._noisy = True
        seen = [self._noise_along(self.random_direction()) for _ in range(2)]
        self.noise = np.maximum(self.noise, 2 * np.maximum(*seen))

    def _noise_along(self, direction: Points) -> Any:
        spacings = SPACINGS if self.precision == DOUBLE else (4 * self.moved, 16 * self.moved)
        return noise_of(self.along(direction), self.center, spacings)

    # -- the method ---------------------------------------------------------------------------------------

    def _choose(self, wanted: str) -> str:
        """Return the method, after comparing it with differences along one random direction."""
        exact = self.problem.exact is not None and self.precision == DOUBLE
        if exact and wanted in ("auto", "autodiff") and self._agrees(Oracle._exact_along):
            return "autodiff"
        complex_too = self.problem.complex_steps and self.precision == DOUBLE and wanted in ("auto", "complex")
        if complex_too and self._agrees(Oracle._complex_along):
            return "complex"
        self.measure_noise()
        return "differences"

    def _agrees(self, push: Callable[["Oracle", Points], Any]) -> bool:
        """Whether a method agrees with differences: here, and close by where these tell nothing, as at a minimum."""
        decided = np.zeros(self.center.shape, bool)
        if not self._consistent(push, decided):
            return False
        for reach in REACHES:
            if decided.all():
                break
            there = self._moved(reach)
            # What cannot be evaluated there tells nothing.
            if there is not None and not there._consistent(push, decided, otherwise=True):
                return False
        return bool(decided.all())

    def _moved(self, reach: float) -> "Oracle | None":
        """Return the oracle at a point some natural steps away, None where the function refuses it."""
        there = copy.copy(self)
        there.points = tuple(p + reach * v for p, v in zip(self.points, self.random_direction(), strict=True))
        there.scales = [reach * scale for scale in self.scales]
        value = safely(there.along([None] * len(self.points)), 0.0, self.center)
        there.center, there.noise = value, 2 * max(self.moved, epsilon(self.dtype)) * np.abs(value)
        return there if np.isfinite(value).all() else None

    def _consistent(self, push: Callable[["Oracle", Points], Any], decided: Any, otherwise: bool = False) -> bool:
        """Whether a method does not contradict differences; ``otherwise`` where it fails.

        Marks in ``decided`` the outputs in which it agrees with differences that are sharp, along some direction.
        """
        for _ in range(3):
            direction = self.random_direction()
            try:
                with np.errstate(all="ignore"):
                    fast = push(self, direction)
            except Exception:
                # Whatever code says to complex or traced numbers, it only means that this oracle does not serve.
                return otherwise
            if fast.shape != self.center.shape or not np.isfinite(fast).all():
                return otherwise
            slow = richardson(self.along(direction), self.center, self.noise, self.moved, 0.5 * FIRST_STEP)
            size = max(float(np.max(np.abs(fast), initial=0.0)), float(np.nanmax(np.abs(slow.value), initial=0.0)))
            close = np.abs(fast - slow.value) <= 16 * slow.error + 1e-9 * np.abs(fast) + 1e-11 * size
            between = slow.kink & (fast >= slow.low - 1e-3 * size) & (fast <= slow.high + 1e-3 * size)
            if not np.all(close | between | ~np.isfinite(slow.error)):
                return False
            decided |= between | (close & (slow.error <= 1e-7 * size + 1e-300))
            if decided.all():
                break
        return True

    def _exact_along(self, direction: Points) -> Any:
        blocks = self._exact_blocks()
        return sum(block @ np.reshape(v, -1) for block, v in zip(blocks, direction, strict=True))

    def _exact_blocks(self) -> list[Any]:
        if self.problem.exact is None:
            return []
        return [
            np.reshape(b, (self.center.size, p.size))
            for b, p in zip(self.problem.exact(self.points), self.points, strict=True)
        ]

    def _complex_along(self, direction: Points) -> Any:
        import warnings

        with warnings.catch_warnings():
            # NumPy only warns where a cast drops the imaginary part.
            warnings.simplefilter("error")
            return complex_step(self.along(direction, COMPLEX), 1.0)

    # -- slopes -------------------------------------------------------------------------------------------

    def slope(self, direction: Points, first: float = FIRST_STEP) -> Slope:
        """Return the derivative along a direction by differences, whatever the method."""
        return richardson(self.along(direction), self.center, self.noise, self.moved, first)

    def push(self, direction: Points) -> Slope:
        """Return the derivative along a direction by the method."""
        if self.method != "complex":
            return self.slope(direction)
        value = self._complex_along(direction)
        error = 8 * 2.0**-52 * np.abs(value)
        return Slope(value, error, np.zeros(value.shape, bool), value, value)

    def blocks(self, first: float = FIRST_STEP, method: str | None = None) -> list[Measured]:
        """Return the Jacobian blocks of all arguments."""
        method = method or self.method
        if method == "autodiff":
            found = [_certain(block) for block in self._exact_blocks()]
        elif method == "complex":
            found = [_certain(self._complex_block(i)) for i in range(len(self.points))]
        else:
            return [self._differences_block(i, first) for i in range(len(self.points))]
        return self._with_kinks(found)

    def values(self, points: Points) -> list[Any]:
        """Return the blocks (m, n) at other points by the method, without a look at errors and kinks."""
        there = copy.copy(self)
        there.points = tuple(points)
        if self.method == "autodiff" and self.problem.exact is not None:
            blocks = self.problem.exact(points)
            return [np.reshape(b, (self.center.size, p.size)) for b, p in zip(blocks, points, strict=True)]
        return [there._complex_block(index) for index in range(len(points))]

    def _complex_block(self, block: int) -> Any:
        columns = []
        for entry in range(self.points[block].size):
            scale = self.scales[block].reshape(-1)[entry]
            columns.append(self._complex_along(self.column(block, entry)) / scale)
        return np.stack(columns, axis=1) if columns else np.zeros((self.center.size, 0))

    def _differences_block(self, block: int, first: float) -> Measured:
        slopes = [self._entry_slope(block, entry, first) for entry in range(self.points[block].size)]
        if not slopes:
            empty = np.zeros((self.center.size, 0))
            return Measured(empty, empty, empty.astype(bool), empty, empty)
        return Measured(*(np.stack(part, axis=1) for part in zip(*slopes, strict=True)))

    def _entry_slope(self, block: int, entry: int, first: float) -> tuple[Any, ...]:
        """Return value, error, kink and one-sided slopes of one column, in steps of the entry's own size if need be."""
        scale, own = float(self.scales[block].reshape(-1)[entry]), abs(float(self.points[block].reshape(-1)[entry]))
        column: list[Any] = self.column(block, entry)
        slope = self.slope(column, first)
        if 0 < own < 0.5 * scale and not np.all(slope.error <= 1e-3 * np.max(np.abs(slope.value))):
            # The step is that of the whole array, beyond which this entry may leave the function's domain.
            shrunk = 2.0 ** np.floor(np.log2(own)) / scale
            column, scale = [None if v is None else v * shrunk for v in column], scale * shrunk
            # Noise that was seen in steps of the whole array may be a kink that lies beyond this entry's own.
            least = 2 * max(self.moved, epsilon(self.dtype)) * np.abs(self.center)
            noise = np.minimum(self.noise, np.maximum(least, 2 * self._noise_along(column)))
            slope = richardson(self.along(column), self.center, noise, self.moved, first)
        if scale <= SMALL and not np.all(slope.error <= 1e-3 * np.max(np.abs(slope.value))):
            slope = self._in_larger_steps(column, scale, first, slope)
        value, error, kink, low, high = slope
        return value / scale, error / scale, kink, low / scale, high / scale

    def _in_larger_steps(self, column: list[Any], scale: float, first: float, slope: Slope) -> Slope:
        """Return a slope whose natural steps drown in the value's rounding, from steps up to 1 that tell more."""
        best = slope
        for reach in (reach for reach in FARTHER if reach * scale <= 1):
            far = self.slope([None if v is None else v * reach for v in column], first)
            value, error = far.value / reach, far.error / reach
            sharper = np.isfinite(error) & (error < 2.0**-4 * best.error) & ~far.kink & ~best.kink
            sharper &= np.abs(value - slope.value) <= 8 * (error + slope.error)
            parts = zip((value, error, best.kink, value, value), best, strict=True)
            best = Slope(*(np.where(sharper, new, old) for new, old in parts))
        return best

    def _with_kinks(self, found: list[Measured]) -> list[Measured]:
        """Look for kinks, which neither complex steps nor automatic differentiation see."""
        f = self.along(self.random_direction())
        if not kinks_at(f, self.center, self.noise)[0].any():
            return found
        result = []
        for block, measured in enumerate(found):
            parts = []
            for entry in range(self.points[block].size):
                scale = self.scales[block].reshape(-1)[entry]
                kink, low, high = kinks_at(self.along(self.column(block, entry)), self.center, self.noise)
                parts.append((kink, low / scale, high / scale))
            kink, low, high = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
            result.append(replace(measured, kink=kink, low=low, high=high))
        return result


def _certain(block: Any) -> Measured:
    block = np.asarray(block, np.float64)
    size = np.max(np.abs(block), axis=1, keepdims=True, initial=0.0)
    error = 4 * 2.0**-52 * np.broadcast_to(size, block.shape)
    return Measured(block, error, np.zeros(block.shape, bool), block, block)


def scales_of(point: Any) -> Any:
    """Return for every entry the power of two that is a natural step: its own size, or a tenth of the array's."""
    rms = float(np.sqrt(np.mean(point**2))) if point.size else 0.0
    size = np.maximum(np.abs(point), 0.1 * rms)
    size = np.where(size > 0, size, 1.0)
    return np.asarray(2.0 ** np.floor(np.log2(size)))
