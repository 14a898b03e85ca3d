"""Two writers on one Neo4j, the second cutting in between what the first reads and what it writes.

Neo4j is read-committed: what was read may be stale when the write comes. Two processes meet on different
rows of a table all the time, on the same rows when one was given up for dead (paused, cut off) and goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import neo4j
import pytest
from histories import canonical, demo_mapping

from graph import cypher
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Floor, Gone, LabelUpsert, NodeUpsert, Upsert
from graph.neo4j_store import Neo4jStore
from graph.store import StoreUnavailable

pytestmark = pytest.mark.stack
SCHEMA = demo_mapping().schema
BLOCKED_S = 1.0  # the second may have to wait until the first is done: that is fine too


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def edge(n: int, at: int | None = None) -> EdgeUpsert:
    return EdgeUpsert(
        f"transfers:{n}:transfer", pos(at or n), 5, "TRANSFER", "Account:a", "Account:b", 4, {"amount": n}
    )


def label(at: int, fraud: bool) -> LabelUpsert:
    return LabelUpsert("fraud_reports:1:label", pos(at), at, "transfers:1:transfer", fraud)


def user(at: int) -> NodeUpsert:
    return NodeUpsert("User", "1", "users", pos(at), at, {"name": f"as of {at}"})


class _Tx:
    """A transaction that lets another writer in once, behind its first statement."""

    def __init__(self, tx: neo4j.Transaction, cut_in: Callable[[], None]) -> None:
        self._tx, self._cut_in, self._ran = tx, cut_in, 0

    def __enter__(self) -> _Tx:
        return self

    def __exit__(self, *_: object) -> None:
        self._tx.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        self._ran += 1
        if self._ran == 2:
            self._cut_in()
        return self._tx.run(*args, **kwargs)


class _Session:
    def __init__(self, session: neo4j.Session, cut_in: Callable[[], None]) -> None:
        self._session, self._cut_in = session, cut_in

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def begin_transaction(self, **config: Any) -> _Tx:
        return _Tx(self._session.begin_transaction(**config), self._cut_in)


class _Driver:
    """A driver whose every transaction is interrupted; the first time by `others`."""

    def __init__(self, driver: neo4j.Driver, others: Callable[[], None]) -> None:
        self._driver, self._thread = driver, threading.Thread(target=others)

    def session(self, **config: Any) -> _Session:
        return _Session(self._driver.session(**config), self._cut_in)

    def _cut_in(self) -> None:
        if self._thread.ident is None:
            self._thread.start()
            self._thread.join(BLOCKED_S)

    def finish(self) -> None:
        self._thread.join(60)


def raw(driver: neo4j.Driver) -> list[str]:
    """Everything that is stored, bookkeeping included: a dump leaves out what closes a version."""
    nodes = driver.execute_query("MATCH (n) RETURN labels(n) AS what, properties(n) AS p").records
    edges = driver.execute_query("MATCH ()-[e]->() RETURN type(e) AS what, properties(e) AS p").records
    return sorted(f"{row['what']} {sorted(row['p'].items())}" for row in (*nodes, *edges))


def emptied(driver: neo4j.Driver) -> Neo4jStore:
    driver.execute_query("MATCH (n) DETACH DELETE n")
    store = Neo4jStore(driver, SCHEMA)
    store.init()
    store.check()  # plans the statements
    return store


def patiently(apply: Callable[[], None]) -> None:
    """What the store asks to try again is tried again, as the worker does."""
    for _ in range(5):
        with suppress(StoreUnavailable):
            return apply()
    raise AssertionError("tried five times")


def race(driver: neo4j.Driver, there: Sequence[Upsert], first: Sequence[Upsert], second: Sequence[Upsert]) -> None:
    """`first` reads, `second` is written, `first` writes: the graph is the one that they make in turn."""
    store = emptied(driver)
    store.apply(there)
    interrupted = _Driver(driver, lambda: patiently(lambda: store.apply(second)))
    reading = Neo4jStore(interrupted, SCHEMA)  # type: ignore[arg-type]
    for _ in range(5):
        reading._guess.found(False)  # new rows alone would go in by one statement, which nobody can cut in on
    patiently(lambda: reading.apply(first))
    interrupted.finish()
    raced = raw(driver)
    store = emptied(driver)
    for batch in (there, first, second):
        store.apply(batch)
    assert raced == raw(driver)


def test_a_node_s_newer_properties_stay(neo4j_driver: neo4j.Driver) -> None:
    """The write lock is taken before the guard reads."""
    race(neo4j_driver, [user(5)], [user(10)], [user(20)])


def test_one_edge_written_by_two_is_one(neo4j_driver: neo4j.Driver) -> None:
    """The constraint stops the first, which looks again; also where the second is further on."""
    race(neo4j_driver, [edge(1)], [edge(1, at=5)], [edge(1, at=5), edge(1, at=7)])


def test_a_label_s_correction_stays(neo4j_driver: neo4j.Driver) -> None:
    """The first was given up for dead with a label in hand; who took over has written it and its correction."""
    race(neo4j_driver, [], [label(5, True)], [label(5, True), label(7, False)])


def test_a_floor_stays_on_a_version_that_is_closed_meanwhile(neo4j_driver: neo4j.Driver) -> None:
    """The first closes it, the second empties the table: it ends by whichever comes first in the log."""
    race(neo4j_driver, [edge(1)], [edge(1, at=60)], [Floor("transfers", pos(50), 60)])


def test_a_floor_that_is_being_spread_stays_on_a_version_that_is_closed(neo4j_driver: neo4j.Driver) -> None:
    """It is spread over a large table in chunks, while others write: each sees the floor, not how far it has come."""
    store, floor = emptied(neo4j_driver), {"table": "transfers", "pos": pos(50), "known": 60}
    store.apply([edge(1)])
    neo4j_driver.execute_query(cypher.PUT_FLOOR, floor)  # type: ignore[arg-type]

    def spread() -> None:
        with neo4j_driver.session() as session:
            store._in_chunks(session, cypher.floor_edges("TRANSFER"), floor)

    interrupted = _Driver(neo4j_driver, spread)
    patiently(lambda: Neo4jStore(interrupted, SCHEMA).apply([edge(1, at=60)]))  # type: ignore[arg-type]
    interrupted.finish()
    rows = neo4j_driver.execute_query("MATCH ()-[e:TRANSFER]->() RETURN e._floor_pos AS floor ORDER BY e.id").records
    assert [row["floor"] for row in rows] == [pos(50), None]


def test_an_edge_below_a_floor_is_gone(neo4j_driver: neo4j.Driver) -> None:
    """A TRUNCATE read from one partition, a row of the table from another."""
    race(neo4j_driver, [], [edge(1)], [Floor("transfers", pos(50), 60)])


def test_a_label_below_a_floor_is_gone(neo4j_driver: neo4j.Driver) -> None:
    """Likewise."""
    race(neo4j_driver, [], [label(5, True)], [Floor("fraud_reports", pos(50), 60)])


def test_a_node_below_a_floor_is_empty(neo4j_driver: neo4j.Driver) -> None:
    """Likewise its properties."""
    race(neo4j_driver, [], [user(5)], [Floor("users", pos(50), 60)])


def test_a_floor_that_is_being_spread_spares_a_node_that_is_being_written(neo4j_driver: neo4j.Driver) -> None:
    """What another writer is about to commit above the floor is not seen before its turn is over."""
    store = emptied(neo4j_driver)
    floor = {"table": "users", "pos": pos(50), "known": 60, "properties": {"_pos_users": pos(50), "_gone_users": True}}
    store.apply([user(5)])
    neo4j_driver.execute_query(cypher.PUT_FLOOR, floor)  # type: ignore[arg-type]

    def spread() -> None:
        with neo4j_driver.session() as session:
            store._in_chunks(session, cypher.floor_nodes("User", "users"), floor)

    spreading = threading.Thread(target=spread)
    with neo4j_driver.session() as session, session.begin_transaction() as tx:
        store._apply(tx, [user(60)])
        spreading.start()
        spreading.join(BLOCKED_S)
        tx.commit()
    spreading.join(60)
    (node,) = neo4j_driver.execute_query("MATCH (n:User) RETURN n._pos_users AS pos, n._gone_users AS gone").records
    assert (node["pos"], node["gone"]) == (pos(60), None)


def test_a_deletion_that_finds_its_row_during_a_dump_is_in_it(neo4j_driver: neo4j.Driver) -> None:
    """It waited as a marker before the stream that a mirror follows begins; the row is on the stream, open."""
    store, row = emptied(neo4j_driver), edge(1)
    store.apply([Gone(row.owner, pos(9), 9, row.relation), label(5, True)])
    mirror = Mirror()
    for upsert in store.dump():
        mirror.apply([upsert])
        if isinstance(upsert, LabelUpsert):  # edges have been read
            store.apply([row])
    mirror.apply([row])
    assert canonical(mirror.dump()) == canonical(store.dump())
