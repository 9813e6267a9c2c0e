"""How delta passes through the parts of a combinator, and what it gives their parameters."""

from collections.abc import Iterator

from ...layers import Concatenate, Product, Residual, Shared, Sum
from ..expressions import BlockRow, Diagonal, Equation, Expression, Partial, Plus, Symbol, Times
from ..lines import Line
from ..naming import LOSS
from ..rules.writing import hadamard, plus, times
from ..setting import Setting
from ..sites import Site

__all__ = ["inside"]

LEVEL = 3


def inside(setting: Setting, site: Site, before: Expression) -> Iterator[Line]:
    """Yield the lines of a combinator: delta in its parts, their gradients, and delta in its input.

    Args:
        setting: what the derivation is about.
        site: the combinator.
        before: delta in its input.
    """
    if isinstance(site.layer, Residual | Sum | Product | Concatenate):
        yield from _branches(setting, site, before)
    elif site.parts:
        yield from _sequence(setting, site, before)


def _line(setting: Setting, left: Expression, right: Expression, key: str) -> Line:
    shape = getattr(setting.scope.values.get(left), "shape", None)
    return setting.line(Equation((left, right)), key, shape=shape, level=LEVEL)


def _branches(setting: Setting, site: Site, before: Expression) -> Iterator[Line]:
    parts, delta = site.parts, site.delta_symbol
    if isinstance(site.layer, Concatenate):
        yield _line(setting, delta, BlockRow(tuple(part.delta_symbol for part in parts)), "delta_cut")
    for part in parts:
        if isinstance(site.layer, Product):
            others = hadamard(*(other.y for other in parts if other is not part))
            yield _line(setting, part.delta_symbol, Times((delta, Diagonal(others))), "delta_joint")
        elif not isinstance(site.layer, Concatenate):
            yield _line(setting, part.delta_symbol, delta, "delta_branch")
        yield from _part(setting, part, Times((part.delta_symbol, part.A)))
    back = [times(part.delta_symbol, part.A) for part in parts]
    yield _line(setting, before, plus(*([delta] if isinstance(site.layer, Residual) else []), *back), "delta_collected")


def _sequence(setting: Setting, site: Site, before: Expression) -> Iterator[Line]:
    parts = site.parts
    yield _line(setting, parts[-1].delta_symbol, site.delta_symbol, "delta_last_part")
    for index in reversed(range(len(parts))):
        part = parts[index]
        yield from _part(setting, part, parts[index - 1].delta_symbol if index else before)
    if isinstance(site.layer, Shared) and site.all_blocks() and not site.time:
        terms = tuple(times(part.delta_symbol, part.B) for part in parts)
        total = terms[0] if len(terms) == 1 else Plus(terms, (2, 2))
        yield _line(setting, Partial(LOSS, site.theta), total, "gradient_shared")


def _part(setting: Setting, part: Site, before: Expression) -> Iterator[Line]:
    """Yield a part's gradients, what happens inside it, and delta in its input where that has a name."""
    if not part.time:
        for block in part.blocks:
            yield _line(
                setting, Partial(LOSS, block.symbol), Times((part.delta_symbol, block.jacobian)), "gradient_block"
            )
    yield from inside(setting, part, before)
    if isinstance(before, Symbol):
        yield _line(setting, before, Times((part.delta_symbol, part.A)), "delta_part")
