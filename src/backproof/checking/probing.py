"""Derivatives too large to be compared entry by entry: random probes, and bisection to the entry."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from .causes import FITS, Cause, Evidence, Finding
from .comparing import SINGLE
from .diagnosis import diagnose_probes
from .judging import batches_of
from .measuring import Oracle
from .oracles import richardson
from .problems import DOUBLE, Problem, Raw, Route
from .report import Block

PROBES = 12
SMALL = 0.1
"""A probe sees a fault E unless |u E v| < 0.1 |E|; for independent normal u and v that has at most this chance: """
MISS = 0.22
FIRST = 2.0**-5
"""First step along a direction in which everything moves."""


def probability() -> float:
    """Return the probability at most with which all probes of a block miss a fault ten tolerances large.

    Math:
        P(|u E v| < t |E|_F) is largest for E of rank one, the product of two normal numbers;
        P(|X Y| < 0.1) = (2 / pi) (integral of K_0 from 0 to 0.1) = 0.218
    """
    return float(MISS**PROBES)


@final
@dataclass
class Prober:
    """Compares u J v by the derivative under test with differences along v.

    Attributes:
        problem: what is checked.
        oracle: used for differences along directions alone.
        seed: of the probes.
        probes: how many for every block.
    """

    problem: Problem
    oracle: Oracle
    seed: int
    probes: int = PROBES

    def blocks(self, route: Route) -> list[Block]:
        """Return the verdicts on all arguments by one route."""
        dense = route.dense(self.problem.points, self.oracle.precision) if route.pull is route.push is None else None
        return [self._block(_Products(self, route, index, dense)) for index in range(len(self.problem.points))]

    def _block(self, products: "_Products") -> Block:
        generator = np.random.default_rng((self.seed, products.index))
        m, n = self.oracle.center.size, self.problem.points[products.index].size
        sizes = self.oracle.scales[products.index].reshape(-1)
        probes = [(generator.normal(size=m), sizes * generator.normal(size=n)) for _ in range(self.probes)]
        rows = [products.probe(u, v) for u, v in probes]
        analytic, numeric, tolerance = (np.array(column) for column in zip(*rows, strict=True))
        wrong = ~(np.abs(analytic - numeric) <= tolerance)
        scale = float(np.sqrt(np.mean(numeric**2))) or 1.0
        worst = int(np.argmax(np.where(np.isnan(analytic), np.inf, np.abs(analytic - numeric) / tolerance)))
        entry, place, finding = (analytic[worst], numeric[worst], tolerance[worst]), None, None
        if wrong.any():
            finding = self._why(products, probes, analytic, numeric, tolerance)
            i, j = products.bisect(*probes[worst])
            place = self.oracle.place(products.index, i, j)
            entry = products.entry(i, j)
        return Block(
            name=self.problem.names[products.index],
            route=products.route.kind,
            ok=not wrong.any(),
            relative_error=float(np.max(np.abs(analytic - numeric)) / scale),
            index=place,
            analytic=float(entry[0]),
            numeric=float(entry[1]),
            tolerance=float(entry[2]),
            wrong=int(wrong.sum()),
            entries=self.probes,
            kinks=0,
            cause=None if finding is None else finding.cause,
            detail="" if finding is None else finding.detail,
            residual=None if finding is None else finding.residual,
            out_shape=self.oracle.out_shape,
            in_shape=self.problem.points[products.index].shape,
            probed=True,
            parts=self.oracle.parts,
        )

    def _why(
        self, products: "_Products", probes: list[tuple[Any, Any]], analytic: Any, numeric: Any, tolerance: Any
    ) -> Finding:
        came, expected = products.came(probes[0][0]), self.problem.points[products.index].shape
        if came is not None and np.prod(came, dtype=int) != np.prod(expected, dtype=int):
            return Finding(Cause.WRONG_SHAPE, f"shape {came} came, expected {expected}")
        if not np.isfinite(analytic).all():
            return Finding(Cause.NOT_FINITE, "NaN or infinity in the derivative")
        nothing = np.zeros((1, self.probes), bool)
        batches = batches_of(self.problem, self.oracle.out_shape)
        shape, x = (self.probes,), np.zeros(self.probes)
        row, right, apart = analytic[None], numeric[None], tolerance[None]
        name = self.problem.names[products.index]
        evidence = Evidence(name, row, right, apart, (), shape, x, np.zeros(1), batches, nothing)
        finding = diagnose_probes(evidence)
        if finding.cause == Cause.UNKNOWN and len(expected) == 2:
            turned = np.array([products.given(u, v.reshape(expected).T.reshape(-1))[0] for u, v in probes])
            if np.all(np.abs(turned - numeric) <= FITS * tolerance):
                return Finding(Cause.TRANSPOSED, f"axes 0 and 1 of the derivative in {name} exchanged, it fits")
        return finding


@final
@dataclass
class _Products:
    """Products of one block by one route, with those of the oracle."""

    prober: Prober
    route: Route
    index: int
    dense: list[Raw | None] | None

    def probe(self, u: Any, v: Any) -> tuple[float, float, float]:
        """Return u J v by the route, by the oracle, and how far they may be apart."""
        return self._compared(u, v, self.given(u, v))

    def came(self, u: Any) -> tuple[int, ...] | None:
        """Return the shape of the route's product with u, None where it gives none."""
        problem, oracle = self.prober.problem, self.prober.oracle
        if self.route.pull is None:
            return None
        found = self.route.pull(problem.points, oracle.precision, u.reshape(oracle.out_shape))[self.index]
        return None if found is None else tuple(np.shape(found[0]))

    def given(self, u: Any, v: Any) -> tuple[float, float]:
        """Return u J v by the route, and the size of the terms in its sum."""
        problem, oracle = self.prober.problem, self.prober.oracle
        if self.route.push is not None:
            tangents = [np.zeros(p.shape) for p in problem.points]
            tangents[self.index] = v.reshape(problem.points[self.index].shape)
            moved = np.reshape(self.route.push(problem.points, oracle.precision, tangents)[0], -1)
            return float(u @ moved), float(np.linalg.norm(u * moved))
        row = self._row(u)
        return float(row @ v), float(np.linalg.norm(row * v))

    def _row(self, u: Any) -> Any:
        problem, oracle = self.prober.problem, self.prober.oracle
        size = problem.points[self.index].size
        if self.route.pull is not None:
            came = self.route.pull(problem.points, oracle.precision, u.reshape(oracle.out_shape))[self.index]
            row = np.zeros(size) if came is None else np.reshape(came[0], -1)
        else:
            raw = self.dense[self.index] if self.dense is not None else None
            row = np.zeros(size) if raw is None else u @ raw.numbers.reshape(u.size, -1)
        return row if row.size == size else np.full(size, np.nan)

    def _slope(self, v: Any) -> tuple[Any, Any]:
        problem, oracle = self.prober.problem, self.prober.oracle
        direction: list[Any] = [None] * len(problem.points)
        direction[self.index] = v.reshape(problem.points[self.index].shape)
        slope = richardson(oracle.along(direction), oracle.center, oracle.noise, oracle.moved, FIRST)
        return slope.value, slope.error

    def _compared(self, u: Any, v: Any, given: tuple[float, float]) -> tuple[float, float, float]:
        value, error = self._slope(v)
        native, precision = self.prober.problem.native_epsilon, self.prober.oracle.precision
        spacing = 2.0**-52 if precision == DOUBLE else native
        units = max(256 * spacing, 16 * min(native, SINGLE) if native > 2.0**-52 else 0.0)
        size = max(given[1], float(np.linalg.norm(u * value)))
        return given[0], float(u @ value), 8 * float(np.abs(u) @ error) + units * size + 1e-300

    def bisect(self, u: Any, v: Any) -> tuple[int, int]:
        """Return a wrong entry (i, j), by halving the support first of v, then of u."""
        columns = self._halve(np.flatnonzero(v), lambda part: self.probe(u, _kept(v, part)))
        alone = _kept(v, columns)
        rows = self._halve(np.flatnonzero(u), lambda part: self.probe(_kept(u, part), alone))
        return int(rows[0]), int(columns[0])

    @staticmethod
    def _halve(places: Any, probe: Any) -> Any:
        while len(places) > 1:
            halves = np.array_split(places, 2)
            ratios = [abs(a - n) / t for a, n, t in map(probe, halves)]
            places = halves[int(not ratios[0] >= ratios[1])] if not np.isnan(ratios[0]) else halves[0]
        return places

    def entry(self, i: int, j: int) -> tuple[float, float, float]:
        """Return one entry by the route and by the oracle, and how far they may be apart."""
        u, v = np.zeros(self.prober.oracle.center.size), np.zeros(self.prober.problem.points[self.index].size)
        scale = float(self.prober.oracle.scales[self.index].reshape(-1)[j])
        u[i], v[j] = 1.0, scale
        a, n, tolerance = self.probe(u, v)
        return a / scale, n / scale, tolerance / scale


def _kept(vector: Any, places: Any) -> Any:
    kept = np.zeros_like(vector)
    kept[places] = vector[places]
    return kept
