"""The induction proof, written out for the depth of this network."""

from collections.abc import Iterator

from ..expressions import Equation, Expression, Map, Partial, Times
from ..folding import Run, ends
from ..lines import Fold, Line, Section, words
from ..naming import LOSS, composed
from ..setting import Setting
from .delta import before_symbol
from .gradient import input_product, product
from .kinks import hypothesis

__all__ = ["induction"]

_MOST = {1: 2, 2: 5, 3: 24}
"""How many steps are written out, by level; at least both ends."""


def induction(setting: Setting) -> Section:
    """Return claim, base, step and conclusion."""
    depth = len(setting.sites)
    items: list[Line | Fold | Section] = [
        *hypothesis(setting),
        setting.line(None, "induction_claim", level=1, depth=depth, source="induction"),
        _claim(setting),
        _base(setting),
        setting.line(None, "induction_step", level=1, source="induction"),
    ]
    for piece in ends(depth, _MOST[setting.level], 1, 1):
        if isinstance(piece, Run):
            first, last = depth - piece.last, depth - piece.first
            items.append(Fold(first, last, words("fold_induction", first=first, last=last)))
        else:
            items += _step(setting, depth - 1 - piece)
    items += _conclusion(setting, depth)
    return Section("induction", words("title_induction", depth=depth), tuple(items))


def _conclusion(setting: Setting, depth: int) -> Iterator[Line]:
    """Yield what the claim for all l gives, and the longest product that it gives."""
    having = [index for index, site in enumerate(setting.sites) if site.all_blocks()]
    key = "induction_conclusion" if having else "induction_conclusion_input"
    yield setting.line(None, key, level=1, depth=depth, source="induction", layers=len(having))
    yield product(setting, having[0]) if having else input_product(setting)


def _claim(setting: Setting) -> Line:
    """Return the map whose Jacobian delta_l is claimed to be, written from the input."""
    functions = tuple(setting.names.function(site.label) for site in setting.sites)
    whole = composed((*functions, setting.names.function("loss")), (3, 2))
    return setting.line(
        Equation((LOSS, Map(whole, (setting.sites[0].x,)))), "induction_map", shape=None, level=2, source="induction"
    )


def _base(setting: Setting) -> Line:
    last = setting.last
    return setting.line(
        Equation((last.delta_symbol, Partial(LOSS, last.y))), "induction_base", shape=(1, last.m), level=1,
        source="induction", label=last.label,
    )  # fmt: skip


def _step(setting: Setting, index: int) -> Iterator[Line]:
    site = setting.sites[index]
    before = before_symbol(setting, site)
    middle: tuple[Expression, ...] = (Partial(LOSS, site.y), Partial(site.y, site.x))
    sides = (Partial(LOSS, site.x), Times(middle), Times((site.delta_symbol, site.A)), before)
    yield setting.line(
        Equation(sides), "induction_chain_rule", shape=(1, site.n), level=1, source="induction", label=site.label,
        before=str(int(site.label) - 1),
    )  # fmt: skip
    if site.all_blocks():
        left = Partial(LOSS, site.theta)
        inserted = Times((Partial(LOSS, site.y), Partial(site.y, site.theta)))
        yield setting.line(
            Equation((left, inserted, Times((site.delta_symbol, site.B)))),
            "induction_parameters", shape=tuple(setting.scope.values[left].shape), level=1, source="induction",
            label=site.label,
        )  # fmt: skip
