"""``backproof check``: is the derivative of a function in a Python file right, and if not, where and why?"""

import importlib.util
import inspect
import re
import sys
import traceback
from contextlib import AbstractContextManager, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import json_result, result
from .outputs import check_output

KINDS = ("jacobian", "vjp", "jvp", "gradient")
WRONG = 1


def check(
    subject: Annotated[str, typer.Argument(metavar="FILE.py::NAME", help="A function, class or object in a file.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="INPUT", help="NPY file, NPZ file[:KEY] or shape such as 3x4; once for each."),
    ] = None,
    jacobian: Annotated[str | None, typer.Option(metavar="NAME", help="The Jacobian's name in the file.")] = None,
    vjp: Annotated[str | None, typer.Option(metavar="NAME", help="The vjp's name in the file.")] = None,
    jvp: Annotated[str | None, typer.Option(metavar="NAME", help="The jvp's name in the file.")] = None,
    gradient: Annotated[str | None, typer.Option(metavar="NAME", help="The gradient's name in the file.")] = None,
    dtype: Annotated[
        str | None,
        typer.Option(metavar="DTYPE", help="Of inputs given as shapes; default a module's own, else float64."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of inputs given as shapes, and of probes.")] = 0,
    oracle: Annotated[str, typer.Option(help="auto, complex, differences or autodiff.")] = "auto",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as a page.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and errors as JSON.")] = False,
) -> int:
    """Check a hand-written derivative against independent oracles; say where and why it is wrong.

    \b
      backproof check layers.py::softmax --input 5
      backproof check layers.py::Attention --input q.npy --input k.npy --input v.npy --html report.html
      backproof check layers.py::loss --gradient loss_slope

    FILE.py is run as a module. The derivative of NAME is NAME_jacobian, NAME_vjp, NAME_jvp or NAME_gradient in it,
    all that are there, or what the options name; PyTorch Functions and modules, JAX custom functions and layers
    bring their own. Without --input, the point is what NAME_inputs() or inputs() in the file returns.

    Exit codes: 0 right, 1 wrong or undecided, 2 it could not be checked.
    """
    from ..checking import check as check_derivative
    from ..errors import BackproofError

    try:
        if html is not None:
            check_output(html, "the page", "page of backproof check", _split(subject)[0])
        given = {"jacobian": jacobian, "vjp": vjp, "jvp": jvp, "gradient": gradient}
        thing, point, chosen = _problem(subject, inputs or [], given, dtype, seed)
        with _printing_aside():
            report = check_derivative(thing, *_for(thing, point), seed=seed, oracle=oracle, **chosen)
        if html is not None:
            report.html(html)
    except BackproofError as error:
        raise typer.BadParameter(str(error)) from error
    except typer.BadParameter:
        raise
    except (Exception, SystemExit) as error:
        raise typer.BadParameter(f"{subject}: {_said(error, _split(subject)[0])}") from error
    if json:
        json_result(report.to_dict())
    else:
        result(report.text())
    return 0 if report.ok else WRONG


def _problem(
    subject: str, inputs: list[str], given: dict[str, str | None], dtype: str | None, seed: int
) -> tuple[Any, Any, dict[str, Any]]:
    """Return what is checked, the point, and the derivatives that are named or stand beside it in the file."""
    path, name = _split(subject)
    module = _module(path)
    thing = _named(module, name, path)
    chosen = {kind: _named(module, other, path) for kind, other in given.items() if other is not None}
    chosen = chosen or {k: getattr(module, f"{name}_{k}") for k in KINDS if hasattr(module, f"{name}_{k}")}
    point = _point(inputs, module, name, dtype or _own_dtype(thing), seed)
    if not chosen and inspect.isfunction(thing) and not _brings_its_own(thing, point):
        wanted = ", ".join(f"{name}_{kind}" for kind in KINDS)
        raise typer.BadParameter(
            f"{name} came without a derivative, for {path.name} has none of {wanted}: write one, or name it with "
            "--jacobian, --vjp, --jvp or --gradient"
        )
    return thing, point, chosen


def _split(subject: str) -> tuple[Path, str]:
    path, mark, name = subject.partition("::")
    if not mark or not name:
        raise typer.BadParameter(f"{subject!r} came, expected FILE.py::NAME, as in layers.py::softmax")
    if not Path(path).is_file():
        raise typer.BadParameter(f"there is no file {path!r}")
    return Path(path), name


def _module(path: Path) -> Any:
    """Run a Python file as a module, with its own folder to import from."""
    spec = importlib.util.spec_from_file_location(f"backproof_checked_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise typer.BadParameter(f"{str(path)!r} is no Python file, expected a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    # Dataclasses look their module up.
    sys.modules[module.__name__] = module
    try:
        with _printing_aside():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise typer.BadParameter(f"running {str(path)!r} failed: {_said(error, path)}") from error
    finally:
        del sys.modules[module.__name__]
        if folder in sys.path:
            sys.path.remove(folder)
    return module


def _printing_aside() -> AbstractContextManager[Any]:
    """Return the context in which what the file prints goes to standard error: standard output is the report's."""
    return redirect_stdout(sys.stderr)


def _said(error: BaseException, path: Path) -> str:
    """Return an error of the file in one line, with the last line of the file that it came through."""
    lines = [
        f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == path.resolve()
    ]
    where = f" ({path.name}, line {lines[-1]})" if lines else ""
    text = " ".join(str(error).split())
    notes = " ".join(getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {text}{where}{f'; {notes}' if notes and not lines else ''}"


def _brings_its_own(function: Any, point: tuple[Any, ...]) -> bool:
    """Whether a plain function is one of tensors or JAX arrays, in which rules may be hidden."""
    from ..checking.jax_subjects import is_jax
    from ..checking.torch_subjects import is_torch

    return is_torch(function, point) or is_jax(function, point)


def _named(module: Any, name: str, path: Path) -> Any:
    from ..errors import unknown_name

    if not hasattr(module, name):
        known = [n for n in vars(module) if not n.startswith("_")]
        raise unknown_name(f"name in {path.name}", name, known)
    return getattr(module, name)


def _own_dtype(subject: Any) -> str:
    """Return the dtype of a PyTorch module's parameters, float64 of anything that has none."""
    parameters = getattr(subject, "parameters", None)
    if not callable(parameters) or not hasattr(subject, "named_buffers"):
        return "float64"
    found = [str(p.dtype).removeprefix("torch.") for p in parameters() if p.is_floating_point()]
    return "float32" if found and found[0] == "float32" else "float64"


def _point(inputs: list[str], module: Any, name: str, dtype: str, seed: int) -> tuple[Any, ...]:
    """Return the inputs of the command line, else those of the file."""
    import numpy as np

    if dtype not in ("float64", "float32"):
        raise typer.BadParameter(f"--dtype {dtype} came, expected float64 or float32")
    if inputs:
        generator = np.random.default_rng(seed)
        return tuple(_input(text, dtype, generator) for text in inputs)
    function = getattr(module, f"{name}_inputs", None) or getattr(module, "inputs", None)
    if function is None:
        raise typer.BadParameter(f"no --input came, and the file has neither {name}_inputs() nor inputs()")
    with _printing_aside():
        point = function()
    return point if isinstance(point, tuple) else (point,)


def _input(text: str, dtype: str, generator: Any) -> Any:
    """Return one input: standard normal numbers of a shape, or the array of a file."""
    import numpy as np

    if re.fullmatch(r"\d+(x\d+)*", text):
        return generator.standard_normal(tuple(map(int, text.split("x")))).astype(dtype)
    path, _, key = text.partition(".npz:")
    path = f"{path}.npz" if key else text
    try:
        with np.errstate(all="ignore"):
            loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise typer.BadParameter(
            f"--input {text}: {error}; expected an NPY file, an NPZ file or a shape such as 3x4"
        ) from error
    if isinstance(loaded, np.ndarray):
        return loaded
    keys = list(loaded.files)
    if not key and len(keys) != 1:
        raise typer.BadParameter(f"--input {text} holds {', '.join(keys)}: name one, as in {text}:{(keys or ['x'])[0]}")
    if key and key not in keys:
        raise typer.BadParameter(f"--input {text}: no array {key!r}, expected one of {', '.join(keys)}")
    return loaded[key or keys[0]]


def _for(subject: Any, point: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return NumPy inputs as tensors where the subject is PyTorch's."""
    import numpy as np

    from ..checking.torch_subjects import is_torch

    if not is_torch(subject, point):
        return point
    import torch

    return tuple(torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value for value in point)
