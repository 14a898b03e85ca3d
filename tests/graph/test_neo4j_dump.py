"""A dump beside writers and the sweep; the store's contract has what it holds."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import neo4j
import pytest
from histories import canonical, changes, demo_mapping, horizons, upserts, views
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph import cypher
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Floor, Gone, Horizon, Incomplete, LabelUpsert, NodeUpsert, Upsert
from graph.neo4j_driver import query
from graph.neo4j_dump import pages
from graph.neo4j_store import Neo4jStore
from ingest.events import Change

pytestmark = pytest.mark.stack
MAPPING = demo_mapping()
SCHEMA = MAPPING.schema
WAITS_S = 1.0


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def edge(n: int, at: int = 5) -> EdgeUpsert:
    return EdgeUpsert(f"transfers:{n}:transfer", pos(at), at, "TRANSFER", "Account:a", "Account:b", 4, {"amount": n})


def gone(n: int, at: int = 9) -> Gone:
    return Gone(f"transfers:{n}:transfer", pos(at), at, "TRANSFER")


NODE = NodeUpsert("Account", "a", "accounts", pos(1), 1, {"kind": "current"})


@pytest.fixture
def fresh(neo4j_driver: neo4j.Driver) -> Iterator[Callable[[], Neo4jStore]]:
    """Gives empty ones."""

    def emptied() -> Neo4jStore:
        neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
        return Neo4jStore(neo4j_driver, SCHEMA)

    Neo4jStore(neo4j_driver, SCHEMA).init()
    yield emptied
    emptied()


@pytest.fixture
def store(fresh: Callable[[], Neo4jStore]) -> Neo4jStore:
    return fresh()


def test_a_page_waits_for_its_turn(store: Neo4jStore) -> None:
    """Else it may see by half what another writer commits: a deletion gone from where it was, and nowhere yet."""
    store.apply([edge(1), gone(1)])
    found: list[Upsert] = []
    with store._driver.session() as session, session.begin_transaction() as tx:
        store._apply(tx, [edge(1, at=7)])
        waiting = threading.Thread(target=lambda: found.extend(store.dump()))
        waiting.start()
        waiting.join(WAITS_S)
        assert waiting.is_alive() and found == []
        tx.commit()
    waiting.join(60)
    assert canonical(found) == canonical([edge(1), edge(1, at=7), gone(1)])


def test_a_deletion_that_the_sweep_makes_a_marker_again_is_in_it(store: Neo4jStore) -> None:
    """It closed a version that lies behind the horizon; what comes late from before it finds it still."""
    store.apply([NODE, edge(1), gone(1)])
    mirror = Mirror(SCHEMA.windowed)
    for upsert in store.dump():
        mirror.apply([upsert])
        if isinstance(upsert, NodeUpsert):  # nodes have been read, owners not yet
            store.apply([Horizon("retention", 100)])
            while store.sweep(10):
                pass
    mirror.apply([Horizon("retention", 100)])
    assert canonical(mirror.dump()) == canonical(store.dump()) == canonical([NODE, gone(1), Horizon("retention", 100)])


def test_what_a_late_deletion_sends_away_is_in_it(store: Neo4jStore) -> None:
    """It closed a version, was a marker behind an earlier deletion, then closed a late version: all meanwhile."""
    store.apply([NODE, edge(1), gone(1, 40)])
    mirror, late = Mirror(SCHEMA.windowed), iter([[gone(1, 20)], [edge(1, 30)]])
    for upsert in store.dump():
        mirror.apply([upsert])
        store.apply(next(late, []))
    mirror.apply([gone(1, 20), edge(1, 30)])
    assert canonical(mirror.dump()) == canonical(store.dump())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(log=changes(), kept=horizons(), page=st.integers(1, 3), seed=st.integers(0, 2**32))
def test_a_dump_and_what_was_written_beside_it_are_the_graph(
    fresh: Callable[[], Neo4jStore], log: list[Change], kept: list[Upsert], page: int, seed: int
) -> None:
    """Whatever comes between two pages, in whatever order, the sweep too."""
    store, mirror, rng = fresh(), Mirror(SCHEMA.windowed), random.Random(seed)
    steps = [*upserts(MAPPING, log), *([upsert] for upsert in kept)]
    rng.shuffle(steps)
    before, beside = steps[: len(steps) // 2], steps[len(steps) // 2 :]
    for step in before:
        store.apply(step)
    written = iter(beside)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cypher, "PAGE", page)
        for upsert in store.dump():
            mirror.apply([upsert])
            for _ in range(rng.randrange(3)):
                store.apply(next(written, []))
            if rng.random() < 0.1:
                store.sweep(rng.randint(1, 5))
    for step in written:
        store.apply(step)
    for step in beside:
        mirror.apply(step)
    assert canonical(mirror.dump()) == canonical(store.dump()) and views(mirror, log) == views(store, log)


def test_several_pages_are_all_of_it(store: Neo4jStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of them full, or not; versions of one owner across two."""
    for page in (1, 2, 3):
        monkeypatch.setattr(cypher, "PAGE", page)
        there = [NODE, *(edge(n, at) for n in (1, 2) for at in (5, 6, 7)), gone(2), gone(3), gone(4),
                 LabelUpsert("fraud_reports:1:label", pos(9), 9, "transfers:1:transfer", True),
                 Floor("logins", pos(2), 3), Floor("users", pos(2), 3), Incomplete("users:1", 7, True)]  # fmt: skip
        store.apply(there)
        assert canonical(store.dump()) == canonical(there)


@pytest.mark.parametrize("text", [
    cypher.page_of_versions(SCHEMA), cypher.page_of_nodes("Account", ["accounts"]), cypher.page_of_kept(cypher.FLOOR),
])  # fmt: skip
def test_a_page_costs_the_same_wherever_it_lies(store: Neo4jStore, text: str) -> None:
    """It walks an index from where it begins, and stops: nothing is sorted, or looked for, among all that follows."""
    plan = store._driver.execute_query(query(f"EXPLAIN {text}"), after="", most=5).summary.plan
    assert plan is not None
    whole = {"Sort", "Top", "PartialSort", "Filter", "NodeByLabelScan", "DirectedAllRelationshipsScan"}
    below, todo = set[str](), [(plan, False)]
    while todo:
        (at, limited) = todo.pop()
        operator = at["operatorType"].partition("@")[0]
        if limited:
            below.add(operator)
        todo += [(child, limited or operator == "Limit") for child in at.get("children", [])]
    assert below and not below & whole


def test_an_owner_of_more_than_a_page_is_read_whole(store: Neo4jStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its page is as large as it takes."""
    monkeypatch.setattr(cypher, "PAGE", 2)
    there = [*(edge(1, at) for at in range(2, 12)), gone(1, 20), edge(2), gone(2)]
    store.apply(there)
    assert canonical(store.dump()) == canonical(there)


def test_a_page_that_fails_is_asked_for_again(store: Neo4jStore) -> None:
    """A dump of a large graph takes minutes: it does not begin anew for each fault."""
    store.apply([edge(1), edge(2)])

    class Failing:
        tries = 0

        def __init__(self, session: neo4j.Session) -> None:
            self._session = session

        def run(self, text: neo4j.Query, **given: str) -> neo4j.Result:
            Failing.tries += 1
            if Failing.tries == 1:
                raise neo4j.exceptions.ServiceUnavailable("restarting")
            return self._session.run(text, **given)

    with store._driver.session() as session:
        found = list(pages(Failing(session), cypher.page_of_versions(SCHEMA)))  # type: ignore[arg-type]
    assert len(found) == 2 and Failing.tries == 2
