"""``backproof certify``: proven error bounds of a model's loss and gradient at examples."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import json_result, result


def certify(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Examples with targets; - is CSV on standard input.")],
    rows: Annotated[int, typer.Option("--rows", min=1, metavar="N", help="Take the first N examples.")] = 10,
    example: Annotated[
        int | None, typer.Option("--example", min=0, metavar="I", help="Take example I alone, counted from 0.")
    ] = None,
    precision: Annotated[
        int | None, typer.Option(min=2, metavar="BITS", help="Bits; without it as many as are needed.")
    ] = None,
    feature: Annotated[str | None, typer.Option(help="Key of the examples in an NPZ file.")] = None,
    target: Annotated[str | None, typer.Option(help="Key of the targets in an NPZ file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and errors as JSON.")] = False,
) -> None:
    """Prove how far a model's loss and gradient are from the exact ones, of real numbers, at some examples.

    \b
      backproof certify digits.backproof digits --rows 20
      backproof certify houses.backproof houses.csv --example 7 --json

    Everything is evaluated once more in ball arithmetic, whose intervals hold the exact result. Errors are in units in
    the last place (ulps) and relative to the exact entry. Needs python-flint: pip install 'backproof[exact]'.
    """
    import numpy as np

    from ..checking import certify as bounds_of
    from ..data import load_labelled
    from .predictor import Predictor, prepared_target

    predictor = Predictor.load(model)
    loaded = load_labelled(data, predictor.preparation.schema, features=feature, target=target)
    chosen = _chosen(rows, example, len(loaded))
    saved = predictor.model
    x = predictor.preparation.apply(np.asarray(loaded.x[chosen]))
    y = prepared_target(predictor.preparation, saved.loss)(np.asarray(loaded.y[chosen]))
    bounds = bounds_of(saved.network, saved.theta, x, y, loss=saved.loss, precision=precision)
    if json:
        facts: dict[str, Any] = {"model": str(model), "data": loaded.name, "examples": len(x)}
        json_result(facts | bounds.to_dict())
        return
    result(str(bounds))


def _chosen(rows: int, example: int | None, count: int) -> slice:
    from ..errors import OptionError

    if example is None:
        return slice(0, rows)
    if example >= count:
        raise OptionError(f"--example is {example}, expected at most {count - 1}: there are {count:,} examples.")
    return slice(example, example + 1)
