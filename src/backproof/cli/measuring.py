"""``backproof jacobian``, ``spectrum``, ``ntk`` and ``ggn``: quantities of a model at data, as NPZ and a table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import json_result, result, status
from .outputs import check_output

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")]
Data = Annotated[str, typer.Argument(metavar="DATA", help="Examples; - is CSV on standard input.")]
Output = Annotated[Path, typer.Option("-o", "--output", metavar="OUT.npz", help="NPZ file for the arrays.")]
Feature = Annotated[str | None, typer.Option(help="Key of the examples in an NPZ file.")]
Target = Annotated[str | None, typer.Option(help="Key of the targets in an NPZ file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and errors as JSON.")]
Examples = Annotated[int, typer.Option("--examples", min=1, metavar="N", help="Take the first N examples.")]


def jacobian(
    model: Model,
    data: Data,
    output: Output,
    wrt: Annotated[
        str,
        typer.Option(metavar="input|parameters|NAME", help="In the inputs, all parameters, or a layer's."),
    ] = "input",
    examples: Examples = 100,
    feature: Feature = None,
    json: Json = False,
) -> None:
    """Write the Jacobian of the outputs, one matrix an example, and show how strongly each output depends.

    \b
      backproof jacobian digits.backproof digits -o jacobian.npz
      backproof jacobian houses.backproof new.csv --wrt 0.weight -o first.npz

    Inputs and outputs are in the network's own units: standardized where the training standardized.
    The NPZ file holds 'jacobian', (examples, outputs, inputs or parameters).
    """
    from ..quantities import dense_jacobian
    from ..quantities import jacobian as structured

    at = _load("jacobian", model, data, output, feature, examples)
    matrices = dense_jacobian(*at.arguments, wrt)
    order = None if wrt != "input" else structured(*at.arguments).plan  # type: ignore[union-attr]
    names = at.inputs if wrt == "input" else [f"{wrt} {j}" for j in range(matrices.shape[2])]
    mean = abs(matrices).mean(axis=0)
    rows = [(at.outputs[i], f"{row.mean():.4g}", names[row.argmax()], f"{row.max():.4g}") for i, row in enumerate(mean)]
    facts = {
        "examples": len(at.x),
        "shape": list(matrices.shape[1:]),
        **({} if order is None else {"order": order.brackets, "multiplications": order.multiplications}),
    }
    table = _table(("output", "mean |entry|", "strongest", "its mean |entry|"), rows)
    _finish(output, {"jacobian": matrices}, facts, table if order is None else f"{table}\n\n{order}", json)


def spectrum(
    model: Model,
    data: Data,
    output: Output,
    examples: Examples = 20,
    count: Annotated[int, typer.Option(min=1, help="Singular values of matrices too large for all.")] = 6,
    feature: Feature = None,
    json: Json = False,
) -> None:
    """Write the singular values of every layer's Jacobian and of the products, and say how gradients flow.

    \b
      backproof spectrum digits.backproof digits -o spectrum.npz

    The NPZ file holds 'own I' and 'product I' for every layer I, (examples, values), descending.
    """
    from ..quantities import spectrum as measure

    at = _load("spectrum", model, data, output, feature, examples)
    found = measure(*at.arguments, count=count)
    arrays = {f"own {layer.index}": layer.own for layer in found.layers}
    arrays |= {f"product {layer.index}": layer.product for layer in found.layers}
    facts = {"examples": len(at.x), "gains": [layer.gain for layer in found.layers], "verdict": found.verdict()}
    _finish(output, arrays, facts, str(found), json)


def ntk(
    model: Model,
    data: Data,
    output: Output,
    kind: Annotated[str, typer.Option(metavar="full|outputs|trace", help="All outputs, each by itself, or summed.")] = (
        "trace"
    ),
    examples: Examples = 500,
    feature: Feature = None,
    json: Json = False,
) -> None:
    """Write the empirical neural tangent kernel of the examples with one another, and show its eigenvalues.

    \b
      backproof ntk digits.backproof digits --examples 200 -o kernel.npz

    The NPZ file holds 'ntk': (N, N) for trace, (N, N, outputs) for outputs, (N, N, outputs, outputs) for full.
    """
    import numpy as np

    from ..quantities import ntk as measure

    at = _load("ntk", model, data, output, feature, examples)
    kernel = measure(*at.arguments, kind=kind)
    trace = kernel if kind == "trace" else np.einsum("abi->ab" if kind == "outputs" else "abii->ab", kernel)
    values = np.linalg.eigvalsh(trace.astype(np.float64))[::-1]
    whole = float(values.sum()) or 1.0
    rows = [(str(i + 1), f"{v:.4g}", f"{v / whole:.1%}") for i, v in enumerate(values[:6])]
    facts = {"examples": len(at.x), "shape": list(kernel.shape), "eigenvalues": [float(v) for v in values[:6]]}
    _finish(output, {"ntk": kernel}, facts, _table(("", "eigenvalue of the trace", "share"), rows), json)


def ggn(
    model: Model,
    data: Data,
    output: Output,
    eigenvalues: Annotated[int, typer.Option(min=1, help="How many of the largest eigenvalues.")] = 6,
    examples: Examples = 10_000,
    feature: Feature = None,
    target: Target = None,
    json: Json = False,
) -> None:
    """Write diagonal and largest eigenvalues of the Gauss-Newton matrix of the model's loss, and show it by parameter.

    \b
      backproof ggn digits.backproof digits -o curvature.npz

    The NPZ file holds 'diagonal', (parameters,), and 'eigenvalues'. The loss is the mean over the examples.
    """
    import numpy as np

    from ..quantities import ggn as measure
    from .predictor import prepared_target

    at = _load("ggn", model, data, output, feature, examples, labelled=True, target=target)
    saved = at.predictor.model
    y = prepared_target(at.predictor.preparation, saved.loss)(np.asarray(at.y))
    matrix = measure(*at.arguments, y, saved.loss)
    diagonal, size = matrix.diagonal(), saved.network.layout.size
    values = np.asarray(matrix.eigenvalues(min(eigenvalues, size)), np.float64)
    pieces = {name: diagonal[where] for name, where in saved.network.layout.slices.items()}
    rows = [(name, f"{p.size:,}", f"{p.mean():.4g}", f"{p.max():.4g}", f"{p.sum():.4g}") for name, p in pieces.items()]
    facts = {"examples": len(at.x), "trace": float(diagonal.sum()), "eigenvalues": values.tolist()}
    table = _table(("parameter", "size", "mean", "largest", "trace"), rows)
    shown = f"{table}\n\ntrace {diagonal.sum():.4g}; eigenvalues {', '.join(f'{v:.4g}' for v in values)}"
    _finish(output, {"diagonal": diagonal, "eigenvalues": values}, facts, shown, json)


@dataclass(frozen=True, eq=False)
class _At:
    """A model and the prepared examples; ``y`` is None without targets."""

    predictor: Any
    x: Any
    y: Any

    @property
    def arguments(self) -> tuple[Any, Any, Any]:
        """Network, parameters and examples."""
        return self.predictor.model.network, self.predictor.model.theta, self.x

    @property
    def inputs(self) -> list[str]:
        """What the entries of a flattened example are called."""
        names = self.predictor.preparation.schema.feature_names
        return list(names) or [f"input {j}" for j in range(self.x[0].size)]

    @property
    def outputs(self) -> list[str]:
        """What the outputs are called: classes where there is one for each."""
        schema, count = self.predictor.preparation.schema, math.prod(self.predictor.model.output_shape)
        names = schema.class_names or schema.target_names or ()
        return list(names) if len(names) == count else [f"output {i}" for i in range(count)]


def _load(
    command: str, model: Path, data: str, output: Path, feature: str | None, examples: int,
    labelled: bool = False, target: Any = None,
) -> _At:  # fmt: skip
    """Read model and data, after checking that the result can be written."""
    import numpy as np

    from ..data import load_features, load_labelled
    from ..errors import DataError
    from .predictor import Predictor

    if output.suffix.lower() != ".npz":
        raise DataError(f"cannot write {str(output)!r}: unknown ending, expected .npz")
    check_output(output, "the arrays", f"result of backproof {command}", model, data)
    predictor = Predictor.load(model)
    schema, y = predictor.preparation.schema, None
    if labelled:
        loaded = load_labelled(data, schema, features=feature, target=target)
        x, y = loaded.x[:examples], loaded.y[:examples]
    else:
        x = load_features(data, schema, features=feature)[:examples]
    return _At(predictor, predictor.preparation.apply(np.asarray(x)), y)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, the first column to the left and the others to the right."""
    lines = [headings, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    return "\n".join(
        "  ".join(f"{c:<{w}}" if i == 0 else f"{c:>{w}}" for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    )


def _finish(output: Path, arrays: dict[str, Any], facts: dict[str, Any], shown: str, json: bool) -> None:
    """Write the arrays, then print what was found."""
    import numpy as np

    from ..files import atomic_write

    with atomic_write(output) as handle:
        np.savez(handle, **arrays)
    if json:
        json_result({"arrays": str(output), **facts})
        return
    result(shown)
    status(f"{', '.join(arrays) if len(arrays) < 4 else f'{len(arrays)} arrays'} in {output}")
