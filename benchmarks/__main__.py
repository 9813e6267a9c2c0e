"""Run benchmarks and write their results: ``python -m benchmarks [claim ...]``."""

import argparse
import sys
import time
from pathlib import Path
from types import ModuleType

from . import adam, checkers, compiling, depth, gradients, import_time, measure, on_jax, on_pytorch, report
from .harness import Row, Settings, run

SCRIPTS: dict[str, ModuleType] = {
    module.CLAIM.name: module
    for module in (gradients, adam, depth, import_time, measure, compiling, on_pytorch, on_jax)
}
"""Every claim by name: a module with a ``CLAIM`` and, if it has more to say, ``extra(rows)``."""

COUNTS: dict[str, ModuleType] = {"checkers": checkers}
"""Comparisons that count and do not time: a module with ``main(case, output)``. They take an hour; name them to run."""


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    known = [*SCRIPTS, *COUNTS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time backproof beside its peers.")
    parser.add_argument("claims", nargs="*", help=f"which to run, of {', '.join(known)} (default: all that time)")
    parser.add_argument("--rounds", type=int, default=Settings.rounds, help="timed blocks of every candidate")
    parser.add_argument("--block", type=float, default=Settings.block, help="seconds of a block")
    parser.add_argument("--core", type=int, default=Settings.core, help="core to pin to, -1 for none")
    parser.add_argument("--clock", choices=report.CLOCKS, default=Settings.clock, help="cpu for a machine in use")
    parser.add_argument("--case", help="only the rows whose name contains this; nothing is written to results/")
    parser.add_argument("--output", type=Path, default=report.RESULTS, help="folder of the result files")
    options = parser.parse_args(given)
    unknown = sorted(set(options.claims) - set(known))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(known)}")
    return options


def progress(row: Row) -> None:
    times = ", ".join(f"{name} {report.seconds(timing.median)}" for name, timing in row.timings.items())
    print(f"{row.case}: {times}", *(f"; {name} not available" for name in row.unavailable), file=sys.stderr)


def measured(script: ModuleType, options: argparse.Namespace, settings: Settings) -> None:
    claim = script.CLAIM
    cases = [case for case in claim.cases if options.case is None or options.case in case]
    rows = run(claim, settings, cases, progress)
    extra = script.extra(rows) if hasattr(script, "extra") and rows else ""
    print(report.markdown(claim, rows, settings, extra))
    if options.case is None:
        report.write(claim, rows, settings, extra, options.output)


def main(given: list[str] | None = None) -> None:
    options = arguments(given)
    settings = Settings(options.rounds, options.block, None if options.core < 0 else options.core, options.clock)
    for name in options.claims or SCRIPTS:
        start = time.perf_counter()
        if name in COUNTS:
            COUNTS[name].main(options.case, options.output)
        else:
            measured(SCRIPTS[name], options, settings)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
