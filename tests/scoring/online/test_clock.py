"""Ages by a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scoring.online.clock import Clock

HOUR_S = 3_600.0


class Hands:
    """Both clocks, as a test puts them."""

    def __init__(self) -> None:
        self.wall_s, self.steady_s = 1_770_000_000.0, 50.0
        self.clock = Clock(lambda: self.wall_s, lambda: self.steady_s)

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.wall_s += seconds
        self.steady_s += seconds


@pytest.fixture
def hands() -> Hands:
    """Started now."""
    return Hands()


def test_an_age_is_what_passed(hands: Hands) -> None:
    """By both."""
    written_s = hands.wall_s
    hands.wait(3)
    assert hands.clock.age_s(written_s) == pytest.approx(3)


def test_a_clock_put_forward_makes_nothing_older(hands: Hands) -> None:
    """Nobody was behind by an hour."""
    written_s = hands.wall_s
    hands.wait(3)
    hands.wall_s += HOUR_S
    assert hands.clock.age_s(written_s) == pytest.approx(3)


@pytest.mark.parametrize("jump", [lambda hands: -HOUR_S, lambda hands: -hands.wall_s])
def test_a_clock_put_back_gives_no_age_below_nothing(hands: Hands, jump: Callable[[Hands], float]) -> None:
    """Rather too young than too old: what is behind is behind by the next records too."""
    written_s = hands.wall_s
    hands.wait(3)
    hands.wall_s += jump(hands)
    assert hands.clock.age_s(written_s) == 0


def test_a_clock_that_was_an_hour_ahead_at_the_start_is_believed_once_it_is_right() -> None:
    """Records of others are an hour younger than it thought."""
    hands = Hands()
    hands.wait(3)
    hands.wall_s -= HOUR_S
    written_s = hands.wall_s
    hands.wait(2)
    assert hands.clock.age_s(written_s) == pytest.approx(2)
