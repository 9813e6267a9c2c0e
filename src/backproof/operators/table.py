"""The table of products: which structure comes out of ``left @ right``, and at what cost.

The table itself is filled in ``products.py``. Looking up goes from the exact pair of structures to a rule for
one side, taking the first rule that the two matrices' parts fit, and ends at the rule for any pair, which pulls the
rows of the left matrix through the right operator. Two matrices that hold no array stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import ShapeError

ANY = "any"
ARRAYLESS = "without arrays"


def _always(left: Any, right: Any) -> bool:
    return True


@dataclass(frozen=True)
class Rule:
    """How to multiply two structures.

    Attributes:
        result: the structure of the product; ``"left"`` or ``"right"`` is that of the factor.
        cost: scalar multiplications for one example (or once, if both factors are shared).
        apply: computes the product.
        fits: whether the rule can be used; block by block it needs matching partitions, for instance.
    """

    result: str
    cost: Callable[[Any, Any], int]
    apply: Callable[[Any, Any], Any]
    fits: Callable[[Any, Any], bool] = _always


PRODUCTS: dict[tuple[str, str], Rule] = {}


def rule_for(left: Any, right: Any) -> Rule:
    """Return the most specific rule that ``left`` and ``right`` fit."""
    a, b = left.structure, right.structure
    for pair in ((a, b), (a, ANY), (ANY, b)):
        rule = PRODUCTS.get(pair)
        if rule is not None and rule.fits(left, right):
            return rule
    kind = ARRAYLESS if left.like is None and right.like is None else ANY
    return PRODUCTS[kind, kind]


def common_batch(parts: Any, who: str) -> int | None:
    """Return the batch size shared by all per-example ``parts``, None if every one is shared.

    Raises:
        ShapeError: two parts have different batch sizes.
    """
    batches = {part.batch for part in parts} - {None}
    if len(batches) > 1:
        hint = " A matrix for all examples has no batch axis." if 1 in batches else ""
        raise ShapeError(f"{who}: batch sizes {sorted(batches)} differ, expected one batch size for all parts.{hint}")
    return batches.pop() if batches else None


def multiply(left: Any, right: Any) -> Any:
    """Return the matrix product ``left right`` in the structure the table gives.

    Raises:
        ShapeError: the inner dimensions or the batch sizes differ.
    """
    if left.shape[1] != right.shape[0]:
        raise ShapeError(
            f"{left.structure} {left.shape} @ {right.structure} {right.shape}: "
            f"the left matrix has {left.shape[1]} columns, the right one {right.shape[0]} rows; expected equal."
        )
    common_batch((left, right), f"{left.structure} @ {right.structure}")
    return rule_for(left, right).apply(left, right)


def product_cost(left: Any, right: Any) -> int:
    """Return the scalar multiplications of ``left @ right`` for one example, or once if both are shared."""
    return rule_for(left, right).cost(left, right)
