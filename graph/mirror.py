"""The in-process store: chains of versions as objects, and their adjacency as arrays that compiled code reads.

Embedded it is the whole store; in the stack each scorer keeps one, hydrated from Neo4j and fed by
`graph.changes`. Safe for one writing and any reading threads (one lock).
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from threading import RLock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from graph.adjacency import Adjacency, Lane
from graph.adjacency_walk import Walked
from graph.ages import Ages
from graph.asof import assemble
from graph.horizons import Horizons, Kind, newer
from graph.mirror_labels import edges, frauds, labels
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
from graph.store import StoreRefused
from graph.versions import Chain, Held, Version

T = TypeVar("T")


class Mirror:
    """A GraphStore in memory (see `graph.store.GraphStore` for the promises)."""

    def __init__(self, windowed: Collection[str] = ()) -> None:
        """`windowed` names the tables whose edges, with their labels, are forgotten behind the retention horizon."""
        self._lock = RLock()
        self._nodes: dict[str, dict[str, NodeUpsert]] = defaultdict(dict)
        self._chains: dict[str, Chain] = defaultdict(Chain)
        self._adjacent = Adjacency()
        self._floors: dict[str, list[Floor]] = defaultdict(list)
        self._incomplete: dict[str, Incomplete] = {}
        self._horizons = Horizons(frozenset(windowed))
        self._versions, self._deletions = Ages(_hidden_at), Ages(_hidden_at)
        self._hears: list[Callable[[LabelUpsert], None]] = []
        self._frozen = False

    def check(self) -> None:
        """Always ready: dictionaries are their own constraints."""

    @property
    def owners(self) -> int:
        """How many rows' edges and labels it holds."""
        return len(self._chains)

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
        _check(op.owner, op.pos)
        held = self._chains[op.owner].add(op)
        if held is None:
            return
        self._note_age(held)
        for floor in self._floors.get(table_of(op.owner), ()):
            held.drop_by(floor)
        if not isinstance(op, Gone):
            self._adjacent.add(held, self._horizons.reaches(op))
            self._adjacent.update(held)
        if isinstance(op, LabelUpsert):
            for hear in self._hears:
                hear(op)
        if (before := self._chains[op.owner].before(held)) is not None:
            self._adjacent.update(before)

    def _note_age(self, held: Held) -> None:
        if isinstance(held.op, Gone):
            self._deletions.add(held)
        elif self._horizons.reaches(held.op):
            self._versions.add(held)

    def _put_floor(self, floor: Floor) -> None:
        if floor in self._floors[floor.table]:
            return
        _check(floor.table, floor.pos)
        insort(self._floors[floor.table], floor, key=lambda f: f.pos)
        for owner, chain in self._chains.items():
            if table_of(owner) == floor.table:
                for held in chain.items:
                    held.drop_by(floor)
                    self._adjacent.update(held)
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

    def absent(self, events: Sequence[Event]) -> list[Event]:
        """Of these events those whose own change is not here (yet), and is not behind the retention horizon."""
        return [e for e in events if not (self.holds(e.id, e.pos) or self.forgot(e.id, e.time_ms))]

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
        found, held = self.walk(events, caps, lambda seen: (seen, self._held(seen)))
        known, hops, starts = found.label.tolist(), found.hop.tolist(), found.starts.tolist()
        seen = [_seen(*each) for each in zip(held, known, hops, strict=True)]
        return [assemble(event, seen[starts[at] : starts[at + 1]]) for at, event in enumerate(events)]

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
            self._chains.clear()
            self._nodes.clear()
            self._frozen = True

    def attach(self, lane: Lane) -> None:
        """Tell a lane of every edge and node, those that are here and those that will come, under their numbers."""
        with self._lock:
            self._adjacent.attach(lane)

    def listen(self, hear: Callable[[LabelUpsert], None]) -> None:
        """Tell of every version of a label, those that are here and those that will come; under the lock: be quick."""
        with self._lock:
            for label in labels(self._chains.values()):
                hear(label)
            self._hears.append(hear)

    def first(self, owner: str) -> EdgeUpsert | None:
        """An edge as its row was at first, None where it is not here."""
        with self._lock:
            return next(iter(edges(self._chains.get(owner))), None)

    def frauds(self, owners: Sequence[str], event: Event) -> list[bool]:
        """Which of these edges were there, and known to be fraud, as of an event (graph/asof.py)."""
        with self._lock:
            chains = [self._chains.get(owner) for owner in owners]
            return frauds(self._adjacent, chains, event, self._horizons.retention_ms)

    def _held(self, seen: Walked) -> list[Held | None]:
        return [self._adjacent.held[version] for version in seen.version.tolist()]

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
        self._adjacent.remove(old)
        for held in old:
            chain = self._chains[held.op.owner]
            following = chain.remove(held)
            if following is not None and isinstance(following.op, Gone) and self._horizons.forgets(following.op):
                self._forget(following)
            if not chain.items:
                self._chains.pop(held.op.owner, None)
        return len(old)

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


def _check(what: str, pos: str) -> None:
    try:
        place_of(pos)
    except ValueError as error:
        raise StoreRefused(f"{what}: {error}") from error


def _hidden_at(held: Held) -> int:
    """What a horizon compares: an edge's event time, else the moment it became known."""
    return held.op.time_ms if isinstance(held.op, EdgeUpsert) else held.op.known_ms


def _seen(held: Held | None, known: int, hop: int) -> SubgraphEdge:
    """An edge as it stood, with what was known of it."""
    assert held is not None and isinstance(held.op, EdgeUpsert)  # a walk finds nothing else
    op = held.op
    label = None if known < 0 else bool(known)
    return SubgraphEdge(op.owner, op.relation, op.src, op.dst, op.time_ms, op.attributes, label, hop)


def _emptied(node: NodeUpsert, floor: Floor) -> NodeUpsert:
    return NodeUpsert(node.label, node.id, node.role, floor.pos, floor.known_ms, None)
