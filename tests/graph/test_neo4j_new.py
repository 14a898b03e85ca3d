"""A batch of new rows goes in by one statement; what only looks like one does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import neo4j
import pytest
from histories import canonical, demo_mapping

from graph.mirror import Mirror
from graph.model import EdgeUpsert, Floor, Gone, LabelUpsert, NodeUpsert, Upsert
from graph.neo4j_store import Neo4jStore

pytestmark = pytest.mark.stack
SCHEMA = demo_mapping().schema
WAITS_S = 1.0


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def edge(n: int, at: int | None = None) -> EdgeUpsert:
    return EdgeUpsert(
        f"transfers:{n}:transfer", pos(at or n), 5, "TRANSFER", "Account:a", f"Account:{n}", 4, {"amount": n}
    )


NEW: list[Upsert] = [
    edge(10), edge(11), edge(12, at=12), edge(12, at=13), Gone("transfers:14:transfer", pos(14), 9, "TRANSFER"),
    NodeUpsert("Account", "a", "accounts", pos(15), 5, {"kind": "current"}),
    LabelUpsert("fraud_reports:1:label", pos(16), 9, "transfers:10:transfer", True),
]  # fmt: skip


@pytest.fixture
def store(neo4j_driver: neo4j.Driver) -> Iterator[Neo4jStore]:
    Neo4jStore(neo4j_driver, SCHEMA).init()
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    yield Neo4jStore(neo4j_driver, SCHEMA)
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each transaction of two statements."""
    begun: list[str] = []
    begin = neo4j.Session.begin_transaction

    def noted(session: neo4j.Session, *args: object, **kwargs: object) -> neo4j.Transaction:
        begun.append("begun")
        return begin(session, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(neo4j.Session, "begin_transaction", noted)
    return begun


def same(store: Neo4jStore, *batches: Sequence[Upsert]) -> bool:
    """Whether the store holds what a mirror makes of these."""
    mirror = Mirror(SCHEMA.windowed)
    for batch in batches:
        mirror.apply(batch)
    return canonical(store.dump()) == canonical(mirror.dump())


def test_new_rows_go_in_by_one_statement(store: Neo4jStore, transactions: list[str]) -> None:
    """Several versions of one of them, a deletion of what is not there, properties and labels included."""
    store.apply(NEW)
    assert transactions == [] and same(store, NEW)


@pytest.mark.parametrize("known", NEW, ids=lambda upsert: type(upsert).__name__)
def test_where_one_is_known_nothing_is_written_before_it_is_read(
    store: Neo4jStore, transactions: list[str], known: Upsert
) -> None:
    """A version or a marker of an owner; a node's properties guard themselves."""
    store.apply([known])
    again: list[Upsert] = [
        *NEW,
        edge(10, at=20),
        edge(14, at=13),
        LabelUpsert("fraud_reports:1:label", pos(3), 3, "x", False),
    ]
    store.apply(again)
    assert len(transactions) == (0 if isinstance(known, NodeUpsert) else 1) and same(store, [known], again)


@pytest.mark.parametrize(("floor", "begun"), [(9, 0), (10, 0), (11, 1), (50, 1)])
def test_a_floor_counts_where_it_lies_above(store: Neo4jStore, transactions: list[str], floor: int, begun: int) -> None:
    """Every bank's tables have one below, from the first snapshot on."""
    batches: list[list[Upsert]] = [[Floor("transfers", pos(floor), 7)], [edge(10), edge(12)]]
    store.apply(batches[0])
    transactions.clear()
    store.apply(batches[1])
    assert len(transactions) == begun and same(store, *batches)


def test_a_statement_of_new_rows_waits_for_its_turn_before_it_looks(store: Neo4jStore) -> None:
    """Else it would not see what another writer is about to commit, and leave a version open that is closed."""
    other = Neo4jStore(store._driver, SCHEMA)
    other.check()  # planning takes turns too
    with store._driver.session() as session, session.begin_transaction() as tx:
        store._apply(tx, [edge(1, at=100)])
        waiting = threading.Thread(target=other.apply, args=([edge(1, at=5)],))
        waiting.start()
        waiting.join(WAITS_S)
        assert waiting.is_alive()
        tx.commit()
    waiting.join(60)
    closed = "MATCH ()-[e:TRANSFER]->() RETURN e._closed_pos AS pos ORDER BY e.id"  # a dump would close it by itself
    assert [row["pos"] for row in store._driver.execute_query(closed).records] == [pos(100), None]
