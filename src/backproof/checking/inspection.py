"""A problem looked through: is the function sound, is each derivative right, and if not, why."""

from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from ..errors import NonFiniteError
from .causes import Cause, Evidence, Finding
from .comparing import Comparison, compare, floor_of, rounding_noise
from .diagnosis import diagnose
from .heat import heat_of
from .measuring import SPACINGS, Measured, Oracle, scales_of
from .problems import DOUBLE, NATIVE, Problem, Raw, Route, epsilon
from .report import Block, Report

METHODS = {
    "complex": "complex steps, exact to rounding",
    "differences": "central differences with Richardson extrapolation",
}
SECOND_STEP = 0.09
"""First step of the second opinion, no power of two away from the first's."""


def inspect_problem(problem: Problem, wanted: str = "auto", seed: int = 0) -> Report:
    """Return the report on a problem.

    Raises:
        NonFiniteError: an input holds NaN or infinity.
    """
    for name, point in zip(problem.names, problem.points, strict=True):
        if not np.isfinite(point).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(point))[0])
            raise NonFiniteError(f"check: argument {name!r} holds {point[where]} at {where}, expected finite numbers.")
    return _Inspection(problem, wanted, seed).report()


@final
@dataclass
class _Inspection:
    problem: Problem
    wanted: str
    seed: int
    problems: list[str] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def report(self) -> Report:
        problem = self.problem
        self.precision = self._precision()
        self.value = problem.evaluate(problem.points, NATIVE)
        self._soundness()
        blocks: list[Block] = []
        oracle_name = "nothing, for the function's value is not finite"
        if Cause.NOT_FINITE not in self.causes and Cause.NOT_DETERMINISTIC not in self.causes:
            with np.errstate(all="ignore"):
                self.oracle = Oracle(problem, self.precision, self.wanted, self.seed)
                self.measured = self.oracle.blocks()
                self._differentiable()
                blocks = [block for route in problem.routes for block in self._route(route)]
            oracle_name = METHODS.get(self.oracle.method, problem.exact_name)
            if self.precision == DOUBLE and problem.native_epsilon > 2.0**-52:
                oracle_name += ", in float64"
        elif Cause.NOT_DETERMINISTIC in self.causes:
            oracle_name = "nothing, for the function has no one value"
        wrong = [block for block in blocks if not block.ok]
        cause = self.causes[0] if self.causes else _cause_of(wrong)
        ok = not wrong and not self.causes
        notes = (*problem.notes, *self.notes)
        return Report(ok, cause, problem.title, oracle_name, tuple(blocks), tuple(self.problems), notes)

    def _say(self, cause: Cause, text: str) -> None:
        if text not in self.problems:
            self.problems.append(text)
            self.causes.append(cause)

    # -- the function -------------------------------------------------------------------------------------

    def _precision(self) -> str:
        """Return ``"double"`` where function and derivatives take float64."""
        problem = self.problem
        if problem.native_epsilon <= 2.0**-52:
            return DOUBLE
        try:
            value = problem.evaluate(problem.points, DOUBLE)
            for route in problem.routes:
                route.dense(problem.points, DOUBLE)
        except Exception as error:
            # A function written for one dtype may refuse another in its own way.
            self.notes.append(
                f"float64 inputs are refused ({type(error).__name__}), so all is checked in {problem.dtypes[0]}"
            )
            return NATIVE
        return DOUBLE if epsilon(value.dtype) <= 2.0**-52 else NATIVE

    def _soundness(self) -> None:
        problem, value = self.problem, self.value
        again = problem.evaluate(problem.points, NATIVE)
        names = problem.names
        if again.numbers.shape != value.numbers.shape or again.numbers.tobytes() != value.numbers.tobytes():
            self._say(Cause.NOT_DETERMINISTIC, "the function is not deterministic: two calls at the same point differ")
        if not np.isfinite(value.numbers).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(value.numbers))[0])
            bad = value.numbers[where]
            self._say(Cause.NOT_FINITE, f"the function's value holds {bad} at {where}, though its arguments are finite")
        for index in value.changed:
            self._say(Cause.STALE_INPUT, f"the function changes its argument {names[index]!r} in place")
        if value.numbers.dtype.kind == "c":
            self._say(Cause.WRONG_DTYPE, f"the function's value is of dtype {value.dtype}, expected real numbers")
        coarse = max(map(epsilon, problem.dtypes), default=0.0)
        if epsilon(value.dtype) != coarse and value.dtype in ("float64", "float32", "float16", "bfloat16"):
            came = " and ".join(dict.fromkeys(problem.dtypes))
            self.notes.append(f"the function's value is {value.dtype}, its arguments are {came}")

    def _differentiable(self) -> None:
        for name, measured in zip(self.problem.names, self.measured, strict=True):
            ends = ~np.isfinite(measured.error) | (
                measured.kink & ~(np.isfinite(measured.low) & np.isfinite(measured.high))
            )
            point = self.problem.points[self.problem.names.index(name)]
            if ends.any():
                where = np.unravel_index(int(np.argwhere(ends)[0][1]), point.shape)
                place = ", ".join(str(int(i)) for i in where)
                self._say(
                    Cause.NOT_DIFFERENTIABLE,
                    f"the function is not differentiable in {name}[{place}] at this point: no difference converges there",
                )
            elif measured.kink.any():
                where = np.unravel_index(int(np.argwhere(measured.kink)[0][1]), point.shape)
                place = ", ".join(str(int(i)) for i in where)
                count = int(measured.kink.sum())
                self.notes.append(
                    f"{name}[{place}] lies on a kink ({count} {'entry' if count == 1 else 'entries'}): "
                    "the slopes from both sides differ, and any between them is accepted"
                )

    # -- the derivatives ----------------------------------------------------------------------------------

    def _route(self, route: Route) -> list[Block]:
        raws = route.dense(self.problem.points, self.precision)
        return [self._block(route, index, raw) for index, raw in enumerate(raws)]

    def _block(self, route: Route, index: int, raw: Raw | None) -> Block:
        measured = self.measured[index]
        if raw is None:
            raw = Raw(np.zeros((*measured.value.shape[:1], *self.problem.points[index].shape)), "float64")
        shape = (measured.value.shape[0], *self.problem.points[index].shape)
        if raw.numbers.shape != shape:
            return self._misshapen(route, index, raw, shape)
        analytic = raw.numbers.reshape(measured.value.shape)
        comparison = self._compare(route, index, analytic, raw)
        finding = None
        if not comparison.ok:
            finding = self._why(route, index, raw, comparison)
        return self._as_block(route, index, analytic, comparison, finding)

    def _compare(self, route: Route, index: int, analytic: Any, raw: Raw) -> Comparison:
        problem, measured = self.problem, self.measured[index]
        spacing = 2.0**-52 if self.precision == DOUBLE else problem.native_epsilon
        native = problem.native_epsilon
        if native > 2.0**-52:
            spacing = max(spacing, epsilon(raw.dtype))
        floor = floor_of(measured, spacing, native)
        comparison = compare(analytic, measured, floor)
        if comparison.ok:
            return comparison
        # Before anything is called wrong: a second opinion of the oracle, and the derivative's own rounding noise.
        measured = self._second_opinion(index)
        noise = self._noise(route, index, analytic)
        return compare(analytic, measured, floor_of(measured, spacing, native), noise)

    def _second_opinion(self, index: int) -> Measured:
        if not hasattr(self, "_second"):
            self.oracle.measure_noise()
            method = "differences" if self.oracle.method == "differences" else None
            self._second = self.oracle.blocks(SECOND_STEP, method)
        first, second = self.measured[index], self._second[index]
        better = second.error < first.error
        value = np.where(better, second.value, first.value)
        apart = np.abs(first.value - second.value)
        error = np.fmin(first.error, second.error)
        error = np.where(np.isfinite(apart), np.maximum(error, apart), error)
        return Measured(value, error, first.kink | second.kink, first.low, first.high)

    def _elsewhere(self, points: Any, index: int) -> Any:
        """Return the oracle's block at other points, None where the function refuses them."""
        try:
            return Oracle(replace(self.problem, points=tuple(points), exact=None), self.precision).blocks()[index].value
        except Exception:
            # The points are guesses, of other shapes or outside the function's domain.
            return None

    def _changed(self) -> Any:
        if not self.value.changed:
            return None
        return [self.value.changed.get(i, point) for i, point in enumerate(self.problem.points)]

    def _noise(self, route: Route, index: int, analytic: Any, spacings: tuple[float, ...] = ()) -> Any:
        problem = self.problem
        generator = np.random.default_rng(self.seed + 1)
        direction = [scales_of(p) * generator.choice([-1.0, 1.0], size=p.shape) for p in problem.points]

        def dense(t: float) -> Any:
            moved = [p + t * v for p, v in zip(problem.points, direction, strict=True)]
            raw = route.dense(moved, self.precision)[index]
            return np.zeros_like(analytic) if raw is None else raw.numbers.reshape(analytic.shape)

        spacing = problem.native_epsilon
        usual = SPACINGS[:1] if spacing <= 2.0**-52 else SPACINGS
        if self.precision == NATIVE:
            usual = (4 * spacing, 16 * spacing)
        spacings = spacings or usual
        return rounding_noise(dense, analytic, spacings)

    def _misshapen(self, route: Route, index: int, raw: Raw, shape: tuple[int, ...]) -> Block:
        measured = self.measured[index]
        came, expected = raw.numbers.shape, shape
        if route.kind in ("vjp", "gradient"):
            came, expected = came[1:], expected[1:]
        name = self.problem.names[index]
        self.problems.append(f"the {route.kind} in {name!r} has shape {came}, expected {expected}")
        floor = floor_of(measured, 2.0**-52, self.problem.native_epsilon)
        everything = np.ones(measured.value.shape, bool)
        comparison = Comparison(everything, ~everything, floor + 8 * measured.error, everything * np.inf)
        finding = self._why(route, index, raw, comparison)
        if finding.cause == Cause.UNKNOWN:
            finding = Finding(Cause.WRONG_SHAPE, f"shape {came} came, expected {expected}")
        return self._as_block(route, index, np.full(measured.value.shape, np.nan), comparison, finding)

    def _why(self, route: Route, index: int, raw: Raw, comparison: Comparison) -> Finding:
        measured, problem = self.measured[index], self.problem
        if not comparison.wrong.any():
            return Finding(Cause.KINKS_ONLY, "right elsewhere, but on a kink outside the one-sided slopes")
        if not np.isfinite(raw.numbers).all():
            return Finding(Cause.NOT_FINITE, "NaN or infinity in the derivative")
        evidence = Evidence(
            problem.names[index],
            raw.numbers,
            measured.value,
            comparison.tolerance,
            self.oracle.out_shape,
            problem.points[index].shape,
            problem.points[index].reshape(-1),
            self.oracle.center,
            self._batches(),
            measured.kink,
            others=tuple((n, m.value) for n, m in zip(problem.names, self.measured, strict=True)),
            elsewhere=lambda points: self._elsewhere(points, index),
            points=tuple(zip(problem.names, problem.points, strict=True)),
            changed=self._changed(),
            roughness=lambda spacing: self._noise(route, index, raw.numbers.reshape(measured.value.shape), (spacing,)),
        )
        return diagnose(evidence)

    def _batches(self) -> tuple[int, ...]:
        """Return the sizes that an axis of examples may have."""
        out = self.oracle.out_shape
        found = []
        for point in self.problem.points:
            if point.ndim >= 1 and (not out or (point.ndim >= 2 and out[0] == point.shape[0])):
                found.append(point.shape[0])
        return tuple(size for size in dict.fromkeys(found) if size > 1)

    def _as_block(
        self, route: Route, index: int, analytic: Any, comparison: Comparison, finding: Finding | None
    ) -> Block:
        problem, measured = self.problem, self.measured[index]
        wrong = comparison.wrong | comparison.off_kink
        ratio = np.where(comparison.off_kink, np.maximum(comparison.ratio, 1e3), comparison.ratio)
        worst = int(np.argmax(np.where(np.isnan(ratio), np.inf, ratio))) if ratio.size else None
        place, relative, a, n, tolerance = None, 0.0, 0.0, 0.0, 0.0
        if worst is not None:
            i, j = divmod(worst, ratio.shape[1])
            out = tuple(int(k) for k in np.unravel_index(i, self.oracle.out_shape)) if self.oracle.out_shape else ()
            shape = problem.points[index].shape
            place = (out, tuple(int(k) for k in np.unravel_index(j, shape)) if shape else ())
            a, n, tolerance = float(analytic[i, j]), float(measured.value[i, j]), float(comparison.tolerance[i, j])
            size = float(measured.row_scale[i, 0]) or float(np.abs(analytic[i]).max()) or 1.0
            relative = abs(a - n) / size
        return Block(
            problem.names[index],
            route.kind,
            comparison.ok,
            relative,
            place,
            a,
            n,
            tolerance,
            int(wrong.sum()),
            int(wrong.size),
            int(measured.kink.sum()),
            None if finding is None else finding.cause,
            "" if finding is None else finding.detail,
            None if finding is None else finding.residual,
            self.oracle.out_shape,
            problem.points[index].shape,
            () if comparison.ok else heat_of(ratio),
        )


def _cause_of(wrong: list[Block]) -> Cause | None:
    """Return the cause of the wrong blocks: that of the first whose cause is known."""
    known = [block.cause for block in wrong if block.cause not in (None, Cause.UNKNOWN)]
    return known[0] if known else (Cause.UNKNOWN if wrong else None)
