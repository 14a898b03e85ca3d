"""Comparing tables with a graph: what is lost, altered or left over is named, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import pytest
from histories import TABLES, _row, demo_mapping
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns import key_text
from graph.current import LABELS, Facts, cells, keys_behind
from graph.difference import Difference, compare, shown
from graph.mirror import Mirror
from graph.mirror_current import DumpedCurrent
from graph.model import EdgeUpsert, Horizon, Incomplete, NodeUpsert, Upsert
from graph.reconcile import Options, Reconciler
from graph.repair import Repairer
from graph.sink import GraphSink
from graph.source import Mark, ReadAt
from graph.source_memory import MemorySource
from graph.wire import unpacked
from ingest.events import Change
from ingest.records import CHANGES, Message

MAPPING = demo_mapping()


class Kept:
    """A Publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def publish(self, messages: Sequence[Message]) -> None:
        self.messages += messages


class Bank:
    """Tables, a graph fed from them, and runs of the comparison; `meanwhile` happens while a run waits for ingest."""

    def __init__(self, chunk: int = 3) -> None:
        self.source, self.graph, self.kept = MemorySource(MAPPING.file), Mirror(), Kept()
        self.meanwhile: Callable[[], None] = lambda: None
        self.letters: dict[str, int] = {}  # by row, the last offset that was refused
        self.options = Options(chunk=chunk, suspects=4)

    def stream(self, change: Change) -> None:
        self.graph.apply(MAPPING.plan(change).upserts)

    def put(self, table: str, key: int, pick: list[int]) -> Change:
        return self.source.put(table, _row(table, key, pick, 50_000), 60_000)

    def wait(self, mark: Mark) -> None:
        self.meanwhile()

    def refuse(self, row: str, offset: int) -> None:
        """A record of the row was dead-lettered."""
        self.letters[row] = max(offset, self.letters.get(row, 0))
        self.graph.apply([Incomplete(row, offset, marked=True)])

    def unmark(self, rows: Collection[str]) -> list[Incomplete]:
        """As `deploy.verify.marks` has it."""
        waiting = sorted(self.graph.incomplete(rows))
        return [Incomplete(row, self.letters[row] + 1, marked=False) for row in waiting if row in self.letters]

    def verify(self, repair: bool = False, tables: Sequence[str] = tuple(MAPPING.file.tables)) -> list[Difference]:
        found: list[Difference] = []
        self.run = Reconciler(MAPPING, self.source, DumpedCurrent(self.graph), self, self.options)
        self.run.on_difference = found.append
        if repair:
            sink = GraphSink(MAPPING, self.graph, "verify")
            self.run.mender = Repairer(MAPPING, self.source, sink, self.kept, self.unmark)
        self.run.verify(tables)
        return found

    def node_pos(self) -> str:
        """Where the properties of the first user come from."""
        return next(u.pos for u in self.graph.dump() if isinstance(u, NodeUpsert) and u.key == "User:1")

    def facts(self) -> Facts:
        current = DumpedCurrent(self.graph)
        return {(t, *name): fact for t in TABLES for name, fact in current._facts(t).items()}  # type: ignore[misc]


@pytest.fixture
def bank() -> Bank:
    """Two users with an account each, a transfer between them that was reported as fraud; all in the graph."""
    bank = Bank()
    for key in (1, 2):
        bank.stream(bank.put("users", key, [key, 1, key]))
        bank.stream(bank.put("accounts", key, [key, 1, 1]))
    bank.stream(bank.put("transfers", 1, [1, 2, 3]))
    bank.stream(bank.put("fraud_reports", 1, [1, 1, 1]))
    return bank


def lines(found: list[Difference]) -> list[str]:
    return [each.line for each in found]


def test_a_graph_that_is_as_its_tables_has_no_difference(bank: Bank) -> None:
    """Nodes, edges and labels are counted, and nothing is told."""
    assert bank.verify() == []
    tallies = bank.run.tallies
    assert (tallies["users"].rows, tallies["users"].nodes, tallies["users"].edges) == (2, 2, 4)
    assert (tallies["transfers"].edges, tallies["fraud_reports"].labels) == (1, 1)


def test_a_lost_row_is_named_by_what_it_gives(bank: Bank) -> None:
    """A user whose change never arrived: the node and both its edges are missing."""
    bank.put("users", 3, [0, 1, 3])
    assert lines(bank.verify()) == [
        "missing edge MODIFY users:3:email", "missing edge MODIFY users:3:phone", "missing node User:3",
    ]  # fmt: skip


def test_an_altered_edge_is_named_with_its_fields_and_without_their_values(bank: Bank) -> None:
    """What differs is told by its name only: rows are about people."""
    bank.put("transfers", 1, [1, 2, 2])
    assert lines(bank.verify()) == ["differing edge TRANSFER transfers:1:transfer (time, amount)"]


def test_what_stands_without_a_row_is_extra(bank: Bank) -> None:
    """A deletion that never arrived leaves a node, its edges or a label standing."""
    bank.source.delete("users", "2")
    bank.source.delete("fraud_reports", "1")
    assert sorted(lines(bank.verify())) == [
        "extra edge MODIFY users:2:email", "extra edge MODIFY users:2:phone", "extra label fraud_reports:1:label",
        "extra node User:2",
    ]  # fmt: skip


def test_an_edge_of_a_role_no_rule_gives_is_extra(bank: Bank) -> None:
    """It is left from an earlier mapping; its row is there, so it is found along the graph."""
    bank.graph.apply([EdgeUpsert("transfers:1:old", "bank/0001", 0, "TRANSFER", "Account:1", "Account:2", 5, {})])
    assert lines(bank.verify()) == ["extra edge TRANSFER transfers:1:old"]


def test_a_difference_is_told_once_though_pages_are_settled_in_between(bank: Bank) -> None:
    """A row that is gone left edges of two kinds, and something under an unknown role; suspects are settled at once."""
    bank.options = Options(chunk=1, suspects=1)
    bank.stream(bank.put("logins", 1, [1, 1, 1]))
    bank.graph.apply([EdgeUpsert("logins:1:old", "bank/0001", 0, "LOGIN", "User:1", "Device:2", 5, {})])
    bank.source.delete("logins", "1")
    assert sorted(lines(bank.verify())) == [
        "extra edge CONNECT logins:1:address", "extra edge LOGIN logins:1:login", "extra edge LOGIN logins:1:old",
    ]  # fmt: skip


def test_what_ingest_brings_meanwhile_is_no_difference(bank: Bank) -> None:
    """It was on its way when the row was read."""
    late = bank.put("users", 3, [0, 1, 3])
    bank.meanwhile = lambda: bank.stream(late)
    assert bank.verify() == [] and bank.run.tallies["users"].unsettled == 0


def test_a_row_that_changes_whenever_it_is_looked_at_is_not_reported(bank: Bank) -> None:
    """Its graph is always one change behind: that is ingest at work, not a difference."""
    amounts = iter(range(10, 100))
    bank.meanwhile = lambda: void(bank.put("transfers", 1, [1, 2, next(amounts)]))
    bank.meanwhile()
    assert bank.verify() == []
    assert bank.run.tallies["transfers"].unsettled == 1


def void(_: Any) -> None:
    """Nothing."""


def test_a_row_the_mapping_refuses_is_told_with_the_reason(bank: Bank) -> None:
    """Nothing can be said of what it should give, and it can't be mended."""
    bank.source.put("transfers", _row("transfers", 9, [1, 2, 3], 50_000) | {"amount": "lots"})
    (found,) = bank.verify(repair=True)
    assert (found.what, found.name, found.mended) == ("refused", "transfers:9", False)
    assert "column 'amount'" in found.reason


def test_mended_differences_are_gone_and_said_to_be_mended(bank: Bank) -> None:
    """Missing, differing and extra at once: told once each, and not found again."""
    bank.put("users", 3, [0, 1, 3])
    bank.put("transfers", 1, [1, 2, 2])
    bank.source.delete("fraud_reports", "1")
    bank.source.delete("users", "2")
    told = bank.verify(repair=True)
    assert len(told) == 8 and all(each.mended for each in told)
    assert bank.verify() == []


def test_an_edge_a_standing_row_no_longer_gives_is_closed(bank: Bank) -> None:
    """The phone became NULL: the row is read, and reading alone would close nothing."""
    bank.source.put("users", _row("users", 1, [1, 1, 0], 50_000))
    assert lines(bank.verify(repair=True)) == ["extra edge MODIFY users:1:phone, mended"]
    assert bank.verify() == []


def test_a_repair_writes_only_what_differs_and_publishes_it(bank: Bank) -> None:
    """One of three facts of a user is lost; the other two get no new version, mirrors get the one."""
    lost = bank.put("users", 3, [0, 1, 3])
    upserts = MAPPING.plan(lost).upserts
    bank.graph.apply([u for u in upserts if not (isinstance(u, EdgeUpsert) and u.owner == "users:3:phone")])
    bank.verify(repair=True)
    assert {(m.topic, m.key) for m in bank.kept.messages} == {(CHANGES, b"users:3:phone")}


def test_a_repair_takes_the_mark_of_an_incomplete_row_away(bank: Bank) -> None:
    """Its row is whole again, and mirrors are told."""
    bank.put("users", 3, [0, 1, 3])
    bank.refuse("users:3", 7)
    bank.verify(repair=True)
    assert bank.graph.marked(9) == {} and bank.kept.messages[-1].key == b"users:3"


def test_a_marked_row_that_equals_its_source_is_unmarked_by_a_repair(bank: Bank) -> None:
    """Somebody gave its letter up. One that is no row any more, and stands nowhere, is whole too; mirrors are told."""
    bank.refuse("users:1", 7)
    bank.refuse("transfers:99", 3)
    assert bank.verify() == [] and set(bank.graph.marked(9)) == {"users:1", "transfers:99"}
    assert bank.verify(repair=True) == [] and bank.graph.marked(9) == {}
    told = {upsert for message in bank.kept.messages for upsert in unpacked(message.value or b"")}  # type: ignore[union-attr]
    assert told == {Incomplete("users:1", 8, marked=False), Incomplete("transfers:99", 4, marked=False)}


def test_only_marks_of_the_tables_that_are_compared_are_looked_at(bank: Bank) -> None:
    """Nothing was read of the others, and of a table that the mapping lacks nothing can be."""
    for row in ("users:1", "transfers:1", "dropped:1"):
        bank.refuse(row, 7)
    bank.verify(repair=True, tables=["users"])
    assert set(bank.graph.marked(9)) == {"transfers:1", "dropped:1"}


def test_a_row_that_is_refused_still_stays_marked(bank: Bank) -> None:
    """And so does one whose letter has left the topic: nothing says above which offset its records are good."""
    bank.source.put("transfers", _row("transfers", 9, [1, 2, 3], 50_000) | {"amount": "lots"})
    bank.refuse("transfers:9", 7)
    bank.graph.apply([Incomplete("users:1", 4, marked=True)])
    bank.verify(repair=True)
    assert set(bank.graph.marked(9)) == {"transfers:9", "users:1"}


def test_a_record_refused_while_ingest_is_waited_for_keeps_its_mark(bank: Bank) -> None:
    """The letters count as they were before the wait: a later one may be of a change that nobody has compared."""
    bank.refuse("users:1", 7)
    bank.meanwhile = lambda: bank.refuse("users:1", 20)
    bank.verify(repair=True)
    assert set(bank.graph.marked(9)) == {"users:1"}
    bank.verify(repair=True)
    assert bank.graph.marked(9) == {}


def test_a_record_refused_while_its_row_is_mended_keeps_its_mark(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been compared behind it."""
    bank.put("users", 3, [0, 1, 3])
    bank.refuse("users:3", 7)
    read_at = bank.source.read_at

    def meanwhile(table: str, keys: Sequence[str]) -> ReadAt:
        found = read_at(table, keys)
        bank.put("users", 3, [1, 1, 3])
        bank.refuse("users:3", 20)
        bank.meanwhile = lambda: bank.refuse("users:3", 21)
        return found

    monkeypatch.setattr(bank.source, "read_at", meanwhile)
    bank.verify(repair=True)
    assert set(bank.graph.marked(9)) == {"users:3"}


def test_marks_are_looked_at_in_pages(bank: Bank) -> None:
    """As suspects are: a broken mapping leaves many, and the next run takes those that this one had no room for."""
    for key in range(10, 30):
        bank.refuse(f"users:{key}", key)
    bank.options = Options(chunk=3, suspects=4, marks=15)
    bank.verify(repair=True)
    assert len(bank.graph.marked(99)) == 5
    bank.verify(repair=True)
    assert bank.graph.marked(99) == {}


def test_a_second_repair_of_a_bank_in_which_nothing_was_committed_since_is_not_taken_for_the_first(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is where it was; without a position of its own the second one would be an old duplicate."""
    for second in (1_000, 1_001):
        monkeypatch.setattr("time.time", lambda second=second: second)
        bank.graph.apply([NodeUpsert("User", "1", "users", bank.node_pos() + "f", 0, {"name": "x"})])
        assert [each.mended for each in bank.verify(repair=True)] == [True]


def test_a_later_change_wins_over_a_repair_and_an_old_duplicate_does_not(bank: Bank) -> None:
    """The repair's position lies above what was committed before it, and below what comes."""
    lost = bank.put("transfers", 1, [1, 2, 2])
    bank.verify(repair=True)
    bank.stream(lost)
    assert bank.verify() == []
    bank.stream(bank.put("transfers", 1, [1, 2, 0]))
    assert bank.verify() == []


def test_what_lies_behind_the_retention_horizon_may_be_there_or_not(bank: Bank) -> None:
    """A newer label that is lost is a loss; an old one that retention took away is none."""
    bank.put("fraud_reports", 2, [1, 1, 1])
    bank.graph.apply([Horizon("retention", 49_000)])
    assert lines(bank.verify()) == ["missing label fraud_reports:2:label"]
    bank.graph.apply([Horizon("retention", 50_000)])
    assert bank.verify() == []


def test_keys_named_for_rereading_are_compared_and_mended(bank: Bank) -> None:
    """One is as it should be and is left alone, one is lost, one is no row any more."""
    bank.put("transfers", 7, [1, 2, 3])
    bank.source.delete("fraud_reports", "1")
    found: list[Difference] = []
    run = Reconciler(MAPPING, bank.source, DumpedCurrent(bank.graph), bank)
    run.on_difference = found.append
    run.mender = Repairer(MAPPING, bank.source, GraphSink(MAPPING, bank.graph, "w"), bank.kept, lambda rows: [])
    run.reread("transfers", ["1", "7"])
    run.reread("fraud_reports", ["1", "99"])
    run.settle()
    assert lines(found) == [
        "missing edge TRANSFER transfers:7:transfer, mended", "extra label fraud_reports:1:label, mended",
    ]  # fmt: skip
    assert {m.key for m in bank.kept.messages} == {b"transfers:7:transfer", b"fraud_reports:1:label"}


def test_keys_survive_their_escapes() -> None:
    """An owner's key text gives back the cells it was made of."""
    for text in ("a:b|c%", "%7C", "%257C", "plain"):
        assert cells(key_text([text])) == [text]
    transfers = MAPPING.file.tables["transfers"]
    assert keys_behind(transfers, ("TRANSFER", ""), "transfers:a%3Ab|c:transfer") == ["a%3Ab|c"]


ops = st.lists(
    st.tuples(
        st.sampled_from(TABLES), st.integers(1, 4), st.lists(st.integers(0, 3), min_size=3, max_size=3), st.booleans()
    ),
    min_size=1, max_size=40,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(ops, st.randoms(use_true_random=False), st.integers(1, 5))
def test_exactly_what_is_lost_is_found_and_mended(ops: list[Any], chance: Any, chunk: int) -> None:
    """Any history with any of its upserts lost: what differs from the whole graph is named, mended, and stays so."""
    bank, whole, lost = Bank(chunk), Bank(), []
    for table, key, pick, delete in ops:
        there = bank.source.present(table, [str(key)])
        change = bank.source.delete(table, str(key), 60_000) if delete and there else bank.put(table, key, pick)
        whole.stream(change)
        upserts: list[Upsert] = list(MAPPING.plan(change).upserts)
        lost += (gone := [upsert for upsert in upserts if chance.random() < 0.2])
        bank.graph.apply([upsert for upsert in upserts if upsert not in gone])
    wanted = compare(whole.facts(), bank.facts())
    found = bank.verify()
    assert len(found) == len(wanted)
    assert {(each.table, each.what) for each in found} == {(name[0], what) for name, (what, _) in wanted.items()}  # type: ignore[misc]
    assert all(each.mended for each in bank.verify(repair=True))
    bank.graph.apply(lost)  # they come after all
    assert bank.verify() == [] and {n: f.value for n, f in bank.facts().items()} == {
        n: f.value for n, f in whole.facts().items()
    }


def test_a_label_and_an_edge_are_told_as_what_they_are() -> None:
    """The kind is in plain words; an edge is named with its relation."""
    assert shown("t", "1", (LABELS, "t:1:label"), "extra").kind == "label"
    assert shown("t", "1", ("PAYS", "t:1:pay"), "extra").name == "PAYS t:1:pay"
