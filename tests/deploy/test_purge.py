"""What `ringwatch graph purge` refuses, says and drops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import neo4j
import pytest
import structlog
from histories import canonical, demo_mapping
from typer.testing import CliRunner

import graph.neo4j_keep
from deploy.cli import app
from deploy.config import ConfigError, Settings, settings
from deploy.purge import SETTLE_S, carry_out, horizon_of, look
from deploy.stack.endpoints import Endpoints
from graph.model import EdgeUpsert, Gone, Horizon
from graph.neo4j_store import Neo4jStore
from graph.retention import DAY_MS
from graph.wire import unpacked
from ingest.records import Message

NOW_MS = 1_700_000_000_000


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, purge_days=30)


def test_what_may_still_come_again_is_not_purged(chosen: Settings) -> None:
    """By age or by date; the message names the setting and the reason."""
    with pytest.raises(ConfigError, match=r"younger than 30 days is refused.*RINGWATCH_PURGE_DAYS"):
        horizon_of(chosen, 29.9 * 86_400, None, NOW_MS)
    yesterday = datetime.fromtimestamp(NOW_MS / 1000 - 86_400, UTC)
    with pytest.raises(ConfigError, match="refused"):
        horizon_of(chosen, None, yesterday, NOW_MS)


def test_the_age_is_the_least_unless_given(chosen: Settings) -> None:
    """Thirty days by the setting."""
    assert horizon_of(chosen, None, None, NOW_MS) == NOW_MS - 30 * DAY_MS
    assert horizon_of(chosen, 40 * 86_400, None, NOW_MS) == NOW_MS - 40 * DAY_MS


def test_a_date_counts_in_utc_unless_it_names_a_zone(chosen: Settings) -> None:
    """A replayed bank's own clock."""
    assert horizon_of(chosen, None, datetime(2020, 1, 1), NOW_MS) == 1_577_836_800_000


def test_an_age_and_a_date_are_not_both_meant(chosen: Settings) -> None:
    """Which one?"""
    with pytest.raises(ConfigError, match="not both"):
        horizon_of(chosen, 9e6, datetime(2020, 1, 1, tzinfo=UTC), NOW_MS)


class Published:
    """A Publisher that keeps what it was given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def publish(self, messages: list[Message]) -> None:
        """See Publisher.publish."""
        self.messages += messages


@pytest.fixture
def neo4j_driver(neo4j_driver: neo4j.Driver) -> Iterator[neo4j.Driver]:
    """Left empty: others write rows of the same tables."""
    yield neo4j_driver
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")


@pytest.mark.stack
def test_no_marker_goes_before_every_ingest_process_keeps_to_the_horizon(
    neo4j_driver: neo4j.Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has just read the old one: it takes it for true for a while."""
    monkeypatch.setattr(graph.neo4j_keep, "FRESH_S", 0.5)
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    store, ingesting = (Neo4jStore(neo4j_driver, demo_mapping().schema) for _ in range(2))
    store.init()
    store.apply([Gone("transfers:2:transfer", "bank/3", 7, "TRANSFER")])
    assert ingesting.horizon("purge") is None
    seen: list[tuple[int | None, int]] = []

    class Watching(Published):
        def publish(self, messages: list[Message]) -> None:
            seen.append((ingesting.horizon("purge"), look(store, 10).markers))

    carry_out(store, Watching(), look(store, 10), settle_s=1.0)
    assert seen == [(10, 1)] and look(store, 10).markers == 0 and SETTLE_S >= 60.0


@pytest.mark.stack
def test_the_command_drops_nothing_unless_told(
    servers: Endpoints, neo4j_driver: neo4j.Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only says what would go."""
    at = servers.neo4j
    for name, value in (("URI", at.uri), ("USER", at.user), ("PASSWORD", at.password)):
        monkeypatch.setenv(f"RINGWATCH_NEO4J_{name}", value)
    settings.cache_clear()
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    store = Neo4jStore(neo4j_driver, demo_mapping().schema)
    store.init()
    store.apply([Gone("transfers:2:transfer", "bank/3", 7, "TRANSFER")])
    before = canonical(store.dump())
    told = CliRunner().invoke(app, ["graph", "purge", "--json"])
    settings.cache_clear()
    structlog.reset_defaults()
    found = msgspec.json.decode(told.stdout)
    assert (told.exit_code, found["markers"], found["removed"]) == (0, 1, None)
    assert canonical(Neo4jStore(neo4j_driver, demo_mapping().schema).dump()) == before


@pytest.mark.stack
def test_it_says_what_it_would_drop_and_drops_just_that(neo4j_driver: neo4j.Driver) -> None:
    """Markers by table; not what closes an edge, nor what is younger."""
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    store = Neo4jStore(neo4j_driver, demo_mapping().schema)
    store.init()
    edge = EdgeUpsert("transfers:1:transfer", "bank/1", 5, "TRANSFER", "Account:a", "Account:b", 5, {})
    store.apply([
        edge,
        Gone("transfers:1:transfer", "bank/2", 6, "TRANSFER"), Gone("transfers:2:transfer", "bank/3", 7, "TRANSFER"),
        Gone("transfers:3:transfer", "bank/4", 9, "TRANSFER"), Gone("logins:4:login", "bank/5", 8, "LOGIN"),
        Gone("logins:5:login", "bank/6", 10, "LOGIN"),
    ])  # fmt: skip
    found = look(store, 10)
    assert [(t.table, t.count, t.oldest_ms, t.newest_ms) for t in found.tables] == [
        ("logins", 1, 8, 8), ("transfers", 2, 7, 9)
    ]  # fmt: skip
    assert found.markers == 3 and "Nothing was dropped" in found.told() and look(store, 10) == found
    published = Published()
    done = carry_out(store, published, found, settle_s=0)
    assert done.removed == 3 and look(store, 10).markers == 0 and look(store, 11).markers == 1
    assert unpacked(published.messages[0].value or b"") == [Horizon("purge", 10)]
    assert edge in list(store.dump()) and Gone("transfers:1:transfer", "bank/2", 6, "TRANSFER") in list(store.dump())
