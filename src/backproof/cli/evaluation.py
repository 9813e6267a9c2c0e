"""``backproof evaluate``: how good a model is on data with known targets."""

from pathlib import Path
from typing import Annotated

import typer

from .console import json_result, result


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Examples with targets; - is CSV on standard input.")],
    feature: Annotated[str | None, typer.Option(help="Key of the examples in an NPZ file.")] = None,
    target: Annotated[str | None, typer.Option(help="Key of the targets in an NPZ file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and errors as JSON.")] = False,
) -> None:
    """Measure a model: accuracy and a confusion table for classes, R2 and RMSE for numbers.

    \b
      backproof evaluate houses.backproof held-out.csv
      backproof evaluate fashion.backproof fashion-mnist/
      backproof evaluate digits.backproof digits --json

    Data with a test part of their own are judged on that part, others on all rows. RMSE is in the units of the data.
    """
    from ..data import load_labelled
    from .console import status
    from .predictor import Predictor
    from .scoring import score

    predictor = Predictor.load(model)
    loaded = load_labelled(data, predictor.preparation.schema, features=feature, target=target)
    chosen = loaded if loaded.test is None else loaded.test
    if chosen is loaded and predictor.model.about.get("data") == loaded.name:
        status(f"note: the model was trained on a part of {loaded.name}; these rows include that part.", json)
    judged = score(predictor, chosen)
    if json:
        json_result({"model": str(model), "data": chosen.name, **judged.data()})
        return
    result(f"{chosen.name}: {judged.line()}")
    if judged.table():
        result(judged.table())
