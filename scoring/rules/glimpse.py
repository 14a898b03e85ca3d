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


class Looked:
    """A lane (`graph.edges.Lane`): by version whether it is of a relation that is looked at."""

    def __init__(self, relations: frozenset[str]) -> None:
        """Empty; attach it to a mirror."""
        self._relations = relations
        self.wanted = np.zeros(64, np.bool_)

    def put_edge(self, number: int, edge: EdgeUpsert) -> None:
        """See Lane."""
        if number >= len(self.wanted):
            self.wanted = np.concatenate([self.wanted, np.zeros(number + 1, np.bool_)])
        self.wanted[number] = edge.relation in self._relations

    def put_node(self, number: int, key: str) -> None:
        """See Lane: an edge names its nodes."""


class Glimpses:
    """What a mirror shows of some relations."""

    def __init__(self, mirror: Mirror, relations: frozenset[str]) -> None:
        """Look at these relations, and at what is known to be fraud."""
        self._mirror, self._lane = mirror, mirror.lane(relations, lambda: Looked(relations))

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        """As `Mirror.subgraphs`, without the edges that are not looked at."""
        return self._mirror.see(events, lambda sight: self._made(events, sight.walk(caps)))

    def _made(self, events: Sequence[Event], seen: Walked) -> list[Subgraph]:
        kept = np.flatnonzero(self._lane.wanted[seen.version] | (seen.label == 1))
        columns = (seen.version[kept].tolist(), seen.label[kept].tolist(), seen.hop[kept].tolist())
        edges = [self._edge(*each) for each in zip(*columns, seen.time_ms[kept].tolist(), strict=True)]
        starts = np.searchsorted(kept, seen.starts).tolist()
        return [assemble(event, edges[starts[at] : starts[at + 1]]) for at, event in enumerate(events)]

    def _edge(self, version: int, known: int, hop: int, time_ms: int) -> SubgraphEdge:
        owner, src, dst, relation, attributes = self._mirror.edge(version)
        return SubgraphEdge(owner, relation, src, dst, time_ms, attributes, None if known < 0 else bool(known), hop)
