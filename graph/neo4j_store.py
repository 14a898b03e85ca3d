"""The graph in Neo4j (community edition is enough): guarded, batched writes; as-of reads; dumps.

A batch is one transaction: the versions of its owners are read, put in order with the new ones
(`graph.versions.Chain`, the same code the mirror runs), and what changed is written: nodes before
edges, each sorted by id, so that two writers meet in one order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, LiteralString, cast

import neo4j
from neo4j.exceptions import ClientError, ConstraintError, DriverError, Neo4jError

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
    split_key,
    table_of,
    version_id,
)
from graph.neo4j_rows import closing, edge_row, label_row, marker_row, node_row, ops_of, read_label, read_marker
from graph.schema import GraphSchema
from graph.store import StoreNotReady, StoreRefused, StoreUnavailable
from graph.versions import Chain, Held

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
        self._relations = {relation.name: relation for relation in schema.relations}
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

    # -- writing ------------------------------------------------------------------------------

    def apply(self, upserts: Sequence[Upsert]) -> None:
        """See GraphStore.apply."""
        with self._faults(), self._session() as session:
            session.execute_write(self._apply, upserts)

    def _apply(self, tx: neo4j.ManagedTransaction, upserts: Sequence[Upsert]) -> None:
        for floor in [u for u in upserts if isinstance(u, Floor)]:
            self._put_floor(tx, floor)
        ops = [u for u in upserts if isinstance(u, EdgeUpsert | LabelUpsert | Gone)]
        nodes = [u for u in upserts if isinstance(u, NodeUpsert)]
        floors = self._floors(tx, {table_of(op.owner) for op in ops} | {node.role for node in nodes})
        self._put_nodes(tx, nodes, floors)
        self._put_stubs(tx, ops)
        self._put_ops(tx, ops, floors)

    def _floors(self, tx: neo4j.ManagedTransaction, tables: set[str]) -> dict[str, list[Floor]]:
        found: dict[str, list[Floor]] = defaultdict(list)
        for row in tx.run(_query(cypher.FLOORS), tables=sorted(tables)):
            found[row["table"]].append(Floor(row["table"], row["pos"], row["known"]))
        return found

    def _put_nodes(
        self, tx: neo4j.ManagedTransaction, nodes: Iterable[NodeUpsert], floors: dict[str, list[Floor]]
    ) -> None:
        newest: dict[tuple[str, str], dict[str, NodeUpsert]] = defaultdict(dict)
        for node in nodes:
            above = [f for f in floors.get(node.role, ()) if node.pos < f.pos]
            if above:
                floor = max(above, key=lambda f: f.pos)
                node = NodeUpsert(node.label, node.id, node.role, floor.pos, floor.known_ms, None)
            held = newest[node.label, node.role].get(node.id)
            if held is None or held.pos < node.pos:
                newest[node.label, node.role][node.id] = node
        for (label, role), by_id in sorted(newest.items()):
            names = self._schema.properties.get((label, role), ())
            rows = [node_row(by_id[id], names) for id in sorted(by_id)]
            tx.run(_query(cypher.nodes(label, role)), rows=rows).consume()

    def _put_stubs(self, tx: neo4j.ManagedTransaction, ops: Iterable[Upsert]) -> None:
        ends: dict[str, set[str]] = defaultdict(set)
        for op in ops:
            if isinstance(op, EdgeUpsert):
                for label, id in (split_key(op.src), split_key(op.dst)):
                    ends[label].add(id)
        for label in sorted(ends):
            tx.run(_query(cypher.stubs(label)), rows=sorted(ends[label])).consume()

    def _put_ops(
        self,
        tx: neo4j.ManagedTransaction,
        ops: Sequence[Op],
        floors: dict[str, list[Floor]],
    ) -> None:
        kinds: dict[str, dict[str, list[Op]]] = defaultdict(lambda: defaultdict(list))
        for op in ops:
            kind = op.relation if isinstance(op, EdgeUpsert) else op.kind if isinstance(op, Gone) else None
            kinds[kind or ""][op.owner].append(op)
        for kind in sorted(kinds):
            self._put_kind(tx, kind or None, kinds[kind], floors)

    def _put_kind(
        self,
        tx: neo4j.ManagedTransaction,
        kind: str | None,
        owners: dict[str, list[Op]],
        floors: dict[str, list[Floor]],
    ) -> None:
        """Read the chains of these owners, add, and write the difference."""
        chains, stored, markers = self._chains(tx, kind, sorted(owners))
        created: list[Held] = []
        for owner, ops in owners.items():
            for op in ops:
                held = chains[owner].add(op)
                if held is not None and held.is_version:
                    created.append(held)
                    for floor in floors.get(table_of(owner), ()):
                        held.drop_by(floor)
        self._write_versions(tx, kind, created, chains, stored)
        self._write_markers(tx, chains, markers)

    def _chains(
        self, tx: neo4j.ManagedTransaction, kind: str | None, owners: list[str]
    ) -> tuple[dict[str, Chain], dict[str, str | None], set[str]]:
        """The chains as stored; what closes each stored version; the markers' ids."""
        chains: dict[str, Chain] = defaultdict(Chain)
        versions = cypher.kept_versions(cypher.LABEL) if kind is None else cypher.edge_versions(kind)
        rows = [record["p"] for record in tx.run(_query(versions), owners=owners)]
        stored = {row["id"]: row.get("_closed_pos") for row in rows}
        for row in rows:
            for op, floor in ops_of(row, kind):
                held = chains[op.owner].add(op)
                if held is not None and floor is not None:
                    held.drop_by(floor)
        marked = [r["p"] for r in tx.run(_query(cypher.kept_versions(cypher.GONE)), owners=owners)]
        for row in marked:
            chains[row["owner"]].add(read_marker(row))
        return chains, stored, {row["id"] for row in marked}

    def _write_versions(
        self,
        tx: neo4j.ManagedTransaction,
        kind: str | None,
        created: list[Held],
        chains: dict[str, Chain],
        stored: dict[str, str | None],
    ) -> None:
        closed = [
            {"id": version_id(held.op.owner, held.op.pos), "p": closing(held)}
            for chain in chains.values()
            for held in chain.items
            if held.is_version
            and (key := version_id(held.op.owner, held.op.pos)) in stored
            and stored[key] != held.closed_pos
        ]
        created.sort(key=lambda held: (held.op.owner, held.op.pos))
        if kind is None:
            rows = [label_row(held) for held in created] + closed
            if rows:
                tx.run(_query(cypher.merge_kept(cypher.LABEL)), rows=rows).consume()
            return
        if created:
            rows = [edge_row(held) for held in created]
            tx.run(_query(cypher.create_edges(self._relation(kind))), rows=rows).consume()
        if closed:
            tx.run(_query(cypher.close_edges(kind)), rows=sorted(closed, key=lambda row: str(row["id"]))).consume()

    def _relation(self, kind: str) -> Any:
        try:
            return self._relations[kind]
        except KeyError:
            raise StoreRefused(f"relation {kind!r} is not in the mapping this store was opened with") from None

    def _write_markers(self, tx: neo4j.ManagedTransaction, chains: dict[str, Chain], markers: set[str]) -> None:
        """A deletion is a marker as long as there is no version right before it that it closes."""
        needed: dict[str, Params] = {}
        for chain in chains.values():
            for before, held in zip([None, *chain.items], chain.items, strict=False):
                if not held.is_version and (before is None or not before.is_version):
                    needed[version_id(held.op.owner, held.op.pos)] = marker_row(cast(Gone, held.op))
        if new := [needed[key] for key in sorted(needed.keys() - markers)]:
            tx.run(_query(cypher.merge_kept(cypher.GONE)), rows=new).consume()
        if dropped := sorted(markers - needed.keys()):
            tx.run(_query(cypher.DROP_MARKERS), rows=dropped).consume()

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
                lambda tx: {r["i"]: r["edges"] for r in tx.run(_query(self._queries[caps.per_hop]), events=rows)}
            )
        return [assemble(event, _edges(read.get(i, ()))) for i, event in enumerate(events)]

    def dump(self) -> Iterator[Upsert]:
        """See GraphStore.dump. Reads through cursors, so memory stays bounded."""
        with self._faults(), self._driver.session(database=self._database, fetch_size=FETCH) as session:
            for row in session.run(_query(f"MATCH (f:{cypher.FLOOR}) RETURN properties(f) AS p")):
                yield Floor(row["p"]["table"], row["p"]["pos"], row["p"]["known"])
            for (label, role), names in sorted(self._schema.properties.items()):
                there = f"MATCH (n:{label}) WHERE n._pos_{role} IS NOT NULL RETURN properties(n) AS p"
                for row in session.run(_query(there)):
                    yield _node(label, role, names, row["p"])
            for relation in self._schema.relations:
                rows = session.run(_query(f"MATCH ()-[e:{relation.name}]->() RETURN properties(e) AS p ORDER BY e.id"))
                yield from _by_owner((row["p"] for row in rows), relation.name)
            rows = session.run(_query(f"MATCH (n:{cypher.LABEL}) RETURN properties(n) AS p ORDER BY n.id"))
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
