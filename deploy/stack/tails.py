"""The ends of a bank's topics: under which epoch its connector last wrote, and whether it ever did."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from deploy.stack.errors import StackError

EPOCH_HEADER = "epoch"
LAST = 50  # records of a partition: a dead letter that was sent again is among the last, under its own epoch
ASK_S = 10.0
LOOK_S = 0.2
PASSING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)
STALL_S = 30.0


@dataclass(frozen=True, slots=True)
class Tail:
    """What the last records of a source's topics tell."""

    epoch: int | None  # the highest in a header; None: no record that says one
    used: bool  # whether any of the topics has ever held a record


def tail(bootstrap: str, name: str, extra: Mapping[str, str] | None = None) -> Tail:
    """Look at the topics `NAME.*`; `extra` are librdkafka settings. Raises StackError."""
    settings = {"group.id": "look", "enable.auto.commit": False, "auto.offset.reset": "earliest",
                "enable.partition.eof": True, "queued.max.messages.kbytes": 16_384, "log_level": 0}  # fmt: skip
    try:
        with closing(Consumer({"bootstrap.servers": bootstrap, **settings, **(extra or {})})) as consumer:
            ends = {(at.topic, at.partition): high for at, high in _ends(consumer, name)}
            epochs = [epoch for message in _last(consumer, ends) if (epoch := _epoch(message)) is not None]
    except KafkaException as error:
        raise StackError(f"Kafka at {bootstrap} did not give the last records of {name}.*: {error}") from error
    return Tail(max(epochs, default=None), any(ends.values()))


def _ends(consumer: Consumer, name: str) -> Iterator[tuple[TopicPartition, int]]:
    for topic, found in consumer.list_topics(timeout=ASK_S).topics.items():
        for part in found.partitions if topic.startswith(f"{name}.") else ():
            at = TopicPartition(topic, part)
            yield at, _end(consumer, at)


def _end(consumer: Consumer, at: TopicPartition) -> int:
    """How far a partition goes; a broker that has just started may not lead it yet."""
    deadline = time.monotonic() + ASK_S
    while True:
        try:
            return int(consumer.get_watermark_offsets(at, timeout=ASK_S)[1])
        except KafkaException as error:
            if error.args[0].code() not in PASSING or time.monotonic() > deadline:
                raise
            time.sleep(LOOK_S)


def _last(consumer: Consumer, ends: Mapping[tuple[str, int], int]) -> Iterator[Message]:
    """The last records of each partition, as far as it went when it was asked."""
    left = {place for place, high in ends.items() if high}
    consumer.assign([TopicPartition(*place, max(0, ends[place] - LAST)) for place in left])
    moved_s = time.monotonic()
    while left:
        if (message := consumer.poll(1)) is None:
            if time.monotonic() > moved_s + STALL_S:
                raise StackError(f"Kafka gave nothing of {len(left)} partitions ({min(left)}) for {STALL_S:g} s")
            continue
        moved_s, place = time.monotonic(), (message.topic() or "", message.partition() or 0)
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        if error is None:
            yield message
        if error is not None or (message.offset() or 0) + 1 >= ends.get(place, 0):
            left.discard(place)


def _epoch(message: Message) -> int | None:
    stamps = [pair[1] for pair in message.headers() or () if pair[0] == EPOCH_HEADER]
    text = str(stamps[-1], "ascii", "replace").strip('"') if stamps and isinstance(stamps[-1], bytes) else ""
    return int(text) if text.isdigit() else None
