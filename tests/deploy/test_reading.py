"""What a scorer reads through is a setting; through Neo4j an outage is waited for, and nothing is lost by it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import msgspec
import neo4j
import pytest
from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.config import SHIPPED, ConfigError, Settings
from deploy.faults.proxy import Mode, Proxy
from deploy.processes import Service
from deploy.reading import read_through
from deploy.stack.endpoints import Endpoints
from deploy.stack.topics import create_topics
from graph.mirror import Mirror
from graph.model import Caps, Look, Upsert, Watermark
from graph.neo4j_driver import query
from graph.neo4j_store import Neo4jStore
from graph.wire import everywhere
from ingest.kafka import KafkaPublisher, read_all
from ingest.records import DEAD_LETTERS, EVENTS, SCORES, Message
from scoring.engine import Engine, RuleEngine
from scoring.feed import MirrorFeed
from scoring.score import Score
from scoring.scorer import EventScorer
from scoring.watermark_feed import WatermarkFeed

sys.path.insert(0, str(Path(__file__).parents[1] / "scoring"))
from bankhistory import EMPTY, MAPPING, bank


class ByCategory(RuleEngine):
    """A model that asks for edges by the values of categories."""

    @property
    def look(self) -> Look:
        return Look(Caps(), 256, 4_096, by_category=True)


@pytest.fixture
def nowhere() -> Iterator[Neo4jStore]:
    """A store that nobody asks anything."""
    with neo4j.GraphDatabase.driver("bolt://127.0.0.1:1") as driver:
        yield Neo4jStore(driver, MAPPING.schema)


def test_the_mirror_is_read_unless_neo4j_is_said(nowhere: Neo4jStore) -> None:
    """Which is empty until its feed has hydrated it."""
    graph, feed = read_through(Settings(), "127.0.0.1:1", nowhere, RuleEngine())
    assert isinstance(graph, Mirror) and isinstance(feed, MirrorFeed) and graph.owners == 0


def test_a_model_that_neo4j_has_no_index_for_is_refused_with_the_mend(nowhere: Neo4jStore) -> None:
    """Before it is asked for anything."""
    with pytest.raises(ConfigError, match="set RINGWATCH_READER=mirror, or promote a model without"):
        read_through(Settings(reader="neo4j"), "127.0.0.1:1", nowhere, ByCategory())


@pytest.fixture
def store(neo4j_driver: neo4j.Driver) -> Iterator[Neo4jStore]:
    """Empty, before and behind."""
    neo4j_driver.session().run(query(EMPTY)).consume()
    made = Neo4jStore(neo4j_driver, MAPPING.schema)
    made.init()
    yield made
    neo4j_driver.session().run(query(EMPTY)).consume()


@pytest.mark.stack
def test_neo4j_itself_is_the_graph_where_that_is_said(store: Neo4jStore, servers: Endpoints) -> None:
    """Only watermarks are followed then."""
    graph, feed = read_through(Settings(reader="neo4j"), servers.kafka_bootstrap, store, Engine.load(SHIPPED))
    assert graph is store and isinstance(feed, WatermarkFeed)


class Away:
    """A scorer process that reads Neo4j through a network that can be broken."""

    def __init__(self, at: Endpoints, folder: Path) -> None:
        create_topics(at.kafka_bootstrap)
        self.bootstrap, self.group = at.kafka_bootstrap, f"outage-{uuid4()}"
        host, _, port = at.neo4j.uri.removeprefix("bolt://").partition(":")
        self.network = Proxy(host, int(port)).start()
        self.log = folder / "scorer.log"
        self.service = Service("scorer", ["score", "--group", self.group], self.log, {
            "RINGWATCH_READER": "neo4j", "RINGWATCH_STATE_DIR": str(folder), "OMP_NUM_THREADS": "1",
            "RINGWATCH_KAFKA_BOOTSTRAP": at.kafka_bootstrap, "RINGWATCH_NEO4J_USER": at.neo4j.user,
            "RINGWATCH_NEO4J_URI": f"bolt://127.0.0.1:{self.network.port}",
            "RINGWATCH_NEO4J_PASSWORD": at.neo4j.password,
        })  # fmt: skip
        self._skip()

    def _skip(self) -> None:
        """What earlier tests published is none of this group's work."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.group})
        parts = consumer.list_topics(EVENTS, timeout=30).topics[EVENTS].partitions
        ends = [self._end(consumer, part) for part in parts]
        offsets = [TopicPartition(EVENTS, part, end) for part, end in zip(parts, ends, strict=True)]
        consumer.commit(offsets=offsets, asynchronous=False)
        consumer.close()

    @staticmethod
    def _end(consumer: Consumer, part: int) -> int:
        """A topic that was just made has no leader for a moment."""
        for _ in range(60):
            try:
                return int(consumer.get_watermark_offsets(TopicPartition(EVENTS, part), timeout=30)[1])
            except KafkaException:
                time.sleep(0.5)
        raise AssertionError(f"no leader for {EVENTS}[{part}]")

    def stable(self) -> bool:
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        found = admin.describe_consumer_groups([self.group], request_timeout=10)[self.group].result()
        return found.state == ConsumerGroupState.STABLE and bool(found.members)

    def scores(self, ids: set[str]) -> dict[str, Score]:
        decoder, found = msgspec.json.Decoder(Score), dict[str, Score]()
        for record in read_all(self.bootstrap, SCORES):
            with suppress(msgspec.DecodeError):  # other tests' bad records
                score = decoder.decode(record.value or b"")
                if score.event.id in ids:
                    found[score.event.id] = score
        return found


@pytest.fixture
def away(servers: Endpoints, tmp_path: Path) -> Iterator[Away]:
    made = Away(servers, tmp_path)
    yield made
    made.service.stop()
    made.network.stop()


@pytest.mark.stack
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["cut", "silent"])
def test_an_outage_of_neo4j_loses_no_event(store: Neo4jStore, away: Away, mode: Mode) -> None:
    """Events that come meanwhile wait, in one process that lives on; each is scored as a mirror would, none is a dead
    letter.
    """
    history, run = bank(), uuid4().hex[:8]
    last = [event for event in history.events if event.kind == "new"][-40:]
    mirror = Mirror(MAPPING.schema.windowed)
    upserts: list[Upsert] = list(history.upserts)
    events = [msgspec.structs.replace(event, pos=history.pos()) for event in last]
    for event in events:  # each row changed once more, at a place of its own, under a name of its own
        own = next(u for u in history.upserts if getattr(u, "owner", "") == event.id)
        upserts.append(msgspec.structs.replace(own, owner=f"{event.id[:-1]}{run}", pos=event.pos))
    events = [msgspec.structs.replace(event, id=f"{event.id[:-1]}{run}") for event in events]
    mirror.apply(upserts)
    for at in range(0, len(upserts), 1_000):
        store.apply(upserts[at : at + 1_000])
    publisher = KafkaPublisher(away.bootstrap)
    away.service.start().wait_until(away.stable, 120, "joining its group")
    away.network.set(mode)
    publisher.publish([everywhere(Watermark(run, history.pos()))])
    publisher.publish([Message(EVENTS, event.id.encode(), msgspec.json.encode(event)) for event in events])
    pid, ids = away.service.pid, {event.id for event in events}
    time.sleep(6)
    assert away.scores(ids) == {}
    away.network.set("open")
    away.service.wait_until(lambda: away.scores(ids).keys() == ids, 120, "all scores")
    found, wanted = away.scores(ids), EventScorer(Engine.load(SHIPPED), mirror).score(events)
    for score in wanted:  # behind an outage less of the neighbourhood is read, and the score says so
        told = found[score.event.id]
        assert "smaller" in told.remarks or told.probability == pytest.approx(score.probability, abs=1e-6)
    assert away.service.restarts == 0 and os.getpgid(pid) == pid
    assert "the graph gives no answer, trying again" in away.log.read_text()
    assert not any(run.encode() in (record.value or b"") for record in read_all(away.bootstrap, DEAD_LETTERS))
