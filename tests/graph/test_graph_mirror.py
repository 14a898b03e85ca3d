"""The mirror beyond the store contract: caps, ties, holding, late arrivals, dumps."""

from __future__ import annotations

import random

import numpy as np
import pytest
from histories import canonical, changes, demo_mapping
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Floor, Gone, NodeUpsert, Subgraph, Upsert
from graph.store import StoreRefused
from graph.versions import Chain
from ingest.events import Change

MAPPING = demo_mapping()


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def edge(n: int, src: str, dst: str, time_ms: int, relation: str = "TRANSFER", at: int | None = None) -> EdgeUpsert:
    return EdgeUpsert(f"transfers:{n}:x", pos(at or n), time_ms, relation, src, dst, time_ms, {"n": n})


EDGES = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.sampled_from("abcd"), st.integers(1, 20), st.sampled_from(["TRANSFER", "PAID"])
    ),
    max_size=40,
).map(lambda rows: [edge(n, f"A:{s}", f"A:{d}", t, r) for n, (s, d, t, r) in enumerate(rows, start=1)])
CAPS = st.lists(st.integers(0, 4), min_size=1, max_size=3).map(lambda caps: Caps(tuple(caps)))
ASKED = Event("asked:1:x", "new", pos(1_000), 1_000, "TRANSFER", "A:a", "A:b", 15, {})


def slow(edges: list[EdgeUpsert], event: Event, caps: Caps) -> dict[str, int]:
    """What a subgraph has to be, by looking at everything: owner → hop."""
    seen, frontier, found = {event.src, event.dst}, [event.src, event.dst], dict[str, int]()
    for hop, cap in enumerate(caps.per_hop, start=1):
        reached: list[str] = []
        for node in dict.fromkeys(frontier):
            for relation in ("TRANSFER", "PAID"):
                for end in ("src", "dst"):
                    there = [e for e in edges if getattr(e, end) == node and e.relation == relation]
                    there = [e for e in there if e.time_ms < event.time_ms]
                    there.sort(key=lambda e: (e.time_ms, f"{e.owner}@{e.pos}"), reverse=True)
                    for each in there[:cap]:
                        found.setdefault(each.owner, hop)
                        for other in (each.src, each.dst):
                            if other not in seen:
                                seen.add(other)
                                reached.append(other)
        frontier = reached
    return found


@settings(max_examples=150, deadline=None)
@given(EDGES, CAPS, st.randoms(use_true_random=False))
def test_a_subgraph_is_what_looking_at_everything_finds(
    edges: list[EdgeUpsert], caps: Caps, rng: random.Random
) -> None:
    """Caps, hops, equal times, loops and parallel edges; whatever order the edges came in."""
    mirror, shuffled = Mirror(), list(edges)
    rng.shuffle(shuffled)
    mirror.apply(shuffled)
    subgraph = mirror.subgraphs([ASKED], caps)[0]
    assert {e.owner: e.hop for e in subgraph.edges} == slow(edges, ASKED, caps)


def well_formed(subgraph: Subgraph, caps: Caps) -> None:
    order = [(e.hop, -e.time_ms, e.owner) for e in subgraph.edges]
    assert order == sorted(order) and len({e.owner for e in subgraph.edges}) == len(order)
    named = {n for e in subgraph.edges for n in (e.src, e.dst)} | {subgraph.event.src, subgraph.event.dst}
    assert set(subgraph.nodes) == named and len(subgraph.nodes) == len(named)
    assert all(e.time_ms < subgraph.event.time_ms and e.owner != subgraph.event.id for e in subgraph.edges)
    width, most = len(dict.fromkeys((subgraph.event.src, subgraph.event.dst))), 0
    for hop, cap in enumerate(caps.per_hop, start=1):
        most = width * cap * 2 * len(MAPPING.relations)  # each node, relation and direction
        width = sum(1 for e in subgraph.edges if e.hop == hop)
        assert width <= most


@settings(max_examples=50, deadline=None)
@given(changes(40), CAPS)
def test_caps_are_never_exceeded(log: list[Change], caps: Caps) -> None:
    """And nodes and edges stand in the order the contract gives."""
    mirror, plans = Mirror(), [MAPPING.plan(change) for change in log]
    for plan in plans:
        mirror.apply(plan.upserts)
    for subgraph in mirror.subgraphs([event for plan in plans for event in plan.events], caps):
        well_formed(subgraph, caps)


@settings(max_examples=50, deadline=None)
@given(changes(40), st.integers(0, 40))
def test_it_holds_exactly_what_arrived(log: list[Change], upto: int) -> None:
    """An event waits for its own change and for no other."""
    mirror, plans = Mirror(), [MAPPING.plan(change) for change in log]
    for plan in plans[:upto]:
        mirror.apply(plan.upserts)
    arrived = {(e.id, e.pos) for plan in plans[:upto] for e in plan.events}
    for plan in plans:
        for event in plan.events:
            assert mirror.holds(event.id, event.pos) == ((event.id, event.pos) in arrived)


@settings(max_examples=50, deadline=None)
@given(changes(40), st.integers(0, 2**32), CAPS)
def test_a_dump_in_any_order_rebuilds_it(log: list[Change], seed: int, caps: Caps) -> None:
    """Property for property, subgraph for subgraph; also when the dump overlaps the stream."""
    mirror, plans = Mirror(), [MAPPING.plan(change) for change in log]
    for plan in plans:
        mirror.apply(plan.upserts)
    copy, dumped = Mirror(), list(mirror.dump())
    assert len({str(upsert) for upsert in dumped}) == len(dumped)
    dumped += [upsert for plan in plans[-5:] for upsert in plan.upserts]
    random.Random(seed).shuffle(dumped)
    copy.apply(dumped)
    assert canonical(copy.dump()) == canonical(mirror.dump()) and copy.owners == mirror.owners
    events = [event for plan in plans for event in plan.events]
    assert copy.subgraphs(events, caps) == mirror.subgraphs(events, caps)


ROWS: list[Upsert] = [
    edge(1, "A:a", "A:b", 1), edge(2, "A:a", "A:b", 2), Gone("transfers:1:x", pos(30), 30, "TRANSFER"),
    edge(1, "A:a", "A:b", 3, at=60), Floor("transfers", pos(20), 20), Floor("transfers", pos(50), 50),
    NodeUpsert("A", "a", "transfers", pos(10), 10, {"x": 1}), NodeUpsert("A", "b", "transfers", pos(40), 40, {"x": 2}),
    NodeUpsert("A", "c", "transfers", pos(70), 70, {"x": 3}), NodeUpsert("A", "a", "other", pos(10), 10, {"y": 1}),
]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.permutations(ROWS))
def test_floors_and_late_rows_may_come_in_any_order(order: list[Upsert]) -> None:
    """Two floors, rows below, between and above them, a deletion and a revived key."""
    expected, mirror = Mirror(), Mirror()
    expected.apply(ROWS)
    for upsert in order:
        mirror.apply([upsert])
    assert canonical(mirror.dump()) == canonical(expected.dump())
    later = Event("asked:1:x", "new", pos(1_000), 1_000, "TRANSFER", "A:a", "A:b", 1_000, {})
    assert [(e.owner, e.time_ms) for e in mirror.subgraphs([later], Caps((9,)))[0].edges] == [("transfers:1:x", 3)]


def test_what_a_floor_dropped_was_there_before_it() -> None:
    """An event between two floors sees what came after the first."""
    mirror = Mirror()
    mirror.apply(
        [
            edge(1, "A:a", "A:b", 1),
            edge(25, "A:a", "A:b", 2),
            Floor("transfers", pos(20), 3),
            Floor("transfers", pos(50), 9),
        ]
    )
    then = Event("asked:1:x", "new", pos(40), 5, "TRANSFER", "A:a", "A:b", 5, {})
    assert [e.owner for e in mirror.subgraphs([then], Caps((9,)))[0].edges] == ["transfers:25:x"]


def test_a_floor_leaves_other_tables_alone() -> None:
    """Also those whose name begins alike."""
    mirror = Mirror()
    mirror.apply(
        [EdgeUpsert("transfers_old:1:x", pos(1), 1, "TRANSFER", "A:a", "A:b", 1, {}), Floor("transfers", pos(50), 2)]
    )
    assert len(mirror.subgraphs([ASKED], Caps((9,)))[0].edges) == 1


def test_equal_times_are_ordered_by_owner_and_position() -> None:
    """So that every reader cuts a burst of one second at the same place."""
    mirror = Mirror()
    mirror.apply([edge(n, "A:a", "A:z", 7) for n in (3, 1, 4, 2)])
    assert [e.owner for e in mirror.subgraphs([ASKED], Caps((2,)))[0].edges] == ["transfers:3:x", "transfers:4:x"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
def test_a_chain_is_closed_by_the_next_whatever_the_order(positions: list[int], data: st.DataObject) -> None:
    """Each by what follows it in the log; a repetition is no version."""
    chain, taken = Chain(), set[int]()
    for n in positions:
        op = Gone("o:1:x", pos(n), n, "R") if n % 3 == 0 else EdgeUpsert("o:1:x", pos(n), n, "R", "A:a", "A:b", n, {})
        assert (chain.add(op) is None) == (n in taken)
        taken.add(n)
    ordered = sorted(taken)
    following: list[int | None] = [*ordered[1:], None]
    assert [held.closed_ms for held in chain.items] == following
    assert [held.closed_gone for held in chain.items] == [n is not None and n % 3 == 0 for n in following]
    asked = data.draw(st.integers(1, 9))
    assert chain.holds(pos(asked)) == (asked in taken)


@settings(max_examples=60, deadline=None)
@given(EDGES, CAPS)
def test_a_frozen_mirror_is_walked_as_before_and_refuses_to_be_written(edges: list[EdgeUpsert], caps: Caps) -> None:
    """The same arrays, without the objects behind them."""
    one, other = Mirror(), Mirror()
    one.apply(edges)
    other.apply(edges)
    other.freeze()
    walks = [mirror.see([ASKED], lambda sight: sight.walk(caps)) for mirror in (one, other)]
    assert all(np.array_equal(a, b) for a, b in zip(*walks, strict=True))
    with pytest.raises(StoreRefused, match="frozen"):
        other.apply(edges[:1] or [edge(1, "A:a", "A:b", 1)])
