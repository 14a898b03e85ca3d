"""What one batch writes, and in which order: two writers must meet in one order, or they deadlock."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from histories import demo_mapping
from hypothesis import given, settings
from hypothesis import strategies as st
from neo4j.exceptions import ConstraintError, Neo4jError, ServiceUnavailable, SessionExpired

from graph import cypher
from graph.model import EdgeUpsert, Gone, LabelUpsert, NodeUpsert, Upsert
from graph.neo4j_batch import Batch
from graph.neo4j_driver import Faults
from graph.store import StoreRefused, StoreUnavailable

SCHEMA = demo_mapping().schema


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def upsert(kind: str, n: int) -> Upsert:
    owner = f"transfers:{n % 7}:transfer"
    match kind:
        case "node":
            return NodeUpsert("Account", f"{n * 31 % 50}", "accounts", pos(n), n, {"kind": "x"})
        case "edge":
            ends = f"Account:{n * 17 % 40}", f"Account:{n * 13 % 40}"
            return EdgeUpsert(owner, pos(n), n, "TRANSFER", *ends, n, {"amount": n})
        case "label":
            return LabelUpsert(f"fraud_reports:{n % 5}:label", pos(n), n, owner, True)
        case _:
            return Gone(owner, pos(n), n, "TRANSFER")


UPSERTS = st.lists(st.tuples(st.sampled_from(["node", "edge", "label", "gone"]), st.integers(1, 500)), min_size=1)


def name_of(row: Any) -> str:
    return str(row if isinstance(row, str) else row[2] if isinstance(row, list) else row["id"])


@settings(deadline=None)
@given(UPSERTS)
def test_every_list_is_sorted_by_id(kinds: list[tuple[str, int]]) -> None:
    """Whatever order the changes came in."""
    batch = Batch(SCHEMA, [upsert(*one) for one in kinds])
    batch.take(())
    for key, rows in {**batch.reading(), **batch.writing()}.items():
        names = [name_of(row) for row in rows]
        assert names == sorted(names), key
        assert len(names) == len(set(names)), key


@settings(deadline=None)
@given(UPSERTS)
def test_every_new_edge_brings_both_its_ends(kinds: list[tuple[str, int]]) -> None:
    """An edge between nodes that are not there would silently not be created."""
    batch = Batch(SCHEMA, [upsert(*one) for one in kinds])
    batch.take(())
    for row in batch.writing()["created_TRANSFER"]:
        assert row[5:7] == [f"Account:{row[0]}", f"Account:{row[1]}"]
    ends = "MERGE (s:Account {id: row[0]}) MERGE (d:Account {id: row[1]}) CREATE (s)-[:TRANSFER {id: row[2]"
    assert ends in cypher.write(SCHEMA)


def test_a_new_edge_s_columns_are_what_the_statement_takes_them_for() -> None:
    """Its row is a list: no name travels with a value. One that is closed already says so behind the rest."""
    batch = Batch(SCHEMA, [upsert("edge", 7), upsert("gone", 14)])
    batch.take(())
    (row,) = batch.writing()["created_TRANSFER"]
    statement = cypher.create_edges(next(r for r in SCHEMA.relations if r.name == "TRANSFER"), "rows")
    columns = dict(re.findall(r"(\w+): row\[(\d+)\]", statement[statement.index("CREATE") :]))
    told = {name: row[int(at)] for name, at in columns.items() if int(at) < len(row) and row[int(at)] is not None}
    assert told == {
        "id": f"transfers:0:transfer@{pos(7)}", "time": 7, "_known": 7, "_src": "Account:39", "_dst": "Account:11",
        "amount": 7, "_closed_pos": pos(14), "_closed_ms": 14, "_closed_gone": True,
    }  # fmt: skip


def test_an_attribute_the_mapping_does_not_name_is_refused() -> None:
    """It would be left out in silence."""
    with pytest.raises(StoreRefused, match=r"attributes \['odd'\] of TRANSFER are not in the mapping"):
        Batch(SCHEMA, [msgspec.structs.replace(upsert("edge", 1), attributes={"odd": 1})])  # type: ignore[type-var]


def test_a_writer_takes_its_turn_before_it_reads() -> None:
    """Relationships lock their ends in an order of Neo4j's own: two writers at once would deadlock."""
    statement = cypher.read_state(SCHEMA)
    assert statement.index(cypher.TAKE_TURN) < statement.index("UNWIND $b.")


def test_a_turn_is_a_lock_in_a_database_that_never_had_one() -> None:
    """A property set to itself is locked only where its name was used before (tried on Neo4j 5.26.12)."""
    assert cypher.TAKE_TURN.endswith("SET w._turn = 1")


def test_nodes_are_locked_before_the_guard_reads_them() -> None:
    """Neo4j is read-committed: without the lock two writers both find the older position."""
    statement = cypher.nodes("User", "users", "rows")
    assert "SET n._pos_users = n._pos_users WITH n, row WHERE coalesce(n._pos_users, '') < row.pos" in statement


@pytest.mark.parametrize("statement", [cypher.write(SCHEMA), cypher.read_state(SCHEMA)])
def test_nothing_is_looked_for_without_its_label_or_type(statement: str) -> None:
    """MERGE without a label is 50 times slower."""
    looked_for = re.findall(r"(?:MERGE|MATCH) (\(\w*(?::\w+)?[^)]*\)(?:-\[[^\]]*\]->\(\))?)", statement)
    assert looked_for and [pattern for pattern in looked_for if not re.search(r"[(\[]\w*:\w", pattern)] == []


def test_read_edges_and_labels_are_found_by_the_index() -> None:
    """Else a batch would cost as much as the graph is large."""
    parts = cypher.read_state(SCHEMA).split(" UNION ALL ")
    assert all("USING INDEX" in part for part in parts if cypher.FLOOR not in part) and len(parts) == 8


# -- what a fault is ----------------------------------------------------------------------------


def fault(code: str) -> Neo4jError:
    return Neo4jError._hydrate_neo4j(code=code, message="as the server says")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "error",
    [
        fault("Neo.TransientError.Transaction.DeadlockDetected"),
        fault("Neo.TransientError.General.MemoryPoolOutOfMemoryError"),
        fault("Neo.TransientError.Transaction.LockAcquisitionTimeout"),
        fault("Neo.DatabaseError.Transaction.TransactionCommitFailed"),  # a full disk
        fault("Neo.DatabaseError.General.UnknownError"),
        fault("Neo.ClientError.General.ForbiddenOnReadOnlyDatabase"),  # as well
        fault("Neo.ClientError.Cluster.NotALeader"),
        fault("Neo.ClientError.Security.Unauthorized"),
        fault("Neo.ClientError.Security.CredentialsExpired"),
        fault("Neo.ClientError.Transaction.TransactionTimedOut"),  # the bank's db.transaction.timeout
        fault("Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration"),
        fault("Neo.ClientError.Transaction.TransactionNotFound"),
        fault("Neo.ClientError.Database.DatabaseNotFound"),
        fault("Neo.ClientError.Request.Invalid"),
        ConstraintError("another writer"),
        ServiceUnavailable("gone"),
        SessionExpired("gone"),
        ConnectionResetError("gone"),
        TimeoutError("gone"),
    ],
    ids=lambda error: getattr(error, "code", None) or type(error).__name__,
)
def test_what_no_record_is_to_blame_for_is_tried_again(error: Exception) -> None:
    """A server that is away, busy, full or set up wrongly: never a dead letter."""
    with pytest.raises(StoreUnavailable), Faults():
        raise error


@pytest.mark.parametrize("code", ["Statement.TypeError", "Statement.ArgumentError", "Statement.PropertyNotFound"])
def test_what_a_record_is_to_blame_for_is_refused(code: str) -> None:
    """Trying again would stop everything behind it."""
    with pytest.raises(StoreRefused), Faults():
        raise fault(f"Neo.ClientError.{code}")
