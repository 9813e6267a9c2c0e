"""LayerNorm and RMSNorm: the differential of a root and of a quotient."""

from fractions import Fraction as Ratio

from ...layers import LayerNorm, RMSNorm
from ..differentials import minus
from ..expressions import Apply, Diagonal, Expression, Identity, Negative, Number, Ones, Plus, Symbol
from ..sites import Site
from .writing import Derived, Writer, differ, hadamard, inner, outer, over, plus, times, total

__all__ = ["layer_norm", "rms_norm"]


def layer_norm(site: Site) -> Derived:
    """Derive the normalisation by mean and standard deviation."""
    assert isinstance(site.layer, LayerNorm)
    writer, x, n = Writer(site), site.x, site.layer.features
    share = Number(Ratio(1, n))
    mean = writer.define("mu", times(share, total(n, x)), "mean", kind="scalar")
    centred = writer.define("c", minus(x, times(mean, Ones(n))), "centred")
    rho = _root(writer, "rho", plus(times(share, inner(centred, centred)), Number(site.layer.eps)), "deviation")
    h = writer.define("h", over(centred, rho), "normalised")
    middle = times(share, outer(Ones(n), Ones(n)))
    writer.equation(differ(centred), times(minus(Identity(n), middle), site.dx), why="centred_moves")
    writer.equation(differ(rho), times(share, inner(h, differ(centred))), why="root_moves")
    writer.equation(differ(rho), times(share, inner(h, site.dx)), why="mean_free")
    writer.equation(differ(h), over(minus(differ(centred), times(h, differ(rho))), rho), why="quotient_rule")
    spread = Plus((Identity(n), Negative(middle), Negative(times(share, outer(h, h)))))
    writer.equation(differ(h), times(over(Number(1), rho), spread, site.dx), why="collected")
    return _scaled(writer, h, times(over(Number(1), rho), spread))


def rms_norm(site: Site) -> Derived:
    """Derive the normalisation by the root of the mean square."""
    assert isinstance(site.layer, RMSNorm)
    writer, x, n = Writer(site), site.x, site.layer.features
    share = Number(Ratio(1, n))
    root = _root(writer, "r", plus(times(share, inner(x, x)), Number(site.layer.eps)), "root_mean_square")
    h = writer.define("h", over(x, root), "normalised")
    writer.equation(differ(root), times(share, inner(h, site.dx)), why="root_moves")
    writer.equation(differ(h), over(minus(site.dx, times(h, differ(root))), root), why="quotient_rule")
    spread = minus(Identity(n), times(share, outer(h, h)))
    writer.equation(differ(h), times(over(Number(1), root), spread, site.dx), why="collected")
    return _scaled(writer, h, times(over(Number(1), root), spread))


def _root(writer: Writer, letter: str, square: Expression, why: str) -> Symbol:
    return writer.define(letter, Apply("sqrt", square), why, kind="scalar")


def _scaled(writer: Writer, h: Symbol, matrix: Expression) -> Derived:
    """Derive y = g * h + b, where gain and shift may be left out."""
    site, symbols = writer.site, [block.symbol for block in writer.site.blocks]
    gain = symbols[0] if getattr(site.layer, "gain", False) else None
    shift = symbols[-1] if getattr(site.layer, "bias", False) else None
    scaled: Expression = h if gain is None else hadamard(gain, h)
    after = () if shift is None else (shift,)
    writer.equation(site.y, plus(scaled, *after), why="definition_norm", source="norm")
    moved = times(matrix, site.dx) if gain is None else times(Diagonal(gain), differ(h))
    terms = [moved] if gain is None else [moved, times(Diagonal(h), differ(gain))]
    terms += [times(Identity(site.n), differ(shift))] if shift is not None else []
    writer.equation(site.dy, plus(*terms), why="product_rule_entries")
    B = ([] if gain is None else [Diagonal(h)]) + ([] if shift is None else [Identity(site.n)])
    A = matrix if gain is None else times(Diagonal(gain), matrix)
    return writer.derived(A, tuple(B))
