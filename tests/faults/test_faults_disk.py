"""A full disk, as a small file system where one can be mounted, else as a limit on file sizes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.faults.disk import Disk

# Appends 1 kB for each line it is told, and says how that went.
WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for line in sys.stdin:
    try:
        print("ok" if os.write(file, bytes(100_000)) == 100_000 else "short", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""


class Writer:
    """A process that appends to a file when told to."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def append(self) -> str:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the server's data is."""
    return tmp_path / "data"


@pytest.fixture
def writer(folder: Path) -> Iterator[Writer]:
    """The server. Made after the disk, by the test's asking for it."""
    folder.mkdir(exist_ok=True)
    running = Writer(folder / "log")
    yield running
    running.process.kill()
    running.process.communicate()


def test_without_a_mount_a_full_disk_is_a_limit_on_file_sizes(folder: Path, writer: Writer) -> None:
    """The process lives, what it appends is refused, and goes on when the disk is free again."""
    disk = Disk(folder, 1)
    assert not disk.small and disk.how == "limit on file sizes"
    assert writer.append() == "ok"
    disk.fill(writer.process.pid)
    assert writer.append() == "File too large"
    disk.free(writer.process.pid)
    assert writer.append() == "ok"


def test_a_mounted_disk_is_filled_to_the_last_byte_and_freed(folder: Path) -> None:
    """ENOSPC in the middle of a server's writes; skipped where nothing can be mounted."""
    disk = Disk(folder, 2)
    disk.mount()
    if not disk.small:
        pytest.skip("mounting is not permitted here; the limit on file sizes stands in")
    running = Writer(folder / "log")
    try:
        assert running.append() == "ok"
        disk.fill(running.process.pid)
        assert running.append() in ("No space left on device", "short")  # to the end of its block
        assert running.append() == "No space left on device"
        disk.free(running.process.pid)
        assert running.append() == "ok"
    finally:
        running.process.kill()
        running.process.communicate()
        disk.unmount()
    assert not disk.small
