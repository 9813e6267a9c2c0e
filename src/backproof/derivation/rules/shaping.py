"""Layers that rearrange or drop entries."""

from ...operators import Diagonal as DiagonalOperator
from ..expressions import Diagonal, Identity
from ..sites import Site
from .writing import Derived, Writer, differ, hadamard, times

__all__ = ["dropout", "rearranged"]


def rearranged(site: Site) -> Derived:
    """Derive a layer that changes the shape and keeps the order: as a vector, nothing happens."""
    writer = Writer(site)
    writer.equation(site.y, site.x, why="definition_shape", source="shaping")
    writer.equation(site.dy, times(Identity(site.n), site.dx), why="linear_map")
    return writer.derived(Identity(site.n))


def dropout(site: Site) -> Derived:
    """Derive dropout: the identity, or in a training step a mask."""
    A = site.step.A
    writer = Writer(site)
    if not isinstance(A, DiagonalOperator):
        writer.equation(site.y, site.x, why="definition_dropout_off", level=1, source="shaping")
        writer.equation(site.dy, times(Identity(site.n), site.dx), why="linear_map")
        return writer.derived(Identity(site.n))
    mask = site.helper("m", A.diagonal.reshape(-1, 1))
    writer.equation(site.y, hadamard(mask, site.x), why="definition_dropout", source="shaping")
    writer.equation(site.dy, differ(hadamard(mask, site.x)), why="take_differentials", level=3)
    writer.equation(site.dy, times(Diagonal(mask), site.dx), why="hadamard_is_diagonal")
    return writer.derived(Diagonal(mask))
