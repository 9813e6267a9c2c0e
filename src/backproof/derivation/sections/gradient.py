"""The gradient as a product of Jacobians, every shape under its matrix."""

from ..expressions import Annotated, BlockRow, Equation, Expression, Partial, Times
from ..folding import Run, ends
from ..lines import Fold, Line, Section, words
from ..naming import LOSS, THETA
from ..setting import Setting
from ..sites import Site

__all__ = ["gradient", "input_product", "product"]

_MOST = {1: 4, 2: 6, 3: 24}
"""How many layers have their product written out, by level."""


def gradient(setting: Setting) -> Section:
    """Return d loss / d theta_l = delta_L A_L ... A_{l+1} B_l for the layers with parameters, and delta_0."""
    indices = [index for index, site in enumerate(setting.sites) if site.all_blocks()]
    items: list[Line | Fold | Section] = [setting.line(None, "gradient_intro", level=2)]
    for piece in ends(len(indices), _MOST[setting.level], 1, 1):
        if isinstance(piece, Run):
            first, last = indices[piece.first] + 1, indices[piece.last] + 1
            items.append(Fold(first, last, words("fold_products", first=first, last=last)))
        else:
            items.append(product(setting, indices[piece]))
    items.append(input_product(setting))
    if indices:
        items.append(_stacked(setting, [setting.sites[index] for index in indices]))
    return Section("gradient", words("title_gradient"), tuple(items))


def product(setting: Setting, index: int) -> Line:
    """Return the product for the parameters of one layer."""
    site = setting.sites[index]
    factors = (*_prefix(setting, index), _sized(setting, site.B))
    left = Partial(LOSS, site.theta)
    return setting.line(
        Equation((left, Times(factors, (3, 2)))), "gradient_product", level=1, source="theorem", label=site.label,
        shape=tuple(setting.scope.values[left].shape),
    )  # fmt: skip


def _prefix(setting: Setting, index: int) -> tuple[Expression, ...]:
    """Return delta_L A_L ... A_{l+1}, each with its shape."""
    last = setting.last.delta_symbol
    return tuple(_sized(setting, s) for s in (last, *(site.A for site in reversed(setting.sites[index + 1 :]))))


def _sized(setting: Setting, symbol: Expression) -> Annotated:
    rows, columns = setting.scope.values[symbol].shape
    return Annotated(symbol, (int(rows), int(columns)))


def input_product(setting: Setting) -> Line:
    """Return the product for the input of the network."""
    left = Partial(LOSS, setting.sites[0].x)
    factors = _prefix(setting, -1)
    key = "gradient_input" if any(site.all_blocks() for site in setting.sites) else "gradient_input_alone"
    return setting.line(
        Equation((left, Times(factors, (3, 2)))), key, level=1, source="theorem",
        shape=tuple(setting.scope.values[left].shape),
    )  # fmt: skip


def _stacked(setting: Setting, sites: list[Site]) -> Line:
    blocks = tuple(Partial(LOSS, site.theta) for site in sites)
    left = Partial(LOSS, THETA)
    return setting.line(
        Equation((left, BlockRow(blocks, (2, 1)))), "gradient_stacked", level=1,
        shape=tuple(setting.scope.values[left].shape),
    )  # fmt: skip
