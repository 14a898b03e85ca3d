"""The graph in Neo4j (community edition is enough): guarded, batched writes; as-of reads; dumps.

A batch is one transaction of three round trips: what is there is read, put in order with what is new
(`graph.neo4j_batch`, on the same chains the mirror runs), then nodes are written, then edges, each sorted
by id, so that two writers meet in one order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, LiteralString

import neo4j
from neo4j.exceptions import ClientError, ConstraintError, DatabaseError, DriverError, Neo4jError

from graph import cypher
from graph.asof import Cut, assemble
from graph.model import (
    Caps,
    EdgeUpsert,
    Event,
    Floor,
    Gone,
    LabelUpsert,
    NodeUpsert,
    Subgraph,
    SubgraphEdge,
    Upsert,
)
from graph.neo4j_batch import Batch
from graph.neo4j_rows import node_row, ops_of, read_label, read_marker
from graph.schema import GraphSchema
from graph.store import StoreNotReady, StoreRefused, StoreUnavailable
from graph.versions import Chain

Params = dict[str, Any]
Op = EdgeUpsert | LabelUpsert | Gone
FETCH = 5_000  # rows a dump takes at a time


def _query(text: str) -> LiteralString:
    return text  # built in graph.cypher from checked names only


def connect(uri: str, user: str, password: str) -> neo4j.Driver:
    """A driver; TLS by the URI's scheme (bolt+s, neo4j+s). Notifications (say, that a property key is
    not in use yet) are turned off: they would fill the log of every empty database.
    """
    return neo4j.GraphDatabase.driver(uri, auth=(user, password), notifications_min_severity="OFF")


class Neo4jStore:
    """A GraphStore on a Neo4j database (see `graph.store.GraphStore` for the promises)."""

    def __init__(self, driver: neo4j.Driver, schema: GraphSchema, database: str = "neo4j") -> None:
        """The driver stays the caller's to close."""
        self._driver, self._schema, self._database = driver, schema, database
        self._read_state = _query(cypher.read_state(schema))
        self._write_nodes = _query(cypher.write_nodes(schema))
        self._write_ops = _query(cypher.write_ops(schema))
        self._queries: dict[tuple[int, ...], str] = {}

    # -- constraints --------------------------------------------------------------------------

    def init(self) -> None:
        """Make the constraints and indexes, and wait until they are online."""
        with self._faults(), self._session() as session:
            for statement in cypher.constraints(self._schema).values():
                session.run(_query(statement)).consume()
            session.run("CALL db.awaitIndexes(300)").consume()

    def check(self) -> None:
        """See GraphStore.check."""
        with self._faults(), self._session() as session:
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
        with self._faults(), self._session() as session:
            for text, rows in (
                (self._read_state, nothing.reading()),
                (self._write_nodes, nothing.nodes()),
                (self._write_ops, nothing.ops()),
            ):
                session.run(text, b=rows).consume()

    # -- writing ------------------------------------------------------------------------------

    def apply(self, upserts: Sequence[Upsert]) -> None:
        """See GraphStore.apply."""
        with self._faults(), self._session() as session:
            session.execute_write(self._apply, upserts)

    def _apply(self, tx: neo4j.ManagedTransaction, upserts: Sequence[Upsert]) -> None:
        for floor in (upsert for upsert in upserts if isinstance(upsert, Floor)):
            self._put_floor(tx, floor)
        batch = Batch(self._schema, upserts)
        batch.take((row["kind"], row["p"]) for row in tx.run(self._read_state, b=batch.reading()))
        for text, rows in ((self._write_nodes, batch.nodes()), (self._write_ops, batch.ops())):
            if any(rows.values()):
                tx.run(text, b=rows).consume()

    def _put_floor(self, tx: neo4j.ManagedTransaction, floor: Floor) -> None:
        at = {"table": floor.table, "pos": floor.pos, "known": floor.known_ms}
        tx.run(_query(cypher.PUT_FLOOR), at).consume()
        for relation in self._schema.relations:
            tx.run(_query(cypher.floor_edges(relation.name)), at).consume()
        tx.run(_query(cypher.FLOOR_LABELS), at).consume()
        for (label, role), names in self._schema.properties.items():
            if role == floor.table:
                gone = node_row(NodeUpsert(label, "", role, floor.pos, floor.known_ms, None), names)["properties"]
                tx.run(_query(cypher.floor_nodes(label, role)), pos=floor.pos, properties=gone).consume()

    # -- reading ------------------------------------------------------------------------------

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        """See GraphStore.subgraphs. One round trip for all of them."""
        if caps.per_hop not in self._queries:
            self._queries[caps.per_hop] = cypher.subgraphs(self._schema, caps.per_hop)
        rows = [_event_row(i, event) for i, event in enumerate(events)]
        with self._faults(), self._session(neo4j.READ_ACCESS) as session:
            read = session.execute_read(
                lambda tx: {r["i"]: r["edges"] for r in tx.run(_query(self._queries[caps.per_hop]), b={"events": rows})}
            )
        return [assemble(event, _edges(read.get(i, ()))) for i, event in enumerate(events)]

    def dump(self) -> Iterator[Upsert]:
        """See GraphStore.dump. Reads through cursors, so memory stays bounded."""
        with self._faults(), self._driver.session(database=self._database, fetch_size=FETCH) as session:
            for row in session.run(_query(f"MATCH (f:{cypher.FLOOR}) RETURN properties(f) AS p")):
                yield Floor(row["p"]["table"], row["p"]["pos"], row["p"]["known"])
            for (label, role), names in sorted(self._schema.properties.items()):
                at = f"n._pos_{cypher.name(role)}"
                there = f"MATCH (n:{cypher.name(label)}) WHERE {at} IS NOT NULL RETURN properties(n) AS p"
                for row in session.run(_query(there)):
                    yield _node(label, role, names, row["p"])
            for relation in self._schema.relations:
                rows = session.run(_query(cypher.all_edges(relation.name)))
                yield from _by_owner((row["p"] for row in rows), relation.name)
            rows = session.run(_query(cypher.ALL_LABELS))
            yield from _by_owner((row["p"] for row in rows), None)
            for row in session.run(_query(f"MATCH (n:{cypher.GONE}) RETURN properties(n) AS p")):
                yield read_marker(row["p"])

    # -- plumbing -----------------------------------------------------------------------------

    def _session(self, mode: str = neo4j.WRITE_ACCESS) -> neo4j.Session:
        return self._driver.session(database=self._database, default_access_mode=mode)

    @staticmethod
    def _faults() -> _Faults:
        return _Faults()


class _Faults:
    """Driver errors become the store's own, as to whether to try again."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConstraintError):
            raise StoreUnavailable(f"another writer was there first: {error.message}") from error
        if isinstance(error, DatabaseError) and "too large to index" in str(error.message):
            raise StoreRefused(f"Neo4j refuses this: {str(error.message)[:500]}") from error  # it would for ever
        if isinstance(error, UnicodeEncodeError | OverflowError):  # half a surrogate pair, more than 64 bits
            raise StoreRefused(f"Neo4j's protocol can't carry this: {str(error)[:500]}") from error
        if isinstance(error, ClientError) and not error.is_retryable() and "Security" not in str(error.code):
            raise StoreRefused(f"Neo4j refuses this: {error.code} {str(error.message)[:500]}") from error
        if isinstance(error, Neo4jError | DriverError | OSError):
            raise StoreUnavailable(f"Neo4j: {type(error).__name__}: {str(error)[:300]}") from error


def _event_row(i: int, event: Event) -> Params:
    cut = Cut.of(event)
    return {
        "i": i,
        "id": event.id,
        "t": cut.time_ms,
        "pos": cut.pos,
        "source": cut.source,
        "ends": list(dict.fromkeys((event.src, event.dst))),
    }


def _edges(rows: Iterable[Params]) -> Iterator[SubgraphEdge]:
    seen: set[str] = set()
    for row in sorted(rows, key=lambda row: int(row["hop"])):
        p = row["p"]
        if p["id"] in seen:
            continue
        seen.add(p["id"])
        attributes = {k: v for k, v in p.items() if not k.startswith("_") and k not in ("id", "time")}
        yield SubgraphEdge(
            p["_owner"],
            row["relation"],
            p["_src"],
            p["_dst"],
            p["time"],
            attributes,
            read_label(row["labels"]),
            row["hop"],
        )


def _node(label: str, role: str, names: tuple[str, ...], row: Params) -> NodeUpsert:
    properties = None if row.get(f"_gone_{role}") else {n: row[n] for n in names if n in row}
    return NodeUpsert(label, row["id"], role, row[f"_pos_{role}"], row[f"_known_{role}"], properties)


def _by_owner(rows: Iterable[Params], kind: str | None) -> Iterator[Upsert]:
    """Versions with the deletions that closed them; rows come sorted by owner and position."""
    owner, chain = "", Chain()
    for row in rows:
        if row["_owner"] != owner:
            yield from (held.op for held in chain.items)
            owner, chain = row["_owner"], Chain()
        for op, _ in ops_of(row, kind):
            chain.add(op)
    yield from (held.op for held in chain.items)
