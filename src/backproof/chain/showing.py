"""Plans and tallies as notebooks show them."""

import itertools
import re

from ..display import caption, card, folded, latex_escape, quantity, sizes, table
from .plan import Plan
from .tally import Tally

_NAME = re.compile(r"([A-Za-z]+)_?(\d+)$")


def plan_html(plan: Plan) -> str:
    """Return the order of multiplication step by step, and what the two textbook orders would cost."""
    slots, rows = list(plan.names), []
    for step in plan.steps:
        slots.append(f"({slots[step.left]} {slots[step.right]})")
        rows.append(
            (_short(slots[step.left]), _short(slots[step.right]), sizes(step.shape), step.structure,
             quantity(step.multiplications), quantity(step.bytes))
        )  # fmt: skip
    other = [f"{name} {quantity(cost)}" for name, cost in _textbook(plan)]
    head = caption("Plan", _short(plan.brackets), f"{quantity(plan.multiplications)} multiplications", *other)
    headings = ("left", "right", "result", "structure", "multiplications", "bytes")
    return card(head, table(headings, folded(rows), right=(4, 5)))


def _textbook(plan: Plan) -> tuple[tuple[str, int], ...]:
    return (("left first", plan.left_first), ("right first", plan.right_first))


def _short(brackets: str) -> str:
    return brackets if len(brackets) <= 48 else f"{brackets[:28]} … {brackets[-16:]}"


def brackets_latex(plan: Plan) -> str | None:
    """Return the product with its brackets, or None where it is too long for a line."""
    if len(plan.names) > 12:
        return None
    slots = [_symbol(name) for name in plan.names]
    for step in plan.steps:
        slots.append(rf"\left({slots[step.left]} {slots[step.right]}\right)")
    outer = slots[-1].removeprefix(r"\left(").removesuffix(r"\right)") if plan.steps else slots[-1]
    return f"${outer}$"


def _symbol(name: str) -> str:

    found = _NAME.fullmatch(name)
    return f"{found[1]}_{{{found[2]}}}" if found else rf"\mathrm{{{latex_escape(name)}}}"


def tally_html(tally: Tally) -> str:
    """Return the multiplications product by product; equal neighbours stay apart, as they were made."""
    rows = [(what, quantity(count)) for what, count in itertools.islice(tally.entries, 10_000)]
    foot = ("total", quantity(tally.total))
    return card(caption("Tally"), table(("product", "multiplications"), folded(rows), right=(1,), foot=foot))
