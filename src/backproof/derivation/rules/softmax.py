"""Softmax and its logarithm: a diagonal plus a matrix of rank one."""

import numpy as np

from ..differentials import minus
from ..expressions import Apply, Diagonal, Expression, Identity, Number, Ones, Symbol
from ..sites import Site
from .writing import Derived, Writer, differ, hadamard, inner, outer, over, t, times, total

__all__ = ["exponentials", "log_softmax", "softmax"]

_LARGEST = 300.0
"""Entries beyond which the exponential is taken after a common shift, which changes no softmax."""


def exponentials(writer: Writer, x: Symbol, n: int) -> tuple[Symbol, Symbol, Expression]:
    """Define e = exp(x) and its sum, and return them with the shifted x."""
    highest = float(np.asarray(writer.site.values[x]).max())
    largest = float(np.abs(np.asarray(writer.site.values[x])).max())
    shifted = minus(x, times(Number(highest), Ones(n))) if largest > _LARGEST else x
    e = writer.define("e", Apply("exp", shifted), "exponentials" if shifted is x else "exponentials_shifted")
    return e, writer.define("s", total(n, e), "partition", kind="scalar"), shifted


def softmax(site: Site) -> Derived:
    """Derive exp(x) over its sum."""
    writer, y, n = Writer(site), site.y, site.n
    e, s, _ = exponentials(writer, site.x, n)
    writer.equation(y, over(e, s), why="definition_softmax", source="softmax")
    writer.equation(differ(e), hadamard(e, site.dx), why="exponential_moves")
    writer.equation(differ(s), inner(e, site.dx), why="sum_moves")
    writer.equation(site.dy, minus(over(differ(e), s), times(over(differ(s), s), y)), why="quotient_rule", level=2)
    writer.equation(site.dy, minus(hadamard(y, site.dx), times(y, inner(y, site.dx))), why="inserted")
    return writer.derived(minus(Diagonal(y), outer(y, y)))


def log_softmax(site: Site) -> Derived:
    """Derive x minus the logarithm of the sum of exp(x)."""
    writer, y, n = Writer(site), site.y, site.n
    e, s, shifted = exponentials(writer, site.x, n)
    writer.equation(y, minus(shifted, times(Apply("log", s), Ones(n))), why="definition_log_softmax", source="softmax")
    writer.equation(differ(s), inner(e, site.dx), why="sum_moves")
    writer.equation(site.dy, minus(site.dx, times(over(differ(s), s), Ones(n))), why="log_moves")
    p = writer.define("p", over(e, s), "softmax_itself")
    writer.equation(site.dy, minus(site.dx, times(Ones(n), inner(p, site.dx))), why="inserted")
    return writer.derived(minus(Identity(n), times(Ones(n), t(p))))
