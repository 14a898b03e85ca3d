"""Kafka's two ends: the only file of ingest that knows confluent-kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as Received

from ingest.events import Transient
from ingest.records import DEAD_LETTERS, Message, Record

log = structlog.get_logger("kafka")

ASK_S = 10.0
LOOK_S = 0.5
STALL_S = 30.0
PAUSE_S = 2.0  # of no polls, before fetching is paused; a group waits so long for a member's answer
NEAR = 500  # records that are sooner read past than jumped over
PARTITION_UA = -1  # librdkafka: let the key decide
MOVED_ON = (KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_INSTANCE_ID)
SETTLED = (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART)  # wait: the topic may come later


class KafkaSource:
    """A share of some topics, by consumer group (`ingest.records.Source`).

    Offsets are committed by hand, after the work. The range assignor is used because the
    cooperative one and manual commits do not go together (librdkafka issue 4059). Prefetch is
    bounded: by default librdkafka may hold 1 GB.
    """

    def __init__(
        self, bootstrap: str, group: str, topics: Sequence[str], extra: Mapping[str, str] | None = None
    ) -> None:
        """`topics` may hold patterns (starting with ^); `extra` librdkafka settings (TLS, credentials)."""
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "range",
                "fetch.wait.max.ms": 20,
                "fetch.min.bytes": 32_768,
                "fetch.error.backoff.ms": 50,
                "fetch.queue.backoff.ms": 5,
                "queued.max.messages.kbytes": 8_192,
                "fetch.max.bytes": 8_388_608,
                "topic.metadata.refresh.interval.ms": 5_000,
                "max.poll.interval.ms": 600_000,
                "session.timeout.ms": 10_000,
                **(extra or {}),
            }
        )
        self._owned: set[tuple[str, int]] = set()
        self._fresh = False
        self._held: list[Received] = []
        self._paused, self._polled_s = False, float("-inf")
        self._starts: dict[tuple[str, int], tuple[int, int]] = {}
        self._consumer.subscribe(
            list(topics), on_assign=self._note_starts, on_revoke=self._forget, on_lost=self._forget
        )

    def poll(self, limit: int, timeout_s: float) -> list[Record]:
        """See Source.poll: waits for the first record only, then takes what is there."""
        self._polled_s = time.monotonic()
        self._resume()
        received, self._held = self._held, []
        if not received:
            first = self._consumer.poll(timeout_s)
            if first is None:
                return []
            received = [first]
        received += self._consumer.consume(limit - len(received), 0) if limit > len(received) else []
        return [record for message in received if (record := _record(message)) is not None]

    def owns(self, topic: str, partition: int) -> bool:
        """Whether the group has given this partition to us. Asks nobody, so any thread may."""
        return (topic, partition) in self._owned

    def reassigned(self) -> bool:
        """See Source.reassigned."""
        fresh, self._fresh = self._fresh, False
        return fresh

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """See Source.commit. What another worker took over is left to it: it repeats it, which changes nothing."""
        ours = [TopicPartition(*place, offset) for place, offset in offsets.items() if place in self._owned]
        if not ours:
            return
        try:
            self._consumer.commit(offsets=ours, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() not in MOVED_ON:  # retriable() speaks of transactional producers only
                raise Transient(f"Kafka did not take the offsets: {error}") from error
            log.warning("offsets not committed, the group has moved on", error=str(error))

    def lag(self) -> dict[tuple[str, int], int]:
        """See Source.lag; from the high watermarks that came with the last fetch.

        A partition that has not given a record yet has neither position nor watermark: what was asked
        for at the assignment stands in.
        """
        try:
            positions = self._consumer.position(self._consumer.assignment())
            if unknown := [at for at in positions if at.offset < 0 and (at.topic, at.partition) not in self._starts]:
                self._ask_starts(unknown)
            ends = [self._consumer.get_watermark_offsets(at, cached=True)[1] for at in positions]
        except KafkaException as error:
            raise Transient(f"Kafka did not tell how far its partitions go: {error}") from error
        behind = {}
        for at, high in zip(positions, ends, strict=True):
            start, end = self._starts.get((at.topic, at.partition), (0, 1))  # unknown: there may be something
            reached = at.offset if at.offset >= 0 else start
            behind[at.topic, at.partition] = max(0, (high if high >= 0 else end) - reached)
        return behind

    def keep_alive(self) -> None:
        """See Source.keep_alive: polls with everything paused; what a rebalance lets through is kept.

        Not before PAUSE_S without a poll: a pause throws away what was fetched ahead, and librdkafka takes
        up to a second to fetch again. A busy worker comes back within one batch.
        """
        if time.monotonic() < self._polled_s + PAUSE_S:
            return
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True
        if (message := self._consumer.poll(0)) is not None:
            self._held.append(message)

    def close(self) -> None:
        """Leave the group at once, so that others take over without waiting."""
        self._consumer.close()

    def _resume(self) -> None:
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    def _note_starts(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._fresh = True
        self._paused = False  # what is new is not paused
        self._owned |= {(at.topic, at.partition) for at in partitions}
        try:
            self._ask_starts(partitions)
        except KafkaException as error:  # out of a callback it would end the process; `lag` asks again
            log.warning("it is not known yet where partitions begin", error=str(error))

    def _ask_starts(self, partitions: list[TopicPartition]) -> None:
        for at in self._consumer.committed(partitions, timeout=ASK_S):
            low, high = self._consumer.get_watermark_offsets(at, timeout=ASK_S)
            self._starts[at.topic, at.partition] = (at.offset if at.offset >= 0 else low, high)

    def _forget(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._paused:  # librdkafka remembers it: given back, they would never be read again
            consumer.resume(partitions)
            self._paused = False
        gone = {(part.topic, part.partition) for part in partitions}
        self._owned -= gone
        for place in gone:
            self._starts.pop(place, None)
        self._held = [message for message in self._held if (message.topic(), message.partition()) not in gone]


def _record(message: Received) -> Record | None:
    if (error := message.error()) is not None:
        if error.code() not in SETTLED:
            log.warning("Kafka", error=str(error))
        return None
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=message.key(),
        value=message.value(),
        headers=tuple([(pair[0], _bytes(pair[1])) for pair in message.headers() or ()]),
        timestamp_ms=message.timestamp()[1],
    )


def _bytes(value: str | bytes | None) -> bytes:
    if type(value) is bytes:
        return value
    return value.encode() if isinstance(value, str) else value or b""


def read_all(
    bootstrap: str, topic: str, extra: Mapping[str, str] | None = None, since_ms: int | None = None
) -> Iterator[Record]:
    """Everything a topic holds at this moment, or what came since then, partition by partition; nothing is committed.

    Raises:
        Transient: the broker did not answer.
    """
    with _looking(bootstrap, topic, extra) as consumer:
        known = consumer.list_topics(topic, timeout=ASK_S).topics[topic].partitions
        for part in sorted(known):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, part), timeout=ASK_S)
            if since_ms is not None:
                since = consumer.offsets_for_times([TopicPartition(topic, part, since_ms)], timeout=ASK_S)[0].offset
                low = max(low, since) if since >= 0 else high
            consumer.assign([TopicPartition(topic, part, low)])
            moved_s = time.monotonic()
            while low < high:
                # One by one: a consume of a thousand would hold a thousand records of 16 MB.
                if (message := consumer.poll(LOOK_S)) is not None and (record := _record(message)) is not None:
                    low, moved_s = record.offset + 1, time.monotonic()
                    if record.offset < high:
                        yield record
                elif time.monotonic() > moved_s + STALL_S:
                    raise Transient(f"Kafka gave nothing more of {topic}[{part}] at {low} for {STALL_S:g} s")
                else:  # what is left may be no records: a compaction took them, or a transaction's marks
                    low = max(low, consumer.position([TopicPartition(topic, part)])[0].offset)


def read_at(
    bootstrap: str, topic: str, places: Iterable[tuple[int, int]], extra: Mapping[str, str] | None = None
) -> Iterator[Record]:
    """The records at these (partition, offset), which come sorted; those that are gone are left out.

    Raises:
        Transient: the broker did not answer.
    """
    with _looking(bootstrap, topic, extra) as consumer:
        here, held = (-1, -1), None  # what comes next, and what was read too far
        for part, wanted in places:
            if here[0] != part or wanted - here[1] > NEAR:
                consumer.assign([TopicPartition(topic, part, wanted)])
                here, held = (part, wanted), None
            while held is None or held.offset < wanted:
                if (message := consumer.poll(ASK_S)) is None:
                    raise Transient(f"Kafka did not give {topic}[{part}]@{wanted} within {ASK_S:g} s")
                held = _record(message) or held
            here = (part, held.offset + 1)
            if held.offset == wanted:
                yield held


@contextmanager
def _looking(bootstrap: str, topic: str, extra: Mapping[str, str] | None) -> Iterator[Consumer]:
    """A consumer that joins no group and holds little."""
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": "look",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",  # what is asked for may have been removed meanwhile
        "queued.max.messages.kbytes": 16_384,
        "fetch.queue.backoff.ms": 50,  # by default it rests for a second once the queue was full
        "fetch.wait.max.ms": 500,
    }
    consumer = Consumer({**settings, **(extra or {})})
    try:
        yield consumer
    except KafkaException as error:
        raise Transient(f"Kafka did not give topic {topic!r}: {error}") from error
    finally:
        consumer.close()


class KafkaLetters:
    """The dead-letter topic (`ingest.letterbox.Letters`)."""

    def __init__(self, bootstrap: str, extra: Mapping[str, str] | None = None) -> None:
        """`extra` librdkafka settings (TLS, credentials)."""
        self._bootstrap, self._extra = bootstrap, extra

    def read(self) -> Iterator[Record]:
        """See Letters.read."""
        return read_all(self._bootstrap, DEAD_LETTERS, self._extra)

    def at(self, places: Iterable[tuple[int, int]]) -> Iterator[Record]:
        """See Letters.at."""
        return read_at(self._bootstrap, DEAD_LETTERS, places, self._extra)


class KafkaPublisher:
    """An idempotent producer (`ingest.records.Publisher`): in order per partition, acknowledged by all replicas."""

    def __init__(self, bootstrap: str, extra: Mapping[str, str] | None = None, timeout_s: float = 30.0) -> None:
        """`timeout_s` is how long one publish may take before it counts as failed."""
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 50,
                "delivery.report.only.error": True,  # a call for each confirmation is a fifth of a message's cost
                "compression.type": "none",  # Faust's client reads gzip only; give it by `extra` on a thin network
                "queue.buffering.max.messages": 200_000,
                "message.max.bytes": 16_000_000,  # a dead letter holds the record it is about, in base64
                "delivery.timeout.ms": int(timeout_s * 1000),
                **(extra or {}),
            }
        )
        self._timeout_s = timeout_s
        self._partitions: dict[str, int] = {}

    def publish(self, messages: Sequence[Message]) -> None:
        """See Publisher.publish."""
        failed: list[str] = []

        def done(error: KafkaError | None, _: Received) -> None:
            failed.append(str(error))

        try:
            for message in messages:
                if message.everywhere:
                    for part in range(self._count(message.topic)):
                        self._produce(message, part, done)
                else:
                    self._produce(message, PARTITION_UA if message.partition is None else message.partition, done)
            left = self._producer.flush(self._timeout_s)
        except (KafkaException, BufferError) as error:
            raise Transient(f"Kafka did not take the messages: {error}") from error
        if left or failed:
            raise Transient(f"Kafka did not confirm {left + len(failed)} of {len(messages)} messages: {failed[:1]}")

    def _produce(self, message: Message, part: int, done: Callable[[KafkaError | None, Received], None]) -> None:
        headers: list[tuple[str, str | bytes | None]] = list(message.headers)
        while True:
            try:
                self._producer.produce(message.topic, message.value, message.key, part, done, headers=headers)
                return
            except BufferError:  # the local queue is full: let it drain
                self._producer.poll(0.1)

    def _count(self, name: str) -> int:
        if name not in self._partitions:
            topic = self._producer.list_topics(name, timeout=10).topics[name]
            if not topic.partitions:
                raise Transient(f"topic {name!r} does not exist; `ringwatch connect register` makes it")
            self._partitions[name] = len(topic.partitions)
        return self._partitions[name]


def behind(messages: Iterable[Any]) -> list[TopicPartition]:
    """The offsets to commit once these confluent-kafka messages are dealt with: behind the last of each partition."""
    ends: dict[tuple[str, int], int] = {}
    for message in messages:
        place = message.topic(), message.partition()
        ends[place] = max(ends.get(place, 0), message.offset() + 1)
    return [TopicPartition(*place, offset) for place, offset in ends.items()]


def committed(bootstrap: str, group: str, topic: str, extra: Mapping[str, str] | None = None) -> int:
    """How many records of a topic a group has dealt with, over all partitions; 0 where it has none.

    Raises:
        Transient: the broker did not answer.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, **(extra or {})})
    try:
        known = consumer.list_topics(topic, timeout=ASK_S).topics[topic].partitions
        asked = [TopicPartition(topic, part) for part in known]
        return sum(max(0, at.offset) for at in consumer.committed(asked, timeout=ASK_S)) if asked else 0
    except KafkaException as error:
        raise Transient(f"Kafka did not tell the offsets of group {group!r}: {error}") from error
    finally:
        consumer.close()
