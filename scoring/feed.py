"""Keeps a mirror current from `graph.changes`: hydrate from the store, then follow, without a gap or a double.

The end offsets are noted first, then the store is read, then the stream is applied from a little before
the noted offsets: what was written meanwhile comes twice, and the mirror takes it once. Ready at the end
offsets taken after hydration.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from graph.adjacency import compile_walk
from graph.mirror import Mirror
from graph.model import Event, Upsert, Watermark
from graph.store import StoreRefused
from graph.wire import unpacked
from ingest.records import CHANGES
from scoring.watermarks import Watermarks

log = structlog.get_logger("mirror")

BATCH = 2_000  # upserts applied under one lock: about 20 ms
RECORDS = 100  # taken at once: each holds up to graph.wire.PACK changes
SWEPT = 500  # old things removed after each batch at most: about 5 ms, and more than ten batches a second can bring
LOOK_BACK = 200  # records per partition read again at the start: the watermarks of an idle bank are among them


class Dumped(Protocol):
    """The store a mirror is hydrated from."""

    def dump(self) -> Iterator[Upsert]:
        """See graph.store.GraphStore.dump."""
        ...


class MirrorFeed(threading.Thread):
    """Reads every partition of `graph.changes` into a mirror. If it fails, `failed` holds why and it ends."""

    def __init__(self, bootstrap: str, store: Dumped, mirror: Mirror, extra: Mapping[str, str] | None = None) -> None:
        """`extra` are librdkafka settings (TLS, credentials)."""
        super().__init__(name="mirror-feed", daemon=True)
        self.ready, self.stopping = threading.Event(), threading.Event()
        self.failed: BaseException | None = None
        self.applied = 0
        self.heard: Callable[[Sequence[Upsert]], None] = lambda upserts: None  # told of what was applied, in its thread
        self._store, self._mirror = store, mirror
        self._marks: Watermarks | None = None
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "mirror",  # required by librdkafka; nothing is committed under it
                "enable.auto.commit": False,
                "auto.offset.reset": "error",  # fell behind retention: hydrate anew, never skip
                "fetch.wait.max.ms": 5,
                "queued.max.messages.kbytes": 16_384,
                **(extra or {}),
            }
        )

    @property
    def through(self) -> str:
        """The position the mirror has passed on every partition; empty while unknown."""
        return self._marks.through(time.monotonic()) if self._marks else ""

    @property
    def silent_s(self) -> float | None:
        """Since ingest was last heard; None while it was not. An idle bank is silent too."""
        return self._marks.silent_s(time.monotonic()) if self._marks else None

    def arrived(self, event: Event) -> bool:
        """Whether an event's own change is in the mirror, or will not be, however long one waits."""
        return self._mirror.holds(event.id, event.pos) or self._mirror.forgot(event.id, event.time_ms)

    def check(self) -> None:
        """Raises RuntimeError: it has ended, and why."""
        if self.failed is not None:
            raise RuntimeError("the mirror stopped") from self.failed

    def run(self) -> None:
        """Hydrate, then follow until `stopping` is set."""
        try:
            self._hydrate()
            while not self.stopping.is_set():
                self._apply(self._next(0.2))
                self._mirror.sweep(SWEPT)  # not before: a dump comes in any order
        except BaseException as error:
            self.failed = error
            log.error("the mirror stopped", error=str(error)[:500])
        finally:
            self._consumer.close()

    def _hydrate(self) -> None:
        started = time.perf_counter()
        parts = sorted(self._consumer.list_topics(CHANGES, timeout=30).topics[CHANGES].partitions)
        if not parts:
            raise RuntimeError(f"topic {CHANGES!r} does not exist: `ringwatch connect register` makes it")
        self._marks = Watermarks(len(parts))
        starts = {part: max(low, end - LOOK_BACK) for part, (low, end) in self._ends(parts).items()}
        self._consumer.assign([TopicPartition(CHANGES, part, start) for part, start in starts.items()])
        compile_walk()
        upserts = self._store.dump()
        while batch := list(islice(upserts, BATCH)):
            self._mirror.apply(batch)
        wanted = {part: end for part, (_, end) in self._ends(parts).items()}
        while any(at.offset < wanted[at.partition] for at in self._positions(wanted)):
            self._apply(self._next(0.2))
            if self.stopping.is_set():
                return
        log.info("the mirror is hydrated", owners=self._mirror.owners, seconds=round(time.perf_counter() - started, 2))
        self.ready.set()

    def _ends(self, parts: list[int]) -> dict[int, tuple[int, int]]:
        """First and next offset of each partition."""
        return {part: self._consumer.get_watermark_offsets(TopicPartition(CHANGES, part), timeout=30) for part in parts}

    def _positions(self, wanted: dict[int, int]) -> list[TopicPartition]:
        """Where we stand; before the first record of a partition its assigned offset is the position."""
        assigned = {at.partition: at.offset for at in self._consumer.assignment()}
        positions = self._consumer.position([TopicPartition(CHANGES, part) for part in wanted])
        for at in positions:
            if at.offset < 0:
                at.offset = assigned[at.partition]
        return positions

    def _next(self, wait_s: float) -> list[Message]:
        """What is there, waiting for the first record only (a consume of many waits its whole time-out)."""
        first = self._consumer.poll(wait_s)
        return [] if first is None else [first, *self._consumer.consume(RECORDS, 0)]

    def _apply(self, messages: list[Message]) -> None:
        upserts: list[Upsert] = []
        marks: list[tuple[str, int, str]] = []
        for message in messages:
            if (error := message.error()) is not None:
                self._complain(error)
                continue
            try:
                read = unpacked(message.value() or b"")
            except (msgspec.DecodeError, UnicodeDecodeError) as bad:
                # Only ingest writes here: what it did not write is no part of the graph.
                log.warning("ignored", at=f"{CHANGES}[{message.partition()}]@{message.offset()}", reason=str(bad))
                continue
            if isinstance(read, Watermark):
                marks.append((read.worker, message.partition() or 0, read.pos))
            else:
                upserts += read
        for at in range(0, len(upserts), BATCH):
            self._take(upserts[at : at + BATCH])
        self.applied += len(upserts)
        if upserts and self.ready.is_set():
            self.heard(upserts)
        for worker, partition, pos in marks:  # behind the upserts they speak of
            if self._marks is not None:
                self._marks.put(worker, partition, pos, time.monotonic())

    def _take(self, upserts: list[Upsert]) -> None:
        """Apply a batch; what the mirror refuses is passed over, and stops nothing."""
        try:
            self._mirror.apply(upserts)
        except StoreRefused as refused:
            log.warning("ignored", at=CHANGES, reason=str(refused))
            if len(upserts) > 1:  # twice is harmless
                for upsert in upserts:
                    self._take([upsert])

    @staticmethod
    def _complain(error: KafkaError) -> None:
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise RuntimeError(f"{CHANGES} no longer holds what comes next ({error}); restart to hydrate anew")
        log.warning("Kafka", error=str(error))
