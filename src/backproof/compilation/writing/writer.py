"""``write``: backpropagation of one network as a program that needs nothing of this library."""

import json
import os
import re
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np

from ... import errors
from ...losses import BinaryCrossEntropy, CrossEntropy, Loss, Poisson
from ...losses.base import require_loss
from ...network import Network
from ..program import Trace
from ..shapes import require_input_shape
from ..sizes import UntraceableError, text
from ..tracing import Targets, trace
from .idioms import Idiom, idiom
from .jacobians import trace_jacobian
from .skeletons import HEADS, MAINS, READERS, TRAINERS
from .statements import WIDTH, Line, lines

__all__ = ["PURPOSES", "write"]

PURPOSES = ("gradient", "train", "jacobian")
"""What a program may be for."""

_NAMES = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
_BATCH = 32


def write(
    net: Network,
    loss: Loss,
    input_shape: tuple[int, ...],
    *,
    library: str = "numpy",
    what: str = "gradient",
    dtype: Any = "float32",
    model: str | os.PathLike[str] = "model.backproof",
    data: str | os.PathLike[str] | None = None,
    program: str = "my_backprop.py",
) -> str:
    r"""Return a program that computes loss and gradient, trains, or computes the Jacobian in x.

    The program is what the formulas of the layers do, written out: one line an equation, in the names of the
    mathematics, for any batch size. It imports the array library (with NumPy, for erf also SciPy), not backproof.

    Args:
        net: the network.
        loss: what is differentiated (``what="jacobian"`` does without).
        input_shape: of one example.
        library: ``"numpy"``, ``"torch"`` or ``"jax"``.
        what: ``"gradient"``, ``"train"`` or ``"jacobian"``.
        dtype: of inputs and parameters, float32 or float64.
        model: the model file that the program reads unless it is given another, as seen from the program's folder.
        data: an NPZ file with ``x`` and ``y``, as the network takes them, that the program reads unless it is given
            another, as seen from the program's folder; without it, it draws them at random.
        program: the name that its own text calls it by.

    Raises:
        OptionError: an unknown library or purpose, an input shape that is none, or a layer that cannot be written;
            the message names it.
        ShapeError: the layers do not take the input shape.

    Source: [O], named in docs/mathematics.md, exemplifies the algorithm in code; this is the code of one's own network.
    """
    said, dtype = idiom(library), np.dtype(dtype)
    if what not in PURPOSES:
        raise errors.unknown_name("purpose", str(what), PURPOSES)
    require_loss("write", loss)
    input_shape = require_input_shape("write", input_shape)
    outputs = net.output_shape(input_shape)
    function = _function(_traced(net, loss, input_shape, dtype, what), said, what)
    head = _filled(HEADS[library], imports=_imports(said, function, dtype))
    tail = [TRAINERS[library]] if what == "train" else []
    parts = [
        _docstring(net, loss, input_shape, _library(said, function), what, program),
        head + "Theta = dict[str, Array]\n" + _places(model, data),
        function,
        *tail,
        _readers(said, input_shape, loss, outputs, dtype),
        _filled(MAINS[what], data="None" if data is None else "Path(__file__).parent / DATA"),
        'if __name__ == "__main__":\n    main()\n',
    ]
    return parts[0] + "\n" + "\n\n".join(parts[1:])


def _traced(net: Network, loss: Loss, shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> Trace:
    """Return what the program does, statement by statement."""
    try:
        if what == "jacobian":
            return trace_jacobian(net, shape, dtype, _BATCH)
        return trace(net, loss, shape, _targets(loss, net.output_shape(shape), dtype), dtype)
    except UntraceableError as error:
        raise errors.OptionError(f"write: {error}.") from error


def _targets(loss: Loss, outputs: tuple[int, ...], dtype: np.dtype[Any]) -> Targets:
    """Return dtype and shape of the targets a program takes: class indices where the loss is one of classes."""
    return ("int64", ()) if isinstance(loss, CrossEntropy) else (dtype, (int(np.prod(outputs)),))


def _docstring(net: Network, loss: Loss, shape: tuple[int, ...], library: str, what: str, program: str) -> str:
    chain = " -> ".join([f"x0 {text(shape)}", *(layer.label for layer in net.layers)])
    purpose = {
        "gradient": "Loss and gradient of a network by backpropagation",
        "train": "Training of a network by backpropagation",
        "jacobian": "The Jacobian of a network, multiplied out in the cheapest order",
    }[what]
    rule = {
        "jacobian": "A_l = d x_l / d x_(l-1), and J = A_L ... A_1, one matrix for every example.",
    }.get(what, "A_l = d x_l / d x_(l-1); delta_l = d loss / d x_l, a row for every example.")
    end = "" if what == "jacobian" else f" -> {loss!r}"
    wrapped = textwrap.wrap(chain + end, WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    network = "\n".join(f"    {line}" for line in wrapped)
    return (
        f'"""{purpose}, in {library}.\n\n{network}\n\n{rule}\n\n'
        f'    python {program} [MODEL [DATA.npz]]  # DATA: x and y as the network takes them\n"""\n'
    )


def _function(traced: Trace, said: Idiom, what: str) -> str:
    """Return the function that is the mathematics."""
    body, outputs = lines(traced, said)
    head, decorator = (
        {
            "jacobian": (
                'def jacobian(theta: Theta, x0: Array) -> Array:\n    """Return d x_L / d x_0, (n, n_L, n_0)."""',
            )
        }.get(
            what,
            (
                "def loss_and_gradient(theta: Theta, x0: Array, y: Array) -> tuple[Array, Theta]:\n"
                '    """Return the loss, and its gradient in every parameter."""',
            ),
        )[0],
        {"numpy": "", "torch": "@torch.inference_mode()\n", "jax": "@jax.jit\n"}[said.library],
    )
    unpacked = list(_unpacked(traced, "\n".join(line.code for line in body)))
    size = ["    n = x0.shape[0]"] if any(line.sizes for line in body) else []
    if what == "jacobian":
        last = [f"    return {outputs['J']}"]
    else:
        pairs = [f"{_quoted(name)}: {text}" for name, text in outputs.items() if name != "loss"]
        last = _fitted(f"    return {outputs['loss']}, {{", pairs, "}")
    return (
        decorator
        + "\n".join([head, *unpacked, *size, *(part for line in body for part in _commented(line)), *last])
        + "\n"
    )


def _unpacked(traced: Trace, code: str) -> Iterable[str]:
    """Yield the lines that name the parameters, those of one layer together."""
    layers: dict[str, list[tuple[str, str]]] = {}
    for name, value in traced.parameters.items():
        if re.search(rf"\b{value.name}\b", code):
            layers.setdefault(name.rpartition(".")[0], []).append((value.name, f"theta[{_quoted(name)}]"))
    for pairs in layers.values():
        line = f"    {', '.join(name for name, _ in pairs)} = {', '.join(array for _, array in pairs)}"
        yield from [line] if len(line) <= WIDTH else [f"    {name} = {array}" for name, array in pairs]


def _commented(line: Line) -> Iterable[str]:
    """Yield a line with its comment beside it, above it where both are too long."""
    first, *rest = [f"    {part}" for part in line.code.split("\n")]
    if not line.comment or rest:
        yield from (first, *rest)
    elif len(first) + len(line.comment) + 4 <= WIDTH:
        yield f"{first}  # {line.comment}"
    else:
        yield f"    # {line.comment}"
        yield first


def _fitted(start: str, items: list[str], end: str) -> list[str]:
    """Return a bracketed list on one line or, where that is too long, one item a line."""
    line = f"{start}{', '.join(items)}{end}"
    if len(line) <= WIDTH:
        return [line]
    margin = start[: len(start) - len(start.lstrip())]
    return [start, *(f"{margin}    {item}," for item in items), f"{margin}{end}"]


def _readers(said: Idiom, shape: tuple[int, ...], loss: Loss, outputs: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    m, classes = int(np.prod(outputs)), isinstance(loss, CrossEntropy)
    many = f"({_BATCH}, {m})"
    drawn = {
        CrossEntropy: f"rng.integers({m}, size={_BATCH})",
        BinaryCrossEntropy: f"rng.integers(2, size={many})",
        Poisson: f"rng.poisson(1.0, {many})",
    }.get(type(loss), f"rng.standard_normal({many})")
    x, y = (_taken(said, f'pair["{name}"]', dtype, name == "x" or not classes) for name in "xy")
    return _filled(READERS[said.library], shape=text((_BATCH, *shape)), targets=drawn, x=x, y=y)


def _taken(said: Idiom, array: str, dtype: np.dtype[Any], real: bool) -> str:
    """Return the expression of a NumPy array as one of the library, where it is of real numbers in the dtype."""
    if said.library == "numpy":
        return f"{array}.astype(np.{dtype})" if real else array
    if said.library == "torch":
        cast = {"float32": ".float()", "float64": ".double()"}[str(dtype)]
        return f"torch.from_numpy({array}){cast if real else ''}"
    return f"jnp.asarray({array}{f', jnp.{dtype}' if real else ''})"


def _places(model: str | os.PathLike[str], data: str | os.PathLike[str] | None) -> str:
    """Return the lines that name the files, as seen from the program's folder."""
    named = f"MODEL = {_quoted(os.fspath(model))}\n"
    return named if data is None else f"{named}DATA = {_quoted(os.fspath(data))}\n"


def _library(said: Idiom, function: str) -> str:
    return f"{_NAMES[said.library]}{' and SciPy' if _needs_scipy(said, function) else ' alone'}"


def _needs_scipy(said: Idiom, function: str) -> bool:
    return said.library == "numpy" and "erfc(" in function


def _imports(said: Idiom, function: str, dtype: np.dtype[Any]) -> str:
    """Return the lines that a program needs beyond the usual imports."""
    if _needs_scipy(said, function):
        return "from scipy.special import erfc\n"
    if said.library == "jax" and dtype == np.float64:
        return 'jax.config.update("jax_enable_x64", True)\n'
    return ""


def _quoted(word: str) -> str:
    """Return a string literal in double quotes."""
    return json.dumps(word, ensure_ascii=False)


def _filled(skeleton: str, **parts: str) -> str:
    for name, part in parts.items():
        skeleton = skeleton.replace(f"@{name}@", part)
    return skeleton
