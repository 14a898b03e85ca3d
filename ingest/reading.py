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

INCOMPLETE_LIMIT = 100_000  # keys remembered after a dead letter, about 20 MB


class Batch(msgspec.Struct):
    """Records on their way: `items` in log order once it is sealed, the rest put aside."""

    records: list[Record] = []
    items: list[Item] = []
    letters: list[DeadLetter] = []
    marks: list[Any] = []
    rereads: list[Message] = []
    mends: list[str] = []  # the rows that waited for a good record and have it here
    too_old: int = 0
    size: int = 0  # bytes as read
    through: str | None = None
    write_s: float = 0.0

    @property
    def offsets(self) -> dict[tuple[str, int], int]:
        """Where to read on from once this is done, by (topic, partition)."""
        return {(record.topic, record.partition): record.offset + 1 for record in self.records}


class Reading:
    """Reads records into batches. Remembers the rows with a refused record, until a good one supersedes it."""

    def __init__(self, sink: Sink) -> None:
        """`sink` says what each change will do."""
        self._sink = sink
        self._incomplete: set[str] = set()
        self._all_whole = False

    @property
    def incomplete(self) -> int:
        """How many keys wait for a good row, as far as is remembered."""
        return len(self._incomplete)

    def remember(self, rows: Iterable[str]) -> None:
        """Rows (`table:key`) refused before, here or by whoever had our share before us: their next change is
        written whole.
        """
        for row in rows:
            self._keep(row)

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
        row = self._sink.row(record) if self._incomplete else None
        waited = row in self._incomplete
        planned = self._planned(record, captured, self._all_whole or waited)
        if row is not None and waited:
            self._incomplete.discard(row)
            batch.mends.append(row)
            batch.marks.append(self._sink.mark(row, record.offset, False))
        return planned

    def _planned(self, record: Record, captured: Captured, whole: bool) -> Item:
        change = captured.change
        plan = self._sink.plan(change, whole=whole)
        return Item(record, change, plan, Trace.of(change.position.token, change.committed_ms, captured.captured_ms))

    def refuse(self, record: Record, captured: Captured | None, reason: str, batch: Batch) -> None:
        """Put a record aside; its row is incomplete until a later one supersedes it."""
        if (row := self._sink.row(record)) is not None:
            self._keep(row)
            batch.marks.append(self._sink.mark(row, record.offset, True))
        log.warning("dead letter", at=record.place, reason=reason[:500])
        batch.letters.append(DeadLetter.of(record, captured.change.position.token if captured else "", reason))

    def waits(self, record: Record) -> bool:
        """Whether an earlier record of its key was refused."""
        return bool(self._incomplete) and self._sink.row(record) in self._incomplete

    def _keep(self, row: str) -> None:
        if len(self._incomplete) < INCOMPLETE_LIMIT:
            self._incomplete.add(row)
        else:
            self._all_whole = True  # costs writes, but forgets no key
