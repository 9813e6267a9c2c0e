"""Every loss: its differential in the outputs z, whose Jacobian is delta_L."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction as Ratio

from ...losses import BinaryCrossEntropy, CrossEntropy, Huber, Loss, Poisson, SquaredError
from ..differentials import minus
from ..expressions import (
    Apply,
    Cases,
    Compare,
    Differential,
    Expression,
    Fraction,
    Hadamard,
    Negative,
    Number,
    Ones,
    Symbol,
)
from ..naming import GIVEN, LOSS, TARGET
from ..sites import Site
from .softmax import exponentials
from .writing import Derived, Writer, differ, hadamard, inner, over, plus, t, times, total

__all__ = ["LOSS_RULES", "LossRule", "loss_rule"]


@dataclass(frozen=True)
class LossSite:
    """A loss at the output of the last layer."""

    loss: Loss
    last: Site

    @property
    def z(self) -> Symbol:
        """The network's output."""
        return self.last.y


LossRule = Callable[[LossSite, Writer], Expression]
"""Writes the lines of a loss and returns delta as a row."""


def _cross_entropy(site: LossSite, writer: Writer) -> Expression:
    n = site.last.m
    _smoothing(site, writer)
    e, s, shifted = exponentials(writer, site.z, n)
    mass = times(t(TARGET), Ones(n))
    logs = inner(TARGET, shifted)
    writer.equation(LOSS, minus(times(mass, Apply("log", s)), logs), why="loss_cross_entropy", source="loss")
    dz = Differential(site.z)
    writer.equation(
        Differential(LOSS), minus(times(mass, Fraction(inner(e, dz), s)), inner(TARGET, dz)), why="log_moves"
    )
    p = writer.define("p", over(e, s), "softmax_itself")
    if abs(float(writer.site.values[TARGET].sum()) - 1) < 1e-15:
        writer.equation(mass, Number(1), why="target_mass")
        return t(minus(p, TARGET))
    return t(minus(times(mass, p), TARGET))


def _smoothing(site: LossSite, writer: Writer) -> None:
    """Say how the target comes from the one that was given, where the loss smooths it."""
    share = getattr(site.loss, "smoothing", 0.0)
    if share:
        n = site.last.m
        smoothed = plus(times(Number(1 - share), GIVEN), times(Number(share / n), Ones(n)))
        writer.equation(TARGET, smoothed, why="loss_smoothing", level=1, share=f"{share:g}", n=n)


def _binary_cross_entropy(site: LossSite, writer: Writer) -> Expression:
    n, z = site.last.m, site.z
    terms = minus(Apply("softplus", z), hadamard(TARGET, z))
    writer.equation(LOSS, total(n, terms), why="loss_binary", source="loss")
    writer.equation(Differential(LOSS), differ(total(n, terms)), why="take_differentials", level=3)
    return t(minus(Apply("sigmoid", z), TARGET))


def _squared_error(site: LossSite, writer: Writer) -> Expression:
    r = writer.define("r", minus(site.z, TARGET), "difference")
    writer.equation(LOSS, times(Number(Ratio(1, 2)), inner(r, r)), why="loss_squared", source="loss")
    writer.equation(Differential(LOSS), inner(r, differ(r)), why="product_rule")
    return t(minus(site.z, TARGET))


def _huber(site: LossSite, writer: Writer) -> Expression:
    assert isinstance(site.loss, Huber)
    r, width = writer.define("r", minus(site.z, TARGET), "difference"), Number(site.loss.width)
    size = Apply("abs", r)
    half = Number(Ratio(1, 2))
    near, far = Hadamard((half, r, r)), _far(site.loss.width, size)
    each = Cases(((Compare(size, "<=", width), near),), far)
    writer.equation(LOSS, total(site.last.m, each), why="loss_huber", source="loss")
    writer.equation(Differential(LOSS), differ(total(site.last.m, each)), why="take_differentials", level=3)
    negative = Negative(width)
    return t(Cases(((Compare(r, ">", width), width), (Compare(r, "<", negative), negative)), r))


def _far(width: float, size: Expression) -> Expression:
    straight = minus(size, Number(width / 2))
    return straight if width == 1 else Hadamard((Number(width), straight))


def _poisson(site: LossSite, writer: Writer) -> Expression:
    n, z = site.last.m, site.z
    terms = minus(Apply("exp", z), hadamard(TARGET, z))
    writer.equation(LOSS, total(n, terms), why="loss_poisson", source="loss")
    writer.equation(Differential(LOSS), differ(total(n, terms)), why="take_differentials", level=3)
    return t(minus(Apply("exp", z), TARGET))


def _unknown(site: LossSite, writer: Writer) -> Expression:
    writer.say("no_loss_rule", name=type(site.loss).__name__)
    return site.last.delta_symbol


LOSS_RULES: dict[type[Loss], LossRule] = {
    CrossEntropy: _cross_entropy,
    BinaryCrossEntropy: _binary_cross_entropy,
    SquaredError: _squared_error,
    Huber: _huber,
    Poisson: _poisson,
}
"""The rule of every loss in the registry; other losses state the delta that they give."""


def loss_rule(loss: Loss, last: Site) -> Derived:
    """Derive delta_L, the Jacobian of the loss in the network's output."""
    # The loss's helpers carry no layer's number.
    writer = Writer(_after(last))
    site = LossSite(loss, last)
    delta = LOSS_RULES.get(type(loss), _unknown)(site, writer)
    if delta != last.delta_symbol:
        writer.equation(Differential(LOSS), times(delta, Differential(site.z)), why="loss_collected")
    return writer.derived(delta)


def _after(last: Site) -> Site:
    return replace(last, label="", time="")
