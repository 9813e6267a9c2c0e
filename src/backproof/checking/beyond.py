"""What a comparison of unit vectors in float64 cannot see: products that are not linear, and coarser dtypes."""

from typing import Any

import numpy as np

from .causes import Cause
from .measuring import Measured, Oracle
from .problems import NATIVE, Points, Problem, Raw, Route, epsilon

Product = tuple[Any, Any, Any]
"""A product as it came, as the sum over unit vectors, and the size of that sum's terms."""


def nonlinearity(problem: Problem, route: Route, raws: list[Raw], oracle: Oracle, seed: int) -> tuple[Cause, str]:
    """Return in words that a vjp is not linear in its cotangent, or a jvp in its tangents; empty if it is."""
    generator = np.random.default_rng(seed + 2)
    if route.pull is not None:
        products = _pulled(problem, route, raws, oracle, generator)
    elif route.push is not None:
        products = _pushed(problem, route, raws, oracle, generator)
    else:
        return Cause.UNKNOWN, ""
    coarse = problem.native_epsilon if problem.native_epsilon > 2.0**-52 else 0.0
    units = 256 * max(coarse, *(epsilon(raw.dtype) for raw in raws))
    for came, expected, size in products:
        if came is not None and np.any(~(np.abs(came - expected) <= units * np.max(size, initial=0.0) + 1e-300)):
            if route.pull is not None and _ignores(products, raws, units):
                text = "the vjp is the same whatever its cotangent is: multiplied by the cotangent it fits"
                return Cause.MISSING_FACTOR, text
            word = "cotangent" if route.kind == "vjp" else "tangents"
            return Cause.UNKNOWN, f"the {route.kind} is not linear in its {word}: unit vectors give another sum"
    return Cause.UNKNOWN, ""


def _ignores(products: list[Product], raws: list[Raw], units: float) -> bool:
    """Whether the vjp of one number is what it is for the cotangent 1."""
    return all(
        came is None or (raw.numbers.shape[0] == 1 and np.all(np.abs(came - raw.numbers.reshape(-1)) <= units * size))
        for (came, _, size), raw in zip(products, raws, strict=True)
    )


def _vector(generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return numbers well away from 0, 1 and -1 alike, which squares and signs would leave as they are."""
    return generator.uniform(0.5, 2.0, size=shape) * generator.choice([-1.0, 1.0], size=shape)


def _room(oracle: Oracle, index: int) -> Any:
    """Return the room for rounding beside an entry, (m, n): u - sum(u s) of a softmax cancels in the smallest row."""
    steps = np.maximum(oracle.scales[index].reshape(1, -1), 1)
    return oracle.rounding(index) * steps * 2.0**46


def _pulled(problem: Problem, route: Route, raws: list[Raw], oracle: Oracle, generator: Any) -> list[Product]:
    u = _vector(generator, oracle.out_shape)
    came = route.pull(problem.points, oracle.precision, u) if route.pull is not None else []
    found: list[Product] = []
    for index, (pair, raw) in enumerate(zip(came, raws, strict=True)):
        A, flat = raw.numbers.reshape(u.size, -1), u.reshape(-1)
        size = np.abs(flat) @ (np.abs(A) + _room(oracle, index))
        found.append((None if pair is None else np.reshape(pair[0], -1), flat @ A, size))
    return found


def _pushed(problem: Problem, route: Route, raws: list[Raw], oracle: Oracle, generator: Any) -> list[Product]:
    v: Points = [_vector(generator, point.shape) for point in problem.points]
    came = np.reshape(route.push(problem.points, oracle.precision, v)[0], -1) if route.push is not None else None
    expected, size = np.zeros(oracle.center.size), np.zeros(oracle.center.size)
    for index, (tangent, raw) in enumerate(zip(v, raws, strict=True)):
        A, flat = raw.numbers.reshape(oracle.center.size, -1), tangent.reshape(-1)
        wide = np.abs(A) + _room(oracle, index)
        expected, size = expected + A @ flat, size + wide @ np.abs(flat)
    return [(came, expected, size)]


def native_faults(problem: Problem, route: Route, measured: list[Measured], oracle: Oracle) -> list[tuple[Cause, str]]:
    """Return for every block, right in float64, what is wrong in the user's own dtype; an empty text if nothing is."""
    if problem.native_epsilon <= 2.0**-52:
        return [(Cause.UNKNOWN, "")] * len(measured)
    raws = route.dense(problem.points, NATIVE)
    found = []
    for index, (raw, block, dtype) in enumerate(zip(raws, measured, problem.dtypes, strict=True)):
        # What is zero by cancellation leaves the rounding of what cancels.
        floor = 2.0**58 * epsilon(dtype) * float(np.linalg.norm(oracle.rounding(index)))
        cause, text = _native_fault(raw, block, dtype, floor)
        if cause == Cause.PRECISION:
            # Close to a minimum nothing but the rounding of the argument is left.
            floor = 2.0**6 * epsilon(dtype) * float(np.linalg.norm(oracle.variation(index)))
            cause, text = _native_fault(raw, block, dtype, floor)
        found.append((cause, text))
    return found


def _native_fault(raw: Raw | None, block: Measured, dtype: str, floor: float) -> tuple[Cause, str]:
    numeric = np.where(block.kink, 0, block.value)
    given = np.zeros(numeric.shape) if raw is None else raw.numbers
    if given.size != numeric.size:
        return Cause.WRONG_SHAPE, f"right in float64, but of shape {given.shape[1:]} in {dtype}"
    given = np.where(block.kink, 0, given.reshape(numeric.shape))
    if not np.isfinite(given).all():
        return Cause.NOT_FINITE, f"right in float64, but NaN or infinite in {dtype}"
    if np.linalg.norm(given - numeric) > max(0.5 * float(np.linalg.norm(numeric)), floor):
        return Cause.PRECISION, f"right in float64, but in {dtype} more than half of it is rounding error"
    return Cause.UNKNOWN, ""
