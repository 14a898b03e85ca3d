"""After a fault: what is lost, and what is there twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import msgspec
from confluent_kafka import Consumer, TopicPartition
from neo4j.exceptions import DriverError, Neo4jError

from deploy.faults.ground import GROUP, Ground
from deploy.faults.load import Event as Committed
from deploy.verify.run import Request, verify
from graph.model import Event, split_version, version_id
from ingest.events import Position
from ingest.records import EVENTS

AT_A_TIME = 1_000
POLL_S = 0.25
SHOWN = 10

_decode = msgspec.json.Decoder(Event).decode


@dataclass(frozen=True, slots=True)
class Found:
    """Differences between the bank's tables and the graph, and between the graph and its topic of events.

    `lost` names what should be there and is not, or not as it should be; `duplicated` what is there twice or
    should not be.
    """

    lost: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether all is as it should be."""
        return not self.lost and not self.duplicated


def _unheard(_: object) -> None:
    """What a comparison tells meanwhile."""


class Check:
    """Compares what a ground holds; remembers how far it has read the topic of events."""

    def __init__(self, ground: Ground) -> None:
        """Reads nothing yet."""
        self._ground = ground
        self._read: dict[int, int] = {}
        self._new: dict[str, set[str]] = {}  # event id → the positions at which it was new
        self._known: set[tuple[str, str]] = set()  # event id and position of each version that was announced

    def await_events(self, events: list[Committed], limit_s: float) -> bool:
        """Wait until the graph holds all of these; returns whether it did within the limit.

        Raises:
            ServiceFailed: ingest ended by itself.
        """
        waiting, started = events, time.monotonic()
        while waiting := self._missing(waiting):
            self._ground.watch()
            if time.monotonic() - started > limit_s:
                return False
            time.sleep(POLL_S)
        return True

    def behind(self, events: list[Committed]) -> int:
        """How many of these the graph does not hold; all of them where it does not answer."""
        return len(self._missing(events))

    def settle(self, limit_s: float) -> Found:
        """What is still different when everything has had its time. The bank must be at rest.

        Raises:
            ServiceFailed: ingest ended by itself.
        """
        deadline = time.monotonic() + limit_s
        while True:
            self._ground.watch()
            found = self.compare()
            if found.nothing or time.monotonic() > deadline:
                return found
            time.sleep(1)

    def compare(self) -> Found:
        """Tables against graph, then graph against events."""
        rows, events = self._rows(), self._events()
        return Found(rows.lost + events.lost, rows.duplicated + events.duplicated)

    def _rows(self) -> Found:
        """As `ringwatch graph verify` has it."""
        outcome = verify(self._ground.settings, Request(group=GROUP), _unheard, _unheard)
        with closing(outcome.differences):
            extra = tuple(each.line for each in outcome.differences if each.what == "extra")
            lost = tuple(each.line for each in outcome.differences if each.what != "extra")
        return Found(lost, extra)

    def _events(self) -> Found:
        """Each version of an event the log told of has been announced, at its position, and none at two."""
        self._follow()
        versions = set(self._versions())
        lost = [f"event {version_id(id, pos)} was not announced" for id, pos in versions - self._known]
        lost += [f"version {version_id(id, pos)} is not in the graph" for id, pos in self._known - versions]
        twice = [f"event {id} is new at {sorted(all_pos)}" for id, all_pos in self._new.items() if len(all_pos) > 1]
        return Found(tuple(lost), tuple(twice))

    def _versions(self) -> Iterator[tuple[str, str]]:
        """Owner and position of each version of an event that came from the log, not from a snapshot."""
        events = {
            (t, e.role): e.relation for t, r in self._ground.mapping.file.tables.items() for e in r.edges if e.event
        }
        for (table, role), relation in events.items():
            text = f"MATCH ()-[e:{relation}]->() WHERE e.id STARTS WITH $table RETURN e.id AS id"
            for row in self._ground.graph.execute_query(text, table=f"{table}:").records:
                owner, pos = split_version(row["id"])
                if owner.endswith(f":{role}") and Position.parse(pos).stream:
                    yield owner, pos

    def _follow(self) -> None:
        """Read `graph.events` on to its end."""
        bootstrap = self._ground.ends.kafka_bootstrap
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "faults", "enable.auto.commit": False,
                             "log_level": 0})  # fmt: skip
        try:
            for part in consumer.list_topics(EVENTS, timeout=20).topics[EVENTS].partitions:
                self._follow_partition(consumer, part)
        finally:
            consumer.close()

    def _follow_partition(self, consumer: Consumer, part: int) -> None:
        low, end = consumer.get_watermark_offsets(TopicPartition(EVENTS, part), timeout=20)
        at = self._read.get(part, low)
        consumer.assign([TopicPartition(EVENTS, part, at)])
        while at < end:
            for message in consumer.consume(AT_A_TIME, 1.0):
                if message.error() is None:
                    at = (message.offset() or 0) + 1
                    event = _decode(message.value() or b"")
                    if event.kind != "withdrawn":
                        self._known.add((event.id, event.pos))
                    if event.kind == "new":
                        self._new.setdefault(event.id, set()).add(event.pos)
        self._read[part] = at

    def _missing(self, events: list[Committed]) -> list[Committed]:
        missing = []
        for relation in sorted({relation for relation, _ in events}):
            owners = [owner for kind, owner in events if kind == relation]
            there: set[str] = set()
            for at in range(0, len(owners), AT_A_TIME):
                try:
                    there |= self._there(relation, owners[at : at + AT_A_TIME])
                except (DriverError, Neo4jError, OSError):  # Neo4j is what is broken
                    break
            missing += [(relation, owner) for owner in owners if owner not in there]
        return missing

    def _there(self, relation: str, owners: list[str]) -> set[str]:
        text = (
            f"UNWIND $owners AS o MATCH ()-[e:{relation}]->() USING INDEX e:{relation}(id) "
            "WHERE e.id STARTS WITH o + '@' RETURN DISTINCT o"
        )
        return {row["o"] for row in self._ground.graph.execute_query(text, owners=owners).records}
