"""What a Neo4j store keeps beside versions, and what it forgets: horizons, marks of incomplete rows, the sweep.

Horizons are cached and read again once a minute, so that writes and reads pay no round trip for them.
Another process's horizon shows here within that minute; what this one writes behind it meanwhile is seen
by no up-to-date reader, and goes with the next pass of the sweep, which starts again at the first node.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import neo4j

from graph import cypher, cypher_keep
from graph.horizons import Horizons, newer
from graph.model import Gone, Horizon, Incomplete, Upsert, split_version
from graph.neo4j_driver import query
from graph.neo4j_dump import pages
from graph.neo4j_rows import marker_row
from graph.schema import GraphSchema

Params = dict[str, Any]
Runs = neo4j.Session | neo4j.ManagedTransaction

FRESH_S = 60.0  # how long the cached horizons are taken for true
NODES, PER_NODE = 200, 500  # a look of the sweep: so many nodes, so many ids of each; 10 MB of ids at most


class Markers(msgspec.Struct, frozen=True):
    """Deletion markers of one table; when the oldest and the newest became known."""

    table: str
    count: int
    oldest_ms: int
    newest_ms: int


class _Step(msgspec.Struct, frozen=True):
    """One kind of thing a sweep goes through: how to look for what is old, how to remove it."""

    look: str
    drop: str
    before_ms: int
    kind: str | None = None  # the relation, of edges


class Keep:
    """The horizons and marks in one database."""

    def __init__(self, schema: GraphSchema, session: Callable[[], neo4j.Session]) -> None:
        """`session` opens one that may write; faults are the store's to translate."""
        self._schema, self._session = schema, session
        self._horizons = Horizons(frozenset(schema.windowed))
        self._read_again_s = float("-inf")
        self._sweeping = threading.Lock()
        self._step, self._after = 0, ""
        self._old: list[str] = []  # found by the last look, not removed yet
        self._swept_to: Horizons | None = None  # the horizons as the running pass began

    # -- horizons -----------------------------------------------------------------------------

    def horizons(self, now: bool = False) -> Horizons:
        """As of a minute ago at most; `now` reads them."""
        if now or time.monotonic() >= self._read_again_s:
            with self._session() as session:
                self.move([Horizon(row["kind"], row["before_ms"]) for row in session.run(cypher_keep.HORIZONS)])
            self._read_again_s = time.monotonic() + FRESH_S
        return self._horizons

    @property
    def known(self) -> Horizons:
        """As last read or written; asks nobody."""
        return self._horizons

    def move(self, upserts: Sequence[Upsert]) -> None:
        """What has been committed counts here from now on."""
        self._horizons = self._horizons.moved(upserts)

    # -- writing ------------------------------------------------------------------------------

    def write(self, tx: neo4j.Transaction, upserts: Sequence[Upsert]) -> None:
        """Horizons and marks of a batch; no round trip where it holds none."""
        horizons = [u for u in upserts if isinstance(u, Horizon)]
        marks: dict[str, Incomplete] = {}
        for upsert in upserts:
            if isinstance(upsert, Incomplete) and newer(upsert, marks.get(upsert.row)):
                marks[upsert.row] = upsert
        for horizon in Horizons().moved(horizons).upserts() if horizons else ():
            tx.run(cypher_keep.PUT_HORIZON, kind=horizon.kind, before_ms=horizon.before_ms).consume()
        if marks:
            rows = [{"id": row, **msgspec.structs.asdict(marks[row])} for row in sorted(marks)]
            tx.run(cypher_keep.PUT_MARKS, b={"marks": rows}).consume()

    # -- reading ------------------------------------------------------------------------------

    def incomplete(self, rows: Sequence[str]) -> set[str]:
        """Which of the rows are marked."""
        with self._session() as session:
            return {row["row"] for row in session.run(cypher_keep.MARKED, b={"rows": list(rows)})}

    def marked(self, most: int) -> dict[str, str]:
        """Rows that are marked, with the position of what was refused."""
        with self._session() as session:
            return {row["row"]: row["pos"] for row in session.run(cypher_keep.MARKED_AT_ALL, most=most)}

    def dump(self, session: neo4j.Session) -> Iterator[Upsert]:
        """Horizons and marks; reads the horizons anew."""
        horizons = self.horizons(now=True)
        yield from horizons.upserts()
        for row in pages(session, cypher.page_of_kept(cypher.INCOMPLETE)):
            if row["marked"] or horizons.before_ms("purge") is None:
                yield Incomplete(row["id"], row["seq"], row["marked"], row.get("pos", ""))

    def markers(self, before_ms: int) -> list[Markers]:
        """The deletion markers known before a time, by table."""
        with self._session() as session:
            return [Markers(**row.data()) for row in session.run(cypher_keep.MARKERS, before_ms=before_ms)]

    # -- sweeping -----------------------------------------------------------------------------

    def sweep(self, limit: int) -> int:
        """See GraphStore.sweep: goes on where the last call stopped, returns 0 at the end of a pass. Each look
        and each removal is a transaction of its own.
        """
        with self._sweeping:
            while True:
                horizons = self.horizons(now=True)
                self._swept_to = self._swept_to or horizons
                steps = self._steps(horizons)
                if self._step < len(steps):
                    self._old = self._old or self._look(steps[self._step])
                    if self._old:
                        return self._remove(steps[self._step], limit)
                    continue
                whole = self._swept_to == horizons  # else some moved in between: what was passed may be old now
                self._step, self._after, self._swept_to = 0, "", None
                if whole:
                    return 0

    def _steps(self, horizons: Horizons) -> list[_Step]:
        """What there is to go through: nothing where there is no horizon."""
        steps = []
        if (before_ms := horizons.before_ms("retention")) is not None:
            steps = [
                _Step(cypher_keep.old_edges(relation), cypher_keep.drop_edges(relation.name), before_ms, relation.name)
                for relation in self._schema.relations
                if self._schema.reach(relation) != "none"
            ]
            steps.append(_Step(cypher_keep.OLD_LABELS, cypher_keep.DROP_LABELS, before_ms))
        if (before_ms := horizons.before_ms("purge")) is not None:
            steps.append(_Step(cypher_keep.OLD_MARKERS, cypher_keep.DROP_MARKERS, before_ms))
            steps.append(_Step(cypher_keep.OLD_MARKS, cypher_keep.DROP_MARKS, before_ms))
        return steps

    def _look(self, step: _Step) -> list[str]:
        """Ids of what is old at the next nodes; moves the cursor, at the last node to the next step."""
        asked = {"after": self._after, "nodes": NODES, "limit": PER_NODE, "before_ms": step.before_ms,
                 "windowed": sorted(self._horizons.windowed)}  # fmt: skip
        started = time.perf_counter()
        with self._session() as session:
            rows = [(row["at"], row["old"]) for row in session.run(query(step.look), b=asked)]
        if not rows:
            self._step, self._after = self._step + 1, ""
        ids: list[str] = []
        for at, old in rows:
            ids += old
            if len(old) == PER_NODE:
                break  # it may have more: the next look begins with it
            self._after = at
        if not ids:
            time.sleep(min(0.05, time.perf_counter() - started))  # looking in vain leaves room for others
        return ids

    def _remove(self, step: _Step, limit: int) -> int:
        """Up to `limit` of what was found. Sorted by id, as writers lock."""
        ids, rest = sorted(self._old[:limit]), self._old[limit:]
        given = {"ids": ids, "purge_ms": self._horizons.purge_ms}

        def remove(tx: neo4j.ManagedTransaction) -> None:
            closed = [row["gone"] for row in tx.run(query(step.drop), b=given)]
            gone = [Gone(split_version(row["version"])[0], row["pos"], row["known"], step.kind) for row in closed]
            if gone:
                tx.run(query(cypher_keep.PUT_MARKERS), b={"marked": list(map(marker_row, gone))}).consume()

        with self._session() as session:
            session.execute_write(remove)
        self._old = rest
        return len(ids)
