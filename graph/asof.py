"""The one rule of what an event may see, shared by every reader.

For an event at t an edge or label counts only if it happened strictly before t, was known by then
and was not closed by then (DESIGN.md, guarantee 3). "Known by then" is two tests: its row's commit
time is not after t, and its row stands before the event's in the source's log. The log order is what
makes it exact: a commit time may be whole seconds (MariaDB), a position is not, and whatever is
appended later stands behind the event, so it can change no earlier subgraph.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from graph.model import Event, Subgraph, SubgraphEdge


class Cut(msgspec.Struct, frozen=True):
    """The moment an event looks at the graph from. `source` is the prefix its positions share.

    What was written at a position and committed at a time was known then if that time is not after `time_ms` and the
    position stands before `pos`, or in another source (`cypher_read._knows` and `adjacency_rule._before` ask that).
    """

    time_ms: int
    pos: str
    source: str

    @classmethod
    def of(cls, event: Event) -> Cut:
        """The event's own moment. Without a position (not committed yet) only the time is compared."""
        source, slash, _ = event.pos.rpartition("/")
        return cls(event.time_ms, event.pos, f"{source}{slash}" or "\0")


def assemble(event: Event, found: Iterable[SubgraphEdge]) -> Subgraph:
    """Put the edges a reader found into the one order every reader gives."""
    edges = sorted(found, key=lambda e: (e.hop, -e.time_ms, e.owner))
    nodes = dict.fromkeys((event.src, event.dst))
    for edge in edges:
        nodes.setdefault(edge.src)
        nodes.setdefault(edge.dst)
    return Subgraph(event, tuple(nodes), tuple(edges))
