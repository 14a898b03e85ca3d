"""The in-process store: adjacency per (node, relation, direction), oldest to newest, caps applied on read.

Embedded it is the whole store; in the stack each scorer keeps one, hydrated from Neo4j and fed by
`graph.changes`. Safe for one writing and any reading threads (one lock).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from threading import RLock

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
    table_of,
    version_id,
)
from graph.versions import Chain, Held, Version

Entry = tuple[int, str, Held]  # (time_ms, version id, held): sorts oldest first, never reaches held
Neighbours = dict[tuple[str, bool], list[Entry]]  # (relation, outgoing) → its edges


class Mirror:
    """A GraphStore in memory (see `graph.store.GraphStore` for the promises)."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._nodes: dict[str, dict[str, NodeUpsert]] = defaultdict(dict)
        self._chains: dict[str, Chain] = defaultdict(Chain)
        self._adjacent: dict[str, Neighbours] = defaultdict(dict)
        self._labels: dict[str, list[Held]] = defaultdict(list)
        self._floors: dict[str, list[Floor]] = defaultdict(list)

    def check(self) -> None:
        """Always ready: dictionaries are their own constraints."""

    @property
    def owners(self) -> int:
        """How many rows' edges and labels it holds."""
        return len(self._chains)

    # -- writing ------------------------------------------------------------------------------

    def apply(self, upserts: Sequence[Upsert]) -> None:
        """See GraphStore.apply."""
        with self._lock:
            for upsert in upserts:
                match upsert:
                    case NodeUpsert():
                        self._put_node(upsert)
                    case Floor():
                        self._put_floor(upsert)
                    case _:
                        self._put_version(upsert)

    def _put_node(self, node: NodeUpsert) -> None:
        roles = self._nodes[node.key]
        for floor in self._floors.get(node.role, ()):
            if node.pos < floor.pos:
                node = _emptied(node, floor)
        if node.role not in roles or roles[node.role].pos < node.pos:
            roles[node.role] = node

    def _put_version(self, op: Version | Gone) -> None:
        held = self._chains[op.owner].add(op)
        if held is None:
            return
        for floor in self._floors.get(table_of(op.owner), ()):
            held.drop_by(floor)
        if isinstance(op, EdgeUpsert):
            entry = (op.time_ms, version_id(op.owner, op.pos), held)
            insort(self._adjacent[op.src].setdefault((op.relation, True), []), entry)
            insort(self._adjacent[op.dst].setdefault((op.relation, False), []), entry)
        elif isinstance(op, LabelUpsert):
            self._labels[op.event].append(held)

    def _put_floor(self, floor: Floor) -> None:
        if floor in self._floors[floor.table]:
            return
        insort(self._floors[floor.table], floor, key=lambda f: f.pos)
        for owner, chain in self._chains.items():
            if table_of(owner) == floor.table:
                for held in chain.items:
                    held.drop_by(floor)
        for roles in self._nodes.values():
            node = roles.get(floor.table)
            if node is not None and node.pos < floor.pos:
                roles[floor.table] = _emptied(node, floor)

    # -- reading ------------------------------------------------------------------------------

    def holds(self, owner: str, pos: str) -> bool:
        """Whether this version or deletion has arrived: an event waits for its own change."""
        with self._lock:
            return owner in self._chains and self._chains[owner].holds(pos)

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        """See GraphStore.subgraphs."""
        with self._lock:
            return [self._subgraph(event, caps) for event in events]

    def _subgraph(self, event: Event, caps: Caps) -> Subgraph:
        cut = Cut.of(event)
        found: dict[str, SubgraphEdge] = {}  # by version id
        seen = {event.src, event.dst}
        frontier = list(dict.fromkeys((event.src, event.dst)))
        for hop, cap in enumerate(caps.per_hop, start=1):
            reached: list[str] = []
            for node in frontier:
                for entries in self._adjacent.get(node, {}).values():
                    for _, version, held in _newest(entries, cut, cap, event.id):
                        if version in found:
                            continue
                        found[version] = edge = self._seen_edge(held, cut, hop)
                        other = edge.dst if edge.src == node else edge.src
                        if other not in seen:
                            seen.add(other)
                            reached.append(other)
            frontier = reached
        return assemble(event, found.values())

    def _seen_edge(self, held: Held, cut: Cut, hop: int) -> SubgraphEdge:
        """The edge as seen from the cut; without a label it is the same from everywhere, so it is kept."""
        label = self._label(held.op.owner, cut) if held.op.owner in self._labels else None
        if label is None and held.seen is not None and held.seen.hop == hop:
            return held.seen
        op: EdgeUpsert = held.op  # type: ignore[assignment]  # only edges are adjacent
        edge = SubgraphEdge(op.owner, op.relation, op.src, op.dst, op.time_ms, op.attributes, label, hop)
        if label is None:
            held.seen = edge
        return edge

    def _label(self, event: str, cut: Cut) -> bool | None:
        known = [held.op for held in self._labels.get(event, ()) if _counts(held, cut)]
        newest = max(known, key=lambda op: (op.known_ms, op.pos), default=None)
        return newest.fraud if isinstance(newest, LabelUpsert) else None

    def dump(self) -> Iterator[Upsert]:
        """See GraphStore.dump."""
        with self._lock:
            floors = [floor for table in sorted(self._floors) for floor in self._floors[table]]
            nodes = [self._nodes[key][role] for key in sorted(self._nodes) for role in sorted(self._nodes[key])]
            ops = [held.op for owner in sorted(self._chains) for held in self._chains[owner].items]
        yield from floors
        yield from nodes
        yield from ops


def _emptied(node: NodeUpsert, floor: Floor) -> NodeUpsert:
    return NodeUpsert(node.label, node.id, node.role, floor.pos, floor.known_ms, None)


def _counts(held: Held, cut: Cut) -> bool:
    """Known by then, and neither closed nor dropped by then."""
    if not cut.knows(held.op.pos, held.op.known_ms):
        return False
    if held.closed_pos is None and held.floor_pos is None:
        return True  # the common case: still open
    closed = held.closed_pos is not None and held.closed_ms is not None and cut.knows(held.closed_pos, held.closed_ms)
    dropped = held.floor_pos is not None and held.floor_ms is not None and cut.knows(held.floor_pos, held.floor_ms)
    return not closed and not dropped


def _newest(entries: list[Entry], cut: Cut, cap: int, itself: str) -> list[Entry]:
    """The newest `cap` edges that count, newest first; never the event's own edge."""
    taken: list[Entry] = []
    for at in range(bisect_left(entries, (cut.time_ms,)) - 1, -1, -1):
        if len(taken) == cap:
            break
        entry = entries[at]
        if entry[2].op.owner != itself and _counts(entry[2], cut):
            taken.append(entry)
    return taken
