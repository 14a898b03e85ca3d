"""What was answered is remembered by its key, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from scoring.deciding.memory import Memory, fingerprint_of, key_of
from scoring.deciding.problem import Problem

ONE, TWO = fingerprint_of(b"one"), fingerprint_of(b"two")


class Clock:
    """Seconds that rise when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@in_loop
async def test_a_key_is_answered_once() -> None:
    """Whoever comes second gets the first one's entry."""
    memory = Memory()
    first, mine = memory.claim("k", ONE)
    first.settle(b"answer")
    again, also_mine = memory.claim("k", ONE)
    assert mine and not also_mine and again is first and await again.settled(0) == b"answer"


@in_loop
async def test_a_key_with_another_body_is_refused() -> None:
    """While the first is in work, and afterwards."""
    memory = Memory()
    memory.claim("k", ONE)
    with pytest.raises(Problem) as found:
        memory.claim("k", TWO)
    assert (found.value.kind, found.value.status) == ("key-reused", 422)


@in_loop
async def test_a_released_key_begins_anew() -> None:
    """Also with another body: nothing was answered."""
    memory = Memory()
    entry, _ = memory.claim("k", ONE)
    memory.release("k", entry)
    assert memory.claim("k", TWO)[1] and await entry.settled(5) is None


@in_loop
async def test_the_oldest_are_forgotten_first() -> None:
    """Where there are too many."""
    memory = Memory(most=3)
    for number in range(5):
        memory.claim(f"k{number}", ONE)
    assert len(memory) == 3
    assert [memory.claim(f"k{number}", ONE)[1] for number in (4, 3)] == [False, False]
    assert memory.claim("k0", ONE)[1]


@in_loop
async def test_an_answer_is_kept_for_its_time() -> None:
    """24 hours; not a second longer."""
    clock = Clock()
    memory = Memory(clock=clock)
    memory.claim("k", ONE)
    clock.now_s = 24 * 3_600 - 1
    assert not memory.claim("k", ONE)[1]
    clock.now_s += 2
    assert memory.claim("k", ONE)[1]


@pytest.mark.parametrize(
    ("header", "key"),
    [(None, "id:t1"), ("abc", "key:abc"), ('"abc"', "key:abc"), ('"a b"', "key:a b"), ("id:t1", "key:id:t1")],
)
def test_the_key_is_the_header_s_else_the_id(header: str | None, key: str) -> None:
    """Quoted as the draft has it, or bare as many send it; a key is never taken for an id."""
    assert key_of(header, "t1") == key


@pytest.mark.parametrize("header", ["", '""', "x" * 256, "ä", "a\tb", " "])
def test_what_is_no_key_is_refused(header: str) -> None:
    """Rather than shared by chance."""
    with pytest.raises(Problem):
        key_of(header, "t1")
