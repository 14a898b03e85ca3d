"""Columns that go while running, values that were left out, a snapshot's end: what the mapping makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graph.mapping import Mapping, Plan
from graph.mapping_file import MappingError
from graph.model import Floor, Gone, NodeUpsert
from ingest.events import Change, Halt, Op, Position, Reject
from ingest.unavailable import UNAVAILABLE

POS = Position("bank", 2, False, 1, 100)
TEXT = """
source = "bank"
ignore = ["audit"]
[tables.users]
key = ["id"]
missing = "MISSING"
[[tables.users.nodes]]
label = "User"
id = "id"
properties = { name = "name", city = "city" }
[tables.transfers]
key = ["id"]
[[tables.transfers.edges]]
role = "transfer"
relation = "TRANSFER"
source = { label = "User", id = "src" }
target = { label = "User", id = "dst" }
time = "at"
event = true
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Mapping:
    return mapped(tmp_path, "refuse")


def mapped(folder: Path, missing: str) -> Mapping:
    path = folder / "mapping.toml"
    path.write_text(TEXT.replace("MISSING", missing), encoding="utf-8")
    return Mapping.load(path, b"k" * 32)


def change(op: Op, before: Any, after: Any, table: str = "users", completes: bool = False) -> Change:
    return Change(table, {"id": 1}, op, before, after, POS, 5_000, completes)


def properties(plan: Plan) -> list[object]:
    return [upsert.properties for upsert in plan.upserts if isinstance(upsert, NodeUpsert)]


def test_a_missing_column_is_refused_by_name(mapping: Mapping) -> None:
    """The default."""
    with pytest.raises(Reject, match=r"column 'city' is missing from the row .it has id, name"):
        mapping.plan(change(Op.UPDATE, {"id": 1, "name": "a"}, {"id": 1, "name": "b"}))


def test_a_missing_column_that_is_ignored_reads_as_null(tmp_path: Path) -> None:
    """In both images."""
    plan = mapped(tmp_path, "ignore").plan(change(Op.UPDATE, {"id": 1, "name": "a"}, {"id": 1, "name": "b"}))
    assert properties(plan) == [{"name": "b"}]


@pytest.mark.parametrize(
    ("op", "before", "after"),
    [(Op.CREATE, None, {"id": 1, "name": "b"}), (Op.UPDATE, {"id": 1}, {"id": 1}), (Op.DELETE, {"id": 1}, None)],
)
def test_a_missing_column_that_stops_says_where_and_what(tmp_path: Path, op: Op, before: Any, after: Any) -> None:
    """No dead letter: the process ends with this."""
    with pytest.raises(Halt, match=r"table 'users' at bank/0002.*'(city|name)' is missing.*Mend the mapping"):
        mapped(tmp_path, "stop").plan(change(op, before, after))


@pytest.mark.parametrize("missing", ["refuse", "ignore", "stop"])
def test_null_is_not_missing_and_new_columns_are_nobody_s(tmp_path: Path, missing: str) -> None:
    """Whatever the mapping says about missing ones."""
    row = {"id": 1, "name": None, "city": "x", "later": 7}
    assert properties(mapped(tmp_path, missing).plan(change(Op.CREATE, None, row))) == [{"city": "x"}]


def test_a_key_that_is_missing_can_t_be_ignored(tmp_path: Path) -> None:
    """A row without a key is nobody's."""
    bad = Change("users", {}, Op.CREATE, None, {"id": 1}, POS, 5_000)
    with pytest.raises(Reject, match="column 'id' is missing"):
        mapped(tmp_path, "ignore").plan(bad)


def test_only_three_answers_are_known(tmp_path: Path) -> None:
    """Named with their line."""
    with pytest.raises(MappingError, match=r"mapping.toml:6: tables.users.missing.*'refuse', 'ignore' or 'stop'"):
        mapped(tmp_path, "guess")


def test_a_value_that_was_left_out_is_refused_with_the_mend(mapping: Mapping) -> None:
    """Where it is mapped; where not, it is in nobody's way."""
    with pytest.raises(Reject, match=r"column 'city' is large and unchanged.*REPLICA IDENTITY FULL"):
        mapping.plan(change(Op.UPDATE, None, {"id": 1, "name": "b", "city": UNAVAILABLE}))
    row = {"id": 1, "name": "b", "city": "c", "essay": UNAVAILABLE}
    assert properties(mapping.plan(change(Op.UPDATE, None, row))) == [{"name": "b", "city": "c"}]


def test_a_deletion_whose_row_before_holds_the_key_alone_still_closes(mapping: Mapping) -> None:
    """PostgreSQL without REPLICA IDENTITY FULL: the rest reads as NULL, which shows no edge, but there was one."""
    before = {"id": 1, "src": None, "dst": None, "at": None}
    plan = mapping.plan(change(Op.DELETE, before, None, "transfers"))
    assert plan.upserts == (Gone("transfers:1:transfer", POS.token, 5_000, "TRANSFER"),) and plan.events == ()


FLOORS = {Floor("users", POS.token, 5_000), Floor("transfers", POS.token, 5_000)}


def test_the_row_that_ends_a_snapshot_sets_a_floor_for_every_mapped_table(mapping: Mapping) -> None:
    """At its own position, behind the row itself."""
    row = {"id": 1, "name": "b", "city": "c"}
    plan = mapping.plan(change(Op.READ, None, row, completes=True))
    assert isinstance(plan.upserts[0], NodeUpsert) and set(plan.upserts[1:]) == FLOORS


def test_a_row_of_an_ignored_table_ends_a_snapshot_too(mapping: Mapping) -> None:
    """Whichever table was read last."""
    assert set(mapping.plan(change(Op.READ, None, {"id": 1}, "audit", completes=True)).upserts) == FLOORS


@pytest.mark.parametrize("table", ["users", "strangers"])
def test_what_is_left_of_a_refused_last_row_is_that_the_snapshot_ended(mapping: Mapping, table: str) -> None:
    """Else one bad row would keep what is gone in the graph."""
    last = change(Op.READ, None, {"id": 1}, table, completes=True)
    with pytest.raises(Reject):
        mapping.plan(last)
    assert set(mapping.plan(last.ending()).upserts) == FLOORS
