"""The affine-linear potential: W x + b, W^T a + b, or one augmented matrix applied to (x; 1)."""

from ...layers import AugmentedLinear, Linear
from ..expressions import BlockColumn, BlockRow, Differential, Expression, Identity, Kronecker, Number, Symbol, Vec
from ..sites import Site, augmented
from .writing import Derived, Writer, differ, plus, t, times

__all__ = ["affine"]


def affine(site: Site) -> Derived:
    """Derive an affine layer in the notation's form."""
    assert isinstance(site.layer, Linear | AugmentedLinear)
    return _augmented(site) if augmented(site.scope, site.layer) else _plain(site)


def _plain(site: Site) -> Derived:
    writer, x, weight = Writer(site), site.x, site.blocks[0].symbol
    bias = site.blocks[1].symbol if len(site.blocks) > 1 else None
    shift = () if bias is None else (bias,)
    matrix: Expression = t(weight) if site.names.notation == "D" else weight
    moved: Expression = t(differ(weight)) if site.names.notation == "D" else differ(weight)
    formula = plus(times(matrix, x), *shift)
    source = "affine_D" if site.names.notation == "D" else "affine"
    writer.equation(site.y, formula, why="definition_affine", source=source)
    writer.equation(site.dy, differ(formula), why="take_differentials", level=3)
    dshift = tuple(differ(b) for b in shift)
    writer.equation(site.dy, plus(times(matrix, site.dx), times(moved, x), *dshift), why="product_rule")
    kronecker = _stacked(writer, site, times(moved, x), x, weight)
    terms = [times(matrix, site.dx), times(kronecker, Vec(Differential(weight), site.scope.vec))]
    terms += [times(Identity(site.m), db) for db in dshift]
    writer.equation(site.dy, plus(*terms), why="vec_inserted")
    return writer.derived(matrix, (kronecker, *(Identity(site.m) for _ in shift)))


def _augmented(site: Site) -> Derived:
    writer, x, whole = Writer(site), site.x, site.blocks[0].symbol
    n = site.n
    augmented_x = BlockColumn((x, Number(1)))
    weight = site.helper("W", site.values[whole][:, :n], "matrix")
    bias = site.helper("b", site.values[whole][:, n:])
    writer.equation(site.y, times(whole, augmented_x), why="definition_augmented", source="affine_O")
    writer.equation(whole, BlockRow((weight, bias)), why="augmented_parts")
    writer.equation(site.dy, differ(times(whole, augmented_x)), why="take_differentials", level=3)
    moved = differ(whole)
    padded = BlockColumn((site.dx, Number(0)))
    writer.equation(site.dy, plus(times(whole, padded), times(moved, augmented_x)), why="product_rule")
    writer.equation(site.dy, plus(times(weight, site.dx), times(moved, augmented_x)), why="bias_column_dropped")
    kronecker = _stacked(writer, site, times(moved, augmented_x), augmented_x, whole)
    term = times(kronecker, Vec(moved, site.scope.vec))
    writer.equation(site.dy, plus(times(weight, site.dx), term), why="vec_inserted")
    return writer.derived(weight, (kronecker,))


def _stacked(writer: Writer, site: Site, product: Expression, x: Expression, weight: Symbol) -> Kronecker:
    """Add the line that turns dW x into a Kronecker product times vec dW, and return the product."""
    row, m = t(x), Identity(site.m)
    transposed = site.names.notation == "D"
    # vec stacks rows of W, or columns of its transpose: then I (x) x^T; else x^T (x) I.
    by_rows = (site.scope.vec == "row") != transposed
    kronecker = Kronecker(m, row) if by_rows else Kronecker(row, m)
    key = f"vec_{site.scope.vec}" + ("_transposed" if transposed else "")
    writer.equation(product, times(kronecker, Vec(Differential(weight), site.scope.vec)), why=key, source="vec")
    return kronecker
