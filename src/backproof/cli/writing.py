"""``backproof write``: backpropagation of a model as a program of its own."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import json_result, result, status
from .outputs import check_output


def write(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")],
    library: Annotated[str, typer.Option(metavar="numpy|torch|jax", help="What the program runs on.")] = "numpy",
    what: Annotated[str, typer.Option(metavar="gradient|train|jacobian", help="What it computes.")] = "gradient",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT.py", help="The program; without it, it is printed.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Examples for the program, written beside it as OUT.npz.")
    ] = None,
    examples: Annotated[int, typer.Option(min=1, help="How many of the examples.")] = 10_000,
    feature: Annotated[str | None, typer.Option(help="Key of the examples in an NPZ file.")] = None,
    target: Annotated[str | None, typer.Option(help="Key of the targets in an NPZ file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and errors as JSON.")] = False,
) -> None:
    """Write a model's backpropagation out as a program: one line an equation, without this library.

    \b
      backproof write digits.backproof
      backproof write digits.backproof --library torch --data digits -o digits_backprop.py
      backproof write digits.backproof --what jacobian -o digits_jacobian.py

    The program reads the model file, takes any number of examples as the network sees them, and prints loss and
    gradient norm when it is run. With --data it finds examples, prepared for the network, in OUT.npz. It looks for
    both from its own folder, wherever it is run; it needs the library that it is written for, and nothing else.
    """
    from ..compilation.writing import write as written
    from ..errors import DataError
    from ..model import Model

    prepared = output.with_suffix(".npz") if output is not None and data is not None else None
    if output is None and data is not None:
        raise DataError("--data writes a file beside the program; name the program with -o")
    if output is not None and output == prepared:
        raise DataError(f"cannot write the program {str(output)!r}: it would replace the examples; end its name in .py")
    if output is not None:
        check_output(output, "the program", "program of backproof write", model, data)
    if prepared is not None:
        check_output(prepared, "the examples", "NPZ file of backproof write", model, data)
    loaded = Model.load(model)
    name, examples_name = ("my_backprop.py" if output is None else output.name), prepared and prepared.name
    source = written(
        loaded.network, loaded.loss, loaded.input_shape, library=library, what=what, dtype=loaded.theta.vector.dtype,
        model=_seen_from(output, model), data=examples_name, program=name,
    )  # fmt: skip
    arrays = None if data is None else _examples(model, data, examples, feature, target)
    _store(output, source, prepared, arrays)
    facts = {"program": None if output is None else str(output), "lines": len(source.splitlines())}
    if json:
        shown = {"examples": None if prepared is None else str(prepared)}
        json_result(facts | shown | ({"source": source} if output is None else {}))
    elif output is None:
        result(source.rstrip("\n"))
    else:
        status(f"{facts['lines']} lines in {output}" + (f", examples in {prepared}" if prepared else ""))


def _seen_from(output: Path | None, model: Path) -> str:
    """Return the model's name as the program knows it: where it is not absolute, from the program's own folder."""
    if output is None or model.is_absolute():
        return str(model)
    try:
        return Path(os.path.relpath(os.path.realpath(model), os.path.realpath(output.parent))).as_posix()
    except ValueError:  # another drive
        return os.path.abspath(model)


def _examples(model: Path, data: str, count: int, feature: str | None, target: str | None) -> dict[str, Any]:
    """Return the first examples and their targets as the network and its loss take them."""
    import numpy as np

    from ..data import load_labelled
    from .predictor import Predictor, prepared_target

    predictor = Predictor.load(model)
    loaded = load_labelled(data, predictor.preparation.schema, features=feature, target=target)
    x = predictor.preparation.apply(np.asarray(loaded.x[:count]))
    return {"x": x, "y": prepared_target(predictor.preparation, predictor.model.loss)(np.asarray(loaded.y[:count]))}


def _store(output: Path | None, source: str, prepared: Path | None, arrays: dict[str, Any] | None) -> None:
    """Write the examples, then the program that reads them."""
    import numpy as np

    from ..files import atomic_write

    if prepared is not None and arrays is not None:
        with atomic_write(prepared) as handle:
            np.savez(handle, **arrays)
    if output is not None:
        with atomic_write(output) as handle:
            handle.write(source.encode())
