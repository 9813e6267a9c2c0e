"""Files that are written whole or not at all."""

import errno
import os
import secrets
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from backproof.errors import BackproofError, DataError

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextmanager
def atomic_write(path: str | os.PathLike[str], error: type[BackproofError] = DataError) -> Iterator[BinaryIO]:
    """Open ``path`` for writing so that readers see the old file or the whole new one, nothing between.

    The bytes go to a temporary file in the same folder, which is flushed to the disk and renamed when the
    block ends without an exception, and removed otherwise; what a killed process left is removed by the next
    one that writes the same file. An existing file keeps its permissions, a symbolic link keeps pointing where
    it did. Devices and pipes are written directly.

    Args:
        path: where the file shall stand.
        error: the exception raised for a file that cannot be written.

    Raises:
        BackproofError: of the class ``error``: folder missing, no permission, no space left, ...
    """
    target = Path(os.path.realpath(path))
    try:
        with _temporary(target) if _replaceable(target) else target.open("wb") as handle:
            yield handle
    except OSError as problem:
        if isinstance(problem, BrokenPipeError) or _is_about_another_file(problem, target):
            raise
        raise error(f"cannot write {os.fspath(path)!r}: {_reason(problem, target)}") from problem


def _replaceable(target: Path) -> bool:
    """Tell whether a rename onto ``target`` is right: not onto a device or a pipe."""
    return not target.exists() or target.is_file() or target.is_dir()


@contextmanager
def _temporary(target: Path) -> Iterator[BinaryIO]:
    """Yield a new file beside ``target``; put it in the target's place if the block succeeds."""
    mode = _mode_to_keep(target)
    temporary, handle = _claim(target)
    try:
        with handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
            if mode is not None:
                os.chmod(temporary, mode)
            if fcntl is not None:
                # While the file is open it is locked, and no other writer takes it for an orphan.
                os.replace(temporary, target)
        if fcntl is None:
            os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(target.parent)


_PREFIX = ".backproof-"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def _claim(target: Path) -> tuple[Path, BinaryIO]:
    """Remove what killed writers of ``target`` have left, and open a new locked file for writing."""
    prefix = f"{_PREFIX}{zlib.crc32(os.fsencode(target.name)):08x}-"
    _reclaim(target.parent, prefix)
    while True:
        temporary = target.with_name(f"{prefix}{secrets.token_hex(6)}.tmp")
        # O_EXCL with 0o666 lets the umask decide a new file's permissions, as open() does; mkstemp would not.
        handle = os.fdopen(os.open(temporary, _FLAGS, 0o666), "wb")
        _lock(handle.fileno())
        if fcntl is None or os.fstat(handle.fileno()).st_nlink:
            return temporary, handle
        # Another writer has taken it for an orphan between creation and lock.
        handle.close()


def _reclaim(folder: Path, prefix: str) -> None:
    """Remove temporary files whose writer is dead: a writer that lives holds a lock on its own."""
    with suppress(OSError):
        stale = [entry.path for entry in os.scandir(folder) if entry.name.startswith(prefix)]
        for path in stale:
            _remove_unlocked(path)


def _remove_unlocked(path: str) -> None:
    with suppress(OSError):
        if fcntl is None:
            # Where there is no fcntl, the system itself refuses to remove a file that is open.
            os.unlink(path)
            return
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Hold a lock until the file is closed or the process ends, where the file system has locks."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def _mode_to_keep(target: Path) -> int | None:
    """Return the permissions of the file that stands there; refuse what an ordinary open would refuse."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder; give a file name", str(target))
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is write-protected", str(target))
    return stat.S_IMODE(status.st_mode)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be opened."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_about_another_file(problem: OSError, target: Path) -> bool:
    """Tell whether an error inside the block names a file elsewhere, such as an input that is missing."""
    if problem.filename is None or isinstance(problem.filename, int):
        return False
    name = Path(os.fsdecode(problem.filename))
    return name.parent != target.parent or not (name == target or name.name.startswith(_PREFIX))


def _reason(problem: OSError, target: Path) -> str:
    """Say in words why the system refused."""
    if isinstance(problem, FileNotFoundError):
        return f"the folder {str(target.parent)!r} does not exist"
    return problem.strerror or str(problem)
