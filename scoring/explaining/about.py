"""Which edge a feature speaks of: "something new came up nearby by LOGIN" is one login, on one device. Pure.

Features are counted over edges (`scoring.event_features`, `scoring.features`); the edge meant is the one that made the
feature what it is, or of several the newest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from graph.model import Subgraph, SubgraphEdge
from scoring.schema import HOUR_MS, WINDOWS_MS

Found = SubgraphEdge | None


def about(name: str, subgraph: Subgraph) -> Found:
    """The edge of a subgraph that a feature of this name speaks of; None where it speaks of none, or of all."""
    for pattern, find in PATTERNS.items():
        if match := re.fullmatch(pattern, name):
            return find(subgraph, match)
    return None


def _newest(edges: Iterable[SubgraphEdge]) -> Found:
    return max(edges, key=lambda edge: (edge.time_ms, edge.owner), default=None)


def _near(subgraph: Subgraph, relation: str) -> list[SubgraphEdge]:
    """Edges of a relation at the source and at its neighbours."""
    source = subgraph.event.src
    ends = {source} | {end for edge in subgraph.edges if source in (edge.src, edge.dst) for end in (edge.src, edge.dst)}
    return [edge for edge in subgraph.edges if edge.relation == relation and (edge.src in ends or edge.dst in ends)]


def _new_pair(subgraph: Subgraph, match: re.Match[str]) -> Found:
    """The first edge of the pair that was new last."""
    first: dict[tuple[str, str], SubgraphEdge] = {}
    for edge in sorted(_near(subgraph, match["relation"]), key=lambda edge: (edge.time_ms, edge.owner)):
        first.setdefault((edge.src, edge.dst), edge)
    return _newest(first.values())


def _lately(subgraph: Subgraph, match: re.Match[str]) -> Found:
    since_ms = subgraph.event.time_ms - {"1h": 1, "24h": 24}[match["window"]] * HOUR_MS
    return _newest(edge for edge in _near(subgraph, match["relation"]) if edge.time_ms >= since_ms)


def _since(subgraph: Subgraph, match: re.Match[str]) -> Found:
    end = _end(subgraph, match)
    return _newest(
        edge for edge in subgraph.edges if edge.relation == match["relation"] and end in (edge.src, edge.dst)
    )


def _count(subgraph: Subgraph, match: re.Match[str]) -> Found:
    end, span_ms = _end(subgraph, match), WINDOWS_MS.get(match["window"])
    since_ms = -(2**63) if span_ms is None else subgraph.event.time_ms - span_ms
    return _newest(
        edge
        for edge in subgraph.edges
        if edge.relation == match["relation"]
        and (edge.src if match["way"] == "out" else edge.dst) == end
        and edge.time_ms >= since_ms
    )


def _says(subgraph: Subgraph, match: re.Match[str]) -> Found:
    """The only one that says it: of several, none is meant."""
    relation, field, value = match["relation"], match["field"], match["value"]
    found = [edge for edge in subgraph.edges if edge.relation == relation and edge.attributes.get(field) == value]
    return found[0] if len(found) == 1 else None


def _end(subgraph: Subgraph, match: re.Match[str]) -> str:
    return subgraph.event.src if match["whose"] == "source" else subgraph.event.dst


PATTERNS: dict[str, Callable[[Subgraph, re.Match[str]], Found]] = {
    r"event\.near_new_since_(?P<relation>\w+)": _new_pair,
    r"event\.near_(?P<window>1h|24h)_(?P<relation>\w+)": _lately,
    r"event\.(?P<whose>source|target)_since_(?P<relation>\w+)": _since,
    r"(?P<whose>source|target)\.(?P<relation>\w+)_(?P<way>out|in)_(?P<window>1h|24h|7d|all)_log": _count,
    r"(?:mean|largest)_edge\.(?P<relation>\w+)\.(?P<field>\w+)=(?P<value>.*)": _says,
}
