"""What may be acknowledged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scoring.online.settled import Settled


@given(st.lists(st.integers(0, 2), max_size=30), st.randoms())
def test_nothing_is_free_before_all_that_came_before_it_is_dealt_with(places: list[int], draw) -> None:  # type: ignore[no-untyped-def]
    """In whatever order work ends: each partition by itself, in its order, and in the end everything."""
    settled = Settled[tuple[int, int]]()
    held = [settled.take(place, (place, number)) for number, place in enumerate(places)]
    draw.shuffle(held)
    free: dict[int, list[int]] = {0: [], 1: [], 2: []}
    done = set[tuple[int, int]]()
    for each in held:
        done.add(each.record)
        for place, number in settled.finish(each):
            free[place].append(number)
            assert all((place, n) in done for n, p in enumerate(places) if p == place and n <= number)
    for place, numbers in free.items():
        assert numbers == [n for n, p in enumerate(places) if p == place]
    assert len(settled) == 0
