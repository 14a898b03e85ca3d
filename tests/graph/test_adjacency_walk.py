"""The compiled walk: one event alone, what it keeps of its own, and the words that lines are packed into."""

from __future__ import annotations

import random

import numpy as np
import pytest
from histories import changes, demo_mapping
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.adjacency_arrays import FETCHED, LARGE, NEXT, aligned
from graph.adjacency_event import keep_newest
from graph.adjacency_known import LAST, SPREAD, STAMP, Known, number
from graph.adjacency_lines import ASK, AT, CHAINED, HERE, INFO, LATER, LOG, LOGS, MOST_LATER, ROW, WIDTH, packed
from graph.adjacency_newest import DIGITS, FEW, MASK, newest_first
from graph.adjacency_walk import Walked
from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Gone, Horizon, LabelUpsert, Upsert
from ingest.events import Change

MAPPING = demo_mapping()
CAPS = st.lists(st.integers(0, 4), min_size=1, max_size=3).map(lambda caps: Caps(tuple(caps)))
ALL = Caps((100, 100))


def pos(n: int, source: str = "bank") -> str:
    return f"{source}/0001.1.00000001.{n:016x}.000000"


def paid(n: int, src: str, dst: str, owner: str = "", source: str = "bank") -> EdgeUpsert:
    return EdgeUpsert(owner or f"pay:{n}:p", pos(n, source), 10 * n, "PAID", f"A:{src}", f"A:{dst}", 10 * n, {})


def asked(n: int, src: str, dst: str) -> Event:
    return Event(f"asked:{n}:p", "new", pos(n), 10 * n, "PAID", f"A:{src}", f"A:{dst}", 10 * n, {})


def walked(mirror: Mirror, events: list[Event], caps: Caps = ALL) -> Walked:
    return mirror.see(events, lambda sight: sight.walk(caps))


def owners(mirror: Mirror, event: Event, caps: Caps = ALL) -> list[str]:
    return [edge.owner for edge in mirror.subgraphs([event], caps)[0].edges]


def filled(*upserts: Upsert) -> Mirror:
    mirror = Mirror()
    mirror.apply(upserts)
    return mirror


def same(one: Walked, other: Walked) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def part(seen: Walked, at: int) -> Walked:
    """One subgraph of many."""
    edges, nodes = slice(*seen.starts[at : at + 2]), slice(*seen.nodes_of[at : at + 2])
    return Walked(
        seen.starts[at : at + 2] - seen.starts[at], seen.version[edges], seen.hop[edges], seen.label[edges],
        seen.nodes_of[at : at + 2] - seen.nodes_of[at], seen.nodes[nodes], seen.src[edges], seen.dst[edges],
        seen.ends[at : at + 1], seen.time_ms[edges],
    )  # fmt: skip


# -- one event alone --------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(changes(40), CAPS, st.randoms(use_true_random=False))
def test_an_event_alone_sees_what_it_sees_among_others(log: list[Change], caps: Caps, rng: random.Random) -> None:
    """Any history in any order, with closed edges, several versions, labels corrected, and a horizon."""
    mirror, upserts = Mirror(MAPPING.schema.windowed), [u for change in log for u in MAPPING.plan(change).upserts]
    rng.shuffle(upserts)
    mirror.apply([*upserts, Horizon("retention", log[len(log) // 4].committed_ms)])
    events = [event for change in log for event in MAPPING.plan(change).events]
    together = walked(mirror, events, caps)
    for at, event in enumerate(events):
        assert same(walked(mirror, [event], caps), part(together, at))


def test_no_event_is_no_subgraph() -> None:
    """Nothing asked, nothing given."""
    seen = walked(filled(paid(1, "a", "b")), [])
    assert len(seen.version) == len(seen.nodes) == len(seen.ends) == 0


def test_both_ends_may_be_one_node() -> None:
    """The node is listed once, and both ends point at it."""
    seen = walked(filled(paid(1, "a", "b")), [asked(5, "a", "a")])
    assert seen.ends.tolist() == [[0, 0]] and len(seen.nodes) == 2


def test_an_edge_from_a_node_to_itself_is_seen_once() -> None:
    """It stands in two slots of the node."""
    seen = walked(filled(paid(1, "a", "a")), [asked(5, "a", "b")])
    assert (seen.src.tolist(), seen.dst.tolist(), seen.version.tolist()) == ([0], [0], [0])


@pytest.mark.parametrize(("cap", "found"), [(0, []), (1, [3]), (2, [3, 2])])
def test_an_event_in_the_middle_of_a_slot_sees_the_newest_before_it(cap: int, found: list[int]) -> None:
    """Of five payments the third is the last it may see."""
    mirror = filled(*(paid(n, "a", "b") for n in range(1, 6)))
    assert owners(mirror, asked(4, "a", "x"), Caps((cap,))) == [f"pay:{n}:p" for n in found]


def test_of_a_hub_the_newest_are_seen_however_many_there_are() -> None:
    """Three thousand payments, asked at the end and in the middle; more than a walk has room for at first."""
    mirror = filled(*(paid(n, f"p{n}", "hub") for n in range(1, 3_001)))
    for at in (3_001, 1_500):
        for cap in (1, 2_000):
            seen = walked(mirror, [asked(at, "new", "hub")], Caps((cap,)))
            assert seen.time_ms.tolist() == [10 * n for n in range(at - 1, max(at - 1 - cap, 0), -1)]


def test_a_walk_that_outgrew_its_room_sees_the_same_the_next_time() -> None:
    """And so does one after it that is small."""
    mirror = filled(*(paid(n, f"p{n}", "hub") for n in range(1, 3_001)), paid(3_001, "x", "y"))
    large, small = [asked(3_002, "new", "hub")], [asked(3_002, "x", "new")]
    wide = Caps((3_000, 2))
    before = walked(mirror, large, wide), walked(mirror, small, wide), walked(mirror, large * 2 + small, wide)
    after = walked(mirror, large, wide), walked(mirror, small, wide), walked(mirror, large * 2 + small, wide)
    assert len(before[0].version) == 3_000 and all(same(a, b) for a, b in zip(before, after, strict=True))
    assert same(part(after[2], 1), after[0]) and same(part(after[2], 2), after[1])


def test_a_node_with_many_relations_is_walked_through_all_of_its_slots() -> None:
    """A relation of its own for each of two thousand edges."""
    edges = [EdgeUpsert(f"pay:{n}:p", pos(n), n, f"R{n}", "A:a", f"A:{n}", n, {}) for n in range(1, 2_001)]
    assert walked(filled(*edges), [asked(2_001, "a", "x")], Caps((1,))).time_ms.tolist() == list(range(2_000, 0, -1))


def test_a_closed_edge_is_seen_until_it_is_closed() -> None:
    """Its line says to ask, and one event alone is answered all the same."""
    mirror = filled(paid(1, "a", "b"), Gone("pay:1:p", pos(4), 40, "PAID"))
    assert owners(mirror, asked(3, "a", "x")) == ["pay:1:p"] and owners(mirror, asked(5, "a", "x")) == []


def test_of_two_versions_that_both_count_the_later_is_seen() -> None:
    """A snapshot's row under another source beside the one that was streamed."""
    mirror = filled(paid(1, "a", "b", "pay:1:p"), paid(2, "a", "b", "pay:1:p", "copy"))
    mirror._adjacent._graph.several.closed[:] = -1
    assert walked(mirror, [asked(5, "a", "x")]).version.tolist() == [1]


@pytest.mark.parametrize(("at", "known"), [(3, -1), (5, 1), (7, 0)])
def test_a_label_counts_from_when_it_is_known_and_so_does_its_correction(at: int, known: int) -> None:
    """Two labels of one edge: its line says to ask."""
    said = [LabelUpsert(f"said:{n}:l", pos(n), 10 * n, "pay:1:p", fraud) for n, fraud in ((4, True), (6, False))]
    assert walked(filled(paid(1, "a", "b"), *said), [asked(at, "a", "x")]).label.tolist() == [known]


# -- what lines are packed into ---------------------------------------------------------------


@given(st.integers(0, LOGS), st.integers(-MOST_LATER, MOST_LATER - 1), st.sampled_from([HERE, (1 << LOG) - 1]))
def test_what_is_packed_into_a_line_is_read_from_it(log: int, later_ms: int, flags: int) -> None:
    """Flags, the part of the log, and how much later something became known, to their largest values."""
    info = packed(flags, log, later_ms)
    assert info is not None and -(1 << 63) <= info < 1 << 63
    assert (info & (1 << LOG) - 1, info >> LOG & LOGS, info >> LATER) == (flags, log, later_ms)


@pytest.mark.parametrize(("log", "later_ms"), [(LOGS + 1, 0), (0, MOST_LATER), (0, -MOST_LATER - 1)])
def test_what_a_line_has_no_room_for_is_not_packed(log: int, later_ms: int) -> None:
    """It has to be asked."""
    assert packed(HERE, log, later_ms) is None


@pytest.mark.parametrize("later_ms", [MOST_LATER - 1, MOST_LATER, 3 * MOST_LATER, -MOST_LATER - 1])
def test_an_edge_that_became_known_long_after_it_was_is_seen_from_then_on(later_ms: int) -> None:
    """Months later or before: where its line has no room for that, it is asked."""
    at_ms = 4 * MOST_LATER
    edge = EdgeUpsert("pay:1:p", pos(1), at_ms + later_ms, "PAID", "A:a", "A:b", at_ms, {})
    mirror = filled(edge)
    known_ms = max(edge.known_ms, at_ms + 1)
    events = [Event("asked:1:p", "new", pos(9), ms, "PAID", "A:a", "A:x", ms, {}) for ms in (known_ms - 1, known_ms)]
    assert [owners(mirror, event) for event in events] == [[], ["pay:1:p"]]
    assert list(mirror.dump()) == [edge]


@pytest.mark.parametrize("offset", [(1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_places_at_the_end_of_a_log_compare(offset: int) -> None:
    """Edges and events whose offsets have 63 and 64 bits: the last of them sees all before it and not itself."""
    last = [EdgeUpsert(f"pay:{n}:p", pos(offset - 3 + n), 20, "PAID", "A:a", f"A:{n}", 20, {}) for n in (2, 3)]
    mirror = filled(paid(1, "a", "b"), *last)
    event = Event("asked:1:p", "new", pos(offset), 50, "PAID", "A:a", "A:x", 50, {})
    assert owners(mirror, event) == ["pay:2:p", "pay:1:p"]
    assert walked(mirror, [event, event]).time_ms.tolist() == 2 * walked(mirror, [event]).time_ms.tolist()


def test_of_many_sources_each_compares_with_its_own() -> None:
    """The edges of a thousand: each is before its own source's event, and known to every other's."""
    many = 1_000
    mirror = filled(*(paid(n, "a", "b", source=f"s{n}") for n in range(1, many + 1)))
    event = Event("asked:1:p", "new", pos(many, f"s{many}"), 10**6, "PAID", "A:a", "A:x", 10**6, {})
    assert len(walked(mirror, [event], Caps((2 * many,))).version) == many - 1


def test_a_row_starts_where_a_fetch_starts() -> None:
    """However long the array: a line is one fetch."""
    for room in (1, 63, 64, 1_000):
        rows = aligned(room, ROW)
        assert rows.ctypes.data % FETCHED == 0 and rows.shape == (room, WIDTH)


def test_a_large_array_starts_where_a_large_page_starts() -> None:
    """And holds what is written to its end."""
    rows = aligned(1 << 17, ROW)
    rows[-1] = 7
    assert rows.nbytes > LARGE and rows.ctypes.data % LARGE == 0 and (rows[-1] == 7).all()


def test_the_pool_grows_with_cells_and_not_with_slots() -> None:
    """Ten thousand nodes of one edge each: segments of four cells, and room for twice as many at most."""
    mirror = filled(*(paid(n, f"a{n}", f"b{n}") for n in range(1, 5_001)))
    walked(mirror, [asked(1, "a1", "x")])
    graph = mirror._adjacent._graph
    assert len(graph.pool.rows) <= 2 * 4 * 10_000 and (graph.slots.rows[:10_000, NEXT] == -1).all()


# -- what a walk has met ----------------------------------------------------------------------


def test_things_that_fall_on_one_entry_are_told_apart() -> None:
    """Twenty numbers of one hash, at the table's end, so that they go on at its start."""
    known = Known(64)
    last = [n for n in range(1 << 16) if n * SPREAD >> 16 & 63 == 63][:20]
    oldest = known.stamps(1) * STAMP
    assert [number(known.keys, known.numbers, oldest, oldest + n, at) for at, n in enumerate(last)] == list(range(20))
    assert [number(known.keys, known.numbers, oldest, oldest + n, 99) for n in last] == list(range(20))


def test_a_number_is_known_to_its_own_stamp_only() -> None:
    """An edge and a node of one number, and the walk after."""
    known = Known(64)
    for _ in range(2):
        oldest = known.stamps(2) * STAMP
        assert number(known.keys, known.numbers, oldest, oldest + 5, 1) == 1
        assert number(known.keys, known.numbers, oldest, oldest + STAMP + 5, 2) == 2


def test_stamps_begin_again_on_an_empty_table() -> None:
    """Where the last one is used up, nothing of before is known."""
    known = Known(64)
    known._stamp = LAST - 2
    oldest = known.stamps(2) * STAMP
    assert number(known.keys, known.numbers, oldest, oldest + STAMP + 5, 1) == 1
    oldest = known.stamps(2) * STAMP
    assert oldest == STAMP and number(known.keys, known.numbers, oldest, oldest + 5, 2) == 2


@pytest.mark.parametrize("stamp", [LAST - 1, LAST])
def test_a_walk_with_the_last_stamps_sees_what_any_sees(stamp: int) -> None:
    """Before and behind the point where stamps begin again."""
    mirror = filled(*(paid(n, f"p{n}", "hub") for n in range(1, 50)))
    events = [asked(50, "p1", "hub"), asked(30, "p2", "hub")]
    before = walked(mirror, events)
    mirror._adjacent._known._stamp = stamp
    assert same(walked(mirror, events), before) and same(walked(mirror, events[:1]), part(before, 0))


# -- the order of time ------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 3 * FEW),
    st.integers(1, 40),
    st.sampled_from([0, 1, 300, 10**6, 10**12, (1 << 62) - 1]),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
def test_edges_are_sorted_newest_first_and_else_as_they_were_found(
    many: int, runs: int, widest: int, first: int, rng: random.Random
) -> None:
    """Few and many, of one time and of times as far apart as whole numbers go, in runs that are sorted already."""
    times = [rng.randint(-widest, widest) for _ in range(many)]
    step = max(1, many // runs)
    times = [ms for at in range(0, many, step) for ms in sorted(times[at : at + step], reverse=True)]
    edges, order = np.zeros((first + many, 4), np.int64), np.full(first + many, -1, np.int32)
    edges[first:, 0] = times
    keys, counts = np.empty((2, first + many), np.int64), np.empty((DIGITS, MASK + 1), np.int32)
    newest_first(edges, first, first + many, order, keys, counts)
    assert order[first:].tolist() == [first + at for at in sorted(range(many), key=lambda at: -times[at])]
    assert (order[:first] == -1).all()


def test_of_each_owner_the_version_that_stands_last_is_kept_in_order() -> None:
    """Three owners, of one three versions, whose places are in no order."""
    graph, places, of = Mirror()._adjacent._graph, [3, 9, 5, 1, 4], [7, 8, 7, 9, 7]
    lines, edges = aligned(5, ROW), np.zeros((5, 4), np.int64)
    lines[:, INFO], lines[:, AT] = ASK | HERE | CHAINED, range(5)
    graph.several.owner[:5], graph.several.log[:5], graph.several.at[:5] = of, 0, places
    graph.several.known_ms[:5], edges[:, 1] = 0, range(5)
    kept = keep_newest(graph, lines, np.zeros(1, np.int32), edges, 5)
    assert edges[:kept, 1].tolist() == [1, 2, 3]
