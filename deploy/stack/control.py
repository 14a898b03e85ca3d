"""Start, look at and stop the local servers."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import psutil  # type: ignore[import-untyped]  # it ships no types

from deploy.stack import connect, kafka, mariadb, neo4j, postgres, redis
from deploy.stack.endpoints import Endpoints, endpoints_of
from deploy.stack.errors import NeverStarted, StackError, UnknownServer
from deploy.stack.install import Echo, ensure_installed
from deploy.stack.layout import Layout
from deploy.stack.process import tail
from deploy.stack.secrets import Secrets, ensure_secrets, load_secrets
from deploy.stack.server import Server, describe

# In the order in which they are shown; each one's needs stand before it.
MAKERS: Mapping[str, Callable[[Layout, Secrets], Server]] = {
    "mariadb": mariadb.server, "kafka": kafka.server, "connect": connect.server,
    "neo4j": neo4j.server, "postgres": postgres.server, "redis": redis.server,
}
NAMES = tuple(MAKERS)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """How one server is: state is up, down, or sick (its process runs but does not answer; see `detail`)."""

    name: str
    state: str
    ports: tuple[int, ...]
    log: str
    pid: int | None = None
    uptime_s: float | None = None
    resident_mb: float | None = None
    detail: str = ""


def up(layout: Layout, names: Sequence[str] | None = None, echo: Echo = print) -> Endpoints:
    """Install, start and await the named servers (all by default) and those they need; a no-op when all is up.

    Raises a StackError that names the server; the others are started all the same.
    """
    wanted = _with_needs(layout, names)
    with _locked(layout):
        secrets = ensure_secrets(layout.secrets_file)
        servers = [MAKERS[name](layout, secrets) for name in wanted]
        idle = [each.name for each in servers if each.pid() is None]
        ensure_installed(idle, layout.cache, echo)
        _start_all(servers, echo)
        return endpoints_of(layout, secrets)


def down(layout: Layout, names: Sequence[str] | None = None, echo: Echo = print) -> None:
    """Stop the named servers (all by default) and those that need them. Raises StackError if one stays."""
    chosen = _known(names)
    if not layout.secrets_file.exists():
        return
    with _locked(layout):
        servers = {name: MAKERS[name](layout, load_secrets(layout.secrets_file)) for name in NAMES}
        doomed = [each for each in servers.values() if each.name in chosen or set(each.needs) & set(chosen)]
        dependants = [each for each in doomed if each.needs]
        for group in (dependants, [each for each in doomed if not each.needs]):
            _each(group, lambda server: _stop(server, echo))


def delete(layout: Layout, echo: Echo = print) -> None:
    """Stop everything and delete the data folder; the downloads stay."""
    if not layout.secrets_file.exists():
        raise NeverStarted(layout.data)     # and nothing is deleted that is not a stack's
    down(layout, echo=echo)
    shutil.rmtree(layout.data)
    echo(f"deleted {layout.data}")


def status(layout: Layout) -> list[ServerStatus]:
    """Return how each server is, in the order of NAMES; asks each one that runs."""
    secrets = load_secrets(layout.secrets_file) if layout.secrets_file.exists() else Secrets()
    return _each([make(layout, secrets) for make in MAKERS.values()], _status)


def logs(layout: Layout, name: str, lines: int = 50) -> str:
    """Return the last lines of a server's log."""
    _known([name])
    if not layout.log(name).exists():
        raise StackError(f"{name} has no log in {layout.log(name).parent} yet: it was never started")
    return tail(layout.log(name), lines)


def endpoints(layout: Layout) -> Endpoints:
    """Return the endpoints of a stack that was started before. Raises NeverStarted."""
    if not layout.secrets_file.exists():
        raise NeverStarted(layout.data)
    return endpoints_of(layout, load_secrets(layout.secrets_file))


def _known(names: Sequence[str] | None) -> list[str]:
    for name in names or ():
        if name not in NAMES:
            raise UnknownServer(name, NAMES)
    return [name for name in NAMES if not names or name in names]


def _with_needs(layout: Layout, names: Sequence[str] | None) -> list[str]:
    chosen = set(_known(names))
    for name in list(chosen):
        chosen.update(MAKERS[name](layout, Secrets()).needs)
    return [name for name in NAMES if name in chosen]


def _start_all(servers: Sequence[Server], echo: Echo) -> None:
    """Start servers side by side, each after those it needs; then raise the first failure, if any."""
    started: dict[str, Future[None]] = {}

    def start(server: Server) -> None:
        for need in server.needs:
            if started[need].exception() is not None:
                raise StackError(f"{server.title} was not started, since {need} did not start")
        begin = time.monotonic()
        if server.start():
            ports = ", ".join(str(port) for port in server.ports)
            echo(f"{server.title} is up on 127.0.0.1:{ports} ({time.monotonic() - begin:.1f} s)")
        else:
            echo(f"{server.title} was up already")

    with ThreadPoolExecutor(len(servers)) as pool:
        for server in servers:           # in order, so that a need is always submitted first
            started[server.name] = pool.submit(start, server)
    failed = [error for future in started.values() if (error := future.exception()) is not None]
    if failed:
        for other in failed[1:]:
            failed[0].add_note(str(other))
        raise failed[0]


def _stop(server: Server, echo: Echo) -> None:
    if server.stop():
        echo(f"{server.title} is stopped")


def _status(server: Server) -> ServerStatus:
    pid = server.pid()
    if pid is None:
        return ServerStatus(server.name, "down", server.ports, str(server.log))
    state, detail = "up", ""
    try:
        server.health()
    except Exception as error:  # whatever a driver raises is what the status tells
        state, detail = "sick", describe(error)
    try:
        process = psutil.Process(pid)
        uptime_s, resident_mb = time.time() - process.create_time(), process.memory_info().rss / 2**20
    except psutil.NoSuchProcess:
        return ServerStatus(server.name, "down", server.ports, str(server.log), detail="it ended just now")
    return ServerStatus(server.name, state, server.ports, str(server.log), pid,
                        round(uptime_s, 1), round(resident_mb, 1), detail)


def _each(servers: Sequence[Server], do: Callable[[Server], T]) -> list[T]:
    if not servers:
        return []
    with ThreadPoolExecutor(len(servers)) as pool:
        return list(pool.map(do, servers))


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    """Let one `up` or `down` at a time at a data folder; a second one waits."""
    layout.data.mkdir(parents=True, exist_ok=True)
    layout.lock_file.parent.mkdir(mode=0o700, exist_ok=True)
    with layout.lock_file.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
