"""One product of every route: does the derivative itself give the same twice, in real numbers, and do two agree?"""

from typing import Any

import numpy as np

from .causes import Cause
from .problems import DOUBLE, Problem, Route
from .soundness import Complaint

UNITS = 2.0**12
"""Roundings of the largest term that two products of the same numbers may be apart, summed in different orders."""


def complaints_about_route(
    problem: Problem, route: Route, precision: str, out_shape: tuple[int, ...]
) -> list[Complaint]:
    """Return what speaks against checking a derivative: complex numbers, others at each call, or what it does beside.

    The rule may give another value than the function, or change in place what it was called with.
    """
    found = _side_effects(problem, route, precision)
    once, again = (_product(problem, route, precision, out_shape) for _ in range(2))
    for name, one, other in zip(_names(problem, route), once, again, strict=True):
        if one is None or other is None:
            continue
        if one.dtype.kind == "c":
            text = f"the {route.kind} in {name} is of dtype {one.dtype}, expected real numbers"
            found.append(Complaint(Cause.WRONG_DTYPE, text))
        elif one.shape != other.shape or _apart(one, other, problem, precision):
            text = f"the {route.kind} in {name} is not deterministic: two calls at the same point differ"
            found.append(Complaint(Cause.NOT_DETERMINISTIC, text))
    return found


def _side_effects(problem: Problem, route: Route, precision: str) -> list[Complaint]:
    """Return complaints about what a rule changes, and about a value of its own."""
    changed = [] if route.changes is None else route.changes(problem.points, precision)
    found = [Complaint(Cause.STALE_INPUT, f"the {route.kind} changes {what} in place") for what in changed]
    if route.primal is None:
        return found
    value, own = problem.evaluate(problem.points, precision).numbers, route.primal(problem.points, precision)
    if own.shape != value.shape:
        text = f"the rule's own value has shape {own.shape}, the function's {value.shape}"
        return [*found, Complaint(Cause.WRONG_VALUE, text)]
    if _apart(value, own, problem, precision):
        k = int(np.argmax(np.abs(own - value)))
        where = f"[{', '.join(str(int(i)) for i in np.unravel_index(k, value.shape))}]" if value.ndim else ""
        text = f"the rule gives another value than the function: y{where} is {own.flat[k]:.6g}, not {value.flat[k]:.6g}"
        found.append(Complaint(Cause.WRONG_VALUE, text))
    return found


def _names(problem: Problem, route: Route) -> tuple[str, ...]:
    return (" and ".join(problem.names),) if route.push is not None else problem.names


def _product(problem: Problem, route: Route, precision: str, out_shape: tuple[int, ...]) -> list[Any]:
    """Return a product with a vector of ones, in every argument; whole Jacobians where no products are given."""
    if route.pull is not None:
        found = route.pull(problem.points, precision, np.ones(out_shape))
    elif route.push is not None:
        found = [route.push(problem.points, precision, [np.ones(p.shape) for p in problem.points])]
    else:
        found = list(route.dense(problem.points, precision))
    return [None if pair is None else np.asarray(pair[0]) for pair in found]


def _apart(one: Any, other: Any, problem: Problem, precision: str) -> bool:
    spacing = 2.0**-52 if precision == DOUBLE else problem.native_epsilon
    size = np.fmax.reduce(np.abs(one), axis=None, initial=0.0)
    return bool(np.any(np.abs(one - other) > UNITS * spacing * size))


def adjointness(problem: Problem, precision: str, out_shape: tuple[int, ...], seed: int) -> str:
    """Return in words whether a vjp and a jvp of the same function agree; nothing unless both are given.

    Math:
        u (J v) = (u J) v for any u and v, whatever J is
    """
    pulls = [route.pull for route in problem.routes if route.pull is not None]
    pushes = [route.push for route in problem.routes if route.push is not None]
    if not pulls or not pushes:
        return ""
    generator = np.random.default_rng(seed + 4)
    u, v = generator.normal(size=out_shape), [generator.normal(size=p.shape) for p in problem.points]
    back = pulls[0](problem.points, precision, u)
    forward = np.reshape(pushes[0](problem.points, precision, v)[0], -1)
    if any(pair is not None and np.size(pair[0]) != np.size(w) for pair, w in zip(back, v, strict=True)):
        return ""
    terms = [np.reshape(pair[0], -1) * w.reshape(-1) for pair, w in zip(back, v, strict=True) if pair is not None]
    pulled, pushed = float(sum(t.sum() for t in terms)), float(u.reshape(-1) @ forward)
    size = sum(float(np.abs(t).sum()) for t in terms) + float(np.abs(u.reshape(-1) * forward).sum())
    spacing = 2.0**-52 if precision == DOUBLE else problem.native_epsilon
    if not np.isfinite(size):
        return ""
    if abs(pulled - pushed) <= UNITS * spacing * size:
        return "the vjp and the jvp agree with one another: u (J v) = (u J) v"
    return f"the vjp and the jvp contradict one another: u (J v) is {pushed:.6g}, (u J) v is {pulled:.6g}"
