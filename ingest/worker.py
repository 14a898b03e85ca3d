"""The loop that keeps the graph current: poll, write, publish, commit; in that order, each idempotent.

A crash between any two steps repeats the batch, which changes nothing: the store guards by position,
what is published is a function of the change, and consumers deduplicate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from ingest.deadletter import DeadLetter
from ingest.debezium import Captured, decode
from ingest.events import Change, Reject, Transient
from ingest.labels import decode_label
from ingest.records import LABELS, Message, Publisher, Record, Source, Trace

log = structlog.get_logger("ingest")
T = TypeVar("T")

INCOMPLETE_LIMIT = 100_000  # keys remembered after a dead letter, about 20 MB
BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # then every 5 s: a restart of Neo4j takes about 20


class Item(msgspec.Struct, frozen=True):
    """A record on its way: its change, what the sink planned for it, and its trace."""

    record: Record
    change: Change
    plan: Any
    trace: Trace


class Sink(Protocol):
    """What the worker feeds (graph/sink.py)."""

    def plan(self, change: Change, whole: bool) -> Any:
        """What a change will do. `whole`: write the full row, not only what it changed.

        Raises:
            Reject: the change can't be used.
        """
        ...

    def write(self, items: Sequence[Item]) -> None:
        """All of it or nothing, idempotent.

        Raises:
            Transient: try again. Reject: the store refuses something among these.
        """
        ...

    def messages(self, items: Sequence[Item], through: str | None) -> list[Message]:
        """What to publish of them; `through` is the position everything up to which is written."""
        ...


class Counters(msgspec.Struct):
    """What the worker did since it started."""

    records: int = 0
    written: int = 0
    dead_letters: int = 0
    batches: int = 0
    retries: int = 0
    skipped: int = 0
    last_pos: str = ""
    write_s: float = 0.0


class Worker:
    """One ingest process: a share of the source's partitions, one batch at a time."""

    def __init__(
        self, source: Source, sink: Sink, publisher: Publisher, limit: int = 1000, poll_s: float = 0.2
    ) -> None:
        """`limit` records make the largest batch; what is there is taken, so an idle bank's batch is one."""
        self.counters = Counters()
        self.stopping = threading.Event()
        self._source, self._sink, self._publisher = source, sink, publisher
        self._limit, self._poll_s = limit, poll_s
        self._last: dict[tuple[str, int], str] = {}
        self._through = ""
        self._incomplete: set[tuple[str, bytes]] = set()
        self._all_whole = False

    @property
    def through(self) -> str:
        """Everything this worker was given, up to this position, is in the graph."""
        return self._through

    def remember(self, letters: Iterable[DeadLetter]) -> None:
        """Rows refused before this start: their next change is written whole, whether or not one came since."""
        for letter in letters:
            self._mark(letter.topic, letter.key)

    def run(self) -> None:
        """Until `stopping` is set; what was polled is finished first."""
        while not self.stopping.is_set():
            self.step()

    def step(self) -> int:
        """One batch. Returns how many records it took."""
        records = self._source.poll(self._limit, self._poll_s)
        if not records:
            return 0
        letters: list[DeadLetter] = []
        items = sorted(self._read(records, letters), key=lambda item: item.change.position.token)
        started = time.perf_counter()
        items = self._write(items, letters)
        self.counters.write_s += time.perf_counter() - started
        through = self._advance(items, letters)
        messages = [*self._sink.messages(items, through), *(letter.message() for letter in letters)]
        self._retry("publish", lambda: self._publisher.publish(messages))
        self._retry("commit", self._source.commit)
        self._count(records, items, letters)
        return len(records)

    def _read(self, records: list[Record], letters: list[DeadLetter]) -> list[Item]:
        items = []
        for record in records:
            captured: Captured | None = None
            try:
                captured = decode_label(record) if record.topic == LABELS else decode(record)
                if captured is not None:
                    items.append(self._item(record, captured))
            except Reject as reason:
                letters.append(self._refuse(record, captured, str(reason)))
        return items

    def _item(self, record: Record, captured: Captured) -> Item:
        change, row = captured.change, (record.topic, record.key or b"")
        plan = self._sink.plan(change, whole=self._all_whole or row in self._incomplete)
        self._incomplete.discard(row)
        trace = Trace.of(change.position.token, change.committed_ms, captured.captured_ms)
        return Item(record, change, plan, trace)

    def _mark(self, topic: str, key: bytes | None) -> None:
        if len(self._incomplete) < INCOMPLETE_LIMIT:
            self._incomplete.add((topic, key or b""))
        else:
            self._all_whole = True  # costs writes, but forgets no key

    def _refuse(self, record: Record, captured: Captured | None, reason: str) -> DeadLetter:
        self._mark(record.topic, record.key)
        log.warning("dead letter", at=record.place, reason=reason[:500])
        return DeadLetter.of(record, captured.change.position.token if captured else "", reason)

    def _write(self, items: list[Item], letters: list[DeadLetter]) -> list[Item]:
        """Write the batch; where the store refuses something in it, write one by one to find which."""
        try:
            self._retry("write", lambda: self._sink.write(items))
            return items
        except Reject:
            kept = []
            for item in items:
                captured = Captured(item.change, item.trace.captured_ms)
                try:
                    if (item.record.topic, item.record.key or b"") in self._incomplete:
                        item = self._item(item.record, captured)  # an earlier row of its key was refused just now
                    self._retry("write", lambda item=item: self._sink.write([item]))  # type: ignore[misc]
                    kept.append(item)
                except Reject as reason:
                    letters.append(self._refuse(item.record, captured, str(reason)))
            return kept

    def _advance(self, items: list[Item], letters: list[DeadLetter]) -> str | None:
        """Move the watermark: as far as the slowest partition that still holds records, else as far as seen."""
        dealt = [(item.record.topic, item.record.partition, item.change.position.token) for item in items]
        dealt += [(letter.topic, letter.partition, letter.position) for letter in letters if letter.position]
        for topic, partition, token in dealt:
            if topic != LABELS:  # decisions have no place in the bank's log
                self._last[topic, partition] = max(token, self._last.get((topic, partition), ""))
        behind = {part for part in self._retry("asking for the ends", self._source.lagging) if part[0] != LABELS}
        if behind <= self._last.keys():
            reached = min((self._last[part] for part in behind), default=max(self._last.values(), default=""))
            self._through = max(self._through, reached)
        return self._through or None

    def _retry(self, what: str, action: Callable[[], T]) -> T:
        attempt = 0
        while True:
            try:
                return action()
            except Transient as error:
                wait_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
                attempt += 1
                self.counters.retries += 1
                log.warning(f"{what} failed, trying again", attempt=attempt, in_s=wait_s, error=str(error)[:300])
                if self.stopping.wait(wait_s):
                    raise
                self._source.keep_alive()

    def _count(self, records: list[Record], items: list[Item], letters: list[DeadLetter]) -> None:
        counters = self.counters
        counters.records += len(records)
        counters.written += len(items)
        counters.dead_letters += len(letters)
        counters.skipped += len(records) - len(items) - len(letters)
        counters.batches += 1
        if items:
            counters.last_pos = items[-1].change.position.token
