"""Rows that are written all the time, rows that are refused, and repairs that end half way."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from compared import Compared

from graph.mirror import Mirror
from graph.model import EdgeUpsert, LabelUpsert, NodeUpsert, Upsert
from graph.reconcile import Options
from graph.source import content, digest
from graph.wire import unpacked
from ingest.events import Transient

ACCOUNTS = """
[tables.accounts]
key = ["id"]
nodes = [{ label = "Account", id = "id", properties = { kind = "kind" } }]
[[tables.accounts.edges]]
role = "owner"
relation = "OWNS"
source = { label = "User", id = "user" }
target = { label = "Account", id = "id" }
time = "at"
event = true
"""
REPORTS = """
[tables.reports]
key = ["id"]
[[tables.reports.labels]]
event = { table = "accounts", key = "account", roles = { accounts = "owner" } }
fraud = "fraud"
reported = "at"
"""
ROW = {"id": 1, "user": 2, "kind": "a", "at": 50_000}


@pytest.fixture
def bank() -> Compared:
    return Compared(ACCOUNTS + REPORTS)


def test_a_difference_is_told_though_its_row_is_written_all_the_time(bank: Compared) -> None:
    """A balance that no rule names changes whenever it is looked at: no change of it brings back what was lost."""
    bank.put("accounts", ROW)
    bank.wait = lambda mark: bank.source.touch()  # type: ignore[method-assign]
    lines = ["missing edge OWNS accounts:1:owner", "missing node Account:1"]
    assert bank.verify() == lines
    assert bank.verify(repair=True) == [f"{line}, mended" for line in lines]
    assert bank.verify() == [] and bank.run.tallies["accounts"].unsettled == 0


def test_a_repair_that_does_not_hold_is_told_so_though_its_row_is_written_all_the_time(bank: Compared) -> None:
    """The store takes it and has it not."""
    bank.put("accounts", ROW)
    bank.wait = lambda mark: bank.source.touch()  # type: ignore[method-assign]
    bank.graph = Deaf()
    assert bank.verify(repair=True) == ["missing edge OWNS accounts:1:owner", "missing node Account:1"]


class Deaf(Mirror):
    """A store that keeps nothing."""

    def apply(self, upserts: Sequence[Upsert]) -> None:
        """Nothing."""


def test_a_row_that_is_refused_hides_nothing_that_stands_under_an_unknown_role(bank: Compared) -> None:
    """What it gives is not known, but that no rule gives this is."""
    bank.put("accounts", ROW | {"at": "once"})
    bank.graph.apply([EdgeUpsert("accounts:1:old", "bank/0001", 0, "OWNS", "User:1", "Account:2", 5, {})])
    for at_once in (100, 1):  # in one look with its row, or behind it
        bank.options = Options(at_once, at_once)
        extra, refused = bank.verify()
        assert extra == "extra edge OWNS accounts:1:old" and refused.startswith("refused row accounts:1: column 'at'")
    assert "extra edge OWNS accounts:1:old, mended" in bank.verify(repair=True)
    assert len(bank.verify()) == 1


def test_a_report_that_is_dated_anew_is_no_difference(bank: Compared) -> None:
    """It was known from its first commit on, so ingest writes nothing: when a label became known is not compared."""
    for at in (50_000, 59_000):
        bank.stream(bank.put("reports", {"id": 1, "account": 1, "fraud": 1, "at": at}))
    bank.stream(bank.put("reports", {"id": 1, "account": 1, "fraud": 1, "at": 55_000}))
    assert bank.verify() == []
    bank.graph.apply([LabelUpsert("reports:2:label", "bank/0001", 60_000, "accounts:1:owner", True)])
    bank.put("reports", {"id": 2, "account": 1, "fraud": 1, "at": 70_000})
    assert bank.verify() == []


def test_mirrors_hear_of_a_repair_that_ends_behind_its_write(bank: Compared) -> None:
    """No later run would find the difference again."""
    bank.put("accounts", ROW)
    heard = bank.publish

    def ends(messages: object) -> None:
        heard(messages)  # type: ignore[arg-type]
        if bank.graph.owners:
            raise KeyboardInterrupt

    bank.publish = ends  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        bank.verify(repair=True)
    heard_of = [upsert for message in bank.messages for upsert in unpacked(message.value or b"")]
    assert bank.verify() == [] and [type(upsert) for upsert in heard_of] == [NodeUpsert, EdgeUpsert] * 2


def test_a_table_that_cannot_be_read_is_said_before_any_is_compared(
    bank: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first may take hours."""
    bank.put("accounts", ROW)

    def present(table: str, keys: Sequence[str]) -> set[str]:
        if table == "reports":
            raise Transient("no such table")
        return set()

    monkeypatch.setattr(bank.source, "present", present)
    with pytest.raises(Transient):
        bank.verify()
    assert bank.run.tallies == {}


def test_a_row_is_the_same_in_what_is_mapped_though_it_was_written(bank: Compared) -> None:
    """No row is neither."""
    bank.put("accounts", ROW)
    before = bank.source.rows("accounts", ["1"])["1"]
    bank.source.touch()
    after = bank.source.rows("accounts", ["1"])["1"]
    assert content(before) == content(after) and digest(before) != digest(after)
    assert content(None) == digest(None) == b""
