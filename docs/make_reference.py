"""Write docs/reference.md from the docstrings: what is public, said once, in the code."""

import inspect
from pathlib import Path
from typing import Any

import backproof as bp
from backproof.errors import BackproofError
from backproof.layers import LAYERS
from backproof.losses import LOSSES
from backproof.operators import OPERATORS, PRODUCTS

FUNCTIONS = (bp.value_and_gradient, bp.gradient, bp.input_gradient, bp.algorithm_1, bp.naive_product)
CORE = (bp.Network, bp.Parameters, bp.Tally)
QUANTITIES = (
    bp.jacobian, bp.dense_jacobian, bp.Jacobian, bp.ParameterJacobian, bp.plan, bp.Plan,
    bp.jvp, bp.vjp, bp.linearize, bp.jacrev, bp.jacfwd,
    bp.per_example_gradients, bp.PerExampleGradients, bp.per_example_norms, bp.clipped_gradient,
    bp.gradient_statistics, bp.ntk, bp.ggn, bp.fisher, bp.Curvature, bp.hessian, bp.hvp, bp.Hessian,
    bp.spectrum, bp.Spectrum, bp.local_affine, bp.prediction_interval,
)  # fmt: skip
HEADER = "# Reference\n\nMade from the docstrings by `make reference`; a test keeps it true.\n"


def entry(item: Any) -> str:
    """Return one class or function: its signature and its docstring."""
    signature = inspect.signature(item)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    call = str(inspect.Signature(bare))
    text = (inspect.getdoc(item) or "").replace("\\*", "*")
    return f"### `{item.__name__}`\n\n`{item.__name__}{call}`\n\n```text\n{text}\n```\n"


def section(title: str, items: Any) -> str:
    """Return a titled list of entries."""
    return f"\n## {title}\n\n" + "\n".join(entry(item) for item in items)


def products() -> str:
    """Return the table of products."""
    rows = [f"| {left} | {right} | {rule.result} |" for (left, right), rule in PRODUCTS.items()]
    return "\n## Products of structures\n\n| left | right | result |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def exceptions() -> str:
    """Return the tree of exceptions."""
    rows = [f"| `{kind.__name__}` | {inspect.getdoc(kind)} |" for kind in BackproofError.__subclasses__()]
    return "\n## Errors\n\n| class | raised when |\n|---|---|\n" + "\n".join(rows) + "\n"


def reference() -> str:
    """Return the whole page."""
    return "".join(
        [
            HEADER,
            section("Gradients", FUNCTIONS),
            section("Networks and parameters", CORE),
            section("Quantities", QUANTITIES),
            section("Layers", [LAYERS[name] for name in sorted(LAYERS)]),
            section("Losses", LOSSES.values()),
            section("Operators", OPERATORS.values()),
            products(),
            exceptions(),
        ]
    )


if __name__ == "__main__":
    Path(__file__).with_name("reference.md").write_text(reference())
