"""Sums over a long past, and the lines of memory that answer for most edges, against the plain rule."""

from __future__ import annotations

import random

import numpy as np
import pytest
from histories import changes, demo_mapping
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.adjacency_tally import (
    BEFORE_FRAUD,
    COUNT,
    FRAUD_VALUE,
    FRAUDS,
    LEGITS,
    NEW_FRAUDS,
    NEW_KNOWN,
    NEWEST_MS,
    OLDEST_MS,
    SUMS,
    VALUE,
)
from graph.asof import Cut
from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Floor, Gone, Horizon, LabelUpsert, SubgraphEdge, Upsert, table_of
from graph.versions import Chain
from ingest.events import Change

MAPPING = demo_mapping()
EVERY = Caps((10_000,))
CATEGORIES = {"TRANSFER": ("channel", "status"), "LOGIN": ()}


def upserts_of(log: list[Change]) -> list[Upsert]:
    return [upsert for change in log for upsert in MAPPING.plan(change).upserts]


def events_of(log: list[Change]) -> list[Event]:
    return [event for change in log for event in MAPPING.plan(change).events]


def ones(mirror: Mirror) -> np.ndarray:
    return np.arange(mirror._adjacent.room, dtype=np.float64)


def sums_of(mirror: Mirror, events: list[Event], most: int = 1_000) -> np.ndarray:
    return mirror.see(events, lambda sight: sight.tally(ones(mirror), most))


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def paid(n: int, src: str, dst: str, **attributes: str | float) -> EdgeUpsert:
    return EdgeUpsert(f"pay:{n}:p", pos(n), 10 * n, "PAID", f"A:{src}", f"B:{dst}", 10 * n, attributes)


def asked(n: int, src: str, dst: str, **attributes: str | float) -> Event:
    edge = paid(n, src, dst, **attributes)
    return Event(edge.owner, "new", edge.pos, 10 * n, "PAID", edge.src, edge.dst, 10 * n, attributes)


def shuffled(log: list[Change], late: int, rng: random.Random) -> Mirror:
    """A mirror that was told a history in any order, indexed somewhere on the way, with a horizon."""
    mirror, upserts = Mirror(MAPPING.schema.windowed), upserts_of(log)
    rng.shuffle(upserts)
    mirror.apply(upserts[:late])
    mirror.index(CATEGORIES)
    mirror.apply(upserts[late:])
    mirror.apply([Horizon("retention", log[len(log) // 4].committed_ms)])
    return mirror


def plain(edges: list[SubgraphEdge], event: Event) -> list[float]:
    """Counts of edges that come newest first."""
    known = [edge.label for edge in edges if edge.label is not None]
    until = next((at for at, edge in enumerate(edges) if edge.label), len(edges))
    ages = [event.time_ms - edge.time_ms for edge in edges] or [-1]
    return [len(edges), known.count(True), known.count(False), len(known[:20]), known[:20].count(True), ages[0],
            ages[-1], until]  # fmt: skip


def all_asked(mirror: Mirror) -> None:
    """Let no line say everything."""
    for shelf in mirror._versions.shelves:
        for owner in shelf.owned():
            shelf.chain(owner)


def counting(log: list[Change], event: Event, owner: str) -> int:
    """How many versions of an owner count for the event: two, where a new epoch read a row that was not closed yet."""
    cut, chain = Cut.of(event), Chain()
    for upsert in upserts_of(log):
        if isinstance(upsert, EdgeUpsert | Gone) and upsert.owner == owner:
            chain.add(upsert)
    for upsert in upserts_of(log):
        for held in chain.items:
            if isinstance(upsert, Floor) and upsert.table == table_of(owner):
                held.drop_by(upsert)

    def known(pos: str | None, known_ms: int | None) -> bool:
        if pos is None or known_ms is None:
            return False
        return known_ms <= cut.time_ms and (pos < cut.pos or not pos.startswith(cut.source))

    return sum(
        isinstance(held.op, EdgeUpsert) and held.op.time_ms < event.time_ms and known(held.op.pos, held.op.known_ms)
        and not known(held.closed_pos, held.closed_ms) and not known(held.floor_pos, held.floor_ms)
        for held in chain.items
    )  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(changes(40), st.integers(0, 40), st.randoms(use_true_random=False))
def test_ends_are_summed_as_the_subgraph_shows_them(log: list[Change], late: int, rng: random.Random) -> None:
    """Any history in any order: the edges of the event's relation in which source and target stand as they do here."""
    mirror = shuffled(log, late, rng)
    events = events_of(log)
    parts = (COUNT, FRAUDS, LEGITS, NEW_KNOWN, NEW_FRAUDS, NEWEST_MS, OLDEST_MS, BEFORE_FRAUD)
    for event, sums, subgraph in zip(events, sums_of(mirror, events), mirror.subgraphs(events, EVERY), strict=True):
        for subject, name in ((0, "src"), (1, "dst")):
            end = getattr(event, name)
            edges = [e for e in subgraph.edges if e.relation == event.relation and getattr(e, name) == end]
            if any(counting(log, event, edge.owner) > 1 for edge in subgraph.edges):  # it shows the later alone
                continue
            assert sums[subject, list(parts)].tolist() == plain(edges, event)


@settings(max_examples=100, deadline=None)
@given(changes(40), st.integers(0, 40), st.randoms(use_true_random=False))
def test_lines_say_what_the_arrays_say(log: list[Change], late: int, rng: random.Random) -> None:
    """Walks and sums are the same where every edge has to be looked up in the arrays."""
    mirror = shuffled(log, late, rng)
    mirror.sweep(rng.randrange(10))
    events = events_of(log)
    walks, sums = mirror.see(events, lambda sight: sight.walk(Caps((3, 2)))), sums_of(mirror, events)
    all_asked(mirror)
    again = mirror.see(events, lambda sight: sight.walk(Caps((3, 2))))
    assert all(np.array_equal(one, other) for one, other in zip(walks, again, strict=True))
    assert np.array_equal(sums, sums_of(mirror, events))


@settings(max_examples=60, deadline=None)
@given(changes(40), st.integers(0, 40))
def test_whatever_comes_later_changes_no_sum(log: list[Change], upto: int) -> None:
    """Updates, deletions, moves, corrections of labels."""
    mirror, events = Mirror(MAPPING.schema.windowed), events_of(log[:upto])
    mirror.index(CATEGORIES)
    mirror.apply(upserts_of(log[:upto]))
    before = sums_of(mirror, events)[..., :VALUE]
    mirror.apply(upserts_of(log[upto:]))
    assert np.array_equal(before, sums_of(mirror, events)[..., :VALUE])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from([None, True, False])), max_size=40
    )
)
def test_a_category_is_summed_by_what_was_known(rows: list[tuple[str, str, bool | None]]) -> None:
    """Payments at places, each with a label that comes 35 ms later, of which the last payment knows some."""
    mirror, last = Mirror(), len(rows) + 1
    mirror.index({"PAID": ("place",)})
    for n, (src, value, label) in enumerate(rows, 1):
        mirror.apply([paid(n, src, f"shop{n % 3}", place=value)])
        if label is not None:
            mirror.apply([LabelUpsert(f"said:{n}:l", pos(n), 10 * n + 35, f"pay:{n}:p", label)])
    for value in "xyz":
        mine = [(n, label) for n, (_, place, label) in reversed(list(enumerate(rows, 1))) if place == value]
        told = [label if 10 * n + 35 <= 10 * last else None for n, label in mine]
        sums = sums_of(mirror, [asked(last, "a", "shop", place=value)])[0, 2]
        counts = (len(mine), told.count(True), told.count(False))
        assert (sums[COUNT], sums[FRAUDS], sums[LEGITS]) == counts
        assert sums[BEFORE_FRAUD] == (told.index(True) if True in told else len(told))


def test_a_category_nobody_has_named_is_zero() -> None:
    """No value, a value never seen, a relation without categories."""
    mirror = Mirror()
    mirror.index({"PAID": ("place",)})
    mirror.apply([paid(1, "a", "b", place="x")])
    events = [asked(2, "a", "b"), asked(2, "a", "b", place="new"), asked(2, "a", "b", place=5.0)]
    for sums in sums_of(mirror, events)[:, 2]:
        assert sums[COUNT] == 0 and sums[NEWEST_MS] == -1 and sums.shape == (SUMS,)


def test_only_so_many_of_the_newest_are_looked_at() -> None:
    """A hub of a hundred edges, ten looked at."""
    mirror = Mirror()
    mirror.apply([paid(n, "a", "hub") for n in range(1, 101)])
    sums = sums_of(mirror, [asked(200, "b", "hub")], 10)[0, 1]
    assert (sums[COUNT], sums[NEWEST_MS], sums[OLDEST_MS], sums[VALUE]) == (10, 1_000, 1_090, sum(range(90, 100)))


def test_values_of_known_frauds_are_summed_apart() -> None:
    """Two frauds of three payments."""
    mirror = Mirror()
    mirror.apply([paid(n, "a", "shop") for n in (1, 2, 3)])
    mirror.apply([LabelUpsert(f"said:{n}:l", pos(10 + n), 100, f"pay:{n}:p", n != 2) for n in (1, 2, 3)])
    sums = sums_of(mirror, [asked(50, "b", "shop")])[0, 1]
    assert (sums[FRAUDS], sums[LEGITS], sums[FRAUD_VALUE], sums[VALUE]) == (2, 1, 2, 3)


def test_what_is_swept_leaves_its_values_too() -> None:
    """Behind the horizon nothing of it is left, the value's node neither."""
    mirror = Mirror({"pay"})
    mirror.index({"PAID": ("place",)})
    mirror.apply([paid(n, "a", "b", place="xyz"[n % 3]) for n in range(1, 31)])
    assert sums_of(mirror, [asked(40, "a", "b", place="x")])[0, 2, COUNT] == 10
    mirror.apply([Horizon("retention", 160)])
    mirror.sweep(100)
    assert sums_of(mirror, [asked(40, "a", "b", place="x")])[0, 2, COUNT] == 5
    mirror.apply([Horizon("retention", 10_000)])
    mirror.sweep(100)
    assert mirror._adjacent.sizes["nodes"] == mirror._adjacent.sizes["cells"] == 0


def test_other_categories_are_refused() -> None:
    """One index a mirror: sums of another would be missing without a word."""
    mirror = Mirror()
    mirror.index({"PAID": ("place",)})
    mirror.index({"PAID": ("place",)})
    with pytest.raises(ValueError, match="already"):
        mirror.index({"PAID": ("kind",)})
