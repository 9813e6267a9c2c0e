"""``backproof summary``: what a network is made of."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import json_result, result


def summarize(
    network: Annotated[Path, typer.Argument(metavar="MODEL|NETWORK.toml", help="A model file or a network file.")],
    shape: Annotated[
        str | None, typer.Option("--input", metavar="N or NxN", help="Shape of one example, for a network file.")
    ] = None,
    outputs: Annotated[
        int | None, typer.Option(min=1, help="Outputs of the last layer, where a network file leaves them out.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and errors as JSON.")] = False,
) -> None:
    """Show every layer's shapes, parameters, Jacobian, its structure, and the flops of one example.

    \b
      backproof summary digits.backproof
      backproof summary network.toml --input 28x28 --outputs 10
    """
    from ..summaries import summary

    made = summary(*_network(network, shape, outputs))
    if json:
        json_result(made.data())
    else:
        result(str(made))


def _network(path: Path, shape: str | None, outputs: int | None) -> tuple[Any, tuple[int, ...]]:
    from ..errors import OptionError
    from ..model import Model
    from .choices import sizes
    from .networks import read_network

    given = None if shape is None else sizes(shape, "--input")
    if path.suffix.lower() != ".toml":
        model = Model.load(path)
        return model.network, given or model.input_shape
    if not path.exists():
        raise OptionError(f"no file {str(path)!r}.")
    if not given:
        raise OptionError(f"{path.name}: the shape of one example is missing; give it, as in --input 64 or 28x28.")
    return read_network(path, given, outputs), given
