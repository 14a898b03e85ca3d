"""How far the mirror is: the slowest live worker's slowest partition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scoring.watermarks import SILENT_S, Watermarks


def test_nothing_is_known_at_first() -> None:
    """Then scores are provisional."""
    assert Watermarks(2).through(0.0) == ""


def test_a_worker_counts_once_every_partition_has_brought_its_mark() -> None:
    """What stands before the mark in the other partition may still be on its way."""
    marks = Watermarks(2)
    marks.put("a", 0, "p5", 0.0)
    assert marks.through(0.0) == ""
    marks.put("a", 1, "p3", 0.0)
    assert marks.through(0.0) == "p3"


def test_the_slowest_worker_decides() -> None:
    """Its share may hold what the event has to see."""
    marks = Watermarks(1)
    marks.put("a", 0, "p9", 0.0)
    marks.put("b", 0, "p4", 1.0)
    assert marks.through(2.0) == "p4"


def test_a_silent_worker_is_left_out_in_the_end() -> None:
    """Its share has been taken over; the last one heard always counts."""
    marks = Watermarks(1)
    marks.put("gone", 0, "p4", 0.0)
    marks.put("here", 0, "p9", SILENT_S - 1)
    assert marks.through(SILENT_S - 1) == "p4" and marks.through(SILENT_S + 1) == "p9"
    assert marks.through(10 * SILENT_S) == "p9"


def test_an_older_mark_changes_nothing() -> None:
    """The connector restarted, or the worker repeats a batch."""
    marks = Watermarks(1)
    marks.put("a", 0, "p9", 0.0)
    marks.put("a", 0, "p4", 1.0)
    assert marks.through(1.0) == "p9"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 9)), max_size=30))
def test_it_never_passes_what_a_live_worker_has_not(puts: list[tuple[str, int, int]]) -> None:
    """And among the same workers it never moves back."""
    marks, seen, before = Watermarks(2), dict[tuple[str, int], str](), ""
    known = {worker for worker, _, _ in puts}
    for worker, partition, n in puts:
        marks.put(worker, partition, f"p{n}", 0.0)
        seen[worker, partition] = max(f"p{n}", seen.get((worker, partition), ""))
        through = marks.through(0.0)
        if through and len({w for w, _ in seen}) == len(known):
            assert through == min(seen.values()) and through >= before
            before = through
