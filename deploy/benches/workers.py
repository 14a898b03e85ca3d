"""`ringwatch bench workers`: what two scorer processes of one consumer group do, beside one, on the local stack.

A simulated bank no model has seen is written into Neo4j, scorers hydrate from it and join a group of their own, and its
last events are published all at once. The rate counts from the first score to the last, by the log's time stamps. Kafka
shares the machine, so that two workers have two whole cores only where there are more. Topics that are there already
keep their partitions: of three, one worker of two has twice as much to do as the other, and 1.5 is the most.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from uuid import uuid4

import msgspec
from confluent_kafka import Consumer, ConsumerGroupState, TopicPartition
from confluent_kafka.admin import AdminClient
from rich.console import Console

from deploy import bootstrap
from deploy.benches.reader import write_bank
from deploy.benches.scorer import bank
from deploy.config import Settings, settings
from deploy.figures import Beside, figure, report
from deploy.processes import Service, same_stack
from deploy.stack import control
from deploy.stack.topics import create_topics
from graph.model import Event, Watermark
from graph.neo4j_store import Neo4jStore
from graph.wire import encode, everywhere
from ingest.kafka import KafkaPublisher, read_all
from ingest.records import EVENTS, SCORES, Message

BAR = 1.6  # issue 6, where two cores are free for them
PARTITIONS = 4
READY_S, DONE_S = 180.0, 300.0
TURNS = (1, 2)

err = Console(stderr=True, highlight=False)


def run_workers_bench(users: int, days: int, events: int, as_json: bool) -> int:
    """Score so many events of a bank of so many customers and days by one and by two workers; the exit status."""
    chosen = settings()
    at = control.up(chosen.stack_layout(), ["kafka", "neo4j"], err.print).kafka_bootstrap
    create_topics(at, PARTITIONS)
    mirror, all_events = bank(users, days)
    with bootstrap.driver(chosen) as driver:
        write_bank(Neo4jStore(driver, bootstrap.schema(chosen), chosen.neo4j_database), mirror)
    per_s = {workers: _rate(chosen, at, workers, all_events[-events:]) for workers in TURNS}
    one, two = (per_s[workers] for workers in TURNS)
    gained = figure("two_beside_one", two / one, "times", BAR, "higher")
    done = report("workers", [
        figure("cores", float(os.cpu_count() or 1), "cores"),
        figure("partitions", float(len(_ends(at))), "partitions"),
        figure("events_per_s@1", one, "events/s", None, "higher"),
        figure("events_per_s@2", two, "events/s", None, "higher"),
        msgspec.structs.replace(gained, beside=Beside("one worker", 1.0)),
    ])  # fmt: skip
    if as_json:
        sys.stdout.write(done.json() + "\n")
    return done.status


def _rate(chosen: Settings, at: str, workers: int, events: Sequence[Event]) -> float:
    """Scores a second of so many workers of a new group."""
    group = f"bench-{uuid4().hex[:8]}"
    _begin_at_the_end(at, group)
    services = [_started(chosen, number, group) for number in range(workers)]
    try:
        services[-1].wait_until(lambda: _members(at, group) == workers, READY_S, "joining its group")
        time.sleep(5)  # what was compiled and loaded is in place
        since_ms, publisher = time.time_ns() // 1_000_000, KafkaPublisher(at)
        publisher.publish([everywhere(Watermark("bench", max(event.pos for event in events)))])
        publisher.publish([Message(EVENTS, event.id.encode(), encode(event)) for event in events])
        deadline = time.monotonic() + DONE_S
        while len(found := _scored(at, since_ms)) < len(events):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found):,} of {len(events):,} events have a score after {DONE_S:g} s")
            time.sleep(1)
    finally:
        for service in services:
            service.stop()
    took_s = (max(found.values()) - min(found.values())) / 1e3
    err.print(f"{workers} workers: {len(events):,} events in {took_s:.1f} s")
    return len(events) / took_s


def _scored(at: str, since_ms: int) -> dict[str, int]:
    """When the first score of each event came, in ms."""
    found: dict[str, int] = {}
    for record in read_all(at, SCORES, since_ms=since_ms):
        found.setdefault((record.key or b"").decode(), record.timestamp_ms)
    return found


def _begin_at_the_end(at: str, group: str) -> None:
    """What is in the topic already is none of this group's work."""
    consumer = Consumer({"bootstrap.servers": at, "group.id": group, "enable.auto.commit": False})
    consumer.commit(offsets=_ends(at), asynchronous=False)
    consumer.close()


def _ends(at: str) -> list[TopicPartition]:
    """The end of every partition of the events."""
    consumer = Consumer({"bootstrap.servers": at, "group.id": "ends"})
    parts = [
        TopicPartition(EVENTS, part) for part in consumer.list_topics(EVENTS, timeout=30).topics[EVENTS].partitions
    ]
    ends = [TopicPartition(EVENTS, at.partition, consumer.get_watermark_offsets(at, timeout=30)[1]) for at in parts]
    consumer.close()
    return ends


def _members(at: str, group: str) -> int:
    admin = AdminClient({"bootstrap.servers": at})  # gone, it would answer nothing any more
    found = admin.describe_consumer_groups([group], request_timeout=10)[group].result()
    return len(found.members) if found.state == ConsumerGroupState.STABLE else 0


def _started(chosen: Settings, number: int, group: str) -> Service:
    environment = {**same_stack(chosen), "RINGWATCH_SCORER_PORT": "0", "OMP_NUM_THREADS": "1"}
    log = chosen.state_dir / "services" / f"worker-{number}.log"
    log.unlink(missing_ok=True)
    return Service("scorer", ["score", "--group", group], log, environment).start()
