"""Coq itself, and the development in ``proof/`` that certificates rest on, compiled once."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import MissingExtraError, ProofError

INSTALL = "apt-get install coq libcoq-mathcomp-analysis"
"""The one line that installs Coq 8.16 and MathComp Analysis on Debian."""

ROOTS = ("parts", "certificate", "losses", "softmax")
"""What a certificate imports; the rest is what these files import."""

_FILE_LIMIT = 300.0


def coq() -> str:
    """Return the path of ``coqc``.

    Raises:
        MissingExtraError: it, or MathComp Analysis, is not installed; the message has the install line.
    """
    found = shutil.which("coqc")
    # A coqc that cannot be run is as good as none.
    with suppress(OSError, subprocess.TimeoutExpired):
        if found is not None:
            asked = subprocess.run([found, "-where"], capture_output=True, text=True, check=False, timeout=60)
            if (Path(asked.stdout.strip()) / "user-contrib" / "mathcomp" / "analysis").is_dir():
                return found
    raise MissingExtraError(f"checking a proof needs Coq with MathComp Analysis: {INSTALL}")


def compiled_development(roots: Sequence[str] = ROOTS) -> Path:
    """Return the folder of the proof with these files compiled, and all they import.

    In a clone that is its ``proof`` folder; otherwise a copy in the user's cache.

    Raises:
        MissingExtraError: no Coq, or no MathComp Analysis.
        ProofError: the sources are missing or do not compile.
    """
    version = subprocess.run([coq(), "--print-version"], capture_output=True, text=True, check=False).stdout
    folder = development()
    with _locked(folder):
        stamp = folder / ".built"
        if stamp.exists() and stamp.read_text() != version:
            for compiled in folder.glob("*.vo"):
                compiled.unlink()
        done: set[str] = set()
        for name in roots:
            _compile(folder, name, done)
        stamp.write_text(version)
    return folder


def development() -> Path:
    """Return the folder of the proof's sources: ``proof`` in a clone, else a copy in the user's cache.

    Raises:
        ProofError: there are none.
    """
    package = Path(__file__).resolve().parents[1]
    clone = package.parents[1] / "proof"
    if package.parent.name == "src" and (clone / "_CoqProject").is_file() and os.access(clone, os.W_OK):
        return clone
    sources = sorted((clone if clone.is_dir() else package / "proof").glob("*.v"))
    if not sources:
        raise ProofError(f"the sources of the proof are not installed with backproof, expected {package / 'proof'}.")
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "backproof" / f"proof-{digest}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for source in sources:
            if not (cache / source.name).exists():
                shutil.copyfile(source, cache / source.name)
    except OSError as error:
        raise ProofError(f"the proof cannot be compiled in {cache}: {error.strerror}; set XDG_CACHE_HOME.") from None
    return cache


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time compile in a folder."""
    import fcntl

    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile(folder: Path, name: str, done: set[str]) -> None:
    """Compile a file after what it imports, unless it is compiled and newer than all that."""
    if name in done:
        return
    done.add(name)
    source, compiled = folder / f"{name}.v", folder / f"{name}.vo"
    imported = imports(source)
    for other in imported:
        _compile(folder, other, done)
    newest = max(path.stat().st_mtime_ns for path in (source, *(folder / f"{other}.vo" for other in imported)))
    if compiled.exists() and compiled.stat().st_mtime_ns >= newest:
        return
    code, output = run(["-Q", ".", "backproof", "-w", "none", source.name], folder, _FILE_LIMIT)
    if code != 0:
        why = "took too long" if code is None else " ".join(output.split())[-400:]
        raise ProofError(f"{source} does not compile: {why}")


def imports(source: Path) -> list[str]:
    """Return the files of the development that a file imports."""
    found = re.findall(r"From backproof Require Import ([^.]*)\.", source.read_text())
    return [name for names in found for name in names.split()]


def run(arguments: Sequence[str], folder: Path, timeout: float) -> tuple[int | None, str]:
    """Run ``coqc``; return its exit code, None if it ran out of time, and what it printed."""
    process = subprocess.Popen(
        [coq(), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except BaseException as error:
        # Its helpers, if any, go with it, also when the user interrupts.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            return None, ""
        raise
    return process.returncode, output
