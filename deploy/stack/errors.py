"""What can go wrong with the local servers; every message says what failed, where, and the mend.

StackError
├── UnknownServer     a name that is none of the servers'
├── NotInstalled      a package or archive is missing and could not be fetched
├── PortInUse         another process listens where a server has to
├── FolderClosed      a server's own user may not enter the data folder
├── StartFailed       a server ended, or did not answer in time; carries its log's last lines
├── StopFailed        a server is still there after SIGKILL
├── NeverStarted      the data folder holds no stack yet
└── ConnectorFailed   Kafka Connect refused the connector, or its task failed
"""

from __future__ import annotations

from pathlib import Path


class StackError(Exception):
    """Any failure of the local servers; stop and show it."""


class UnknownServer(StackError):
    """A name that is none of the servers'."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there is no server called {name!r}; the servers are {', '.join(known)}")
        self.name = name


class NotInstalled(StackError):
    """A package or archive is missing and could not be fetched; the message names the command to run."""


class PortInUse(StackError):
    """Another process listens where a server has to."""

    def __init__(self, server: str, port: int, holder: str) -> None:
        super().__init__(
            f"{server} cannot start: port {port} on 127.0.0.1 is in use by {holder}. "
            f"Stop that process, or give {server} another port."
        )
        self.server = server
        self.port = port
        self.holder = holder


class FolderClosed(StackError):
    """A server's own user may not enter the data folder."""

    def __init__(self, server: str, user: str, folder: Path) -> None:
        super().__init__(
            f"{server} cannot start: it runs as the system user {user!r}, who may not enter {folder}. "
            "Put the data where every user can enter: RINGWATCH_STATE_DIR=/var/lib/ringwatch, for one."
        )
        self.server = server
        self.folder = folder


class StartFailed(StackError):
    """A server ended, or did not answer in time."""

    def __init__(self, server: str, what: str, log: Path, tail: str) -> None:
        lines = tail or "(the log is empty)"
        super().__init__(f"{server} did not start: {what}\nlast lines of {log}:\n{lines}")
        self.server = server
        self.what = what
        self.log = log
        self.tail = tail


class StopFailed(StackError):
    """A server is still there after SIGKILL."""

    def __init__(self, server: str, pid: int) -> None:
        super().__init__(f"{server} (pid {pid}) is still there after SIGKILL; look at it with: ps -o stat,cmd -p {pid}")
        self.server = server


class NeverStarted(StackError):
    """The data folder holds no stack yet."""

    def __init__(self, data: Path) -> None:
        super().__init__(f"no servers were ever started in {data}; start them with: ringwatch stack up")


class ConnectorFailed(StackError):
    """Kafka Connect refused the connector, or its task failed; carries the trace's first lines."""

    def __init__(self, name: str, what: str, trace: str = "") -> None:
        super().__init__(f"connector {name!r}: {what}" + (f"\n{trace}" if trace else ""))
        self.name = name
        self.trace = trace
