"""`fraud.scores` in, `fraud.explanations` out, at least once, in a thread beside the scorer. Knows confluent-kafka.

The offset is committed after publication, so a crash repeats a batch; an explanation has its score's name, so that
repeating it is harmless. A score is never dead-lettered here: the alert service has taken it already.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaException

from ingest.kafka import behind
from ingest.records import EXPLANATIONS, SCORES, Message, Publisher
from scoring.explaining.desk import Desk, insist
from scoring.explaining.explainer import Explainer
from scoring.explaining.explanation import Explanation
from scoring.score import Score, asks

log = structlog.get_logger("explainer")

AGAIN_S = 5.0  # after an error that nobody foresaw


class _Head(msgspec.Struct, frozen=True):
    """What tells whether a score is to be read further: most are not."""

    probability: float
    threshold: float = 0.5
    alert_by: str | None = None


_head, _score = msgspec.json.Decoder(_Head), msgspec.json.Decoder(Score)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Where the scores are.

    Attributes:
        batch: records read at once at most, waiting `within_s` for them: nobody is in a hurry, and each look costs
            the scorer a turn of the interpreter.
        extra: further librdkafka settings (TLS, credentials); they win.
    """

    bootstrap: str
    group: str = "explainer"
    batch: int = 200
    within_s: float = 0.2
    extra: Mapping[str, Any] = field(default_factory=dict)

    def librdkafka(self) -> dict[str, Any]:
        """The settings of the client."""
        return {
            "bootstrap.servers": self.bootstrap,
            "group.id": self.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "range",
            "queued.max.messages.kbytes": 4096,
            "fetch.wait.max.ms": 200,
            "fetch.min.bytes": 1_000_000,
            **self.extra,
        }


class ExplanationWorker(threading.Thread):
    """Reads scores until `stopping` is set; what goes wrong is said, and begun again."""

    def __init__(
        self,
        settings: WorkerSettings,
        explainer: Explainer,
        publisher: Publisher,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """`publisher` is its own: it waits for the broker's word. `busy`: see Desk."""
        super().__init__(name="explainer", daemon=True)
        self.stopping = threading.Event()
        self.desk = Desk(explainer, self.stopping, busy=busy)
        self._settings, self._publisher = settings, publisher

    def run(self) -> None:
        """Until told to stop."""
        while not self.stopping.is_set():
            try:
                self._follow()
            except Exception as error:  # the scorer goes on whatever becomes of explanations
                log.error("explaining begins again", reason=repr(error)[:500], in_s=AGAIN_S)
                self.stopping.wait(AGAIN_S)

    def _follow(self) -> None:
        consumer = Consumer(self._settings.librdkafka())
        consumer.subscribe([SCORES])
        try:
            while not self.stopping.is_set():
                messages = consumer.consume(self._settings.batch, self._settings.within_s)
                read = [message for message in messages if message.error() is None]
                explained = self.desk.explain(score for message in read if (score := _read(message)) is not None)
                if not self.stopping.is_set() and self._publish(explained):
                    _commit(consumer, read)
        finally:
            consumer.close()

    def _publish(self, explained: Sequence[Explanation]) -> bool:
        messages = [Message(EXPLANATIONS, one.event_id.encode(), _encode(one)) for one in explained]
        if messages and not insist(lambda: self._publisher.publish(messages), self.stopping):
            return False
        self.desk.finish(explained)
        return True


def _read(message: Any) -> Score | None:
    """A score that may be wanted. What is no score is passed over: the alert service dead-letters it."""
    value = message.value() or b""
    try:
        head = _head.decode(value)
        asked = asks(head.probability, head.threshold, head.alert_by)
        return _score.decode(value) if asked else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        log.warning("not a score", at=f"{SCORES}[{message.partition()}]@{message.offset()}", reason=str(error)[:200])
        return None


def _commit(consumer: Any, messages: Sequence[Any]) -> None:
    if not messages:
        return
    try:
        consumer.commit(offsets=behind(messages), asynchronous=False)
    except KafkaException as error:  # lost partitions: their new owner reads the batch again, harmlessly
        log.warning("offset not committed", reason=str(error), effect="the batch is read again")
