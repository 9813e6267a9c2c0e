"""Plans against exhaustive search, against what execution really costs, and as data."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof.chain import Matrix, Plan, plan
from backproof.chain.structures import DENSE, DIAGONAL
from backproof.errors import OptionError
from backproof.operators import ANY, PRODUCTS, Dense, Diagonal, Identity, LowRankUpdate, Operator, ScaledIdentity
from backproof.operators import Product as OperatorProduct
from backproof.operators import Sum as OperatorSum
from backproof.operators.table import rule_for
from backproof.quantities.jacobian import Jacobian, _execute
from cases import Maker
from numbers_that_count import counted, counting
from oracles import agree, per_example

SQUARE = ("identity", "scaled", "diagonal", "low rank", "low rank on identity", "kronecker", "sum")
WIDE = ("dense", "product", "dense", "selection")


def build(kind: str, maker: Maker, m: int, n: int) -> Operator:
    """Return an operator of one kind, m x n."""
    from backproof import operators as ops

    def thin() -> Any:
        return maker.array(n, 1 + (m % 2))

    makers = {
        "identity": lambda: Identity(n),
        "scaled": lambda: ScaledIdentity(n, maker.array(1)[..., 0]),
        "diagonal": lambda: Diagonal(maker.array(n)),
        "low rank": lambda: LowRankUpdate(Diagonal(maker.array(n)), maker.array(n, 2), maker.array(n, 2)),
        "low rank on identity": lambda: LowRankUpdate(Identity(n), maker.array(n, 1), maker.array(n, 1)),
        "kronecker": lambda: ops.Kronecker(Identity(n), Dense(maker.array(1, 1))),
        "sum": lambda: OperatorSum((Identity(n), Dense(maker.array(n, n)))),
        "dense": lambda: Dense(maker.array(m, n)),
        "product": lambda: OperatorProduct((Dense(maker.array(m, 2)), Dense(maker.array(2, n)))),
        "selection": lambda: ops.Row((Dense(maker.array(m, n - 1)), Dense(maker.array(m, 1)))) if n > 1 else Dense(
            maker.array(m, n)
        ),
    }  # fmt: skip
    return makers[kind]()


@st.composite
def chains(draw: st.DrawFn, longest: int = 5, square: tuple[str, ...] = SQUARE) -> tuple[list[Operator], int]:
    """Draw operators that can be multiplied, and the batch size."""
    batch = draw(st.sampled_from([1, 2, 7]))
    count, rows = draw(st.integers(2, longest)), draw(st.integers(1, 6))
    modes = [Maker(mode, batch=batch, seed=3) for mode in ("shared", "each")]
    factors = []
    for _ in range(count):
        kind, maker = draw(st.sampled_from([*square, *WIDE])), modes[draw(st.integers(0, 1))]
        columns = rows if kind in SQUARE else draw(st.integers(1, 6))
        factors.append(build(kind, maker, rows, columns))
        rows = columns
    return factors, batch


def times(left: Operator, right: Operator, batch: int) -> tuple[int, Operator]:
    """Return cost and result of one product as plans are executed."""
    table = rule_for(left, right)
    structures = ("identity", "scaled identity", "diagonal", "low-rank update")
    kept = all(f.structure in structures for f in (left, right)) or "identity" in (left.structure, right.structure)
    rule = table if kept else PRODUCTS[ANY, "dense" if right.structure == "dense" else ANY]
    once = left.batch is None and right.batch is None
    return rule.cost(left, right) * (1 if once else batch), rule.apply(left, right)


def all_bracketings(factors: list[Operator], batch: int) -> list[tuple[int, Operator]]:
    """Return cost and result of every bracketing, by trying each."""
    if len(factors) == 1:
        return [(0, factors[0])]
    found = []
    for cut in range(1, len(factors)):
        pairs = itertools.product(all_bracketings(factors[:cut], batch), all_bracketings(factors[cut:], batch))
        for (a, left), (b, right) in pairs:
            cost, result = times(left, right, batch)
            found.append((a + b + cost, result))
    return found


def check_optimal(factors: list[Operator], batch: int) -> None:
    """Assert that the plan costs what the cheapest bracketing costs, and the textbook orders what they cost."""
    made, found = plan(factors, batch=batch), all_bracketings(factors, batch)
    assert made.multiplications == min(cost for cost, _ in found)
    assert made.left_first == _folded(factors, batch)
    assert made.right_first == found[0][0]
    dense = per_example(_execute(made, factors), batch, np.ones(1))
    agree(dense, per_example(found[0][1], batch, np.ones(1)), 1e-10, "the product")


def _folded(factors: list[Operator], batch: int) -> int:
    total, product = 0, factors[0]
    for factor in factors[1:]:
        cost, product = times(product, factor, batch)
        total += cost
    return total


@given(chains())
def test_plan_costs_what_exhaustive_search_costs(drawn: tuple[list[Operator], int]) -> None:
    check_optimal(*drawn)


@pytest.mark.parametrize("seed", range(40))
def test_plan_costs_what_exhaustive_search_costs_on_dense_and_diagonal_chains(seed: int) -> None:
    g = np.random.default_rng(seed)
    batch, widths, factors = int(g.integers(1, 9)), g.integers(1, 30, 4), []
    makers = [Maker("shared"), Maker("each", batch=batch)]
    for m, n in itertools.pairwise(widths):
        factors += [build("dense", makers[g.integers(2)], m, n), build("diagonal", makers[g.integers(2)], n, n)]
    check_optimal(factors[: g.integers(2, 7)], batch)


def check_counted(factors: list[Operator], batch: int) -> None:
    """Assert that execution on numbers that count makes as many multiplications as the plan says."""
    made = plan(factors, batch=batch)
    assert counting(lambda: _execute(made, factors)) == made.multiplications


@pytest.mark.parametrize("seed", range(25))
def test_predicted_multiplications_are_those_really_made(seed: int) -> None:
    g = np.random.default_rng(seed)
    batch, n, factors = int(g.integers(2, 4)), int(g.integers(1, 5)), []
    makers = [Maker("shared", convert=counted), Maker("each", batch=batch, convert=counted)]
    for _ in range(g.integers(2, 6)):
        kind = ("dense", "diagonal", "scaled", "identity", "low rank", "low rank on identity")[g.integers(6)]
        m = n if kind != "dense" else int(g.integers(1, 5))
        factors.append(build(kind, makers[g.integers(2)], n, m))
        n = m
    check_counted(factors, batch)


def _bottleneck(count: int = 200) -> list[Matrix]:
    g = np.random.default_rng(0)
    widths = [int(w) for w in g.integers(2, 600, count // 2 + 1)]
    found = []
    for m, n in itertools.pairwise(widths):
        found += [Matrix(m, n, DENSE, pull=m * n), Matrix(n, n, DIAGONAL, shared=False, pull=n, base=DIAGONAL)]
    return found


def test_two_hundred_factors_take_a_few_thousand_array_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    from backproof.chain import search

    calls = []
    original = search.pair_cost
    monkeypatch.setattr(search, "pair_cost", lambda *a: calls.append(a[0].kind.size) or original(*a))
    made = plan(_bottleneck(), batch=16, itemsize=2)
    assert len(made.steps) == 199
    assert len(calls) == 199, "one evaluation of the costs for all intervals of a length"
    assert sum(calls) == sum((200 - length + 1) * (length - 1) for length in range(2, 201))
    assert made.multiplications <= min(made.left_first, made.right_first)


def test_same_chain_gives_same_plan_and_equal_costs_go_to_the_leftmost_split() -> None:
    from backproof.chain.plan import _plan

    first = plan(_bottleneck(20), batch=4)
    _plan.cache_clear()
    assert plan(_bottleneck(20), batch=4) == first
    assert plan([Matrix(3, 3)] * 4).brackets == "(A4 (A3 (A2 A1)))"


def test_steps_refer_to_earlier_slots_and_end_with_the_whole() -> None:
    made = plan(_bottleneck(30), batch=4)
    seen, used = set(range(30)), []
    for step in made.steps:
        assert {step.left, step.right} <= seen
        used += [step.left, step.right]
        seen.add(step.out)
    assert sorted(used) == list(range(58)), "every factor and result but the last is used once"
    assert made.steps[-1].shape == (made.steps[-1].shape[0], _bottleneck(30)[-1].columns)


# -- memory ----------------------------------------------------------------------------------------------------


def test_memory_limit_changes_the_order_and_is_kept() -> None:
    factors = [Matrix(30, 2), Matrix(2, 30), Matrix(30, 30, DIAGONAL, False, 30, base=DIAGONAL), Matrix(30, 3)]
    free = plan(factors, batch=2, itemsize=1)
    for limit in range(10, 4000, 97):
        try:
            bound = plan(factors, batch=2, itemsize=1, memory=limit)
        except OptionError:
            assert limit < _least(factors)
            continue
        assert all(step.bytes <= limit for step in bound.steps[:-1])
        assert bound.multiplications >= free.multiplications
        assert limit >= _least(factors)


def _least(factors: list[Matrix]) -> int:
    """Return the least largest intermediate by trying every order."""

    def largest(i: int, j: int) -> int:
        if i == j:
            return 0
        inner = min(max(largest(i, k), largest(k + 1, j)) for k in range(i, j))
        shared = all(f.shared for f in factors[i : j + 1])
        size = factors[i].rows * factors[j].columns * (1 if shared else 2)
        return inner if (i, j) == (0, len(factors) - 1) else max(inner, size)

    return largest(0, len(factors) - 1)


def test_impossible_memory_limit_says_what_the_least_is() -> None:
    factors = [Matrix(30, 20), Matrix(20, 30), Matrix(30, 40), Matrix(40, 30)]
    least = _least(factors)
    with pytest.raises(OptionError, match=f"within {least - 1:,} bytes.*any order needs is {least:,}.*factored"):
        plan(factors, batch=2, itemsize=1, memory=least - 1)
    assert plan(factors, batch=2, itemsize=1, memory=least).steps


# -- what the mathematics says ---------------------------------------------------------------------------------


@given(st.lists(st.integers(2, 40), min_size=2, max_size=8))
def test_for_one_row_and_widths_of_two_or_more_left_first_is_optimal(widths: list[int]) -> None:
    made = plan([Matrix(m, n, pull=m * n) for m, n in itertools.pairwise([1, *widths])])
    assert made.multiplications == made.left_first


def test_with_a_width_of_one_left_first_need_not_be_optimal() -> None:
    made = plan([Matrix(1, 5), Matrix(5, 1), Matrix(1, 5), Matrix(5, 1)])
    assert made.left_first == 15
    assert made.multiplications == 11


def test_products_of_shared_factors_are_counted_once_and_others_for_every_example() -> None:
    one = [Matrix(3, 4), Matrix(4, 5)]
    assert plan(one, batch=7).multiplications == 60
    assert plan([one[0], Matrix(4, 5, shared=False)], batch=7).multiplications == 420


# -- as text and data ------------------------------------------------------------------------------------------


def test_plan_prints_order_costs_and_largest_result() -> None:
    shown = str(plan([Matrix(8, 2), Matrix(2, 8), Matrix(8, 3)], batch=5, names=("C", "B", "A"), itemsize=4))
    assert shown.splitlines() == [
        "order            (C (B A))",
        "multiplications  96",
        "left first       320 (3.3 x)",
        "right first      96 (1.0 x)",
        "largest result   96 bytes",
    ]


def test_long_orders_are_shortened_and_single_factors_need_no_step() -> None:
    assert " ... " in str(plan(_bottleneck(), batch=16))
    single = plan([Matrix(3, 4)])
    assert (single.steps, single.multiplications, single.brackets) == ((), 0, "A1")
    assert "left first       0" in str(single)
    assert isinstance(single, Plan)


@pytest.mark.parametrize(
    ("factors", "message"),
    [([], "no factors given"), ([Matrix(2, 3), Matrix(4, 2)], "factor 0 has 3 columns, the next 4 rows")],
)
def test_chains_that_cannot_be_multiplied_are_refused(factors: list[Matrix], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        plan(factors)


def test_jacobian_of_a_bottleneck_is_planned_around_it() -> None:
    net = bp.Network([bp.Linear(40, 3), bp.Tanh(), bp.Linear(3, 50)])
    theta, x = net.initialize(0), np.ones((6, 40), np.float32)
    J = bp.quantities.jacobian(net, theta, x)
    assert isinstance(J, Jacobian)
    # W3 diag: 6 x 50 x 3; times W1: 6 x 50 x 3 x 40.
    assert J.plan.multiplications == 6 * (3 * 40) + 6 * (50 * 3 * 40)
    assert J.plan.multiplications < min(J.plan.left_first, J.plan.right_first) + 1
