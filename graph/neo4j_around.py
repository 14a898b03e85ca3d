"""What Neo4j holds around a micro-batch of events, in a small mirror of its own that is thrown away behind it.

Whatever is asked of a mirror can be asked of it, of these events: the one compiled as-of walk makes neighbourhoods and
sums of it. It holds what counts for any of them; of that each takes its newest, as it would in a whole mirror.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from graph import cypher_read
from graph.asof import Cut
from graph.horizons import Horizons
from graph.mirror import Mirror
from graph.model import (
    EdgeUpsert,
    Event,
    Floor,
    Gone,
    Incomplete,
    LabelUpsert,
    Look,
    Upsert,
    row_of,
    split_key,
    split_version,
    table_of,
    version_id,
)
from graph.neo4j_driver import query
from graph.neo4j_keep import Keep
from graph.schema import GraphSchema
from graph.store import StoreUnavailable

Params = dict[str, Any]
Row = list[Any]
Found = dict[str, list[Row]]  # by relation the rows of edges, each behind those of its labels

READ_S = 2.0  # a read that takes longer is given up: another try is due, and Neo4j does no work nobody waits for
PLAN_S = 60.0  # planning takes seconds on a busy machine, once for each look
MOST_EVENTS = 256  # of one statement
MOST_ROWS = 50_000  # of one statement, some 50 MB; an event alone has what its caps allow (16 and 8: 26,000)
ALL = -1  # rows of an answer are fetched at once: by thousands, each thousand is a round trip
TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"  # also …ClientConfiguration


class Around:
    """Reads around events. For one thread at a time."""

    def __init__(
        self, schema: GraphSchema, keep: Keep, session: Callable[..., neo4j.Session], limit_s: float = READ_S
    ) -> None:
        """`session` opens one that reads; `limit_s` is what Neo4j has for a statement. Faults are left to the store."""
        self._schema, self._keep, self._session, self._limit_s = schema, keep, session, limit_s
        self._attributes = cypher_read.attributes(schema)
        self._arrived = cypher_read.arrived(schema)
        self._texts: dict[Look, str] = {}
        self._planned: set[Look] = set()
        self._at_once = MOST_EVENTS

    def mirror(self, events: Sequence[Event], look: Look) -> Mirror:
        """What counts for these events. One statement, and a second where rows are marked incomplete.

        A batch that would bring more than MOST_ROWS is read in parts. One that Neo4j had no time for fails; the next
        try reads half as many events at once, and what succeeds then a few more each time.

        Raises:
            ValueError: edges by the values of categories are asked for: no index finds them here.
        """
        if look.by_category:
            raise ValueError("Neo4j has no index of edges by the values of categories: read them from a mirror")
        made, horizons = Mirror(self._schema.windowed), self._keep.horizons()
        made.apply(list(horizons.upserts()))
        at, marks, size = 0, 0, self._at_once
        while at < len(events):
            part = events[at : at + size]
            marked, found = self._read(part, look, horizons)
            if found is None:
                size = max(1, len(part) // 2)
                continue
            made.apply(list(self._upserts(found)))
            at, marks = at + len(part), max(marks, marked)
        self._at_once = min(MOST_EVENTS, self._at_once + max(1, self._at_once // 8))  # or it would fail again at once
        if marks:
            self._mark(made, events)
        return made

    def _read(self, events: Sequence[Event], look: Look, horizons: Horizons) -> tuple[int, Found | None]:
        """How many marks there are, and the rows; None where they would be too many."""
        self.plan(look)
        most = MOST_ROWS if len(events) > 1 else 2**62
        given = {"events": [_event_row(event, horizons) for event in events], "most": most}
        try:
            rows = self._run(self._texts[look], given)
        except (Neo4jError, DriverError, OSError) as error:
            if isinstance(error, Neo4jError) and str(error.code).startswith(TIMED_OUT):
                self._at_once = max(1, min(self._at_once, len(events)) // 2)
            else:
                self._planned.clear()  # it may be another one now, which has to plan again
            raise
        found: Found = {relation: edges for relation, edges in rows if relation is not None}
        (marks,) = next(edges for relation, edges in rows if relation is None)
        return marks, None if sum(map(len, found.values())) >= most else found

    def plan(self, look: Look) -> None:
        """Have Neo4j plan what this look reads with, once: on no events, in all the time that takes."""
        if look not in self._texts:
            self._texts[look] = cypher_read.around(self._schema, look)
        if look not in self._planned:
            self._run(self._texts[look], {"events": [], "most": 0}, PLAN_S)
            self._planned.add(look)

    def _run(self, text: str, given: Params, limit_s: float | None = None) -> list[Row]:
        """One round trip: a transaction of its own that nobody has to begin or commit."""
        with self._session(neo4j.READ_ACCESS, fetch_size=ALL) as session:
            return session.run(neo4j.Query(query(text), timeout=limit_s or self._limit_s), b=given).values()

    def absent(self, events: Sequence[Event]) -> list[Event]:
        """Those whose own change is neither here, nor behind the retention horizon."""
        horizons = self._keep.horizons()
        asked = [event for event in events if not horizons.hides_event(event.id, event.time_ms)]
        ids = [version_id(event.id, event.pos) for event in asked]
        given: Params = {"ids": ids, **{f"of_{relation.name}": [] for relation in self._schema.relations}}
        for event, id in zip(asked, ids, strict=True):
            given.get(f"of_{event.relation}", []).append({"id": id, "own": _own(event), "pos": event.pos})
        here = {row[0] for row in self._run(self._arrived, given)} if asked else set()
        return [event for event, id in zip(asked, ids, strict=True) if id not in here]

    # -- rows -----------------------------------------------------------------------------------

    def _upserts(self, found: Found) -> Iterator[Upsert]:
        """Floors first, while there is nothing yet that they would have to be held against; then versions, and what
        closed them, unless that is a version that is here itself: a mirror takes one thing of a position, whichever.
        """
        floors: dict[Floor, None] = {}
        ended: list[Gone] = []
        versions: list[EdgeUpsert | LabelUpsert] = []
        for relation, (labels, *edge) in ((relation, row) for relation, rows in found.items() for row in rows):
            owner, pos = split_version(edge[0])
            _, known_ms, _, _, _, _, time_ms, src, dst, *says = edge
            if None in (edge[0], known_ms, time_ms, src, dst, *(said for label in labels for said in label[:2])):
                raise StoreUnavailable("the sweep took something away while it was read")
            attributes = {name: value for name, value in zip(self._attributes, says, strict=True) if value is not None}
            versions.append(EdgeUpsert(owner, pos, known_ms, relation, src, dst, time_ms, attributes))
            _note_end(edge, owner, relation, floors, ended)
            for label in labels:
                its, pos = split_version(label[0])
                versions.append(LabelUpsert(its, pos, label[1], owner, label[-1]))
                _note_end(label, its, None, floors, ended)
        yield from floors
        yield from versions
        here = {(version.owner, version.pos) for version in versions}
        yield from (gone for gone in ended if (gone.owner, gone.pos) not in here)

    def _mark(self, made: Mirror, events: Sequence[Event]) -> None:
        """Say of the rows around the events which are marked: asked only where there are marks at all."""
        rows = {row_of(event.id) for event in events} | _rows_of(made, self._schema.tables)
        nodes = {key for event in events for key in (event.src, event.dst)}
        rows |= {row for key in nodes for row in _rows_about(key, self._schema.tables)}
        made.apply([Incomplete(row, 0, True) for row in sorted(self._keep.incomplete(sorted(rows)))])


def _note_end(row: Row, owner: str, kind: str | None, floors: dict[Floor, None], ended: list[Gone]) -> None:
    """What closed a version, and the floor it lies below. Of one that shows by half see `cypher_read._counts`."""
    _, _, closed_pos, closed_ms, floor_pos, floor_ms = row[: len(cypher_read.SAID)]
    if closed_pos is not None and closed_ms is not None:
        ended.append(Gone(owner, closed_pos, closed_ms, kind))
    if floor_pos is not None and floor_ms is not None:
        floors[Floor(table_of(owner), floor_pos, floor_ms)] = None


def _rows_of(made: Mirror, tables: Mapping[str, Sequence[str]]) -> set[str]:
    """The rows behind a mirror's edges, and those that may say something of their nodes."""
    edges = [upsert for upsert in made.dump() if isinstance(upsert, EdgeUpsert)]
    rows = {row_of(edge.owner) for edge in edges}
    nodes = {key for edge in edges for key in (edge.src, edge.dst)}
    return rows | {row for key in nodes for row in _rows_about(key, tables)}


def _rows_about(key: str, tables: Mapping[str, Sequence[str]]) -> Iterator[str]:
    label, id = split_key(key)
    return (f"{table}:{id}" for table in tables.get(label, ()))


def _own(event: Event) -> str:
    """What the ids of the event's own versions begin with."""
    return version_id(event.id, "")


def _event_row(event: Event, horizons: Horizons) -> Params:
    cut = Cut.of(event)
    return {
        "own": _own(event),
        "t": cut.time_ms,
        "pos": cut.pos,
        "source": cut.source,
        "relation": event.relation,
        "src": event.src,
        "dst": event.dst,
        "ends": list(dict.fromkeys((event.src, event.dst))),
        "since": horizons.retention_ms,
        "windowed": sorted(horizons.windowed),
    }
