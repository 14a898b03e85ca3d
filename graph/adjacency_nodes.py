"""Which edges are at which node: nodes by name, their slots, and what is in no slot yet (see adjacency_arrays).

Edges can be kept by the values of attributes too; a value is a node of its own then, which no walk comes upon.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from graph.adjacency_arrays import (
    CLASSES,
    NONE,
    SIZE,
    SMALLEST,
    START,
    WHAT,
    Array,
    Lists,
    Nodes,
    Pool,
    Slots,
    grown,
    made,
)
from graph.adjacency_cells import NO_CELLS, NO_SLOT, TIE, Free, find, put, put_all, take_out
from graph.adjacency_lines import TIME_MS
from graph.model import Attributes, EdgeUpsert, Event
from graph.names import Names

MOST_WAITING = 1 << 16  # rows, while nobody looks: then they are put into their slots all the same
Of = tuple[int, int, str, Attributes]  # an edge's nodes, relation and attributes


class Linked:
    """Edges by node, relation and direction."""

    def __init__(
        self, lines: Callable[[], Array], version_id: Callable[[int], str], new: Callable[[int], None]
    ) -> None:
        """Nothing is here. Edges of one time stand in the order of their version ids; `new` hears of every node."""
        self.names = Names()
        self.nodes, self.slots, self.pool = made(Nodes), made(Slots), made(Pool, 1 << 12)
        self._lines, self._id, self._new = lines, version_id, new
        self._free = Free(np.full(CLASSES, NONE, np.int64), np.array([0, 0, NONE], np.int64))
        self._relations: dict[str, int] = {}
        self._waiting: list[Array] = []  # [W, 3] nodes, keys and versions of what is in no slot yet
        self._categories: dict[str, tuple[str, ...]] = {}

    @property
    def sizes(self) -> dict[str, int]:
        """How much of each thing is here."""
        self.flush()
        slots = self.slots.rows[: self._free.counts[1]]
        slots = slots[slots[:, WHAT] >= 0]
        return {"nodes": len(self.names), "slots": len(slots), "cells": int(slots[:, SIZE].sum())}

    @property
    def memory(self) -> dict[str, int]:
        """Bytes in use, by structure."""
        used = self._free.counts.tolist()
        waiting = sum(each.nbytes for each in self._waiting)
        return {"node_names": 8 * self.names.size + self.names.nbytes, "slots": 16 * used[1],
                "cells": 4 * used[0] + waiting}  # fmt: skip

    # -- writing ------------------------------------------------------------------------------

    def number_all(self, keys: Sequence[str]) -> Array:
        """[keys] numbers of nodes; new ones have no slot yet."""
        numbers, fresh = self.names.number_all(keys)
        if len(fresh):
            self.nodes = grown(self.nodes, self.names.size)
            self.nodes.slot[fresh], self.nodes.cells[fresh] = NONE, 0
            for number in fresh.tolist():
                self._new(number)
        return numbers

    def add(self, edges: Sequence[EdgeUpsert], numbers: Array, src: Array, dst: Array) -> None:
        """Edges came under these numbers, between these nodes."""
        keys = np.array([2 * self._relation(edge.relation) for edge in edges], np.int32)
        self._waiting.append(np.column_stack([src, keys, numbers]).astype(np.int32))
        self._waiting.append(np.column_stack([dst, keys + 1, numbers]).astype(np.int32))
        if self._categories:
            for number, edge in zip(numbers.tolist(), edges, strict=True):
                self.add_values(number, edge.relation, edge.attributes)
        if sum(map(len, self._waiting)) > MOST_WAITING:
            self.flush()

    def _relation(self, name: str) -> int:
        return self._relations.setdefault(name, len(self._relations))

    def add_values(self, number: int, relation: str, attributes: Attributes) -> None:
        """An edge has these values."""
        names = [name for name in self._value_names(relation, attributes) if name]
        if names:
            key = 2 * self._relation(relation)
            rows = [(node, key, number) for node in self.number_all(names).tolist()]
            self._waiting.append(np.array(rows, np.int32))

    def remove(self, numbers: Sequence[int], of: Sequence[Of]) -> None:
        """Take edges out of their slots, and forget the nodes that nothing is at any more."""
        self.flush()
        slots = dict.fromkeys(slot for each in of for slot in self._slots(*each))
        wanted = np.array(list(slots), np.int32)
        take_out(self._graph, self._free, self._lines(), np.array(numbers, np.int32), wanted)
        for node in dict.fromkeys(node for node, _ in slots):
            if self.nodes.cells[node] == 0:
                self.names.forget(node)

    def _slots(self, src: int, dst: int, relation: str, attributes: Attributes) -> Iterator[tuple[int, int]]:
        """Node and key of every slot an edge is in."""
        key = 2 * self._relations[relation]
        yield src, key
        yield dst, key + 1
        for name in self._value_names(relation, attributes):
            if name:
                yield self.names.find(name), key

    def flush(self) -> None:
        """Put what came since the last look into the slots."""
        if not self._waiting:
            return
        waiting, self._waiting, lines = np.concatenate(self._waiting), [], self._lines()
        waiting = waiting[np.argsort(lines[waiting[:, 2], TIME_MS], kind="stable")]  # they append then
        done = 0
        while done < len(waiting):
            done, why = put_all(self._graph, self._free, lines, waiting, done)
            if why == NO_SLOT:
                self.slots = grown(self.slots, len(self.slots.rows) + 1)
            elif why == NO_CELLS:
                self.pool = grown(self.pool, len(self.pool.rows) + 1)
            elif why == TIE:
                self._put_among_equals(*waiting[done].tolist())
                done += 1

    def _put_among_equals(self, node: int, key: int, number: int) -> None:
        """Edges of one time stand in the order of their version ids, as in every store."""
        lines = self._lines()
        slot, low, high = find(self._graph, self._free, lines, node, key, lines[number, TIME_MS])  # put_all made room
        start, there = int(self.slots.rows[slot, START]) << SMALLEST, self.pool.rows
        equals = range(low, high)
        before = bisect_left(equals, self._id(number), key=lambda at: self._id(int(there[start + at])))
        put(self._graph, slot, low + before, node, number)

    # -- values of categories -----------------------------------------------------------------

    @property
    def categories(self) -> int:
        """The most that one relation has."""
        return max(map(len, self._categories.values()), default=0)

    def index(self, categories: Mapping[str, Sequence[str]]) -> bool:
        """Keep edges by the values of these attributes too, by relation; whether that is new.

        Raises:
            ValueError: others are kept already.
        """
        wanted = {relation: tuple(names) for relation, names in categories.items() if names}
        if self._categories and self._categories != wanted:
            raise ValueError(f"edges are kept by {self._categories} already: make another mirror for {wanted}")
        new = self._categories != wanted
        self._categories = wanted
        return new

    def _value_names(self, relation: str, attributes: Attributes) -> Iterator[str]:
        """A name for each category's value, "" where it has none; no node has such a name (labels hold no dot)."""
        for attribute in self._categories.get(relation, ()):
            value = attributes.get(attribute)
            yield f"{relation}.{attribute}={value}" if isinstance(value, str) else ""

    def subjects(self, events: Sequence[Event], ends: Array) -> tuple[Array, Array]:
        """[B, 2 + C] nodes of each event's ends, which are [B, 2], and values, and the keys of their slots."""
        wide = 2 + self.categories
        relations = [self._relations.get(event.relation, NONE) for event in events]
        node, key = np.full((len(events), wide), NONE, np.int64), np.repeat(2 * np.array(relations)[:, None], wide, 1)
        node[:, :2] = ends
        key[:, 1] += 1
        names, places = list[str](), list[tuple[int, int]]()
        for at, event in enumerate(events) if wide > 2 else ():
            for place, name in enumerate(self._value_names(event.relation, event.attributes), 2):
                names.append(name)
                places.append((at, place))
        if names:
            node[tuple(np.array(places).T)] = self.names.find_all(names)
        return node, key

    @property
    def _graph(self) -> Lists:
        return Lists(self.nodes, self.slots, self.pool)
