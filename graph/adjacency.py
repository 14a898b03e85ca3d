"""The mirror's edges and labels as arrays, kept so that an as-of walk touches no Python object (the one sampler).

Edges are lines by number (graph/edges.py), listed by time per node, relation and direction (graph/adjacency_nodes.py).
The mirror says what changes; compiled code walks (graph/adjacency_walk.py). Not safe by itself for several threads: the
mirror's lock is around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.adjacency_arrays import NONE, Array, Graph
from graph.adjacency_known import Known
from graph.adjacency_lines import NO_PLACE
from graph.adjacency_rule import frauds
from graph.adjacency_tally import SUMS, tally
from graph.adjacency_walk import STAMPS, Walked, quick, walk
from graph.asked import Asked
from graph.edges import Edges, Lane
from graph.horizons import NEVER_MS
from graph.labels import Labels
from graph.logs import Logs
from graph.model import Caps, EdgeUpsert, Event

NEITHER = -2  # a target that is not in the graph, and is not the source, which is not there either
CUTS = 9  # words of a cut


class Adjacency:
    """Edges by node, relation and direction, and labels by event; edges by the value of a category too, if asked."""

    def __init__(self) -> None:
        """Nothing is here."""
        self.logs = Logs()
        self._asked = Asked(self.logs)
        self.edges = Edges(self._asked)
        self.labels = Labels(self._asked, self.edges)
        self._known = Known()

    @property
    def sizes(self) -> dict[str, int]:
        """How much of each thing is here."""
        return {
            "edges": self.edges.versions, "labels": self.labels.versions, "places": self._asked.ends,
            "owners": len(self.edges.names), **self.edges.linked.sizes,
        }  # fmt: skip

    @property
    def memory(self) -> dict[str, int]:
        """Bytes in use, by structure, but for chains of several versions."""
        return {
            **self.edges.memory, "labels": self.labels.nbytes, "asked": self._asked.nbytes + self.logs.nbytes,
            "ages": 4 * (len(self.edges.ages) + len(self.labels.ages)),
        }  # fmt: skip

    @property
    def room(self) -> int:
        """Above the number of every version."""
        return self.edges.names.size

    @property
    def _graph(self) -> Graph:
        linked = self.edges.linked
        return Graph(
            self._asked.several, self._asked.places, linked.nodes, linked.slots, linked.pool, self.edges.told,
            self.labels.rows, self.logs.rows,
        )  # fmt: skip

    # -- reading ------------------------------------------------------------------------------

    def sight(self, events: Sequence[Event], horizon_ms: int) -> Sight:
        """What these events see; what is windowed and older than the horizon not. Until something is written."""
        self.edges.linked.flush()
        return Sight(self, events, self._cuts(events), horizon_ms)

    def walk(self, cuts: Array, caps: Caps, horizon_ms: int) -> Walked:
        """See `Sight.walk`."""
        _, room, *found = self._walk(cuts, _per_hop(caps), horizon_ms)
        if room > len(self._known.keys):
            self._known.clear(room)
        return Walked(*found)

    def _walk(self, cuts: Array, per_hop: Array, horizon_ms: int) -> Any:
        """A walk, by the lines alone where they are enough for a single event."""
        known, linked, lines = self._known, self.edges.linked, self.edges.rows
        if len(cuts) == 1:
            stamp = known.stamps(STAMPS)
            found = quick(
                lines, linked.nodes.slot, linked.slots.rows, linked.pool.rows, self.edges.told, self.labels.rows,
                self.logs.rows, horizon_ms, cuts, per_hop, known.keys, known.numbers, stamp,
            )  # fmt: skip
            if found[0]:
                return found
        stamp = known.stamps(STAMPS * len(cuts))  # which may make the table anew
        return walk(self._graph, self.logs.ranks, lines, horizon_ms, cuts, per_hop, known.keys, known.numbers, stamp)

    def _cuts(self, events: Sequence[Event]) -> Array:
        """[B, 9], see adjacency_lines."""
        nodes, owners = self.edges.linked.names, self.edges.names
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

    def tally(
        self, events: Sequence[Event], cuts: Array, value: NDArray[Any], most: int, horizon_ms: int
    ) -> NDArray[np.float64]:
        """See `Sight.tally`."""
        node, key = self.edges.linked.subjects(events, cuts[:, :2])
        out = np.zeros((*node.shape, SUMS))
        tally(self._graph, self.edges.rows, self.logs.ranks, horizon_ms, cuts, node, key, value, most, out)
        return out

    def frauds(self, versions: Sequence[int], event: Event, horizon_ms: int) -> list[bool]:
        """Which versions of edges an event sees and knows to be fraud; of what is older than the horizon nothing."""
        told = np.zeros(len(versions), np.int8)
        numbers, cuts = np.array(versions, np.int64), self._cuts([event])
        frauds(self._graph, self.edges.rows, self.logs.ranks, horizon_ms, numbers, cuts, told)
        return [bool(one) for one in told.tolist()]

    def freeze(self) -> None:
        """Put everything into its slot, and let go of what only writing and reading whole edges need."""
        self.edges.freeze()
        self.labels.freeze()

    # -- beside -------------------------------------------------------------------------------

    @property
    def categories(self) -> int:
        """The most that one relation has."""
        return self.edges.linked.categories

    def index(self, categories: Mapping[str, Sequence[str]]) -> None:
        """Keep edges by the values of these attributes too, by relation: for `tally`. Once, for edges here and to come.

        Raises:
            ValueError: others are kept already.
        """
        if self.edges.linked.index(categories):
            for number in self.edges.here().tolist():
                self.edges.linked.add_values(number, *self.edges.described(number))

    def attach(self, lane: Lane) -> None:
        """Tell a lane of every edge and node that is here, and from now on of every one that comes."""
        self.edges.attach(lane)


@dataclass(frozen=True, slots=True)
class Sight:
    """What some events see, found once for all that is asked of them.

    Attributes:
        events: [B].
        cuts: [B, 9], see adjacency_lines.
    """

    adjacency: Adjacency
    events: Sequence[Event]
    cuts: Array
    horizon_ms: int

    def walk(self, caps: Caps) -> Walked:
        """The edges each event sees (see `GraphStore.subgraphs`)."""
        return self.adjacency.walk(self.cuts, caps, self.horizon_ms)

    def tally(self, value: NDArray[Any], most: int) -> NDArray[np.float64]:
        """What is known of each event's ends and the values of its categories, as of the event.

        Args:
            value: by the number of a version, what is added up.
            most: edges looked at of one end or value, the newest.

        Returns:
            [B, 2 + C, SUMS] for C categories (see `Adjacency.index`): source, target, then the categories of the
            event's relation in their order. Of the ends only edges of the event's relation, in which they stand as
            here.
        """
        return self.adjacency.tally(self.events, self.cuts, value, most, self.horizon_ms)


@lru_cache(maxsize=16)
def _per_hop(caps: Caps) -> Array:
    return np.array(caps.per_hop, np.int64)


def compile_walk() -> None:
    """Compile what writing and a walk need, or load it where that was done before: seconds no event should wait for."""
    adjacency, pos = Adjacency(), "warm/0001.1.00000001.0000000000000001.000000"
    edge, spot = EdgeUpsert("warm:1:up", pos, 0, "R", "A:1", "A:2", 0, {}), adjacency.logs.plain(pos)
    adjacency.edges.put([edge], [spot] if spot else [], [False])
    event = Event("warm:2:up", "new", "", 1, "R", "A:1", "A:2", 1, {})
    for many in (1, 2):  # one alone is walked by code of its own
        adjacency.sight([event] * many, NEVER_MS).walk(Caps((1,)))
    adjacency.frauds([0], event, NEVER_MS)
    adjacency.edges.remove([0])
    adjacency.edges.leave(0)
