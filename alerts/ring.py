"""The ring around an alert, ready to draw: nodes, edges and what to say of each. Pure.

Edges between the same two nodes, of one relation and direction, are drawn as one with a count; more than
`MOST_EDGES` are cut to the strongest contributions first, then the nearest and newest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from alerts import words
from graph.model import Subgraph, SubgraphEdge, split_key

MOST_EDGES = 150
SHOWN_PER_BUNDLE = 12


class RingNode(msgspec.Struct, frozen=True):
    """A node: `role` is source, target or empty; `frauds` counts its edges reported as fraud by then."""

    id: str
    type: str
    label: str
    role: str
    frauds: int
    facts: list[tuple[str, str]]


class RingEdge(msgspec.Struct, frozen=True):
    """One drawn edge: `count` of the graph's, `weight` what they added to the logit together."""

    id: str
    relation: str
    source: str
    target: str
    label: str
    short: str
    count: int
    weight: float
    fraud: bool
    event: bool
    facts: list[tuple[str, str]]


class Ring(msgspec.Struct, frozen=True):
    """What to draw; `omitted` edges of the subgraph are left out."""

    nodes: list[RingNode]
    edges: list[RingEdge]
    types: list[str]
    omitted: int
    total: int


def draw(subgraph: dict[str, Any] | None, event: Any, contributions: Sequence[dict[str, Any]]) -> Ring:
    """The ring of an alert.

    Args:
        subgraph: as stored (the wire form), or None: then only the event itself is drawn.
        event: anything with relation, src, dst, time_ms and attributes.
        contributions: as stored, strongest first.
    """
    edges = list(msgspec.convert(subgraph, Subgraph).edges) if subgraph else []
    weights = {part["name"]: float(part["value"]) for part in contributions if part.get("kind") == "edge"}
    chosen = _strongest(edges, weights)
    drawn = [_event_edge(event), *(_bundle(group, weights) for group in _groups(chosen))]
    keys = dict.fromkeys([event.src, event.dst, *(key for edge in chosen for key in (edge.src, edge.dst))])
    nodes = [_node(key, event, chosen) for key in keys]
    return Ring(nodes, drawn, sorted({node.type for node in nodes}), len(edges) - len(chosen), len(edges))


def _strongest(edges: list[SubgraphEdge], weights: dict[str, float]) -> list[SubgraphEdge]:
    if len(edges) <= MOST_EDGES:
        return edges
    order = sorted(edges, key=lambda edge: (-abs(weights.get(edge.owner, 0.0)), edge.hop, -edge.time_ms, edge.owner))
    kept = {edge.owner for edge in order[:MOST_EDGES]}
    return [edge for edge in edges if edge.owner in kept][:MOST_EDGES]


def _groups(edges: list[SubgraphEdge]) -> list[list[SubgraphEdge]]:
    groups: dict[tuple[str, str, str], list[SubgraphEdge]] = {}
    for edge in edges:
        groups.setdefault((edge.relation, edge.src, edge.dst), []).append(edge)
    return list(groups.values())


def _event_edge(event: Any) -> RingEdge:
    amount = words.amount_of(event.attributes)
    facts = [("this event", words.event(event.relation, event.src, event.dst, event.attributes))]
    facts += [("time (UTC)", words.utc(event.time_ms)), *words.facts(event.attributes)]
    label = _label(event.relation, amount, event.time_ms)
    short = amount or event.relation
    return RingEdge("event", event.relation, event.src, event.dst, label, short, 1, 0.0, False, True, facts)


def _bundle(group: list[SubgraphEdge], weights: dict[str, float]) -> RingEdge:
    newest = max(group, key=lambda edge: edge.time_ms)
    times = f" ×{len(group)}" if len(group) > 1 else ""
    weight = sum(weights.get(edge.owner, 0.0) for edge in group)
    return RingEdge(
        id=newest.owner,
        relation=newest.relation,
        source=newest.src,
        target=newest.dst,
        label=_label(newest.relation + times, _total(group), newest.time_ms),
        short=(_total(group) or newest.relation) + times,
        count=len(group),
        weight=weight,
        fraud=any(edge.label for edge in group),
        event=False,
        facts=_facts(group, weight),
    )


def _label(relation: str, amount: str | None, time_ms: int) -> str:
    """Two short lines: what and how much, then when (month, day, minute)."""
    return f"{' '.join(part for part in (relation, amount) if part)}\n{words.utc(time_ms)[5:16]}"


def _total(group: list[SubgraphEdge]) -> str | None:
    """The sum, where all are whole numbers of one currency; else nothing."""
    amounts = [edge.attributes.get("amount") for edge in group]
    currencies = {edge.attributes.get("currency") for edge in group}
    if len(currencies) != 1 or not all(type(amount) is int for amount in amounts):
        return None
    return words.money(sum(int(amount or 0) for amount in amounts), currencies.pop())


def _facts(group: list[SubgraphEdge], weight: float) -> list[tuple[str, str]]:
    first = group[0]
    facts = [(first.relation, f"{words.name(first.src)} → {words.name(first.dst)}")]
    if weight:
        facts.append(("added to the logit", f"{weight:+.2f}"))
    for edge in sorted(group, key=lambda edge: -edge.time_ms)[:SHOWN_PER_BUNDLE]:
        details = ", ".join(value for _, value in words.facts(edge.attributes))
        known = {True: "reported as fraud", False: "reported as legitimate", None: ""}[edge.label]
        facts.append((words.utc(edge.time_ms), " · ".join(part for part in (details, known, edge.owner) if part)))
    if len(group) > SHOWN_PER_BUNDLE:
        facts.append(("…", f"and {len(group) - SHOWN_PER_BUNDLE} older"))
    return facts


def _node(key: str, event: Any, edges: list[SubgraphEdge]) -> RingNode:
    label, id = split_key(key)
    mine = [edge for edge in edges if key in (edge.src, edge.dst)]
    frauds = sum(edge.label is True for edge in mine)
    counts: dict[str, int] = {}
    for edge in mine:
        way = f"{edge.relation} {'out' if edge.src == key else 'in'}"
        counts[way] = counts.get(way, 0) + 1
    facts = [(label, id), *((way, str(count)) for way, count in sorted(counts.items()))]
    if mine:
        facts.append(
            ("seen (UTC)", f"{words.utc(min(e.time_ms for e in mine))} to {words.utc(max(e.time_ms for e in mine))}")
        )
    if frauds:
        facts.append(("edges reported as fraud", str(frauds)))
    role = "source" if key == event.src else "target" if key == event.dst else ""
    return RingNode(key, label, words.name(key).partition(" ")[2] or key, role, frauds, facts)
