"""Feeds keys again: their rows as they stand, at a position newer than all that was committed before they
were read and older than all that comes after. So the repair wins over what was lost or tampered with, and
the next streamed change wins over the repair.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from graph.current import LABELS, NODE, Name, cells
from graph.mapping import Mapping, Plan
from graph.model import EdgeUpsert, Gone, Incomplete, LabelUpsert, NodeUpsert, Upsert, split_key
from graph.patience import patiently
from graph.sink import GraphSink
from graph.source import ReadAt, SourceReader, content
from graph.suspect import Confirmed
from ingest.events import Change, Op
from ingest.records import Publisher, Record, Trace
from ingest.sink import Item
from ingest.worker import BACKOFF_S

Unmark = Callable[[Collection[str]], Sequence[Incomplete]]


class Repairer:
    """A `graph.mender.Mender`: writes as ingest does, and publishes, so that mirrors get it too."""

    def __init__(
        self, mapping: Mapping, source: SourceReader, sink: GraphSink, publisher: Publisher, unmark: Unmark
    ) -> None:
        """`unmark` says what to write of rows (`table:key`) that are whole again: what would take away the marks that
        some of them have now.
        """
        self._mapping, self._source, self._sink, self._publisher = mapping, source, sink, publisher
        self._unmark, self._noted = unmark, dict[str, Incomplete]()

    def mend(self, table: str, keys: dict[str, Confirmed]) -> set[str]:
        """See Mender.mend."""
        at = _anew(self._source.read_at(table, list(keys)))
        same = {key: each for key, each in keys.items() if content(at.rows.get(key)) == each.content}
        self._put([self._item(table, key, each, at) for key, each in same.items()], [])
        return set(same)

    def marked(self, most: int) -> Collection[str]:
        """See Mender.marked."""
        return self._sink.marked(most).keys()

    def note(self, rows: Collection[str]) -> None:
        """See Mender.note."""
        self._noted = {mark.row: mark for mark in self._unmark(rows)}

    def unmark(self, rows: Iterable[str]) -> int:
        """See Mender.unmark."""
        marks = [self._noted[row] for row in rows if row in self._noted]
        if marks:
            self._put([], marks)
        return len(marks)

    def _put(self, items: Sequence[Item], marks: Sequence[Incomplete]) -> None:
        messages = self._sink.messages(items, marks, None)
        # A crash behind the write must leave no mirror without it, since no later run would find the difference; and a
        # mirror that was hydrated before the write has to hear of it behind. Twice is once to them.
        patiently(lambda: self._publisher.publish(messages), BACKOFF_S)
        patiently(lambda: self._sink.write(items, marks), BACKOFF_S)
        patiently(lambda: self._publisher.publish(messages), BACKOFF_S)

    def _item(self, table: str, key: str, confirmed: Confirmed, at: ReadAt) -> Item:
        found = at.rows.get(key)
        columns = dict(zip(self._mapping.file.tables[table].key, cells(key), strict=False))
        op, row = (Op.DELETE, None) if found is None else (Op.READ, found.row)
        change = Change(table, columns, op, None, row, at.position, at.at_ms)
        wanted = row is not None and any(what != "extra" for what, _ in confirmed.found.values())  # else a row that
        given = self._mapping.plan(change, whole=True).upserts if wanted else ()  # is refused may be behind it
        upserts = [upsert for upsert in given if _is_written(upsert, confirmed)]
        plan = Plan((*upserts, *_closings(table, confirmed, at)))
        now_ms = int(time.time() * 1000)
        trace = Trace.of(at.position.token, at.at_ms, now_ms)
        return Item(Record("ringwatch.verify", 0, 0, key.encode(), None, (), now_ms), change, plan, trace)


def _anew(at: ReadAt) -> ReadAt:
    """Where nothing was committed since, the position is the last repair's, and what is there already is not
    written again. Its `row` is free, so the clock tells the two apart: 24 bits of seconds are 194 days.
    """
    return msgspec.structs.replace(at, position=msgspec.structs.replace(at.position, row=int(time.time()) % 2**24))


def _closings(table: str, confirmed: Confirmed, at: ReadAt) -> list[Upsert]:
    """What the row no longer gives, or never gave, is closed here: reading it closes nothing by itself."""
    token, closings = at.position.token, list[Upsert]()
    for (kind, name), (what, _) in confirmed.found.items():
        if what == "extra" and kind == NODE:
            closings.append(NodeUpsert(*split_key(name), table, token, at.at_ms, None))
        elif what == "extra":
            closings.append(Gone(name, token, at.at_ms, None if kind == LABELS else kind))
    return closings


def _is_written(upsert: Upsert, confirmed: Confirmed) -> bool:
    name = _name(upsert)
    return name in confirmed.found and confirmed.found[name][0] != "extra"


def _name(upsert: Upsert) -> Name | None:
    match upsert:
        case NodeUpsert():
            return NODE, upsert.key
        case EdgeUpsert():
            return upsert.relation, upsert.owner
        case LabelUpsert():
            return LABELS, upsert.owner
    return None
