"""A graph that is fed by a bank as a set to train and test on: the same value that `flat_set` reads from files.

An event is the newest version of a row's edge, where it is open, and stands where that version does: what was
committed later is not in its past. Rows of a snapshot were never scored and are events here; their log is the order
in which they were read, so of each other they see what was read before them (and is older).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from operator import attrgetter

from graph.mapping import Mapping
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Event, Floor, Gone, LabelUpsert, Upsert, table_of
from scoring.dataset import LabelBook
from scoring.flat_set import BATCH, FlatSet, FlatSetError, made


def read_live(mapping: Mapping, upserts: Iterable[Upsert]) -> FlatSet:
    """Read a store's dump.

    Args:
        mapping: names the source and says which edges are events.
        upserts: as `GraphStore.dump` gives them.

    Raises:
        FlatSetError: no event is open, or no fraud is labelled.
        StoreUnavailable: the store stopped answering.
    """
    read = _Read(mapping)
    for upsert in upserts:
        read.take(upsert)
    return read.made()


class _Read:
    """What of a dump is kept: the mirror that holds all of it, labels, and the newest of each event's versions."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.mirror, self.book = Mirror(mapping.windowed), LabelBook(mapping.file.source)
        self._asked = {(t, e.role) for t, rule in mapping.file.tables.items() for e in rule.edges if e.event}
        self._newest: dict[str, EdgeUpsert | Gone] = {}
        self._revised: set[str] = set()
        self._labels: dict[str, set[str]] = defaultdict(set)  # by table, owners of labels
        self._floors: list[Floor] = []
        self._waiting: list[Upsert] = []

    def take(self, upsert: Upsert) -> None:
        """One upsert, in any order."""
        self.book.add(upsert)
        match upsert:
            case EdgeUpsert():
                self._version(upsert)
            case Gone() if upsert.kind is not None:
                self._version(upsert)
            case LabelUpsert():
                self._labels[table_of(upsert.owner)].add(upsert.owner)
            case Floor():
                self._floors.append(upsert)
            case _:
                pass
        self._waiting.append(upsert)
        if len(self._waiting) >= BATCH:
            self._put()

    def _version(self, op: EdgeUpsert | Gone) -> None:
        owner = op.owner
        if (table_of(owner), owner.rpartition(":")[2]) not in self._asked:
            return
        before = self._newest.get(owner)
        if before is not None:
            self._revised.add(owner)
        if before is None or before.pos < op.pos:
            self._newest[owner] = op

    def _put(self) -> None:
        self.mirror.apply(self._waiting)
        self._waiting.clear()

    def made(self) -> FlatSet:
        """The set."""
        self._put()
        for floor in self._floors:  # a label below one is taken back there
            for owner in self._labels[floor.table]:
                self.book.add(Gone(owner, floor.pos, floor.known_ms, None))
        events = sorted(self._events(), key=attrgetter("time_ms", "pos"))
        if not events:
            raise FlatSetError(
                "the graph holds no open event; feed it with `ringwatch ingest`, or mark an edge with `event = true` "
                "in the mapping"
            )
        return made(self.mapping, events, self.book, self.mirror)

    def _events(self) -> Iterator[Event]:
        floors: dict[str, str] = {}
        for floor in self._floors:
            floors[floor.table] = max(floor.pos, floors.get(floor.table, ""))
        for owner, op in self._newest.items():
            if isinstance(op, EdgeUpsert) and op.pos >= floors.get(table_of(owner), ""):
                yield Event(
                    owner, "revised" if owner in self._revised else "new", op.pos, op.known_ms, op.relation, op.src,
                    op.dst, op.time_ms, op.attributes,
                )  # fmt: skip
