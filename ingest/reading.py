"""From a poll's records to a batch to carry out: decoded, planned, in log order; what can't be used put aside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from ingest.deadletter import DeadLetter
from ingest.debezium import Captured, decode
from ingest.events import Halt, Reject, Reread
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
    mends: dict[str, str] = {}  # the rows that waited for a good record and have it here, as they were remembered
    too_old: int = 0
    size: int = 0  # bytes as read
    through: str | None = None
    write_s: float = 0.0
    halt: Halt | None = None  # the mapping says to stop at the record that would come next

    @property
    def offsets(self) -> dict[tuple[str, int], int]:
        """Where to read on from once this is done, by (topic, partition)."""
        return {(record.topic, record.partition): record.offset + 1 for record in self.records}


class Reading:
    """Reads records into batches. Remembers the rows with a refused record, until a good one supersedes it."""

    def __init__(self, sink: Sink) -> None:
        """`sink` says what each change will do."""
        self._sink = sink
        self._incomplete: dict[str, str] = {}  # row → the newest position refused, empty where it is not known
        self._asked: set[str] = set()  # those among them past the limit: only until the next poll
        self._all_whole = False

    @property
    def incomplete(self) -> int:
        """How many keys wait for a good row, as far as is remembered."""
        return len(self._incomplete)

    def remember(self, rows: Mapping[str, str]) -> None:
        """Rows (`table:key`) refused before, here or by whoever had our share before us, with the position: their
        next change from there on is written whole.
        """
        for row, pos in rows.items():
            self._keep(row, pos)

    def unsure(self, records: Sequence[Record]) -> set[str]:
        """Rows of these that may wait though they are not remembered: none, unless too many were refused."""
        if not self._all_whole:
            return set()
        rows = {row for record in records if (row := self._sink.row(record)) is not None}
        return rows - (self._incomplete.keys() - self._asked)

    def learn(self, rows: set[str], waiting: Collection[str]) -> None:
        """Which of the unsure ones do wait. Those of the poll before are forgotten."""
        for row in self._asked - rows:
            self._incomplete.pop(row, None)
        self._asked &= rows
        for row in waiting:
            self._keep(row, "")

    def read(self, records: Sequence[Record], batch: Batch) -> None:
        """Decode and plan into a batch. It ends (`halt`) before a record at which the mapping says to stop."""
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
            except Halt as halt:
                batch.records.pop()
                batch.halt = halt
                return
            except Reject as reason:
                known = captured if isinstance(captured, Captured) else None
                self.refuse(record, known, str(reason), batch)
                if known is not None and known.change.completes:  # the row is bad; that the snapshot is over, is not
                    batch.items.append(self._planned(record, Captured(known.change.ending(), known.captured_ms), False))

    def again(self, batch: Batch) -> Batch:
        """The same records planned anew: a row before them was refused after they had been."""
        self._incomplete |= batch.mends
        anew = Batch()
        self.read(batch.records, anew)
        anew.halt = anew.halt or batch.halt
        return anew

    def _take(self, record: Record, captured: Captured, batch: Batch) -> None:
        if self._sink.passed_over(captured.change):
            batch.too_old += 1
            return
        batch.items.append(self.item(record, captured, batch))

    def item(self, record: Record, captured: Captured, batch: Batch) -> Item:
        """Plan one change; whole where a row of its key was refused, which it mends unless it is an older one.

        Raises:
            Reject: it can't be used.
        """
        row = self._sink.row(record) if self._incomplete else None
        refused = None if row is None else self._incomplete.get(row)
        planned = self._planned(record, captured, self._all_whole or refused is not None)
        if row is not None and refused is not None and _supersedes(planned.change.position.token, refused):
            batch.mends[row] = self._incomplete.pop(row)
            batch.marks.append(self._sink.mark(row, record.offset, False))
        return planned

    def _planned(self, record: Record, captured: Captured, whole: bool) -> Item:
        change = captured.change
        plan = self._sink.plan(change, whole=whole)
        return Item(record, change, plan, Trace.of(change.position.token, change.committed_ms, captured.captured_ms))

    def refuse(self, record: Record, captured: Captured | None, reason: str, batch: Batch) -> None:
        """Put a record aside; its row is incomplete until a later one supersedes it."""
        pos = captured.change.position.token if captured else ""
        if (row := self._sink.row(record)) is not None:
            batch.marks.append(self._sink.mark(row, record.offset, True, self._keep(row, pos)))
        log.warning("dead letter", at=record.place, reason=reason[:500])
        batch.letters.append(DeadLetter.of(record, pos, reason))

    def waits(self, record: Record) -> bool:
        """Whether an earlier record of its key was refused."""
        return bool(self._incomplete) and self._sink.row(record) in self._incomplete

    def _keep(self, row: str, pos: str) -> str:
        """Remember a row; returns the newest position refused of it."""
        if row not in self._incomplete and len(self._incomplete) - len(self._asked) >= INCOMPLETE_LIMIT:
            self._all_whole = True  # costs writes, and a question for each poll, but forgets no key
            self._asked.add(row)
        self._incomplete[row] = max(pos, self._incomplete.get(row, ""))
        return self._incomplete[row]


def _supersedes(pos: str, refused: str) -> bool:
    """Whether what stands at `pos` stands for the refused record too. Two sources' logs have no order."""
    return pos >= refused or pos.rpartition("/")[0] != refused.rpartition("/")[0]
