"""What a mirror is asked about labels and the edges they speak of, beside walks. No lock is around it here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graph.adjacency import Adjacency
from graph.edges import Edges
from graph.labels import Labels
from graph.model import EdgeUpsert, Event, LabelUpsert


def labels(held: Labels) -> Iterator[LabelUpsert]:
    """Every version of every label."""
    return (held.op(number) for number in held.here().tolist())


def first(edges: Edges, owner: str) -> EdgeUpsert | None:
    """The first version of an edge, by position."""
    numbers = _numbers(edges, owner)
    return edges.op(numbers[0]) if numbers else None


def frauds(adjacent: Adjacency, owners: Sequence[str], event: Event, horizon_ms: int) -> list[bool]:
    """Of each edge, whether the event sees one of its versions and knows it to be fraud."""
    numbers = [_numbers(adjacent.edges, owner) for owner in owners]
    told = iter(adjacent.frauds([number for each in numbers for number in each], event, horizon_ms))
    return [sum(next(told) for _ in each) > 0 for each in numbers]


def _numbers(edges: Edges, owner: str) -> list[int]:
    number = edges.names.find(owner)
    return [item for item in edges.items(number) if item >= 0] if number >= 0 else []
