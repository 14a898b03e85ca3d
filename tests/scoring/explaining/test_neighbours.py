"""Known frauds that look alike, as of an event."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from taken_over import NOW_MS, Taken, pos

from graph.model import Event
from scoring.explaining.neighbours import KnownFrauds, View


def look(event: Event) -> View:
    """An event is known by its amount alone: near amounts, near angles."""
    angle = float(event.attributes.get("amount", 0) or 0) / 1000  # type: ignore[arg-type]
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def filled(taken: Taken, most: int = 100) -> KnownFrauds:
    """All that the mirror holds."""
    known = KnownFrauds(taken.mirror, most, least=-1.0)
    list(known.learn(look))
    return known


def names(known: KnownFrauds, event: Event) -> list[str]:
    """Whose similarity is highest, first."""
    return [one.event_id for one in known.near(event, look(event))]


def ask(amount: int = 500, hours: float = 0.0, number: int = 1_000_000) -> Event:
    """An event now."""
    time_ms = NOW_MS - int(hours * 3_600_000)
    return Event("t:ask:x", "new", pos(number), time_ms, "TRANSFER", "A:8", "A:9", time_ms, {"amount": amount})


def bank() -> Taken:
    """Without the account that was taken over."""
    return Taken(engine=None)  # type: ignore[arg-type]


def test_the_most_alike_come_first() -> None:
    """With what they were, the label's date, and how alike."""
    taken = bank()
    owners = [taken.put("TRANSFER", "A:1", "A:2", 50, amount=amount) for amount in (100, 450, 520)]
    for owner in owners:
        taken.report(owner, hours=10)
    first, *others = filled(taken).near(ask(), look(ask()))
    assert [first.event_id, *(one.event_id for one in others)] == [owners[2], owners[1], owners[0]]
    assert (first.src, first.dst, first.attributes, first.known_ms) == (
        "A:1", "A:2", {"amount": 520}, NOW_MS - 10 * 3_600_000
    )  # fmt: skip
    assert first.similarity > others[0].similarity > others[1].similarity


def test_what_was_reported_after_the_event_is_not_known() -> None:
    """Nor what was taken back before it, what was said to be no fraud, or what happened later."""
    taken = bank()
    late, taken_back, honest, good = (taken.put("TRANSFER", "A:1", "A:2", 50, amount=500) for _ in range(4))
    future = taken.put("TRANSFER", "A:1", "A:2", -5, amount=500)
    taken.report(late, hours=-1)
    taken.take_back(taken.report(taken_back, hours=20), hours=10)
    taken.report(honest, hours=10, fraud=False)
    taken.report(future, hours=10)
    taken.report(good, hours=10)
    assert names(filled(taken), ask()) == [good]


def test_a_report_that_is_taken_back_later_was_known_then() -> None:
    """As of the event."""
    taken = bank()
    owner = taken.put("TRANSFER", "A:1", "A:2", 50, amount=500)
    report = taken.report(owner, hours=10)
    event = ask(number=taken.number + 1)
    taken.take_back(report, hours=-1)
    assert names(filled(taken), event) == [owner]


def test_an_event_is_no_neighbour_of_itself() -> None:
    """It may be reported before it is explained."""
    taken = bank()
    owner = taken.put("TRANSFER", "A:1", "A:2", 5, amount=500)
    taken.report(owner, hours=1)
    event = Event(owner, "new", pos(99), NOW_MS, "TRANSFER", "A:1", "A:2", NOW_MS, {"amount": 500})
    assert names(filled(taken), event) == []


def test_below_the_floor_nothing_is_shown() -> None:
    """Two events that have nothing in common."""
    taken = bank()
    taken.report(taken.put("TRANSFER", "A:1", "A:2", 50, amount=3_000), hours=10)
    known = KnownFrauds(taken.mirror, 100, least=0.9)
    list(known.learn(look))
    assert known.near(ask(), look(ask())) == ()


def test_a_label_may_come_before_its_edge() -> None:
    """It is looked for again."""
    taken = bank()
    known = KnownFrauds(taken.mirror, 100, least=-1.0)
    taken.report("rows:2:transfer", hours=10)
    list(known.learn(look))
    assert len(known) == 0
    owner = taken.put("TRANSFER", "A:1", "A:2", 50, amount=500)
    list(known.learn(look))
    assert owner == "rows:2:transfer" and names(known, ask()) == [owner]


def test_the_memory_is_bounded_and_keeps_the_newest() -> None:
    """An event is compared with the newest that were known by then; twice as many are kept."""
    taken = bank()
    known = KnownFrauds(taken.mirror, 3, least=-1.0)
    owners = [taken.put("TRANSFER", "A:1", "A:2", 500, amount=500) for _ in range(20)]
    for at, owner in enumerate(owners):
        taken.report(owner, hours=100 - at)
    list(known.learn(look))
    assert len(known) == 6
    assert set(names(known, ask())) == set(owners[-3:])


def test_looks_are_spread_out() -> None:
    """One view between two steps, so that the explaining thread can rest."""
    taken = bank()
    for _ in range(3):
        taken.report(taken.put("TRANSFER", "A:1", "A:2", 50, amount=500), hours=10)
    known, made = KnownFrauds(taken.mirror, 100), list[int]()
    for _ in known.learn(look):
        made.append(len(known))
    assert made == [1, 2, 3]


Step = tuple[int, int, bool]  # which edge, when it is said (hours before; below zero: after), whether it is fraud


@given(
    before=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40), st.booleans()), max_size=8),
    after=st.lists(st.tuples(st.integers(0, 5), st.integers(-40, -1), st.booleans()), max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_what_becomes_known_later_changes_nothing_before_it(before: list[Step], after: list[Step]) -> None:
    """Reports and corrections behind the event, heard by one that was there and by one that starts later."""
    taken = bank()
    owners = [taken.put("TRANSFER", "A:1", "A:2", 50 + at, amount=400 + 40 * at) for at in range(6)]
    here = KnownFrauds(taken.mirror, 100, least=-1.0)
    for at, hours, fraud in sorted(before, key=lambda step: -step[1]):
        taken.report(owners[at], hours, fraud, owner=f"reports:{at}:label")
    event = ask(number=taken.number + 1)
    list(here.learn(look))
    found = here.near(event, look(event))
    taken.number += 1
    for at, hours, fraud in sorted(after, key=lambda step: -step[1]):
        taken.report(owners[at], hours, fraud, owner=f"reports:{at}:label")
        taken.put("TRANSFER", "A:1", "A:2", hours, amount=500)
    list(here.learn(look))
    assert here.near(event, look(event)) == found
    assert filled(taken).near(event, look(event)) == found
