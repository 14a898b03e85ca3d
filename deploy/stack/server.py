"""One local server: how it is prepared, started, asked whether it is well, and stopped."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

from deploy.stack.errors import FolderClosed, PortInUse, StartFailed, StopFailed
from deploy.stack.process import Command, await_remains, launch, recall, stop, tail

HOST = "127.0.0.1"
TAIL_LINES = 15
POLL_S = 0.2
REMAINS_LIMIT_S = 10


def nothing() -> None:
    """Do nothing: the step a server does not need."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server and its duties; `home` is its folder, `user` the system user it has to run as (None: oneself).

    `prepare` writes its configuration and, once, its empty store, and says what to run. `settle` is repeated
    after the start until it succeeds, and makes accounts. `health` asks a real question over the server's own
    protocol, with a limit of a few seconds. All three raise any exception when they fail.
    """

    name: str
    title: str
    ports: tuple[int, ...]
    home: Path
    log: Path
    pid_file: Path
    prepare: Callable[[], Command]
    health: Callable[[], None]
    user: str | None = None
    settle: Callable[[], None] = nothing
    needs: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    start_limit_s: float = 90
    stop_limit_s: float = 30

    def pid(self) -> int | None:
        """Return the process id while the server runs."""
        found = recall(self.pid_file)
        return found.pid if found else None

    def start(self) -> bool:
        """Start it unless it runs, and wait until it is well; returns whether it had to be started.

        Raises PortInUse, FolderClosed, or StartFailed with the log's last lines.
        """
        if self.pid() is not None:
            self._await(None)
            return False
        await_remains(self.pid_file, REMAINS_LIMIT_S)
        for port in self.ports:
            require_free(self.title, port)
        if self.user is not None:
            require_reachable(self.title, self.user, self.home.parent)
        command = self._prepare()
        try:
            process = launch(command, self.log, self.pid_file)
        except OSError as error:
            raise StartFailed(self.title, f"cannot run {command.argv[0]}: {error}", self.log, "") from error
        self._await(process)
        return True

    def stop(self) -> bool:
        """Stop it if it runs; returns whether it ran. Raises StopFailed."""
        found = recall(self.pid_file)
        if found is not None and not stop(found, self.stop_signal, self.stop_limit_s):
            raise StopFailed(self.title, found.pid)
        self.pid_file.unlink(missing_ok=True)
        return found is not None

    def _prepare(self) -> Command:
        try:
            return self.prepare()
        except subprocess.CalledProcessError as error:
            output = str(error.stdout or "")
            last = "\n".join(output.splitlines()[-TAIL_LINES:])
            what = f"{Path(error.cmd[0]).name} ended with status {error.returncode} while preparing it"
            raise StartFailed(self.title, what, self.log, last) from error

    def _await(self, process: subprocess.Popen[bytes] | None) -> None:
        """Wait until settled and well; a process of ours that ended, or the time limit, ends the wait."""
        deadline = time.monotonic() + self.start_limit_s
        while True:
            try:
                self.settle()
                return self.health()
            except Exception as error:  # whatever a driver raises: told at the limit
                self._give_up_if_due(process, deadline, error)
            time.sleep(POLL_S)

    def _give_up_if_due(
        self, process: subprocess.Popen[bytes] | None, deadline: float, error: Exception
    ) -> None:
        if process is not None and (status := process.poll()) is not None:
            what = f"its process ended with status {status}"
        elif process is None and self.pid() is None:
            what = "its process ended"
        elif time.monotonic() > deadline:
            what = f"it did not answer within {self.start_limit_s:g} s ({describe(error)})"
        else:
            return
        raise StartFailed(self.title, what, self.log, tail(self.log, TAIL_LINES)) from error


def describe(error: Exception) -> str:
    """Return an exception as one short line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def require_free(server: str, port: int) -> None:
    """Raise PortInUse, naming the process, when something listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)   # as servers do: TIME_WAIT is no use
        try:
            probe.bind((HOST, port))
        except OSError:
            raise PortInUse(server, port, holder_of(port)) from None


def holder_of(port: int) -> str:
    """Name the process that listens on a port; other users' processes are seen by root only."""
    for each in psutil.net_connections(kind="tcp"):
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid is not None:
            try:
                return f"{psutil.Process(each.pid).name()} (pid {each.pid})"
            except psutil.Error:      # gone, or not ours to look at: its pid is still worth telling
                return f"pid {each.pid}"
    return "a process of another user"


def require_reachable(server: str, user: str, folder: Path) -> None:
    """Raise FolderClosed, naming the first folder on the way that a system user may not enter."""
    entry = pwd.getpwnam(user)
    groups = os.getgrouplist(user, entry.pw_gid)
    for each in reversed([folder, *folder.parents]):
        if not each.exists():
            return                    # we are about to make it
        info = each.stat()
        shift = 6 if info.st_uid == entry.pw_uid else 3 if info.st_gid in groups else 0
        if not info.st_mode >> shift & 1:
            raise FolderClosed(server, user, each)

