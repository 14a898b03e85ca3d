"""Which scores are explained, and what becomes of those that have to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import msgspec
import pytest
from taken_over import Taken

from graph.model import Event
from ingest.events import Transient
from scoring.engine import RuleEngine
from scoring.explaining.desk import Desk, insist
from scoring.explaining.explainer import Explainer
from scoring.explaining.explanation import Explanation
from scoring.explaining.local import LocalExplanations
from scoring.score import Score


def score(id: str = "t:1:x", pos: str = "b/1", revision: int = 1, probability: float = 0.9, **changed: object) -> Score:
    """One that asks for an alert, unless told otherwise."""
    kind = changed.pop("kind", "new")
    event = Event(id, kind, pos, 1, "TRANSFER", "A:1", "A:2", 1, {})  # type: ignore[arg-type]
    plain = Score(event, revision, False, probability, "rules", (), (), None, "", threshold=0.5)
    return msgspec.structs.replace(plain, **changed)


@pytest.fixture
def explainer() -> Explainer:
    """The rules': it explains at once, by saying who did."""
    return Explainer(RuleEngine(), Taken(engine=None).mirror)  # type: ignore[arg-type]


@pytest.fixture
def desk(explainer: Explainer) -> Desk:
    """With nobody else to wait for."""
    return Desk(explainer, threading.Event(), rest=0.0)


def test_what_asks_for_an_alert_is_explained(desk: Desk) -> None:
    """By its probability or by a rule; not what was withdrawn, and nothing below."""
    scores = [
        score("t:1:x", probability=0.5), score("t:2:x", probability=0.49),
        score("t:3:x", probability=0.1, alert_by="velocity"), score("t:4:x", kind="withdrawn"),
    ]  # fmt: skip
    assert [one.event_id for one in desk.explain(scores)] == ["t:1:x", "t:3:x"]


def test_of_an_event_the_newest_score_is_explained(desk: Desk) -> None:
    """A correction, a revision: whichever order they come in."""
    scores = [score(revision=2), score(revision=1), score(pos="b/0", revision=9)]
    assert [one.id for one in desk.explain(scores)] == ["t:1:x@b/1#2"]


def test_a_final_score_of_the_same_revision_is_explained_once_more(desk: Desk) -> None:
    """A scorer that was killed behind a provisional one makes it: the alert shows what that saw."""
    desk.finish(desk.explain([score(provisional=True)]))
    assert [one.provisional for one in desk.explain([score(provisional=True), score()])] == [False]


def test_what_has_arrived_is_not_explained_again(desk: Desk) -> None:
    """A redelivered batch costs nothing; a newer score does."""
    made = desk.explain([score(revision=2)])
    assert len(desk.explain([score(revision=2)])) == 1  # it has not arrived yet
    desk.finish(made)
    assert desk.explain([score(revision=2), score(revision=1)]) == []
    assert [one.revision for one in desk.explain([score(revision=3)])] == [3]


def test_told_to_stop_it_stops_between_two_scores(explainer: Explainer) -> None:
    """What is left is not committed, and comes again."""
    stopping = threading.Event()
    desk = Desk(explainer, stopping)
    stopping.set()
    assert desk.explain([score()]) == []


def test_rest_follows_work(explainer: Explainer) -> None:
    """In proportion, and never for long."""
    waited: list[float] = []

    class Clock(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0.0)
            return False

    desk = Desk(explainer, Clock(), rest=3.0)
    desk.relax(0.1)
    desk.relax(10.0)
    assert waited == [pytest.approx(0.3), 1.0]


def test_while_the_scorer_is_busy_it_rests(explainer: Explainer) -> None:
    """And no longer."""
    looks = iter([True, True, False, True])
    desk = Desk(explainer, threading.Event(), rest=0.0, busy=lambda: next(looks))
    desk.relax(0.1)
    assert next(looks)


def test_for_a_scorer_that_is_always_busy_it_does_not_rest_for_ever(
    explainer: Explainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts are explained late then, not never."""
    monkeypatch.setattr("scoring.explaining.desk.YIELDS_S", 0.05)
    desk = Desk(explainer, threading.Event(), rest=0.0, busy=lambda: True)
    assert len(desk.explain([score()])) == 1


def test_what_fails_for_a_while_is_done_again() -> None:
    """Until it is done, or there is the word to stop."""
    stopping, tries = threading.Event(), list[int]()

    def work() -> None:
        tries.append(1)
        if len(tries) < 2:
            raise Transient("away")

    assert insist(work, stopping) and len(tries) == 2
    stopping.set()
    assert not insist(work, stopping) and len(tries) == 2


def test_embedded_what_is_offered_arrives(explainer: Explainer) -> None:
    """Behind the back of who offers it."""
    arrived: list[Explanation] = []
    thread = LocalExplanations(explainer, arrived.extend)
    thread.start()
    thread.offer([score("t:1:x"), score("t:2:x", probability=0.1), score("t:3:x")])
    _until(lambda: len(arrived) == 2)
    thread.stopping.set()
    thread.join(10)
    assert [one.event_id for one in arrived] == ["t:1:x", "t:3:x"] and thread.desk.explained == 2


def test_a_full_queue_makes_nobody_wait_and_is_said(explainer: Explainer) -> None:
    """The alert says why it has no more."""
    arrived: list[Explanation] = []
    thread = LocalExplanations(explainer, arrived.extend, most=2)
    thread.offer([score(f"t:{at}:x") for at in range(5)])
    thread.start()
    _until(lambda: len(arrived) == 5)
    thread.stopping.set()
    thread.join(10)
    late = sorted(one.event_id for one in arrived if one.reason == "too many alerts came at once")
    assert late == ["t:2:x", "t:3:x", "t:4:x"]


def test_what_could_not_be_kept_is_brought_again(explainer: Explainer) -> None:
    """Nothing is lost while the tables are away."""
    tries: list[Sequence[Explanation]] = []

    def deliver(made: Sequence[Explanation]) -> None:
        tries.append(made)
        if len(tries) == 1:
            raise Transient("the tables are away")

    thread = LocalExplanations(explainer, deliver)
    thread.start()
    thread.offer([score()])
    _until(lambda: len(tries) == 2)
    thread.stopping.set()
    thread.join(10)
    assert tries[0] == tries[1]


def _until(holds: object, limit_s: float = 20.0) -> None:
    assert callable(holds)
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
