"""Docstrings say what is so: their "Shapes:" are what comes out, their "Source:" names a heading that exists."""

import ast
import inspect
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.layers import LAYERS
from backproof.losses import LOSSES
from cases import LAYER_CASES, LOSS_CASES, LayerCase
from oracles import point

ROOT = Path(__file__).parents[1]
LINE = re.compile(r"^    (?P<name>[\w\[\]]+): \((?P<axes>(?:[^()]|\([^()]*\))*)\)(?P<rest>[^\n]*)$", re.MULTILINE)
Sizes = dict[str, Any]


def shapes_of(text: str) -> dict[str, tuple[list[str], str]]:
    """Return the axes, as words, and the rest of the line for every name of a "Shapes:" section."""
    section = re.search(r"^Shapes:\n((?:    .*\n?)+)", inspect.cleandoc(text), re.MULTILINE)
    lines = LINE.finditer(section[1]) if section else ()
    return {m["name"]: ([axis.strip() for axis in m["axes"].split(",") if axis.strip()], m["rest"]) for m in lines}


def match(axes: list[str], shape: tuple[int, ...], sizes: Sizes, what: str) -> None:
    """Assert that a shape is what the axes say; new letters get their sizes on the way."""
    left = list(shape)
    for position, axis in enumerate(axes):
        if axis.startswith("\\*"):
            rest = len(axes) - position - 1
            taken, left = tuple(left[: len(left) - rest]), left[len(left) - rest :]
            assert sizes.setdefault(axis, taken) == taken, f"{what}: {axis} is {taken}, expected {sizes[axis]}"
            continue
        assert left, f"{what}: shape {shape} has fewer axes than ({', '.join(axes)})"
        size = left.pop(0)
        # "m n" and "m (n + 1)" are products; a letter on its own is bound when it is first met.
        known = axis in sizes or not axis.isidentifier()
        expected = eval(re.sub(r"(\w) (?=[\w(])", r"\1 * ", axis), {}, sizes) if known else sizes.setdefault(axis, size)
        assert size == expected, f"{what}: axis {axis} is {size}, expected {expected}"
    assert not left, f"{what}: shape {shape} has more axes than ({', '.join(axes)})"


def stated_by(layer: type) -> str:
    """Return the docstring of a class, or of the nearest of its bases, that states shapes."""
    texts = [vars(owner).get("__doc__") or "" for owner in layer.__mro__]
    return next(text for text in texts if "Shapes:" in text)


def check_layer(text: str, case: LayerCase, places: tuple[int, ...] = ()) -> None:
    """Assert that a layer's shapes are those its docstring states."""
    shapes = shapes_of(text)
    layer, theta, x = point(case, 4, 3, 5, places)
    step = layer.linearize(theta, x)
    sizes: Sizes = {"batch": 5}
    assert {"x", "y", "A"} <= set(shapes), f"{case.name}: the docstring has shapes of {set(shapes)}"
    named = {} if "B[name]" in shapes else theta  # combinators say for all parts at once what the base class says
    for name, array in (("x", x), ("y", step.output), *named.items()):
        assert name in shapes, f"{case.name}: the docstring has no shape of {name}"
        match(shapes[name][0], array.shape, sizes, f"{case.name}: {name}")
    if places:
        return  # A and B are stated for one place
    sizes = {"m": math.prod(step.output.shape[1:]), "n": math.prod(x.shape[1:])}
    for name, operator in (("A", step.A), *((f"B[{key}]", B) for key, B in step.B.items())):
        if name not in shapes:
            continue
        axes, rest = shapes[name]
        match(axes, operator.shape, dict(sizes), f"{case.name}: {name}")
        shared = operator.batch is None
        wrong = "one per example" if shared else "shared"
        assert wrong not in rest, f"{case.name}: {name} is not {wrong}, as the docstring says"


# What a docstring states is the layer with its bias, and dropout while it drops.
STATED = [
    case
    for case in LAYER_CASES
    if not (case.name == "AugmentedLinear" and not case.layer.bias)  # type: ignore[attr-defined]
    and not (case.name == "Dropout" and case.layer.step is None)  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("case", STATED, ids=lambda case: repr(case.layer))
def test_shapes_in_a_layers_docstring_are_those_that_come_out(case: LayerCase) -> None:
    assert {stated.name for stated in STATED} == set(LAYERS)
    text = stated_by(LAYERS[case.name])
    check_layer(text, case)
    if r"\*places" in text:
        check_layer(text, case, (2, 3))


def check_loss(text: str, case: Any) -> None:
    """Assert that a loss's shapes are those its docstring states."""
    shapes, sizes = shapes_of(text), {"batch": 3}
    g = np.random.default_rng(0)
    z, y = g.normal(size=(3, 4)), case.targets(g, 3, 4)
    match(shapes["z"][0], z.shape, sizes, f"{case.name}: z")
    match(shapes["delta"][0], case.loss.value_and_gradient(z, y)[1].shape, sizes, f"{case.name}: delta")
    stated = re.findall(r"\(([^)]*)\)", f"({', '.join(shapes['y'][0])}){shapes['y'][1]}")
    assert any(_fits([a.strip() for a in axes.split(",") if a.strip()], y.shape, sizes) for axes in stated)


def _fits(axes: list[str], shape: tuple[int, ...], sizes: Sizes) -> bool:
    try:
        match(axes, shape, dict(sizes), "y")
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: repr(case.loss))
def test_shapes_in_a_losss_docstring_are_those_that_come_out(case: Any) -> None:
    check_loss(LOSSES[case.name].__doc__ or "", case)


@pytest.mark.parametrize(
    ("name", "said", "instead", "message"),
    [
        ("Linear", r"y: (batch, \*places, m)", r"y: (batch, \*places, n)", "y: axis n is 3, expected 4"),
        ("Linear", "A: (m, n), shared", "A: (n, m), shared", "A: axis n is 3, expected 4"),
        ("Linear", "weight: (m, n)\n", "weight: (m n)\n", "weight: axis m n is 3, expected 12"),
        ("Linear", "B[weight]: (m, m n)", "B[weight]: (m, n n)", "axis n n is 12, expected 16"),
        ("Linear", "A: (m, n), shared by the batch", "A: (m, n), one per example", "A is not one per example"),
        ("AugmentedLinear", "weight: (m, n + 1)", "weight: (m, n)", "weight: axis n is 5, expected 4"),
        ("Softmax", "A: (n, n), one per example", "A: (n, n), shared by the batch", "A is not shared"),
        ("LayerNorm", "    bias: (n,)\n", "", "no shape of bias"),
    ],
)
def test_a_wrong_docstring_is_caught(name: str, said: str, instead: str, message: str) -> None:
    case = next(case for case in LAYER_CASES if case.name == name)
    text = inspect.cleandoc(LAYERS[name].__doc__ or "")
    assert text.count(said) == 1
    check_layer(text, case)
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_layer(text.replace(said, instead), case)


def test_a_wrong_docstring_of_a_loss_is_caught() -> None:
    case = LOSS_CASES[0]
    text = inspect.cleandoc(LOSSES[case.name].__doc__ or "").replace("delta: (batch, n)", "delta: (n, batch)")
    with pytest.raises(AssertionError, match="delta: axis n is 3, expected 4"):
        check_loss(text, case)


def sources_of(code: str) -> Iterator[str]:
    """Yield what the docstrings of a file name as their sources, each as one line."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for said in re.findall(r"^Source: (.+(?:\n.+)*)", ast.get_docstring(node) or "", re.MULTILINE):
                yield " ".join(said.split())


def faults_of(source: str) -> list[str]:
    """Return what is wrong with one source: headings that its page lacks, headings of no page, unexplained papers."""
    cited = re.findall(r'(docs/\w+\.md), "([^"]+)"', source)
    headings = {page: re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE) for page, _ in cited}
    faults = [f"{page} has no heading {heading!r}" for page, heading in cited if heading not in headings[page]]
    if source.count('"') != 2 * len(cited):
        faults.append("a quoted heading is of no page")
    if re.search(r"\[[DO]\]", source) and "docs/mathematics.md" not in source:
        faults.append("it names a paper, but not the page that says which")
    return faults


def test_every_heading_that_a_docstring_cites_exists() -> None:
    files = sorted((ROOT / "src" / "backproof").rglob("*.py"))
    sources = [(file.name, source) for file in files for source in sources_of(file.read_text())]
    assert len(sources) >= 20
    wrong = [f"{name}: {source}: {fault}" for name, source in sources for fault in faults_of(source)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ('docs/mathematics.md, "Layers: total derivatives".', "no heading 'Layers: total derivatives'"),
        ('docs/mathematics.md, "Losses"; docs/mathematics.md,\n    "Layer".', "no heading 'Layer'"),
        ('MATH, "Losses".', "of no page"),
        ("[D], Algorithm 1.", "names a paper"),
    ],
)
def test_a_source_that_leads_nowhere_is_caught(said: str, fault: str) -> None:
    (source,) = sources_of(f'class A:\n    """It.\n\n    Source: {said}\n    """\n')
    (found,) = faults_of(source)
    assert fault in found
