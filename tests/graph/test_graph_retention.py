"""When the horizon moves, and how large a chunk of the sweep may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.model import Horizon
from graph.retention import AHEAD_MS, DAY_MS, MOVES_EVERY_S, Chunk, Retention

NOW_MS = 1_700_000_000_000


def test_the_horizon_is_the_window_behind_the_newest_commit() -> None:
    """In the bank's clock: a replayed bank forgets by the time it replays."""
    assert Retention(90 * DAY_MS).next(100 * DAY_MS, NOW_MS, 0.0) == Horizon("retention", 10 * DAY_MS)


def test_a_bank_nothing_was_seen_of_has_no_horizon() -> None:
    """A process that has just started."""
    assert Retention(DAY_MS).next(0, NOW_MS, 0.0) is None


def test_it_moves_once_a_minute_at_most() -> None:
    """However fast commits come."""
    retention = Retention(DAY_MS)
    assert retention.next(NOW_MS, NOW_MS, 0.0) is not None
    assert retention.next(NOW_MS + 1, NOW_MS, MOVES_EVERY_S - 0.1) is None
    assert retention.next(NOW_MS + 1, NOW_MS, MOVES_EVERY_S) is not None


def test_a_bank_that_stands_still_moves_nothing() -> None:
    """Time passing here takes nothing away there."""
    retention = Retention(DAY_MS)
    retention.next(NOW_MS, NOW_MS, 0.0)
    assert retention.next(NOW_MS, NOW_MS + 9 * DAY_MS, 9e9) is None


def test_a_commit_from_the_future_does_not_take_the_graph_with_it() -> None:
    """A clock gone wrong counts a day at most."""
    moved = Retention(DAY_MS).next(NOW_MS * 2, NOW_MS, 0.0)
    assert moved == Horizon("retention", NOW_MS + AHEAD_MS - DAY_MS)


@given(st.lists(st.tuples(st.integers(0, 2 * NOW_MS), st.integers(1, 200)), max_size=20))
def test_it_never_moves_back(seen: list[tuple[int, int]]) -> None:
    """Whatever is seen, in any order."""
    retention, now_s, given_ms = Retention(DAY_MS), 0.0, []
    for newest_ms, seconds in seen:
        now_s += seconds
        if (horizon := retention.next(newest_ms, NOW_MS, now_s)) is not None:
            given_ms.append(horizon.before_ms)
    assert given_ms == sorted(set(given_ms))


def test_what_could_not_be_applied_is_given_again() -> None:
    """The store was away; a minute later the same horizon comes."""
    retention = Retention(DAY_MS)
    first = retention.next(NOW_MS, NOW_MS, 0.0)
    retention.undo(1.0)
    assert retention.next(NOW_MS, NOW_MS, 30.0) is None
    assert retention.next(NOW_MS, NOW_MS, 61.0) == first


def test_a_sweep_is_due_for_each_hundredth_of_the_window() -> None:
    """Walking the graph for less would cost more than it frees."""
    retention = Retention(100 * DAY_MS)
    assert not retention.due
    retention.next(NOW_MS, NOW_MS, 0.0)
    assert retention.due
    retention.swept()
    retention.next(NOW_MS + DAY_MS - 1, NOW_MS + DAY_MS, 100.0)
    assert not retention.due
    retention.next(NOW_MS + DAY_MS, NOW_MS + DAY_MS, 200.0)
    assert retention.due


def test_a_window_of_nothing_is_refused() -> None:
    """It would empty the graph."""
    with pytest.raises(ValueError, match="keeps nothing"):
        Retention(0)


@given(st.lists(st.floats(0, 10), max_size=50))
def test_a_chunk_stays_within_its_bounds(took_s: list[float]) -> None:
    """Whatever a store does."""
    chunk = Chunk()
    for seconds in took_s:
        chunk.took(seconds)
        assert Chunk.LEAST <= chunk.size <= Chunk.MOST


def test_a_chunk_shrinks_when_it_holds_writers_up_and_grows_when_it_does_not() -> None:
    """Half as large past 50 ms, a quarter larger under 25."""
    chunk = Chunk()
    chunk.took(0.06)
    assert chunk.size == 50
    chunk.took(0.04)
    assert chunk.size == 50
    chunk.took(0.01)
    assert chunk.size == 62
