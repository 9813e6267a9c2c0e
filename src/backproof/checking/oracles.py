"""Derivatives that owe nothing to anyone's formula: differences with error estimates, and complex steps.

All act along one direction at a time: f is a function of one real number t, with values in R^m, and its derivative
at 0 is wanted, with an estimate of its error for every one of the m entries.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Along = Callable[[float], Any]
"""t -> the output (m,) at the point moved by t along the direction."""

FIRST_STEP = 0.25
FEWEST, USUAL, MOST = 5, 12, 26
"""Rows of the table of differences: at least, with a smooth function, and close to kinks or poles."""

AGREEING = 1.25
"""Two entries of a table agree if they are no further apart than this many times their errors together."""

AROUND = (-2, -1, 1, 2)
"""Where a fourth difference looks beside 0, in spacings."""

TINY, TINIEST = 2.0**-20, 2.0**-28
"""Steps at which slopes from both sides are compared."""


class Slope(NamedTuple):
    """A derivative along a direction, entry by entry, each (m,).

    Attributes:
        value: of the derivative; NaN where no difference could be formed.
        error: an estimate of how far it may be off.
        kink: whether the slopes from both sides differ however close they come.
        low: the smaller one-sided slope (where there is a kink).
        high: the larger one.
    """

    value: Any
    error: Any
    kink: Any
    low: Any
    high: Any


def complex_step(f: Callable[[complex], Any], size: float) -> Any:
    """Return f'(0) by a complex step, exact to rounding where f is analytic.

    Math:
        Im f(i h) / h = f'(0) - h^2 f'''(0) / 6 + ... ,    h = 1e-30 size
    """
    h = 1e-30 * size
    with np.errstate(all="ignore"):
        return f(1j * h).imag / h


def richardson(f: Along, center: Any, noise: Any, moved: float, first: float = FIRST_STEP) -> Slope:
    """Return f'(0) by central differences with Richardson's extrapolation, the best of a table for every entry.

    Math:
        D(h) = (f(h) - f(-h)) / 2h = f'(0) + c_1 h^2 + c_2 h^4 + ...
        T[i][k] = T[i][k-1] + (T[i][k-1] - T[i-1][k-1]) / (4^k - 1),    h_i = first 2^-i
        error of T[i][k] = its distance from its two parents + (noise + moved |T|) / h_i

    A sharp entry of smaller steps takes the place of one that it contradicts, however small that one's error seems:
    far from 0, differences of an oscillation may agree by chance.

    Args:
        f: the function along the direction.
        center: f(0), (m,).
        noise: rounding noise of the values of f, (m,).
        moved: relative rounding of the points themselves, the spacing of their dtype.
        first: the largest step.
    """
    table = _Table(f, noise, moved, first)
    for row in range(MOST):
        table.extend()
        if row + 1 >= FEWEST and table.good_enough(1e-11 if row + 1 < USUAL else 1e-6):
            break
    kink, low, high = one_sided(f, center, noise, table)
    return Slope(table.value, table.error, kink, low, high)


class _Table:
    """The table of extrapolated differences, a row at a time, with the best entries so far."""

    def __init__(self, f: Along, noise: Any, moved: float, first: float) -> None:
        self.f, self.noise, self.moved, self.h = f, noise, moved, 2 * first
        self.value, self.error = np.full(noise.shape, np.nan), np.full(noise.shape, np.inf)
        self.last: list[Any] = []
        self.ends: list[tuple[float, Any, Any]] = []

    def extend(self) -> None:
        self.h /= 2
        with np.errstate(all="ignore"):
            ahead, behind = safely(self.f, self.h, self.noise), safely(self.f, -self.h, self.noise)
            self.ends = [*self.ends[-1:], (self.h, ahead, behind)]
            row = [(ahead - behind) / (2 * self.h)]
            for k, parent in enumerate(self.last, 1):
                finer = row[k - 1]
                row.append(finer + (finer - parent) / (4.0**k - 1))
                self._offer(row[k], finer, parent)
        # Older columns belong to steps so large that they only cost time.
        self.last = row[:8]

    def _offer(self, value: Any, finer: Any, coarser: Any) -> None:
        rounding = 2 * (self.noise + self.moved * np.abs(value)) / self.h
        error = np.maximum(np.abs(value - finer), np.abs(value - coarser)) + rounding
        contradicts = (np.abs(value - self.value) > AGREEING * (error + self.error)) & (error < 1e-3 * np.abs(value))
        better = np.isfinite(error) & ((error < self.error) | contradicts)
        self.value, self.error = np.where(better, value, self.value), np.where(better, error, self.error)

    def good_enough(self, relative: float) -> bool:
        if np.isnan(self.value).any():
            return False
        rounding = 8 * (self.noise + self.moved * np.abs(self.value)) / self.h
        return bool(np.all(self.error <= np.maximum(relative * np.abs(self.value).max(initial=0.0), rounding)))


def safely(f: Along, t: float, like: Any) -> Any:
    """Return f(t), NaN everywhere where the function refuses the point."""
    try:
        value = f(t)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        return np.full(like.shape, np.nan)
    return value if value.shape == like.shape else np.full(like.shape, np.nan)


def one_sided(f: Along, center: Any, noise: Any, table: _Table) -> tuple[Any, Any, Any]:
    """Return where the slopes from both sides differ in the limit, and the two slopes there.

    Math:
        G(h) = (f(h) - 2 f(0) + f(-h)) / h,    2 G(h) - G(2h) = O(h^3) for smooth f, a constant at a kink
    """
    (h2, ahead2, behind2), (h, ahead, behind) = table.ends[-2:]
    with np.errstate(all="ignore"):
        gap2, gap = (ahead2 - 2 * center + behind2) / h2, (ahead - 2 * center + behind) / h
        size = np.nanmax(np.abs(table.value), initial=0.0) if np.isfinite(table.value).any() else 0.0
        limit = np.abs(2 * gap - gap2)
        suspicious = ~(limit <= 1e-3 * np.maximum(size, np.abs(gap) * 0.5) + 50 * noise / h)
        if not suspicious.any():
            return suspicious, table.value, table.value
        return confirm_kinks(f, center, noise, suspicious, size)


def confirm_kinks(f: Along, center: Any, noise: Any, suspicious: Any, size: float) -> tuple[Any, Any, Any]:
    """Return which suspicious entries keep two slopes however small the step, and the slopes; infinite at a cusp."""
    with np.errstate(all="ignore"):
        quiet = float(np.max(noise, initial=0.0)) < 1e-10 * (1 + float(np.max(np.abs(center))))
        step, next_step = (TINY, TINIEST) if quiet else (2.0**-8, TINY)
        kink, low, high = _kept_slopes(f, center, noise, step, size)
        kink &= suspicious
        if kink.any():
            # A steep function bends within the first step, and one that ends close by is seen whole with the next.
            finer, low2, high2 = _kept_slopes(f, center, noise, next_step, size)
            loud = 40 * noise / next_step > 0.25 * np.abs(high - low)
            kink &= finer | loud
            low, high = np.where(loud, low, low2), np.where(loud, high, high2)
    return kink, low, high


def _kept_slopes(f: Along, center: Any, noise: Any, step: float, size: float) -> tuple[Any, Any, Any]:
    """Return where the slopes from both sides stay apart from a step to one 16 times smaller, and the two slopes."""
    ahead, behind = _slopes(f, center, noise, step)
    wide = np.abs(np.subtract(*_slopes(f, center, noise, 16 * step)))
    gap = np.abs(ahead - behind)
    # Where the function is smooth the gap shrinks with the step, however small the slope itself is.
    clear = (gap > 1e-3 * size + 40 * noise / step) & ((gap > 0.5 * wide) | np.isnan(wide))
    # A gap that grows without end is that of a cusp.
    cusp = clear & (gap > 1.5 * wide) & (16 * wide > 1e-3 * size + 40 * noise / step)
    # NaN on one side stays: the function ends there.
    low, high = np.minimum(ahead, behind), np.maximum(ahead, behind)
    return np.isnan(gap) | clear, np.where(cusp, -np.inf, low), np.where(cusp, np.inf, high)


def _slopes(f: Along, center: Any, noise: Any, step: float) -> tuple[Any, Any]:
    return (safely(f, step, noise) - center) / step, (center - safely(f, -step, noise)) / step


def kinks_at(f: Along, center: Any, noise: Any) -> tuple[Any, Any, Any]:
    """Return the kinks along a direction from two tiny steps alone, for oracles that see one side only."""
    with np.errstate(all="ignore"):
        slope = (safely(f, TINY, noise) - safely(f, -TINY, noise)) / (2 * TINY)
        size = float(np.max(np.abs(slope), initial=0.0)) if np.isfinite(slope).all() else 0.0
        return confirm_kinks(f, center, noise, np.ones(noise.shape, bool), size)


def noise_of(f: Along, center: Any, spacings: tuple[float, ...]) -> Any:
    """Return the rounding noise of the values of f, from fourth differences at spacings near the rounding itself.

    Math:
        the lesser of the fourth differences of d and d / 4 counts, and nothing where that of d / 16 is close to 256
        times less
    """
    worst = np.zeros(center.shape)
    for d in spacings:
        coarse, middle, fine = (_fourth(f, center, step) for step in (d, d / 4, d / 16))
        worst = np.fmax(worst, np.where(middle > 64 * fine, np.fmin(middle, fine), np.fmin(coarse, middle)))
    return worst


def _fourth(f: Along, center: Any, d: float) -> Any:
    return fourth_difference([safely(f, step * d, center) for step in AROUND], center)


def fourth_difference(values: Sequence[Any], center: Any) -> Any:
    """Return the noise seen in one fourth difference, entry by entry, 0 where it is not finite.

    Math:
        |f(-2d) - 4 f(-d) + 6 f(0) - 4 f(d) + f(2d)| / sqrt(70),
        in which smooth change is of order d^4 and independent noise keeps its size

    Args:
        values: of f, ``AROUND`` times d.
        center: f(0).
    """
    with np.errstate(all="ignore"):
        fourth = np.abs(values[0] - 4 * values[1] + 6 * center - 4 * values[2] + values[3]) / np.sqrt(70)
    return np.where(np.isfinite(fourth), fourth, 0)
