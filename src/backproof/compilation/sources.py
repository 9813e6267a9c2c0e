"""Generated source becomes functions, and tracebacks show its lines."""

import linecache
import weakref
from typing import Any

__all__ = ["execute"]


def execute(source: str, names: dict[str, Any], owner: Any) -> None:
    """Run a source's definitions in a namespace, and keep its text for tracebacks as long as its owner lives."""
    file = f"<backproof program {id(owner):x}>"
    exec(compile(source, file, "exec"), names)
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    weakref.finalize(owner, linecache.cache.pop, file, None).atexit = False
