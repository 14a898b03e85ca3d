"""Records in one array: what was put is what is got, and what is given back is used again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from graph.arena import Arena

RECORDS = st.one_of(
    st.binary(max_size=20), st.integers(240, 700).map(lambda n: bytes(range(256)) * 3 if n == 500 else b"x" * n)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 20), st.lists(RECORDS, max_size=5)), max_size=30))
def test_what_was_put_is_got(steps: list[int | list[bytes]]) -> None:
    """Short and long ones, empty ones too, while others go."""
    arena, there = Arena(), dict[int, bytes]()
    for step in steps:
        if isinstance(step, list):
            numbers = arena.put(step).tolist()
            assert not there.keys() & set(numbers) and len(set(numbers)) == len(numbers)
            there |= zip(numbers, step, strict=True)
        elif there:
            number = sorted(there)[step % len(there)]
            arena.free(number)
            del there[number]
        assert {number: arena.get(number) for number in there} == there


def test_room_that_is_given_back_is_used_again() -> None:
    """By records of the same length, up to the longest."""
    arena = Arena()
    for length in (0, 3, 4, 254, 255, 10_000):
        first = arena.put([b"a" * length])[0]
        before = arena.nbytes
        arena.free(int(first))
        assert arena.put([b"b" * length])[0] == first and arena.nbytes == before
