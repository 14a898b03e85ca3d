"""Keeps a mirror current from `graph.changes`: hydrate from the store, then follow, without a gap or a double.

The end offsets are noted first, then the store is read, then the stream is applied from a little before
the noted offsets: what was written meanwhile comes twice, and the mirror takes it once. Ready at the end
offsets taken after hydration.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Protocol

import msgspec
import structlog
from confluent_kafka import Message

from graph.adjacency import compile_walk
from graph.mirror import Mirror
from graph.model import Upsert, Watermark
from graph.store import StoreRefused
from graph.wire import unpacked
from ingest.records import CHANGES
from scoring.follower import Follower

log = structlog.get_logger("mirror")

BATCH = 2_000  # upserts applied under one lock: about 20 ms
SWEPT = 500  # old things removed after each batch at most: about 5 ms, and more than ten batches a second can bring


class Dumped(Protocol):
    """The store a mirror is hydrated from."""

    def dump(self) -> Iterator[Upsert]:
        """See graph.store.GraphStore.dump."""
        ...


class MirrorFeed(Follower):
    """Reads every partition of `graph.changes` into a mirror. If it fails, `failed` holds why and it ends."""

    def __init__(
        self, bootstrap: str, store: Dumped, mirror: Mirror, extra: Mapping[str, str] | None = None,
        look_back: int | None = None,
    ) -> None:  # fmt: skip
        """`extra` are librdkafka settings (TLS, credentials); `look_back`: see Follower."""
        super().__init__("mirror-feed", bootstrap, extra, look_back)
        self.applied = 0
        self._store, self._mirror = store, mirror

    def _follow(self) -> None:
        """Hydrate, then follow."""
        self._hydrate()
        while not self.stopping.is_set():
            self._apply(self._next(0.2))
            self._mirror.sweep(SWEPT)  # not before: a dump comes in any order

    def _hydrate(self) -> None:
        started = time.perf_counter()
        noted = self._begin()
        compile_walk()
        upserts = self._store.dump()
        while batch := list(islice(upserts, BATCH)):
            self._mirror.apply(batch)
        wanted = {part: end for part, (_, end) in self._ends(list(noted)).items()}
        while self._behind(wanted):
            self._apply(self._next(0.2))
            if self.stopping.is_set():
                return
        log.info("the mirror is hydrated", owners=self._mirror.owners, seconds=round(time.perf_counter() - started, 2))
        self.ready.set()

    def _apply(self, messages: list[Message]) -> None:
        upserts: list[Upsert] = []
        marks: list[tuple[str, int, str]] = []
        for message in messages:
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
        for worker, partition, pos in marks:  # behind the upserts they speak of
            self._put(worker, partition, pos)

    def _take(self, upserts: list[Upsert]) -> None:
        """Apply a batch; what the mirror refuses is passed over, and stops nothing."""
        try:
            self._mirror.apply(upserts)
        except StoreRefused as refused:
            log.warning("ignored", at=CHANGES, reason=str(refused))
            if len(upserts) > 1:  # twice is harmless
                for upsert in upserts:
                    self._take([upsert])
