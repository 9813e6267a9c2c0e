"""Run the Python blocks of pages and put what they print into the text blocks that follow them.

``python docs/refresh_outputs.py docs/gallery.md`` after a change of what the library prints; read the difference
before it is committed, since ``tests/test_docs.py`` asks no more than that page and output agree.
"""

import contextlib
import io
import re
import sys
from pathlib import Path

PAIR = re.compile(r"^```python\n(?P<code>.*?)^```$(?P<after>\s*^```text\n.*?^```$)?", re.MULTILINE | re.DOTALL)


def refreshed(page: str, name: str) -> str:
    """Return the page with the output of its blocks, which share one namespace."""
    scope = {"__name__": name}

    def run(found: re.Match[str]) -> str:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(found["code"], name, "exec"), scope)
        if found["after"] is None:
            return found[0]
        return f"```python\n{found['code']}```\n\n```text\n{output.getvalue().rstrip()}\n```"

    return PAIR.sub(run, page)


def main(paths: list[str]) -> None:
    """Rewrite the pages in place."""
    for path in map(Path, paths):
        path.write_text(refreshed(path.read_text(encoding="utf-8"), path.name), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
