"""The graph in Neo4j (community edition is enough): guarded, batched writes; as-of reads; dumps.

A batch of new rows is one statement, which writes if nothing of them is there. Any other batch is one transaction of
two: what is there is read and put in order with what is new (`graph.neo4j_batch`, on the same chains the mirror
runs), then all of it is written. Writers take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import neo4j

from graph import cypher
from graph.guess import Guess
from graph.horizons import Kind
from graph.mirror import Mirror
from graph.model import (
    Caps,
    EdgeUpsert,
    Event,
    Floor,
    Gone,
    LabelUpsert,
    Look,
    NodeUpsert,
    Subgraph,
    Upsert,
)
from graph.neo4j_around import READ_S, Around
from graph.neo4j_batch import Batch
from graph.neo4j_driver import Faults, query
from graph.neo4j_dump import stored
from graph.neo4j_keep import Keep, Markers
from graph.neo4j_rows import node_row
from graph.patience import patiently
from graph.schema import GraphSchema
from graph.store import StoreNotReady, StoreUnavailable

Params = dict[str, Any]
Op = EdgeUpsert | LabelUpsert | Gone
NEW = frozenset((NodeUpsert, EdgeUpsert, LabelUpsert, Gone))  # what a batch of new rows may hold
CHUNK_WAITS_S = (0.1, 0.5)  # before a chunk of a floor is tried again


class Neo4jStore:
    """A GraphStore on a Neo4j database (see `graph.store.GraphStore` for the promises)."""

    def __init__(
        self, driver: neo4j.Driver, schema: GraphSchema, database: str = "neo4j", read_s: float = READ_S
    ) -> None:
        """The driver stays the caller's to close. `read_s` is the time Neo4j has for reading around events."""
        self._driver, self._schema, self._database = driver, schema, database
        self._read_state = query(cypher.read_state(schema))
        self._write = query(cypher.write(schema))
        self._write_new = neo4j.Query(query(cypher.write_new(schema)), timeout=cypher.TURN_S)
        self._guess = Guess()
        self._planned = False
        self.advanced: Callable[[], None] = lambda: None  # called while a floor is put down, chunk by chunk
        self._keep = Keep(schema, self._session)
        self._around = Around(schema, self._keep, self._session, read_s)

    # -- constraints --------------------------------------------------------------------------

    def init(self) -> None:
        """Make the constraints and indexes, and wait until they are online."""
        with Faults(), self._session() as session:
            for statement in cypher.constraints(self._schema).values():
                session.run(query(statement)).consume()
            session.run("CALL db.awaitIndexes(300)").consume()

    def check(self) -> None:
        """See GraphStore.check."""
        with Faults(), self._session() as session:
            there = {row["name"] for row in session.run("SHOW INDEXES YIELD name, state WHERE state = 'ONLINE'")}
        if missing := sorted(cypher.constraints(self._schema).keys() - there):
            raise StoreNotReady(
                f"Neo4j lacks {len(missing)} constraints or indexes ({', '.join(missing[:3])}, …): "
                "run `ringwatch graph init` with the same mapping, then start again"
            )
        self._plan()

    def _plan(self) -> None:
        """Have the statements planned before the first batch waits for it, on a batch of nothing."""
        nothing = Batch(self._schema, ())
        with Faults(), self._session() as session:
            for text, rows in ((self._read_state, nothing.reading()), (self._write, nothing.writing())):
                session.run(text, b=rows).consume()
            session.run(self._write_new, b=nothing.new()).consume()
            self._keep.horizons(now=True)
        self._planned = True

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """After a fault Neo4j may be another one, or have run out of time while it planned: plan again first."""
        try:
            yield
        except StoreUnavailable:
            self._planned = False
            raise

    # -- writing ------------------------------------------------------------------------------

    def apply(self, upserts: Sequence[Upsert]) -> None:
        """See GraphStore.apply. Tried once: the caller retries, and so can count."""
        floors = [upsert for upsert in upserts if isinstance(upsert, Floor)]
        if not self._planned:  # planning takes seconds on a busy machine: not within a writer's turn
            self._plan()
        with self._writing(), Faults(), self._session() as session:
            for floor in floors:
                self._put_floor(session, floor)
            admitted = self._keep.horizons().moved(upserts).admitted(upserts)
            if not self._apply_new(session, admitted):
                with session.begin_transaction(timeout=cypher.TURN_S) as tx:
                    self._apply(tx, admitted)
                    tx.commit()
            self._keep.move(upserts)

    def purged_before_ms(self) -> int:
        """The purge horizon as last read or written: changes committed before it are no longer taken."""
        return self._keep.known.purge_ms

    def _apply_new(self, session: neo4j.Session, upserts: Sequence[Upsert]) -> bool:
        """All of it, if that is how it turns out: nothing of these rows was there."""
        if not upserts or not NEW.issuperset(map(type, upserts)) or not self._guess.worth():
            return False
        done = session.run(self._write_new, b=Batch(self._schema, upserts).new()).single() is not None
        self._guess.found(done)
        return done

    def _apply(self, tx: neo4j.Transaction, upserts: Sequence[Upsert]) -> None:
        batch = Batch(self._schema, upserts)
        batch.take((row["kind"], row["p"]) for row in tx.run(self._read_state, b=batch.reading()))
        rows = batch.writing()
        if any(rows.values()):
            tx.run(self._write, b=rows).consume()
        self._keep.write(tx, upserts)

    def _put_floor(self, session: neo4j.Session, floor: Floor) -> None:
        """First the floor itself, which every later writer sees, then what lies below it, in chunks."""
        at: Params = {"table": floor.table, "pos": floor.pos, "known": floor.known_ms}
        session.run(query(cypher.PUT_FLOOR), at).consume()
        for text in (*(cypher.floor_edges(relation.name) for relation in self._schema.relations), cypher.FLOOR_LABELS):
            self._in_chunks(session, text, at)
        for (label, role), names in self._schema.properties.items():
            if role == floor.table:
                gone = node_row(NodeUpsert(label, "", role, floor.pos, floor.known_ms, None), names)["properties"]
                self._in_chunks(session, cypher.floor_nodes(label, role), {**at, "properties": gone})

    def _in_chunks(self, session: neo4j.Session, text: str, parameters: Params) -> None:
        """Run a chunked statement until it has walked to the end. A chunk that fails is tried again by itself: a walk
        over a large table, begun anew for each fault, might never end.
        """
        after: str | None = ""
        while after is not None:
            row = patiently(partial(_one_row, session, text, {**parameters, "after": after}), CHUNK_WAITS_S)
            after = row["after"] if row["n"] == cypher.CHUNK else None
            self.advanced()

    # -- reading ------------------------------------------------------------------------------

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        """See GraphStore.subgraphs."""
        return self.around(events, Look(caps)).subgraphs(events, caps)

    @property
    def schema(self) -> GraphSchema:
        """What it was opened with."""
        return self._schema

    def prepare(self, look: Look) -> None:
        """Have the reading of this look planned, before the first event waits for it.

        Raises:
            StoreUnavailable: no answer.
        """
        with Faults():
            self._around.plan(look)

    def around(self, events: Sequence[Event], look: Look) -> Mirror:
        """What is looked at around these events, in a mirror of its own: see `graph.neo4j_around.Around.mirror`.

        Raises:
            StoreUnavailable: no answer, or none within the time a read has; try again.
        """
        with Faults():
            return self._around.mirror(events, look)

    def absent(self, events: Sequence[Event]) -> list[Event]:
        """Of these events those whose own change is not here (yet), and is not behind the retention horizon.

        Raises:
            StoreUnavailable: no answer.
        """
        with Faults():
            return self._around.absent(events)

    def incomplete(self, rows: Collection[str]) -> set[str]:
        """See GraphStore.incomplete."""
        with Faults():
            return self._keep.incomplete(sorted(rows)) if rows else set()

    def marked(self, most: int) -> dict[str, str]:
        """See GraphStore.marked."""
        with Faults():
            return self._keep.marked(most)

    def horizon(self, kind: Kind) -> int | None:
        """See GraphStore.horizon."""
        with Faults():
            return self._keep.horizons().before_ms(kind)

    def sweep(self, limit: int) -> int:
        """See GraphStore.sweep."""
        with Faults():
            return self._keep.sweep(limit)

    def markers(self, before_ms: int) -> list[Markers]:
        """The deletion markers a purge of what is before that time would drop.

        Raises:
            StoreUnavailable: no answer.
        """
        with Faults():
            return self._keep.markers(before_ms)

    def dump(self) -> Iterator[Upsert]:
        """See GraphStore.dump. Reads in pages, so memory stays bounded; each takes its turn among the writers."""
        with Faults(), self._session(fetch_size=cypher.PAGE) as session:
            yield from self._keep.dump(session)
            yield from stored(session, self._schema, self._keep.horizons())

    # -- plumbing -----------------------------------------------------------------------------

    def _session(self, mode: str = neo4j.WRITE_ACCESS, fetch_size: int = 1_000) -> neo4j.Session:
        return self._driver.session(database=self._database, default_access_mode=mode, fetch_size=fetch_size)


def _one_row(session: neo4j.Session, text: str, parameters: Params) -> neo4j.Record:
    with Faults():
        return session.run(query(text), parameters).single(strict=True)
