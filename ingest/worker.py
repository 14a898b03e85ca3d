"""The loop that keeps the graph current: poll, write, publish, commit; in that order, each idempotent.

A crash between any two steps repeats the batch, which changes nothing: the store guards by position,
what is published is a function of the change, and consumers deduplicate.

While one batch is being written, in a thread of its own, the one before it is published and the next is
polled, decoded and planned. What a partition brings is written, published and committed in its order.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import msgspec
import structlog

from ingest import reading
from ingest.debezium import Captured
from ingest.events import Reject, Transient
from ingest.listener import Listener, Silent
from ingest.pace import FIRST, Pace
from ingest.progress import Place, Progress
from ingest.reading import Batch, Reading
from ingest.records import Publisher, Source
from ingest.sink import Item, Sink

__all__ = ["Counters", "Item", "Sink", "Worker"]

log = structlog.get_logger("ingest")
T = TypeVar("T")

BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # then every 5 s: a restart of Neo4j takes about 20
GLANCE_S = 0.002  # how long a poll waits while a batch is under way: it may be done any moment
LEAST_PART = 50  # rows of a transaction: even a server in trouble writes these in its time
BEAT_S = 0.04  # from one batch's start to the next's: a transaction and its offsets cost the same for one row or thirty
LAG_EVERY_S = 2.0
HOLD_S = 0.05  # how often the source hears from us while there is nothing to do but wait


class Counters(msgspec.Struct):
    """What the worker did since it started."""

    records: int = 0
    written: int = 0
    dead_letters: int = 0
    batches: int = 0
    retries: int = 0
    deadlocks: int = 0
    skipped: int = 0
    too_old: int = 0
    last_pos: str = ""
    write_s: float = 0.0


class Worker:
    """One ingest process: a share of the source's partitions, one batch at a time."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        publisher: Publisher,
        limit: int = 1000,
        poll_s: float = 0.2,
        listener: Listener | None = None,
        first: int = FIRST,
    ) -> None:
        """`limit` records make the largest batch, `first` the largest to begin with; what is there is taken, so an
        idle bank's batch is one.
        """
        self.counters = Counters()
        self.stopping = threading.Event()
        self.reading = Reading(sink)
        self._source, self._sink, self._publisher = source, sink, publisher
        self._pace, self._poll_s = Pace(limit, first), poll_s
        self._progress = Progress()
        self._listener: Listener = listener or Silent()
        self._reader, self._lag_told_s, self._due_s = 0, float("-inf"), float("-inf")
        self._written: deque[Batch] = deque()  # to be published, in order

    @property
    def through(self) -> str:
        """Everything this worker was given, up to this position, is in the graph or on its way there."""
        return self._progress.through

    def run(self) -> None:
        """Until `stopping` is set; what was polled is finished first.

        Raises:
            Halt: the mapping says to stop here; what came before it is finished.
        """
        self._reader = threading.get_ident()
        with ThreadPoolExecutor(1, "ingest-write") as writer:
            ahead = Batch()
            try:
                while ahead.records or ahead.halt or not self.stopping.is_set():
                    if not ahead.records and not ahead.halt:
                        self._finish()
                        self._fill(ahead, self._poll_s)
                    if ahead.records:
                        self._gather(ahead)
                    halt = ahead.halt
                    if ahead.records:
                        ahead = self._overlap(writer, self._sealed(ahead))
                    if halt is not None:
                        self._finish()
                        raise halt
            finally:
                self._finish()

    def _gather(self, batch: Batch) -> None:
        """Let a batch that is not full grow until it is due; what is written goes out meanwhile."""
        while self._pace.room(len(batch.records), batch.size) and not (batch.halt or self.stopping.is_set()):
            if time.monotonic() >= self._due_s:
                break
            self._finish()
            self._fill(batch, max(0.0, self._due_s - time.monotonic()))
        self._due_s = time.monotonic() + BEAT_S

    def step(self) -> int:
        """One batch from poll to commit, nothing at the same time. Returns how many records it took."""
        self._reader = threading.get_ident()
        batch = Batch()
        self._fill(batch, self._poll_s)
        if batch.records:
            self._sealed(batch)
            try:
                self._write(batch)
            except Reject:
                self._write_singly(batch)
            self._written.append(batch)
            self._finish()
        if batch.halt is not None:
            raise batch.halt
        return len(batch.records)

    # -- one batch under way, the next being read -----------------------------------------------

    def _overlap(self, writer: ThreadPoolExecutor, batch: Batch) -> Batch:
        """Write a batch, and finish the one before; returns what was read meanwhile."""
        running, ahead = writer.submit(self._write, batch), Batch()
        try:
            self._finish()
            while not running.done() and not self.stopping.is_set():
                if batch.halt or not self._fill(ahead, GLANCE_S):
                    wait([running], GLANCE_S)
        finally:
            if not self._await(running):
                self._write_singly(batch)
                ahead = self.reading.again(ahead)
            self._written.append(batch)
        return ahead

    def _await(self, running: Future[None]) -> bool:
        """Wait for the batch under way; returns whether it was written, or else the store refuses something in it."""
        while not running.done():
            self._source.keep_alive()
            self._listener.polled(0)
            wait([running], HOLD_S)
        try:
            running.result()
        except Reject:
            return False
        return True

    def _finish(self) -> None:
        """Publish what is written, and commit. In the reader's thread: Kafka's confirmations come one by one, and in
        another thread each of them would wait for the reader to let go of the interpreter.
        """
        while self._written:
            batch = self._written[0]
            self._publish(batch)
            self._settle(batch)
            self._written.popleft()  # only now: nothing behind a batch that failed may be committed

    def _fill(self, batch: Batch, wait_s: float) -> bool:
        """Take what is there; returns whether there was room. If not, only tell the source that we live."""
        room = 0 if batch.halt else self._pace.room(len(batch.records), batch.size)
        if room:
            records = self._source.poll(room, wait_s)
            self._listener.polled(len(records))
            self._listener.paused(False)
            if self._source.reassigned():  # another worker may have refused rows of what is ours now
                self.reading.remember(self._retry("asking for incomplete rows", self._marked))
            if time.monotonic() >= self._lag_told_s + LAG_EVERY_S:
                self._tell_lag()
            if records:  # after an idle hour the purge horizon would be that old
                self._retry("asking for the horizons", self._sink.refresh)
            if unsure := self.reading.unsure(records):
                found = self._retry("asking for incomplete rows", lambda: self._sink.waiting(unsure))
                self.reading.learn(unsure, found)
            self.reading.read(records, batch)
            return True
        self._source.keep_alive()
        self._listener.polled(0)
        self._listener.paused(True)
        return False

    def _marked(self) -> Mapping[str, str]:
        return self._sink.marked(reading.INCOMPLETE_LIMIT + 1)  # one more tells that there are more

    def _sealed(self, batch: Batch) -> Batch:
        """Nothing more joins it: put it in log order, and see how far it brings us."""
        behind = self._tell_lag()
        batch.items.sort(key=_token)
        through = self._progress.advance(batch, {place for place, n in behind.items() if n})
        batch.through = None if batch.halt else through  # what stopped it is not written, and may stand before that
        return batch

    def _tell_lag(self) -> dict[Place, int]:
        behind = self._retry("asking for the ends", self._source.lag)
        self._lag_told_s = time.monotonic()
        self._listener.lag(behind)
        return behind

    # -- one batch --------------------------------------------------------------------------------

    def _write(self, batch: Batch) -> None:
        """In one transaction, if the store manages.

        Raises:
            Reject: the store refuses something in it; nothing was written.
        """
        started = time.perf_counter()
        size = max(LEAST_PART, len(batch.items))

        def in_parts() -> None:
            nonlocal size
            now, size = size, max(LEAST_PART, size // 2)  # what took too long as a whole may go in halves
            for at in range(0, max(1, len(batch.items)), now):
                last = at + now >= len(batch.items)
                self._sink.write(batch.items[at : at + now], batch.marks if last else ())

        self._retry("write", in_parts)
        self._measure(batch, started)

    def _write_singly(self, batch: Batch) -> None:
        """Write one by one, to find what the store refuses."""
        started = time.perf_counter()
        items, batch.items = batch.items, []
        for item in items:
            captured = Captured(item.change, item.trace.captured_ms)
            try:
                if self.reading.waits(item.record):
                    item = self.reading.item(item.record, captured, batch)  # a row of its key was refused just now
                self._retry("write", lambda item=item: self._sink.write([item], []))  # type: ignore[misc]
                batch.items.append(item)
            except Reject as reason:
                self.reading.refuse(item.record, captured, str(reason), batch)
        self._retry("write", lambda: self._sink.write([], batch.marks))
        self._measure(batch, started)

    def _measure(self, batch: Batch, started: float) -> None:
        batch.write_s = time.perf_counter() - started
        self._listener.written(batch.items, batch.write_s)

    def _publish(self, batch: Batch) -> None:
        messages = self._sink.messages(batch.items, batch.marks, batch.through)
        messages += [*batch.rereads, *(letter.message() for letter in batch.letters)]
        self._retry("publish", lambda: self._publisher.publish(messages))

    def _settle(self, batch: Batch) -> None:
        self._retry("commit", lambda: self._source.commit(batch.offsets))
        self._pace.took(len(batch.records), batch.write_s)
        self._listener.done(batch.records, batch.letters)
        self._listener.incomplete(self.reading.incomplete)
        if batch.too_old:
            self._listener.dropped(batch.too_old)
        self._count(batch)

    def _retry(self, what: str, action: Callable[[], T]) -> T:
        attempt = 0
        while True:
            try:
                return action()
            except Transient as error:
                wait_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
                attempt += 1
                self.counters.retries += 1
                self.counters.deadlocks += "Deadlock" in str(error)
                self._listener.retrying(what, error)
                log.warning(f"{what} failed, trying again", attempt=attempt, in_s=wait_s, error=str(error)[:300])
                if self.stopping.wait(wait_s):
                    raise
                if threading.get_ident() == self._reader:  # the source is for one thread only
                    self._source.keep_alive()

    def _count(self, batch: Batch) -> None:
        counters = self.counters
        counters.records += len(batch.records)
        counters.written += len(batch.items)
        counters.dead_letters += len(batch.letters)
        counters.too_old += batch.too_old
        counters.skipped += len(batch.records) - len(batch.items) - len(batch.letters) - batch.too_old
        counters.batches += 1
        counters.write_s += batch.write_s
        if batch.items:
            counters.last_pos = batch.items[-1].change.position.token


def _token(item: Item) -> str:
    return item.change.position.token
