"""Layers made of layers: their differentials are those of their parts, put together."""

from collections.abc import Callable

from ...layers import Shared
from ..expressions import (
    BlockColumn,
    BlockRow,
    Diagonal,
    Differential,
    Expression,
    Identity,
    Map,
    Plus,
    Symbol,
    Times,
    Zeros,
)
from ..naming import composed
from ..sites import Site
from .writing import Derived, Writer, hadamard, plus, times

__all__ = ["chain", "concatenate", "product", "residual", "shared", "sum_of_branches"]


def _after(parts: tuple[Site, ...], index: int) -> tuple[Expression, ...]:
    """Return A of the parts after ``index``, the last first."""
    return tuple(part.A for part in reversed(parts[index + 1 :]))


def _moved(part: Site) -> Expression:
    """Return A dx + B dtheta of a part."""
    moved = times(part.A, part.dx)
    return plus(moved, times(part.B, Differential(part.theta))) if part.all_blocks() else moved


def _row(blocks: list[Expression]) -> Expression | None:
    return None if not blocks else blocks[0] if len(blocks) == 1 else BlockRow(tuple(blocks))


def _long(factors: tuple[Expression, ...]) -> Expression:
    """Return a product of many factors, the middle ones left to dots."""
    return factors[0] if len(factors) == 1 else Times(factors, (3, 2))


def _bind_functions(site: Site) -> tuple[Symbol, ...]:
    """Note the parts' functions of their inputs, and return their names, first to last."""
    names = []
    for part in site.parts:
        name = part.names.function(part.label)
        site.values[name] = function_of(part)
        names.append(name)
    return tuple(names)


def function_of(site: Site) -> Callable[[object], object]:
    """Return a layer as a function of a column, its parameters fixed."""
    local = {name: site.scope.parameters[f"{site.place}{name}"] for name in site.layer.parameter_shapes}

    def apply(x: object) -> object:
        shaped = x.reshape(1, *site.input_shape)  # type: ignore[attr-defined]
        return site.layer.value(local, shaped).reshape(-1, 1)

    return apply


def chain(site: Site) -> Derived:
    """Derive a composition: the product of the parts' Jacobians."""
    writer, parts = Writer(site), site.parts
    names = _bind_functions(site)
    writer.equation(site.y, Map(composed(names, (3, 2)), (site.x,)), why="definition_chain", source="theorem")
    writer.equation(site.y, parts[-1].y, why="last_part", level=3)
    return _in_sequence(writer, parts)


def _in_sequence(writer: Writer, parts: tuple[Site, ...]) -> Derived:
    for part in parts:
        writer.equation(part.dy, _moved(part), why="part_moves", level=3)
    A = _long(tuple(part.A for part in reversed(parts)))
    blocks = [times(*_after(parts, index), part.B) for index, part in enumerate(parts) if part.all_blocks()]
    writer.say("insert_backwards", last=len(parts))
    return writer.derived(A, whole=_row(blocks))


def shared(site: Site) -> Derived:
    """Derive the same layer repeated: the product of the steps' Jacobians, and a sum for the shared parameters."""
    assert isinstance(site.layer, Shared)
    writer, parts = Writer(site), site.parts
    name = _bind_functions(site)[0]
    writer.equation(
        site.y, Map(composed((name,) * len(parts), (3, 2)), (site.x,)), why="definition_shared", source="shared"
    )
    for part in parts:
        writer.equation(part.dy, _moved(part), why="step_moves", level=3)
    A = _long(tuple(part.A for part in reversed(parts)))
    if not site.all_blocks():
        return writer.derived(A)
    terms = tuple(times(*_after(parts, index), part.B) for index, part in enumerate(parts))
    writer.say("shared_sum", times=len(parts))
    return writer.derived(A, whole=terms[0] if len(terms) == 1 else Plus(terms, (2, 2)))


def residual(site: Site) -> Derived:
    """Derive x + g(x)."""
    writer, part = Writer(site), site.parts[0]
    writer.equation(site.y, plus(site.x, part.y), why="definition_residual", source="residual")
    writer.equation(site.dy, plus(site.dx, part.dy), why="sum_rule")
    writer.equation(site.dy, plus(site.dx, _moved(part)), why="part_inserted", level=3)
    whole = part.B if part.all_blocks() else None
    return writer.derived(plus(Identity(site.n), part.A), whole=whole)


def sum_of_branches(site: Site) -> Derived:
    """Derive f(x) + g(x) + ..."""
    writer, parts = Writer(site), site.parts
    writer.equation(site.y, plus(*(part.y for part in parts)), why="definition_sum", source="sum")
    writer.equation(site.dy, plus(*(part.dy for part in parts)), why="sum_rule")
    writer.equation(site.dy, plus(*(_moved(part) for part in parts)), why="part_inserted", level=3)
    return writer.derived(
        plus(*(part.A for part in parts)), whole=_row([part.B for part in parts if part.all_blocks()])
    )


def product(site: Site) -> Derived:
    """Derive f(x) * g(x) * ..., entry by entry."""
    writer, parts = Writer(site), site.parts
    writer.equation(site.y, hadamard(*(part.y for part in parts)), why="definition_product", source="product")
    others = [hadamard(*(o.y for o in parts if o is not part)) for part in parts]
    pairs = list(zip(others, parts, strict=True))
    writer.equation(site.dy, plus(*(hadamard(other, part.dy) for other, part in pairs)), why="product_rule_entries")
    diagonals = [Diagonal(other) for other in others]
    moved = [times(d, part.dy) for d, part in zip(diagonals, parts, strict=True)]
    writer.equation(site.dy, plus(*moved), why="hadamard_is_diagonal")
    A = plus(*(times(d, part.A) for d, part in zip(diagonals, parts, strict=True)))
    blocks = [times(d, part.B) for d, part in zip(diagonals, parts, strict=True) if part.all_blocks()]
    return writer.derived(A, whole=_row(blocks))


def concatenate(site: Site) -> Derived:
    """Derive (f(x); g(x); ...)."""
    writer, parts = Writer(site), site.parts
    writer.equation(site.y, BlockColumn(tuple(part.y for part in parts)), why="definition_concatenate", source="sum")
    writer.equation(site.dy, BlockColumn(tuple(part.dy for part in parts)), why="stacked_moves")
    blocks: list[Expression] = []
    for chosen in parts:
        if chosen.all_blocks():
            width = chosen.values[chosen.B].shape[1]
            cells = tuple(part.B if part is chosen else Zeros(part.m, width) for part in parts)
            blocks.append(BlockColumn(cells))
    return writer.derived(BlockColumn(tuple(part.A for part in parts)), whole=_row(blocks))
