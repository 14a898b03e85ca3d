"""One micro-batch: what it waits for, how long, and that an outage of the graph takes nothing from it. No broker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from graph.mirror import Mirror
from graph.model import EdgeUpsert, Event
from graph.store import StoreUnavailable
from scoring import app
from scoring.app import ScorerSettings, _Handler
from scoring.engine import RuleEngine
from scoring.score import Score
from scoring.scorer import EventScorer


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


EVENTS = [Event(f"transfers:{n}:transfer", "new", pos(n), n, "TRANSFER", "Account:1", "Account:2", n, {"amount": n})
          for n in (1, 2)]  # fmt: skip
QUICK = ScorerSettings("", patience_s=0.05, give_up_s=0.1, outage_s=0.2)


class Topic:
    """A topic in memory: takes what is sent, and confirms it."""

    def __init__(self) -> None:
        self.sent: list[Score] = []

    async def send(self, key: bytes, value: bytes, headers: Any = None) -> asyncio.Future[None]:
        self.sent.append(msgspec.json.decode(value, type=Score))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class Feed:
    """A feed that is as far as it is told."""

    def __init__(self, through: str, failed: BaseException | None = None) -> None:
        self.ready, self.failed, self.through = threading.Event(), failed, through
        self.ready.set()


class Shaky(Mirror):
    """A graph that gives no answer the first times it is asked, to either question."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._away = {"absent": times, "subgraphs": times}

    def _asked(self, what: str) -> None:
        self._away[what] -= 1
        if self._away[what] >= 0:
            raise StoreUnavailable("away")

    def absent(self, events: Sequence[Event]) -> list[Event]:
        self._asked("absent")
        return super().absent(events)

    def subgraphs(self, events: Sequence[Event], caps: Any) -> Any:
        self._asked("subgraphs")
        return super().subgraphs(events, caps)


def handled(graph: Mirror, through: str, settings: ScorerSettings = QUICK) -> tuple[list[Score], list[Score]]:
    """Scores and dead letters of the two events."""
    scores, letters = Topic(), Topic()
    handler = _Handler(settings, EventScorer(RuleEngine(), graph), graph, Feed(through), scores, letters)
    asyncio.run(handler._handle([(event, {}) for event in EVENTS]))
    return scores.sent, letters.sent


def filled(graph: Mirror) -> Mirror:
    graph.apply([EdgeUpsert(e.id, e.pos, e.known_ms, e.relation, e.src, e.dst, e.time_ms, e.attributes)
                 for e in EVENTS])  # fmt: skip
    return graph


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BACKOFF_S", (0.001, 0.01))


def test_an_outage_of_the_graph_is_waited_for() -> None:
    """Whatever it was asked; then each event has its one score, and none is a dead letter."""
    scores, letters = handled(filled(Shaky(3)), pos(2))
    assert [score.event for score in scores] == EVENTS and letters == []
    assert not any(score.provisional for score in scores)


def test_an_outage_that_lasts_ends_in_nothing_sent() -> None:
    """The error ends the process before the batch is acknowledged, so that it comes again."""
    with pytest.raises(StoreUnavailable):
        handled(filled(Shaky(10_000)), pos(2))


class Late(Shaky):
    """A graph that, once it answers, lacks the changes, and has them at the next question."""

    def absent(self, events: Sequence[Event]) -> list[Event]:
        found = super().absent(events)
        filled(self)
        return found


def test_an_outage_takes_no_time_from_an_event_that_waits_for_its_change() -> None:
    """It is longer than what an event waits; what is there right behind it is waited for."""
    with capture_logs() as logs:
        scores, _ = handled(Late(30), pos(2), replace(QUICK, outage_s=30.0))
    warned = {line["event"] for line in logs if line["log_level"] == "warning"}
    assert len(scores) == 2 and warned == {"the graph gives no answer, trying again"}


def test_an_event_whose_change_never_comes_is_scored_all_the_same() -> None:
    """Behind its patience, and it is said."""
    with capture_logs() as logs:
        scores, _ = handled(Mirror(), pos(2))
    assert [score.event for score in scores] == EVENTS
    assert "scoring without the events' own changes: they are not in the graph" in {line["event"] for line in logs}


def test_what_the_stream_has_not_passed_is_provisional() -> None:
    """And stays so where it never does."""
    scores, _ = handled(filled(Mirror()), pos(1))
    assert [(score.revision, score.provisional) for score in scores] == [(1, True), (1, True)]


def test_a_feed_that_failed_ends_the_batch() -> None:
    """It would wait for ever."""
    feed = Feed("", RuntimeError("lost"))
    handler = _Handler(QUICK, EventScorer(RuleEngine(), Mirror()), Mirror(), feed, Topic(), Topic())
    with pytest.raises(RuntimeError, match="followed"):
        asyncio.run(handler._handle([(event, {}) for event in EVENTS]))
