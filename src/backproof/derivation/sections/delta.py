"""The recursion for delta, with the numbers of one example."""

from collections.abc import Iterator

from ...layers import AugmentedLinear, Linear
from ...losses import Loss
from ..evaluation import evaluate
from ..expressions import BlockColumn, Equation, Expression, Number, Partial, Times, Transpose, Vec
from ..figures import figure
from ..folding import Run, ends
from ..lines import Fold, Line, Section, words
from ..naming import LOSS
from ..rules.losses import loss_rule
from ..rules.writing import outer
from ..setting import Setting
from ..sites import Block, Site, augmented
from .inside import inside

__all__ = ["delta", "outer_product"]

_MOST = {1: 4, 2: 8, 3: 60}
_ENDS = {1: (1, 1), 2: (2, 1), 3: (3, 3)}
"""How many layers have their step written out, by level."""


def delta(setting: Setting, loss: Loss) -> Section:
    """Return delta_L from the loss, and delta_{l-1} = delta_l A_l down to the input, with every gradient."""
    items: list[Line | Fold | Section] = [_loss(setting, loss)]
    count = len(setting.sites)
    # Positions count from the last layer, where the recursion begins.
    for piece in ends(count, _MOST[setting.level], *_ENDS[setting.level]):
        if isinstance(piece, Run):
            first, last = count - piece.last, count - piece.first
            items.append(Fold(first, last, words("fold_deltas", first=first, last=last)))
        else:
            items += _step(setting, setting.sites[count - 1 - piece])
    return Section("delta", words("title_delta"), tuple(items))


def _loss(setting: Setting, loss: Loss) -> Section:
    last = setting.last
    derived = loss_rule(loss, last)
    items = list(derived.items)
    if last.delta_symbol != derived.A:
        numbers = figure(setting.scope.values[last.delta_symbol])
        items.append(
            setting.line(
                Equation((last.delta_symbol, derived.A)), "identify_delta", shape=numbers.shape, figure=numbers, level=1
            )
        )
    return Section("loss", words("title_loss", name=type(loss).__name__), tuple(items))


def _step(setting: Setting, site: Site) -> Iterator[Line]:
    """Yield what delta_l gives: the gradient of the layer's parameters, and delta_{l-1}."""
    for block in site.blocks:
        yield _block(setting, site, block)
    if site.parts and site.all_blocks():
        left = Partial(LOSS, site.theta)
        yield setting.line(
            Equation((left, Times((site.delta_symbol, site.B)))), "gradient_block", level=1, source="theorem",
            shape=tuple(setting.scope.values[left].shape), figure=figure(setting.scope.values[left]),
        )  # fmt: skip
    before = before_symbol(setting, site)
    yield from inside(setting, site, before)
    value = setting.scope.values[before]
    yield setting.line(
        Equation((before, Times((site.delta_symbol, site.A)))), "delta_step", shape=tuple(value.shape),
        figure=figure(value), level=1, source="theorem", label=site.label,
    )  # fmt: skip


def before_symbol(setting: Setting, site: Site) -> Expression:
    """Return delta in the input of a layer of the network."""
    return setting.names.delta(str(int(site.label) - 1))


def _block(setting: Setting, site: Site, block: Block) -> Line:
    left = Partial(LOSS, block.symbol)
    sides: list[Expression] = [left, Times((site.delta_symbol, block.jacobian))]
    matrix = outer_product(site, block)
    shown = setting.scope.values[left]
    key = "gradient_block"
    if matrix is not None:
        sides.append(Transpose(Vec(matrix, setting.scope.vec)))
        shown, key = evaluate(matrix, setting.scope.values), "gradient_outer"
    return setting.line(
        Equation(tuple(sides)), key, shape=tuple(setting.scope.values[left].shape), figure=figure(shown), level=1,
        source="theorem",
    )  # fmt: skip


def outer_product(site: Site, block: Block) -> Expression | None:
    """Return the gradient of an affine layer's weight in the weight's shape, delta^T x^T; None for other parameters."""
    if not isinstance(site.layer, Linear | AugmentedLinear) or len(block.shape) != 2 or len(site.input_shape) != 1:
        return None
    column = Transpose(site.delta_symbol)
    if augmented(site.scope, site.layer):
        return outer(column, BlockColumn((site.x, Number(1))))
    if site.names.notation == "D":
        return Times((site.x, site.delta_symbol))
    return outer(column, site.x)
