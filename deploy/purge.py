"""`ringwatch graph purge`: which deletion markers would go, and letting them go."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from deploy import bootstrap
from deploy.config import PREFIX, ConfigError, Settings
from graph.model import Horizon
from graph.neo4j_keep import FRESH_S, Markers
from graph.neo4j_store import Neo4jStore
from graph.retention import DAY_MS
from graph.wire import everywhere
from ingest.records import Publisher

CHUNK = 500
SETTLE_S = 2 * FRESH_S  # until every ingest process has read the horizon, and written what it had planned without it


class Purge(msgspec.Struct, frozen=True):
    """What a purge of what is before `before_ms` would drop, or dropped (`removed`, None before it is done)."""

    before_ms: int
    markers: int
    tables: list[Markers]
    removed: int | None = None

    def told(self) -> str:
        """For people."""
        before = _utc(self.before_ms)
        lines = [f"{self.markers:,} deletion markers from before {before} UTC"]
        lines += [
            f"  {each.table}: {each.count:,}, known from {_utc(each.oldest_ms)} to {_utc(each.newest_ms)}"
            for each in self.tables
        ]
        if self.removed is None:
            lines.append(f"Nothing was dropped. With --yes they go, and no change committed before {before} is taken.")
        else:
            lines.append(f"Dropped {self.removed:,}; changes committed before {before} are no longer taken")
        return "\n".join(lines)


def horizon_of(settings: Settings, older_than_s: float | None, before: datetime | None, now_ms: int) -> int:
    """`before_ms`, by age or by date (in the bank's own clock, UTC unless it names a zone).

    Raises:
        ConfigError: too young, or both or neither of the two are given.
    """
    floor_ms = settings.purge_days * DAY_MS
    if older_than_s is not None and before is not None:
        raise ConfigError("give --older-than or --before, not both")
    if before is not None:
        before_ms = int((before if before.tzinfo else before.replace(tzinfo=UTC)).timestamp() * 1000)
    else:
        before_ms = now_ms - (floor_ms if older_than_s is None else int(older_than_s * 1000))
    if before_ms > now_ms - floor_ms:
        raise ConfigError(
            f"a purge of what is younger than {settings.purge_days} days is refused: a change that Kafka or the bank's "
            "log can still bring once more (offsets reset, a connector that starts over) would meet no marker of the "
            f"row's deletion, and is therefore no longer taken, wanted or not. Give an older age, or set {PREFIX}"
            "PURGE_DAYS to more days than the bank's topics are kept, but fewer than now"
        )
    return before_ms


def look(store: Neo4jStore, before_ms: int) -> Purge:
    """What would go."""
    tables = store.markers(before_ms)
    return Purge(before_ms, sum(each.count for each in tables), tables)


def carry_out(store: Neo4jStore, publisher: Publisher, found: Purge, settle_s: float = SETTLE_S) -> Purge:
    """Move the horizon; once every ingest process keeps to it, in every mirror too, and remove what lies behind it.
    Before that, an old change could still get in where its marker is gone.

    Raises:
        Transient: store or broker did not answer; doing it again does no harm.
    """
    horizon = Horizon("purge", found.before_ms)
    store.apply([horizon])
    time.sleep(settle_s)
    publisher.publish([everywhere(horizon)])
    while store.sweep(CHUNK):
        pass
    left = sum(each.count for each in store.markers(found.before_ms))
    return msgspec.structs.replace(found, removed=found.markers - left)


def purge(
    settings: Settings, older_than_s: float | None, before: datetime | None, yes: bool, echo: Callable[[str], Any]
) -> Purge:
    """The command.

    Raises:
        ConfigError: the horizon is too young.
        StoreError: the graph did not answer, or was never made.
    """
    before_ms = horizon_of(settings, older_than_s, before, int(time.time() * 1000))
    with bootstrap.driver(settings) as bolt:
        store = bootstrap.store(settings, bolt)
        store.check()
        found = look(store, before_ms)
        if yes:
            echo(f"Dropping {found.markers:,} deletion markers, in {SETTLE_S:.0f} s: until then ingest learns of it")
            found = carry_out(store, bootstrap.publisher(settings), found)
        return found


def _utc(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M}"
