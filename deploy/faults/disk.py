"""A disk that can be filled: a small file system of a server's own, or else a limit on its files."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

BALLAST = "ringwatch-ballast"
BLOCK = bytes(1 << 20)
LIMIT_B = 1 << 16  # what a server's files may grow to where its disk can't be filled


class Disk:
    """A server's data folder on a tmpfs of `size_mb`, which takes root to mount.

    Where it can't be mounted, a full disk is played by RLIMIT_FSIZE: no file of the server's process may
    grow past 64 kB, so that what it appends to its logs is refused (EFBIG in place of ENOSPC).
    """

    def __init__(self, folder: Path, size_mb: int) -> None:
        """Nothing is mounted yet; `folder` is made."""
        self._folder, self._size_mb = folder, size_mb
        self._freed_to: tuple[int, int] | None = None

    @property
    def small(self) -> bool:
        """Whether it is a file system of its own."""
        return os.path.ismount(self._folder)

    @property
    def how(self) -> str:
        """What a full disk is made of here."""
        return f"tmpfs of {self._size_mb} MB" if self.small else "limit on file sizes"

    def mount(self) -> None:
        """Before the server's first start; a refusal leaves the folder on the disk it is on."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self.small:
            options = f"size={self._size_mb}m,mode=0700,uid={os.geteuid()},gid={os.getegid()}"
            command = ["mount", "-t", "tmpfs", "-o", options, "ringwatch-faults", str(self._folder)]
            subprocess.run(command, check=False, capture_output=True)

    def unmount(self) -> None:
        """After the server has ended; what it held is gone."""
        if self.small:
            subprocess.run(["umount", str(self._folder)], check=True, capture_output=True)

    def fill(self, pid: int) -> None:
        """No byte is left for the server `pid`."""
        if not self.small:
            self._freed_to = psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE)
            psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (LIMIT_B, self._freed_to[1]))
            return
        with open(self._folder / BALLAST, "wb", buffering=0) as ballast:
            for block in (BLOCK, BLOCK[:4096], BLOCK[:1]):
                _until_full(ballast.fileno(), block)

    def free(self, pid: int | None) -> None:
        """There is room again; `pid` is the server's where it still runs."""
        (self._folder / BALLAST).unlink(missing_ok=True)
        if self._freed_to is not None and pid is not None:
            psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, self._freed_to)
        self._freed_to = None


def _until_full(file: int, block: bytes) -> None:
    try:
        while os.write(file, block) == len(block):
            pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
