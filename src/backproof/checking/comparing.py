"""One derivative beside the oracle: which entries are apart by more than rounding explains."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from .measuring import Measured
from .oracles import AROUND, fourth_difference

SINGLE = 2.0**-23


@final
@dataclass(frozen=True)
class Comparison:
    """The comparison of one block, each (m, n).

    Attributes:
        wrong: entries apart by more than the tolerance, kinks apart.
        off_kink: entries on a kink whose analytic value is not between the one-sided slopes.
        tolerance: how far analytic and numeric may be apart.
        ratio: their distance in tolerances.
        undecided: entries of rows in which the oracle's own error is as large as what is to be told apart.
        faint: entries that are right and so small that their rounding is a good part of their row.
    """

    wrong: Any
    off_kink: Any
    tolerance: Any
    ratio: Any
    undecided: Any
    faint: Any

    @property
    def wrong_at_all(self) -> bool:
        """Whether something is wrong."""
        return bool(self.wrong.any() or self.off_kink.any())

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong, and all of it decided."""
        return not (self.wrong_at_all or self.undecided.any())


def floor_of(measured: Measured, spacing: float, native: float, size: Any = 0.0, noise: Any = np.inf) -> Any:
    """Return what rounding alone may do to an entry, (m, n): a few units of its row, and less of its block.

    Args:
        measured: the oracle's block.
        spacing: of the dtype that the derivative is computed in.
        size: rounding of the function's own value per step in the argument, (m, n): what a derivative that is zero
            by cancellation may be off by.
        native: of the user's own dtype; a formula may hold constants rounded to it, or to float32 at the coarsest.
        noise: of the function's value per step in the argument, (m, n): a row whose terms cancel shows it, one that is
            small by itself does not, and the size of other rows says nothing about it.
    """
    rows = measured.row_scale
    block = float(np.max(rows, initial=0.0))
    entries = measured.value.shape[1]
    # In float64 room for cancellation costs nothing: no mistake in a formula is as small as that.
    units = (16 + 4 * np.sqrt(entries)) * spacing * (16 if spacing <= 2.0**-52 else 1)
    if native > spacing:
        units = max(units, 4 * min(native, SINGLE))
    others = np.minimum(2 * spacing * block, 64 * noise) if spacing <= 2.0**-52 else 2 * spacing * block
    return units * np.broadcast_to(rows, measured.value.shape) + others + 2 * size + 1e-300


def compare(
    analytic: Any, measured: Measured, floor: Any, noise: Any = 0.0, most: Any = None, zero: Any = False
) -> Comparison:
    """Compare a block (m, n) with the oracle's.

    Math:
        tolerance = floor + 8 error of the oracle + 8 noise of the derivative,
        of which the last two are no more than a quarter of the block, or what ``most`` says if that is more

    Args:
        analytic: the block under test.
        measured: the oracle's.
        floor: what rounding alone may do, (m, n).
        noise: of the derivative, (m, n).
        most: that doubt may amount to in a block of zeros, (m, n); a million floors if absent.
        zero: entries that are zero to rounding on both sides, (m, n).
    """
    with np.errstate(all="ignore"):
        doubt = 8 * np.where(np.isfinite(measured.error), measured.error, 0) + 8 * noise
        largest = np.fmax(
            np.fmax.reduce(np.abs(analytic), axis=None, initial=0.0), np.max(measured.row_scale, initial=0.0)
        )
        most = 2.0**20 * floor if most is None else most
        tolerance = floor + np.minimum(doubt, 0.25 * largest + most)
        distance = np.abs(analytic - measured.value)
        ratio = np.where(np.isnan(distance), np.inf, distance / tolerance)
        endless = ~np.isfinite(measured.error) & ~measured.kink
        wrong = (ratio > 1) & ~measured.kink & ~endless & ~np.broadcast_to(zero, ratio.shape)
        # The derivative's noise is left out here: beside a kink it is the jump itself.
        slack = floor + 1e-3 * np.maximum(np.abs(measured.low), np.abs(measured.high))
        inside = (analytic >= measured.low - slack) & (analytic <= measured.high + slack)
    off_kink = measured.kink & np.isfinite(measured.low) & np.isfinite(measured.high) & ~inside
    ratio = np.where(measured.kink | endless, 0, ratio)
    settled = ~(measured.kink | endless | wrong)
    rough, faint = _blurred(analytic, measured, tolerance, noise, settled)
    return Comparison(wrong, off_kink, tolerance, ratio, rough & ~zero, faint | (settled & zero & (ratio > 1)))


def zero_to_rounding(analytic: Any, measured: Measured, center: Any, scales: Any) -> Any:
    """Return the entries whose derivative and oracle are both nothing but rounding, (m, n), in float64.

    Math:
        |dy| <= 4 eps |y| in a step of natural size, or of 1 if that is larger; or apart by what is left of 1 - 1:
        |analytic - numeric| <= 4 g, one of them k g with g = eps / 2 of the block

    Args:
        analytic: the block under test.
        measured: the oracle's.
        center: the function's value, (m,).
        scales: natural steps of the argument, (n,).
    """
    still = 4 * 2.0**-52 * np.abs(center)[:, None] / np.maximum(scales, 1)
    block = max(
        float(np.fmax.reduce(np.abs(analytic), axis=None, initial=0.0)), float(np.max(measured.row_scale, initial=0.0))
    )
    grid = 2.0**-53 * 2.0 ** np.floor(np.log2(block)) if 0 < block < np.inf else 1.0
    with np.errstate(invalid="ignore"):
        on_grid = (np.mod(analytic, grid) == 0) | (np.mod(measured.value, grid) == 0)
        residue = on_grid & (np.abs(analytic - measured.value) <= 4 * grid)
    return (np.maximum(np.abs(analytic), np.abs(measured.value)) <= still) | residue


def _blurred(analytic: Any, measured: Measured, tolerance: Any, noise: Any, settled: Any) -> tuple[Any, Any]:
    """Return of what seems right the entries that the oracle cannot tell, and those that rounding alone leaves open.

    A row that is no more than the rounding of its block, or than its own noise, is a zero: nothing is to be told there.
    """
    rows = np.fmax(np.fmax.reduce(np.abs(analytic), axis=1, keepdims=True, initial=0.0), measured.row_scale)
    block = float(np.max(rows, initial=0.0))
    zero = rows <= 2.0**8 * 2.0**-52 * block
    given = np.fmax.reduce(np.abs(analytic) > 16 * noise, axis=1, keepdims=True, initial=False)
    rough = settled & (8 * measured.error > 0.5 * rows) & given & ~zero
    return rough, settled & ~rough & (tolerance > 0.25 * rows) & (rows > 0)


def rounding_noise(
    block: Callable[[float, Any], Any], center: Any, spacings: tuple[float, ...], directions: list[Any]
) -> Any:
    """Return the rounding noise of a derivative, entry by entry, from fourth differences near rounding itself.

    Args:
        block: (t, direction) -> the block (m, n) at the point moved by t along the direction.
        center: the block at the point.
        spacings: values of d.
        directions: some.
    """
    worst = np.zeros(center.shape)
    for direction, d in itertools.product(directions, spacings):
        values = [block(step * d, direction) for step in AROUND]
        worst = np.fmax(worst, fourth_difference(values, center))
    # A sample of noise may be small by luck, so an entry has at least that of its row; ties have none to share.
    size = np.fmax.reduce(np.abs(center), axis=1, keepdims=True, initial=0.0)
    shared = np.sqrt(np.mean(worst**2, axis=1, keepdims=True)) if worst.shape[1] else worst
    return worst + np.minimum(shared, 1e-3 * size)


def bending(block: Callable[[float, Any], Any], analytic: Any, directions: list[Any]) -> Any:
    """Return how much a derivative changes per natural step, (m, n): the more, the less rounding it can withstand.

    Args:
        block: (t, direction) -> the block (m, n) at the point moved by t along the direction.
        analytic: the block at the point.
        directions: some.
    """
    worst = np.zeros(analytic.shape)
    for direction, h in itertools.product(directions, (2.0**-6, 2.0**-30)):
        with np.errstate(all="ignore"):
            change = np.abs(block(h, direction) - block(-h, direction)) / (2 * h)
        worst = np.fmax(worst, np.where(np.isfinite(change), change, 0))
    return worst


def grain(block: Callable[[float, Any], Any], center: Any, directions: list[Any]) -> Any:
    """Return what a derivative shows of the rounding of values it is made of, (m, n): steps, where they are wide.

    Math:
        the fourth difference at 1/2, 1/8, 1/32 and 1/128 of a natural step: smooth change is 256 times less each time
        and counts as little as the finest of them, the steps that 1 - s takes near s = 1 keep their size or vanish

    Args:
        block: (t, direction) -> the block (m, n) at the point moved by t along the direction.
        center: the block at the point.
        directions: some.
    """
    worst = np.zeros(center.shape)
    for direction in directions:
        seen = [
            fourth_difference([block(step * d, direction) for step in AROUND], center)
            for d in (2.0**-1, 2.0**-3, 2.0**-5, 2.0**-7)
        ]
        kept = seen[0]
        for coarse, fine in itertools.pairwise(seen):
            # Far more than 256 times less is a step that is not in sight any longer.
            kept = np.where((coarse > 64 * fine) & (coarse < 2.0**14 * fine), fine, kept)
        worst = np.fmax(worst, kept)
    return worst


def of_argument(change: Any) -> Any:
    """Return what rounding of the argument does to a derivative, (m, n).

    Math:
        |dJ/dx| eps |x|

    Args:
        change: of the derivative per natural step.
    """
    return 4 * 2.0**-52 * change


def of_value(change: Any, analytic: Any, size: Any) -> Any:
    """Return what rounding of the function's value does to a derivative made of it, such as s (1 - s), (m, n).

    Math:
        |dJ/dy| eps |y| = |dJ/dx| / |J| eps |y|

    Args:
        change: of the derivative per natural step.
        analytic: the derivative.
        size: rounding of the function's value per natural step.
    """
    with np.errstate(all="ignore"):
        steepness = np.fmin(np.where(analytic == 0, 0, change / np.abs(analytic)), 64)
    return size + 2 * size * steepness
