"""How Neo4j is read around a micro-batch: in one round trip, by indexes, bounded by caps whatever hangs on a node."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import neo4j
import pytest
from histories import demo_mapping

from graph import cypher_read, neo4j_around
from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Gone, Horizon, Incomplete, LabelUpsert, Look, Upsert
from graph.neo4j_driver import query
from graph.neo4j_store import Neo4jStore
from graph.store import StoreUnavailable

pytestmark = pytest.mark.stack
SCHEMA = demo_mapping().schema
LONG = Look(Caps((16, 8)), 256, 4_096)
LOOKS = pytest.mark.parametrize("look", [Look(Caps((16, 8))), LONG], ids=["walk", "long"])
HUB, SMALL_HUB = 100_000, 6_000
NOW_MS = 10_000_000
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


def operators(plan: Any) -> Iterator[tuple[str, Any]]:
    yield plan["operatorType"].partition("@")[0], plan
    for child in plan.get("children", ()):
        yield from operators(child)


TEXTS = {"walk": cypher_read.around(SCHEMA, Look(Caps((16, 8)))), "long": cypher_read.around(SCHEMA, LONG),
         "arrived": cypher_read.arrived(SCHEMA)}  # fmt: skip


def planned(store: Neo4jStore, text: str) -> list[str]:
    """Operators of a plan that is made now, by the statistics of now."""
    nothing = {"events": [], "most": 1, "ids": [], **{f"of_{relation.name}": [] for relation in SCHEMA.relations}}
    with store._session() as session:
        plan = session.run(query(f"EXPLAIN {text.replace('replan=skip', 'replan=force')}"), b=nothing).consume().plan
    return [name for name, _ in operators(plan)]


def well(names: list[str]) -> None:
    """By indexes alone, in their order; what is put in order are edges of one time, as far as the cap."""
    assert any("IndexSeek" in name for name in names)
    assert not {"Sort", "Top", "PartialSort", "Eager"} & set(names)
    assert [name for name in names if "Scan" in name or "Expand" in name] == []


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_nothing_is_scanned_expanded_or_sorted_whole(store: Neo4jStore, text: str) -> None:
    """Planned on an empty graph, as it is where ingest begins."""
    well(planned(store, text))


@pytest.fixture(scope="module")
def _hub_edges() -> list[EdgeUpsert]:
    return [edge(n, f"h{n % 5_000}", "hub") for n in range(1, HUB + 1)] + [
        edge(HUB + n, f"h{n % 5_000}", "small") for n in range(1, SMALL_HUB + 1)
    ]


@pytest.fixture
def hubs(store: Neo4jStore, _hub_edges: list[EdgeUpsert]) -> Neo4jStore:
    """An account that 100,000 payments went to, and one with 6,000."""
    for at in range(0, len(_hub_edges), 5_000):
        store.apply(_hub_edges[at : at + 5_000])
    return store


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_nor_is_anything_where_much_is_there(hubs: Neo4jStore, text: str) -> None:
    """Where a relation's edges are counted, a scan in the order of an index once seemed cheaper than seeks."""
    well(planned(hubs, text))


def hits(store: Neo4jStore, look: Look, of: Event) -> int:
    store.around([of], look)
    given = {"events": [neo4j_around._event_row(of, store._keep.known)], "most": 10**9}
    with store._session() as session:
        profile = session.run(query(f"PROFILE {cypher_read.around(SCHEMA, look)}"), b=given).consume().profile
    return sum(plan["dbHits"] for _, plan in operators(profile))


def test_a_hub_costs_what_the_caps_allow(hubs: Neo4jStore) -> None:
    """Database hits of two hubs, of which one has sixteen times the edges; a walk, and a long look back."""
    for look, most in ((Look(Caps((16, 8))), 16 * 2 * 8), (LONG, 4_096 + 256)):
        large, small = (hits(hubs, look, event(NOW_MS, "new", name)) for name in ("hub", "small"))
        assert abs(large - small) < 0.1 * small
        assert large < 60 * most


def test_what_takes_too_long_is_given_up_and_tried_with_fewer(
    hubs: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neo4j ends the transaction. Nothing is refused: it can be asked again, and is asked for less at once."""
    monkeypatch.setattr(neo4j_around, "MOST_ROWS", 10**9)  # else it would be read in parts
    whole = Look(Caps((HUB,)))
    events = [event(NOW_MS + n, "new", "hub") for n in range(64)]
    with pytest.raises(StoreUnavailable, match="timeout"):
        hubs.around(events, whole)
    assert hubs._around._at_once == 32
    assert len(hubs.subgraphs(events, Caps((16,)))) == 64


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
