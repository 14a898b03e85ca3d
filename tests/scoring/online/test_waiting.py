"""Which events come next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.online.waiting import EACH, Waiting

Event = tuple[str, int]  # an account and a number


def account(event: Event) -> str:
    return event[0]


def always(event: Event) -> bool:
    return True


def waiting(events: list[Event]) -> Waiting[Event]:
    made = Waiting[Event](1_000, account)
    for event in events:
        made.put(event)
    return made


@given(
    st.lists(st.sampled_from("abcd"), max_size=60),
    st.integers(1, 9),
    st.dictionaries(st.sampled_from("abcd"), st.floats(0, 1)),
)
def test_an_account_s_events_come_in_their_order_and_all_of_them(
    accounts: list[str], most: int, risk: dict[str, float]
) -> None:
    """Whatever was said of the accounts before."""
    events = [(name, number) for number, name in enumerate(accounts)]
    made = waiting(events)
    for name, probability in risk.items():
        made.scored(name, probability)
    taken = list[Event]()
    while len(made):
        part = made.take(most, always)
        assert 0 < len(part) <= most
        taken += part
    assert sorted(taken, key=lambda event: event[1]) == events
    for name in "abcd":
        own = [number for who, number in taken if who == name]
        assert own == sorted(own)


def test_where_all_fit_they_come_as_they_came() -> None:
    events = [("a", 0), ("b", 1), ("a", 2), ("c", 3)]
    assert waiting(events).take(4, always) == events


def test_behind_half_of_the_places_go_to_accounts_that_were_scored_high() -> None:
    """The newest events' accounts first among equals."""
    made = waiting([("old", n) for n in range(8)] + [("risky", 8), ("new", 9)])
    made.scored("risky", 0.9)
    assert made.take(4, always) == [("old", 0), ("old", 1), ("risky", 8), ("new", 9)]


def test_what_waited_longest_is_always_among_the_next() -> None:
    """However many riskier ones come."""
    made = waiting([("calm", 0)])
    for number in range(1, 40):
        made.put((f"risky {number}", number))
        made.scored(f"risky {number}", 0.99)
    assert ("calm", 0) in made.take(4, always)


def test_one_account_has_only_so_many_places_for_its_risk() -> None:
    made = waiting([("calm", 0), *(("risky", n) for n in range(1, 50)), ("other", 50)])
    made.scored("risky", 0.9)
    part = made.take(20, always)
    assert sum(event[0] == "risky" for event in part[10:]) <= EACH and ("other", 50) in part


def test_an_event_that_is_not_ready_holds_up_its_account_alone() -> None:
    made = waiting([("a", 0), ("a", 1), ("b", 2)])
    assert made.take(3, lambda event: event != ("a", 0)) == [("b", 2)]
    assert made.take(3, always) == [("a", 0), ("a", 1)]


def test_it_is_bounded() -> None:
    made = Waiting[Event](2, account)
    made.put(("a", 0))
    made.put(("a", 1))
    assert made.full
    with pytest.raises(OverflowError, match="2 events wait"):
        made.put(("b", 2))
    made.take(1, always)
    made.put(("b", 2))


def test_the_oldest_is_the_one_that_came_first() -> None:
    made = waiting([("a", 0), ("b", 1)])
    assert made.oldest() == ("a", 0)
    made.take(1, lambda event: event[0] == "a")
    assert made.oldest() == ("b", 1)
    made.take(1, always)
    assert made.oldest() is None
