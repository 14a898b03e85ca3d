"""Lag in records and seconds."""

from __future__ import annotations

from ingest.lag import Lag

ONE, TWO = ("bank.bank.transfers", 0), ("bank.bank.transfers", 1)


def test_with_nothing_more_held_nobody_is_behind() -> None:
    """However old the last change is."""
    lag = Lag()
    lag.told({ONE: 0}, 100.0)
    lag.wrote(ONE, 50.0)
    assert lag.seconds(9_999.0) == {ONE: 0.0} and lag.records() == {ONE: 0}


def test_a_backlog_is_as_old_as_what_was_written_last() -> None:
    """A start after three hours is three hours behind, and catches up."""
    lag = Lag()
    lag.told({ONE: 500}, 20_000.0)
    lag.wrote(ONE, 20_000.0 - 10_800)
    assert lag.seconds(20_000.0) == {ONE: 10_800.0}
    lag.wrote(ONE, 19_990.0)
    assert lag.seconds(20_005.0) == {ONE: 15.0}


def test_a_partition_that_wakes_up_is_not_behind_by_its_sleep() -> None:
    """It was even until just now."""
    lag = Lag()
    lag.told({ONE: 1}, 10.0)
    lag.wrote(ONE, 9.0)
    lag.told({ONE: 0}, 5_000.0)
    lag.told({ONE: 1}, 5_004.0)
    assert lag.seconds(5_005.0) == {ONE: 5.0}


def test_before_anything_is_written_the_time_since_it_was_heard_of_counts() -> None:
    """Nothing better is known; it grows, also if nobody tells any more."""
    lag = Lag()
    lag.told({ONE: 3}, 100.0)
    lag.told({ONE: 3}, 150.0)
    assert lag.seconds(160.0) == {ONE: 60.0}


def test_a_redelivered_change_does_not_turn_it_back() -> None:
    """The connector sends again what it had sent."""
    lag = Lag()
    lag.told({ONE: 3}, 100.0)
    lag.wrote(ONE, 98.0)
    lag.wrote(ONE, 40.0)
    assert lag.seconds(100.0) == {ONE: 2.0}


def test_what_is_not_named_any_more_is_forgotten() -> None:
    """It belongs to another process."""
    lag = Lag()
    lag.told({ONE: 3, TWO: 1}, 100.0)
    assert lag.told({TWO: 1}, 101.0) == {ONE}
    lag.wrote(ONE, 101.0)
    assert set(lag.seconds(102.0)) == set(lag.records()) == {TWO}


def test_a_clock_that_runs_ahead_gives_no_negative_lag() -> None:
    """The connector's machine is another one."""
    lag = Lag()
    lag.told({ONE: 1}, 100.0)
    lag.wrote(ONE, 105.0)
    assert lag.seconds(101.0) == {ONE: 0.0}
