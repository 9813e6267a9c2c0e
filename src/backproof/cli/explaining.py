"""``backproof explain``: the derivation of a model, as text, as a page, or as an article."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import result, status

_SUFFIXES = {".html": "html", ".htm": "html", ".tex": "latex", ".txt": "text"}
_FORMATS = ("html", "latex", "text")


def explain(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")],
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="Examples; without them the numbers are of a random one.")
    ] = None,
    example: Annotated[
        int | None, typer.Option(metavar="ROW", help="The row of DATA whose numbers are shown, from 0; else the first.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Rows of DATA for which the batch form is written; else 8.")
    ] = None,
    format: Annotated[str | None, typer.Option(metavar="html|latex|text", help="Else by the ending of FILE.")] = None,
    detail: Annotated[str, typer.Option(metavar="outline|standard|full", help="How many steps are shown.")] = (
        "standard"
    ),
    vec: Annotated[str, typer.Option(metavar="row|column", help="Whether vec stacks rows or columns.")] = "row",
    notation: Annotated[str, typer.Option(metavar="ours|D|O", help="Whose letters are used.")] = "ours",
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help=".html, .tex or .txt")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show the file when it is written.")] = False,
    feature: Annotated[str | None, typer.Option(help="Key of the examples in an NPZ file.")] = None,
    target: Annotated[str | None, typer.Option(help="Key of the targets in an NPZ file.")] = None,
) -> None:
    """Derive backpropagation for a model, step by step, with its shapes and the numbers of one example.

    \b
      backproof explain digits.backproof
      backproof explain digits.backproof digits --example 7 -o digits.html --open
      backproof explain houses.backproof new.csv --detail full --vec column --notation O -o houses.tex

    A page (.html) is complete in itself: it loads nothing and can be sent as one file. Of a folder of IDX files with
    training and test images (Fashion-MNIST), rows are counted through the training images.
    """
    chosen = _format(format, output)
    choices = {"detail": detail, "vec": vec, "notation": notation}
    _check_output(output, chosen, open_, model, data)
    _check_data(data, {"example": example, "batch": batch, "feature": feature, "target": target})
    made, shown = _derived(model, data, example or 0, 8 if batch is None else batch, (feature, target), choices)
    text = _rendered(made, shown, chosen, model)
    if output is None:
        result(text.rstrip("\n"))
        return
    _write(output, text)
    status(f"{chosen} in {output}")
    if open_ and not _opened(output):
        status(f"note: no browser was found; open {output} yourself")


def _format(given: str | None, output: Path | None) -> str:
    from ..errors import OptionError
    from .choices import chosen

    if given is not None:
        return chosen("format", given, _FORMATS)
    if output is None:
        return "text"
    if output.suffix.lower() not in _SUFFIXES:
        raise OptionError(f"-o {str(output)!r}: unknown ending, expected .html, .tex or .txt; or say --format.")
    return _SUFFIXES[output.suffix.lower()]


def _check_output(output: Path | None, chosen: str, open_: bool, model: Path, data: str | None) -> None:
    from ..errors import OptionError
    from .outputs import check_output

    if output is None:
        if open_:
            raise OptionError("--open shows a file, but none is written; give its name, as in -o page.html --open.")
        return
    check_output(output, "the derivation", f"{chosen} of backproof explain", model, data)


def _check_data(data: str | None, options: dict[str, Any]) -> None:
    from ..errors import OptionError

    asked = [name for name, value in options.items() if value is not None]
    if data is None and asked:
        raise OptionError(f"--{asked[0]} speaks of DATA, but none are given; name them, as in explain MODEL DATA.")


def _derived(
    model: Path,
    data: str | None,
    example: int,
    batch: int,
    keys: tuple[str | None, str | None],
    choices: dict[str, str],
) -> tuple[Any, Any]:
    """Return the derivation, and what its page takes: the model, the prepared row, the stored target."""
    import numpy as np

    from ..derivation import explain as derivation_of
    from .explanation import derive, imagined
    from .predictor import Predictor

    predictor = Predictor.load(model)
    if data is None:
        x, y = imagined(predictor)
        status("note: no DATA, so the numbers are of a random example and of the target that the network predicts")
        saved = predictor.model
        return derivation_of(saved.network, saved.theta, x, y, saved.loss, **choices), (predictor, x, None)
    stored, targets = _rows(data, predictor, *keys)
    made = derive(predictor, stored, targets, example, batch, **choices)
    row = predictor.preparation.apply(np.asarray(stored[example : example + 1]))
    return made, (predictor, row, None if targets is None else targets[example])


def _rows(data: str, predictor: Any, feature: str | None, target: str | None) -> tuple[Any, Any | None]:
    """Return the examples with their targets; where there are none, with None and a note."""
    from ..data import load_features, load_labelled
    from ..errors import DataError

    schema = predictor.preparation.schema
    try:
        loaded = load_labelled(data, schema, features=feature, target=target)
    except DataError as error:
        if data == "-":  # it cannot be read twice
            raise
        x = load_features(data, schema, features=feature)
        status(f"note: {error} So there is no loss, and the derivation ends with the layers.")
        return x, None
    return loaded.x, loaded.y


def _rendered(made: Any, shown: Any, chosen: str, model: Path) -> str:
    if chosen == "latex":
        return str(made.latex())
    if chosen == "text":
        return str(made.text())
    from ..derivation.pages import page
    from .explanation import class_name, extras

    predictor, x, target = shown
    return page(made, extras(predictor, x, f"Backpropagation in {model.name}", more=class_name(predictor, target)))


def _write(output: Path, text: str) -> None:
    from ..files import atomic_write

    with atomic_write(output) as file:
        file.write(text.encode())


def _opened(path: Path) -> bool:
    import webbrowser

    return webbrowser.open(path.resolve().as_uri())
