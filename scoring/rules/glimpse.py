"""Glimpses: subgraphs from a mirror with only the edges that some rules look at, for rules asked of every event.

Making a subgraph's edges takes ten times as long as walking to them, so what no rule looks at is not made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graph.adjacency_walk import Walked
from graph.asof import assemble
from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Subgraph, SubgraphEdge


class Glimpses:
    """A lane (`graph.adjacency.Lane`): by version the edge, and whether it is of a relation that is looked at."""

    def __init__(self, mirror: Mirror, relations: frozenset[str]) -> None:
        """Look at these relations, and at what is known to be fraud."""
        self._mirror, self._relations = mirror, relations
        self._wanted = np.zeros(64, np.bool_)
        self._edges: list[EdgeUpsert | None] = []
        mirror.attach(self)

    def put_edge(self, number: int, edge: EdgeUpsert) -> None:
        """See Lane."""
        if number >= len(self._wanted):
            self._wanted = np.concatenate([self._wanted, np.zeros(number + 1, np.bool_)])
        self._edges += [None] * (number + 1 - len(self._edges))
        self._wanted[number], self._edges[number] = edge.relation in self._relations, edge

    def put_node(self, number: int, key: str) -> None:
        """See Lane: an edge names its nodes."""

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        """As `Mirror.subgraphs`, without the edges that are not looked at."""
        return self._mirror.walk(events, caps, lambda seen: self._made(events, seen))

    def _made(self, events: Sequence[Event], seen: Walked) -> list[Subgraph]:
        kept = np.flatnonzero(self._wanted[seen.version] | (seen.label == 1))
        columns = (seen.version[kept].tolist(), seen.label[kept].tolist(), seen.hop[kept].tolist())
        edges = [self._edge(*each) for each in zip(*columns, strict=True)]
        starts = np.searchsorted(kept, seen.starts).tolist()
        return [assemble(event, edges[starts[at] : starts[at + 1]]) for at, event in enumerate(events)]

    def _edge(self, version: int, known: int, hop: int) -> SubgraphEdge:
        edge = self._edges[version]
        assert edge is not None  # a walk finds only what lanes were told of
        label = None if known < 0 else bool(known)
        return SubgraphEdge(edge.owner, edge.relation, edge.src, edge.dst, edge.time_ms, edge.attributes, label, hop)
