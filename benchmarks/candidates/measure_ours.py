"""backproof's quantities, as its documentation uses them."""

from collections.abc import Callable
from typing import Any

import numpy as np

import backproof as bp

from ..claims import Case, Prepared
from ..measuring import Point, point
from .ours import _network


def _steps(at: Point) -> dict[str, Callable[[], Any]]:
    net, theta = _network(at.problem)
    x, y, loss = at.problem.x, at.problem.y, bp.CrossEntropy()
    return {
        "jacobian": lambda: bp.jacobian(net, theta, x).dense(),
        "factored": lambda: [side.dense(x) for side in bp.jacobian(net, theta, x).factored()],
        "norms": lambda: bp.per_example_norms(net, theta, x, y, loss),
        "ntk": lambda: bp.ntk(net, theta, at.first, at.second),
        "diagonal": lambda: bp.ggn(net, theta, x, y, loss).diagonal(),
        "product": lambda: bp.ggn(net, theta, x, y, loss) @ at.direction,
    }


def prepare(case: Case) -> Prepared:
    at = point(case)
    step = _steps(at)[case["quantity"]]

    def numbers() -> dict[str, Any]:
        found = step()
        return {"numbers": np.matmul(*found) if case["quantity"] == "factored" else found}

    return Prepared(step, numbers)
