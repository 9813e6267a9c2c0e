"""``make run``: train on handwritten digits, check the gradient against an oracle, write a report."""

import sys
from pathlib import Path

from ..data import load
from ..errors import BackproofError
from ..files import atomic_write
from ..summaries import summary
from .console import one_line, result, status
from .differences import Comparison, compare
from .paths import make_folder
from .predictor import Predictor, prepared_target
from .report import Shown, report
from .work import Outcome, Request, work

ACCURACY, ERROR = 0.97, 1e-8
"""What the demonstration must reach."""

CHECKED = 64
"""Examples at whose loss the gradient is checked."""

EXAMPLE, BATCH = 7, 8
"""The digit whose numbers the report shows, and how many it writes the batch form for."""


def main(folder: Path = Path(), epochs: int = 40) -> int:
    """Run the demonstration in ``folder`` and return its exit code."""
    try:
        outcome = _train(folder, epochs)
        comparisons = _checked(outcome)
        _write(folder / "report.html", _report(outcome, comparisons))
    except BackproofError as error:
        print(f"backproof: error: {one_line(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return outcome.code or _verdict(outcome, comparisons)


def _train(folder: Path, epochs: int) -> Outcome:
    path = folder / "build" / "digits.backproof"
    make_folder(path)
    hyperparameters = {"epochs": epochs, "schedule": "cosine", "optimizer": {"name": "adam", "learning_rate": 3e-3}}
    return work(Request("digits", path, hidden=(64, 32), hyperparameters=hyperparameters))


def _checked(outcome: Outcome) -> list[Comparison]:
    model, data = outcome.model, load("digits")
    predictor = Predictor.load(outcome.path)
    x, y = data.rows(slice(0, CHECKED))
    target = prepared_target(predictor.preparation, model.loss)(y)
    return compare(model.network, predictor.model.theta, predictor.preparation.apply(x), target, model.loss)


def _report(outcome: Outcome, comparisons: list[Comparison]) -> str:
    x, y = load("digits").rows(slice(0, EXAMPLE + BATCH))
    return report(outcome, Shown(x, y, EXAMPLE, BATCH), summary(outcome.model.network, (64,)), comparisons)


def _verdict(outcome: Outcome, comparisons: list[Comparison]) -> int:
    worst = max(comparisons, key=lambda comparison: comparison.error)
    accuracy = outcome.score.accuracy if outcome.score is not None else None
    split = ", ".join(f"{count:,} {name}" for name, count in outcome.model.about["split"].items())
    result(f"digits: {split}; seed {outcome.model.about['seed']}")
    result(outcome.text())
    result(
        f"gradient against Richardson differences: worst relative error {worst.error:.1e} "
        f"of {len(comparisons)} ({worst.direction})"
    )
    result("report report.html")
    if accuracy is None or accuracy < ACCURACY or worst.error > ERROR:
        status(f"backproof: error: expected a test accuracy of {ACCURACY} and errors below {ERROR:.0e}.")
        return 1
    return 0


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text.encode())


if __name__ == "__main__":
    sys.exit(main())
