"""The page about one training: the derivation of the network at one example, with its numbers and its checks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from ..derivation.pages import Extras, Table, page
from ..summaries import Summary
from .differences import Comparison
from .explanation import class_name, derive, extras
from .predictor import Predictor
from .work import Outcome


@final
@dataclass(frozen=True, eq=False)
class Shown:
    """The stored rows from which a report takes its numbers.

    Shapes:
        x: (N, ...)
        y: (N,) or (N, m)

    Attributes:
        example: the row whose numbers are shown, from 0.
        batch: how many rows the batch form is written for.
    """

    x: Any
    y: Any
    example: int = 0
    batch: int = 8


def report(outcome: Outcome, shown: Shown, summary: Summary, comparisons: Sequence[Comparison]) -> str:
    """Return the page: the derivation of the trained network, its training, its layers, and the gradient check.

    Raises:
        MissingExtraError: the packages of the extra ``html`` are not installed.
    """
    predictor = replace(Predictor.load(outcome.path), model=outcome.model)
    derivation = derive(predictor, shown.x, shown.y, shown.example, shown.batch)
    return page(derivation, _extras(outcome, predictor, shown, (_layers(summary), _checks(comparisons))))


def _extras(outcome: Outcome, predictor: Predictor, shown: Shown, tables: Sequence[Table]) -> Extras:
    about = outcome.model.about
    split = ", ".join(f"{count:,} {name}" for name, count in about["split"].items())
    lead = f"Split: {split}; seed {about['seed']}; {about['epochs']} epochs."
    scored = [] if outcome.score is None else [("on the test part", outcome.score.line())]
    rows = predictor.preparation.apply(np.asarray(shown.x[shown.example : shown.example + 1]))
    scored += class_name(predictor, shown.y[shown.example])
    title = f"Backpropagation in a network trained on {about['data']}"
    return extras(predictor, rows, title, lead, scored, tables)


def _layers(summary: Summary) -> Table:
    rows = [
        (
            f"{' ' * row.depth}{row.name} {row.layer}",
            " × ".join(map(str, row.input_shape)),
            " × ".join(map(str, row.output_shape)),
            f"{row.parameters:,}",
            f"{row.jacobian[0]:,} × {row.jacobian[1]:,}",
            row.structure,
            f"{row.forward:,}",
            f"{row.backward:,}",
        )
        for row in summary.rows
    ]
    headings = ("layer", "input", "output", "parameters", "Jacobian", "structure", "flops forward", "flops backward")
    said = f"{summary.parameters:,} parameters; {summary.forward:,} flops forward and {summary.backward:,} backward"
    return Table("summary", "What it is made of", [f"{said}, for one example."], headings, rows, frozenset({3, 6, 7}))


def _checks(comparisons: Sequence[Comparison]) -> Table:
    worst = max(comparison.error for comparison in comparisons)
    said = [
        "Backpropagation in float64, at the trained parameters, beside central differences of the loss with "
        "Richardson's extrapolation. An error is relative to the norm of the whole gradient along a random direction, "
        "and to the gradient's largest entry for a single entry.",
        f"Worst relative error: {worst:.1e}.",
    ]
    rows = [(c.direction, f"{c.exact:.12g}", f"{c.numeric:.12g}", f"{c.error:.1e}") for c in comparisons]
    headings = ("along", "gradient", "differences", "relative error")
    return Table("check", "The gradient against differences", said, headings, rows, frozenset({1, 2, 3}))
