"""Kafka's reading end against the broker that librdkafka brings along (its mock cluster): the real client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

import ingest.kafka
from ingest.kafka import KafkaSource
from ingest.records import Record

TOPIC = "bank.bank.transfers"
WAIT_S = 30.0


class Broker:
    """A broker with a topic; sources on it are closed behind the test."""

    def __init__(self) -> None:
        self._producer = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        at = next(iter(self._producer.list_topics(timeout=10).brokers.values()))
        self.bootstrap = f"{at.host}:{at.port}"
        self.opened: list[KafkaSource] = []

    def send(self, *numbers: int) -> None:
        for n in numbers:
            self._producer.produce(TOPIC, b"%d" % n, b"%d" % n, partition=n % 2)
        assert self._producer.flush(10) == 0

    def open(self) -> KafkaSource:
        source = KafkaSource(self.bootstrap, "ingest", [TOPIC], {"session.timeout.ms": "6000", "log_level": "0"})
        self.opened.append(source)
        return source


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """Nobody waits here for a worker to have been busy for long before it pauses."""
    monkeypatch.setattr(ingest.kafka, "PAUSE_S", 0.0)
    running = Broker()
    yield running
    for source in running.opened:
        source.close()


def take(source: KafkaSource, number: int, limit: int = 100) -> list[Record]:
    """Poll until so many have come."""
    found: list[Record] = []
    wait(lambda: len(found.extend(source.poll(limit, 0.1)) or found) >= number)  # type: ignore[func-returns-value]
    return found


def wait(enough: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not enough():
        assert time.monotonic() < until, "it never came"


def numbers(records: list[Record]) -> list[int]:
    return sorted(int(record.value or b"") for record in records)


def test_what_was_not_committed_comes_again(broker: Broker) -> None:
    """To whoever reads on; what was committed does not."""
    broker.send(*range(6))
    first = broker.open()
    assert numbers(take(first, 6)) == list(range(6))
    first.commit({(TOPIC, 0): 3, (TOPIC, 1): 3})
    broker.send(6, 7)
    assert numbers(take(first, 2)) == [6, 7]
    first.close()
    broker.opened.remove(first)
    broker.send(8)
    assert numbers(take(broker.open(), 3)) == [6, 7, 8]


def test_no_more_than_the_limit_is_taken(broker: Broker) -> None:
    """And what is left is told as lag; fewer come where only one partition has been fetched yet."""
    broker.send(*range(10))
    source = broker.open()
    first = take(source, 1, limit=3)
    assert len(first) <= 3 and sum(source.lag().values()) > 0
    assert len(first + take(source, 10 - len(first), limit=3)) == 10 and sum(source.lag().values()) == 0


def test_polling_on_while_paused_takes_nothing_and_loses_nothing(broker: Broker) -> None:
    """A batch is being retried: Kafka must not give us up, and what comes has to wait."""
    broker.send(0)
    source = broker.open()
    take(source, 1)
    source.keep_alive()
    broker.send(*range(1, 6))
    for _ in range(20):
        source.keep_alive()
        time.sleep(0.01)
    assert numbers(take(source, 5)) == [1, 2, 3, 4, 5]


def test_what_was_fetched_ahead_is_kept_while_a_batch_is_written(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause throws it away, and fetching again takes up to a second: only a batch that takes long is worth one."""
    monkeypatch.setattr(ingest.kafka, "PAUSE_S", 60.0)
    broker.send(*range(10))
    source = broker.open()
    take(source, 1, limit=1)
    paused: list[object] = []
    monkeypatch.setattr(source, "_consumer", _Watched(source._consumer, paused))
    source.keep_alive()
    monkeypatch.setattr(ingest.kafka, "PAUSE_S", 0.0)
    assert not paused
    source.keep_alive()
    assert paused


class _Watched:
    """A consumer that notes being paused."""

    def __init__(self, consumer: Consumer, paused: list[object]) -> None:
        self._consumer, self._paused = consumer, paused

    def pause(self, partitions: list[TopicPartition]) -> None:
        self._paused.append(partitions)
        self._consumer.pause(partitions)

    def __getattr__(self, name: str) -> object:
        return getattr(self._consumer, name)


def test_a_partition_that_was_lost_is_not_committed(broker: Broker) -> None:
    """Its new owner has gone on from where it was: our offsets would turn it back."""
    broker.send(*range(6))
    source = broker.open()
    take(source, 6)
    source._forget(source._consumer, [TopicPartition(TOPIC, 0)])
    source.commit({(TOPIC, 0): 3, (TOPIC, 1): 3})
    kept = source._consumer.committed([TopicPartition(TOPIC, n) for n in (0, 1)], timeout=10)
    assert [at.offset for at in kept] == [-1001, 3]


def test_what_is_fetched_ahead_is_bounded() -> None:
    """By default librdkafka may hold 1 GB. (Read in the source: a consumer does not tell its settings.)"""
    text = Path(ingest.kafka.__file__).read_text()
    assert '"queued.max.messages.kbytes": 8_192' in text and '"partition.assignment.strategy": "range"' in text


def test_a_broker_that_is_slow_during_an_assignment_ends_nothing(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an assignment callback lets through comes out of poll as an object that no `except` catches (it derives
    from nothing: confluent-kafka 2.x), so the callback has to keep it, and the next question asks again.
    """
    broker.send(0)
    source = broker.open()
    take(source, 1)
    monkeypatch.setattr(ingest.kafka, "ASK_S", 0.0001)
    source._note_starts(source._consumer, [TopicPartition(TOPIC, 0)])


def test_what_was_paused_when_it_was_taken_away_is_read_when_it_is_given_back(broker: Broker) -> None:
    """A rebalance in the middle of a batch being retried; librdkafka remembers the pause of a partition."""
    broker.send(0, 1)
    first = broker.open()
    take(first, 2)
    first.keep_alive()
    second = broker.open()

    def revoked() -> bool:
        second.poll(1, 0.05)
        first.keep_alive()
        return not first.owns(TOPIC, 0) and not first.owns(TOPIC, 1)

    wait(revoked)
    second.close()
    broker.opened.remove(second)
    first.poll(100, 0)  # while nothing is ours to resume
    broker.send(2, 3)
    assert numbers(take(first, 4)) == [0, 1, 2, 3]
