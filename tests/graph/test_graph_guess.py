"""How soon it is tried again what did not work."""

from __future__ import annotations

from graph.guess import SKIPPED, Guess


def skipped(guess: Guess) -> int:
    """Batches until the next that is tried."""
    return next(n for n in range(1000) if guess.worth())


def test_as_long_as_it_works_each_is_tried() -> None:
    """The first one too."""
    guess = Guess()
    for _ in range(3):
        assert guess.worth()
        guess.found(True)


def test_each_failure_doubles_the_wait_up_to_a_limit() -> None:
    """A bank that mostly changes rows pays for few attempts."""
    guess, waits = Guess(), []
    for _ in range(9):
        guess.found(False)
        waits.append(skipped(guess) + 1)
    assert waits == [2, 4, 8, 16, 32, SKIPPED, SKIPPED, SKIPPED, SKIPPED]


def test_one_that_works_forgets_the_failures() -> None:
    """A load of changed rows ends."""
    guess = Guess()
    for _ in range(5):
        guess.found(False)
    skipped(guess)
    guess.found(True)
    assert guess.worth()
    guess.found(False)
    assert skipped(guess) == 1
