"""The mirror's edges and labels as arrays, kept so that an as-of walk touches no Python object (the one sampler).

Edges are lines by number (graph/shelf.py), listed by time per node, relation and direction. The mirror says what
changes; compiled code walks (graph/adjacency_walk.py). Not safe by itself for several threads: the mirror's lock is
around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from graph.adjacency_arrays import NONE, Array, Graph, aligned, wider
from graph.adjacency_known import Known
from graph.adjacency_lines import (
    ENDS,
    FRAUD,
    HALF,
    HERE,
    INFO,
    LABELLED,
    LAST,
    LATER,
    LOG,
    LOGS,
    LOW,
    MOST_LATER,
    NO_PLACE,
    WINDOWED,
    enter,
    packed,
)
from graph.adjacency_nodes import Linked
from graph.adjacency_tally import SUMS, tally
from graph.adjacency_walk import STAMPS, Walked, quick, walk
from graph.arena import Arena
from graph.attributes import Packing
from graph.horizons import NEVER_MS
from graph.logs import Logs, Spot
from graph.model import Attributes, Caps, EdgeUpsert, Event, LabelUpsert, version_id
from graph.shelf import Asked, Shelf
from graph.versions import Held

NEITHER = -2  # a target that is not in the graph, and is not the source, which is not there either
SLACK_MS = 1 << 12  # that a difference of times may be off by, as a float
TAKEN = 1
CUTS = 9  # words of a cut


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
        self.logs = Logs()
        self._asked = Asked(self.logs)
        self.edges, self.labels = Shelf(self._asked), Shelf(self._asked)
        self._told, self._records = aligned(64, "i4"), aligned(64, "i4")
        self._arena, self._packing = Arena(), Packing()
        self._linked = Linked(self.edges, self._id)
        self._known = Known()
        self._lanes: list[Lane] = []

    @property
    def sizes(self) -> dict[str, int]:
        """How much of each thing is here."""
        return {
            "edges": self.edges.versions, "labels": self.labels.versions, "places": self._asked.ends,
            "owners": len(self.edges.names), **self._linked.sizes,
        }  # fmt: skip

    @property
    def memory(self) -> dict[str, int]:
        """Bytes in use, by structure."""
        numbers = self.edges.names.size
        return {
            "lines": 32 * numbers, "edge_names": self.edges.names.nbytes, "attributes": self._arena.nbytes + 4 * numbers,
            "labels": 4 * numbers + 32 * self.labels.names.size + self.labels.names.nbytes,
            "asked": self._asked.nbytes + self.logs.nbytes, **self._linked.memory,
        }  # fmt: skip

    @property
    def room(self) -> int:
        """Above the number of every version."""
        return self.edges.names.size

    @property
    def _graph(self) -> Graph:
        linked = self._linked
        return Graph(
            self._asked.several, self._asked.places, linked.nodes, linked.slots, linked.pool, self._told,
            self.labels.rows, self.logs.rows,
        )  # fmt: skip

    # -- writing edges ------------------------------------------------------------------------

    def put(self, edges: Sequence[EdgeUpsert], spots: Sequence[Spot], windowed: Sequence[bool]) -> tuple[Array, Array]:
        """Take edges of which their owners have nothing yet; `windowed`: the retention horizon hides them when old.

        Returns:
            Their owners' numbers, and which were taken: 1; 0 those that are here already, NONE what `add` has to take.
        """
        owner = self.owners([edge.owner for edge in edges])
        ends = self._linked.number_all([edge.src for edge in edges] + [edge.dst for edge in edges], self._lanes)
        src, dst = ends[: len(edges)].astype(np.int64), ends[len(edges) :].astype(np.int64)
        time_ms = np.array([edge.time_ms for edge in edges], np.int64)
        info = _packed_all(time_ms, np.array([edge.known_ms for edge in edges], np.int64), spots, windowed)
        at, taken = np.array([spot.at for spot in spots], np.int64), np.empty(len(edges), np.int8)
        enter(self.edges.rows, self._told, owner, info, time_ms, at, src << HALF | dst, taken)
        mine = np.flatnonzero(taken == TAKEN)
        self._linked_now([edges[one] for one in mine.tolist()], owner[mine], src[mine], dst[mine])
        return owner, taken

    def add(self, held: Held, owner: int, windowed: bool) -> None:
        """Take a version of an owner that has a chain: `held` gets its number."""
        edge: Any = held.op
        number = held.number = owner if not self.edges.rows[owner, INFO] & HERE else self.edges.another()
        self._make_room()
        src, dst = self._linked.number_all((edge.src, edge.dst), self._lanes).tolist()
        flags = WINDOWED * windowed
        if number == owner:
            flags |= int(self.edges.rows[owner, INFO]) | LABELLED * int(self._told[owner] != NONE)
        self.edges.put_asked(held, owner, (edge.time_ms, 0, src << HALF | dst, flags))
        self._linked_now([edge], np.array([number]), np.array([src]), np.array([dst]))

    def _linked_now(self, edges: Sequence[EdgeUpsert], numbers: Array, src: Array, dst: Array) -> None:
        """What belongs to edges beside their lines."""
        self._records[numbers] = self._arena.put([self._packing.pack(edge) for edge in edges])
        self._linked.add(edges, numbers, src, dst, self._lanes)
        for lane in self._lanes:
            for number, edge in zip(numbers.tolist(), edges, strict=True):
                lane.put_edge(number, edge)

    def owners(self, names: Sequence[str]) -> Array:
        """[names] the numbers of edges' owners; new ones have nothing."""
        numbers, fresh = self.edges.number_all(names)
        self._make_room()
        self._told[fresh] = NONE
        return numbers

    def _make_room(self) -> None:
        if len(self.edges.rows) > len(self._told):
            self._told = wider(self._told, len(self.edges.rows), "i4")
            self._records = wider(self._records, len(self.edges.rows), "i4")

    def remove(self, numbers: Sequence[int]) -> None:
        """Let versions of edges go, and the nodes nothing speaks of any more. Their owners stay: see `leave`."""
        if not numbers:
            return
        ends = self.edges.rows[np.array(numbers), ENDS].tolist()
        of = [(end >> HALF, end & LOW, *self.described(number)) for number, end in zip(numbers, ends, strict=True)]
        self._linked.remove(numbers, of)
        for number in numbers:
            self._arena.free(int(self._records[number]))
            self.edges.clear(number)

    def leave(self, owner: int) -> None:
        """Forget an owner of edges of which nothing is left."""
        if self.edges.empty(owner) and self._told[owner] == NONE:
            self.edges.names.forget(owner)

    # -- reading edges ------------------------------------------------------------------------

    def described(self, number: int) -> tuple[str, Attributes]:
        """An edge's relation and attributes."""
        return self._packing.unpack(self._arena.get(int(self._records[number])))

    def edge(self, number: int) -> EdgeUpsert:
        """The version that has this number."""
        time_ms, _, ends, _ = self.edges.rows[number].tolist()
        owner = self.edges.owner(number)
        if owner in self.edges.chains:
            held: Any = next(each for each in self.edges.chains[owner].items if each.number == number)
            return held.op
        relation, attributes = self.described(number)
        src, dst = self._linked.names.text(ends >> HALF), self._linked.names.text(ends & LOW)
        known_ms = self.edges.known_ms(number)
        return EdgeUpsert(
            self.edges.names.text(owner), self.edges.pos(number), known_ms, relation, src, dst, time_ms, attributes
        )

    def ends_of(self, number: int) -> tuple[str, str]:
        """The nodes an edge runs between."""
        ends = int(self.edges.rows[number, ENDS])
        return self._linked.names.text(ends >> HALF), self._linked.names.text(ends & LOW)

    def owner_name(self, number: int) -> str:
        """The owner of an edge's version."""
        return self.edges.names.text(self.edges.owner(number))

    def _id(self, number: int) -> str:
        return version_id(self.owner_name(number), self.edges.pos(number))

    # -- labels -------------------------------------------------------------------------------

    def tell(self, label: LabelUpsert, owner: int, windowed: bool) -> bool:
        """Take a label whose owner has nothing yet; False where its position has to be asked for."""
        spot = self.logs.plain(label.pos)
        info = packed(self._flags(label, windowed) | HERE, spot.log, 0) if spot is not None else None
        if spot is None or info is None:
            return False
        self.labels.put(owner, (label.known_ms, spot.at, self._link(label.event, owner), info))
        return True

    def add_label(self, held: Held, owner: int, windowed: bool) -> None:
        """Take a version of an owner that has a chain: `held` gets its number."""
        label: Any = held.op
        number = held.number = owner if not self.labels.rows[owner, INFO] & HERE else self.labels.another()
        flags = self._flags(label, windowed) | (int(self.labels.rows[owner, INFO]) if number == owner else 0)
        self.labels.put_asked(held, owner, (label.known_ms, 0, self._link(label.event, number), flags))

    def _flags(self, label: LabelUpsert, windowed: bool) -> int:
        return WINDOWED * windowed | FRAUD * label.fraud

    def _link(self, event: str, label: int) -> int:
        """Put a label before the others of its event; ENDS of its line."""
        owner = int(self.owners((event,))[0])
        following, self._told[owner] = int(self._told[owner]), label
        if self.edges.rows[owner, INFO] & HERE:
            self.edges.rows[owner, INFO] |= LABELLED
        return owner << HALF | (following if following != NONE else LAST)

    def label(self, number: int) -> LabelUpsert:
        """A label's only version."""
        known_ms, _, ends, info = self.labels.rows[number].tolist()
        event = self.edges.names.text(ends >> HALF)
        return LabelUpsert(self.labels.names.text(number), self.labels.pos(number), known_ms, event, bool(info & FRAUD))

    def remove_label(self, number: int) -> None:
        """Let a version of a label go, and its event's name where nothing is left of it. Its owner stays."""
        ends = int(self.labels.rows[number, ENDS])
        event, following, rows = ends >> HALF, ends & LOW, self.labels.rows
        if self._told[event] == number:
            self._told[event] = NONE if following == LAST else following
            if following == LAST:
                self.edges.rows[event, INFO] &= ~LABELLED
        else:
            at = int(self._told[event])
            while int(rows[at, ENDS]) & LOW != number:
                at = int(rows[at, ENDS]) & LOW
            rows[at, ENDS] = event << HALF | following
        self.labels.clear(number)
        self.leave(event)

    # -- reading ------------------------------------------------------------------------------

    def walk(self, events: Sequence[Event], caps: Caps, horizon_ms: int) -> Walked:
        """The edges each event sees (see `GraphStore.subgraphs`); what is windowed and older than the horizon not."""
        self._linked.flush()
        cuts, per_hop = self._cuts(events), _per_hop(caps)
        _, room, *found = self._walk(events, cuts, per_hop, horizon_ms)
        if room > len(self._known.keys):
            self._known.clear(room)
        return Walked(*found)

    def _walk(self, events: Sequence[Event], cuts: Array, per_hop: Array, horizon_ms: int) -> Any:
        """A walk, by the lines alone where they are enough for a single event."""
        known, linked, lines = self._known, self._linked, self.edges.rows
        if len(events) == 1:
            stamp = known.stamps(STAMPS)
            found = quick(
                lines, linked.nodes.slot, linked.slots.rows, linked.pool.rows, self._told, self.labels.rows,
                self.logs.rows, horizon_ms, cuts, per_hop, known.keys, known.numbers, stamp,
            )  # fmt: skip
            if found[0]:
                return found
        stamp = known.stamps(STAMPS * len(events))  # which may make the table anew
        return walk(self._graph, self.logs.ranks, lines, horizon_ms, cuts, per_hop, known.keys, known.numbers, stamp)

    def _cuts(self, events: Sequence[Event]) -> Array:
        """[B, 9], see adjacency_lines."""
        nodes, owners = self._linked.names, self.edges.names
        if len(events) == 1:
            ends, own = [nodes.find(events[0].src), nodes.find(events[0].dst)], [owners.find(events[0].id)]
        else:
            ends = nodes.find_all([name for event in events for name in (event.src, event.dst)]).tolist()
            own = owners.find_all([event.id for event in events]).tolist()
        cuts = np.empty((len(events), CUTS), np.int64)
        for at, event in enumerate(events):
            src, dst = ends[2 * at], ends[2 * at + 1]
            if src < 0 and dst < 0 and event.src != event.dst:
                dst = NEITHER
            cuts[at] = (src, dst, own[at], event.time_ms, *self._position(event.pos))
        return cuts

    def _position(self, pos: str) -> tuple[int, ...]:
        return (pos and self.logs.cut(pos)) or (NO_PLACE, 0, 0, 0, NONE)

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
        self._linked.flush()
        cuts, (node, key) = self._cuts(events), self._linked.subjects(events)
        out = np.zeros((*node.shape, SUMS))
        tally(self._graph, self.edges.rows, self.logs.ranks, horizon_ms, cuts, node, key, value, most, out)
        return out

    def freeze(self) -> None:
        """Put everything into its slot, and let go of what only writing and reading whole edges need."""
        self._linked.flush()
        self._records, self._arena = aligned(0, "i4"), Arena()
        self.labels.names, self.edges.chains, self.labels.chains = type(self.labels.names)(roles=True), {}, {}

    # -- beside -------------------------------------------------------------------------------

    @property
    def categories(self) -> int:
        """The most that one relation has."""
        return self._linked.categories

    def index(self, categories: Mapping[str, Sequence[str]]) -> None:
        """Keep edges by the values of these attributes too, by relation: for `tally`. Once, for edges here and to come.

        Raises:
            ValueError: others are kept already.
        """
        if self._linked.index(categories):
            for number in self.edges.here().tolist():
                self._linked.add_values(number, *self.described(number), self._lanes)

    def attach(self, lane: Lane) -> None:
        """Tell a lane of every edge and node that is here, and from now on of every one that comes."""
        for key, number in self._linked.names.items():
            lane.put_node(number, key)
        for number in self.edges.here().tolist():
            lane.put_edge(number, self.edge(number))
        self._lanes.append(lane)


def _packed_all(time_ms: Array, known_ms: Array, spots: Sequence[Spot], windowed: Sequence[bool]) -> Array:
    """INFO of plain lines; 0 where it does not fit."""
    log = np.array([spot.log for spot in spots], np.int64)
    fits = (np.abs(known_ms.astype(np.float64) - time_ms) < MOST_LATER - SLACK_MS) & (log <= LOGS)
    flags = np.where(np.array(windowed, bool), HERE | WINDOWED, HERE)
    return np.where(fits, known_ms - time_ms << LATER | log << LOG | flags, 0)


@lru_cache(maxsize=16)
def _per_hop(caps: Caps) -> Array:
    return np.array(caps.per_hop, np.int64)


def compile_walk() -> None:
    """Compile what writing and a walk need, or load it where that was done before: seconds no event should wait for."""
    adjacency, pos = Adjacency(), "warm/0001.1.00000001.0000000000000001.000000"
    edge, spot = EdgeUpsert("warm:1:up", pos, 0, "R", "A:1", "A:2", 0, {}), adjacency.logs.plain(pos)
    adjacency.put([edge], [spot] if spot else [], [False])
    event = Event("warm:2:up", "new", "", 1, "R", "A:1", "A:2", 1, {})
    for many in (1, 2):  # one alone is walked by code of its own
        adjacency.walk([event] * many, Caps((1,)), NEVER_MS)
    adjacency.remove([0])
    adjacency.leave(0)
