"""How Neo4j is read around a micro-batch: in one round trip, by indexes, bounded by caps whatever hangs on a node."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import neo4j
import pytest
from histories import demo_mapping

from graph import neo4j_around
from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Gone, Horizon, Incomplete, LabelUpsert, Look, Upsert
from graph.neo4j_driver import query
from graph.neo4j_store import Neo4jStore

pytestmark = pytest.mark.stack
SCHEMA = demo_mapping().schema
LONG = Look(Caps((16, 8)), 256, 4_096)
LOOKS = pytest.mark.parametrize("look", [Look(Caps((16, 8))), LONG], ids=["walk", "long"])
EMPTY = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS"


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def edge(n: int, src: str, dst: str) -> EdgeUpsert:
    return EdgeUpsert(f"transfers:{n}:transfer", pos(n), n, "TRANSFER", f"Account:{src}", f"Account:{dst}", n,
                      {"amount": n})  # fmt: skip


def event(n: int, src: str, dst: str) -> Event:
    return Event(f"transfers:{n}:transfer", "new", pos(n), n, "TRANSFER", f"Account:{src}", f"Account:{dst}", n, {})


@pytest.fixture
def store(neo4j_driver: neo4j.Driver) -> Iterator[Neo4jStore]:
    """Empty, before and behind."""
    neo4j_driver.session().run(query(EMPTY)).consume()
    made = Neo4jStore(neo4j_driver, SCHEMA)
    made.init()
    made.check()
    yield made
    neo4j_driver.session().run(query(EMPTY)).consume()


def ring(people: int = 20) -> list[Upsert]:
    """Everybody has paid everybody."""
    pairs = [(a, b) for a in range(people) for b in range(people) if a != b]
    return [edge(n, f"p{a}", f"p{b}") for n, (a, b) in enumerate(pairs, start=1)]


def batch(people: int = 20, size: int = 64) -> list[Event]:
    return [event(1_000 + n, f"p{n % people}", f"p{(n * 7 + 1) % people}") for n in range(size)]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the driver sent, message by message."""
    sent = (record.getMessage().partition("C: ")[2] for record in caplog.records if record.name == "neo4j.io")
    return [message.split()[0] for message in sent if message]


@LOOKS
def test_a_micro_batch_is_one_round_trip(store: Neo4jStore, look: Look, caplog: pytest.LogCaptureFixture) -> None:
    """One statement that begins and commits by itself, all rows of its answer at once: nothing is asked twice."""
    store.apply(ring())
    events = batch()
    store.around(events, look)  # which has it planned
    with caplog.at_level(logging.DEBUG, "neo4j.io"):
        found = store.around(events, look)
    assert [message for message in said(caplog) if message not in ("RESET", "LOGON", "HELLO")] == ["RUN", "PULL"]
    assert found.sizes["edges"] >= 368  # of 380: a walk takes the newest 16 and 8 of each


def test_only_where_there_are_marks_they_are_asked_for(store: Neo4jStore, caplog: pytest.LogCaptureFixture) -> None:
    """A second statement then; those of the rows around come with the mirror, no others."""
    store.apply([*ring(), Incomplete("accounts:p3", 1, True), Incomplete("transfers:1000", 1, True),
                 Incomplete("transfers:5", 1, True), Incomplete("users:7", 1, True)])  # fmt: skip
    store.around(batch(), LONG)
    with caplog.at_level(logging.DEBUG, "neo4j.io"):
        found = store.around(batch(), LONG)
    assert said(caplog).count("RUN") == 2
    assert found.marked(10).keys() == {"accounts:p3", "transfers:1000", "transfers:5"}


def test_a_batch_of_too_many_rows_is_read_in_parts(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends in the same; an event alone is read whole, whatever its caps allow."""
    store.apply(ring())
    events = batch()
    wanted = store.subgraphs(events, Caps((16, 8)))
    monkeypatch.setattr(neo4j_around, "MOST_ROWS", 100)
    with caplog.at_level(logging.DEBUG, "neo4j.io"):
        assert store.subgraphs(events, Caps((16, 8))) == wanted
    assert said(caplog).count("RUN") > 64


def test_an_event_is_absent_until_its_own_change_is_there(store: Neo4jStore) -> None:
    """A version, the deletion that closed one, a deletion that waits; another version of the row is none."""
    events = [event(1, "a", "b"), event(2, "a", "b"), event(3, "a", "b")]
    withdrawn = [Event(e.id, "withdrawn", pos(9), 9, e.relation, e.src, e.dst, e.time_ms, {}) for e in events]
    assert store.absent([*events, *withdrawn]) == [*events, *withdrawn]
    store.apply([edge(1, "a", "b"), edge(2, "a", "b"), Gone(events[1].id, pos(9), 9, "TRANSFER"),
                 Gone(events[2].id, pos(9), 9, "TRANSFER")])  # fmt: skip
    assert store.absent([*events, *withdrawn]) == [events[2], withdrawn[0]]


def test_what_lies_behind_the_horizon_is_waited_for_by_nobody(store: Neo4jStore) -> None:
    """As the mirror has it."""
    mirror, events = Mirror(SCHEMA.windowed), [event(1, "a", "b"), event(60, "a", "b")]
    for each in (store, mirror):
        each.apply([Horizon("retention", 50)])
        assert each.absent(events) == [events[1]]


def test_a_label_that_was_moved_to_another_event_is_of_that_one(store: Neo4jStore) -> None:
    """Both its versions are read, of two edges; each event sees what was said by then."""
    mirror = Mirror(SCHEMA.windowed)
    upserts = [edge(1, "a", "b"), edge(2, "a", "b"), edge(3, "a", "c"),
               LabelUpsert("fraud_reports:1:label", pos(10), 10, "transfers:1:transfer", True),
               LabelUpsert("fraud_reports:1:label", pos(20), 20, "transfers:2:transfer", True),
               Gone("fraud_reports:1:label", pos(30), 30, None)]  # fmt: skip
    for each in (store, mirror):
        each.apply(upserts)
    events = [event(n, "a", "d") for n in (9, 15, 25, 35)]
    found = store.subgraphs(events, Caps((4,)))
    assert found == mirror.subgraphs(events, Caps((4,)))
    labels = [{edge.owner.split(":")[1]: edge.label for edge in subgraph.edges} for subgraph in found]
    assert [label["1"] for label in labels] == [None, True, None, None]
    assert [label["2"] for label in labels] == [None, None, True, None]
