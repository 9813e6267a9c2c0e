"""Why a derivative is wrong: the causes by name, what is known of one block, and what a correction finds.

A cause is named only where a correction was tried and made the block fit; everything else is ``UNKNOWN``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, final

import numpy as np

__all__ = ["Cause"]

FITS = 4.0
"""A corrected block may be this many tolerances away: its rounding errors are scaled and added by the correction."""


LOOSEST = 1e3
"""However large the numbers of a correction, it may not widen the tolerance by more."""


class Cause(StrEnum):
    """The likely cause of a wrong derivative; each member is its own name as a string.

    Mistakes in the formula:
        TRANSPOSED: the Jacobian, or the gradient in a matrix, fits once two axes are exchanged.
        SIGN: it fits once multiplied by -1.
        FACTOR: it fits once multiplied by a constant that has nothing to do with the batch.
        MISSING_FACTOR: it fits once every row or column (or entry) is multiplied by a number of its own, such as
            the input: a factor of the chain rule is forgotten.
        MISSING_SUM: the batch is not summed: the batch axis is still there, only some examples are in the sum, or
            their mean stands where their sum belongs (wrong by 1/batch).
        MISSING_MEAN: the sum over the batch stands where the mean belongs (wrong by the batch size).
        MISSING_TERM: a term of a sum or product rule is absent (an identity, a diagonal, a low-rank part, some
            entries), or one too many is there.
        DIAGONAL_ONLY: the diagonal is right, and what lies beside it is missing.
        WRONG_AXIS: the derivative runs along another axis than the function.
        PERMUTED: it fits once rows or columns, or the blocks of two arguments, are reordered.
        MISSING: all zero, or absent, where the function does depend on the argument.
    Mistakes about the point:
        STALE_INPUT: the derivative belongs to another input: the function changed it in place, or it was kept.
        KINKS_ONLY: right everywhere but where the function has a kink, and there outside the one-sided slopes.
        WRONG_VALUE: the rule that brings the derivative returns another value than the function.
        PRECISION: right, but only to the accuracy of a lower precision than its dtype.
    What cannot be checked:
        NOT_DETERMINISTIC: two calls at one point differ.
        NOT_FINITE: NaN or infinity comes out.
        WRONG_SHAPE: an array has a shape that no derivative of this argument has.
        WRONG_DTYPE: numbers of a dtype that cannot be a derivative come out.
        NOT_DIFFERENTIABLE: the function jumps, has an infinite slope, or ends at the point.
        UNDECIDED: nothing is seen to be wrong, but the oracle's own error is as large as the derivative.
    And:
        UNKNOWN: wrong, and no correction made it fit.
    """

    TRANSPOSED = "transposed"
    SIGN = "sign"
    FACTOR = "factor"
    MISSING_FACTOR = "missing factor"
    MISSING_SUM = "missing sum over the batch"
    MISSING_MEAN = "missing mean over the batch"
    MISSING_TERM = "missing term"
    DIAGONAL_ONLY = "diagonal only"
    WRONG_AXIS = "wrong axis"
    PERMUTED = "permuted"
    MISSING = "missing"
    STALE_INPUT = "stale input"
    KINKS_ONLY = "wrong at kinks only"
    WRONG_VALUE = "wrong value"
    PRECISION = "precision only"
    NOT_DETERMINISTIC = "not deterministic"
    NOT_FINITE = "not finite"
    WRONG_SHAPE = "wrong shape"
    WRONG_DTYPE = "wrong dtype"
    NOT_DIFFERENTIABLE = "not differentiable"
    UNDECIDED = "undecided"
    UNKNOWN = "unknown"


@final
@dataclass(frozen=True)
class Finding:
    """A cause, and how well its correction fits.

    Attributes:
        cause: which.
        detail: what was done to make the block fit, in words.
        residual: worst relative error that is left after the correction; None where there is no correction.
    """

    cause: Cause
    detail: str
    residual: float | None = None


@final
@dataclass(frozen=True)
class Evidence:
    r"""All that is known of one wrong block, m x n with m the size of the output and n that of the argument.

    Attributes:
        name: of the argument.
        raw: the analytic derivative as it came, (m, \*its own shape); its shape may be wrong.
        numeric: the oracle's, (m, n).
        tolerance: how far the two may be apart, (m, n).
        out_shape: of the function's value.
        in_shape: of the argument.
        x: the argument's values, (n,).
        y: the function's value, (m,).
        batches: sizes that an axis of examples may have.
        ignore: entries on a kink, (m, n).
        elsewhere: (points of all arguments) -> the oracle's block of this argument there, None if it cannot be had.
        points: all arguments, by name.
        changed: all arguments as a call of the function left them, or None if it changed none.
        roughness: relative spacing -> the rounding noise of the derivative at that spacing, (m, n).
        others: the numeric blocks of the other arguments, by name.
    """

    name: str
    raw: Any
    numeric: Any
    tolerance: Any
    out_shape: tuple[int, ...]
    in_shape: tuple[int, ...]
    x: Any
    y: Any
    batches: tuple[int, ...]
    ignore: Any
    elsewhere: Callable[[Any], Any] = lambda points: None
    points: tuple[tuple[str, Any], ...] = ()
    changed: Any = None
    roughness: Callable[[float], Any] = lambda spacing: None
    others: tuple[tuple[str, Any], ...] = ()

    @property
    def analytic(self) -> Any:
        """The analytic block as (m, n), or None if its size is wrong."""
        return self.raw.reshape(self.numeric.shape) if self.raw.size == self.numeric.size else None

    @property
    def scale(self) -> float:
        """The largest entry of the oracle's block."""
        return float(np.max(np.abs(self.numeric), initial=0.0))

    @property
    def significant(self) -> Any:
        """Entries of the oracle's block that are clearly not zero and not on a kink, (m, n)."""
        return (np.abs(self.numeric) > 1e3 * self.tolerance) & ~self.ignore

    @property
    def x_of(self) -> Any:
        """The argument's values along the columns, (1, n)."""
        return self.x[None, :]

    def residual(self, candidate: Any, slack: float = 1.0) -> float | None:
        """Return the worst error of a corrected block relative to the block's size, None if it does not fit."""
        if candidate is None or candidate.shape != self.numeric.shape or not np.isfinite(slack):
            return None
        error = np.where(self.ignore, 0.0, np.abs(candidate - self.numeric))
        # Written so that NaN does not fit.
        if not np.all(error <= FITS * min(slack, LOOSEST) * self.tolerance):
            return None
        return float(np.max(error, initial=0.0) / (self.scale or 1.0))
