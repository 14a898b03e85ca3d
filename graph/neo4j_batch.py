"""One batch on its way into Neo4j: what has to be read for it, and what has to be written. No driver here.

The versions stored for the batch's owners are put into chains with the new ones; the difference is
written. A deletion that finds no version right before it is kept as a marker. Where nothing is stored, what is
to be written is known beforehand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from graph import cypher
from graph.model import EdgeUpsert, Floor, Gone, LabelUpsert, NodeUpsert, Upsert, table_of, version_id
from graph.neo4j_rows import closing, edge_row, label_row, marker_row, node_row, open_edge_row, ops_of, read_marker
from graph.schema import GraphSchema
from graph.store import StoreRefused
from graph.versions import Chain, Held

Op = EdgeUpsert | LabelUpsert | Gone
_VERSION = itemgetter(2)  # of an edge's row: its version id
Params = dict[str, Any]


class Batch:
    """Upserts to be written together: `reading`, then `take` what was read, then `writing`."""

    def __init__(self, schema: GraphSchema, upserts: Sequence[Upsert]) -> None:
        """Raises StoreRefused: an edge's relation, or an attribute of it, is not in the schema."""
        self._schema = schema
        self._attributes = {relation.name: relation.attributes for relation in schema.relations}
        self._known = {relation.name: frozenset(relation.attributes) for relation in schema.relations}
        self._nodes = [u for u in upserts if isinstance(u, NodeUpsert)]
        self._ops: dict[str, dict[str, list[Op]]] = defaultdict(lambda: defaultdict(list))
        for op in upserts:
            if isinstance(op, EdgeUpsert | LabelUpsert | Gone):
                self._ops[self._kind(op)][op.owner].append(op)
        self._chains: dict[str, dict[str, Chain]] = {kind: defaultdict(Chain) for kind in self._ops}
        self._stored: dict[str, str | None] = {}
        self._markers: set[str] = set()
        self._floors: dict[str, list[Floor]] = defaultdict(list)

    def _kind(self, op: Op) -> str:
        kind = op.relation if isinstance(op, EdgeUpsert) else op.kind if isinstance(op, Gone) else None
        if kind is None:
            return cypher.LABEL
        if kind not in self._known:
            raise StoreRefused(f"relation {kind!r} is not in the mapping this store was opened with")
        if isinstance(op, EdgeUpsert) and not self._known[kind].issuperset(op.attributes):
            unknown = sorted(op.attributes.keys() - self._known[kind])
            raise StoreRefused(f"attributes {unknown} of {kind} are not in the mapping this store was opened with")
        return kind

    # -- what is there ------------------------------------------------------------------------

    def reading(self) -> Params:
        """Parameters of `cypher.read_state`."""
        kinds = [*self._known, cypher.LABEL]
        owners = {kind: sorted(self._ops[kind]) if kind in self._ops else [] for kind in kinds}
        tables = {table_of(owner) for found in owners.values() for owner in found}
        tables |= {node.role for node in self._nodes}
        return {**{f"owners_{kind}": found for kind, found in owners.items()}, "tables": sorted(tables)}

    def new(self) -> Params:
        """Parameters of `cypher.write_new`. Nothing else may be asked of the batch then."""
        pos = [op.pos for ops in self._ops.values() for found in ops.values() for op in found]
        oldest = min((*pos, *(node.pos for node in self._nodes)), default="")
        return {**self.reading(), "oldest": oldest, **self.writing()}

    def take(self, rows: Iterable[tuple[str, Params]]) -> None:
        """What the query gave: (kind, properties)."""
        for kind, row in rows:
            if kind == cypher.FLOOR:
                self._floors[row["table"]].append(Floor(row["table"], row["pos"], row["known"]))
            elif kind == cypher.GONE:
                gone = read_marker(row)
                self._markers.add(row["id"])
                self._chains[self._kind(gone)][gone.owner].add(gone)
            else:
                self._stored[row["id"]] = row.get("_closed_pos")
                for op, floor in ops_of(row, None if kind == cypher.LABEL else kind):
                    held = self._chains[kind][op.owner].add(op)
                    if held is not None and floor is not None:
                        held.drop_by(floor)

    # -- what is to be written ----------------------------------------------------------------

    def writing(self) -> Params:
        """Parameters of `cypher.write`."""
        rows: Params = {}
        newest = self._newest()
        for (label, role), names in self._schema.properties.items():
            by_id = newest.get((label, role), {})
            rows[f"nodes_{label}_{role}"] = [node_row(by_id[id], names) for id in sorted(by_id)]
        return {**rows, **self._versions(), **self._markers_changed()}

    def _newest(self) -> dict[tuple[str, str], dict[str, NodeUpsert]]:
        newest: dict[tuple[str, str], dict[str, NodeUpsert]] = defaultdict(dict)
        for node in self._nodes:
            above = [floor for floor in self._floors.get(node.role, ()) if node.pos < floor.pos]
            if above:
                floor = max(above, key=lambda f: f.pos)
                node = NodeUpsert(node.label, node.id, node.role, floor.pos, floor.known_ms, None)
            held = newest[node.label, node.role].get(node.id)
            if held is None or held.place < node.place:
                newest[node.label, node.role][node.id] = node
        return newest

    def _versions(self) -> Params:
        rows: Params = {"labels": []}
        for kind in [*self._known, cypher.LABEL]:
            names = self._attributes.get(kind, ())
            plain = [] if kind == cypher.LABEL else [open_edge_row(edge, names) for edge in self._take_plain(kind)]
            created = sorted(self._added(kind), key=lambda held: (held.op.owner, held.op.pos))
            closed = sorted(self._closed(kind), key=lambda row: str(row["id"]))
            if kind == cypher.LABEL:
                rows["labels"] = [*map(label_row, created), *closed]
            else:
                edges = sorted([*plain, *(edge_row(held, names) for held in created)], key=_VERSION)
                rows |= {f"created_{kind}": edges, f"closed_{kind}": closed}
        return rows

    def _take_plain(self, kind: str) -> list[EdgeUpsert]:
        """The only version of an owner the graph knows nothing of: no chain is needed to tell how it looks."""
        known, ops = self._chains.get(kind, {}), self._ops.get(kind, {})
        highest = {table: max(floor.pos for floor in floors) for table, floors in self._floors.items() if floors}
        plain = [
            found[0]
            for owner, found in ops.items()
            if len(found) == 1 and isinstance(found[0], EdgeUpsert) and owner not in known
            and found[0].pos >= highest.get(table_of(owner), "")
        ]  # fmt: skip
        for edge in plain:
            del ops[edge.owner]
        return plain

    def _added(self, kind: str) -> list[Held]:
        created = []
        for owner, ops in self._ops.get(kind, {}).items():
            for op in ops:
                held = self._chains[kind][owner].add(op)
                if held is not None and held.is_version:
                    created.append(held)
                    for floor in self._floors.get(table_of(owner), ()):
                        held.drop_by(floor)
        return created

    def _closed(self, kind: str) -> Iterator[Params]:
        """Stored versions that something new closes."""
        for held in (held for chain in self._chains.get(kind, {}).values() for held in chain.items if held.is_version):
            key = version_id(held.op.owner, held.op.pos)
            if key in self._stored and self._stored[key] != held.closed_pos:
                yield {"id": key, "p": closing(held)}

    def _markers_changed(self) -> Params:
        """A deletion is a marker as long as there is no version right before it that it closes."""
        needed: dict[str, Params] = {}
        for chain in (chain for chains in self._chains.values() for chain in chains.values()):
            for before, held in zip([None, *chain.items], chain.items, strict=False):
                if isinstance(held.op, Gone) and (before is None or not before.is_version):
                    needed[version_id(held.op.owner, held.op.pos)] = marker_row(held.op)
        marked = [needed[key] for key in sorted(needed.keys() - self._markers)]
        return {"marked": marked, "unmarked": sorted(self._markers - needed.keys())}
