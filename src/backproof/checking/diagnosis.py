"""The table of corrections, most specific first, and the search through it."""

from collections.abc import Callable

import numpy as np

from . import arrangements, scalings, terms
from .causes import Cause, Evidence, Finding

Attempt = Callable[[Evidence], Finding | None]

ATTEMPTS: tuple[Attempt, ...] = (
    scalings.missing,
    scalings.sign,
    arrangements.unsummed,
    arrangements.transposed,
    arrangements.reshaped,
    scalings.batch_factor,
    scalings.constant,
    arrangements.some_examples,
    arrangements.other_block,
    terms.diagonal_only,
    scalings.forgotten_cotangent,
    arrangements.output_axes,
    arrangements.wrong_axis,
    arrangements.exchanged_factors,
    arrangements.other_normalization,
    terms.stale,
    arrangements.flipped,
    arrangements.permuted,
    terms.overwritten,
    terms.scaled_identity,
    terms.product_rule,
    scalings.rows_and_columns,
    scalings.entry_factor,
    scalings.part_factor,
    terms.added_term,
    terms.constant_rows,
    terms.low_rank,
    terms.partly_missing,
    arrangements.some_examples_of_a_sum,
    terms.precision,
)
"""What is tried, in this order; the first correction that fits names the cause."""


PROBED: tuple[Attempt, ...] = (scalings.missing, scalings.sign, scalings.batch_factor, scalings.constant)
"""What can be tried where only random products of a block are known."""


def diagnose(evidence: Evidence) -> Finding:
    """Return the first finding of the table, or ``UNKNOWN``."""
    return _first(ATTEMPTS, evidence)


def diagnose_probes(evidence: Evidence) -> Finding:
    """Return the first finding from random products of a block, or ``UNKNOWN``."""
    return _first(PROBED, evidence)


def _first(attempts: tuple[Attempt, ...], evidence: Evidence) -> Finding:
    with np.errstate(all="ignore"):
        for attempt in attempts:
            found = attempt(evidence)
            if found is not None:
                return found
    return Finding(Cause.UNKNOWN, "no correction that was tried makes it fit")
