"""Which rows are marked incomplete, and what takes the mark away."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from graph.mapping import Mapping
from graph.model import Incomplete
from graph.repair import Unmark
from graph.store import GraphStore
from ingest.deadletter import DeadLetter
from ingest.kafka import read_all
from ingest.records import DEAD_LETTERS


def unmarking(store: GraphStore, bootstrap: str, extra: dict[str, str], mapping: Mapping) -> Unmark:
    """What `graph.repair.Repairer` asks. A mark's `seq` is the offset of the record that was refused; the
    next record of the key comes later in its partition, so one above the last letter's is free of it.
    """

    def unmark(rows: Collection[str]) -> Sequence[Incomplete]:
        waiting = store.incomplete(rows)
        if not waiting:
            return []
        last: dict[str, int] = {}
        for record in read_all(bootstrap, DEAD_LETTERS, extra):
            letter = DeadLetter.read(record)
            row = None if letter is None else mapping.row_of_key(letter.topic, letter.key)
            if letter is not None and row in waiting:  # few are, of however many letters
                last[row] = max(letter.offset, last.get(row, 0))
        return [Incomplete(row, last[row] + 1, marked=False) for row in sorted(waiting & last.keys())]

    return unmark
