"""The commands under one roof: global options, exit codes, and errors in one line."""

import errno
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from ..errors import BackproofError
from .console import one_line

FINE, FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO)

_ABOUT = """Backpropagation as a product of Jacobian matrices: train, predict, evaluate, summarize,
measure, explain, prove, certify.

\b
  backproof train digits -o digits.backproof
  backproof train houses.csv --target price --hidden 64,32 -o houses.backproof
  backproof predict houses.backproof new.csv -o prices.csv
  backproof evaluate digits.backproof digits
  backproof summary digits.backproof
  backproof spectrum digits.backproof digits -o spectrum.npz
  backproof explain digits.backproof digits --example 7 -o digits.html
  backproof prove digits.backproof -o digits.v
  backproof check layers.py::softmax --input 3x4
  backproof write digits.backproof -o digits_backprop.py
  backproof certify digits.backproof digits

DATA is a built-in word (digits, iris, wine, breast_cancer, diabetes), a CSV, Parquet, NPZ or NPY file, a folder of
IDX files as of MNIST, or - for CSV on standard input. Data go to standard output, everything else to standard error.

\b
Exit codes: 0 fine, 1 an error (one line on standard error), 2 wrong usage, 130 interrupted.
"""


def _show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"backproof {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


def application() -> typer.Typer:
    """Return the application with all its commands."""
    from . import (
        certifying,
        checking,
        evaluation,
        explaining,
        measuring,
        prediction,
        proving,
        summarizing,
        training,
        writing,
    )

    app = typer.Typer(name="backproof", help=_ABOUT, add_completion=False, no_args_is_help=True, rich_markup_mode=None)
    app.callback(help=_ABOUT)(_root)
    app.command("train")(training.train)
    app.command("predict")(prediction.predict)
    app.command("evaluate")(evaluation.evaluate)
    app.command("summary")(summarizing.summarize)
    app.command("explain")(explaining.explain)
    app.command("prove")(proving.prove)
    app.command("check")(checking.check)
    app.command("write")(writing.write)
    app.command("certify")(certifying.certify)
    for measure in (measuring.jacobian, measuring.spectrum, measuring.ntk, measuring.ggn):
        app.command(measure.__name__)(measure)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code; nothing but a bug raises."""
    as_json = "--json" in arguments
    try:
        code = _invoke(list(arguments))
        sys.stdout.flush()
        return code
    except BackproofError as error:
        return _failed(type(error).__name__, str(error), as_json)
    except MemoryError as error:
        return _failed("MemoryError", f"out of memory: {error}; try fewer or smaller layers, or less data", as_json)
    except BrokenPipeError:
        return _quiet()
    except OSError as error:
        if error.errno == errno.EPIPE:
            return _quiet()
        if error.filename is None and error.errno in _FULL:
            # Files are written by name; what has none is standard output.
            return _failed(type(error).__name__, f"cannot write to standard output: {error.strerror}", as_json)
        where = f" ({os.fspath(error.filename)!r})" if error.filename is not None else ""
        return _failed(type(error).__name__, f"{error.strerror or error}{where}", as_json)
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted", "Interrupted", as_json)
        return INTERRUPTED


def _invoke(arguments: list[str]) -> int:
    command: Any = typer.main.get_command(application())
    usage = _usage_error()
    try:
        with command.make_context("backproof", arguments) as context:
            result = command.invoke(context)
        return result if isinstance(result, int) else FINE
    except typer.Exit as leaving:
        return int(leaving.exit_code)
    except usage as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.ctx.get_help(), err=True)
            return USAGE
        context = error.ctx
        command_path = context.command_path if context is not None else "backproof"
        problem = error.format_message().rstrip(".")
        end = "" if problem.endswith(("?", "!")) else "."
        _say(f"{problem}{end} Try '{command_path} --help'.", "UsageError", "--json" in arguments)
        return USAGE


def _usage_error() -> Any:
    """Return the class of wrong-usage errors, which has a different home in every version of typer."""
    return next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


def _failed(kind: str, message: str, as_json: bool) -> int:
    _say(message, kind, as_json)
    return FAILED


def _say(message: str, kind: str, as_json: bool) -> None:
    text = one_line(message)
    line = json.dumps({"error": {"kind": kind, "message": text}}) if as_json else f"backproof: error: {text}"
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def _quiet() -> int:
    """Leave without a word; what is still buffered for the reader who has gone must not raise at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE
