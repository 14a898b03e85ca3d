"""The consumer, on the wire: librdkafka's own broker in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from alertdata import event, score
from alertsite import PostgresServer, settings
from confluent_kafka import Consumer, Producer, TopicPartition
from structlog.testing import capture_logs
from test_alerts_explanations import explanation

import alerts.consumer
from alerts.consumer import ConsumerSettings, DeadScore, ExplanationConsumer, ScoreConsumer
from alerts.queries import Filter
from alerts.services import Services, open_services
from ingest.events import Transient
from ingest.records import SCORES

pytestmark = pytest.mark.anyio


@dataclass
class Broker:
    """A broker and a producer on it."""

    producer: Producer
    address: str
    dead: list[DeadScore] = field(default_factory=list)

    def send(self, *values: bytes | None) -> None:
        for value in values:
            self.producer.produce(SCORES, key=b"k", value=value, partition=0)
        assert self.producer.flush(10) == 0

    def committed(self) -> int:
        reader = Consumer({"bootstrap.servers": self.address, "group.id": "alerts"})
        (found,) = reader.committed([TopicPartition(SCORES, 0)], timeout=10)
        reader.close()
        return int(found.offset)

    async def has_committed(self, offset: int) -> bool:
        return await asyncio.to_thread(self.committed) == offset

    def settings(self, **changed: Any) -> ConsumerSettings:
        return ConsumerSettings(self.address, **changed)


@pytest.fixture
def broker() -> Broker:
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "set by the mock", "log_level": 2})
    nodes = producer.list_topics(timeout=10).brokers
    return Broker(producer, ",".join(f"{node.host}:{node.port}" for node in nodes.values()))


@pytest.fixture
async def sqlite_services(tmp_path: Any) -> AsyncIterator[Services]:
    async with await open_services(settings(f"sqlite:///{tmp_path}/consumer.db")) as opened:
        yield opened


Start = Callable[..., ScoreConsumer]


@pytest.fixture
async def start(broker: Broker) -> AsyncIterator[Start]:
    """Starts consumers, and stops those that still run at the end."""
    started: list[ScoreConsumer] = []

    def begin(services: Services, dead: Callable[[DeadScore], None] | None = None) -> ScoreConsumer:
        loop = asyncio.get_running_loop()
        started.append(
            ScoreConsumer(
                broker.settings(extra={"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}),
                services.intake,
                loop,
                dead or broker.dead.append,
            )
        )
        started[-1].start()
        return started[-1]

    yield begin
    for consumer in started:
        await consumer.stop()


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 30) -> None:
    """Wait for it."""
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.05)


async def logged(lines: Sequence[MutableMapping[str, Any]], name: str) -> bool:
    return any(line["event"] == name for line in lines)


def wire(name: str, offset: int, probability: float = 0.9) -> bytes:
    return msgspec.json.encode(score(probability, of=event(f"transfers:{name}:transfer", offset)))


async def names(services: Services) -> list[str]:
    return sorted(alert.event_id.split(":")[1] for alert in await services.queries.page(Filter()))


async def test_scores_become_alerts_and_the_offset_follows(
    broker: Broker, sqlite_services: Services, start: Start
) -> None:
    broker.send(wire("1", 1), wire("2", 2, 0.1), wire("3", 3), wire("1", 1))
    consumer = start(sqlite_services)
    await until(lambda: broker.has_committed(4))
    await consumer.stop()
    assert await names(sqlite_services) == ["1", "3"]
    assert not consumer.alive and consumer.failure is None and broker.dead == []


async def test_one_score_is_taken_at_once_and_what_comes_within_a_beat_together(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting:
        async def accept(self, values: Sequence[Any], /) -> list[int]:
            sizes.append(len(values))
            return []

    async def taken(count: int) -> bool:
        return sum(sizes) == count

    sizes: list[int] = []
    monkeypatch.setattr(alerts.consumer, "BEAT_S", 3.0)
    consumer = ScoreConsumer(broker.settings(), Counting(), asyncio.get_running_loop(), broker.dead.append)
    consumer.start()
    broker.send(wire("1", 1))
    await until(lambda: taken(1))
    for n in (2, 3, 4):
        broker.send(wire(str(n), n))
    await until(lambda: taken(4))
    await consumer.stop()
    assert sizes == [1, 3]


async def test_a_full_batch_waits_for_no_beat(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting:
        async def accept(self, values: Sequence[Any], /) -> list[int]:
            sizes.append(len(values))
            return []

    async def full() -> bool:
        return len(sizes) >= 3

    sizes: list[int] = []
    monkeypatch.setattr(alerts.consumer, "BEAT_S", 3_600.0)
    for n in range(9):
        broker.send(wire(str(n), n))
    consumer = ScoreConsumer(broker.settings(batch=3), Counting(), asyncio.get_running_loop(), broker.dead.append)
    consumer.start()
    await until(full)
    await consumer.stop()
    assert sizes[1:3] == [3, 3]


async def test_what_is_no_score_is_put_aside_with_the_reason_and_the_rest_goes_on(
    broker: Broker, sqlite_services: Services, start: Start
) -> None:
    unfit = wire("x" * 600, 9)
    broker.send(b"not json", None, b'{"event": 5}', b"\xff\xfe", unfit, wire("4", 4))
    start(sqlite_services)
    await until(lambda: broker.has_committed(6))
    assert await names(sqlite_services) == ["4"]
    letters = {letter.offset: letter for letter in broker.dead}
    assert sorted(letters) == [0, 1, 2, 3, 4] and len(broker.dead) == 5
    assert "null value" in letters[1].reason and "$.event" in letters[2].reason
    assert "expected 1 to 500" in letters[4].reason and letters[4].value == unfit


async def test_a_restart_goes_on_where_it_stopped(broker: Broker, sqlite_services: Services, start: Start) -> None:
    for count in (1, 2):
        broker.send(wire(str(count), count))
        consumer = start(sqlite_services)
        await until(lambda: broker.has_committed(count))  # noqa: B023  the lambda ends before the loop goes on
        await consumer.stop()
    assert await names(sqlite_services) == ["1", "2"]


@pytest.mark.parametrize("failure", [OSError("disk full"), Transient("Kafka did not confirm 1 of 1 messages")])
async def test_a_dead_letter_that_cannot_be_kept_is_tried_again_before_the_offset_moves(
    broker: Broker, sqlite_services: Services, start: Start, failure: Exception
) -> None:
    failures = [failure]

    def keep(letter: DeadScore) -> None:
        if failures:
            raise failures.pop()
        broker.dead.append(letter)

    broker.send(b"not json", wire("5", 5))
    start(sqlite_services, keep)
    await until(lambda: broker.has_committed(2))
    assert [letter.offset for letter in broker.dead] == [0] and await names(sqlite_services) == ["5"]


async def test_a_database_that_goes_away_loses_nothing(broker: Broker, postgres: PostgresServer, start: Start) -> None:
    """Scores wait in Kafka, none is dead-lettered, and all are alerts when the database is back."""
    async with await open_services(settings(postgres.new_database())) as services:
        postgres.stop()
        consumer = start(services)
        broker.send(wire("6", 6), wire("7", 7))
        await asyncio.sleep(1.5)
        assert not await broker.has_committed(2)
        await asyncio.to_thread(postgres.start)
        await until(lambda: broker.has_committed(2))
        await consumer.stop()
        assert await names(services) == ["6", "7"] and broker.dead == []


async def test_a_stop_while_the_database_is_away_commits_nothing(
    broker: Broker, postgres: PostgresServer, start: Start
) -> None:
    """The scores were never stored: the next start has to read them again."""
    async with await open_services(settings(postgres.new_database())) as services:
        postgres.stop()
        broker.send(b"not json", wire("8", 8), wire("9", 9))
        try:
            with capture_logs() as lines:
                consumer = start(services)
                await until(lambda: logged(lines, "scores_wait"))
                await consumer.stop()
        finally:
            await asyncio.to_thread(postgres.start)
        assert not consumer.alive and await asyncio.to_thread(broker.committed) <= 1  # the letter, if it came alone
        start(services)
        await until(lambda: broker.has_committed(3))
        assert await names(services) == ["8", "9"]


async def test_a_stop_before_a_dead_letter_is_kept_commits_nothing(
    broker: Broker, sqlite_services: Services, start: Start
) -> None:
    def refuse(letter: DeadScore) -> None:
        raise OSError("disk full")

    broker.send(b"not json")
    with capture_logs() as lines:
        consumer = start(sqlite_services, refuse)
        await until(lambda: logged(lines, "scores_wait"))
        await consumer.stop()
    assert await asyncio.to_thread(broker.committed) < 0


async def test_explanations_reach_their_alerts_and_the_offset_follows(
    broker: Broker, sqlite_services: Services
) -> None:
    """In any order with the scores; what is none is put aside."""
    early, late = score(of=event("transfers:1:transfer", 1)), score(of=event("transfers:2:transfer", 2))
    await sqlite_services.intake.accept([late])
    broker.send(b"not json", msgspec.json.encode(explanation(early)), msgspec.json.encode(explanation(late)))
    consumer = ExplanationConsumer(
        broker.settings(), sqlite_services.explanations, asyncio.get_running_loop(), broker.dead.append
    )
    consumer.start()
    await until(lambda: broker.has_committed(3))
    await consumer.stop()
    await sqlite_services.intake.accept([early])
    details = [await sqlite_services.queries.detail(id) for id in (1, 2)]
    assert all(detail.explanation is not None for detail in details)
    assert ["no explanation" in letter.reason for letter in broker.dead] == [True]
