"""The sampler: the columns that training and serving read, straight from the mirror's arrays."""

from __future__ import annotations

import random

import numpy as np
from histories import changes, demo_mapping  # the histories that the stores are tested with
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Horizon
from ingest.events import Change
from scoring.cells import Sampler
from scoring.columns import Columns, Reader
from scoring.features import compute
from scoring.schema import schema_of

MAPPING = demo_mapping()
WORDS = {"TRANSFER": [("channel", "app"), ("channel", "card")], "MODIFY": [("field", "phone")]}
SCHEMA = schema_of({r.name: (r.source, r.target, r.numeric) for r in MAPPING.relations}, MAPPING.labels, WORDS)
FEWER = schema_of({r.name: (r.source, r.target, r.numeric) for r in MAPPING.relations if r.name != "LOGIN"})
CAPS = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(lambda caps: Caps(tuple(caps)))


def edges_of(columns: Columns, at: int) -> list[tuple[object, ...]]:
    """Everything about each edge of one subgraph, in an order of its own."""
    span = slice(*columns.edges_of[at : at + 2])
    lists = (columns.hop, columns.age_ms, columns.src, columns.dst, columns.relation, columns.known, columns.words)
    rows = zip(*(column[span].tolist() for column in lists), map(tuple, columns.value[span].tolist()), strict=True)
    return sorted(rows)


def renumbered(columns: Columns, at: int) -> list[int]:
    return sorted(columns.label[slice(*columns.nodes_of[at : at + 2])].tolist())


def events_of(log: list[Change]) -> list[Event]:
    return [event for change in log for event in MAPPING.plan(change).events]


@settings(max_examples=100, deadline=None)
@given(changes(40), CAPS, st.booleans(), st.integers(0, 40), st.randoms(use_true_random=False))
def test_it_gives_what_the_reader_makes_of_the_same_subgraphs(
    log: list[Change], caps: Caps, fewer: bool, late: int, rng: random.Random
) -> None:
    """Any history in any order, events whose ends are not there, relations the schema lacks, attached at any moment."""
    schema, mirror = FEWER if fewer else SCHEMA, Mirror(MAPPING.schema.windowed)
    upserts = [upsert for change in log for upsert in MAPPING.plan(change).upserts]
    rng.shuffle(upserts)
    mirror.apply(upserts[:late])
    sampler = Sampler(mirror, schema)
    mirror.apply(upserts[late:])
    mirror.apply([Horizon("retention", log[len(log) // 4].committed_ms)])
    stranger = Event("asked:1:x", "new", "", 2**40, "TRANSFER", "Account:none", "Device:none", 2**40, {"amount": 5})
    events = [*events_of(log), stranger]
    wanted, found = Reader(schema).read(mirror.subgraphs(events, caps)), sampler.columns(events, caps)
    assert np.array_equal(found.edges_of, wanted.edges_of) and np.array_equal(found.nodes_of, wanted.nodes_of)
    for name in ("kind", "time_ms", "amount", "says"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name))
    for at in range(len(events)):
        assert renumbered(found, at) == renumbered(wanted, at)
        ages = [sorted(zip(*(getattr(c, n)[slice(*c.edges_of[at : at + 2])].tolist() for n in
                             ("hop", "age_ms", "relation", "known", "words")), strict=True))
                for c in (found, wanted)]  # fmt: skip
        assert ages[0] == ages[1]
    a, b = compute(found, schema), compute(wanted, schema)
    assert np.allclose(a.event, b.event, atol=1e-5)
    assert np.allclose(a.nodes[a.ends], b.nodes[b.ends], atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(changes(40), CAPS, st.integers(0, 40))
def test_whatever_comes_later_changes_nothing_that_is_read(log: list[Change], caps: Caps, upto: int) -> None:
    """Updates, deletions, moves, corrections of labels: not one column of an earlier event is another, bit for bit."""
    mirror = Mirror(MAPPING.schema.windowed)
    sampler = Sampler(mirror, SCHEMA)
    for change in log[:upto]:
        mirror.apply(MAPPING.plan(change).upserts)
    events = events_of(log[:upto])
    before = compute(sampler.columns(events, caps), SCHEMA)
    for change in log[upto:]:
        mirror.apply(MAPPING.plan(change).upserts)
    after = compute(sampler.columns(events, caps), SCHEMA)
    for name in before.__slots__:
        assert np.array_equal(getattr(before, name), getattr(after, name)), name


def test_amounts_are_floats_whatever_the_events_have() -> None:
    """Whole amounts alone were whole numbers once, which compiled code took for another kind, and was compiled anew."""
    edge = EdgeUpsert("paid:1:x", "b/1", 1, "PAID", "A:1", "A:2", 1, {"amount": 5})
    mirror = Mirror()
    mirror.apply([edge])
    schema = schema_of({"PAID": ("A", "A", ("amount",))}, ("A",))
    asked = Event("paid:2:x", "new", "", 2, "PAID", "A:1", "A:2", 2, {"amount": 7})
    found = Sampler(mirror, schema).columns([asked], Caps())
    assert found.amount.dtype == np.float64 and found.amount.tolist() == [[7.0]]
