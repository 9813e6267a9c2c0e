"""Write docs/reference.md from the docstrings: what is public, said once, in the code."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from backproof.errors import BackproofError
from backproof.operators import PRODUCTS

SECTIONS = {
    "Gradients": "backpropagation",
    "Networks": "network",
    "Parameters": "parameters",
    "Quantities": "quantities",
    "Orders of multiplication": "chain",
    "Layers": "layers",
    "Losses": "losses",
    "Operators": "operators",
    "Training": "training",
    "Data": "data",
    "Models": "model",
    "Programs": "compilation",
    "Written programs": "compilation.writing",
    "PyTorch": "bridges",
    "Exercises": "exercises",
    "Checks": "checking",
    "Certificates": "proving",
    "Derivations": "derivation",
    "Summaries": "summaries",
}
HEADER = "# Reference\n\nMade from the docstrings by `make reference`; a test keeps it true.\n"


def public(module: ModuleType) -> list[str]:
    """Return the names a module offers: its ``__all__``, or what a package of such modules has gathered."""
    names = getattr(module, "__all__", vars(module))
    return sorted(n for n in names if not n.startswith("_") and not isinstance(getattr(module, n), ModuleType))


def entry(name: str, item: Any) -> str:
    """Return one class or function: its signature, its docstring, and a class's methods in a line each."""
    if not callable(item) or not inspect.getdoc(item):
        return f"### `{name}`\n\n{_shown(item)}\n"
    text = (inspect.getdoc(item) or "").replace("\\*", "*")
    lines = "\n".join(_methods(item)) if inspect.isclass(item) else ""
    methods = f"\n{lines}\n" if lines else ""
    return f"### `{name}`\n\n`{name}{_call(item)}`\n\n```text\n{text}\n```\n{methods}"


def _call(item: Any) -> str:
    signature = inspect.signature(item)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    # A function as a default is shown by its name; its address would differ from run to run.
    return re.sub(r"<function (\w+) at \w+>", r"\1", str(inspect.Signature(bare)))


def _shown(item: Any) -> str:
    if isinstance(item, dict):
        return (
            "A registry: "
            + ", ".join(f"`{key}`" for key in sorted(getattr(key, "__name__", str(key)) for key in item))
            + "."
        )
    return f"`{item!r}`"


def _methods(kind: type) -> Iterator[str]:
    """Yield the public methods and properties that a class itself defines, with the first line of each."""
    for name, member in vars(kind).items():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        function = getattr(function, "func", function)
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        first = inspect.cleandoc(function.__doc__).splitlines()[0].replace("\\*", "*")
        yield f"- `{name}`: {first}"


def section(title: str, module: ModuleType) -> str:
    """Return the entries of one module."""
    return f"\n## {title}\n\n" + "\n".join(entry(name, getattr(module, name)) for name in public(module))


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
    modules = {title: importlib.import_module(f"backproof.{name}") for title, name in SECTIONS.items()}
    return HEADER + "".join(section(*pair) for pair in modules.items()) + products() + exceptions()


if __name__ == "__main__":
    Path(__file__).with_name("reference.md").write_text(reference())
