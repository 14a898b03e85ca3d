"""View: a subgraph with the look-ups rules need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import isfinite

from graph.model import Event, Subgraph, SubgraphEdge
from scoring.rules import words
from scoring.rules.fields import End, Names, Way

Edge = SubgraphEdge | Event


class View:
    """The event and what was known before it. `now_ms` is the event's time; nothing else tells the time."""

    def __init__(self, subgraph: Subgraph, names: Names) -> None:
        """Index the subgraph's edges by relation."""
        self.event, self.names, self.now_ms = subgraph.event, names, subgraph.event.time_ms
        self.edges = subgraph.edges
        self._by: dict[str, list[SubgraphEdge]] = defaultdict(list)
        for edge in subgraph.edges:
            self._by[edge.relation].append(edge)
        self._users: tuple[str, ...] | None = None

    def within(self, relation: str, window_ms: int | None = None) -> list[SubgraphEdge]:
        """Edges of a relation, of the newest window only if one is given."""
        edges = self._by.get(relation, [])
        if window_ms is None:
            return edges
        since_ms = self.now_ms - window_ms
        return [edge for edge in edges if edge.time_ms >= since_ms]

    def at(self, relation: str, node: str, way: Way, window_ms: int | None = None) -> list[SubgraphEdge]:
        """Those that leave a node, or come in to it.

        Of the event's own ends those that were read from there: what the rest of the neighbourhood shows of them
        beside that is left out, so that a finding is the same however far from the event was read.
        """
        edges = self.within(relation, window_ms)
        edges = [e for e in edges if e.src == node] if way == "out" else [e for e in edges if e.dst == node]
        own = node in (self.event.src, self.event.dst)
        return [edge for edge in edges if edge.hop == 1] if own else edges

    @property
    def users(self) -> tuple[str, ...]:
        """Who may act: the owners of the account the event leaves from, sorted; else the event's source itself."""
        if self._users is None:
            owners = {edge.src for edge in self.within(self.names.owns) if edge.dst == self.event.src}
            self._users = tuple(sorted(owners)) or (self.event.src,)
        return self._users

    def ends(self, which: End) -> tuple[str, ...]:
        """The node, or nodes, a rule looks at."""
        if which == "user":
            return self.users
        return (self.event.src if which == "source" else self.event.dst,)

    def amount(self, edge: Edge) -> int:
        """Its amount, minor units; 0 where it has none."""
        value = edge.attributes.get(self.names.amount)
        return int(abs(value)) if isinstance(value, int | float) and isfinite(value) else 0

    def money(self, amount: int, edges: Iterable[Edge]) -> str:
        """An amount in words, with the currency of the edges it is the sum of."""
        return words.money(amount, [edge.attributes.get(self.names.currency) for edge in edges])

    def age_ms(self, edge: Edge) -> int:
        """How long before the event it was."""
        return self.now_ms - edge.time_ms

    def busy(self, node: str, most: int) -> bool:
        """Whether a node deals with so many others in view that it deals with everybody: a shop, an employer."""
        return len({e.src if e.dst == node else e.dst for e in self.edges if node in (e.src, e.dst)}) >= most
