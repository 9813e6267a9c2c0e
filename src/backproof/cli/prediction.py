"""``backproof predict``: what a model says of new data."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import status
from .outputs import check_output


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Examples; - is CSV on standard input.")],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="OUT", help="CSV, TSV, Parquet or NPZ file; - is CSV on stdout.")
    ] = "-",
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="A column for the probability of every class as well.")
    ] = False,
    feature: Annotated[str | None, typer.Option(help="Key of the examples in an NPZ file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Errors as JSON; say where the predictions are.")] = False,
) -> None:
    """Predict classes or numbers, one row an example.

    \b
      backproof predict houses.backproof new.csv -o prices.csv
      backproof predict digits.backproof digits --probabilities | head
      backproof predict model.backproof - < new.csv > predicted.csv

    Columns are found by their names, in any order; others are ignored, and no target is needed. Of a folder of IDX
    files with training and test images (Fashion-MNIST), the training images are predicted; evaluate judges the others.
    """
    from ..data import load_features, write_table
    from ..errors import OptionError
    from .console import json_result
    from .predictor import Predictor

    if output != "-":
        check_output(Path(output), "the predictions", "table of backproof predict", model, data)
    predictor = Predictor.load(model)
    if probabilities and predictor.preparation.task != "classification":
        raise OptionError("--probabilities: the model predicts numbers, expected one that predicts classes.")
    x = load_features(data, predictor.preparation.schema, features=feature)
    write_table(output, _columns(predictor, x, probabilities))
    if output != "-":
        if json:
            json_result({"predictions": output, "examples": x.shape[0]})
        else:
            status(f"{x.shape[0]:,} predictions in {output}")


def _columns(predictor: Any, x: Any, probabilities: bool) -> dict[str, Any]:
    import numpy as np

    schema = predictor.preparation.schema
    predicted, chances = [], []
    for _, z in predictor.batches(x):
        predicted.append(predictor.predictions(z))
        if probabilities:
            chances.append(predictor.probabilities(z))
    values = np.concatenate(predicted)
    many = values.reshape(len(values), -1)
    names = [f"predicted {name}" for name in schema.target_names] if many.shape[1] > 1 else ["prediction"]
    if len(names) != many.shape[1]:
        names = [f"prediction {index}" for index in range(many.shape[1])]
    columns = dict(zip(names, many.T, strict=True))
    if probabilities:
        table = np.concatenate(chances)
        columns |= {f"probability {name}": table[:, i] for i, name in enumerate(schema.class_names or ())}
    return columns
