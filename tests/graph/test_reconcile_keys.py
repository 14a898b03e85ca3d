"""Keys of several columns, ids made of them, and what is left from an earlier mapping."""

from __future__ import annotations

import pytest
from compared import Compared

from graph.model import EdgeUpsert, LabelUpsert, NodeUpsert
from graph.node_ids import id_of, keys_of

ACCOUNTS = """
[tables.accounts]
key = ["bank", "number"]
nodes = [{ label = "Account", id = "{bank}/{number}", properties = { kind = "kind" } }]
"""
OLD = "bank/0001"


@pytest.fixture
def bank() -> Compared:
    """Two accounts whose nodes are called by bank and number."""
    bank = Compared(ACCOUNTS)
    bank.stream(bank.put("accounts", {"bank": "KB", "number": 7, "kind": "a"}))
    bank.stream(bank.put("accounts", {"bank": "KB/x", "number": 8, "kind": "a"}))
    return bank


def test_a_node_of_a_key_of_several_columns_is_found(bank: Compared) -> None:
    """Its id is the template's text, not the first column."""
    assert bank.verify() == []


def test_a_lost_node_of_a_template_is_named_and_mended(bank: Compared) -> None:
    """Missing, differing and extra ones."""
    bank.put("accounts", {"bank": "CS", "number": 1, "kind": "a"})
    bank.put("accounts", {"bank": "KB", "number": 7, "kind": "b"})
    bank.source.delete("accounts", "KB/x|8")
    lines = ["differing node Account:KB/7 (kind)", "extra node Account:KB/x/8", "missing node Account:CS/1"]
    assert bank.verify() == lines
    assert bank.verify(repair=True) == [f"{line}, mended" for line in lines]
    assert bank.verify() == []


def test_a_node_under_an_id_no_row_can_have_is_extra(bank: Compared) -> None:
    """The mapping once called the nodes by their number alone."""
    bank.graph.apply([NodeUpsert("Account", "7", "accounts", OLD, 0, {"kind": "a"})])
    assert bank.verify() == ["extra node Account:7"]
    assert bank.verify(repair=True) == ["extra node Account:7, mended"]
    assert bank.verify() == []


def test_a_node_under_another_id_than_its_rows_is_extra() -> None:
    """A template with a prefix, of a key of one column: the old id reads as that key."""
    bank = Compared('[tables.t]\nkey = ["id"]\nnodes = [{ label = "A", id = "CZ-{id}", properties = { k = "k" } }]')
    bank.stream(bank.put("t", {"id": "7", "k": "a"}))
    bank.graph.apply([NodeUpsert("A", "7", "t", OLD, 0, {"k": "a"})])
    assert bank.verify(repair=True) == ["extra node A:7, mended"]
    assert bank.verify() == []


def test_what_stands_under_a_key_of_another_shape_is_extra(bank: Compared) -> None:
    """The table's key had one column more or less; no row has it, so it is closed without one."""
    bank = Compared(
        ACCOUNTS + '[[tables.accounts.edges]]\nrole = "of"\nrelation = "OF"\nsource = { label = "Account", id = '
        '"number" }\ntarget = { label = "Bank", id = "bank" }\ntime = { value = "2020-01-01" }'
    )
    bank.graph.apply([EdgeUpsert("accounts:7:of", OLD, 0, "OF", "Account:7", "Bank:KB", 0, {})])
    assert bank.verify(repair=True) == ["extra edge OF accounts:7:of, mended"]
    assert bank.verify() == []


def test_a_node_of_a_tables_second_label_is_extra_without_its_row() -> None:
    """What stands under the first label was taken away already."""
    nodes = ", ".join(f'{{ label = "{label}", id = "id", properties = {{ k = "k" }} }}' for label in ("A", "B"))
    bank = Compared(f'[tables.t]\nkey = ["id"]\nnodes = [{nodes}]'.replace('k = "k" } }]', 'l = "k" } }]'))
    bank.graph.apply([NodeUpsert("B", "1", "t", OLD, 0, {"l": "a"})])
    assert bank.verify(repair=True) == ["extra node B:1, mended"]


def test_an_unknown_role_does_not_hide_what_its_gone_row_gave() -> None:
    """Both stand on one page of the graph."""
    bank = Compared(
        '[tables.t]\nkey = ["id"]\n[[tables.t.edges]]\nrole = "pay"\nrelation = "PAY"\nsource = { label = "A", id = '
        '"a" }\ntarget = { label = "A", id = "b" }\ntime = "at"'
    )
    for role in ("old", "pay"):
        bank.graph.apply([EdgeUpsert(f"t:1:{role}", OLD, 0, "PAY", "A:1", "A:2", 5, {})])
    assert bank.verify() == ["extra edge PAY t:1:old", "extra edge PAY t:1:pay"]


def test_what_a_table_gave_under_an_earlier_mapping_is_extra(bank: Compared) -> None:
    """An edge of a relation that only another table gives by now, and a label."""
    bank = Compared(
        ACCOUNTS + '[tables.t]\nkey = ["id"]\n[[tables.t.edges]]\nrole = "of"\nrelation = "OF"\nsource = { label = '
        '"Account", id = "a" }\ntarget = { label = "Bank", id = "b" }\ntime = "at"'
    )
    bank.stream(bank.put("accounts", {"bank": "KB", "number": 7, "kind": "a"}))
    bank.graph.apply([
        EdgeUpsert("accounts:KB|7:of", OLD, 0, "OF", "Account:7", "Bank:KB", 0, {}),
        LabelUpsert("accounts:KB|9:label", OLD, 0, "t:1:of", True),
    ])  # fmt: skip
    lines = ["extra edge OF accounts:KB|7:of", "extra label accounts:KB|9:label"]
    assert bank.verify() == lines
    assert bank.verify(repair=True) == [f"{line}, mended" for line in lines]
    assert bank.verify() == []


def test_a_row_that_would_stop_ingest_is_told_as_refused() -> None:
    """A comparison writes nothing that could be lost, so it goes on."""
    nodes = '[{ label = "A", id = "id", properties = { k = "k" } }]'
    bank = Compared(f'[tables.t]\nkey = ["id"]\nmissing = "stop"\nnodes = {nodes}')
    bank.put("t", {"id": "7"})
    assert [line.partition(":")[0] for line in bank.verify()] == ["refused row t"]


def test_an_id_gives_back_every_key_it_may_be_of() -> None:
    """Where the cut may be in several places, each is tried; an empty cell makes no id."""
    assert id_of("{b}-{a}", ("a", "b"), ["x", "y"]) == "y-x"
    assert id_of("{b}-{a}", ("a", "b"), ["x"]) is None
    assert keys_of("{b}-{a}", ("a", "b"), "1-2-3") == ["2-3|1", "3|1-2"]
    assert keys_of("CZ{a}", ("a",), "CZ1") == ["1"] and keys_of("CZ{a}", ("a",), "SK1") == []
    assert keys_of("{{{a}}}x", ("a",), "{a:b}x") == ["a%3Ab"] and keys_of("a", ("a",), "a|b") == ["a%7Cb"]
    assert keys_of("{a}{b}", ("a", "b"), "12") == ["1|2"] and keys_of("{a}{b}", ("a", "b"), "1") == []
