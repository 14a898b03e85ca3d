"""From a poll's records to a batch to carry out: decoded, planned, in log order; what can't be used put aside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import structlog

from ingest.deadletter import DeadLetter
from ingest.debezium import Captured, decode
from ingest.events import Reject, Reread
from ingest.labels import decode_label
from ingest.records import LABELS, REREAD, Message, Record, Trace
from ingest.sink import Item, Sink

log = structlog.get_logger("ingest")

Row = tuple[str, bytes]  # topic and key: a row, as Kafka knows it

INCOMPLETE_LIMIT = 100_000  # keys remembered after a dead letter, about 20 MB


class Batch(msgspec.Struct):
    """Records on their way: `items` in log order once it is sealed, the rest put aside."""

    records: list[Record] = []
    items: list[Item] = []
    letters: list[DeadLetter] = []
    marks: list[Any] = []
    rereads: list[Message] = []
    mends: list[Row] = []  # the rows that waited for a good record and have it here
    too_old: int = 0
    size: int = 0  # bytes as read
    through: str | None = None
    write_s: float = 0.0

    @property
    def offsets(self) -> dict[tuple[str, int], int]:
        """Where to read on from once this is done, by (topic, partition)."""
        return {(record.topic, record.partition): record.offset + 1 for record in self.records}


class Reading:
    """Reads records into batches. Remembers the keys with a refused record, until a good row supersedes it."""

    def __init__(self, sink: Sink) -> None:
        """`sink` says what each change will do."""
        self._sink = sink
        self._incomplete: set[Row] = set()
        self._all_whole = False

    @property
    def incomplete(self) -> int:
        """How many keys wait for a good row, as far as is remembered."""
        return len(self._incomplete)

    def remember(self, letters: Iterable[DeadLetter]) -> None:
        """Rows refused before this start: their next change is written whole, whether or not one came since."""
        for letter in letters:
            self._keep(letter.topic, letter.key)

    def read(self, records: Sequence[Record], batch: Batch) -> None:
        """Decode and plan into a batch.

        Raises:
            Halt: the mapping says to stop at one of them.
        """
        for record in records:
            batch.records.append(record)
            batch.size += len(record.value or b"")
            captured: Captured | Reread | None = None
            try:
                captured = decode_label(record) if record.topic == LABELS else decode(record)
                if isinstance(captured, Reread):
                    batch.rereads.append(Message(REREAD, record.key or b"", msgspec.json.encode(captured)))
                elif captured is not None:
                    self._take(record, captured, batch)
            except Reject as reason:
                known = captured if isinstance(captured, Captured) else None
                self.refuse(record, known, str(reason), batch)
                if known is not None and known.change.completes:  # the row is bad; that the snapshot is over, is not
                    batch.items.append(self._planned(record, Captured(known.change.ending(), known.captured_ms), False))

    def again(self, batch: Batch) -> Batch:
        """The same records planned anew: a row before them was refused after they had been."""
        self._incomplete.update(batch.mends)
        anew = Batch()
        self.read(batch.records, anew)
        return anew

    def _take(self, record: Record, captured: Captured, batch: Batch) -> None:
        if self._sink.passed_over(captured.change):
            batch.too_old += 1
            return
        batch.items.append(self.item(record, captured, batch))

    def item(self, record: Record, captured: Captured, batch: Batch) -> Item:
        """Plan one change; whole where an earlier row of its key was refused, which it mends.

        Raises:
            Reject: it can't be used.
        """
        row = (record.topic, record.key or b"")
        waited = row in self._incomplete
        planned = self._planned(record, captured, self._all_whole or waited)
        if waited:
            self._incomplete.discard(row)
            batch.mends.append(row)
            self._mark(record, False, batch)
        return planned

    def _planned(self, record: Record, captured: Captured, whole: bool) -> Item:
        change = captured.change
        plan = self._sink.plan(change, whole=whole)
        return Item(record, change, plan, Trace.of(change.position.token, change.committed_ms, captured.captured_ms))

    def refuse(self, record: Record, captured: Captured | None, reason: str, batch: Batch) -> None:
        """Put a record aside; its row is incomplete until a later one supersedes it."""
        self._keep(record.topic, record.key)
        self._mark(record, True, batch)
        log.warning("dead letter", at=record.place, reason=reason[:500])
        batch.letters.append(DeadLetter.of(record, captured.change.position.token if captured else "", reason))

    def waits(self, record: Record) -> bool:
        """Whether an earlier record of its key was refused."""
        return (record.topic, record.key or b"") in self._incomplete

    def _mark(self, record: Record, marked: bool, batch: Batch) -> None:
        if (mark := self._sink.mark(record, marked)) is not None:
            batch.marks.append(mark)

    def _keep(self, topic: str, key: bytes | None) -> None:
        if len(self._incomplete) < INCOMPLETE_LIMIT:
            self._incomplete.add((topic, key or b""))
        else:
            self._all_whole = True  # costs writes, but forgets no key
