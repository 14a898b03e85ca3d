"""A hub of 100,000 edges costs what the caps allow: how Neo4j means to read, and what it did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import neo4j
import pytest
from histories import demo_mapping

from graph import cypher_read, neo4j_around
from graph.model import Caps, EdgeUpsert, Event, Look
from graph.neo4j_driver import query
from graph.neo4j_store import Neo4jStore
from graph.store import StoreUnavailable

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
SCHEMA = demo_mapping().schema
LONG = Look(Caps((16, 8)), 256, 4_096)
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


@pytest.fixture(scope="module")
def empty(neo4j_driver: neo4j.Driver) -> Iterator[Neo4jStore]:
    """The graph before anything is in it; and again behind the last test."""
    neo4j_driver.session().run(query(EMPTY)).consume()
    made = Neo4jStore(neo4j_driver, SCHEMA)
    made.init()
    made.check()
    yield made
    neo4j_driver.session().run(query(EMPTY)).consume()


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
def test_nothing_is_scanned_expanded_or_sorted_whole(empty: Neo4jStore, text: str) -> None:
    """Planned on an empty graph, as it is where ingest begins."""
    well(planned(empty, text))


@pytest.fixture(scope="module")
def hubs(empty: Neo4jStore) -> Neo4jStore:
    """An account that 100,000 payments went to, and one with 6,000. The tests above it have an empty graph."""
    edges = [edge(n, f"h{n % 5_000}", "hub") for n in range(1, HUB + 1)]
    edges += [edge(HUB + n, f"h{n % 5_000}", "small") for n in range(1, SMALL_HUB + 1)]
    for at in range(0, len(edges), 5_000):
        empty.apply(edges[at : at + 5_000])
    return empty


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
