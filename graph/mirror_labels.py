"""What a mirror knows of frauds: its labels, the edges they speak of, and what an event knew of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from graph.adjacency import Adjacency
from graph.model import EdgeUpsert, Event, LabelUpsert
from graph.versions import Chain


def labels(chains: Iterable[Chain]) -> Iterator[LabelUpsert]:
    """Every version of every label."""
    for chain in chains:
        for held in chain.items:
            if isinstance(held.op, LabelUpsert):
                yield held.op


def edges(chain: Chain | None) -> Iterator[EdgeUpsert]:
    """The versions of one edge, by position."""
    for held in chain.items if chain is not None else ():
        if isinstance(held.op, EdgeUpsert):
            yield held.op


def frauds(adjacent: Adjacency, chains: Sequence[Chain | None], event: Event, horizon_ms: int) -> list[bool]:
    """Of each edge's chain, whether the event sees one of its versions and knows it to be fraud."""
    numbers = [_numbers(chain) for chain in chains]
    told = iter(adjacent.frauds([number for each in numbers for number in each], event, horizon_ms))
    return [sum(next(told) for _ in each) > 0 for each in numbers]


def _numbers(chain: Chain | None) -> list[int]:
    items = chain.items if chain is not None else ()
    return [held.number for held in items if held.number >= 0 and isinstance(held.op, EdgeUpsert)]
