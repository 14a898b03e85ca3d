"""The edges of a mirror: lines between nodes, with their attributes packed beside them (see graph/shelf.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from graph.adjacency_arrays import NONE, Array, aligned, wider
from graph.adjacency_lines import (
    ENDS,
    HALF,
    HERE,
    INFO,
    LABELLED,
    LATER,
    LOG,
    LOGS,
    LOW,
    MOST_LATER,
    TIME_MS,
    WINDOWED,
    enter,
)
from graph.adjacency_nodes import Linked
from graph.arena import Arena
from graph.asked import Asked
from graph.attributes import Packing
from graph.logs import Spot
from graph.model import Attributes, EdgeUpsert, version_id
from graph.shelf import Shelf

SLACK_MS = 1 << 12  # that a difference of times may be off by, as a float
TAKEN = 1


class Lane(Protocol):
    """Whoever keeps something beside each edge or node, by its number: features, for instance."""

    def put_edge(self, number: int, edge: EdgeUpsert) -> None:
        """An edge came under this number; whatever had it before is gone."""
        ...

    def put_node(self, number: int, key: str) -> None:
        """A node came under this number."""
        ...


class Edges(Shelf):
    """Edges by number."""

    def __init__(self, asked: Asked) -> None:
        """None is here."""
        super().__init__(asked)
        self.told, self._records = aligned(64, "i4"), aligned(64, "i4")
        self._arena, self._packing = Arena(), Packing()
        self.lanes: list[Lane] = []
        self.linked = Linked(self.rows_of, self._id, self._told_node)

    @property
    def memory(self) -> dict[str, int]:
        """Bytes in use, by structure."""
        return {
            "lines": 32 * self.names.size, "edge_names": self.names.nbytes,
            "attributes": self._arena.nbytes + 4 * self.names.size, **self.linked.memory,
        }  # fmt: skip

    def rows_of(self) -> Array:
        """The lines, wherever they are now."""
        return self.rows

    def put(self, edges: Sequence[EdgeUpsert], spots: Sequence[Spot], windowed: Sequence[bool]) -> Array:
        """Take edges of which their owners have nothing yet; `windowed`: the retention horizon hides them when old.

        Returns:
            [edges] which were taken: 1; 0 those that are here already, NONE what `add` has to take.
        """
        records = [self._packing.pack(edge.relation, edge.attributes) for edge in edges]  # what can fail comes first
        time_ms = np.array([edge.time_ms for edge in edges], np.int64)
        info = _packed_all(time_ms, np.array([edge.known_ms for edge in edges], np.int64), spots, windowed)
        owner = self.number_all([edge.owner for edge in edges])
        ends = self.linked.number_all([edge.src for edge in edges] + [edge.dst for edge in edges]).astype(np.int64)
        src, dst = ends[: len(edges)], ends[len(edges) :]
        at, taken = np.array([spot.at for spot in spots], np.int64), np.empty(len(edges), np.int8)
        enter(self.rows, self.told, owner, info, time_ms, at, src << HALF | dst, taken)
        mine = np.flatnonzero(taken == TAKEN)
        self._records[owner[mine]] = self._arena.put([records[one] for one in mine.tolist()])
        self._link([edges[one] for one in mine.tolist()], owner[mine], src[mine], dst[mine])
        aging = owner[(taken == TAKEN) & np.array(windowed, bool)]
        self.ages.add_all(aging, self.rows[aging, TIME_MS])
        return taken

    def take(self, op: Any, owner: int, windowed: bool) -> int:
        """See Shelf."""
        record, number = self._packing.pack(op.relation, op.attributes), self._another(owner)
        src, dst = self.linked.number_all((op.src, op.dst)).tolist()
        flags = WINDOWED * windowed
        if number == owner:
            flags |= int(self.rows[owner, INFO]) | LABELLED * int(self.told[owner] != NONE)
        self._put_asked(number, op, owner, (op.time_ms, src << HALF | dst, flags))
        self._records[number] = self._arena.put((record,))[0]
        self._link([op], np.array([number]), np.array([src]), np.array([dst]))
        if windowed:
            self.ages.add(number)
        return number

    def _link(self, edges: Sequence[EdgeUpsert], numbers: Array, src: Array, dst: Array) -> None:
        """Put edges to their nodes, and tell the lanes."""
        self.linked.add(edges, numbers, src, dst)
        for lane in self.lanes:
            for number, edge in zip(numbers.tolist(), edges, strict=True):
                lane.put_edge(number, edge)

    def _begin(self, numbers: Array) -> None:
        super()._begin(numbers)
        if len(self.rows) > len(self.told):
            self.told = wider(self.told, len(self.rows), "i4")
            self._records = wider(self._records, len(self.rows), "i4")
        self.told[numbers] = NONE

    def remove(self, numbers: Sequence[int]) -> None:
        """See Shelf. Nodes that nothing is at any more go too."""
        if not numbers:
            return
        ends = self.rows[np.array(numbers), ENDS].tolist()
        of = [(end >> HALF, end & LOW, *self.described(number)) for number, end in zip(numbers, ends, strict=True)]
        self.linked.remove(numbers, of)
        for number in numbers:
            self._arena.free(int(self._records[number]))
            self._clear(number)

    def leave(self, owner: int) -> None:
        """See Shelf. An edge that labels speak of keeps its number for them."""
        if self.is_empty(owner) and self.told[owner] == NONE:
            self.names.forget(owner)

    # -- reading ------------------------------------------------------------------------------

    def described(self, number: int) -> tuple[str, Attributes]:
        """An edge's relation and attributes."""
        return self._packing.unpack(self._arena.get(int(self._records[number])))

    def ends(self, number: int) -> tuple[str, str]:
        """The nodes an edge runs between."""
        ends = int(self.rows[number, ENDS])
        return self.linked.names.text(ends >> HALF), self.linked.names.text(ends & LOW)

    def read(self, numbers: Sequence[int]) -> list[tuple[str, str, str, str, Attributes]]:
        """Edges' owners, ends, relations and attributes. The text of a node that many of them are at is made once."""
        ends, texts = self.rows[np.asarray(numbers, np.int64), ENDS], dict[int, str]()
        at = np.stack((ends >> HALF, ends & LOW), 1).tolist()
        for node in {node for pair in at for node in pair}:
            texts[node] = self.linked.names.text(node)
        return [
            (self.owner_name(number), texts[src], texts[dst], *self.described(number))
            for number, (src, dst) in zip(numbers, at, strict=True)
        ]

    def owner_name(self, number: int) -> str:
        """The owner of an edge's version."""
        return self.names.text(self.owner(number))

    def op(self, number: int) -> EdgeUpsert:
        """See Shelf."""
        relation, attributes = self.described(number)
        return EdgeUpsert(
            self.owner_name(number), self.pos(number), self.known_ms(number), relation, *self.ends(number),
            self._time_ms(number), attributes,
        )  # fmt: skip

    def _id(self, number: int) -> str:
        return version_id(self.owner_name(number), self.pos(number))

    def freeze(self) -> None:
        """Let go of what only writing and reading whole edges need."""
        self.linked.flush()
        self._records, self._arena, self.chains, self.gone = aligned(0, "i4"), Arena(), {}, {}

    # -- beside -------------------------------------------------------------------------------

    def attach(self, lane: Lane) -> None:
        """Tell a lane of every edge and node that is here, and from now on of every one that comes."""
        for key, number in self.linked.names.items():
            lane.put_node(number, key)
        for number in self.here().tolist():
            lane.put_edge(number, self.op(number))
        self.lanes.append(lane)

    def _told_node(self, number: int) -> None:
        for lane in self.lanes:
            lane.put_node(number, self.linked.names.text(number))


def _packed_all(time_ms: Array, known_ms: Array, spots: Sequence[Spot], windowed: Sequence[bool]) -> Array:
    """INFO of plain lines; 0 where it does not fit."""
    log = np.array([spot.log for spot in spots], np.int64)
    fits = (np.abs(known_ms.astype(np.float64) - time_ms) < MOST_LATER - SLACK_MS) & (log <= LOGS)
    flags = np.where(np.array(windowed, bool), HERE | WINDOWED, HERE)
    return np.where(fits, known_ms - time_ms << LATER | log << LOG | flags, 0)
