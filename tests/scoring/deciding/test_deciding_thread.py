"""The deciding thread by itself: scores before reasons, and reasons only while somebody waits."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest
from decidingsite import ByAmount

from graph.model import Event
from scoring.deciding.scoring_thread import QueueLimits, ScoringThread
from scoring.deciding.ticket import Overloaded, Ticket


@dataclass(slots=True, eq=False)
class Told(Ticket):
    """A ticket that notes what it was told."""

    said: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def scored(self) -> None:
        self.said.append("scored")

    def finish(self) -> None:
        self.said.append("finish")
        self.done.set()


def ticket(id: str, cents: int, for_s: float = 60.0) -> Told:
    event = Event(id, "new", "", 5, "TRANSFER", "Account:1", "Account:2", 5, {"amount": cents})
    return Told(event, time.monotonic() + for_s)


def thread(judge: ByAmount, limits: QueueLimits | None = None) -> ScoringThread:
    return ScoringThread(judge, lambda score: score.probability >= 0.5, limits)


def test_no_score_waits_for_reasons() -> None:
    """Who needs reasons has the score as soon as everybody else, and waits for the rest alone."""
    judge, explained = ByAmount(), threading.Event()
    judge.before_reasons = lambda event: explained.wait(30)  # type: ignore[assignment,return-value]
    deciding = thread(judge)
    first, second = ticket("a", 80), ticket("b", 10)
    deciding.start()
    deciding.submit(first)
    deciding.submit(second)
    assert second.done.wait(30) and first.said == ["scored"]
    explained.set()
    assert first.done.wait(30) and first.said == ["scored", "finish"] and second.said == ["finish"]
    deciding.stop()


def test_nobody_is_scored_who_has_gone() -> None:
    """Past the deadline, or told to have left: the ticket is over, without a score."""
    judge = ByAmount()
    deciding, gone, late, there = thread(judge), ticket("gone", 10), ticket("late", 10, -1.0), ticket("there", 10)
    gone.left = True
    for one in (gone, late, there):
        deciding.submit(one)
    deciding.start()
    assert all(one.done.wait(30) for one in (gone, late, there))
    assert judge.batches == [1] and gone.score is None and late.score is None and there.score is not None
    deciding.stop()


def test_nobody_is_explained_who_has_gone() -> None:
    """Reasons take longest: they are not worked out for nobody."""
    judge, gone = ByAmount(), ticket("gone", 80)
    judge.before = lambda events: setattr(gone, "left", True)
    deciding = thread(judge)
    deciding.submit(gone)
    deciding.start()
    assert gone.done.wait(30) and judge.explained == [] and gone.reasons is None
    deciding.stop()


def test_reasons_that_fail_leave_the_score() -> None:
    """It was good."""

    def fails(event: Event) -> None:
        raise ValueError("no words")

    judge, one = ByAmount(), ticket("a", 80)
    judge.before_reasons = fails
    deciding = thread(judge)
    deciding.submit(one)
    deciding.start()
    assert one.done.wait(30) and one.score is not None and one.reasons is None and not one.failed
    deciding.stop()


def test_a_full_queue_takes_nobody() -> None:
    """Nor does one that has ended."""
    deciding = thread(ByAmount(), QueueLimits(waiting=2))
    for _ in range(2):
        deciding.submit(ticket("a", 10))
    with pytest.raises(Overloaded):
        deciding.submit(ticket("b", 10))
    deciding.start()
    deciding.stop()
    deciding.join(30)
    with pytest.raises(Overloaded):
        deciding.submit(ticket("c", 10))
