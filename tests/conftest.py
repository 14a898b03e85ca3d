"""Shared by all tests: the real servers, started once for the session in a folder of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import neo4j
import pytest

from deploy.stack.control import delete, up
from deploy.stack.endpoints import Endpoints
from deploy.stack.layout import Layout, Ports
from graph.neo4j_store import connect

sys.path.insert(0, str(Path(__file__).parent / "graph"))  # histories.py

KEPT = os.environ.get("RINGWATCH_TEST_STACK")  # a folder to reuse between runs while developing


def _cache() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "ringwatch"


@pytest.fixture(scope="session")
def stack_layout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """A stack beside any that runs already: other ports, a new folder, deleted at the end."""
    if KEPT:
        yield Layout(Path(KEPT), _cache())
        return
    folder = tmp_path_factory.mktemp("stack")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)  # the databases run as users of their own
    layout = Layout(folder / "data", _cache(), Ports().shifted(20_000))
    yield layout
    delete(layout)


@pytest.fixture(scope="session")
def servers(stack_layout: Layout) -> Endpoints:
    """All of them, healthy."""
    return up(stack_layout)


@pytest.fixture(scope="session")
def neo4j_driver(servers: Endpoints) -> Iterator[neo4j.Driver]:
    """A driver on the real Neo4j."""
    at = servers.neo4j
    with connect(at.uri, at.user, at.password) as driver:
        yield driver
