"""The in-process store: versions as lines of arrays that compiled code reads, and as objects where one alone is not all.

Embedded it is the whole store; in the stack each scorer keeps one, hydrated from Neo4j and fed by
`graph.changes`. Safe for one writing and any reading threads (one lock).
"""

from __future__ import annotations

from array import array
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from threading import RLock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from graph.adjacency import Adjacency, Lane
from graph.adjacency_lines import TIME_MS
from graph.adjacency_walk import Walked
from graph.ages import Ages
from graph.asof import assemble
from graph.horizons import Horizons, Kind, newer
from graph.logs import Spot
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
)
from graph.place import place_of
from graph.shelf import Shelf
from graph.store import StoreRefused
from graph.versions import Held, Version

T = TypeVar("T")
DUMPED = 1_000  # owners that a dump reads under one lock


class Mirror:
    """A GraphStore in memory (see `graph.store.GraphStore` for the promises)."""

    def __init__(self, windowed: Collection[str] = ()) -> None:
        """`windowed` names the tables whose edges, with their labels, are forgotten behind the retention horizon."""
        self._lock = RLock()
        self._nodes: dict[str, dict[str, NodeUpsert]] = defaultdict(dict)
        self._adjacent = Adjacency()
        self._floors: dict[str, list[Floor]] = defaultdict(list)
        self._incomplete: dict[str, Incomplete] = {}
        self._horizons = Horizons(frozenset(windowed))
        self._edge_ages: Ages[int] = Ages(partial(_time_ms, self._adjacent.edges), partial(array, "i"))
        self._label_ages: Ages[int] = Ages(partial(_time_ms, self._adjacent.labels), partial(array, "i"))
        self._deletions: Ages[Held] = Ages(lambda held: held.op.known_ms, list)
        self._frozen = False

    def check(self) -> None:
        """Always ready: dictionaries are their own constraints."""

    @property
    def owners(self) -> int:
        """How many rows' edges and labels it holds."""
        with self._lock:
            return self._adjacent.edges.owners + self._adjacent.labels.owners

    @property
    def memory(self) -> dict[str, int]:
        """Bytes in use by structure, but for what is Python's own: nodes' properties, chains, marks."""
        with self._lock:
            ages = 4 * (len(self._edge_ages) + len(self._label_ages))
            return {**self._adjacent.memory, "ages": ages}

    @property
    def sizes(self) -> dict[str, int]:
        """How much of each thing a walk reads is here: edges, labels, nodes and more."""
        with self._lock:
            return self._adjacent.sizes

    # -- writing ------------------------------------------------------------------------------

    def apply(self, upserts: Sequence[Upsert]) -> None:
        """See GraphStore.apply."""
        with self._lock:
            if self._frozen:
                raise StoreRefused("the mirror is frozen: it is read, and written no more")
            edges, spots = list[EdgeUpsert](), list[Spot]()
            try:
                for upsert in upserts:
                    spot = self._plain(upsert) if isinstance(upsert, EdgeUpsert) else None
                    if spot is not None:
                        edges.append(upsert)  # type: ignore[arg-type]  # only edges have one
                        spots.append(spot)
                        continue
                    if isinstance(upsert, Floor):  # it ends what is there
                        self._put_edges(edges, spots)
                        edges, spots = [], []
                    self._put(upsert)
            finally:  # of a batch that is refused, what came before
                self._put_edges(edges, spots)

    def _plain(self, edge: EdgeUpsert) -> Spot | None:
        """Where an edge stands of which nothing special is known: most are, and are put together."""
        if edge.time_ms < self._horizons.retention_ms and self._horizons.reaches(edge):
            return None
        if self._floors and any(edge.pos < floor.pos for floor in self._floors.get(table_of(edge.owner), ())):
            return None
        return self._adjacent.logs.plain(edge.pos)

    def _put(self, upsert: Upsert) -> None:
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

    def _put_edges(self, edges: Sequence[EdgeUpsert], spots: Sequence[Spot]) -> None:
        """Owners that have nothing yet get a line each; the others one by one."""
        if not edges:
            return
        tables = self._horizons.windowed
        windowed = [table_of(edge.owner) in tables for edge in edges] if tables else [False] * len(edges)
        owners, taken = self._adjacent.put(edges, spots, windowed)
        if tables:
            old = owners[(taken == 1) & windowed]
            self._edge_ages.add_all(old, self._adjacent.edges.rows[old, TIME_MS])
        for at in np.flatnonzero(taken < 0).tolist():
            self._put_version(edges[at])

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
        _check(op.owner, op.pos)
        shelf = self._shelf(op)
        owner = int(self._adjacent.owners((op.owner,))[0] if shelf is self._adjacent.edges else shelf.number(op.owner))
        floors = [floor for floor in self._floors.get(table_of(op.owner), ()) if op.pos < floor.pos]
        if not floors and isinstance(op, LabelUpsert) and shelf.empty(owner) and self._tell(op, owner):
            return
        if shelf.is_plain(owner) and shelf.pos(owner) == op.pos:
            return
        chain = shelf.chain(owner, self._first(shelf, owner))
        held = chain.add(op)
        if held is None:
            return
        for floor in floors:
            held.drop_by(floor)
        self._enter(held, owner)
        if (before := chain.before(held)) is not None:
            shelf.update(before)

    def _shelf(self, op: Version | Gone) -> Shelf:
        label = op.kind is None if isinstance(op, Gone) else isinstance(op, LabelUpsert)
        return self._adjacent.labels if label else self._adjacent.edges

    def _tell(self, label: LabelUpsert, owner: int) -> bool:
        """Take the only version of a label, if its line can say everything."""
        windowed = self._horizons.reaches(label)
        if not self._adjacent.tell(label, owner, windowed):
            return False
        if windowed:
            self._label_ages.add(owner)
        return True

    def _first(self, shelf: Shelf, owner: int) -> Held | None:
        """An owner's only version, as its chain will hold it."""
        if not shelf.is_plain(owner):
            return None
        held = Held(self._adjacent.edge(owner) if shelf is self._adjacent.edges else self._adjacent.label(owner))
        held.number = owner
        return held

    def _enter(self, held: Held, owner: int) -> None:
        """A version of a chain gets its line, a deletion its age."""
        if isinstance(held.op, Gone):
            self._deletions.add(held)
            return
        windowed = self._horizons.reaches(held.op)
        edge = isinstance(held.op, EdgeUpsert)
        (self._adjacent.add if edge else self._adjacent.add_label)(held, owner, windowed)
        if windowed:
            (self._edge_ages if edge else self._label_ages).add(held.number)

    def _put_floor(self, floor: Floor) -> None:
        if floor in self._floors[floor.table]:
            return
        _check(floor.table, floor.pos)
        insort(self._floors[floor.table], floor, key=lambda f: f.pos)
        for shelf in (self._adjacent.edges, self._adjacent.labels):
            for owner in shelf.owned():
                if table_of(shelf.names.text(owner)) == floor.table:
                    self._drop(shelf, owner, floor)
        for roles in self._nodes.values():
            node = roles.get(floor.table)
            if node is not None and node.pos < floor.pos:
                roles[floor.table] = _emptied(node, floor)

    def _drop(self, shelf: Shelf, owner: int, floor: Floor) -> None:
        """What an owner has below a floor ends there."""
        if shelf.is_plain(owner):
            if shelf.pos(owner) >= floor.pos:
                return
            shelf.chain(owner, self._first(shelf, owner))
        for held in shelf.chains[owner].items:
            held.drop_by(floor)
            shelf.update(held)

    # -- reading ------------------------------------------------------------------------------

    def holds(self, owner: str, pos: str) -> bool:
        """Whether this version or deletion has arrived: an event waits for its own change."""
        with self._lock:
            return self._adjacent.edges.holds(owner, pos) or self._adjacent.labels.holds(owner, pos)

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
        found, read = self.walk(events, caps, lambda seen: (seen, list(map(self._read, seen.version.tolist()))))
        known, hops, starts = found.label.tolist(), found.hop.tolist(), found.starts.tolist()
        times_ms = found.time_ms.tolist()
        seen = [_seen(*each) for each in zip(read, times_ms, known, hops, strict=True)]
        return [assemble(event, seen[starts[at] : starts[at + 1]]) for at, event in enumerate(events)]

    def _read(self, version: int) -> Read:
        edges = self._adjacent
        return edges.owner_name(version), *edges.ends_of(version), *edges.described(version)

    def walk(self, events: Sequence[Event], caps: Caps, read: Callable[[Walked], T]) -> T:
        """What the events see as arrays, handed to `read` while nothing can change, and what it gives.

        Numbers in them are those that lanes were told (see `attach`).
        """
        with self._lock:
            return read(self._adjacent.walk(events, caps, self._horizons.retention_ms))

    def tally(self, events: Sequence[Event], value: Callable[[], NDArray[Any]], most: int) -> NDArray[np.float64]:
        """What is known of each event's ends and categories: see `Adjacency.tally`. `value` is asked under the lock."""
        with self._lock:
            return self._adjacent.tally(events, value(), most, self._horizons.retention_ms)

    def index(self, categories: Mapping[str, Sequence[str]]) -> None:
        """Keep edges by the values of these attributes too, by relation: see `Adjacency.index`."""
        with self._lock:
            self._adjacent.index(categories)

    def freeze(self) -> None:
        """Let go of all that only further writing and `subgraphs` would need: walks and sums stay, in half the memory.

        What is applied from now on is refused.
        """
        with self._lock:
            self._adjacent.freeze()
            self._nodes.clear()
            self._frozen = True

    def attach(self, lane: Lane) -> None:
        """Tell a lane of every edge and node, those that are here and those that will come, under their numbers."""
        with self._lock:
            self._adjacent.attach(lane)

    def dump(self) -> Iterator[Upsert]:
        """See GraphStore.dump. What is written meanwhile is in it or is not."""
        with self._lock:
            horizons, cleared = list(self._horizons.upserts()), self._horizons.before_ms("purge") is None
            marks = [self._incomplete[row] for row in sorted(self._incomplete)]
            floors = [floor for table in sorted(self._floors) for floor in self._floors[table]]
            nodes = [self._nodes[key][role] for key in sorted(self._nodes) for role in sorted(self._nodes[key])]
        yield from horizons
        yield from (mark for mark in marks if mark.marked or cleared)
        yield from floors
        yield from nodes
        for shelf in (self._adjacent.edges, self._adjacent.labels):
            first = 0
            while first < shelf.names.size and not self._frozen:
                with self._lock:
                    ops = [op for owner in shelf.owned(first, first + DUMPED) for op in self._ops(shelf, owner)]
                yield from ops
                first += DUMPED

    def _ops(self, shelf: Shelf, owner: int) -> Iterator[Version | Gone]:
        """What is left of an owner."""
        first = self._first(shelf, owner)
        return self._horizons.remaining(shelf.chains[owner].items if first is None else (first,))

    # -- forgetting ---------------------------------------------------------------------------

    def sweep(self, limit: int) -> int:
        """See GraphStore.sweep. Finds what is old by its age, so it costs what it removes."""
        with self._lock:
            swept = self._sweep_edges(limit)
            swept += self._sweep_labels(limit - swept)
            deletions = self._deletions.take(self._horizons.purge_ms, limit - swept)
            for held in deletions:
                self._forget(held)
            swept += len(deletions)
            return swept + self._sweep_marks(limit - swept)

    def _sweep_edges(self, limit: int) -> int:
        old, edges = self._edge_ages.take(self._horizons.retention_ms, limit), self._adjacent.edges
        owners = [edges.owner(number) for number in old]
        chained = [(number, owner) for number, owner in zip(old, owners, strict=True) if owner in edges.chains]
        self._adjacent.remove(old)
        for number, owner in chained:
            self._unchain(edges, owner, number)
        for owner in dict.fromkeys(owners):
            self._adjacent.leave(owner)
        return len(old)

    def _sweep_labels(self, limit: int) -> int:
        old, labels = self._label_ages.take(self._horizons.retention_ms, limit), self._adjacent.labels
        for number in old:
            owner = labels.owner(number)
            self._adjacent.remove_label(number)
            if owner in labels.chains:
                self._unchain(labels, owner, number)
            self._leave(labels, owner)
        return len(old)

    def _unchain(self, shelf: Shelf, owner: int, number: int) -> None:
        """Take a version out of its owner's chain, with the deletion that it alone kept."""
        chain = shelf.chains[owner]
        held = next(each for each in chain.items if each.number == number)
        held.number = -1
        following = chain.remove(held)
        if following is not None and isinstance(following.op, Gone) and self._horizons.forgets(following.op):
            if not chain.closes(following):
                chain.remove(following)
        if not chain.items:
            shelf.unchain(owner)

    def _leave(self, shelf: Shelf, owner: int) -> None:
        if shelf is self._adjacent.edges:
            self._adjacent.leave(owner)
        elif shelf.empty(owner):
            shelf.names.forget(owner)

    def _forget(self, held: Held) -> None:
        """A deletion, where it closes nothing. One that closes a version goes with that version."""
        shelf = self._shelf(held.op)
        owner = shelf.names.find(held.op.owner)
        chain = shelf.chains.get(owner)
        if chain is None or chain.closes(held):
            return
        chain.remove(held)
        if not chain.items:
            shelf.unchain(owner)
            self._leave(shelf, owner)

    def _sweep_marks(self, limit: int) -> int:
        """Cleared marks, which a purge forgets too."""
        if self._horizons.before_ms("purge") is None:
            return 0
        cleared = [row for row, mark in self._incomplete.items() if not mark.marked][:limit]
        for row in cleared:
            del self._incomplete[row]
        return len(cleared)


def _check(what: str, pos: str) -> None:
    try:
        place_of(pos)
    except ValueError as error:
        raise StoreRefused(f"{what}: {error}") from error


Read = tuple[str, str, str, str, Any]  # an edge's owner, nodes, relation and attributes


def _time_ms(shelf: Shelf, number: int) -> int:
    """What a horizon compares: an edge's event time, the moment a label became known."""
    return int(shelf.rows[number, TIME_MS])


def _seen(read: Read, time_ms: int, known: int, hop: int) -> SubgraphEdge:
    """An edge as it stood, with what was known of it."""
    owner, src, dst, relation, attributes = read
    label = None if known < 0 else bool(known)
    return SubgraphEdge(owner, relation, src, dst, time_ms, attributes, label, hop)


def _emptied(node: NodeUpsert, floor: Floor) -> NodeUpsert:
    return NodeUpsert(node.label, node.id, node.role, floor.pos, floor.known_ms, None)
