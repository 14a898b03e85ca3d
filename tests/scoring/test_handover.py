"""A mirror that is hydrated while ingest goes on writing ends as the graph does: no gap, no double."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator

import neo4j
import pytest
from bankhistory import EMPTY, MAPPING, bank, revised
from histories import canonical

from deploy.stack.endpoints import Endpoints
from deploy.stack.topics import create_topics
from graph.mirror import Mirror
from graph.model import Floor, Horizon, Incomplete, NodeUpsert, Upsert, Watermark
from graph.neo4j_driver import query
from graph.neo4j_store import Neo4jStore
from graph.wire import encode, everywhere
from ingest.kafka import KafkaPublisher
from ingest.records import CHANGES, Message
from scoring import follower
from scoring.feed import MirrorFeed
from scoring.follower import Follower
from scoring.watermark_feed import WatermarkFeed

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
WORKER = "handover"
FEEDS = 4  # mirrors that begin one after the other, in the middle of it


@pytest.fixture
def store(neo4j_driver: neo4j.Driver) -> Iterator[Neo4jStore]:
    """Empty, before and behind."""
    neo4j_driver.session().run(query(EMPTY)).consume()
    made = Neo4jStore(neo4j_driver, MAPPING.schema)
    made.init()
    made.check()
    yield made
    neo4j_driver.session().run(query(EMPTY)).consume()


class Ingest:
    """Writes as ingest does: into Neo4j, then to `graph.changes`, then a watermark. Now and then it does it twice."""

    def __init__(self, store: Neo4jStore, bootstrap: str, rng: random.Random) -> None:
        self._store, self._publisher, self._rng = store, KafkaPublisher(bootstrap), rng
        self.mark = ""

    def write(self, upserts: list[Upsert], pos: str) -> None:
        """One batch, up to this position."""
        for _ in range(2 if self._rng.random() < 0.2 else 1):
            self._store.apply(upserts)
            alone = [u for u in upserts if isinstance(u, Floor | Horizon)]
            rest = [u for u in upserts if not isinstance(u, Floor | Horizon)]
            parts = [rest[at : at + 50] for at in range(0, len(rest), 50)]
            self._publisher.publish([
                *map(everywhere, alone),
                *(Message(CHANGES, str(self._rng.random()).encode(), encode(part)) for part in parts),
                everywhere(Watermark(WORKER, pos)),
            ])  # fmt: skip
        self.mark = pos


def until(holds: Callable[[], bool], feeds: list[Follower]) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline and all(feed.failed is None for feed in feeds)
        time.sleep(0.02)


def batches(seed: int) -> list[tuple[list[Upsert], str]]:
    """A bank's history and what was changed of it, out of order within some way; floors, horizons and marks between."""
    rng, history = random.Random(seed), bank()
    history.upserts += revised(history, rng, 0.4)
    rest, found = history.upserts, list[tuple[list[Upsert], str]]()
    rest = [upsert for _, upsert in sorted(enumerate(rest), key=lambda each: each[0] + rng.randrange(800))]
    while rest:
        size = rng.randrange(1, 400)
        part, rest = rest[:size], rest[size:]
        if rng.random() < 0.1:
            part.append(Incomplete(f"transfers:{rng.randrange(99)}", rng.randrange(9), rng.random() < 0.5))
        found.append((part, history.pos()))
    times = [u.known_ms for u in history.upserts if isinstance(u, NodeUpsert)]
    found[len(found) // 3][0].append(Floor("logins", history.pos(), history.now_ms))
    found[len(found) // 2][0].append(Horizon("retention", sorted(times)[len(times) // 2]))
    return [(part, history.pos()) for part, _ in found]


@pytest.mark.parametrize("seed", range(3))
def test_mirrors_that_begin_in_the_middle_end_as_the_graph_does(
    store: Neo4jStore, servers: Endpoints, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Value for value; and a follower of watermarks alone is as far as they are."""
    monkeypatch.setattr(follower, "LOOK_BACK", 0)  # which would hide a gap, and shows what earlier tests wrote
    create_topics(servers.kafka_bootstrap)
    rng, work = random.Random(seed), batches(seed)
    ingest = Ingest(store, servers.kafka_bootstrap, rng)
    writer = threading.Thread(target=lambda: [ingest.write(*batch) for batch in work])
    writer.start()
    mirrors = [Mirror(MAPPING.schema.windowed) for _ in range(FEEDS)]
    feeds: list[Follower] = [MirrorFeed(servers.kafka_bootstrap, store, mirror) for mirror in mirrors]
    feeds.append(WatermarkFeed(servers.kafka_bootstrap))
    begun = list[bool]()
    try:
        for feed in feeds:
            time.sleep(rng.random() / 2)
            begun.append(writer.is_alive())
            feed.start()
        writer.join()
        until(lambda: all(feed.ready.is_set() and feed.through == ingest.mark for feed in feeds), feeds)
    finally:
        writer.join()
        for feed in feeds:
            feed.stopping.set()
            if feed.ident is not None:
                feed.join()
    assert sum(begun) >= 2 and ingest.mark == work[-1][1]
    wanted = canonical(store.dump())
    for mirror in mirrors:
        assert canonical(mirror.dump()) == wanted
