"""Old things are found by their age: exactly those, each once."""

from __future__ import annotations

from array import array
from functools import partial

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph.ages import WIDTH_MS, Ages
from graph.model import Gone
from graph.versions import Held

TIMES = st.integers(-3 * WIDTH_MS, 3 * WIDTH_MS)


def held(known_ms: int) -> Held:
    return Held(Gone("transfers:1:transfer", "bank/1", known_ms, None))


@given(st.lists(st.one_of(TIMES.map(lambda t: ("add", t)), TIMES.map(lambda t: ("take", t))), max_size=60),
       st.integers(1, 5))  # fmt: skip
def test_what_is_taken_is_what_is_older(steps: list[tuple[str, int]], limit: int) -> None:
    """In chunks, while more comes; nothing twice, nothing too young, nothing forgotten."""
    ages: Ages[Held] = Ages(lambda h: h.op.known_ms, list)
    there = list[Held]()
    for what, ms in steps:
        if what == "add":
            there.append(held(ms))
            ages.add(there[-1])
            continue
        taken: list[Held] = []
        while chunk := ages.take(ms, limit):
            assert len(chunk) <= limit
            taken += chunk
        assert sorted(map(id, taken)) == sorted(id(h) for h in there if h.op.known_ms < ms)
        there = [h for h in there if h.op.known_ms >= ms]
        assert len(ages) == len(there)


@given(st.lists(TIMES, max_size=40), st.integers(-3 * WIDTH_MS, 3 * WIDTH_MS))
def test_numbers_that_come_together_are_found_like_others(times_ms: list[int], before_ms: int) -> None:
    """In any order of time, negative ones too."""
    ages: Ages[int] = Ages(times_ms.__getitem__, partial(array, "i"))
    ages.add_all(np.arange(len(times_ms), dtype=np.int32), np.array(times_ms, np.int64))
    assert sorted(ages.take(before_ms, 100)) == [n for n, ms in enumerate(times_ms) if ms < before_ms]
