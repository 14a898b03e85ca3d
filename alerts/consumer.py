"""The stack's consumers of `fraud.scores` and `fraud.explanations`: Kafka in, SQL commit, then the offset.

The one file here that knows confluent-kafka. Each runs in a thread of its own, since librdkafka blocks, and hands
batches to the services' loop. The offset is committed after SQL, so a crash repeats a batch, which is taken calmly.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException

from alerts.errors import AlertsError, BadScore, DatabaseAway
from ingest.events import IngestError
from ingest.kafka import behind
from ingest.records import SCORES
from scoring.explaining.explanation import Explanation
from scoring.score import Score

log = structlog.get_logger(__name__)

POLL_S = 0.2
BEAT_S = 0.1  # from one batch to the next: a transaction costs as much as two hundred scores that are no alerts
LONGEST_PAUSE_S = 15.0
ACCEPT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """Where the scores are.

    Attributes:
        extra: further librdkafka settings (TLS, credentials); they win.
    """

    brokers: str
    topic: str = SCORES
    group: str = "alerts"
    batch: int = 200
    extra: Mapping[str, Any] = field(default_factory=dict)

    def librdkafka(self) -> dict[str, Any]:
        """The settings of the client. Prefetch is 64 MB by default *per partition*: 8 MB are 800 full scores."""
        return {
            "bootstrap.servers": self.brokers,
            "group.id": self.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "range",
            "queued.max.messages.kbytes": 8192,
            "fetch.wait.max.ms": 20,
            "fetch.min.bytes": 65_536,  # most scores are no alerts: one look at the tables for some of them together
            **self.extra,
        }


@dataclass(frozen=True, slots=True)
class DeadScore:
    """A record that can't become an alert, where it was, and why."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str
    headers: tuple[tuple[str, bytes], ...] = ()


class Takes(Protocol):
    """Where what was read goes: `Intake`, or `Explanations`."""

    async def accept(self, values: Any, /) -> list[int]:
        """Store a batch of what the topic holds; returns the alerts that were changed."""
        ...


class ScoreConsumer:
    """Reads scores and hands them to intake until stopped.

    Args:
        loop: the loop the services were opened in.
        dead: takes what can't be stored; it returns once that is kept somewhere, or raises, and then the
            record is tried again.
    """

    wire: ClassVar[type[msgspec.Struct]] = Score
    what: ClassVar[str] = "score"

    def __init__(
        self,
        settings: ConsumerSettings,
        intake: Takes,
        loop: asyncio.AbstractEventLoop,
        dead: Callable[[DeadScore], None],
    ) -> None:
        self.settings = settings
        self.intake = intake
        self.loop = loop
        self.dead = dead
        self.failure: BaseException | None = None
        self._stopping = threading.Event()
        self._waiting, self._due_s = False, float("-inf")
        self._backlog: list[Any] = []
        self._decoder = msgspec.json.Decoder(self.wire)
        self._thread = threading.Thread(target=self._guarded, name=f"alerts-{self.what}s", daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    async def stop(self, timeout_s: float = 10.0) -> None:
        """End after the batch at hand. Called in the services' loop, which has to go on meanwhile."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, timeout_s)

    @property
    def alive(self) -> bool:
        """Whether it reads; `failure` says why not."""
        return self._thread.is_alive()

    def _guarded(self) -> None:
        try:
            self.run()
        except BaseException as error:
            self.failure = error
            log.error("consumer_died", topic=self.settings.topic, reason=repr(error), mend="restart the alert service")
            raise

    def run(self) -> None:
        """Read, store, commit, until stopped. Blocks."""
        consumer = Consumer(self.settings.librdkafka())
        consumer.subscribe([self.settings.topic], on_assign=self._assigned)
        try:
            while not self._stopping.is_set():
                messages = self._next(consumer)
                if messages and self._deliver(consumer, messages):
                    self._commit(consumer, messages)
        finally:
            consumer.close()

    def _next(self, consumer: Any) -> list[Any]:
        """Up to a batch: waits for the first record, and for more until it is full or due."""
        messages, self._backlog = self._backlog, []
        if not messages:
            if (first := consumer.poll(POLL_S)) is None:
                return []
            messages = [first]
            while (room := self.settings.batch - len(messages)) > 0:
                left_s = max(0.0, self._due_s - time.monotonic())
                messages += consumer.consume(room, min(left_s, POLL_S))
                if left_s <= POLL_S or self._stopping.is_set():
                    break
            self._due_s = time.monotonic() + BEAT_S
        return [message for message in messages if not self._is_fault(message)]

    def _is_fault(self, message: Any) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.fatal():
            raise KafkaException(error)
        if error.code() != KafkaError._PARTITION_EOF:
            log.warning("kafka", topic=self.settings.topic, reason=error.str(), effect="the client retries by itself")
        return True

    def _deliver(self, consumer: Any, messages: Sequence[Any]) -> bool:
        """Store a batch; False when stopped before all of it was kept (then nothing may be committed)."""
        pending: list[tuple[Any, msgspec.Struct]] = []
        for message in messages:
            decoded = self._decode(message)
            if isinstance(decoded, msgspec.Struct):
                pending.append((message, decoded))
            elif not self._bury(consumer, message, decoded):
                return False
        while pending:
            try:
                return self._patiently(consumer, self._accept, [score for _, score in pending])
            except BadScore as error:
                message = next(message for message, score in pending if score is error.score)
                pending = [pair for pair in pending if pair[1] is not error.score]
                if not self._bury(consumer, message, str(error)):
                    return False
        return True

    def _decode(self, message: Any) -> msgspec.Struct | str:
        """What the record says, or why it says nothing."""
        value = message.value()
        if value is None:
            return f"null value: {self.what} expected"
        try:
            return self._decoder.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return f"no {self.what}: {error}"

    def _bury(self, consumer: Any, message: Any, reason: str) -> bool:
        where = (message.topic(), message.partition(), message.offset())
        log.warning("dead_letter", topic=where[0], partition=where[1], offset=where[2], reason=reason)
        headers = tuple((name, value or b"") for name, value in message.headers() or ())
        dead = DeadScore(*where, message.key(), message.value(), reason, headers)
        return self._patiently(consumer, self.dead, dead)

    def _accept(self, scores: Sequence[msgspec.Struct]) -> None:
        future = asyncio.run_coroutine_threadsafe(self.intake.accept(scores), self.loop)
        try:
            future.result(ACCEPT_TIMEOUT_S)
        except TimeoutError:
            future.cancel()
            raise DatabaseAway(f"no commit within {ACCEPT_TIMEOUT_S:g} s") from None

    def _patiently(self, consumer: Any, work: Callable[[Any], None], value: Any) -> bool:
        """Do `work`, again and again with back-off while it fails for a while; False when stopped undone.

        Raises:
            BadScore: trying again would not help.
        """
        tries, done = 0, False
        while not done and not self._stopping.is_set():
            try:
                work(value)
                done = True
            except BadScore:
                raise
            except (AlertsError, IngestError, KafkaException, OSError, BufferError) as error:
                tries += 1
                pause_s = min(LONGEST_PAUSE_S, 0.25 * 2 ** min(tries, 8))
                log.warning("scores_wait", reason=str(error), tries=tries, retry_in_s=pause_s)
                self._wait(consumer, pause_s)
        if tries:
            self._resume(consumer)
        return done

    def _wait(self, consumer: Any, pause_s: float) -> None:
        """Keep the place in the group: go on polling, with every partition paused."""
        self._waiting = True
        consumer.pause(consumer.assignment())
        until = time.monotonic() + pause_s
        while (left := until - time.monotonic()) > 0 and not self._stopping.is_set():
            message = consumer.poll(min(left, POLL_S))
            if message is not None:  # fetched before the pause: keep it for the next batch
                self._backlog.append(message)

    def _resume(self, consumer: Any) -> None:
        self._waiting = False
        consumer.resume(consumer.assignment())

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        log.info("assigned", topic=self.settings.topic, partitions=[partition.partition for partition in partitions])
        if self._waiting:
            consumer.assign(partitions)
            consumer.pause(partitions)

    def _commit(self, consumer: Any, messages: Sequence[Any]) -> None:
        try:
            consumer.commit(offsets=behind(messages), asynchronous=False)
        except KafkaException as error:  # lost partitions: their new owner reads the batch again, harmlessly
            log.warning("offset_not_committed", reason=str(error), effect="the batch will be read again")


class ExplanationConsumer(ScoreConsumer):
    """The same of explanations, which go to `Explanations`."""

    wire = Explanation
    what = "explanation"
