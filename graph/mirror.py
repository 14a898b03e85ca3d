"""The in-process store: adjacency per (node, relation, direction), oldest to newest, caps applied on read.

Embedded it is the whole store; in the stack each scorer keeps one, hydrated from Neo4j and fed by
`graph.changes`. Safe for one writing and any reading threads (one lock).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from threading import RLock

from graph.ages import Ages
from graph.asof import Cut, assemble
from graph.horizons import Horizons, Kind, newer
from graph.model import (
    Caps,
    EdgeUpsert,
    Event,
    Floor,
    Gone,
    Horizon,
    Incomplete,
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

    def __init__(self, windowed: Collection[str] = ()) -> None:
        """`windowed` names the tables whose edges, with their labels, are forgotten behind the retention horizon."""
        self._lock = RLock()
        self._nodes: dict[str, dict[str, NodeUpsert]] = defaultdict(dict)
        self._chains: dict[str, Chain] = defaultdict(Chain)
        self._adjacent: dict[str, Neighbours] = defaultdict(dict)
        self._labels: dict[str, list[Held]] = defaultdict(list)
        self._floors: dict[str, list[Floor]] = defaultdict(list)
        self._incomplete: dict[str, Incomplete] = {}
        self._horizons = Horizons(frozenset(windowed))
        self._versions, self._deletions = Ages(_hidden_at), Ages(_hidden_at)

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
                    case Incomplete():
                        if newer(upsert, self._incomplete.get(upsert.row)):
                            self._incomplete[upsert.row] = upsert
                    case Horizon():
                        self._horizons = self._horizons.moved((upsert,))
                    case _:
                        self._put_version(upsert)

    def _put_node(self, node: NodeUpsert) -> None:
        roles = self._nodes[node.key]
        for floor in self._floors.get(node.role, ()):
            if node.pos < floor.pos:
                node = _emptied(node, floor)
        if node.role not in roles or roles[node.role].place < node.place:
            roles[node.role] = node

    def _put_version(self, op: Version | Gone) -> None:
        if not isinstance(op, Gone) and self._horizons.hides(op):
            return
        held = self._chains[op.owner].add(op)
        if held is None:
            return
        self._note_age(held)
        for floor in self._floors.get(table_of(op.owner), ()):
            held.drop_by(floor)
        if isinstance(op, EdgeUpsert):
            entry = (op.time_ms, version_id(op.owner, op.pos), held)
            insort(self._adjacent[op.src].setdefault((op.relation, True), []), entry)
            insort(self._adjacent[op.dst].setdefault((op.relation, False), []), entry)
        elif isinstance(op, LabelUpsert):
            self._labels[op.event].append(held)

    def _note_age(self, held: Held) -> None:
        if isinstance(held.op, Gone):
            self._deletions.add(held)
        elif self._horizons.reaches(held.op):
            self._versions.add(held)

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

    def forgot(self, owner: str, time_ms: int) -> bool:
        """Whether an edge of that time lies behind the horizon: it will not be held, however long one waits."""
        return self._horizons.hides_event(owner, time_ms)

    def incomplete(self, rows: Collection[str]) -> set[str]:
        """See GraphStore.incomplete."""
        with self._lock:
            marks = (self._incomplete.get(row) for row in rows) if self._incomplete else ()
            return {mark.row for mark in marks if mark is not None and mark.marked}

    def marked(self, most: int) -> dict[str, str]:
        """See GraphStore.marked."""
        with self._lock:
            marked = ((row, mark.pos) for row, mark in self._incomplete.items() if mark.marked)
            return dict(islice(marked, most))

    def horizon(self, kind: Kind) -> int | None:
        """See GraphStore.horizon."""
        return self._horizons.before_ms(kind)

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
                    for _, version, held in _newest(entries, cut, cap, event.id, self._horizons):
                        if version in found:
                            continue
                        found[version] = edge = self._seen_edge(held, cut, hop)
                        other = edge.dst if edge.src == node else edge.src
                        if other not in seen:
                            seen.add(other)
                            reached.append(other)
            frontier = reached
        return assemble(event, found)

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
        held_ = (held for held in self._labels.get(event, ()) if _counts(held, cut))
        labels = (held.op for held in held_ if isinstance(held.op, LabelUpsert) and not self._horizons.hides(held.op))
        newest = max(labels, key=lambda op: (op.known_ms, op.pos), default=None)
        return None if newest is None else newest.fraud

    def dump(self) -> Iterator[Upsert]:
        """See GraphStore.dump."""
        with self._lock:
            horizons, cleared = list(self._horizons.upserts()), self._horizons.before_ms("purge") is None
            marks = [self._incomplete[row] for row in sorted(self._incomplete)]
            floors = [floor for table in sorted(self._floors) for floor in self._floors[table]]
            nodes = [self._nodes[key][role] for key in sorted(self._nodes) for role in sorted(self._nodes[key])]
            ops = [op for key in sorted(self._chains) for op in self._horizons.remaining(self._chains[key].items)]
        yield from horizons
        yield from (mark for mark in marks if mark.marked or cleared)
        yield from floors
        yield from nodes
        yield from ops

    # -- forgetting ---------------------------------------------------------------------------

    def sweep(self, limit: int) -> int:
        """See GraphStore.sweep. Finds what is old by its age, so it costs what it removes."""
        with self._lock:
            swept = self._sweep_versions(limit)
            deletions = self._deletions.take(self._horizons.purge_ms, limit - swept)
            for held in deletions:
                self._forget(held)
            swept += len(deletions)
            return swept + self._sweep_marks(limit - swept)

    def _sweep_versions(self, limit: int) -> int:
        old = self._versions.take(self._horizons.retention_ms, limit)
        edges = [held.op for held in old if isinstance(held.op, EdgeUpsert)]
        self._unlink(edges)
        for held in old:
            if isinstance(held.op, LabelUpsert):
                _take_out(self._labels, held.op.event, held)
            chain = self._chains[held.op.owner]
            following = chain.remove(held)
            if following is not None and isinstance(following.op, Gone) and self._horizons.forgets(following.op):
                self._forget(following)
            if not chain.items:
                self._chains.pop(held.op.owner, None)
        return len(old)

    def _unlink(self, edges: Iterable[EdgeUpsert]) -> None:
        """Take edges out of their ends' adjacency; ends that have none left are forgotten."""
        ends: dict[tuple[str, tuple[str, bool]], list[Entry]] = defaultdict(list)
        for op in edges:
            entry = (op.time_ms, version_id(op.owner, op.pos))
            ends[op.src, (op.relation, True)].append(entry)  # type: ignore[arg-type]  # sorts alike
            ends[op.dst, (op.relation, False)].append(entry)  # type: ignore[arg-type]
        for (node, way), gone in ends.items():
            entries, out = self._adjacent[node][way], {entry[1] for entry in gone}
            first, end = bisect_left(entries, min(gone)), bisect_left(entries, max(gone)) + 1
            entries[first:end] = [entry for entry in entries[first:end] if entry[1] not in out]
            if not entries:
                del self._adjacent[node][way]
            if not self._adjacent[node]:
                del self._adjacent[node]

    def _forget(self, held: Held) -> None:
        """A deletion, where it closes nothing. One that closes a version goes with that version."""
        chain = self._chains.get(held.op.owner)
        if chain is None or chain.closes(held):
            return
        chain.remove(held)
        if not chain.items:
            del self._chains[held.op.owner]

    def _sweep_marks(self, limit: int) -> int:
        """Cleared marks, which a purge forgets too."""
        if self._horizons.before_ms("purge") is None:
            return 0
        cleared = [row for row, mark in self._incomplete.items() if not mark.marked][:limit]
        for row in cleared:
            del self._incomplete[row]
        return len(cleared)


def _hidden_at(held: Held) -> int:
    """What a horizon compares: an edge's event time, else the moment it became known."""
    return held.op.time_ms if isinstance(held.op, EdgeUpsert) else held.op.known_ms


def _take_out(lists: dict[str, list[Held]], key: str, held: Held) -> None:
    lists[key].remove(held)
    if not lists[key]:
        del lists[key]


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


def _newest(entries: list[Entry], cut: Cut, cap: int, itself: str, horizons: Horizons) -> list[Entry]:
    """The newest `cap` edges that count, newest first; never the event's own edge, nor one that is forgotten."""
    taken: list[Entry] = []
    for at in range(bisect_left(entries, (cut.time_ms,)) - 1, -1, -1):
        if len(taken) == cap:
            break
        entry = entries[at]
        if entry[0] < horizons.retention_ms and horizons.hides_event(entry[2].op.owner, entry[0]):
            continue
        if entry[2].op.owner != itself and _counts(entry[2], cut):
            taken.append(entry)
    return taken
