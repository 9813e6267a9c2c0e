"""The verdict on every block of a derivative whose Jacobian is small enough to be compared entry by entry."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from .beyond import native_faults, nonlinearity
from .causes import Cause, Evidence, Finding
from .comparing import (
    Comparison,
    bending,
    compare,
    floor_of,
    grain,
    of_argument,
    of_value,
    rounding_noise,
    zero_to_rounding,
)
from .diagnosis import diagnose
from .heat import heat_of
from .measuring import Measured, Oracle
from .oracles import kinks_at
from .problems import DOUBLE, NATIVE, Problem, Raw, Route, Value, epsilon
from .report import Block

FINE = (2.0**-46, 2.0**-42, 2.0**-38)
"""Relative spacings at which the rounding noise of float64 shows, and that of a hidden float32 does not yet."""

SECOND_STEP = 0.09
"""First step of the second opinion, no power of two away from the first's."""


@final
@dataclass
class Judge:
    """Compares the derivatives of a problem with the oracle's blocks.

    Attributes:
        problem: what is checked.
        oracle: in the precision of the check.
        measured: its blocks.
        value: of the function in its own dtype.
        seed: of random directions.
        problems: what is wrong beside single entries, in words; filled on the way.
        notes: what else is odd, likewise.
    """

    problem: Problem
    oracle: Oracle
    measured: list[Measured]
    value: Value
    seed: int
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _second: list[Measured] = field(default_factory=list)
    _gross: bool = False
    _together: bool = False

    def blocks(self, route: Route) -> list[Block]:
        """Return the verdicts on all arguments by one route."""
        raws = [self._present(raw, i) for i, raw in enumerate(route.dense(self.problem.points, self.oracle.precision))]
        found = [self._block(route, index, raw) for index, raw in enumerate(raws)]
        if all(block.ok for block in found):
            cause, text = nonlinearity(self.problem, route, raws, self.oracle, self.seed)
            self.problems += [text] if text else []
            found = [self._fails(block, cause, text) for block in found]
        if all(block.ok for block in found) and self.oracle.precision == DOUBLE:
            words = native_faults(self.problem, route, self.measured, self.oracle)
            found = [self._fails(block, *word) for block, word in zip(found, words, strict=True)]
        return found

    @staticmethod
    def _fails(block: Block, cause: Cause, text: str) -> Block:
        return replace(block, ok=False, cause=cause, detail=text) if text else block

    def _present(self, raw: Raw | None, index: int) -> Raw:
        """Return what came; zeros where nothing came."""
        rows = self.measured[index].value.shape[0]
        return raw or Raw(np.zeros((rows, *self.problem.points[index].shape)), "float64")

    def _block(self, route: Route, index: int, raw: Raw) -> Block:
        measured = self.measured[index]
        if raw.numbers.shape != (measured.value.shape[0], *self.problem.points[index].shape):
            return self._misshapen(route, index, raw)
        if epsilon(raw.dtype) > self.problem.native_epsilon:
            name, dtype = self.problem.names[index], self.problem.dtypes[index]
            self.notes.append(f"the {route.kind} in {name!r} is {raw.dtype}, the argument {dtype}")
        analytic = raw.numbers.reshape(measured.value.shape)
        comparison = self._compare(route, index, analytic, raw)
        finding = None if comparison.ok else self._why(route, index, raw, comparison)
        return self._as_block(route, index, analytic, comparison, finding)

    # -- comparing ----------------------------------------------------------------------------------------

    def _compare(self, route: Route, index: int, analytic: Any, raw: Raw) -> Comparison:
        native = self.problem.native_epsilon
        spacing = 2.0**-52 if self.oracle.precision == DOUBLE else native
        if native > 2.0**-52:
            spacing = max(spacing, epsilon(raw.dtype))
        measured, size = self.measured[index], self.oracle.rounding(index)
        comparison = compare(analytic, measured, floor_of(measured, spacing, native, 0.0, 0.0))
        if not comparison.ok or comparison.faint.any():
            # Before anything is called wrong: a second opinion of the oracle, and the derivative's rounding noise.
            # What is off by a million tolerances is no rounding, so a glance at the noise will do for it.
            rough = compare(analytic, measured, floor_of(measured, spacing, native, size))
            self._gross = bool(np.nanmax(rough.ratio, initial=0.0) > 1e6)
            measured = self._second_opinion(index)
            noise = self._noise(route, index, analytic)
            argument, value = self._inherited(route, index, analytic, size)
            wide = floor_of(measured, spacing, native, argument + value, self.oracle.noise_per_step(index))
            # In a block of zeros, what is seen to be noise is one, up to a part of what the function does close by.
            most = 2.0**20 * wide + 2.0**-20 * self.oracle.variation(index)
            value = self._shown(route, index, analytic, measured, value, noise)
            floor = floor_of(measured, spacing, native, argument + value, self.oracle.noise_per_step(index))
            comparison = compare(analytic, measured, floor, noise, most, self._zero(index, analytic, measured))
        joint = self._off_joint_kinks(index, analytic)
        self._together = bool(joint.any()) and not comparison.off_kink.any()
        return replace(comparison, off_kink=comparison.off_kink | joint)

    def _zero(self, index: int, analytic: Any, measured: Measured) -> Any:
        if self.oracle.precision == NATIVE:
            return False
        return zero_to_rounding(analytic, measured, self.oracle.center, self.oracle.scales[index].reshape(-1))

    def _second_opinion(self, index: int) -> Measured:
        """Return the oracle's block with the larger of all doubts: another first step, and its own rounding noise."""
        if not self._second:
            self.oracle.measure_noise()
            self._second = self.oracle.blocks(SECOND_STEP)
        one, two = self.measured[index], self._second[index]
        value = np.where(two.error < one.error, two.value, one.value)
        apart, error = np.abs(one.value - two.value), np.fmin(one.error, two.error)
        error = np.where(np.isfinite(apart), np.maximum(error, apart), error)
        if self.oracle.method != "differences":
            error = error + rounding_noise(
                lambda t, v: self.oracle.values(self._moved(t, v))[index], value, self._fine, self._directions()
            )
        return Measured(value, error, one.kink | two.kink, one.low, one.high)

    @property
    def _fine(self) -> tuple[float, ...]:
        return FINE[1:2] if self._gross else FINE

    def _directions(self) -> list[Any]:
        generator = np.random.default_rng(self.seed + 1)
        count = 1 if self._gross else 2
        return [[s * generator.normal(size=s.shape) for s in self.oracle.scales] for _ in range(count)]

    def _moved(self, t: float, direction: Any) -> list[Any]:
        return [p + t * v for p, v in zip(self.problem.points, direction, strict=True)]

    def _given(self, route: Route, index: int, analytic: Any) -> Callable[[float, Any], Any]:
        """Return (t, direction) -> the derivative under test at the point moved by t along the direction."""

        def dense(t: float, direction: Any) -> Any:
            raw = route.dense(self._moved(t, direction), self.oracle.precision)[index]
            return np.zeros_like(analytic) if raw is None else raw.numbers.reshape(analytic.shape)

        return dense

    def _inherited(self, route: Route, index: int, analytic: Any, size: Any) -> tuple[Any, Any]:
        """Return what rounding of the argument, and of the function's value, may do to the derivative, (m, n)."""
        if self._gross or self.oracle.precision == NATIVE:
            return 0.0, size
        change = bending(self._given(route, index, analytic), analytic, self._directions())
        return of_argument(change), of_value(change, analytic, size)

    def _shown(self, route: Route, index: int, analytic: Any, measured: Measured, value: Any, noise: Any) -> Any:
        """Return how much of the rounding of the function's value the derivative shows, (m, n).

        A derivative made of the value, such as s (1 - s), shows it in steps; one that is smooth has none of it, however
        large the value is. One that is zero far around shows nothing, so it must be far below.
        """
        if self._gross or self.oracle.precision == NATIVE:
            return value
        shown = 16 * (noise + grain(self._given(route, index, analytic), analytic, self._directions()))
        vanished = (analytic == 0) & (np.abs(measured.value) <= 2.0**-8 * value)
        return np.where(vanished, value, np.minimum(value, shown))

    def _noise(self, route: Route, index: int, analytic: Any, spacings: tuple[float, ...] = ()) -> Any:
        spacing = self.problem.native_epsilon
        usual = self._fine if spacing <= 2.0**-52 else (*self._fine, 16 * 2.0**-23)
        if self.oracle.precision == NATIVE:
            usual = (4 * spacing, 16 * spacing)
        return rounding_noise(self._given(route, index, analytic), analytic, spacings or usual, self._directions())

    def _off_joint_kinks(self, index: int, analytic: Any) -> Any:
        """Return the kink entries of rows whose slope along all their kinks together is not one of the function's.

        Math:
            g in the subdifferential of a convex f  =>  -f'(x; -v) <= g v <= f'(x; v)
        """
        measured = self.measured[index]
        off = np.zeros(measured.kink.shape, bool)
        turns = np.sign(self._curving(index)) * measured.kink
        same = (np.abs(turns.sum(axis=1)) == measured.kink.sum(axis=1)) & (measured.kink.sum(axis=1) > 1)
        if not same.any():
            return off
        point = self.problem.points[index]
        weights = np.random.default_rng(self.seed).uniform(0.5, 1.0, size=point.size)
        v = (self.oracle.scales[index].reshape(-1) * weights * measured.kink.any(axis=0)).reshape(point.shape)
        direction: list[Any] = [None] * len(self.problem.points)
        direction[index] = v
        _, low, high = kinks_at(self.oracle.along(direction), self.oracle.center, self.oracle.noise)
        slope = analytic @ v.reshape(-1)
        slack = 1e-3 * np.abs(analytic) @ np.abs(v.reshape(-1)) + 1e-3 * np.maximum(np.abs(low), np.abs(high))
        outside = (slope < low - slack) | (slope > high + slack)
        return measured.kink & (same & outside & np.isfinite(low) & np.isfinite(high))[:, None]

    def _curving(self, index: int) -> Any:
        """Return at kinks a positive number where the slope grows along the argument, a negative one where it falls."""
        turns = np.zeros(self.measured[index].kink.shape)
        for entry in np.flatnonzero(self.measured[index].kink.any(axis=0)):
            f = self.oracle.along(self.oracle.column(index, int(entry)))
            turns[:, entry] = f(2.0**-20) - 2 * self.oracle.center + f(-(2.0**-20))
        return turns

    # -- the cause ----------------------------------------------------------------------------------------

    def _misshapen(self, route: Route, index: int, raw: Raw) -> Block:
        measured, name = self.measured[index], self.problem.names[index]
        came, expected = raw.numbers.shape, (measured.value.shape[0], *self.problem.points[index].shape)
        if route.kind in ("vjp", "gradient"):
            came, expected = came[1:], expected[1:]
        self.problems.append(f"the {route.kind} in {name!r} has shape {came}, expected {expected}")
        everything = np.ones(measured.value.shape, bool)
        floor = floor_of(measured, 2.0**-52, self.problem.native_epsilon)
        tolerance = floor + 8 * measured.error
        comparison = Comparison(everything, ~everything, tolerance, everything * np.inf, ~everything, ~everything)
        finding = self._why(route, index, raw, comparison)
        if finding.cause == Cause.UNKNOWN:
            finding = Finding(Cause.WRONG_SHAPE, f"shape {came} came, expected {expected}")
        return self._as_block(route, index, np.full(measured.value.shape, np.nan), comparison, finding)

    def _why(self, route: Route, index: int, raw: Raw, comparison: Comparison) -> Finding:
        measured, problem = self.measured[index], self.problem
        if not comparison.wrong_at_all:
            count, size = int(comparison.undecided.sum()), comparison.undecided.size
            return Finding(Cause.UNDECIDED, f"the oracle's own error is as large as {count} of {size} entries")
        if not comparison.wrong.any():
            if self._together:
                text = "each is between the slopes from both sides, but their combination is no slope of the function"
                return Finding(Cause.KINKS_ONLY, text)
            return Finding(Cause.KINKS_ONLY, "right elsewhere, but on a kink outside the slopes from both sides")
        if not np.isfinite(raw.numbers).all():
            return Finding(Cause.NOT_FINITE, "NaN or infinity in the derivative")
        return diagnose(
            Evidence(
                name=problem.names[index],
                raw=raw.numbers,
                numeric=measured.value,
                tolerance=comparison.tolerance,
                out_shape=self.oracle.out_shape,
                in_shape=problem.points[index].shape,
                x=problem.points[index].reshape(-1),
                y=self.oracle.center,
                batches=batches_of(problem, self.oracle.out_shape),
                ignore=measured.kink,
                others=tuple((n, m.value) for n, m in zip(problem.names, self.measured, strict=True)),
                elsewhere=lambda points: self._elsewhere(points, index),
                points=tuple(zip(problem.names, problem.points, strict=True)),
                changed=self._changed(),
                roughness=lambda spacing: self._noise(
                    route, index, raw.numbers.reshape(measured.value.shape), (spacing,)
                ),
            )
        )

    def _elsewhere(self, points: Any, index: int) -> Any:
        """Return the oracle's block at other points, None where the function refuses them."""
        try:
            moved = replace(self.problem, points=tuple(points), exact=None)
            return Oracle(moved, self.oracle.precision).blocks()[index].value
        except Exception:
            # The points are guesses, of other shapes or outside the function's domain.
            return None

    def _changed(self) -> Any:
        if not self.value.changed:
            return None
        return [self.value.changed.get(i, point) for i, point in enumerate(self.problem.points)]

    def _as_block(
        self, route: Route, index: int, analytic: Any, comparison: Comparison, finding: Finding | None
    ) -> Block:
        measured, shape = self.measured[index], self.problem.points[index].shape
        ratio = np.where(comparison.off_kink, np.maximum(comparison.ratio, 1e3), comparison.ratio)
        if not comparison.wrong_at_all:
            ratio = np.where(comparison.undecided, ratio + 1.0, np.where(comparison.faint, 0.0, ratio))
        place, relative, a, n, tolerance = None, 0.0, 0.0, 0.0, 0.0
        if ratio.size:
            i, j = divmod(int(np.argmax(np.where(np.isnan(ratio), np.inf, ratio))), ratio.shape[1])
            place = self.oracle.place(index, i, j)
            a, n, tolerance = float(analytic[i, j]), float(measured.value[i, j]), float(comparison.tolerance[i, j])
            settled = comparison.faint[i, j] or (measured.kink[i, j] and not comparison.off_kink[i, j])
            apart = 0.0 if settled else abs(a - n)
            relative = apart / (float(measured.row_scale[i, 0]) or float(np.abs(analytic[i]).max()) or 1.0)
        return Block(
            name=self.problem.names[index],
            route=route.kind,
            ok=comparison.ok,
            relative_error=relative,
            index=place,
            analytic=a,
            numeric=n,
            tolerance=tolerance,
            wrong=int((comparison.wrong | comparison.off_kink).sum()),
            entries=int(ratio.size),
            kinks=int(measured.kink.sum()),
            cause=None if finding is None else finding.cause,
            detail="" if finding is None else finding.detail,
            residual=None if finding is None else finding.residual,
            out_shape=self.oracle.out_shape,
            in_shape=shape,
            parts=self.oracle.parts,
            undecided=int(comparison.undecided.sum()),
            faint=int(comparison.faint.sum()),
            heat=() if not comparison.wrong_at_all else heat_of(_pictured(ratio, shape)),
        )


def batches_of(problem: Problem, out_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes that an axis of examples may have: leading axes shared by output and argument, or summed."""
    found = [
        point.shape[0]
        for point in problem.points
        if point.ndim and (not out_shape or (point.ndim >= 2 and out_shape[0] == point.shape[0]))
    ]
    return tuple(size for size in dict.fromkeys(found) if size > 1)


def _pictured(ratio: Any, shape: tuple[int, ...]) -> Any:
    """Return a gradient in the shape of its argument, which shows more than one row."""
    return ratio.reshape(shape[0], -1) if ratio.shape[0] == 1 and len(shape) > 1 else ratio
