"""Which rule derives which layer."""

from collections.abc import Callable

from ...layers import LAYERS, Layer
from ...layers.elementwise import Elementwise
from ..expressions import Differential, Equation, Expression, Partial
from ..sites import Site
from . import affine, combinators, elementwise, normalization, shaping, softmax
from .activations import ACTIVATIONS
from .writing import Derived, Writer, plus, times

__all__ = ["RULES", "Rule", "derive", "register_rule", "stated"]

Rule = Callable[[Site], Derived]
"""From a layer where it stands to the lines of its differential, and the Jacobians they identify."""

RULES: dict[type[Layer], Rule] = {
    **dict.fromkeys(ACTIVATIONS, elementwise.elementwise),
    **{
        LAYERS[name]: rule
        for name, rule in {
            "Linear": affine.affine,
            "AugmentedLinear": affine.affine,
            "Softmax": softmax.softmax,
            "LogSoftmax": softmax.log_softmax,
            "LayerNorm": normalization.layer_norm,
            "RMSNorm": normalization.rms_norm,
            "Flatten": shaping.rearranged,
            "Reshape": shaping.rearranged,
            "Dropout": shaping.dropout,
            "Chain": combinators.chain,
            "Residual": combinators.residual,
            "Sum": combinators.sum_of_branches,
            "Product": combinators.product,
            "Concatenate": combinators.concatenate,
            "Shared": combinators.shared,
        }.items()
    },
}
"""The rule of every layer in the registry; ``register_rule`` adds that of a layer of your own."""


def register_rule(layer: type[Layer], rule: Rule) -> None:
    """Give a layer class of your own a derivation."""
    RULES[layer] = rule


def derive(site: Site) -> Derived:
    """Return the lines of a layer's differential, by its rule or as the layer itself states it."""
    rule = RULES.get(type(site.layer))
    if rule is None:
        rule = elementwise.elementwise_unknown if isinstance(site.layer, Elementwise) else stated
    return rule(site)


def stated(site: Site) -> Derived:
    """Return what a layer without a rule gives: A and B as its ``linearize`` has them."""
    writer = Writer(site)
    writer.say("no_rule", name=type(site.layer).__name__)
    terms: list[Expression] = [times(site.A, site.dx)]
    terms += [times(block.jacobian, block_moved(site, index)) for index, block in enumerate(site.blocks)]
    if not site.blocks and site.all_blocks():
        terms.append(times(site.B, Differential(site.theta)))
    writer.equation(site.dy, plus(*terms), why="stated")
    _as_given(writer)
    return writer.derived(site.A, tuple(block.jacobian for block in site.blocks))


def _as_given(writer: Writer) -> None:
    """Write down the Jacobians that the layer gives, with their numbers."""
    site = writer.site
    given = [(site.A, Partial(site.y, site.x), "given_A")]
    given += [(block.jacobian, Partial(site.y, block.symbol), "given_B") for block in site.blocks]
    if not site.blocks and site.all_blocks():
        given.append((site.B, Partial(site.y, site.theta), "given_B"))
    for name, jacobian, why in given:
        site.values[jacobian] = site.values[name]
        writer.shown(Equation((name, jacobian)), why, 1)


def block_moved(site: Site, index: int) -> Expression:
    """Return d of a block as a column."""
    return Differential(site.blocks[index].stacked(site.scope.vec))
