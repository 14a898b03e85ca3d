"""What ingest feeds: plans changes by the mapping, writes them to a store, says what to publish."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graph.mapping import Mapping, Plan
from graph.model import Floor, Horizon, Incomplete, Watermark
from graph.store import GraphStore
from graph.wire import encode, everywhere, marked, packed
from ingest.events import Change, Op
from ingest.labels import DECISIONS
from ingest.records import EVENTS, Message, Record
from ingest.sink import Item


class GraphSink:
    """The graph's side of an ingest worker (`ingest.sink.Sink`)."""

    def __init__(
        self, mapping: Mapping, store: GraphStore, worker: str, purged_before_ms: Callable[[], int] = lambda: 0
    ) -> None:
        """`worker` names this process in its watermarks; `purged_before_ms` tells the purge horizon."""
        self._mapping, self._store, self._worker = mapping, store, worker
        self._purged_before_ms = purged_before_ms
        self.newest_ms = 0  # the newest commit in the bank's log that was written; 0: none yet

    def plan(self, change: Change, whole: bool) -> Plan:
        """See ingest.sink.Sink."""
        return self._mapping.plan(change, whole)

    def row(self, record: Record) -> str | None:
        """See ingest.sink.Sink."""
        return self._mapping.row_of_key(record.topic, record.key)

    def mark(self, row: str, seq: int, marked: bool, pos: str = "") -> Incomplete:
        """See ingest.sink.Sink."""
        return Incomplete(row, seq, marked, pos)

    def marked(self, most: int) -> dict[str, str]:
        """See ingest.sink.Sink."""
        return self._store.marked(most)

    def waiting(self, rows: set[str]) -> set[str]:
        """See ingest.sink.Sink."""
        return self._store.incomplete(rows)

    def refresh(self) -> None:
        """See ingest.sink.Sink. The store remembers for a minute."""
        self._store.horizon("purge")

    def passed_over(self, change: Change) -> bool:
        """See ingest.sink.Sink."""
        return change.committed_ms < self._purged_before_ms()

    def write(self, items: Sequence[Item], marks: Sequence[Incomplete]) -> None:
        """See ingest.sink.Sink."""
        upserts = [*(upsert for item in items for upsert in item.plan.upserts), *marks]
        if upserts:
            self._store.apply(upserts)
        for item in items:
            self.newest_ms = max(self.newest_ms, _committed_ms(item.change))

    def messages(self, items: Sequence[Item], marks: Sequence[Incomplete], through: str | None) -> list[Message]:
        """Upserts first, then the watermark behind them, then the events that wait for both."""
        changes = [*packed(items)]
        upserts = (upsert for item in items for upsert in item.plan.upserts)
        changes += [everywhere(upsert) for upsert in upserts if isinstance(upsert, Floor | Horizon)]
        changes += marked(marks)
        if through:
            changes.append(everywhere(Watermark(self._worker, through)))
        events = [
            Message(EVENTS, event.id.encode(), encode(event), (item.trace.header(),))
            for item in items
            for event in item.plan.events
        ]
        return [*changes, *events]


def _committed_ms(change: Change) -> int:
    """In the bank's clock: neither when a snapshot read the row nor when an analyst decided."""
    return 0 if change.op is Op.READ or change.table == DECISIONS else change.committed_ms
