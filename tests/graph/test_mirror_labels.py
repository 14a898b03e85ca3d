"""What a mirror tells of labels, and what was known to be fraud as of an event."""

from __future__ import annotations

import pytest
from histories import changes, demo_mapping
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Gone, LabelUpsert, Subgraph
from ingest.events import Change

MAPPING = demo_mapping()


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def edge(n: int, version: int = 0) -> EdgeUpsert:
    return EdgeUpsert(f"t:{n}:x", pos(n + version), n + version, "PAID", "A:1", "A:2", n, {"version": version})


def label(n: int, of: int, known_ms: int, fraud: bool = True) -> LabelUpsert:
    return LabelUpsert(f"r:{n}:label", pos(n), known_ms, f"t:{of}:x", fraud)


def asked(n: int) -> Event:
    return Event("ask:1:x", "new", pos(n), n, "PAID", "A:1", "A:2", n, {})


def test_a_listener_hears_the_labels_that_are_here_and_those_that_come() -> None:
    """Each version once, whatever is delivered how often; no edge, no deletion."""
    mirror, heard = Mirror(), list[LabelUpsert]()
    first, second = label(10, of=1, known_ms=10), label(11, of=2, known_ms=11, fraud=False)
    mirror.apply([edge(1), first])
    mirror.listen(heard.append)
    mirror.apply([first, second, second, edge(2), Gone("r:10:label", pos(12), 12, None)])
    assert heard == [first, second]


def test_an_edge_as_its_row_was_at_first() -> None:
    """Its oldest version, None for what is not here."""
    mirror = Mirror()
    mirror.apply([edge(1, version=3), edge(1)])
    assert mirror.first("t:1:x") == edge(1) and mirror.first("t:9:x") is None


@pytest.mark.parametrize(("at", "known"), [(9, False), (11, True), (20, True), (31, False)])
def test_a_fraud_is_known_from_its_report_until_that_is_taken_back(at: int, known: bool) -> None:
    """As of the event that asks."""
    mirror = Mirror()
    mirror.apply([edge(1), label(10, of=1, known_ms=10), Gone("r:10:label", pos(30), 30, None)])
    assert mirror.frauds(["t:1:x", "t:2:x"], asked(at)) == [known, False]


def test_an_edge_that_was_gone_by_then_is_no_fraud() -> None:
    """Its row was deleted before the event, the report was not."""
    mirror = Mirror()
    mirror.apply([edge(1), label(10, of=1, known_ms=10), Gone("t:1:x", pos(12), 12, "PAID")])
    assert mirror.frauds(["t:1:x"], asked(11)) == [True]
    assert mirror.frauds(["t:1:x"], asked(13)) == [False]


@given(log=changes(40), at=st.integers(0, 39))
@settings(max_examples=40, deadline=None)
def test_what_was_known_is_what_a_subgraph_says(log: list[Change], at: int) -> None:
    """Of every edge an event sees: the label there and the answer here are one rule."""
    mirror = Mirror()
    events: list[Event] = []
    for change in log:
        plan = MAPPING.plan(change)
        mirror.apply(plan.upserts)
        events += plan.events
    if not events:
        return
    event = events[at % len(events)]
    seen: Subgraph = mirror.subgraphs([event], Caps((50, 50)))[0]
    owners = [one.owner for one in seen.edges]
    assert mirror.frauds(owners, event) == [one.label is True for one in seen.edges]
