"""``backproof prove``: the induction theorem for a model's own network, checked by Coq."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import json_result, one_line, result, status
from .outputs import check_output


def prove(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.v", help="Coq file for the certificate.")],
    data: Annotated[
        str | None, typer.Option("--data", help="Examples to evaluate the open conditions at; - is CSV on stdin.")
    ] = None,
    feature: Annotated[str | None, typer.Option(help="Key of the examples in an NPZ file.")] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Let Coq check the certificate.")] = True,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Time for the check.")] = 120.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and errors as JSON.")] = False,
) -> None:
    """Write a Coq file that proves backpropagation right for a model's layers, sizes and loss; let Coq check it.

    \b
      backproof prove digits.backproof -o digits.v
      backproof prove houses.backproof -o houses.v --data houses.csv

    The theorem holds for all weights. Where a layer has kinks (ReLU at 0) it holds away from them, and --data says
    whether the inputs of such layers stay away from them: proved in ball arithmetic for the first 1,000 examples where
    python-flint is installed, in floating point for others. Without Coq the file is written, with the line that would
    install Coq and check it, and the exit code is 0; it is 1 if Coq refuses the file.
    """
    from ..errors import DataError, MissingExtraError, ProofError
    from ..model import Model
    from ..proving import INSTALL, certify_network, coq

    check_output(output, "the certificate", "certificate of backproof prove", model, data)
    if output.suffix != ".v":
        raise DataError(f"cannot write the certificate {str(output)!r}: expected a name that ends in .v, as Coq does")
    loaded = Model.load(model)
    certificate = certify_network(loaded.network, loaded.input_shape, loaded.loss)
    found = None if data is None else _conditions(model, data, feature)
    certificate.write(output)
    facts = {
        "certificate": str(output),
        "statement": certificate.statement_in_words,
        "settings": list(certificate.settings),
        "conditions": list(certificate.conditions),
        "conditions_on_data": None if found is None else {"hold": found.hold, "finding": found.line()},
        "unproved": list(certificate.unproved),
    }
    checked, why = None, "--no-check was given"
    if check:
        try:
            coq()
            status("checking with Coq; the first time its development is compiled, for about a minute", json)
            checked = certificate.check(timeout)
        except MissingExtraError:
            again = shlex.join(["backproof", "prove", str(model), "-o", str(output)])
            why = f"Coq is not installed. To install it and check: {INSTALL} && {again}"
    if checked is not None and not checked.ok:
        raise ProofError(f"{output}: {checked.message}")
    _report(facts, checked, why, json)


def _conditions(model: Path, data: str, feature: str | None) -> Any:
    """Evaluate the open conditions at the model's weights and data."""
    import numpy as np

    from ..data import load_features
    from ..proving import check_conditions
    from .predictor import BATCH, Predictor

    predictor = Predictor.load(model)
    x = load_features(data, predictor.preparation.schema, features=feature)
    batches = (
        predictor.preparation.apply(np.asarray(x[start : start + BATCH])) for start in range(0, x.shape[0], BATCH)
    )
    return check_conditions(predictor.model.network, predictor.model.theta, batches)


def _report(facts: dict[str, Any], checked: Any, why: str, json: bool) -> None:
    if json:
        known = {"checked": False, "reason": why}
        if checked is not None:
            known = {"checked": True, "seconds": round(checked.seconds, 1), "axioms": list(checked.assumptions)}
        json_result(facts | known)
        return
    for line in facts["statement"].splitlines():
        result(one_line(line))
    if facts["conditions_on_data"] is not None and facts["conditions"]:
        result(f"On the data: {facts['conditions_on_data']['finding']}")
    where = one_line(facts["certificate"])
    if checked is None:
        result(f"Written to {where}, not checked: {one_line(why)}")
    else:
        axioms = ", ".join(checked.assumptions)
        result(f"Proved: Coq accepts {where} ({checked.seconds:.0f} s), resting on {axioms} alone.")
