"""The in-process store: versions as lines of arrays that compiled code reads, and packed beside them.

Embedded it is the whole store; in the stack each scorer keeps one, hydrated from Neo4j and fed by
`graph.changes`. Safe for one writing and any reading threads (one lock).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from threading import RLock
from typing import Any, TypeVar

from graph.adjacency import Sight
from graph.adjacency_walk import Walked
from graph.asof import assemble
from graph.edges import Lane
from graph.horizons import Kind, newer
from graph.logs import Spot
from graph.mirror_labels import first, frauds, labels
from graph.mirror_nodes import Properties
from graph.mirror_versions import Versions
from graph.model import (
    Attributes,
    Caps,
    EdgeUpsert,
    Event,
    Floor,
    Horizon,
    Incomplete,
    LabelUpsert,
    NodeUpsert,
    Subgraph,
    SubgraphEdge,
    Upsert,
)
from graph.shelf import Shelf
from graph.store import StoreRefused

T = TypeVar("T")
L = TypeVar("L", bound=Lane)
Read = tuple[str, str, str, str, Attributes]  # an edge's owner, nodes, relation and attributes
DUMPED = 1_000  # numbers that a dump reads under one lock


class Mirror:
    """A GraphStore in memory (see `graph.store.GraphStore` for the promises)."""

    def __init__(self, windowed: Collection[str] = ()) -> None:
        """`windowed` names the tables whose edges, with their labels, are forgotten behind the retention horizon."""
        self._lock = RLock()
        self._versions = Versions(windowed)
        self._adjacent = self._versions.adjacency
        self._nodes = Properties(self._adjacent.logs)
        self._incomplete: dict[str, Incomplete] = {}
        self._hears: list[Callable[[LabelUpsert], None]] = []
        self._lanes: dict[Hashable, Any] = {}
        self._frozen = False

    def check(self) -> None:
        """Always ready: dictionaries are their own constraints."""

    @property
    def owners(self) -> int:
        """How many rows' edges and labels it holds."""
        with self._lock:
            return sum(len(shelf.owned()) for shelf in self._versions.shelves)

    @property
    def memory(self) -> dict[str, int]:
        """Bytes in use by structure, but for Python's own: marks, and the lists of chains."""
        with self._lock:
            return {**self._adjacent.memory, "properties": self._nodes.nbytes}

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
                    spot = self._versions.plain(upsert) if isinstance(upsert, EdgeUpsert) else None
                    if spot is not None:
                        edges.append(upsert)  # type: ignore[arg-type]  # only edges have one
                        spots.append(spot)
                        continue
                    if isinstance(upsert, Floor):  # it ends what is there
                        self._versions.put_edges(edges, spots)
                        edges, spots = [], []
                    self._put(upsert)
            finally:  # of a batch that is refused, what came before
                self._versions.put_edges(edges, spots)

    def _put(self, upsert: Upsert) -> None:
        match upsert:
            case NodeUpsert():
                self._nodes.put(upsert, self._versions.floors.get(upsert.role, ()))
            case Floor():
                self._put_floor(upsert)
            case Incomplete():
                if newer(upsert, self._incomplete.get(upsert.row)):
                    self._incomplete[upsert.row] = upsert
            case Horizon():
                self._versions.horizons = self._versions.horizons.moved((upsert,))
            case _:
                if self._versions.put(upsert) and isinstance(upsert, LabelUpsert):
                    for hear in self._hears:
                        hear(upsert)

    def _put_floor(self, floor: Floor) -> None:
        if floor in self._versions.floors[floor.table]:
            return
        self._versions.put_floor(floor)
        self._nodes.drop(floor)

    # -- reading ------------------------------------------------------------------------------

    def holds(self, owner: str, pos: str) -> bool:
        """Whether this version or deletion has arrived: an event waits for its own change."""
        with self._lock:
            return self._versions.holds(owner, pos)

    def forgot(self, owner: str, time_ms: int) -> bool:
        """Whether an edge of that time lies behind the horizon: it will not be held, however long one waits."""
        return self._versions.horizons.hides_event(owner, time_ms)

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
        return self._versions.horizons.before_ms(kind)

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        """See GraphStore.subgraphs."""
        found, read = self.see(events, lambda sight: self._read(sight.walk(caps)))
        known, hops, starts = found.label.tolist(), found.hop.tolist(), found.starts.tolist()
        times_ms = found.time_ms.tolist()
        seen = [_seen(*each) for each in zip(read, times_ms, known, hops, strict=True)]
        return [assemble(event, seen[starts[at] : starts[at + 1]]) for at, event in enumerate(events)]

    def _read(self, seen: Walked) -> tuple[Walked, list[Read]]:
        return seen, self._adjacent.edges.read(seen.version.tolist())

    def edge(self, version: int) -> Read:
        """An edge by its number, as a walk gives it: its owner, ends, relation and attributes. Only within `see`."""
        edges = self._adjacent.edges
        return edges.owner_name(version), *edges.ends(version), *edges.described(version)

    def see(self, events: Sequence[Event], read: Callable[[Sight], T]) -> T:
        """What the events see as arrays, handed to `read` while nothing can change, and what it gives.

        Numbers in them are those that lanes were told (see `attach`).
        """
        with self._lock:
            return read(self._adjacent.sight(events, self._versions.horizons.retention_ms))

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
            self._nodes = Properties(self._adjacent.logs)
            self._frozen = True

    def attach(self, lane: Lane) -> None:
        """Tell a lane of every edge and node, those that are here and those that will come, under their numbers."""
        with self._lock:
            self._adjacent.attach(lane)

    def lane(self, key: Hashable, make: Callable[[], L]) -> L:
        """The one lane of this key, made and attached when it is first asked for: who reads the same shares it.

        Attaching reads every edge that is here, at some microseconds each, under the lock.
        """
        with self._lock:
            if key not in self._lanes:
                lane = make()
                self._adjacent.attach(lane)
                self._lanes[key] = lane
            found: L = self._lanes[key]
            return found

    def listen(self, hear: Callable[[LabelUpsert], None]) -> None:
        """Tell of every version of a label, those that are here and those that will come; under the lock: be quick."""
        with self._lock:
            for label in labels(self._adjacent.labels):
                hear(label)
            self._hears.append(hear)

    def first(self, owner: str) -> EdgeUpsert | None:
        """An edge as its row was at first, None where it is not here."""
        with self._lock:
            return first(self._adjacent.edges, owner)

    def frauds(self, owners: Sequence[str], event: Event) -> list[bool]:
        """Which of these edges were there, and known to be fraud, as of an event (graph/asof.py)."""
        with self._lock:
            return frauds(self._adjacent, owners, event, self._versions.horizons.retention_ms)

    def dump(self) -> Iterator[Upsert]:
        """See GraphStore.dump. What is written meanwhile is in it or is not."""
        with self._lock:
            versions = self._versions
            horizons, cleared = list(versions.horizons.upserts()), versions.horizons.before_ms("purge") is None
            marks = [self._incomplete[row] for row in sorted(self._incomplete)]
            floors = [floor for table in sorted(versions.floors) for floor in versions.floors[table]]
        yield from horizons
        yield from (mark for mark in marks if mark.marked or cleared)
        yield from floors
        yield from self._parts(lambda: len(self._nodes), self._nodes.dump)
        for shelf in versions.shelves:
            yield from self._parts(partial(_size, shelf), partial(versions.remaining, shelf))

    def _parts(self, size: Callable[[], int], part: Callable[[int, int], Iterable[Upsert]]) -> Iterator[Upsert]:
        """Things by their numbers, so many under one lock."""
        first = 0
        while first < size() and not self._frozen:
            with self._lock:
                some = list(part(first, first + DUMPED))
            yield from some
            first += DUMPED

    # -- forgetting ---------------------------------------------------------------------------

    def sweep(self, limit: int) -> int:
        """See GraphStore.sweep. Finds what is old by its age, so it costs what it removes."""
        with self._lock:
            swept = self._versions.sweep(limit)
            return swept + self._sweep_marks(limit - swept)

    def _sweep_marks(self, limit: int) -> int:
        """Cleared marks, which a purge forgets too."""
        if self._versions.horizons.before_ms("purge") is None:
            return 0
        cleared = [row for row, mark in self._incomplete.items() if not mark.marked][:limit]
        for row in cleared:
            del self._incomplete[row]
        return len(cleared)


def _seen(read: Read, time_ms: int, known: int, hop: int) -> SubgraphEdge:
    """An edge as it stood, with what was known of it."""
    owner, src, dst, relation, attributes = read
    label = None if known < 0 else bool(known)
    return SubgraphEdge(owner, relation, src, dst, time_ms, attributes, label, hop)


def _size(shelf: Shelf) -> int:
    return shelf.names.size
