"""What travels: records read from a log, messages written to one, and the two ends that move them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

CHANGES = "graph.changes"
EVENTS = "graph.events"
SCORES = "fraud.scores"
SHADOW = "fraud.shadow"  # of a model that is only compared
EXPLANATIONS = "fraud.explanations"
LABELS = "fraud.labels"
DEAD_LETTERS = "ringwatch.deadletter"
REREAD = "ringwatch.reread"  # keys an incremental snapshot named


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record as it was read. `timestamp_ms` is the log's own (wall clock)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int = 0

    def header(self, name: str) -> bytes | None:
        """The last header of that name."""
        for key, value in reversed(self.headers):
            if key == name:
                return value
        return None

    @property
    def place(self) -> str:
        """For messages: topic[partition]@offset."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


class Message(msgspec.Struct, frozen=True, gc=False):
    """One record to be written: to the partition of its key, or to `partition`, or `everywhere` in the topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    everywhere: bool = False
    partition: int | None = None


class Trace(msgspec.Struct, frozen=True, gc=False):
    """The `trace` header: where a message's latency counts from.

    `committed_ms` is the bank's commit in the bank's clock, `captured_ms` when the connector saw it
    in this machine's clock (a replay's clock may run elsewhere), `traceparent` W3C trace context,
    the same for every redelivery of one change.
    """

    committed_ms: int
    captured_ms: int
    traceparent: str

    @classmethod
    def of(cls, pos: str, committed_ms: int, captured_ms: int) -> Trace:
        """The trace of the change at a position token."""
        digest = hashlib.blake2b(pos.encode(), digest_size=24).hexdigest()
        return cls(committed_ms, captured_ms, f"00-{digest[:32]}-{digest[32:]}-01")

    def header(self) -> tuple[str, bytes]:
        """As a Kafka header."""
        return "trace", msgspec.json.encode(self)


class Source(Protocol):
    """Where records come from. Nothing is taken off it before `commit`."""

    def poll(self, limit: int, timeout_s: float) -> list[Record]:
        """Up to `limit` records, waiting at most `timeout_s` for the first."""
        ...

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Everything before these offsets, by (topic, partition), is dealt with.

        Raises:
            Transient: try again; the records may come once more, which is harmless.
        """
        ...

    def lag(self) -> dict[tuple[str, int], int]:
        """How many records each partition holds beyond what was polled, 0 included.

        Raises:
            Transient: it is not known right now.
        """
        ...

    def reassigned(self) -> bool:
        """Whether partitions were given to us since this was last asked: what others knew of them, we don't."""
        ...

    def keep_alive(self) -> None:
        """Called while there is no room for more, so that the source does not give us up. Takes nothing."""
        ...


class Publisher(Protocol):
    """Where messages go."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Returns when the log has them all.

        Raises:
            Transient: some may not have arrived; publish all of them again.
        """
        ...
