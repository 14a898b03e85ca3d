"""Shared by the tests of the demo bank: one run of it for the session."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import neo4j
import pytest
from flat_payments import write

from deploy.config import settings
from deploy.stack.endpoints import Endpoints
from graph.neo4j_store import Neo4jStore
from scoring.flat_set import read_flat

sys.path.insert(0, str(Path(__file__).parent))  # demo_run.py

from demo_run import Run


@pytest.fixture(scope="session")
def run() -> Run:
    """Read once; no test changes it."""
    return Run()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key for contacts, which leaves no file behind."""
    monkeypatch.setenv("RINGWATCH_CONTACT_KEY", "of the tests, thirty-two letters")


@pytest.fixture
def live_shop(
    tmp_path: Path, neo4j_driver: neo4j.Driver, servers: Endpoints, monkeypatch: pytest.MonkeyPatch, key: None
) -> Iterator[None]:
    """The small bank of `flat_payments` in Neo4j, and settings that say so."""
    mapping = write(tmp_path)
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    store = Neo4jStore(neo4j_driver, mapping.schema)
    store.init()
    store.apply(list(read_flat(mapping, tmp_path, pytest.fail).mirror.dump()))
    at = servers.neo4j
    for name, value in {"MAPPING": tmp_path / "shop.toml", "NEO4J_URI": at.uri, "NEO4J_USER": at.user,
                        "NEO4J_PASSWORD": at.password}.items():  # fmt: skip
        monkeypatch.setenv(f"RINGWATCH_{name}", str(value))
    settings.cache_clear()
    yield
    settings.cache_clear()
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
