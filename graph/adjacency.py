"""The mirror's edges and labels as arrays, kept so that an as-of walk touches no Python object (the one sampler).

What is here is a copy of the mirror's chains: versions with what closed them, sorted by time per node, relation and
direction. The mirror says what changes; compiled code walks (graph/adjacency_walk.py). Not safe by itself for several
threads: the mirror's lock is around it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from graph.adjacency_arrays import (
    CLASSES,
    EDGE,
    KEY,
    NONE,
    SIZE,
    SMALLEST,
    START,
    Array,
    Graph,
    Labels,
    Nodes,
    Owners,
    Places,
    Pool,
    Slots,
    Versions,
    grown,
    made,
)
from graph.adjacency_cells import NO_CELLS, NO_SLOT, TIE, Free, find, put, put_all, take_out
from graph.adjacency_known import Known
from graph.adjacency_lines import Lines
from graph.adjacency_rule import NO_PLACE, frauds
from graph.adjacency_tally import SUMS, tally
from graph.adjacency_walk import STAMPS, Walked, quick, walk
from graph.horizons import NEVER_MS
from graph.model import Caps, EdgeUpsert, Event, LabelUpsert, version_id
from graph.numbers import Names, Numbers
from graph.place import place_of
from graph.versions import Held

NEITHER = -2  # a target that is not in the graph, and is not the source, which is not there either


class Lane(Protocol):
    """Whoever keeps something beside each edge or node, by its number: features, for instance."""

    def put_edge(self, number: int, edge: EdgeUpsert) -> None:
        """An edge came under this number; whatever had it before is gone."""
        ...

    def put_node(self, number: int, key: str) -> None:
        """A node came under this number."""
        ...


class Adjacency:
    """Edges by node, relation and direction, and labels by event; edges by the value of a category too, if asked."""

    def __init__(self) -> None:
        """Nothing is here."""
        self._graph = Graph(
            made(Places), made(Versions), made(Labels), made(Nodes), made(Owners), made(Slots), made(Pool, 1 << 12)
        )
        self._free = Free(np.full(CLASSES, NONE, np.int64), np.array([0, 0, NONE], np.int64))
        self._places, self._versions, self._labels = Numbers(), Numbers(), Numbers()
        self._nodes, self._owners, self._relations, self._sources = Names(), Names(), Names(), Names()
        self._ranks = np.zeros(0, np.int32)  # of the sources, in the order of their names
        self._source_names: list[str] = []
        self.held: list[Held | None] = []  # by the number of a version
        self._waiting: list[tuple[int, int, int]] = []  # node, key and version of what is in no slot yet
        self._categories: dict[str, tuple[str, ...]] = {}
        self._lines = Lines()
        self._known = Known()
        self._lanes: list[Lane] = []

    @property
    def sizes(self) -> dict[str, int]:
        """How much of each thing is here."""
        self._flush()
        slots = self._graph.slots.rows[: self._free.counts[1]]
        slots = slots[slots[:, KEY] >= 0]
        return {
            "edges": self._versions.taken, "labels": self._labels.taken, "places": self._places.taken,
            "nodes": self._nodes.taken, "owners": self._owners.taken, "slots": len(slots),
            "cells": int(slots[:, SIZE].sum()),
        }  # fmt: skip

    # -- writing ------------------------------------------------------------------------------

    def add(self, held: Held, windowed: bool) -> None:
        """Take a version of an edge or a label; `windowed` says that the retention horizon hides it when it is old."""
        if isinstance(held.op, EdgeUpsert):
            self._add_edge(held, held.op, windowed)
        elif isinstance(held.op, LabelUpsert):
            self._add_label(held, held.op, windowed)

    def _add_edge(self, held: Held, edge: EdgeUpsert, windowed: bool) -> None:
        number = held.number = self._versions.take()
        if number >= len(self._graph.versions.place):
            self._graph = self._graph._replace(versions=grown(self._graph.versions, number + 1))
        src, dst, owner = self._node(edge.src), self._node(edge.dst), self._owner(edge.owner)
        relation = self._relations.number(edge.relation)
        row = (self._place(edge.pos, edge.known_ms), NONE, NONE, edge.time_ms, relation, False)
        for column, value in zip(self._graph.versions, row, strict=True):
            column[number] = value
        self._lines.edge(self._graph, number, (src, dst), owner, windowed)
        if number == len(self.held):
            self.held.append(held)
        else:
            self.held[number] = held
        self._waiting += ((src, 2 * relation, number), (dst, 2 * relation + 1, number))
        self._waiting += ((node, 2 * relation, number) for node in self._values(edge))
        for lane in self._lanes:
            lane.put_edge(number, edge)

    def _add_label(self, held: Held, label: LabelUpsert, windowed: bool) -> None:
        number = held.number = self._labels.take()
        self._graph = self._graph._replace(labels=grown(self._graph.labels, number + 1))
        owner = self._owner(label.event)
        first = self._graph.owners.label
        row = (self._place(label.pos, label.known_ms), NONE, NONE, label.fraud, windowed, first[owner])
        for column, value in zip(self._graph.labels, row, strict=True):
            column[number] = value
        first[owner] = number
        self._lines.label(self._graph, owner)

    def update(self, held: Held) -> None:
        """What closed a version, or emptied its table, has changed."""
        if held.number < 0:
            return
        part = self._graph.versions if isinstance(held.op, EdgeUpsert) else self._graph.labels
        for column, pos, known_ms in (
            (part.closed, held.closed_pos, held.closed_ms), (part.floored, held.floor_pos, held.floor_ms)
        ):  # fmt: skip
            if pos is None or known_ms is None:
                continue
            if column[held.number] == NONE:
                column[held.number] = self._place(pos, known_ms)
            else:
                self._write_place(int(column[held.number]), pos, known_ms)
        if isinstance(held.op, EdgeUpsert):
            self._lines.closed(self._graph, held.number)
        elif isinstance(held.op, LabelUpsert):
            self._lines.label(self._graph, self._owners.find(held.op.event))

    def remove(self, gone: Iterable[Held]) -> None:
        """Let versions go, and the nodes and owners nothing speaks of any more."""
        held_ = [held for held in gone if held.number >= 0]
        edges = [(held.number, held.op) for held in held_ if isinstance(held.op, EdgeUpsert)]
        if edges:
            self._flush()
            slots = dict.fromkeys(slot for _, edge in edges for slot in self._slots(edge))
            versions = np.array([number for number, _ in edges], np.int32)
            take_out(self._graph, self._free, versions, np.array(list(slots), np.int32))
        for held in held_:
            self._forget(held)

    def _forget(self, held: Held) -> None:
        op, number = held.op, held.number
        held.number = NONE
        if isinstance(op, EdgeUpsert):
            self._drop_places(self._graph.versions, number)
            self.held[number] = None
            self._versions.free(number)
            for key in (op.src, op.dst, *self._value_names(op)):
                node = self._nodes.find(key)
                if node >= 0 and self._graph.nodes.cells[node] == 0:
                    self._nodes.forget(key)
            self._leave(op.owner)
        elif isinstance(op, LabelUpsert):
            self._unchain(self._owners.find(op.event), number)
            self._lines.label(self._graph, self._owners.find(op.event))
            self._drop_places(self._graph.labels, number)
            self._labels.free(number)
            self._leave(op.event)

    def _unchain(self, owner: int, number: int) -> None:
        """Take a label out of its event's chain."""
        first, following = self._graph.owners.label, self._graph.labels.next
        if first[owner] == number:
            first[owner] = following[number]
            return
        at = first[owner]
        while following[at] != number:
            at = following[at]
        following[at] = following[number]

    def _drop_places(self, part: Versions | Labels, number: int) -> None:
        for column in (part.place, part.closed, part.floored):
            if column[number] != NONE:
                self._places.free(int(column[number]))

    # -- numbers ------------------------------------------------------------------------------

    def _node(self, key: str) -> int:
        number = self._nodes.find(key)
        if number < 0:
            number = self._nodes.number(key)
            if number >= len(self._graph.nodes.slot):
                self._graph = self._graph._replace(nodes=grown(self._graph.nodes, number + 1))
            self._graph.nodes.slot[number], self._graph.nodes.cells[number] = NONE, 0
            for lane in self._lanes:
                lane.put_node(number, key)
        return number

    def _owner(self, name: str) -> int:
        number = self._owners.find(name)
        if number < 0:
            number = self._owners.number(name)
            if number >= len(self._graph.owners.label):
                self._graph = self._graph._replace(owners=grown(self._graph.owners, number + 1))
            self._graph.owners.label[number], self._graph.owners.uses[number] = NONE, 0
            self._lines.owner(number)
        self._graph.owners.uses[number] += 1
        return number

    def _leave(self, name: str) -> None:
        number = self._owners.find(name)
        self._graph.owners.uses[number] -= 1
        if self._graph.owners.uses[number] == 0:
            self._owners.forget(name)

    def _place(self, pos: str, known_ms: int) -> int:
        number = self._places.take()
        self._write_place(number, pos, known_ms)
        return number

    def _write_place(self, number: int, pos: str, known_ms: int) -> None:
        if number >= len(self._graph.places.log):
            self._graph = self._graph._replace(places=grown(self._graph.places, number + 1))
        place, places = place_of(pos), self._graph.places
        source = self._sources.find(place.source)
        if source < 0:
            source = self._new_source(place.source)
        places.source[number], places.log[number], places.offset[number] = source, place.log, place.offset
        places.row[number], places.known_ms[number] = place.row, known_ms

    def _new_source(self, name: str) -> int:
        """Number a source, and rank all as their tokens sort."""
        number = self._sources.number(name)
        self._source_names.append(f"{name}/")
        self._ranks = np.argsort(np.argsort(np.array(self._source_names))).astype(np.int32)
        return number

    # -- reading ------------------------------------------------------------------------------

    def walk(self, events: Sequence[Event], caps: Caps, horizon_ms: int) -> Walked:
        """The edges each event sees (see `GraphStore.subgraphs`); what is windowed and older than the horizon not."""
        if self._waiting:
            self._flush()
        cuts, per_hop = self._cuts(events), _per_hop(caps)
        _, room, *found = self._walk(events, cuts, per_hop, horizon_ms)
        if room > len(self._known.keys):
            self._known.clear(room)
        return Walked(*found)

    def _walk(self, events: Sequence[Event], cuts: Array, per_hop: Array, horizon_ms: int) -> Any:
        """A walk, by the lines alone where they are enough for a single event."""
        graph, known = self._graph, self._known
        if len(events) == 1:
            stamp = known.stamps(STAMPS)
            found = quick(
                self._lines.rows, graph.nodes.slot, graph.slots.rows, graph.pool.rows,
                horizon_ms, cuts, per_hop, known.keys, known.numbers, stamp,
            )  # fmt: skip
            if found[0]:
                return found
        stamp = known.stamps(STAMPS * len(events))  # which may make the table anew
        return walk(graph, self._ranks, self._lines.rows, horizon_ms, cuts, per_hop, known.keys, known.numbers, stamp)

    def _cuts(self, events: Sequence[Event]) -> Array:
        return np.array([self._cut(event) for event in events], np.int64).reshape(-1, 8)

    def _cut(self, event: Event) -> tuple[int, ...]:
        source, log, offset, row = NO_PLACE, 0, 0, 0
        if event.pos:
            place = place_of(event.pos)
            source, log, offset, row = self._sources.find(place.source), place.log, place.offset, place.row
        return (
            *self._ends(event), self._owners.find(event.id), event.time_ms,
            source if source >= 0 else NO_PLACE, log, offset - (offset >> 63 << 64), row,
        )  # fmt: skip

    def _ends(self, event: Event) -> tuple[int, int]:
        src, dst = self._nodes.find(event.src), self._nodes.find(event.dst)
        return src, NEITHER if src < 0 and dst < 0 and event.src != event.dst else dst

    def tally(self, events: Sequence[Event], value: NDArray[Any], most: int, horizon_ms: int) -> NDArray[np.float64]:
        """What is known of each event's ends and the values of its categories, as of the event.

        Args:
            events: [B].
            value: by the number of a version, what is added up.
            most: edges looked at of one end or value, the newest.
            horizon_ms: what is windowed and older counts no more.

        Returns:
            [B, 2 + C, SUMS] for C categories (see `index`): source, target, then the categories of the event's
            relation in their order. Of the ends only edges of the event's relation, in which they stand as here.
        """
        self._flush()
        cuts, wide = self._cuts(events), 2 + self.categories
        node, key = np.full((len(events), wide), NONE, np.int64), np.full((len(events), wide), NONE, np.int64)
        for at, event in enumerate(events):
            relation = self._relations.find(event.relation)
            names = (event.src, event.dst, *self._value_names(event))
            node[at, : len(names)] = [self._nodes.find(name) if name else NONE for name in names]
            key[at], key[at, 1] = 2 * relation, 2 * relation + 1
        out = np.zeros((len(events), wide, SUMS))
        tally(self._graph, self._lines.rows, self._ranks, horizon_ms, cuts, node, key, value, most, out)
        return out

    def frauds(self, versions: Sequence[int], event: Event, horizon_ms: int) -> list[bool]:
        """Which versions of edges an event sees and knows to be fraud; of what is older than the horizon nothing."""
        told = np.zeros(len(versions), np.int8)
        numbers, cuts = np.array(versions, np.int64), self._cuts([event])
        frauds(self._graph, self._lines.rows, self._ranks, horizon_ms, numbers, cuts, told)
        return [bool(one) for one in told.tolist()]

    def freeze(self) -> None:
        """Put everything into its slot, and let the objects behind it go: nothing is written any more."""
        self._flush()
        self.held = []

    def _flush(self) -> None:
        """Put what came since the last look into the slots."""
        waiting, self._waiting = np.array(self._waiting, np.int32).reshape(-1, 3), []
        waiting = waiting[np.argsort(self._graph.versions.time_ms[waiting[:, 2]], kind="stable")]  # they append then
        done = 0
        while done < len(waiting):
            done, why = put_all(self._graph, self._free, waiting, done)
            graph = self._graph
            if why == NO_SLOT:
                self._graph = graph._replace(slots=grown(graph.slots, len(graph.slots.rows) + 1))
            elif why == NO_CELLS:
                self._graph = graph._replace(pool=grown(graph.pool, len(graph.pool.rows) + 1))
            elif why == TIE:
                self._put_among_equals(*waiting[done].tolist())
                done += 1

    def _put_among_equals(self, node: int, key: int, number: int) -> None:
        """Edges of one time stand in the order of their version ids, as in every store."""
        time_ms = self._graph.versions.time_ms[number]
        slot, low, high = find(self._graph, self._free, node, key, time_ms)  # put_all made room
        start, there = int(self._graph.slots.rows[slot, START]) << SMALLEST, self._graph.pool.rows
        equals = range(low, high)
        before = bisect_left(equals, self._id(number), key=lambda at: self._id(int(there[start + at, EDGE])))
        put(self._graph, slot, low + before, node, number)

    def _id(self, number: int) -> str:
        held: Any = self.held[number]
        return version_id(held.op.owner, held.op.pos)

    # -- values of categories -----------------------------------------------------------------

    @property
    def categories(self) -> int:
        """The most that one relation has."""
        return max(map(len, self._categories.values()), default=0)

    def index(self, categories: Mapping[str, Sequence[str]]) -> None:
        """Keep edges by the values of these attributes too, by relation: for `tally`. Once, for edges here and to come.

        Raises:
            ValueError: others are kept already.
        """
        wanted = {relation: tuple(names) for relation, names in categories.items() if names}
        if self._categories and self._categories != wanted:
            raise ValueError(f"edges are kept by {self._categories} already: make another mirror for {wanted}")
        if self._categories:
            return
        self._categories = wanted
        for number, held in enumerate(self.held):
            if held is not None and isinstance(held.op, EdgeUpsert):
                key = 2 * self._relations.find(held.op.relation)
                self._waiting += ((node, key, number) for node in self._values(held.op))

    def _value_names(self, of: Any) -> Iterator[str]:
        """A name for each category's value, "" where it has none; no node has such a name (labels hold no dot)."""
        for attribute in self._categories.get(of.relation, ()):
            value = of.attributes.get(attribute)
            yield f"{of.relation}.{attribute}={value}" if isinstance(value, str) else ""

    def _values(self, edge: EdgeUpsert) -> list[int]:
        return [self._node(name) for name in self._value_names(edge) if name]

    def _slots(self, edge: EdgeUpsert) -> Iterator[tuple[int, int]]:
        """Node and key of every slot an edge is in."""
        key = 2 * self._relations.find(edge.relation)
        yield self._nodes.find(edge.src), key
        yield self._nodes.find(edge.dst), key + 1
        yield from ((self._nodes.find(name), key) for name in self._value_names(edge) if name)

    # -- beside -------------------------------------------------------------------------------

    def attach(self, lane: Lane) -> None:
        """Tell a lane of every edge and node that is here, and from now on of every one that comes."""
        for key, number in self._nodes.items():
            lane.put_node(number, key)
        for number, held in enumerate(self.held):
            if held is not None and isinstance(held.op, EdgeUpsert):
                lane.put_edge(number, held.op)
        self._lanes.append(lane)


@lru_cache(maxsize=16)
def _per_hop(caps: Caps) -> Array:
    return np.array(caps.per_hop, np.int64)


def compile_walk() -> None:
    """Compile what a walk needs, or load it where that was done before: some seconds that no event should wait for."""
    edge = EdgeUpsert("warm:1:up", "warm/0001", 0, "R", "A:1", "A:2", 0, {})
    adjacency = Adjacency()
    adjacency.add(Held(edge), windowed=False)
    event = Event("warm:2:up", "new", "", 1, "R", "A:1", "A:2", 1, {})
    for many in (1, 2):  # one alone is walked by code of its own
        adjacency.walk([event] * many, Caps((1,)), NEVER_MS)
    adjacency.frauds([0], event, NEVER_MS)
