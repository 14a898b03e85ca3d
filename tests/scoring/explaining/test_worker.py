"""The worker on the real Kafka: scores in, explanations out, each at least once, none twice in effect."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from structlog.testing import capture_logs
from taken_over import Taken

from deploy.config import Settings
from deploy.stack.control import up
from deploy.stack.topics import create_topics
from ingest.kafka import KafkaPublisher
from ingest.records import EXPLANATIONS, SCORES
from scoring.explaining.explainer import Explainer
from scoring.explaining.explanation import Explanation
from scoring.explaining.worker import ExplanationWorker, WorkerSettings
from scoring.score import Score

pytestmark = pytest.mark.stack

FAST = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "fetch.wait.max.ms": 5}


@pytest.fixture(scope="module")
def kafka(stack_settings: Settings) -> str:
    """Only Kafka, with Ringwatch's topics."""
    at = up(stack_settings.stack_layout(), ["kafka"]).kafka_bootstrap
    create_topics(at)
    _until(lambda: _has_leaders(at))
    return at


def _has_leaders(kafka: str) -> bool:
    """Of topics made just now that takes a moment."""
    reader = Consumer({"bootstrap.servers": kafka, "group.id": "leaders"})
    try:
        for part in range(3):
            reader.get_watermark_offsets(TopicPartition(EXPLANATIONS, part), timeout=20)
            reader.get_watermark_offsets(TopicPartition(SCORES, part), timeout=20)
        return True
    except KafkaException:
        return False
    finally:
        reader.close()


class Ends:
    """Both topics, from where they stood at the start."""

    def __init__(self, kafka: str) -> None:
        self.kafka, self.group = kafka, f"explainer-{uuid.uuid4().hex[:8]}"
        self._producer = Producer({"bootstrap.servers": kafka})
        self._starts = {topic: self._ends(topic) for topic in (SCORES, EXPLANATIONS)}
        commits = Consumer({"bootstrap.servers": kafka, "group.id": self.group, "enable.auto.commit": False})
        commits.commit(offsets=[TopicPartition(SCORES, *at) for at in self._starts[SCORES].items()], asynchronous=False)
        commits.close()

    def _ends(self, topic: str) -> dict[int, int]:
        reader = Consumer({"bootstrap.servers": self.kafka, "group.id": "ends"})
        parts = reader.list_topics(topic, timeout=20).topics[topic].partitions
        ends = {part: reader.get_watermark_offsets(TopicPartition(topic, part), timeout=20)[1] for part in parts}
        reader.close()
        return ends

    def send(self, *scores: Score | bytes) -> None:
        """To the partitions of their events."""
        for score in scores:
            key = score.event.id.encode() if isinstance(score, Score) else b"k"
            value = msgspec.json.encode(score) if isinstance(score, Score) else score
            self._producer.produce(SCORES, key=key, value=value)
        assert self._producer.flush(20) == 0

    def explained(self, many: int, limit_s: float = 60.0) -> list[Explanation]:
        """What was published since the start, once there is so much."""
        reader = Consumer({"bootstrap.servers": self.kafka, "group.id": "reader", "enable.auto.commit": False})
        reader.assign([TopicPartition(EXPLANATIONS, *at) for at in self._starts[EXPLANATIONS].items()])
        found: list[Explanation] = []
        deadline = time.monotonic() + limit_s
        while len(found) < many and time.monotonic() < deadline:
            found += [msgspec.json.decode(m.value() or b"", type=Explanation) for m in reader.consume(100, 0.3)]
        reader.close()
        return found

    def all_committed(self) -> bool:
        """Whether the group has dealt with every score."""
        reader = Consumer({"bootstrap.servers": self.kafka, "group.id": self.group, "enable.auto.commit": False})
        ends = self._ends(SCORES)
        at = {one.partition: one.offset for one in reader.committed([TopicPartition(SCORES, p) for p in ends], 20)}
        reader.close()
        return at == ends


@pytest.fixture
def ends(kafka: str) -> Ends:
    """Of this test alone, though the topics are shared."""
    return Ends(kafka)


Start = Callable[..., ExplanationWorker]


@pytest.fixture
def start(ends: Ends, taken: Taken) -> Iterator[Start]:
    """Starts workers, and stops them at the end."""
    running: list[ExplanationWorker] = []
    taken.score()  # the mirror is read

    def begin(publisher: KafkaPublisher | None = None) -> ExplanationWorker:
        settings = WorkerSettings(ends.kafka, ends.group, extra=FAST)
        worker = ExplanationWorker(
            settings, Explainer(taken.engine, taken.mirror), publisher or KafkaPublisher(ends.kafka)
        )
        worker.start()
        running.append(worker)
        return worker

    yield begin
    for worker in running:
        worker.stopping.set()
        worker.join(20)
        assert not worker.is_alive()


def test_a_score_that_asks_for_an_alert_is_explained_under_its_name(ends: Ends, start: Start, taken: Taken) -> None:
    """The others pass by, what is no score too, and the offsets say that all of them were dealt with."""
    score = msgspec.structs.replace(taken.score(), threshold=0.2)
    quiet = msgspec.structs.replace(score, threshold=0.99, event=taken.event(id="transfers:5:transfer"))
    start()
    ends.send(quiet, b"no score", score)
    (found,) = ends.explained(1)
    assert found.id == score.id and found.reason is None and found.relative_error < 0.01
    _until(ends.all_committed)


def test_of_a_score_and_its_correction_the_correction_is_explained(ends: Ends, start: Start, taken: Taken) -> None:
    """They stand behind one another when the worker comes to them."""
    score = msgspec.structs.replace(taken.score(), threshold=0.2)
    ends.send(msgspec.structs.replace(score, provisional=True), msgspec.structs.replace(score, revision=2))
    start()
    assert [one.revision for one in ends.explained(2, limit_s=15)] == [2]


def test_what_was_not_published_is_explained_by_the_next(ends: Ends, start: Start, taken: Taken) -> None:
    """The offset is committed after publication, never before."""
    score = msgspec.structs.replace(taken.score(), threshold=0.2)
    with capture_logs() as logs:
        first = start(KafkaPublisher("127.0.0.1:1", timeout_s=1.0))  # nobody listens there
        ends.send(score)
        _until(lambda: any(line["event"] == "explanations wait" for line in logs))
        first.stopping.set()
        first.join(20)
    assert not ends.all_committed()
    start()
    assert [one.id for one in ends.explained(1)] == [score.id]


def test_a_score_of_another_model_is_answered_with_the_reason(ends: Ends, start: Start, taken: Taken) -> None:
    """So that its alert does not wait for ever."""
    start()
    ends.send(msgspec.structs.replace(taken.score(), threshold=0.2, model="demo@older"))
    (found,) = ends.explained(1)
    assert found.method == "none" and "demo@older gave this score" in str(found.reason)


def _until(holds: Callable[[], object], limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
