"""A dump beside writers and the sweep; the store's contract has what it holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import neo4j
import pytest
from histories import canonical, demo_mapping

from graph import cypher
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Floor, Gone, Horizon, Incomplete, LabelUpsert, NodeUpsert, Upsert
from graph.neo4j_driver import query
from graph.neo4j_dump import pages
from graph.neo4j_store import Neo4jStore

pytestmark = pytest.mark.stack
SCHEMA = demo_mapping().schema
WAITS_S = 1.0


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def edge(n: int, at: int = 5) -> EdgeUpsert:
    return EdgeUpsert(f"transfers:{n}:transfer", pos(at), at, "TRANSFER", "Account:a", "Account:b", 4, {"amount": n})


def gone(n: int, at: int = 9) -> Gone:
    return Gone(f"transfers:{n}:transfer", pos(at), at, "TRANSFER")


NODE = NodeUpsert("Account", "a", "accounts", pos(1), 1, {"kind": "current"})


@pytest.fixture
def store(neo4j_driver: neo4j.Driver) -> Iterator[Neo4jStore]:
    Neo4jStore(neo4j_driver, SCHEMA).init()
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    yield Neo4jStore(neo4j_driver, SCHEMA)
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")


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
        if isinstance(upsert, NodeUpsert):  # markers have been read, edges not yet
            store.apply([Horizon("retention", 100)])
            while store.sweep(10):
                pass
    mirror.apply([Horizon("retention", 100)])
    assert canonical(mirror.dump()) == canonical(store.dump()) == canonical([NODE, gone(1), Horizon("retention", 100)])


def test_what_waits_is_told_once(store: Neo4jStore) -> None:
    """Markers are read twice."""
    store.apply([NODE, gone(1)])
    assert canonical(store.dump()) == canonical([NODE, gone(1)])


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
    cypher.page_of_edges("TRANSFER"), cypher.page_of_nodes("Account", "accounts"), cypher.page_of_kept(cypher.LABEL),
])  # fmt: skip
def test_a_page_is_read_from_the_index_in_its_order(store: Neo4jStore, text: str) -> None:
    """Neither sorted nor filtered out of everything: a page costs the same wherever it lies."""
    plan = store._driver.execute_query(query(f"EXPLAIN {text}"), after="").summary.plan
    assert plan is not None
    names, todo = set[str](), [plan]
    while todo:
        names.add((at := todo.pop())["operatorType"].partition("@")[0])
        todo += at.get("children", [])
    assert not names & {"Sort", "Top", "NodeByLabelScan", "PartialSort"} and "Limit" in names


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
        found = list(pages(Failing(session), cypher.page_of_edges("TRANSFER")))  # type: ignore[arg-type]
    assert len(found) == 2 and Failing.tries == 2
