"""The command line: train, predict, evaluate, summarize."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``backproof`` and leave the process with its exit code.

    Exit codes: 0 fine, 1 an error of backproof's own (one line on standard error), 2 wrong usage, 130 interrupted,
    141 the reader of standard output has gone.
    """
    try:
        from .application import run

        code = run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        # Before ``run`` listens: while the modules are imported.
        print("backproof: error: interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)
