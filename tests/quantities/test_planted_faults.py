"""Faults planted into the quantities and the planner, one at a time: the oracles catch every one."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backproof.chain.plan import _plan
from cases import Maker
from quantity_oracles import CHECKS
from test_planted_faults import plant

from ..chain.test_plan import build, check_optimal


def everywhere(*names: str) -> Any:
    """Return the checks of these names on a few networks."""

    def oracle() -> None:
        for name in names:
            for point in ("tanh", "no bias", "residual", "shared", "places"):
                CHECKS[f"check_{name}"](point)

    return oracle


def plans() -> None:
    """Small chains of several structures against exhaustive search."""
    _plan.cache_clear()  # a plan made before the fault would hide it
    for seed in range(40):
        g = np.random.default_rng(seed)
        n, factors, makers = int(g.integers(1, 7)), [], [Maker("shared"), Maker("each", batch=3)]
        for _ in range(4):
            kind = ("dense", "diagonal", "low rank", "dense", "scaled", "product")[g.integers(6)]
            m = int(g.integers(1, 7)) if kind in ("dense", "product") else n
            factors.append(build(kind, makers[g.integers(2)], n, m))
            n = m
        check_optimal(factors, 3)


Q = "quantities"
FAULTS: tuple[tuple[str, str, str, str, Any], ...] = (
    ("norm of x forgotten", f"{Q}.blocks:Block.squared_norms", "squared_norms,", "lambda B, r: (r * r).sum(-1),",
     everywhere("examples")),
    ("squares of a shared parameter added use by use", f"{Q}.blocks:Block._by_rule",
     "rule(*self.uses[0]) if len(self.uses) == 1 else densely(self.dense())", "sum(rule(*use) for use in self.uses)",
     everywhere("examples")),
    ("weights of the sum forgotten", f"{Q}.blocks:Block.sums", "rows * weights[:, :, None]", "rows * 1",
     everywhere("examples")),
    ("a use of a shared parameter lost", f"{Q}.blocks:pull_sums", "sums[name] + piece if name in sums else piece",
     "piece", everywhere("transforms")),
    ("bias forgotten in the kernel", f"{Q}.blocks:gram", "scales[key][2] + scale if key in scales else scale", "scale",
     everywhere("ntk")),
    ("x . x for x . x'", f"{Q}.blocks:_common_scale", "x @ z.mT", "x @ x.mT", everywhere("ntk")),
    ("mirrored block not transposed", f"{Q}.ntk:_Kernel.fill", "piece.transpose(1, 0, *reversed(range(2, piece.ndim)))",
     "piece.swapaxes(0, 1)", everywhere("ntk")),
    ("order of the factors reversed", f"{Q}.jacobian:_jacobian", "reversed(range(first, last))", "range(first, last)",
     everywhere("input_jacobian")),
    ("cut one factor off", f"{Q}.jacobian:Jacobian.factored", "self.factors[cut:])", "self.factors[cut + 1:])",
     everywhere("input_jacobian")),
    ("last chunk lost", f"{Q}.jacobian:dense_jacobian", "range(0, x.shape[0], count)",
     "range(0, x.shape[0] - 1, count)", everywhere("input_jacobian")),
    ("R once instead of twice", f"{Q}.curvature:Curvature._times", "@ R.mT) @ R)", "@ R.mT) @ abs(R))",
     everywhere("curvature")),
    ("mean for sum", f"{Q}.curvature:_curvature", "1.0 / x.shape[0]", "1.0 / x.shape[0] ** 2", everywhere("curvature")),
    ("examples of the first batch alone", f"{Q}.curvature:Curvature._batches", "range(0, self.x.shape[0], self.batch)",
     "range(0, min(self.batch, self.x.shape[0]), self.batch)", everywhere("curvature")),
    ("length of the direction forgotten", f"{Q}.hessian:Hessian._times", "(self.scale / STEP) * length",
     "self.scale / STEP", everywhere("hessian")),
    ("real part for imaginary", f"{Q}.hessian:Hessian._times", "[0].imag", "[0].real", everywhere("hessian")),
    ("bias of the slope", f"{Q}.local:local_affine", "- (slope @", "+ (slope @", everywhere("local")),
    ("deviation for variance", f"{Q}.local:prediction_interval", "noise**2", "noise", everywhere("interval")),
    ("mean not squared", f"{Q}.examples:gradient_statistics", "second - mean * mean", "second - mean",
     everywhere("examples")),
    ("clipped up as well", f"{Q}.examples:clipped_gradient", "xp.where(norms > max_norm,", "xp.where(norms > 0,",
     everywhere("examples")),
    ("products from the input up", f"{Q}.spectrum:spectrum", "after.append(A)", "after.insert(0, A)",
     everywhere("spectrum")),
    ("best of the left part forgotten", "chain.search:cheapest_splits", "cost += best.left(length)", "pass", plans),
    ("dearest for cheapest", "chain.search:cheapest_splits", "cost.argmin(axis=1)", "cost.argmax(axis=1)", plans),
    ("left parts from the wrong end", "chain.search:Table.right", "[:, ::-1]", "", plans),
    ("batch forgotten", "chain.plan:_costs", "where(intervals.shared[first, last], 1, intervals.batch)",
     "where(intervals.shared[first, last], 1, 1)", plans),
    ("low rank taken for full", "chain.structures:_part", "base_pull + 2 * rank * m", "base_pull + rank * m", plans),
    ("making dense is free", "chain.structures:_part", "rank * m * n, 0", "0, 0", plans),
    ("diagonal taken for dense", "chain.structures:pair_cost", "if kept.any():", "if False:", plans),
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_faulty_plan_stays() -> Iterator[None]:
    """Forget the plans that were made under a fault."""
    yield
    _plan.cache_clear()


@pytest.mark.parametrize(("what", "where", "text", "fault", "oracle"), FAULTS, ids=[f[0] for f in FAULTS])
def test_fault_is_caught(
    what: str, where: str, text: str, fault: str, oracle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle()  # the sound formula passes
    plant(monkeypatch, where, text, fault)
    with pytest.raises((AssertionError, ValueError)):
        oracle()
