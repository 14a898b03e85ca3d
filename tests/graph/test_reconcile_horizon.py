"""What lies behind the retention horizon may be in the graph or not; what does not lie there may not be missing."""

from __future__ import annotations

import pytest
from compared import Compared

from graph.model import Horizon

TRANSFERS = """
[tables.transfers]
key = ["id"]
[[tables.transfers.edges]]
role = "pay"
relation = "PAY"
source = { label = "A", id = "a" }
target = { label = "A", id = "b" }
time = "at"
event = true
attributes = { note = "note" }
"""
REPORTS = """
[tables.reports]
key = ["id"]
[[tables.reports.labels]]
event = { table = "transfers", key = "transfer", roles = { transfers = "pay" } }
fraud = "fraud"
reported = "at"
[[tables.reports.edges]]
role = "by"
relation = "BY"
source = { label = "R", id = "id" }
target = { label = "C", id = "clerk" }
time = "at"
"""


@pytest.fixture
def bank() -> Compared:
    return Compared(TRANSFERS + REPORTS)


def transfer(at: int, note: str = "") -> dict[str, object]:
    return {"id": 1, "a": 1, "b": 2, "at": at, "note": note}


def report(fraud: int, at: int = 500) -> dict[str, object]:
    return {"id": 1, "transfer": 1, "fraud": fraud, "clerk": "x", "at": at}


def test_the_report_of_an_event_that_is_kept_for_ever_is_missed_however_old_it_is() -> None:
    """Of an event within the window it may be gone; which of both it is says the event's table, not the report's."""
    bank = Compared(TRANSFERS.replace('key = ["id"]', 'key = ["id"]\nkeep = "forever"') + REPORTS)
    bank.stream(bank.put("transfers", transfer(500)))
    bank.put("reports", report(1) | {"clerk": None})
    forget(bank)
    assert bank.verify() == ["missing label reports:1:label"]
    assert bank.verify(repair=True) == ["missing label reports:1:label, mended"]
    assert bank.verify() == []


def forget(bank: Compared, before_ms: int = 1_000) -> None:
    bank.graph.apply([Horizon("retention", before_ms)])


def test_an_edge_that_is_kept_for_ever_is_missed_however_old_it_is(bank: Compared) -> None:
    """Its table's labels are forgotten, and its edges are not: they belong to no event."""
    bank.put("reports", report(1))
    forget(bank)
    assert bank.verify() == ["missing edge BY reports:1:by"]


def test_an_old_row_that_changed_is_no_difference(bank: Compared) -> None:
    """Its new version was dropped on arrival, its old one goes with the next sweep."""
    bank.stream(bank.put("transfers", transfer(500)))
    forget(bank)
    bank.stream(bank.put("transfers", transfer(500, "changed")))
    assert bank.verify() == [] and bank.verify(repair=True) == []


def test_an_edge_whose_row_moved_behind_the_horizon_is_closed(bank: Compared) -> None:
    """The version that would have closed it was dropped on arrival."""
    bank.stream(bank.put("transfers", transfer(5_000)))
    forget(bank)
    bank.stream(bank.put("transfers", transfer(500)))
    assert bank.verify(repair=True) == ["extra edge PAY transfers:1:pay, mended"]
    assert bank.verify() == []


def test_an_edge_whose_row_moved_before_the_horizon_is_mended(bank: Compared) -> None:
    """The row says that it happened later than was known."""
    forget(bank)
    bank.put("transfers", transfer(5_000))
    assert bank.verify(repair=True) == ["missing edge PAY transfers:1:pay, mended"]
    assert bank.verify() == []


def test_an_old_report_that_was_committed_late_is_no_difference_unless_it_says_something_else(bank: Compared) -> None:
    """It stands as it was known when it was committed; a row alone says only when it was reported."""
    bank.stream(bank.put("reports", report(1)))
    forget(bank)
    assert bank.verify() == []
    bank.put("reports", report(0))
    assert bank.verify(repair=True) == ["extra label reports:1:label, mended"]
    assert bank.verify() == []


def test_what_is_forgotten_while_a_run_goes_on_is_not_missing(bank: Compared) -> None:
    """The horizon of the moment counts, not that of the beginning."""
    bank.stream(bank.put("transfers", transfer(5_000)))
    forget(bank)
    bank.wait = lambda mark: forget(bank, 6_000)  # type: ignore[method-assign]
    bank.put("reports", report(1, 5_500))
    assert bank.verify() == ["missing edge BY reports:1:by"]
