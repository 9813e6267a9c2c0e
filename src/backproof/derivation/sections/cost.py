"""What the bracketings cost, counted in multiplications."""

import functools
import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...backpropagation import algorithm_1
from ...chain import Multiplication, Tally, backpropagate, plan
from ...operators import Dense
from ..expressions import Equation, Expression, Number, Partial, Plus, Symbol, Times
from ..lines import Fold, Line, Section, words
from ..naming import LOSS
from ..setting import Setting
from ..sites import Site

__all__ = ["cost"]

_EXECUTED = 2**22
"""The largest parameter Jacobian, in entries, for which [D]'s Algorithm 1 is run to count its multiplications."""
_TERMS = 6
"""The most multiplications whose costs are written one after the other."""
_WRITTEN = 9
"""The most factors whose best bracketing is written as a formula."""


def cost(setting: Setting, y: Any) -> Section:
    """Return the costs of the whole gradient in three orders, and the best order of its longest product."""
    start = next((index for index, site in enumerate(setting.sites) if site.all_blocks()), None)
    if start is None:
        nothing = setting.line(None, "cost_no_parameters", level=1)
        return Section("cost", words("title_cost"), (nothing,))
    items: list[Line | Fold | Section] = [setting.line(None, "cost_intro", level=2)]
    if start:
        items.append(setting.line(None, "cost_needed", level=1, label=setting.sites[start].label, layers=start))
    counts = _backward(setting, start)
    items.append(_count(setting, "left", counts, sum(counts), "cost_left"))
    first = _algorithm_1(setting, start)
    value = _counted(setting, y, start, sum(first))
    rows = setting.last.m
    items.append(_count(setting, "right", first, value, "cost_algorithm_1", source="algorithm_1", rows=rows))
    naive = _naive(setting)
    items.append(_count(setting, "apart", naive, sum(naive), "cost_apart"))
    items += _longest(setting, start)
    return Section("cost", words("title_cost"), tuple(items))


def _backward(setting: Setting, start: int) -> list[int]:
    """Return the multiplications of backpropagation down to the first layer with parameters, as the engine counts."""
    tally = Tally()
    steps = [site.step for site in setting.sites[start:]]
    backpropagate(steps, setting.last.delta, lambda name, B, delta: None, False, tally, "")
    return [count for _, count in tally.entries]


def _algorithm_1(setting: Setting, start: int) -> list[int]:
    """Return those of [D]'s Algorithm 1: n_L rows through every layer, then delta_L times the Jacobian."""
    n, counts = setting.last.m, []
    for index, site in enumerate(setting.sites[start:]):
        for B in site.step.B.values():
            counts += [n * B.pull_cost, n * B.shape[1]]
        if index:
            counts.append(n * site.step.A.pull_cost)
    return counts


def _counted(setting: Setting, y: Any, start: int, otherwise: int) -> int:
    """Return what the engine counts when it runs Algorithm 1, where that is small enough to run.

    The rows that it takes on to the layers before the first with parameters are left out, since nothing needs them.
    """
    if setting.last.m * setting.net.layout.size > _EXECUTED:
        return otherwise
    tally = Tally()
    assert setting.loss is not None
    algorithm_1(setting.net, setting.theta, setting.x, y, setting.loss, tally=tally)
    return tally.total - sum(setting.last.m * site.step.A.pull_cost for site in setting.sites[1 : start + 1])


def _naive(setting: Setting) -> list[int]:
    """Return those of every block multiplied out by itself."""
    counts = []
    for index, site in enumerate(setting.sites):
        prefix = [later.step.A.pull_cost for later in setting.sites[index + 1 :]]
        for B in site.step.B.values():
            counts += [*prefix, B.pull_cost]
    return counts


def _count(
    setting: Setting, name: str, counts: Iterable[int], value: int, key: str, source: str = "", **more: Any
) -> Line:
    symbol = Symbol("c", name, kind="count")
    setting.scope.values[symbol] = np.asarray(float(value))
    written, total = grouped(counts), Number(value)
    sides = (symbol, total) if isinstance(written, Number) and written == total else (symbol, written, total)
    return setting.line(Equation(sides), key, level=1, source=source, **more)


def grouped(counts: Iterable[int]) -> Expression:
    """Return a sum of numbers: a short one in the order of the products, of a long one equal numbers collected."""
    priced = [count for count in counts if count]
    terms: list[Expression] = []
    for count, times in ((count, 1) for count in priced) if len(priced) <= _TERMS else Counter(priced).items():
        terms.append(Number(count) if times == 1 else Times((Number(times), Number(count))))
    return Number(0) if not terms else terms[0] if len(terms) == 1 else Plus(tuple(terms), (4, 2))


# -- the longest product of the gradient, in its best order ---------------------------------------------------


def _longest(setting: Setting, index: int) -> list[Line]:
    site = setting.sites[index]
    factors = (setting.last.delta_symbol, *(s.A for s in reversed(setting.sites[index + 1 :])), site.B)
    values = setting.scope.values
    matrices = [values[f] for f in factors]
    operators = [Dense(m) if isinstance(m, np.ndarray) else m for m in matrices]
    order = plan(operators, batch=1, itemsize=8)
    left = _left_first(operators)
    # Of equal orders the one from the left is named.
    as_well = order.left_first == order.multiplications
    orders = (
        ("left", left, order.left_first),
        ("right", _right_first(operators, order.right_first), order.right_first),
        ("best", left if as_well else [step.multiplications for step in order.steps], order.multiplications),
    )
    lines = [
        _count(setting, f"{name},1", counts, total, f"plan_{name}", label=site.label) for name, counts, total in orders
    ]
    steps = None if as_well else order.steps
    return [*lines, _order(setting, site, factors, steps)]


def _left_first(operators: list[Any]) -> list[int]:
    """Return the multiplications of one row passing through every further factor."""
    return [operator.pull_cost for operator in operators[1:]]


def _right_first(operators: list[Any], total: int) -> list[int]:
    """Return the multiplications from the right, one after the other; of a long product only their sum."""
    if len(operators) > _WRITTEN:
        return [total]
    sums = [plan(operators[start:], batch=1, itemsize=8).right_first for start in reversed(range(len(operators) - 1))]
    return [after - before for before, after in itertools.pairwise([0, *sums])]


def _order(setting: Setting, site: Site, factors: tuple[Symbol, ...], steps: tuple[Multiplication, ...] | None) -> Line:
    """Return the product with its brackets; without steps, from the left."""
    if len(factors) > _WRITTEN:
        key = "plan_long_left" if steps is None else "plan_long"
        return setting.line(None, key, level=2, factors=len(factors))
    slots: list[Expression] = [*factors]
    if steps is None:
        slots.append(functools.reduce(lambda left, right: Times((left, right)), slots))
    for step in steps or ():
        slots.append(Times((slots[step.left], slots[step.right])))
    left = Partial(LOSS, site.theta)
    return setting.line(
        Equation((left, slots[-1])), "plan_order", level=1, shape=tuple(setting.scope.values[left].shape)
    )
