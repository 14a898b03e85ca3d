"""The databases and servers alerts are tested on: SQLite always, PostgreSQL and Redis where installed.

The fixtures are named in conftest.py.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvicorn

from alerts.api import create_app
from alerts.auth import AuthSettings
from alerts.policy import Policy
from alerts.services import AlertsSettings, Services, open_services

TOKEN = "a-token-for-tests-only"
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))


@pytest.fixture
def anyio_backend() -> str:
    """The pages run on asyncio."""
    return "asyncio"


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], timeout_s: float = 30) -> None:
    """Until something answers on the port; fails when the process ends first."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"{process.args} did not answer within {timeout_s} s")


@dataclass
class PostgresServer:
    """A PostgreSQL of our own on 127.0.0.1, which can be stopped and started again."""

    folder: Path
    port: int
    prefix: list[str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        options = ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-k", str(self.folder), "-c", "fsync=off"]
        command = [*self.prefix, str(POSTGRES[-1] / "postgres"), "-D", str(self.folder / "data"), *options]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        wait_for(self.port, self.process)
        for _ in range(100):
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise AssertionError("PostgreSQL does not take connections")

    def stop(self) -> None:
        """Stop at once (SIGQUIT), as a crash would."""
        assert self.process is not None
        self.process.send_signal(3)
        self.process.wait(20)

    def url(self, name: str) -> str:
        """Where a database of it is."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"alerts_{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL for the session, from Debian's binaries, as user postgres when we are root."""
    if not POSTGRES:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("postgres")
    prefix: list[str] = []
    if os.getuid() == 0:
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        for parent in (folder.parent, folder.parent.parent):
            parent.chmod(0o755)
        shutil.chown(folder, "postgres", "postgres")
    initdb = [*prefix, str(POSTGRES[-1] / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust"]
    subprocess.run([*initdb, "-N", "--encoding=UTF8"], check=True, capture_output=True, cwd=folder)
    server = PostgresServer(folder, free_port(), prefix)
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/alerts.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[str]:
    """The URL of a Redis of our own."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server: apt-get install redis-server")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
    wait_for(port, process)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(10)


def settings(url: str, **changed: Any) -> AlertsSettings:
    """Alerts from 0.8 on."""
    facts: dict[str, Any] = {"policy": Policy(0.8), "auth": AuthSettings(TOKEN)}
    return AlertsSettings(url, **(facts | changed))


@pytest.fixture
async def services(url: str) -> AsyncIterator[Services]:
    """Open services on each database."""
    async with await open_services(settings(url)) as opened:
        yield opened


@dataclass
class Site:
    """The app as browsers see it."""

    base: str
    services: Services


Serve = Callable[[Services], Any]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve services on a free port of 127.0.0.1, in this loop."""
    running: list[tuple[uvicorn.Server, asyncio.Task[None], Services]] = []

    async def start(services: Services) -> Site:
        port = free_port()
        config = uvicorn.Config(create_app(services), host="127.0.0.1", port=port, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        running.append((server, asyncio.create_task(server.serve()), services))
        while not server.started:
            await asyncio.sleep(0.01)
        return Site(f"http://127.0.0.1:{port}", services)

    yield start
    for server, task, services in running:
        services.tail.close()
        server.should_exit = True
        await task


@pytest.fixture
async def site(serve: Serve, tmp_path: Path) -> AsyncIterator[Site]:
    """The pages over SQLite."""
    async with await open_services(settings(f"sqlite:///{tmp_path}/site.db")) as opened:
        yield await serve(opened)
        opened.tail.close()
