"""The house stands: imports point down, files and functions are small, public names are documented."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import backproof as bp

ROOT = Path(bp.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

FLOORS: tuple[set[str], ...] = (
    {"errors", "pytrees"},
    {"arrays", "files", "options"},
    {"display", "functions", "merging", "tensors"},
    {"chain", "operators"},
    {"layers", "losses"},
    {"parameters"},
    {"network"},
    {"backpropagation", "model", "quantities", "summaries"},
    {"balls", "compilation"},
    {"bridges", "checking", "data", "derivation", "proving", "training"},
    {"exercises"},
    {"cli"},
    {"__init__", "__main__"},
)
"""From the ground up; a module or package imports from lower floors only, so never from its own."""

HEAVY = ("torch", "jax", "scipy", "sklearn", "polars", "rich", "typer", "safetensors", "array_api_compat", "sympy")


def unit_of(parts: tuple[str, ...]) -> str:
    """Return the module or package of the house that a path inside it belongs to."""
    return parts[0].removesuffix(".py")


def imports(tree: ast.AST, parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield what a file imports from the package itself, as paths inside it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "backproof":
                    yield tuple(alias.name.split(".")[1:])
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = parts[: len(parts) - node.level]
            elif node.module and node.module.split(".")[0] == "backproof":
                base = ()
            else:
                continue
            module = tuple((node.module or "").split("."))[0 if node.level else 1 :]
            path = base + tuple(part for part in module if part)
            yield from [(*path, alias.name) for alias in node.names]


def relative(file: Path) -> tuple[str, ...]:
    return file.relative_to(ROOT).parts


def floor(unit: str) -> int:
    for number, units in enumerate(FLOORS):
        if unit in units:
            return number
    raise AssertionError(f"{unit} has no floor: say in FLOORS where it stands")


def violations(source: str, parts: tuple[str, ...]) -> list[str]:
    """Return the imports of one file that do not point down."""
    unit, wrong = unit_of(parts), []
    for target in imports(ast.parse(source), parts):
        other = target[0]
        outside = other != unit and not other.startswith("__version")
        if outside and floor(other) >= floor(unit):
            wrong.append(f"{'/'.join(parts)} imports {'.'.join(target)}")
    return wrong


def test_imports_point_only_down_and_siblings_do_not_import_each_other() -> None:
    wrong = [line for file in FILES for line in violations(file.read_text(), relative(file))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("from ..layers import Linear", ("operators", "dense.py")),
        ("from .data import load", ("network.py",)),
        ("from backproof.training import fit", ("data", "loading.py")),
        ("import backproof.losses", ("layers", "base.py")),
        ("def f():\n    from ...cli import main", ("training", "deep", "file.py")),
    ],
)
def test_an_import_that_points_up_or_sideways_is_seen(source: str, parts: tuple[str, ...]) -> None:
    assert len(violations(source, parts)) == 1


def module_graph() -> dict[str, set[str]]:
    """Return which module imports which when it is loaded; imports inside functions wait and do not count."""
    names = {".".join(relative(file)).removesuffix(".py").removesuffix(".__init__"): file for file in FILES}
    graph: dict[str, set[str]] = {}
    for name, file in names.items():
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                node.body = []
        found = set()
        for target in imports(tree, relative(file)):
            whole, package = ".".join(target), ".".join(target[:-1])
            found.add(whole if whole in names else package)
        graph[name] = (found & set(names)) - {name}
    return graph


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle, empty if there are none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph.get(name, ())):
            if found := walk(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert cycle(module_graph()) == []
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]


def test_nothing_heavy_is_imported_by_the_package_or_a_gradient() -> None:
    code = f"""
import sys, numpy as np, backproof as bp
net, x = bp.Network([bp.Linear(3, 4), bp.ReLU(), bp.LayerNorm(4)]), np.ones((2, 3), np.float32)
bp.value_and_gradient(net, net.initialize(), x, np.array([0, 1]), bp.CrossEntropy())
print(*[name for name in {HEAVY} if name in sys.modules])"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(relative(file)))
def test_files_and_functions_are_small(file: Path) -> None:
    source = file.read_text()
    assert source.count("\n") <= 400, f"{file.name} has {source.count(chr(10))} lines, expected at most 400"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # The signature of a command is its list of options, so lines are counted from the docstring on.
            length = (node.end_lineno or 0) - node.body[0].lineno + 1
            assert length <= 60, f"{file.name}: {node.name} has {length} lines, expected at most 60"


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(relative(file)))
def test_no_pickle_and_nothing_unfinished(file: Path) -> None:
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        for name in (*names, module):
            assert name.split(".")[0] not in {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False, f"{file.name} allows pickles"
        assert not (isinstance(node, ast.Name) and node.id in {"NotImplementedError", "NotImplemented"}), file.name
    assert "TODO" not in file.read_text()


def undocumented(tree: ast.Module) -> list[str]:
    """Return the public functions, classes and methods of a file that say nothing."""
    missing = [] if ast.get_docstring(tree) else ["the module"]
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            missing += [] if ast.get_docstring(node) else [node.name]
    return missing


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(relative(file)))
def test_modules_classes_and_functions_have_docstrings(file: Path) -> None:
    assert undocumented(ast.parse(file.read_text())) == []


def test_a_missing_docstring_is_seen() -> None:
    assert undocumented(ast.parse("def f(): pass\nclass A: pass\ndef _g(): pass")) == ["the module", "f", "A"]


def test_everything_exported_exists_and_its_methods_are_documented() -> None:
    for name in dir(bp):
        thing = getattr(bp, name)
        if not inspect.isclass(thing):
            continue
        for method in [m for m in vars(thing) if not m.startswith("_")]:
            member = getattr(thing, method)
            if callable(member) or isinstance(inspect.getattr_static(thing, method), property):
                owner = inspect.getattr_static(thing, method)
                assert inspect.getdoc(getattr(owner, "fget", member)), f"{name}.{method} says nothing"
