"""The ledger of `make faults`, and the table made of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.faults import series as series_module
from deploy.faults.faults import FAULTS, chosen
from deploy.faults.ledger import Ledger, Outcome
from deploy.faults.table import figures, rows
from deploy.figures import report

GOOD = Outcome("kafka-killed", 1, recover_s=4.0)
LATE = Outcome("kafka-killed", 2)
LOST = Outcome("ingest-killed", 1, lost=2, duplicated=1, recover_s=1.0, examples=("missing Account:1",))


def test_what_was_played_is_still_known_after_a_restart(tmp_path: Path) -> None:
    """A second ledger on the same file counts what the first one kept."""
    first = Ledger(tmp_path / "faults.jsonl")
    for outcome in (GOOD, LATE, LOST):
        first.add(outcome)
    again = Ledger(tmp_path / "faults.jsonl")
    assert again.outcomes == [GOOD, LATE, LOST]
    assert [again.played("kafka-killed", time) for time in (1, 2, 3)] == [True, True, False]
    assert not again.played("neo4j-killed", 1)


def test_half_a_line_is_dropped_and_the_next_one_stands_by_itself(tmp_path: Path) -> None:
    """A process killed while it wrote leaves no line that spoils the next."""
    path = tmp_path / "faults.jsonl"
    Ledger(path).add(GOOD)
    with path.open("ab") as file:
        file.write(b'{"fault":"kafka-ki')
    Ledger(path).add(LOST)
    assert Ledger(path).outcomes == [GOOD, LOST]


def test_clear_begins_anew(tmp_path: Path) -> None:
    """As --fresh does."""
    ledger = Ledger(tmp_path / "faults.jsonl")
    ledger.add(GOOD)
    ledger.clear()
    assert Ledger(tmp_path / "faults.jsonl").outcomes == []


def test_a_fault_that_was_played_often_enough_is_not_played_again(tmp_path: Path) -> None:
    """With everything in the ledger no server is started."""
    ledger = Ledger(tmp_path / "faults.jsonl")
    ledger.add(GOOD)
    options = series_module.SeriesOptions(faults=chosen("kafka-killed"), times=1)
    left: Iterator[Outcome] = series_module.series(None, options, ledger, print)  # type: ignore[arg-type]
    assert list(left) == []


def test_rounds_may_be_shared_out(tmp_path: Path) -> None:
    """One machine begins with the second round: that the first is not in its ledger is nothing to it."""
    ledger = Ledger(tmp_path / "faults.jsonl")
    ledger.add(LATE)
    options = series_module.SeriesOptions(faults=chosen("kafka-killed"), times=2, first=2)
    left: Iterator[Outcome] = series_module.series(None, options, ledger, print)  # type: ignore[arg-type]
    assert list(left) == []


def test_a_row_sums_up_all_times_of_a_fault() -> None:
    """Differences are added up; a time that did not recover has failed and has no seconds."""
    kafka, ingest = rows([GOOD, LATE, LOST])
    assert (kafka.times, kafka.lost, kafka.failed, kafka.median_s, kafka.max_s) == (2, 0, 1, 4.0, 4.0)
    assert (ingest.times, ingest.lost, ingest.duplicated, ingest.failed) == (1, 2, 1, 0)


@pytest.mark.parametrize(
    ("outcomes", "times", "status"), [([GOOD], 1, 0), ([GOOD], 2, 3), ([LATE], 1, 3), ([LOST], 1, 3)]
)
def test_the_report_holds_only_when_all_times_were_good(outcomes: list[Outcome], times: int, status: int) -> None:
    """Played too seldom, not recovered, or with differences: exit status 3."""
    assert report("faults", figures(outcomes, times)).status == status


def test_an_unknown_fault_is_refused_with_the_names_there_are() -> None:
    """So that nobody waits hours for a series without it."""
    assert chosen(" kafka-killed,ingest-killed ,") == tuple(
        fault for fault in FAULTS if fault.name in ("kafka-killed", "ingest-killed")
    )
    assert chosen("") == FAULTS
    with pytest.raises(ValueError, match=r"'kafka-drowned'.*neo4j-disk-full"):
        chosen("kafka-drowned")
