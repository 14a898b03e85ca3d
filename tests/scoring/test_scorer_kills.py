"""A scorer killed at any step, workers that come and go: nothing is lost, nothing happens twice in effect."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from scorer_process import KILLED

from deploy.stack.endpoints import Endpoints
from deploy.stack.topics import create_topics
from graph.model import EdgeUpsert, Event, Watermark
from graph.wire import encode, everywhere
from ingest.kafka import KafkaPublisher, read_all
from ingest.records import CHANGES, DEAD_LETTERS, EVENTS, SCORES, Message, Record
from scoring.score import Score

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
SCRIPT = Path(__file__).with_name("scorer_process.py")
EVENTS_EACH = 240
LIMIT_S = 180.0
STEPS = ("read", "taken", "scored", "sent", "settled")
_score = msgspec.json.Decoder(Score)


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def transfer(n: int) -> EdgeUpsert:
    src, dst = f"Account:{n % 7}", f"Account:{n % 11 + 100}"
    return EdgeUpsert(f"transfers:{n}:transfer", pos(n), n, "TRANSFER", src, dst, n, {"amount": n})


def event(n: int) -> Event:
    edge = transfer(n)
    return Event(edge.owner, "new", edge.pos, n, edge.relation, edge.src, edge.dst, n, edge.attributes)


class Broker:
    """The real topics."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.publisher = KafkaPublisher(bootstrap, {"log_level": "0"})
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self.last = int(time.time()) * 1_000  # a stack that is kept between runs has those of the runs before

    def commit(self, count: int, through: bool = True) -> list[Event]:
        """So many transfers are in the graph and to be scored; `through`: the stream has passed them."""
        numbers = range(self.last + 1, self.last + 1 + count)
        self.last += count
        events = [event(n) for n in numbers]
        changes = [Message(CHANGES, b"x", encode(transfer(n))) for n in numbers]
        self.publisher.publish([*changes, *([self.watermark()] if through else [])])
        self.publisher.publish([Message(EVENTS, each.id.encode(), encode(each)) for each in events])
        return events

    def watermark(self) -> Message:
        return everywhere(Watermark("ingest", pos(self.last)))

    def committed(self, group: str) -> dict[int, int]:
        """By partition of the events, the offset before which all is dealt with."""
        asked = [ConsumerGroupTopicPartitions(group)]
        found = self.admin.list_consumer_group_offsets(asked)[group].result().topic_partitions
        return {at.partition: at.offset for at in found if at.topic == EVENTS and at.offset >= 0}

    def ends(self, topic: str) -> dict[int, int]:
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "ends", "log_level": 0})
        parts = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        found = {part: consumer.get_watermark_offsets(TopicPartition(topic, part), timeout=20)[1] for part in parts}
        consumer.close()
        return found

    def ready(self, topic: str) -> bool:
        try:
            return bool(self.ends(topic))
        except KafkaException:
            return False

    def scores(self) -> Scores:
        """Every score from now on."""
        return Scores(self.bootstrap, self.ends(SCORES))


class Scores:
    """Scores byte for byte, by their id, as they come."""

    def __init__(self, bootstrap: str, since: dict[int, int]) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "scores", "enable.auto.commit": False, "log_level": 0}
        )
        self._consumer.assign([TopicPartition(SCORES, part, offset) for part, offset in since.items()])
        self._found = defaultdict[str, list[bytes]](list)

    def so_far(self) -> dict[str, list[bytes]]:
        """All that came."""
        while (message := self._consumer.poll(0.3)) is not None:
            assert message.error() is None, message.error()
            value = message.value() or b""
            self._found[_score.decode(value).id].append(value)
        return self._found

    @property
    def said(self) -> dict[str, list[float]]:
        """The probabilities of every final score by event and position, but for those that say that less was read: like
        a provisional one, such a score depends on the moment.
        """
        said = defaultdict[str, list[float]](list)
        for score in self._finals():
            if "smaller" not in score.remarks:
                said[f"{score.event.id}@{score.event.pos}"].append(score.probability)
        return said

    @property
    def final(self) -> set[str]:
        """Events, with their position, that have a final score."""
        return {f"{score.event.id}@{score.event.pos}" for score in self._finals()}

    def _finals(self) -> Iterator[Score]:
        scores = (_score.decode(value) for values in self.so_far().values() for value in values)
        return (score for score in scores if not score.provisional)

    @property
    def doubled(self) -> int:
        """Scores that came again."""
        return sum(len(values) - 1 for values in self._found.values())


@pytest.fixture(scope="module")
def broker(servers: Endpoints) -> Broker:
    create_topics(servers.kafka_bootstrap)
    made = Broker(servers.kafka_bootstrap)
    for topic in (EVENTS, SCORES, CHANGES, DEAD_LETTERS):  # a topic that was just made has no leader for a moment
        until(lambda topic=topic: made.ready(topic), f"a leader for {topic}")  # type: ignore[misc]
    return made


@pytest.fixture
def start(broker: Broker, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts scorers of a group; what still runs is ended."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(group: str, step: str = "-", nth: int = 1, give_up_s: float = 60.0) -> subprocess.Popen[bytes]:
        words = (broker.bootstrap, group, str(tmp_path), step, str(nth), str(give_up_s))
        command = [sys.executable, str(SCRIPT), *words]
        log = (tmp_path / f"{len(running)}.log").open("wb")
        running.append(subprocess.Popen(command, stdout=log, stderr=log))
        return running[-1]

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {LIMIT_S:g} s: {what}"
        time.sleep(0.3)


def ended(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


def unscored(scores: Scores, records: list[Record]) -> dict[int, int]:
    """By partition, the first event whose score is not out."""
    scored, first = {id.partition("@")[0] for id in scores.so_far()}, dict[int, int]()
    for record in records:
        if (record.key or b"").decode() not in scored:
            first[record.partition] = min(record.offset, first.get(record.partition, record.offset))
    return first


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_nothing_is_lost_and_nothing_is_there_twice(
    broker: Broker, start: Callable[..., subprocess.Popen[bytes]], step: str
) -> None:
    """The offset stands before every event without a score; what is scored again is the same to the byte."""
    group, scores = f"kill-{step}-{uuid.uuid4().hex[:6]}", broker.scores()
    wanted = {f"{each.id}@{each.pos}#1" for each in broker.commit(EVENTS_EACH)}
    assert start(group, step, 40 if step == "read" else 4).wait(LIMIT_S) == KILLED
    first, committed = unscored(scores, list(read_all(broker.bootstrap, EVENTS))), broker.committed(group)
    assert first, "it was to die before all was scored"
    assert all(offset <= first.get(part, offset) for part, offset in committed.items())
    again = start(group)
    until(lambda: wanted <= scores.so_far().keys(), "every event has its score")
    assert all(len(set(values)) == 1 for values in scores.so_far().values())
    until(lambda: sum(broker.committed(group).values()) == sum(broker.ends(EVENTS).values()), "all is acknowledged")
    assert ended(again) == 0
    print(f"| killed at {step!r} | {len(scores.so_far())} events | 0 lost | {scores.doubled} scored again, the same |")


def test_a_provisional_score_is_made_once_more_also_after_a_kill(
    broker: Broker, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """It is not acknowledged before its second one: a new process makes both."""
    group, scores = f"provisional-{uuid.uuid4().hex[:6]}", broker.scores()
    events = broker.commit(20, through=False)
    first, second = ({f"{each.id}@{each.pos}#{n}" for each in events} for n in (1, 2))
    running = start(group)
    until(lambda: first <= scores.so_far().keys(), "provisional scores")
    assert not second & scores.so_far().keys()
    running.kill()
    running.wait(10)
    assert sum(broker.committed(group).values()) < sum(broker.ends(EVENTS).values())
    broker.publisher.publish([broker.watermark()])
    again = start(group)
    until(lambda: {f"{each.id}@{each.pos}" for each in events} <= scores.final, "final scores")
    assert ended(again) == 0


def test_workers_that_come_and_go_lose_and_repeat_nothing_in_effect(
    broker: Broker, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """Two share the partitions, one is killed, another joins, one leaves by itself; events come all the while."""
    group, scores = f"rebalance-{uuid.uuid4().hex[:6]}", broker.scores()
    workers, wanted = [start(group), start(group)], set[str]()

    def load(seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            wanted.update(f"{each.id}@{each.pos}" for each in broker.commit(20))
            time.sleep(0.1)

    load(15)
    workers[0].kill()
    load(3)
    workers.append(start(group))
    load(12)
    ended(workers[1])
    load(3)
    until(lambda: wanted <= scores.final, "every event has its score")
    assert {id: said for id, said in scores.said.items() if len(set(said)) > 1} == {}
    print(f"| a kill, a join, a leave | {len(wanted)} events | 0 lost | {scores.doubled} scored again, the same |")


def test_a_record_that_is_no_event_and_one_that_is_too_large_stop_nothing(
    broker: Broker, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """Each a dead letter; events around them are scored, one of 3 MB among them."""
    group, scores = f"bad-{uuid.uuid4().hex[:6]}", broker.scores()
    before = len(list(read_all(broker.bootstrap, DEAD_LETTERS)))
    large, huge = (msgspec.structs.replace(event(1), id=f"{size}", attributes={"text": "x" * size})
                   for size in (3_000_000, 5_000_000))  # fmt: skip
    bad = [b"\xff", b"null", b"{}", encode(huge)]
    broker.publisher.publish([Message(EVENTS, b"bad", value) for value in bad])
    broker.publisher.publish([Message(EVENTS, large.id.encode(), encode(large))])
    wanted = {f"{each.id}@{each.pos}" for each in broker.commit(30)} | {f"{large.id}@{large.pos}"}
    running = start(group, give_up_s=5.0)
    until(lambda: wanted <= scores.final, "the good ones have their scores")
    until(lambda: len(list(read_all(broker.bootstrap, DEAD_LETTERS))) >= before + 4, "the bad ones are dead letters")
    assert ended(running) == 0
