import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from backproof.errors import DataError, ModelFileError
from backproof.files import atomic_write


def write(path: Path, content: bytes = b"new") -> None:
    with atomic_write(path) as handle:
        handle.write(content)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_file_appears_with_its_content_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "a.bin", b"content")
    assert (tmp_path / "a.bin").read_bytes() == b"content"
    assert names(tmp_path) == ["a.bin"]


def test_nothing_is_visible_under_the_name_until_the_block_ends(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")
    with atomic_write(tmp_path / "a.bin") as handle:
        handle.write(b"new")
        handle.flush()
        assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert (tmp_path / "a.bin").read_bytes() == b"new"


def write_half(path: Path, interruption: type[BaseException]) -> None:
    with atomic_write(path) as handle:
        handle.write(b"half")
        raise interruption


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_block_leaves_the_old_file_and_no_other(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")
    with pytest.raises(interruption):
        write_half(tmp_path / "a.bin", interruption)
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def no_space(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_line_that_names_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")
    monkeypatch.setattr(os, call, no_space)
    with pytest.raises(DataError, match=r"cannot write '.*a\.bin': No space left on device$"):
        write(tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("size", [10, 10_000_000])
def test_a_real_device_without_space_is_reported(size: int) -> None:
    with pytest.raises(DataError, match=r"cannot write '/dev/full': No space left on device"):
        write(Path("/dev/full"), b"x" * size)


def test_a_limited_file_size_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(DataError, match="File too large"):
            write(tmp_path / "a.bin", b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == []


def test_file_and_folder_reach_the_disk_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    sync, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def rename(source: Path, target: Path) -> None:
        events.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", rename)
    write(tmp_path / "a.bin")
    assert events == ["file", "rename", "folder"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot write '.*b\.csv': the folder '.*nowhere' does not exist"):
        write(tmp_path / "nowhere" / "b.csv")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it is a folder"):
        write(tmp_path)
    assert names(tmp_path) == []


def test_a_write_protected_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(DataError, match="write-protected"):
        write(tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == b"old"


def test_the_error_class_can_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError), atomic_write(tmp_path / "no" / "model", ModelFileError):
        pass


def test_permissions_are_kept_and_new_files_follow_the_umask(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"")
    os.chmod(tmp_path / "old", 0o640)
    before = os.umask(0o027)
    try:
        write(tmp_path / "old")
        write(tmp_path / "new")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("old", "new")]
    assert modes == [0o640, 0o640]
    os.chmod(tmp_path / "old", 0o604)
    write(tmp_path / "old")
    assert stat.S_IMODE(os.stat(tmp_path / "old").st_mode) == 0o604


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.bin").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a.bin")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.bin").read_bytes() == b"new"
    assert names(tmp_path) == ["link", "real"]


def test_a_dangling_link_is_filled(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "later")
    write(tmp_path / "link")
    assert (tmp_path / "later").read_bytes() == b"new"


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write(tmp_path / "pipe", b"through")
    reader.join(timeout=30)
    assert received == [b"through"]


def test_an_error_about_another_file_is_not_renamed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="input"), atomic_write(tmp_path / "a.bin"):
        (tmp_path / "elsewhere" / "input").read_bytes()
    assert names(tmp_path) == []


def test_a_long_name_is_possible_or_explained(tmp_path: Path) -> None:
    write(tmp_path / ("n" * 250))
    with pytest.raises(DataError, match="name too long"):
        write(tmp_path / ("n" * 300))
    assert names(tmp_path) == ["n" * 250]


WRITER = """
import os, signal, sys, time
from backproof.files import atomic_write
with atomic_write(sys.argv[1]) as handle:
    handle.write(b"half")
    handle.flush()
    print("writing", flush=True)
    sys.stdin.readline()
"""


def start_writer(path: Path) -> "subprocess.Popen[str]":
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    return writer


def test_the_next_write_removes_what_killed_writers_left(tmp_path: Path) -> None:
    for _ in range(2):
        with start_writer(tmp_path / "a.bin") as writer, start_writer(tmp_path / "a.bin") as other:
            writer.kill()
            other.kill()
    left = names(tmp_path)
    assert left
    write(tmp_path / "b.bin")
    assert names(tmp_path) == [*left, "b.bin"]
    write(tmp_path / "a.bin")
    assert names(tmp_path) == ["a.bin", "b.bin"]


def test_the_file_of_a_writer_that_lives_is_left_to_it(tmp_path: Path) -> None:
    with start_writer(tmp_path / "a.bin") as writer:
        write(tmp_path / "a.bin")
        assert (tmp_path / "a.bin").read_bytes() == b"new"
        writer.communicate("\n")
    assert writer.returncode == 0
    assert (tmp_path / "a.bin").read_bytes() == b"half"
    assert names(tmp_path) == ["a.bin"]


def test_a_failing_write_inside_another_of_the_same_file_spares_it(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.bin") as outer:
        outer.write(b"outer")
        with pytest.raises(RuntimeError):
            write_half(tmp_path / "a.bin", RuntimeError)
    assert (tmp_path / "a.bin").read_bytes() == b"outer"
    assert names(tmp_path) == ["a.bin"]
