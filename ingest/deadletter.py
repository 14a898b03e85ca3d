"""A record that can't be used, kept with everything needed to mend and replay it."""

from __future__ import annotations

import time
from typing import Literal

import msgspec

from ingest.records import DEAD_LETTERS, Message, Record

Outcome = Literal["replayed", "dropped"]
OUTCOME = "outcome"  # the header of a tombstone that says which
REASON_LIMIT = 1_000  # characters: a reason may quote the record, and the record travels along anyway


class DeadLetter(msgspec.Struct, frozen=True):
    """Where it was read, why it was refused, and the bytes (base64 on the wire).

    `position` is the source position's token where the record could be read that far, else empty.
    """

    topic: str
    partition: int
    offset: int
    position: str
    reason: str
    key: bytes | None
    value: bytes | None
    refused_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def of(cls, record: Record, position: str, reason: str) -> DeadLetter:
        """A dead letter of this moment."""
        now_ms = int(time.time() * 1000)
        if len(reason) > REASON_LIMIT:
            reason = f"{reason[:REASON_LIMIT]}… ({len(reason)} characters)"
        place = record.topic, record.partition, record.offset
        return cls(*place, position, reason, record.key, record.value, now_ms, record.headers)

    @classmethod
    def read(cls, record: Record) -> DeadLetter | None:
        """A dead letter as the topic holds it; None for what is none."""
        try:
            return msgspec.json.decode(record.value or b"", type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    @property
    def place(self) -> str:
        """Where it was read: topic[partition]@offset. The same record refused twice is one letter."""
        return f"{self.topic}[{self.partition}]@{self.offset}"

    def message(self) -> Message:
        """As it goes to the dead-letter topic: keyed by its place, so that a redelivery meets itself."""
        return Message(DEAD_LETTERS, self.place.encode(), msgspec.json.encode(self))

    def again(self) -> Message:
        """The record as it was, for the partition it came from: the rows of one key stay in one partition,
        whichever partitioner the connector uses.
        """
        return Message(self.topic, self.key, self.value, self.headers, partition=self.partition)


def settled(place: str, outcome: Outcome, partition: int) -> Message:
    """The tombstone of a letter, for the partition of the dead-letter topic that the letter is in."""
    return Message(DEAD_LETTERS, place.encode(), None, ((OUTCOME, outcome.encode()),), partition=partition)
