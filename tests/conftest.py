"""Shared by all tests: the real servers, started once for the session in a folder of their own."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import neo4j
import pytest
import structlog

from deploy.compiled_cache import drop_stale
from deploy.config import Settings
from deploy.stack.control import delete, up
from deploy.stack.endpoints import Endpoints
from graph.neo4j_driver import connect

sys.path.insert(0, str(Path(__file__).parent / "graph"))  # histories.py

# A folder of this session's own: a further pytest closes the common one to other users, and the databases run as such.
os.environ["PYTEST_DEBUG_TEMPROOT"] = ROOM = tempfile.mkdtemp(prefix="rw-")
os.chmod(ROOM, 0o755)
atexit.register(shutil.rmtree, ROOM, ignore_errors=True)

drop_stale()  # before anything compiled runs

KEPT = os.environ.get("RINGWATCH_TEST_STACK")  # a stack's data folder to reuse between runs while developing
SHIFT = int(os.environ.get("RINGWATCH_TEST_SHIFT", "10000"))  # of its ports; another for a second run beside


def free_port() -> int:
    """A port nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A test that sets up the logs writes to that test's captured stderr, which is closed behind it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def stack_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a stack beside any that runs already: other ports, a new folder, deleted at the end."""
    if KEPT:
        yield Settings(state_dir=Path(KEPT).parent, port=free_port())
        return
    folder = tmp_path_factory.mktemp("state")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)  # the databases run as users of their own
    # Below the ports that the system gives to clients (32768 on): one of those may be taken at any moment.
    settings = Settings(state_dir=folder, stack_port_shift=SHIFT, port=free_port())
    yield settings
    if settings.stack_layout().secrets_file.exists():
        delete(settings.stack_layout(), lambda _: None)


@pytest.fixture(scope="session")
def servers(stack_settings: Settings) -> Endpoints:
    """All of them, healthy."""
    return up(stack_settings.stack_layout())


@pytest.fixture(scope="session")
def neo4j_driver(servers: Endpoints) -> Iterator[neo4j.Driver]:
    """A driver on the real Neo4j."""
    at = servers.neo4j
    with connect(at.uri, at.user, at.password) as driver:
        yield driver
